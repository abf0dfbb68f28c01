"""Show status: settings, jobs, files below the target size, next expiry, storage, tags; failed jobs first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from growth_verticals.cli.output import ago, print_json, print_table, print_text, until
from growth_verticals.cli.tables.common import account_of
from growth_verticals.errors import ConfigurationError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from growth_verticals.bucket.settings import LiveSettings, MaintenanceType
    from growth_verticals.bucket.status import TableStatus
    from growth_verticals.bucket.storage import BucketState

EXAMPLE = """Exit code 1 means that a maintenance job has failed.

examples: ./gv tables status
          ./gv tables status aiq.household
          ./gv tables status -b my-table-bucket -n aiq --json"""
_HEADER = ("table", "maintenance", "settings", "", "job", "last run", "now")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's own arguments."""
    parser.add_argument("name", nargs="*", metavar="NAME", help="only these tables (default: all)")


def run(arguments: argparse.Namespace) -> int:
    """Print the bucket's settings, then each table's; exit code 1 if a job has failed.

    Memory: one entry per table, and of a few tables at a time the metadata and one manifest (`table_statuses`).
    """
    from growth_verticals.bucket.inventory import resolve_table, table_names
    from growth_verticals.bucket.settings import UNREFERENCED, read_settings
    from growth_verticals.bucket.status import table_statuses
    from growth_verticals.bucket.storage import read_bucket

    account = account_of(arguments)
    names = [resolve_table(account, name, arguments.namespace) for name in arguments.name]
    bucket = read_settings(account, None)
    try:
        state = read_bucket(account)
    except ConfigurationError:  # a role that must not read all of it still sees the tables
        state = None
    statuses = table_statuses(account, names or table_names(account, arguments.namespace))
    failed = [status.table for status in statuses if status.failed]
    if arguments.json:
        print_json(
            {
                "table_bucket": account.table_bucket_arn,
                "settings": bucket,
                "storage": state,
                "failed": failed,
                "tables": statuses,
            }
        )
        return 1 if failed else 0
    values, set_or_default = _settings(UNREFERENCED, bucket[UNREFERENCED.name])
    name = account.table_bucket_arn.rpartition("/")[2]
    print_text(f"table bucket {name}: unreferenced files: {values} ({set_or_default})")
    print_text(f"table bucket {name}: {_bucket_text(state)}")
    print(f"{len(statuses)} table(s), {len(failed)} with a failed job\n")
    if statuses:
        print_table(_HEADER, [row for status in statuses for row in _rows(status)])
    for status in statuses:
        for warning in (*status.warnings, *([f"{status.table}: {status.problem}"] if status.problem else ())):
            print_text(f"warning: {warning}")
    return 1 if failed else 0


def _rows(status: TableStatus) -> Iterator[tuple[str, ...]]:
    from growth_verticals.bucket.settings import MAINTENANCE_TYPES

    for maintenance_type in MAINTENANCE_TYPES:
        live, job = status.settings.get(maintenance_type.name), status.jobs.get(maintenance_type.name)
        values, state = _settings(maintenance_type, live) if live else ("set on the table bucket", "")
        job_text = f"{job.status}: {job.message}" if job and job.message else job.status if job else "-"
        yield (
            status.table if maintenance_type is MAINTENANCE_TYPES[0] else "",
            maintenance_type.cli_name,
            values,
            state,
            job_text,
            ago(job.ran_at) if job else "-",
            _now(status, maintenance_type),
        )
    if status.storage is not None:
        replication = [f"{where}: {what}" for where, what in status.storage.replication.items()]
        cells = (status.storage.storage_class, "", f"replication {', '.join(replication) or 'none'}", "-")
        yield ("", "storage", *cells, f"{len(status.storage.tags)} tag(s)")


def _bucket_text(state: BucketState | None) -> str:
    if state is None:
        return "this role must not read its storage settings"
    return (
        f"storage class {state.storage_class}, encryption {state.encryption}, request metrics "
        f"{'on' if state.request_metrics else 'off'}, access log to {state.log_bucket or 'nowhere'}, replicated to "
        f"{', '.join(state.replicated_to) or 'nowhere'}, {len(state.tags)} tag(s)"
    )


def _settings(maintenance_type: MaintenanceType, live: LiveSettings) -> tuple[str, str]:
    """Return the values as text, and whether they are AWS's defaults, were set, or are disabled."""
    from growth_verticals.bucket.settings import COMPACTION, SNAPSHOTS

    value = live.values
    if maintenance_type is COMPACTION:
        text = f"{value['targetFileSizeMB']} MB, {value['strategy']}"
    elif maintenance_type is SNAPSHOTS:
        text = f"keep {value['minSnapshotsToKeep']}, {value['maxSnapshotAgeHours']} h"
    else:
        text = f"removed after {value['unreferencedDays']} d, deleted {value['nonCurrentDays']} d later"
    if not live.enabled:
        return text, "disabled"
    return text, "default" if dict(live.values) == maintenance_type.defaults else "set"


def _now(status: TableStatus, maintenance_type: MaintenanceType) -> str:
    from growth_verticals.bucket.settings import COMPACTION, SNAPSHOTS

    if status.problem:
        return "unknown" if maintenance_type is COMPACTION else ""
    if maintenance_type is COMPACTION:
        target = status.settings[maintenance_type.name].values["targetFileSizeMB"]
        return f"{status.small_files} of {status.files} files below {target} MB"
    if maintenance_type is SNAPSHOTS:
        return f"next expiry {until(status.next_expiry)}" if status.next_expiry else "none will expire"
    return ""
