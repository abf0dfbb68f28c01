"""What came, what is late, and what needs a person: the grid of the Deliveries page, from Airflow."""

from __future__ import annotations

import textwrap
from itertools import groupby
from typing import TYPE_CHECKING

from growth_verticals.cadence import BUSINESS_ZONE
from growth_verticals.cli.output import print_json, printable
from growth_verticals.errors import ConfigurationError
from growth_verticals.status.states import STATES

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence

    from rich.text import Text

    from growth_verticals.alerting import Kind
    from growth_verticals.status.causes import Cause
    from growth_verticals.status.grid import Grid, GridRow

EXAMPLE = """example: ./gv status
         ./gv status aiq_household --json"""
_NEEDS_A_PERSON = 2

#: Causes that are only news.
_NEWS: frozenset[Kind] = frozenset(("due_soon", "restated", "rejects_over"))
_WIDTH = 80
_NAME_WIDTH = 26
_CELL_WIDTHS = {"quarterly": 5, "monthly": 3}
_STYLES = {
    "late_vendor": "bold yellow", "late_pipeline": "bold red", "needs_approval": "bold magenta", "refused": "bold red",
    "unexplained": "bold red", "loaded": "green", "loaded_with_rejects": "yellow", "restated": "cyan",
    "running": "blue", "undone": "magenta", "by_hand": "cyan",
}  # fmt: skip


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("source", nargs="?", help="source name, as listed by `./gv sources` (default: all sources)")
    parser.add_argument("--json", action="store_true", help="print the grid and what needs attention as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Print the grid, and what needs attention. Return 0, or 2 if a person must act."""
    from growth_verticals.hooks.airflow_api import open_airflow_api_of_environment

    api = open_airflow_api_of_environment()
    if api is None:
        raise ConfigurationError(
            "only Airflow knows the runs, and there is no connection to it",
            next_step="set AIRFLOW_CONN_AIRFLOW_API (docs/runbook.md, Connections in Airflow). Without Airflow, "
            "`./gv audit` compares what the vendors have with the tables",
        )
    with api:
        grid, notes = api.grid()
        causes, _ = api.causes()
    return report(grid, causes, notes, arguments.source, as_json=arguments.json)


def report(grid: Grid, causes: Sequence[Cause], notes: Sequence[str], source: str | None, *, as_json: bool) -> int:
    """Print what was read, and return the exit code.

    :param source: only this one.
    """
    if source is not None:
        grid, causes = _only(grid, source), [cause for cause in causes if cause.source == source]
    if as_json:
        print_json(grid.to_json() | {"causes": [cause.to_json() for cause in causes], "notes": list(notes)})
    else:
        _show(grid, causes, notes)
    return _NEEDS_A_PERSON if any(cause.kind not in _NEWS for cause in causes) else 0


def _only(grid: Grid, source: str) -> Grid:
    from dataclasses import replace

    from growth_verticals.declarations import find_source

    rows = tuple(row for row in grid.rows if row.source == source)
    if not rows:
        find_source(source)  # raises if there is none
        raise ConfigurationError(
            f"Airflow does not show {source}", next_step="use a connection of a user who may read this DAG"
        )
    return replace(grid, rows=rows)


def _show(grid: Grid, causes: Sequence[Cause], notes: Sequence[str]) -> None:
    from rich.console import Console

    console = Console(soft_wrap=True, highlight=False, markup=False, emoji=False)
    for cadence, rows in groupby(sorted(grid.rows, key=_order), key=lambda row: row.cadence):
        for line in _table(cadence, list(rows)):
            console.print(line)
        console.print()
    for line in _legend(grid):
        console.print(line)
    for cause in causes:
        console.print()
        for text in _paragraph(cause):
            console.print(text)
    for note in notes:
        console.print()
        console.print(*_wrapped(note, indent=""), sep="\n")


def _order(row: GridRow) -> tuple[int, str]:
    return ["quarterly", "monthly", "daily"].index(row.cadence) if row.cadence != "on demand" else 3, row.source


def _table(cadence: str, rows: list[GridRow]) -> Iterator[Text]:
    """Yield a line with the periods, then one for each source."""
    from rich.text import Text

    width = _CELL_WIDTHS.get(cadence, 1)
    yield Text(f"{cadence:{_NAME_WIDTH}}" + _heading(rows[0].periods, width), style="bold")
    for row in rows:
        line = Text(f"{row.source:{_NAME_WIDTH}}")
        for position, cell in enumerate(row.cells):
            gap = " " * (width - 1) if position else ""
            line.append(gap + (cell.sign if cell else " "), style=_STYLES.get(cell.state, "") if cell else "")
        if row.paused:
            line.append("  paused")
        elif row.next_due:
            line.append(f"  due {row.next_due.astimezone(BUSINESS_ZONE):%m-%d}")
        line.rstrip()
        yield line


def _heading(periods: Sequence[str], width: int) -> str:
    """Return the periods in short: `24Q4`, `11`; of days only the first and the last one."""
    if width > 1:
        return "".join(f"{period[2:] if 'Q' in period else period[-2:]:{width}}" for period in periods).rstrip()
    return periods[0] + periods[-1].rjust(len(periods) - len(periods[0]))


def _legend(grid: Grid) -> Iterator[Text]:
    """Yield the signs that the grid has, with their words."""
    from rich.text import Text

    shown = {state.state for state in grid.states()}
    line = Text()
    for state, (sign, word) in STATES.items():
        if state in shown:
            entry = Text.assemble((sign, _STYLES.get(state, "")), f" {word}   ")
            if len(line) + len(entry.plain.rstrip()) > _WIDTH:
                line.rstrip()
                yield line
                line = Text()
            line.append_text(entry)
    line.rstrip()
    yield line


def _paragraph(cause: Cause) -> Iterator[Text]:
    """Yield a cause's lines: what it is about, its sentence, and the next step."""
    from rich.text import Text

    from growth_verticals.alerts.messages import LABELS

    about = " ".join(name for name in (cause.source or cause.table, cause.period) if name)
    since = f", since {cause.since.astimezone(BUSINESS_ZONE):%m-%d %H:%M}" if cause.since else ""
    yield Text.assemble((f"{LABELS[cause.kind]}: ", "bold"), printable(about) + since)
    for text in (cause.text, f"Next: {cause.next_step}" if cause.next_step else ""):
        yield from map(Text, _wrapped(text, indent="    "))


def _wrapped(text: str, indent: str) -> list[str]:
    """Return printable lines. A long name is not cut, so that it can be copied."""
    return textwrap.wrap(
        printable(text), _WIDTH, initial_indent=indent, subsequent_indent=indent, break_long_words=False,
        break_on_hyphens=False,
    )  # fmt: skip
