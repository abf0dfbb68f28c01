"""Take a load back: show what a period's rows came from, and with --yes remove them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from growth_verticals.account import Account
from growth_verticals.contract.declared import contract_of
from growth_verticals.declarations import find_source
from growth_verticals.errors import DeliveryError

if TYPE_CHECKING:
    import argparse

    from growth_verticals.tables.undo import LoadedFile

EXAMPLE = "example: ./gv undo ls_corp --period 2026-11-20 --file leads.csv --yes"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("source", help="a source's name, as `./gv sources` lists it")
    parser.add_argument("--period", required=True, help="the period that was loaded")
    parser.add_argument("--file", action="append", metavar="NAME", help="only this file's rows; may be repeated")
    parser.add_argument("--yes", action="store_true", help="remove them; without it, only show what would go")


def run(arguments: argparse.Namespace) -> int:
    """Show or remove; 0 also when there was nothing to remove."""
    from growth_verticals.catalog.rest import open_catalog
    from growth_verticals.tables.undo import find_loaded_files, undo_load

    source = find_source(arguments.source)
    period = source.cadence.parse(arguments.period)
    contract = contract_of(source)
    catalog = open_catalog(Account.from_environment())
    held = chosen(find_loaded_files(catalog, contract, period), arguments.file, source.name)
    if not held:
        print(f"{source.table} holds nothing of {period}")
        return 0
    for file in held:
        print(f"{file.name}  {file.rows_loaded:,} rows, {file.rows_rejected:,} rejects  sha256 {file.sha256}")
    if not arguments.yes:
        print(f"these would leave {source.table} and {source.rejects_table}; --yes removes them")
        return 0
    undo_load(catalog, contract, period, {file.sha256 for file in held})
    print(f"removed from {source.table} and {source.rejects_table}; the raw copies in the landing zone stay")
    return 0


def chosen(held: list[LoadedFile], names: list[str] | None, source: str) -> list[LoadedFile]:
    """Return the files of these names, all without names. Raises `DeliveryError` for a name that is not there."""
    if names is None:
        return held
    missing = sorted(set(names) - {file.name for file in held})
    if missing:
        there = ", ".join(sorted({file.name for file in held})) or "none"
        raise DeliveryError("no such file is loaded", source=source, file=missing[0], expected=f"one of: {there}")
    return [file for file in held if file.name in names]
