"""Undo a load: list the files loaded for a period and, with --yes, remove their rows and rejects."""

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
    parser.add_argument("source", help="source name, as listed by `./gv sources`")
    parser.add_argument("--period", required=True, help="period of the load")
    parser.add_argument("--file", action="append", metavar="NAME", help="only this file; can be repeated")
    parser.add_argument(
        "--yes", action="store_true", help="remove the rows and rejects; without it, only list the files"
    )


def run(arguments: argparse.Namespace) -> int:
    """List the files or remove their rows. Return 0, also when there was nothing to remove."""
    from growth_verticals.catalog.rest import open_catalog
    from growth_verticals.tables.undo import find_loaded_files, undo_load

    source = find_source(arguments.source)
    period = source.cadence.parse(arguments.period)
    contract = contract_of(source)
    catalog = open_catalog(Account.from_environment())
    files = select_files(find_loaded_files(catalog, contract, period), arguments.file, source.name)
    if not files:
        print(f"{source.table} has no rows or rejects for {period}")
        return 0
    for file in files:
        print(f"{file.name}  {file.rows_loaded:,} rows, {file.rows_rejected:,} rejects  sha256 {file.sha256}")
    if not arguments.yes:
        print(f"nothing was removed; --yes removes these from {source.table} and {source.rejects_table}")
        return 0
    undo_load(catalog, contract, source.name, period, {file.sha256 for file in files})
    print(f"removed from {source.table} and {source.rejects_table}; the raw copies stay in the landing zone")
    return 0


def select_files(files: list[LoadedFile], names: list[str] | None, source: str) -> list[LoadedFile]:
    """Return the files with these names, or all files if `names` is None.

    Raises `DeliveryError` for a name that is not loaded.
    """
    if names is None:
        return files
    missing = sorted(set(names) - {file.name for file in files})
    if missing:
        loaded = ", ".join(sorted({file.name for file in files})) or "none"
        raise DeliveryError("no such file is loaded", source=source, file=missing[0], expected=f"one of: {loaded}")
    return [file for file in files if file.name in names]
