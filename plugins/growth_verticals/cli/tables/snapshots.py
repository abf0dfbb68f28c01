"""Show a table's snapshots: age, operation, rows, files, size, who loaded what and why, and when each expires."""

from __future__ import annotations

from typing import TYPE_CHECKING

from growth_verticals.cli.output import ago, number, print_json, print_table, print_text, printable, size, until
from growth_verticals.cli.tables.common import account_of
from growth_verticals.cli.tables.configure import print_settings

if TYPE_CHECKING:
    import argparse

    from growth_verticals.bucket.history import Load, SnapshotInfo

EXAMPLE = """examples: ./gv tables snapshots aiq.household
          ./gv tables snapshots -b my-table-bucket -n aiq -t household"""
_HEADER = (
    "snapshot", "created", "operation", "rows added", "removed", "rows", "files", "size", "load", "by", "expires",
    "reason",
)  # fmt: skip
_LONGEST_REASON = 80


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's own arguments."""
    parser.add_argument("name", nargs="?", metavar="NAME", help="the table: namespace.table, or a unique bare name")
    parser.add_argument("-t", "--table", dest="option", metavar="NAME", help="same as NAME")
    parser.set_defaults(usage_error=parser.error)


def run(arguments: argparse.Namespace) -> int:
    """Print the snapshots, newest first, then the maintenance settings and warnings.

    Memory: the table's metadata, which has an entry for each snapshot. No manifest or data file is read.
    """
    from growth_verticals.bucket.history import snapshot_history
    from growth_verticals.bucket.inventory import resolve_table
    from growth_verticals.bucket.maintenance import retention_warnings
    from growth_verticals.bucket.settings import SNAPSHOTS, read_settings
    from growth_verticals.catalog.rest import open_catalog
    from growth_verticals.catalog.service_errors import service_errors

    if not (arguments.name or arguments.option):
        arguments.usage_error("a table is required: NAME or -t NAME")
    account = account_of(arguments)
    name = resolve_table(account, arguments.name or arguments.option, arguments.namespace)
    settings = read_settings(account, name)
    with service_errors(f"reading {name}", account.catalog_uri):
        table = open_catalog(account).load_table(name)
    snapshots, warnings = snapshot_history(table, settings[SNAPSHOTS.name]), retention_warnings(table)
    if arguments.json:
        print_json({"table": name, "snapshots": snapshots, "settings": settings, "warnings": warnings})
        return 0
    print(f"{name}: {len(snapshots)} snapshot(s)")
    if snapshots:
        print_table(_HEADER, [_row(each) for each in snapshots], right=_HEADER[3:8])
    print("\nMaintenance settings")
    print_settings(settings)
    for warning in warnings:
        print_text(f"warning: {warning}")
    return 0


def _row(snapshot: SnapshotInfo) -> tuple[str, ...]:
    load = snapshot.load
    expires = f"{until(snapshot.expires)} ({snapshot.expires:%Y-%m-%d %H:%M} UTC)" if snapshot.expires else ""
    return (
        str(snapshot.snapshot_id),
        ago(snapshot.made_at),
        snapshot.operation,
        number(snapshot.rows_added),
        number(snapshot.rows_removed),
        number(snapshot.rows),
        number(snapshot.files),
        size(snapshot.bytes),
        f"{load.source or '?'} {load.period}, {number(load.files)} file(s)" if load else "-",
        _by(load),
        expires or f"kept: {snapshot.kept}",
        _reason(load),
    )


def _by(load: Load | None) -> str:
    if load is None or load.by is None:
        return "-"
    return printable(load.by) + (f" ({printable(load.tool)})" if load.tool else "")


def _reason(load: Load | None) -> str:
    """Return a person's text on one line. The document that `--json` prints has all of it."""
    reason = printable(load.reason) if load and load.reason else ""
    return reason if len(reason) <= _LONGEST_REASON else f"{reason[: _LONGEST_REASON - 1]}…"
