"""Load the rejected records that pass now, after the SQL file or the declaration was fixed; exactly once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from growth_verticals import steps
from growth_verticals.account import Account
from growth_verticals.cli.output import print_json
from growth_verticals.declarations import find_source

if TYPE_CHECKING:
    import argparse

    from growth_verticals.tables.replay import ReplayedFile

EXAMPLE = "example: ./gv replay ls_corp --period 2026-11-20"

_NEXT = {
    "not_loaded": "no row of this file is in the table, so it is no replay: load the whole file again",
    "raw_copy_gone": "its copy is not in the landing zone any more: put the same file there with ./gv load, then "
    "replay again",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("source", help="a source's name, as `./gv sources` lists it")
    parser.add_argument("--period", required=True, help="the period that was loaded")
    parser.add_argument("--file", action="append", metavar="NAME", help="only this file's records; may be repeated")
    parser.add_argument("--json", action="store_true", help="print a JSON list, one object a file")


def run(arguments: argparse.Namespace) -> int:
    """Replay; 1 if a file that was asked for cannot be, 0 also when there was nothing to load."""
    source = find_source(arguments.source)
    period = source.cadence.parse(arguments.period)
    files = steps.replay(Account.from_environment(), source, period, arguments.file)
    if arguments.json:
        print_json(files)
    elif files:
        print(*map(_line, files), sep="\n")
    else:
        print(f"{source.rejects_table} holds nothing of {period}{' and these files' if arguments.file else ''}")
    return 1 if any(file.status != "replayed" for file in files) else 0


def _line(file: ReplayedFile) -> str:
    if file.status == "replayed":
        return f"replayed  {file.name}  {file.rows_loaded:,} loaded, {file.rows_rejected:,} still rejected"
    return f"left      {file.name}  {file.rows_rejected:,} rejected; {_NEXT[file.status]}"
