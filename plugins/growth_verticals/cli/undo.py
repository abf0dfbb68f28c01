"""Undo a load: list the files loaded for a period and, with --yes, remove their rows and rejects."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from growth_verticals.account import Account
from growth_verticals.cli.load import reason
from growth_verticals.cli.output import operator, print_text
from growth_verticals.contract.declared import contract_of
from growth_verticals.declarations import find_source

if TYPE_CHECKING:
    import argparse

EXAMPLE = """example: ./gv undo ls_corp --period 2026-11-20 --file leads.csv
         ./gv undo ls_corp --period 2026-11-20 --file leads.csv --yes --reason "sent by mistake\""""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("source", help="source name, as listed by `./gv sources`")
    parser.add_argument("--period", required=True, help="period of the load")
    parser.add_argument("--file", action="append", metavar="NAME", help="only this file; can be repeated")
    parser.add_argument(
        "--yes", action="store_true", help="remove the rows and rejects; without it, only list the files"
    )
    parser.add_argument(
        "--reason", type=reason, metavar="TEXT", help="why; it is kept in the table's history (required for --yes)"
    )
    parser.set_defaults(usage_error=parser.error)


def run(arguments: argparse.Namespace) -> int:
    """List the files or remove their rows. Return 0, also when there was nothing to remove.

    Memory: one entry per file, and what `find_loaded_files` and `undo_load` state, whatever the number of rows.
    """
    from growth_verticals.catalog.rest import open_catalog
    from growth_verticals.tables.undo import find_loaded_files, select_files, undo_load

    if arguments.yes and not arguments.reason:
        arguments.usage_error("--yes requires --reason TEXT, for the people who look at the table's history")
    source = find_source(arguments.source)
    period = source.cadence.parse(arguments.period)
    source.require_kept(period, datetime.now(UTC))
    contract = contract_of(source)
    catalog = open_catalog(Account.from_environment())
    files = select_files(find_loaded_files(catalog, contract, period), arguments.file, source.name)
    if not files:
        print_text(f"{source.table} has no rows or rejects for {period}")
        return 0
    for file in files:
        print_text(f"{file.name}  {file.rows_loaded:,} rows, {file.rows_rejected:,} rejects  sha256 {file.sha256}")
    if not arguments.yes:
        print_text(
            f"nothing was removed; --yes --reason TEXT removes these from {source.table} and {source.rejects_table}"
        )
        return 0
    digests = {file.sha256 for file in files}
    undo_load(catalog, contract, source.name, period, digests, actor=operator(arguments.reason), approved=files)
    print_text(f"removed from {source.table} and {source.rejects_table}; the raw copies stay in the landing zone")
    return 0
