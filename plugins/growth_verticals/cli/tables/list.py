"""List table buckets, their namespaces and tables, with rows, files, size and last load."""

from __future__ import annotations

from typing import TYPE_CHECKING

from growth_verticals.cli.output import ago, number, print_json, print_table, size
from growth_verticals.cli.tables.common import account_of

if TYPE_CHECKING:
    import argparse

    from growth_verticals.bucket.inventory import Bucket, TableInfo

EXAMPLE = """examples: ./gv tables list
          ./gv tables list -b my-table-bucket -n aiq"""
_HEADER = ("table bucket / namespace / table", "rows", "files", "size", "last load")


def add_arguments(_: argparse.ArgumentParser) -> None:
    """Add the command's own arguments: there are none."""


def run(arguments: argparse.Namespace) -> int:
    """Print the tree; exit code 1 if a bucket or table cannot be read. Without `-b`, every bucket in the Region."""
    from growth_verticals.bucket.inventory import bucket_arns, take_inventory

    account = account_of(arguments)
    arns = [account.table_bucket_arn] if arguments.bucket else bucket_arns(account)
    buckets = [take_inventory(account, arn, arguments.namespace) for arn in arns]
    if arguments.json:
        print_json(buckets)
    else:
        print_table(_HEADER, [row for bucket in buckets for row in _rows_of(bucket)], right=_HEADER[1:4])
    problems = [bucket.problem for bucket in buckets] + [
        table.problem for bucket in buckets for tables in bucket.namespaces.values() for table in tables
    ]
    return 1 if any(problems) else 0


def _rows_of(bucket: Bucket) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = [(bucket.name, "", "", "", bucket.problem or "")]
    for namespace, tables in bucket.namespaces.items():
        rows.append((f"  {namespace}", "", "", "", "" if tables else "no tables"))
        rows += [(f"    {table.name}", *_cells(table)) for table in tables]
    return rows


def _cells(table: TableInfo) -> tuple[str, str, str, str]:
    load = table.last_load
    load_text = table.problem or (f"{load.period or 'period unknown'}, {ago(load.at)}" if load else "-")
    return number(table.rows), number(table.files), size(table.bytes), load_text
