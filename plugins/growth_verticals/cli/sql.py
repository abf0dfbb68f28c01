"""Run one SELECT over the tables of the table bucket, read-only, on the stand-in and on AWS alike."""

from __future__ import annotations

import sys
from contextlib import closing, nullcontext, suppress
from difflib import get_close_matches
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from growth_verticals.account import Account
from growth_verticals.cli.load import rows_up_to
from growth_verticals.cli.output import print_json, print_table, print_text, printable, size
from growth_verticals.cli.rejects import export_path, new_file
from growth_verticals.cli.values import cell, csv_value, is_number, plain_values
from growth_verticals.declarations import read_sources
from growth_verticals.errors import ConfigurationError, GrowthVerticalsError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    import pyarrow as pa
    from pyiceberg.catalog.rest import RestCatalog
    from pyiceberg.table import Table

    from growth_verticals.tables.sql import Query

EXAMPLE = """example: ./gv sql "SELECT delivery_period, count(*) FROM aiq.household GROUP BY ALL"
         ./gv sql "DESCRIBE aiq.household"
         ./gv sql "FROM ls_corp.contact WHERE state = 'OH'" --csv ~/ohio.csv"""

_DEFAULT_ROWS = 100
_MAX_ROWS = 10_000
_CAUTION = "keep them out of tickets, chats and shared screens"
_CLASSES = {
    "D": "direct identifiers", "Q": "quasi-identifiers", "H": "health", "P": "political", "O": "other sensitive",
}  # fmt: skip


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("query", help="one SELECT; a table is namespace.table; - reads it from standard input")
    parser.add_argument(
        "--limit",
        type=rows_up_to(_MAX_ROWS, "use --csv for more"),
        metavar="N",
        help=f"show up to N rows (default {_DEFAULT_ROWS}, at most {_MAX_ROWS:,}; with --csv: no limit)",
    )
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print one JSON document")
    form.add_argument(
        "--csv",
        metavar="FILE",
        help="write the rows as CSV to this new file, outside the repository or in its folder exports/; - prints them",
    )
    parser.add_argument(
        "--exact", action="store_true", help="with --csv, do not escape cells that a spreadsheet would run as formulas"
    )
    parser.add_argument(
        "--raw",
        action="store_true",
        help="also read raw_record of rejects tables: whole records as the vendor sent them",
    )
    parser.set_defaults(usage_error=parser.error)


def run(arguments: argparse.Namespace) -> int:
    """Print the result, or write it; exit code 0.

    Memory: DuckDB's limit (`tables/sql.py`), and the rows that are shown. `--csv` writes while it reads.
    """
    from growth_verticals.catalog.rest import open_catalog
    from growth_verticals.tables.sql import open_query, table_names

    if arguments.exact and not arguments.csv:
        arguments.usage_error("--exact requires --csv")
    path = export_path(Path(arguments.csv), "query.csv") if arguments.csv not in (None, "-") else None
    sql = sys.stdin.read() if arguments.query == "-" else arguments.query
    names = table_names(sql)
    account = Account.from_environment(needs_landing=False)
    with closing(open_catalog(account)) as catalog:
        tables = {name: _find(account, catalog, name) for name in names}
        with open_query(sql, tables) as query:
            _check_raw(query, arguments)
            _print_personal(query)
            if arguments.csv:
                _write_csv(query, path, arguments.limit, exact=arguments.exact)
            else:
                _show(query, _DEFAULT_ROWS if arguments.limit is None else arguments.limit, as_json=arguments.json)
            if tables:
                read, total = size(query.files.bytes_read), size(query.files.total_bytes)
                print(f"gv: read {read} of the {total} of {', '.join(tables)}", file=sys.stderr)
    return 0


# --- tables -------------------------------------------------------------------------------------------------------


def _find(account: Account, catalog: RestCatalog, name: str) -> Table:
    """Return a live table. Raises `ConfigurationError` with similar names if there is none."""
    from growth_verticals.catalog.create import find_table

    table = find_table(catalog, name) if name.count(".") == 1 else None
    if table is None:
        known = _known_tables(account, name)
        similar = get_close_matches(name, known, n=3) or [each for each in known if each.split(".")[1] == name]
        raise ConfigurationError(
            f"there is no table {name[:80]!r}",
            expected=" or ".join(similar) or "namespace.table",
            next_step="`./gv tables list` shows the tables",
        )
    return table


def _known_tables(account: Account, name: str) -> list[str]:
    """Return the declared tables, and those of the name's namespace if this role may list them."""
    from growth_verticals.bucket.inventory import table_names

    known = {table for source in read_sources().values() for table in (source.table, source.rejects_table)}
    if "." in name:
        with suppress(GrowthVerticalsError):  # no right to list, or no such namespace: the declared names are enough
            known.update(table_names(account, name.split(".")[0]))
    return sorted(known)


# --- personal data ------------------------------------------------------------------------------------------------


def _check_raw(query: Query, arguments: argparse.Namespace) -> None:
    if query.raw_records and not arguments.raw:
        raise ConfigurationError(
            "the query reads raw_record: whole records as the vendor sent them",
            next_step="leave the column out (SELECT * EXCLUDE (raw_record)), or add --raw",
        )


def _print_personal(query: Query) -> None:
    if query.personal:
        classes = "; ".join(
            f"{_CLASSES[pii]} [{pii}]: {', '.join(map(printable, names))}" for pii, names in query.personal.items()
        )
        print(f"gv: caution: the query reads personal data, {_CAUTION}: {classes}", file=sys.stderr)


# --- output -------------------------------------------------------------------------------------------------------


def _show(query: Query, limit: int, *, as_json: bool) -> None:
    reader, rows = _read(query, limit + 1)
    found = list(rows)
    shown, more = found[:limit], len(found) > limit
    if as_json:
        columns = [{"name": field.name, "type": str(field.type)} for field in reader.schema]
        print_json({"columns": columns, "rows": shown, "more": more, "personal_data": query.personal})
        return
    header = [printable(name) for name in reader.schema.names]
    right = [name for name, field in zip(header, reader.schema, strict=True) if is_number(field.type)]
    print_table(header, [[cell(value) for value in row] for row in shown], right=right)
    print_text(f"{len(shown):,} row(s)" + (f"; there are more: --limit shows up to {_MAX_ROWS:,}" if more else ""))


def _write_csv(query: Query, path: Path | None, limit: int | None, *, exact: bool) -> None:
    from growth_verticals.files.export import csv_line

    with new_file(path, "utf-8") if path else nullcontext(sys.stdout) as out:
        reader, rows = _read(query, limit)
        out.write(csv_line(reader.schema.names, exact=exact))
        written = 0
        for row in rows:
            out.write(csv_line([csv_value(value) for value in row], exact=exact))
            written += 1
    if path:
        print_text(f"{written:,} row(s) written to {path}, which only you can read")


def _read(query: Query, limit: int | None) -> tuple[pa.RecordBatchReader, Iterator[tuple[Any, ...]]]:
    """Return the result's reader, and up to `limit` of its rows as Python values."""
    reader = query.run()

    def rows() -> Iterator[tuple[Any, ...]]:
        with query.failures():
            for batch in reader:
                columns = [plain_values(column) for column in batch.columns]
                yield from zip(*columns, strict=True)

    return reader, islice(rows(), limit)
