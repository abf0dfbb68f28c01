"""Create a table from a SQL file, SQL text or a JSON schema; --dry-run shows what would be created."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from growth_verticals.cli.output import print_json, print_text
from growth_verticals.cli.tables.common import account_of
from growth_verticals.contract.ddl import NO_NAMESPACE, read_ddl, read_identifier
from growth_verticals.contract.legacy import read_json_schema
from growth_verticals.contract.properties import warnings_of
from growth_verticals.contract.render import partition_in_sql, type_in_sql
from growth_verticals.contract.table import is_namespace, is_table_name
from growth_verticals.declarations import read_sources
from growth_verticals.errors import ConfigurationError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from growth_verticals.account import Account
    from growth_verticals.contract.table import TableContract

EXAMPLE = """examples:
  ./gv tables create -b my-table-bucket -s include/schemas/daily_sales.sql
  ./gv tables create -b my-table-bucket --sql "CREATE TABLE users (id long NOT NULL, name string)"
  ./gv tables create -b my-table-bucket -s include/schemas/user_events.sql --dry-run
  ./gv tables create -b my-table-bucket -t users -s include/schemas/users-schema.json"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    group = parser.add_mutually_exclusive_group(required=True)
    group.add_argument("-s", "--schema", type=Path, metavar="FILE", help="SQL file, or JSON schema if it ends in .json")
    group.add_argument("--sql", metavar="TEXT", help="one CREATE TABLE statement; - reads it from standard input")
    parser.add_argument("-t", "--table", metavar="NAME", help="the table's name (default: the name in the SQL)")
    parser.add_argument("--dry-run", action="store_true", help="show what would be created, without calling a server")
    parser.add_argument("-v", "--verbose", action="store_true", help="also show what is created, as --dry-run does")
    parser.set_defaults(usage_error=parser.error)


def run(arguments: argparse.Namespace) -> int:
    """Create the table; exit code 0 if it exists as declared afterwards, 1 if a different one exists."""
    contract = read_contract(arguments)
    warnings = warnings_of(contract)
    if not arguments.json:
        for warning in warnings:
            print(f"warning: {warning}", file=sys.stderr)
        if arguments.dry_run or arguments.verbose:
            for line in describe(contract).splitlines():
                print_text(line, indent=4)
    if arguments.dry_run:
        return dry_run(arguments, contract, warnings)
    status, mismatches = create(account_of(arguments), contract)
    if arguments.json:
        report = {"table": contract.identifier, "status": status, "differences": mismatches, "warnings": warnings}
        print_json(report)
    else:
        print_text(f"{contract.identifier}: {_STATES[status]}")
        for mismatch in mismatches:
            print_text(f"  {mismatch}", indent=4)
    return 1 if mismatches else 0


_STATES = {
    "created": "created",
    "exists": "already exists, as declared",
    "differs": "already exists and differs; nothing was changed",
}


def read_contract(arguments: argparse.Namespace) -> TableContract:
    """Return the table that the arguments declare.

    If the SQL's own table name is that of a declared source's table, the contract has the provenance columns, without
    which the table cannot be loaded. Any other table has only the columns of the SQL. `-n` and `-t` override the SQL.
    Raises `DdlError`, or `ConfigurationError` for a file that cannot be read; a bad or missing name is a usage error.
    """
    _check_name(arguments, "-n/--namespace", arguments.namespace, is_namespace)
    _check_name(arguments, "-t/--table", arguments.table, is_table_name)
    text, file = _read(arguments)
    if arguments.schema and arguments.schema.suffix == ".json":
        if arguments.table is None:
            arguments.usage_error("a JSON schema does not contain the table's name; add -t NAME")
        identifier = f"{arguments.namespace or NO_NAMESPACE}.{arguments.table}"
        return read_json_schema(text, file=file, identifier=identifier)
    loaded = read_identifier(text, file=file) in _loaded_tables()
    contract = read_ddl(text, file=file, provenance=loaded)
    return replace(contract, namespace=arguments.namespace or contract.namespace, name=arguments.table or contract.name)


def describe(contract: TableContract) -> str:
    """Return the table as text."""
    columns = contract.all_columns
    name_width = max(len(column.name) for column in columns)
    type_width = max(len(type_in_sql(column.type)) for column in columns)
    lines = [f"table {contract.identifier}, {len(columns)} columns"]
    for column in columns:
        required = "NOT NULL" if column.required else ""
        line = f"  {column.name:{name_width}}  {type_in_sql(column.type):{type_width}}  {required:8}  {column.comment}"
        lines.append(line.rstrip())
    lines.append(f"partitioned by: {', '.join(map(partition_in_sql, contract.partition_by)) or 'none'}")
    lines.append(f"sorted by: {', '.join(contract.sort_by) or 'none'}")
    if contract.doc:
        lines.append(f"comment: {contract.doc}")
    if contract.properties:
        lines.append(f"ignored TBLPROPERTIES: {', '.join(key for key, _ in contract.properties)}")
    return "\n".join(lines)


def dry_run(arguments: argparse.Namespace, contract: TableContract, warnings: list[str]) -> int:
    """Print the request that would create the table."""
    from growth_verticals.catalog.create import create_request

    request = create_request(contract, _bucket_arn(arguments))
    if arguments.json:
        print_json(_as_json(contract) | {"warnings": warnings, "request": request})
        return 0
    print("the same request for `aws s3tables create-table --cli-input-json`:")
    print_json(request)
    print("dry run: nothing was created")
    return 0


def create(account: Account, contract: TableContract) -> tuple[str, list[str]]:
    """Return `created`, `exists` or `differs`, and the differences as text."""
    from growth_verticals.catalog.create import create_table, find_table
    from growth_verticals.catalog.differences import differences
    from growth_verticals.catalog.rest import open_catalog

    catalog = open_catalog(account)
    live = find_table(catalog, contract.identifier)
    status = "exists" if live else "created"
    # A new table is compared too: another run can have created it first. Properties are gv's, and not in the SQL.
    all_differences = differences(live or create_table(catalog, contract), contract)
    mismatches = [each.mismatch for each in all_differences if each.kind != "property"]
    return ("differs" if mismatches else status), mismatches


def _as_json(contract: TableContract) -> dict[str, Any]:
    return {
        "table": contract.identifier,
        "columns": [
            {"name": column.name, "type": column.type, "required": column.required, "comment": column.comment}
            for column in contract.all_columns
        ],
        "partitioned_by": [partition_in_sql(part) for part in contract.partition_by],
        "sorted_by": list(contract.sort_by),
    }


def _read(arguments: argparse.Namespace) -> tuple[str, str]:
    """Return the text, and its name for messages."""
    if arguments.sql == "-":
        return sys.stdin.read(), "standard input"
    if arguments.sql is not None:
        return arguments.sql, "--sql"
    try:
        return arguments.schema.read_text(encoding="utf-8-sig"), arguments.schema.name
    except (OSError, UnicodeDecodeError) as error:
        found = error.strerror if isinstance(error, OSError) else "bytes that are not UTF-8"
        raise ConfigurationError("the schema file cannot be read", file=str(arguments.schema), found=found) from error


def _check_name(arguments: argparse.Namespace, option: str, name: str | None, is_valid: Callable[[str], bool]) -> None:
    if name is not None and not is_valid(name):
        arguments.usage_error(
            f"argument {option}: S3 Tables or Athena would refuse this name; expected 1 to 255 of a-z, 0-9 and _, "
            f"starting with a letter and not ending with _, and no namespace starting with aws; found {name[:80]!r}"
        )


def _loaded_tables() -> set[str]:
    sources = read_sources().values()
    return {table for source in sources for table in (source.table, source.rejects_table)}


def _bucket_arn(arguments: argparse.Namespace) -> str:
    """Return the table bucket's ARN as far as it is known without calling a server."""
    configured = os.environ.get("GV_TABLE_BUCKET_ARN", "")
    bucket = arguments.bucket
    if not bucket or configured.endswith(f":bucket/{bucket}"):
        return configured or "arn:aws:s3tables:REGION:ACCOUNT:bucket/NAME"
    region = arguments.region or os.environ.get("AWS_REGION", "REGION")
    return bucket if bucket.startswith("arn:") else f"arn:aws:s3tables:{region}:ACCOUNT:bucket/{bucket}"
