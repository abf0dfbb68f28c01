"""Managed maintenance of the table bucket: settings applied where they differ from the declarations, and job status.

Levels, defaults and ranges are AWS's (S3 user guide, "S3 Tables maintenance"): compaction and snapshot management
belong to a table, the removal of unreferenced files to the bucket.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from growth_verticals.bucket.settings import (
    COMPACTION,
    SNAPSHOTS,
    UNREFERENCED,
    LiveSettings,
    MaintenanceType,
    differences,
    put_settings,
    read_settings,
    table_params,
)
from growth_verticals.catalog.service_errors import service_errors
from growth_verticals.errors import DeclarationError

if TYPE_CHECKING:
    from datetime import datetime

    from pyiceberg.table import Table
    from pyiceberg.table.refs import SnapshotRef

    from growth_verticals.account import Account
    from growth_verticals.source import Maintenance


@dataclass(frozen=True, kw_only=True)
class BucketMaintenance:
    """Bucket-level maintenance, with AWS's defaults.

    :param unreferenced_days: days after which a file that no snapshot refers to is removed, staged files included.
    :param non_current_days: days after which a removed file's old version is deleted for good.
    """

    unreferenced_days: int = 3
    non_current_days: int = 10

    def __post_init__(self) -> None:
        if self.unreferenced_days < 1 or self.non_current_days < 1:
            raise DeclarationError("days of bucket maintenance are out of range", expected="1 or more")


def apply_maintenance(account: Account, table_identifier: str, maintenance: Maintenance) -> list[str]:
    """Put the declared settings of one table where the live ones differ; return each change in words.

    :param table_identifier: `namespace.table`.

    A retry finds what was put and returns the empty list. Raises `ConfigurationError` (no such table, refused; sort
    and z-order need a sort order in the SQL file) or `ServiceError`.
    """
    return _apply(account, table_identifier, declared_settings(maintenance))


def planned_maintenance(account: Account, table_identifier: str | None, maintenance: Maintenance) -> list[str]:
    """Return in words what `apply_maintenance` would change.

    :param table_identifier: None for a table that is still to be made: it will have AWS's defaults.
    """
    declared = declared_settings(maintenance)
    if table_identifier is None:
        live = {kind.name: LiveSettings(enabled=True, values=kind.defaults) for kind in declared}
    else:
        live = read_settings(account, table_identifier)
    return [change for kind, wanted in declared.items() for change in differences(kind, live[kind.name], wanted)]


def declared_settings(maintenance: Maintenance) -> dict[MaintenanceType, LiveSettings]:
    """Return what a source's declaration asks for its table, as S3 Tables has it."""
    return {
        COMPACTION: LiveSettings(
            enabled=True,
            values={"targetFileSizeMB": maintenance.target_file_size_mb, "strategy": maintenance.strategy},
        ),
        SNAPSHOTS: LiveSettings(
            enabled=True,
            values={
                "minSnapshotsToKeep": maintenance.min_snapshots_to_keep,
                "maxSnapshotAgeHours": maintenance.max_snapshot_age_hours,
            },
        ),
    }


def apply_bucket_maintenance(account: Account, maintenance: BucketMaintenance) -> list[str]:
    """Put the declared settings of the bucket if the live ones differ; return each change in words."""
    values = {"unreferencedDays": maintenance.unreferenced_days, "nonCurrentDays": maintenance.non_current_days}
    return _apply(account, None, {UNREFERENCED: LiveSettings(enabled=True, values=values)})


@dataclass(frozen=True, kw_only=True)
class Job:
    """A maintenance job of a table.

    :param status: AWS's: `Not_Yet_Run`, `Successful`, `Failed` or `Disabled`.
    :param message: empty unless it failed.
    :param ran_at: None if it has not run, or the service does not say.
    """

    status: str
    message: str
    ran_at: datetime | None


def maintenance_jobs(account: Account, table_identifier: str) -> dict[str, Job]:
    """Return the maintenance jobs of a table by the kind's name. Raises `ConfigurationError` or `ServiceError`."""
    with service_errors(f"reading the maintenance jobs of {table_identifier}", account.endpoint_name("s3tables")):
        answer = account.client("s3tables").get_table_maintenance_job_status(**table_params(account, table_identifier))
    return {
        kind: Job(status=job["status"], message=job.get("failureMessage", ""), ran_at=job.get("lastRunTimestamp"))
        for kind, job in answer.get("status", {}).items()
    }


def retention_warnings(table: Table) -> list[str]:
    """Return, in words, what in the table itself looks like retention and is ignored by S3 Tables, or disables it.

    Source: S3 user guide, "Considerations and limitations for maintenance jobs" and the failure messages of
    "S3 Tables maintenance job status".
    """
    name = ".".join(table.name())
    ignored = sorted(key for key in table.properties if key.startswith("history.expire."))
    kept = sorted(ref_name for ref_name, ref in table.metadata.refs.items() if has_retention(ref))
    named = sorted(set(table.metadata.refs) - {"main"} - set(kept))
    uncollected = ["gc.enabled=false"] if table.properties.get("gc.enabled", "").lower() == "false" else []
    return [
        *(f"{name}: the table property {key} does nothing in a table bucket; with a value that differs from the "
          "maintenance settings, snapshot management fails" for key in ignored),
        *(f"{name}: retention set on the branch or tag {ref} switches managed snapshot expiry off" for ref in kept),
        *(f"{name}: snapshot management does not support branches and tags, and there is {ref}" for ref in named),
        *(f"{name}: the table property {key} switches snapshot management and the removal of unreferenced files off"
          for key in uncollected),
    ]  # fmt: skip


def has_retention(ref: SnapshotRef) -> bool:
    """Tell whether a branch or tag says itself how long to keep snapshots."""
    return (ref.max_ref_age_ms, ref.max_snapshot_age_ms, ref.min_snapshots_to_keep) != (None, None, None)


def _apply(account: Account, table: str | None, declared: dict[MaintenanceType, LiveSettings]) -> list[str]:
    live = read_settings(account, table)
    changes = []
    for kind, wanted in declared.items():
        found = differences(kind, live[kind.name], wanted)
        if found:
            put_settings(account, table, kind, wanted)
            changes += [f"{table or 'table bucket'}: {change}" for change in found]
    return changes
