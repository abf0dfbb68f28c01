"""Replay rejected records after a fix to the SQL file or declaration: load those that are valid now, exactly once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from growth_verticals import steps
from growth_verticals.account import Account
from growth_verticals.cli.load import reason
from growth_verticals.cli.output import operator, print_json, print_text
from growth_verticals.declarations import find_source

if TYPE_CHECKING:
    import argparse

    from growth_verticals.tables.replay import ReplayedFile

EXAMPLE = "example: ./gv replay ls_corp --period 2026-11-20"

_NEXT = {
    "not_loaded": "no row of this file is in the table: load the whole file again",
    "raw_copy_gone": "its raw copy is not in the landing zone: load the same file with ./gv load to store it again, "
    "then replay again",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("source", help="source name, as listed by `./gv sources`")
    parser.add_argument("--period", required=True, help="period of the load")
    parser.add_argument("--file", action="append", metavar="NAME", help="only this file; can be repeated")
    parser.add_argument("--reason", type=reason, metavar="TEXT", help="why; it is kept in the table's history")
    parser.add_argument("--json", action="store_true", help="print a JSON list with one object per file")


def run(arguments: argparse.Namespace) -> int:
    """Replay the files. Return 1 if one of them cannot be replayed, else 0, also when there was nothing to load.

    Memory: see `replay_rejected`: blocks of rows, and at most one bit per record.
    """
    source = find_source(arguments.source)
    period = source.cadence.parse(arguments.period)
    actor = operator(arguments.reason)
    files = steps.replay(Account.from_environment(), source, period, arguments.file, actor=actor)
    if arguments.json:
        print_json(files)
    elif files:
        for file in files:
            print_text(_line(file), indent=10)
    else:
        days = source.retention.rejects_days
        older = f"; retention removes them {days} days after they were staged" if days else ""
        of_files = " in these files" if arguments.file else ""
        print_text(f"{source.rejects_table} has no rejected records for {period}{of_files}{older}")
    return 1 if any(file.status != "replayed" for file in files) else 0


def _line(file: ReplayedFile) -> str:
    if file.status == "replayed":
        return f"replayed  {file.name}  {file.rows_loaded:,} loaded, {file.rows_rejected:,} still rejected"
    return f"skipped   {file.name}  {file.rows_rejected:,} rejected; {_NEXT[file.status]}"
