"""List the sources with their cadence, transport, table and next due period."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from growth_verticals.cli.output import print_json, print_table
from growth_verticals.declarations import read_sources
from growth_verticals.source import OnDemand

if TYPE_CHECKING:
    import argparse

    from growth_verticals.source import Source

EXAMPLE = "example: ./gv sources"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("--json", action="store_true", help="print a JSON list")


def run(arguments: argparse.Namespace) -> int:
    """Print the list. Always return 0."""
    now = datetime.now(UTC)
    rows = [describe(source, now) for source in read_sources().values()]
    if arguments.json:
        print_json(rows)
        return 0
    print_table(("source", "delivery", "table", "next due"), [_cells(row) for row in rows])
    return 0


def describe(source: Source, now: datetime) -> dict[str, str | None]:
    """Return one row of the list; `period_due_next` and `due` are None for an on-demand source."""
    period = None if isinstance(source.cadence, OnDemand) else source.cadence.next_due(now)
    return {
        "source": source.name,
        "cadence": source.cadence.label,
        "transport": source.delivery.label,
        "table": source.table,
        "period_due_next": period.key if period else None,
        "due": f"{source.cadence.due(period):%Y-%m-%d %H:%M %Z}" if period else None,
        "state": "paused" if source.paused else "active",
    }


def _cells(row: dict[str, str | None]) -> tuple[str, ...]:
    due = f"{row['period_due_next']} by {row['due']}" if row["due"] else "-"
    return (
        str(row["source"]),
        f"{row['cadence']}, {row['transport']}",
        str(row["table"]),
        due if row["state"] == "active" else f"{row['state']}; {due}",
    )
