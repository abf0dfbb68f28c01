"""Print a live table as the SQL that declares it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from growth_verticals.cli.output import print_json
from growth_verticals.cli.tables.common import account_of
from growth_verticals.contract.ddl import NO_NAMESPACE
from growth_verticals.contract.table import FORMER_NAMES
from growth_verticals.errors import ConfigurationError

if TYPE_CHECKING:
    import argparse

EXAMPLE = "example: ./gv tables ddl aiq.household"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("name", help="the table: namespace.table or, with -n, its bare name")


def run(arguments: argparse.Namespace) -> int:
    """Print the statement; exit code 0. `create --sql -` accepts it and creates the same table."""
    from growth_verticals.catalog.create import find_table
    from growth_verticals.catalog.rest import open_catalog
    from growth_verticals.contract.render import render_ddl
    from growth_verticals.contract.schema import contract_of_table

    name = arguments.name if "." in arguments.name else f"{arguments.namespace or NO_NAMESPACE}.{arguments.name}"
    if name.count(".") != 1 or "" in name.split("."):
        raise ConfigurationError("invalid table name", expected="namespace.table", found=repr(name[:80]))
    table = find_table(open_catalog(account_of(arguments)), name)
    if table is None:
        raise ConfigurationError(f"there is no table {name}", next_step="`./gv tables list` shows the tables")
    comment = table.properties.get("comment", "")
    contract = contract_of_table(name, table.schema(), table.spec(), table.sort_order(), comment)
    sql = render_ddl(contract)
    live = {field.name for field in table.schema().fields}
    former = {now: before for now, before in FORMER_NAMES.items() if contract.provenance and now not in live}
    if arguments.json:
        print_json({"table": name, "sql": sql, "provenance": contract.provenance, "former_names": former})
        return 0
    if contract.provenance:
        print("-- The table also has the provenance columns, like every source's table.")
    for now, before in former.items():
        print(f"-- Its column {now} still has its former name {before}: ./gv tables apply renames it.")
    print(sql, end="")
    return 0
