"""Print the statement or snippet with which an engine (Athena, Spark, DuckDB ...) reads a table."""

from __future__ import annotations

from contextlib import closing
from difflib import get_close_matches
from typing import TYPE_CHECKING

from growth_verticals.bucket.query import ENGINES, queried_table, query_text
from growth_verticals.cli.output import print_json, print_text
from growth_verticals.cli.tables.common import account_of
from growth_verticals.contract.declared import contract_of
from growth_verticals.contract.table import rejects_contract
from growth_verticals.declarations import read_sources
from growth_verticals.errors import ConfigurationError, GrowthVerticalsError

if TYPE_CHECKING:
    import argparse

    from growth_verticals.account import Account

EXAMPLE = """examples: ./gv tables query aiq.household
          ./gv tables query aiq.household --engine athena"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("name", metavar="TABLE", help="the table: namespace.table, or its bare name if that is unique")
    parser.add_argument("--engine", choices=[*ENGINES, "all"], default="all", help="only this engine (default: all)")


def run(arguments: argparse.Namespace) -> int:
    """Print the texts; exit code 0. A table that a source declares is not looked up, so this needs no connection."""
    account = account_of(arguments)
    requested = arguments.name
    if arguments.namespace and "." not in requested:
        requested = f"{arguments.namespace}.{requested}"
    identifier, columns = _columns_of(account, requested)
    table = queried_table(account, identifier, columns)
    texts = {engine: query_text(engine, table) for engine in ENGINES if arguments.engine in (engine, "all")}
    if arguments.json:
        print_json({"table": identifier, "columns": columns, "engines": texts})
        return 0
    if len(texts) > 1:
        print_text(f"columns of {identifier}: {', '.join(columns)}")
    # Not wrapped, also on a terminal: it is copied from there.
    for engine, text in texts.items():
        print(f"\n==== {engine} ====\n{text}" if len(texts) > 1 else text, end="")
    return 0


def _columns_of(account: Account, name: str) -> tuple[str, list[str]]:
    """Return `namespace.table` and the table's columns. Raises `ConfigurationError` with similar names."""
    declared = {}
    for source in read_sources().values():
        contract = contract_of(source)
        for each in (contract, rejects_contract(contract)):
            declared[each.identifier] = [column.name for column in each.all_columns]
    matches = [table for table in declared if name in (table, table.split(".")[1])]
    if len(matches) == 1:
        return matches[0], declared[matches[0]]
    try:
        return _live_columns(account, name)
    except GrowthVerticalsError as error:
        similar = matches or get_close_matches(name, declared, n=3)
        if not similar:
            raise
        raise ConfigurationError(
            f"no source declares one table {name[:80]!r}, and it cannot be looked up: {error.sentence}",
            expected=" or ".join(similar),
            next_step="`./gv sources` shows the declared tables",
        ) from error


def _live_columns(account: Account, name: str) -> tuple[str, list[str]]:
    from growth_verticals.bucket.inventory import resolve_table
    from growth_verticals.catalog.create import find_table
    from growth_verticals.catalog.rest import open_catalog

    # A reader may list the tables of its namespaces, but not all tables, so only a bare name is searched for.
    identifier = name if name.count(".") == 1 else resolve_table(account, name)
    with closing(open_catalog(account)) as catalog:
        table = find_table(catalog, identifier)
    if table is None:
        raise ConfigurationError(f"there is no table {identifier}", next_step="`./gv tables list` shows the tables")
    return identifier, [field.name for field in table.schema().fields]
