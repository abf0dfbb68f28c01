"""Create a table from a SQL file, SQL text or a JSON schema; --dry-run shows what would be made."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from growth_verticals.cli.output import print_json
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
    given = parser.add_mutually_exclusive_group(required=True)
    given.add_argument("-s", "--schema", type=Path, metavar="FILE", help="SQL file, or JSON schema if it ends in .json")
    given.add_argument("--sql", metavar="TEXT", help="one CREATE TABLE statement; - reads it from standard input")
    parser.add_argument("-t", "--table", metavar="NAME", help="the table's name (default: as the SQL says)")
    parser.add_argument("--dry-run", action="store_true", help="show what would be made, and ask no server")
    parser.add_argument("-v", "--verbose", action="store_true", help="show what is made, as a dry run does")
    parser.set_defaults(usage_error=parser.error)


def run(arguments: argparse.Namespace) -> int:
    """Create the table; 0 if it is there as declared afterwards, 1 if another is."""
    contract = read_contract(arguments)
    warnings = warnings_of(contract)
    if not arguments.json:
        for warning in warnings:
            print(f"warning: {warning}", file=sys.stderr)
        if arguments.dry_run or arguments.verbose:
            print(describe(contract))
    if arguments.dry_run:
        return dry_run(arguments, contract, warnings)
    status, mismatches = create(account_of(arguments), contract)
    if arguments.json:
        report = {"table": contract.identifier, "status": status, "differences": mismatches, "warnings": warnings}
        print_json(report)
    else:
        print(f"{contract.identifier}: {_STATES[status]}", *mismatches, sep="\n  ")
    return 1 if mismatches else 0


_STATES = {
    "created": "created",
    "exists": "already there, and as declared",
    "differs": "already there, and different; nothing was changed",
}


def read_contract(arguments: argparse.Namespace) -> TableContract:
    """Return the table that the arguments declare.

    A table that a declared source loads, by the SQL's own name, has the provenance columns, without which it cannot be
    loaded. Any other has the columns of the SQL and no more. `-n` and `-t` go before what the SQL says. Raises
    `DdlError`, or `ConfigurationError` for a file that cannot be read; ends with 2 for a bad name or none.
    """
    _check_name(arguments, "-n/--namespace", arguments.namespace, is_namespace)
    _check_name(arguments, "-t/--table", arguments.table, is_table_name)
    text, file = _read(arguments)
    if arguments.schema and arguments.schema.suffix == ".json":
        if arguments.table is None:
            arguments.usage_error("a JSON schema does not name its table; name it: -t NAME")
        identifier = f"{arguments.namespace or NO_NAMESPACE}.{arguments.table}"
        return read_json_schema(text, file=file, identifier=identifier)
    loaded = read_identifier(text, file=file) in _loaded_tables()
    contract = read_ddl(text, file=file, provenance=loaded)
    return replace(contract, namespace=arguments.namespace or contract.namespace, name=arguments.table or contract.name)


def describe(contract: TableContract) -> str:
    """Return the table as it was read, in lines for people."""
    columns = contract.all_columns
    names, kinds = (max(map(len, each)) for each in zip(*((c.name, type_in_sql(c.type)) for c in columns), strict=True))
    lines = [f"table {contract.identifier}, {len(columns)} columns"]
    for column in columns:
        required = "NOT NULL" if column.required else ""
        line = f"  {column.name:{names}}  {type_in_sql(column.type):{kinds}}  {required:8}  {column.comment}"
        lines.append(line.rstrip())
    lines.append(f"partitioned by: {', '.join(map(partition_in_sql, contract.partition_by)) or 'nothing'}")
    lines.append(f"sorted by: {', '.join(contract.sort_by) or 'nothing'}")
    if contract.doc:
        lines.append(f"comment: {contract.doc}")
    if contract.properties:
        lines.append(f"ignored TBLPROPERTIES: {', '.join(key for key, _ in contract.properties)}")
    return "\n".join(lines)


def dry_run(arguments: argparse.Namespace, contract: TableContract, warnings: list[str]) -> int:
    """Print the request that would make the table."""
    from growth_verticals.catalog.create import create_request

    request = create_request(contract, _bucket_arn(arguments))
    if arguments.json:
        print_json(_as_json(contract) | {"warnings": warnings, "request": request})
        return 0
    print("the same by `aws s3tables create-table --cli-input-json`:")
    print_json(request)
    print("dry run: nothing was made")
    return 0


def create(account: Account, contract: TableContract) -> tuple[str, list[str]]:
    """Return `created`, `exists` or `differs`, and the differences in words."""
    from growth_verticals.catalog.create import create_table, find_table
    from growth_verticals.catalog.differences import differences
    from growth_verticals.catalog.rest import open_catalog

    catalog = open_catalog(account)
    live = find_table(catalog, contract.identifier)
    status = "exists" if live else "created"
    # What was created is compared too: another may have been faster. Properties are ours, and no SQL asks for them.
    found = differences(live or create_table(catalog, contract), contract)
    mismatches = [each.mismatch for each in found if each.kind != "property"]
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
    """Return the text, and what messages call it."""
    if arguments.sql == "-":
        return sys.stdin.read(), "standard input"
    if arguments.sql is not None:
        return arguments.sql, "--sql"
    try:
        return arguments.schema.read_text(encoding="utf-8-sig"), arguments.schema.name
    except (OSError, UnicodeDecodeError) as error:
        found = error.strerror if isinstance(error, OSError) else "bytes that are not UTF-8"
        raise ConfigurationError("the schema file cannot be read", file=str(arguments.schema), found=found) from error


def _check_name(arguments: argparse.Namespace, option: str, name: str | None, is_good: Callable[[str], bool]) -> None:
    if name is not None and not is_good(name):
        arguments.usage_error(
            f"argument {option}: S3 Tables or Athena would refuse this name; expected 1 to 255 of a-z, 0-9 and _, "
            f"a letter first, no _ last, and no namespace that starts with aws; found {name[:80]!r}"
        )


def _loaded_tables() -> set[str]:
    sources = read_sources().values()
    return {table for source in sources for table in (source.table, source.rejects_table)}


def _bucket_arn(arguments: argparse.Namespace) -> str:
    """Return the table bucket's ARN as far as it is known without asking for it."""
    configured = os.environ.get("GV_TABLE_BUCKET_ARN", "")
    bucket = arguments.bucket
    if not bucket or configured.endswith(f":bucket/{bucket}"):
        return configured or "arn:aws:s3tables:REGION:ACCOUNT:bucket/NAME"
    region = arguments.region or os.environ.get("AWS_REGION", "REGION")
    return bucket if bucket.startswith("arn:") else f"arn:aws:s3tables:{region}:ACCOUNT:bucket/{bucket}"
