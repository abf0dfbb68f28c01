"""Read tables with SQL: DuckDB runs one SELECT over the current snapshots of the tables that it names, read-only."""

from __future__ import annotations

import json
import os
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from growth_verticals.catalog.service_errors import translate_error
from growth_verticals.contract.table import split_comment
from growth_verticals.errors import ConfigurationError, GrowthVerticalsError
from growth_verticals.tables.duckdb_files import PROTOCOL, SnapshotFiles, snapshot_of
from growth_verticals.tables.duckdb_views import quoted, select_snapshot

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import duckdb
    import pyarrow as pa
    from pyiceberg.table import Table

    from growth_verticals.contract.table import PiiClass

#: The pinned version, which the tests run. The plan of a query (`columns_read`) may look different in another one.
DUCKDB = "duckdb==1.5.5"
#: DuckDB's own limit. Beyond it, sorts, joins and groups are continued in a temporary folder.
MEMORY_LIMIT = "1GB"
_BATCH_ROWS = 1_024
_MAX_THREADS = 4


@dataclass(frozen=True, kw_only=True)
class Query:
    """A query that is ready to run.

    :param personal: PII class → the columns of that class that the query reads. Class N is left out.
    :param raw_records: whether it reads records as the vendor sent them, from a rejects table.
    :param files: the files of its tables, with the number of bytes that were read.
    """

    sql: str
    personal: Mapping[PiiClass, tuple[str, ...]]
    raw_records: bool
    files: SnapshotFiles
    connection: duckdb.DuckDBPyConnection

    def run(self) -> pa.RecordBatchReader:
        """Return the result. It is computed while it is read, so that reading its start is cheap.

        Memory: `MEMORY_LIMIT`, and a batch. Raises as `open_query` does; so does reading a batch (`failures`).
        """
        with self.failures():
            return self.connection.execute(self.sql).to_arrow_reader(_BATCH_ROWS)

    @contextmanager
    def failures(self) -> Iterator[None]:
        """Turn DuckDB's errors into this package's. Put it around everything that reads the result."""
        with _duckdb_errors(self.files):
            yield


def table_names(sql: str) -> list[str]:
    """Return the tables that a SELECT names, as `namespace.table` in lower case; a bare name as it is written.

    Raises `ConfigurationError` if `sql` is not exactly one SELECT, or if DuckDB is not installed.
    """
    connection = _connect(allowed=())
    try:
        with _duckdb_errors():
            types = [statement.type.name for statement in connection.extract_statements(sql)]
            if types != ["SELECT"]:
                raise ConfigurationError(
                    "only one SELECT can be run here: nothing is ever changed",
                    expected="one statement that starts with SELECT, WITH, FROM, DESCRIBE or SUMMARIZE",
                    found=", ".join(types) or "no statement",
                )
            row = connection.execute("SELECT json_serialize_sql($sql)", {"sql": sql}).fetchone()
    finally:
        connection.close()
    tree = json.loads(row[0]) if row else {}
    if tree.get("error"):
        raise ConfigurationError("only SELECT statements can be run here", found="another one, such as PRAGMA")
    aliases = {entry["key"].lower() for node in _nodes(tree) for entry in node.get("cte_map", {}).get("map", ())}
    names: dict[str, None] = {}
    for node in _nodes(tree):
        if node.get("type") == "BASE_TABLE":
            parts = [node[key].lower() for key in ("catalog_name", "schema_name", "table_name") if node[key]]
            if len(parts) > 1 or parts[0] not in aliases:
                names[".".join(parts)] = None
    return list(names)


def _nodes(tree: Any) -> Iterator[dict[str, Any]]:
    """Yield each object of a JSON document."""
    if isinstance(tree, dict):
        yield tree
    for child in tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ():
        yield from _nodes(child)


@contextmanager
def open_query(sql: str, tables: Mapping[str, Table]) -> Iterator[Query]:
    """Open DuckDB in memory, with the current snapshot of each table as a view, and bind the query.

    Columns are matched by field id, so a renamed column is read under its new name, a dropped one is gone, and one that
    a file does not have is NULL. Times are in UTC. Only the files of these tables can be read, and nothing can be
    written or configured. Raises `ConfigurationError` if the query is wrong or needs too much memory, and what reading
    the files raises.

    :param tables: `namespace.table` → the table: all that `table_names` returns.
    """
    snapshots = {identifier: snapshot_of(identifier, table) for identifier, table in tables.items()}
    files = SnapshotFiles(snapshots)
    with tempfile.TemporaryDirectory(prefix="gv-sql-") as folder:
        connection = _connect(allowed=(f"{PROTOCOL}://",), files=files, folder=folder)
        try:
            with _duckdb_errors(files):
                for identifier, table in tables.items():
                    namespace, name = (quoted(part) for part in identifier.split("."))
                    connection.execute(f"CREATE SCHEMA IF NOT EXISTS {namespace}")
                    snapshot = snapshots[identifier]
                    select = select_snapshot(
                        identifier, table, rows=bool(snapshot.sizes), deletes=bool(snapshot.deletes)
                    )
                    connection.execute(f"CREATE VIEW {namespace}.{name} AS {select}")
                columns = _columns_read(connection, sql)
            yield Query(
                sql=sql,
                personal=_by_class(columns, tables),
                raw_records="raw_record" in columns and any(name.endswith("_rejects") for name in tables),
                files=files,
                connection=connection,
            )
        finally:
            connection.close()


def _connect(
    *, allowed: tuple[str, ...], files: SnapshotFiles | None = None, folder: str = ""
) -> duckdb.DuckDBPyConnection:
    """Return a connection that reads the paths in `allowed` and nothing else, and whose settings are locked."""
    try:
        import duckdb
    except ImportError:
        raise ConfigurationError(
            "DuckDB is not installed", next_step=f"pip install {DUCKDB}, or query with another engine (docs/query.md)"
        ) from None
    connection = duckdb.connect(config={"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"})
    if files is not None:
        connection.register_filesystem(files)
    for setting, value in (
        ("TimeZone", "UTC"),
        ("memory_limit", MEMORY_LIMIT),
        ("temp_directory", folder),
        ("threads", min(_MAX_THREADS, os.cpu_count() or 1)),
        # Python's variables are not tables, and snapshot files need no cache that asks for their times.
        ("python_enable_replacements", False),
        ("enable_external_file_cache", False),
        ("allowed_directories", list(allowed)),
        ("enable_external_access", False),
        ("lock_configuration", True),
    ):
        literal = f"'{value}'" if isinstance(value, str) else str(value)
        connection.execute(f"SET {setting} = {literal}")
    return connection


def _columns_read(connection: duckdb.DuckDBPyConnection, sql: str) -> set[str]:
    """Return the columns that the query takes out of files, from DuckDB's plan. This also checks names and types."""
    row = connection.execute(f"EXPLAIN (FORMAT json) {sql}").fetchone()
    columns: set[str] = set()
    for node in _nodes(json.loads(row[1])) if row else ():
        if node.get("name", "").strip() == "READ_PARQUET":
            projections = node["extra_info"].get("Projections", [])
            columns.update([projections] if isinstance(projections, str) else projections)
    return columns


def _by_class(columns: set[str], tables: Mapping[str, Table]) -> dict[PiiClass, tuple[str, ...]]:
    """Return the columns by PII class, as the tables' column comments say; of two tables, either one counts."""
    classes: dict[PiiClass, dict[str, None]] = {}
    for table in tables.values():
        for field in table.schema().fields:
            pii, _ = split_comment(field.doc or "")
            if pii not in (None, "N") and field.name in columns:
                classes.setdefault(pii, {})[field.name] = None
    return {pii: tuple(names) for pii, names in sorted(classes.items())}


@contextmanager
def _duckdb_errors(files: SnapshotFiles | None = None) -> Iterator[None]:
    """Turn DuckDB's errors into this package's. Only those about the query's text are quoted: others quote values."""
    import duckdb

    try:
        yield
    except duckdb.Error as error:
        if files is not None and files.failure is not None:
            cause = translate_error(files.failure, "reading a data file", "the table's storage")
            raise cause or files.failure from error
        raise _query_error(error) from error


def _query_error(error: Exception) -> GrowthVerticalsError:
    import duckdb

    if isinstance(error, (duckdb.ParserException, duckdb.BinderException, duckdb.CatalogException)):
        return ConfigurationError(f"the query cannot be run: {error}")
    if isinstance(error, duckdb.PermissionException):
        return ConfigurationError("the query reads something else than tables", expected="only namespace.table in FROM")
    if isinstance(error, duckdb.OutOfMemoryException):
        return ConfigurationError(
            f"the query needs more than {MEMORY_LIMIT} of memory",
            next_step="select fewer columns or rows, or use Athena (docs/query.md)",
        )
    return ConfigurationError(
        f"the query failed while it ran: {type(error).__name__}",
        next_step="check its casts and functions; GV_DEBUG=1 shows DuckDB's message, which can quote a row's value",
    )
