"""A table's current snapshot as a SELECT for DuckDB: columns by field id, without the rows that were deleted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyiceberg.types import (
    BinaryType,
    BooleanType,
    DateType,
    DecimalType,
    DoubleType,
    FixedType,
    FloatType,
    IntegerType,
    ListType,
    LongType,
    MapType,
    StringType,
    StructType,
    TimestampType,
    TimestamptzType,
    TimeType,
    UUIDType,
)

from growth_verticals.errors import ContractError
from growth_verticals.tables.duckdb_files import PROTOCOL, data_path, deletes_path

if TYPE_CHECKING:
    from pyiceberg.table import Table
    from pyiceberg.types import IcebergType

_TYPES: dict[type[IcebergType], str] = {
    BinaryType: "BLOB",
    BooleanType: "BOOLEAN",
    DateType: "DATE",
    DoubleType: "DOUBLE",
    FixedType: "BLOB",
    FloatType: "FLOAT",
    IntegerType: "INTEGER",
    LongType: "BIGINT",
    StringType: "VARCHAR",
    TimestampType: "TIMESTAMP",
    TimestamptzType: "TIMESTAMPTZ",
    TimeType: "TIME",
    UUIDType: "UUID",
}


def select_snapshot(identifier: str, table: Table, *, rows: bool, deletes: bool) -> str:
    """Return a SELECT of all columns of a table's current schema from its snapshot's files, without deleted rows."""
    fields = table.schema().fields
    if not rows:
        nulls = ", ".join(
            f"CAST(NULL AS {duckdb_type(field.field_type, field.name)}) AS {quoted(field.name)}" for field in fields
        )
        return f"SELECT {nulls} WHERE false"
    columns = []
    for field in fields:
        data_type = duckdb_type(field.field_type, field.name)
        columns.append(
            f"{field.field_id}: {{name: {_literal(field.name)}, type: {_literal(data_type)}, default_value: NULL}}"
        )
    names = ", ".join(quoted(field.name) for field in fields)
    options = f"schema = MAP {{{', '.join(columns)}}}"
    if not deletes:
        return f"SELECT {names} FROM read_parquet({_literal(data_path(identifier))}, {options})"  # noqa: S608
    return (
        f"SELECT {names} FROM read_parquet({_literal(data_path(identifier))}, {options}, "  # noqa: S608
        "filename = '_gv_file', file_row_number = true) ANTI JOIN ("
        f"SELECT '{PROTOCOL}://' || file_path AS _gv_file, pos AS file_row_number "
        f"FROM read_parquet({_literal(deletes_path(identifier))})) USING (_gv_file, file_row_number)"
    )


def duckdb_type(data_type: IcebergType, column: str) -> str:
    """Return DuckDB's name of an Iceberg type. Raises `ContractError` for one that it does not have."""
    if isinstance(data_type, DecimalType):
        return f"DECIMAL({data_type.precision}, {data_type.scale})"
    if isinstance(data_type, ListType):
        return f"{duckdb_type(data_type.element_type, column)}[]"
    if isinstance(data_type, MapType):
        return f"MAP({duckdb_type(data_type.key_type, column)}, {duckdb_type(data_type.value_type, column)})"
    if isinstance(data_type, StructType):
        members = (f"{quoted(field.name)} {duckdb_type(field.field_type, column)}" for field in data_type.fields)
        return f"STRUCT({', '.join(members)})"
    try:
        return _TYPES[type(data_type)]
    except KeyError:
        raise ContractError("DuckDB cannot read this type", column=column, found=str(data_type)) from None


def quoted(name: str) -> str:
    """Return a name as an SQL identifier."""
    return '"{}"'.format(name.replace('"', '""'))


def _literal(text: str) -> str:
    return "'{}'".format(text.replace("'", "''"))
