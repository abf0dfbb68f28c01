"""Renders a table contract as SQL DDL, which parses back to the same contract."""

from __future__ import annotations

from typing import TYPE_CHECKING

from growth_verticals.contract.tokens import quote

if TYPE_CHECKING:
    from growth_verticals.contract.table import Column, PartitionField, TableContract

_SQL_NAMES = {"long": "BIGINT", "timestamptz": "TIMESTAMP WITH TIME ZONE"}


def render_ddl(contract: TableContract) -> str:
    """Return the statement that `read_ddl` parses as `contract`, given the same `provenance`.

    It does not contain the provenance columns, just as no source's SQL file does.
    """
    rows = [(column.name, type_in_sql(column.type), _constraints(column)) for column in contract.columns]
    name_width, type_width = (max(len(row[index]) for row in rows) for index in (0, 1))
    lines = [f"    {name:{name_width}}  {type_:{type_width}}  {rest}".rstrip(" ") for name, type_, rest in rows]
    clauses = [f"CREATE TABLE {contract.identifier} (\n" + ",\n".join(lines) + "\n)"]
    if contract.partition_by:
        clauses.append(f"PARTITIONED BY ({', '.join(map(partition_in_sql, contract.partition_by))})")
    if contract.sort_by:
        clauses.append(f"SORTED BY ({', '.join(contract.sort_by)})")
    if contract.doc:
        clauses.append(f"COMMENT {quote(contract.doc)}")
    if contract.properties:
        pairs = (f"{quote(key)} = {quote(value)}" for key, value in contract.properties)
        clauses.append(f"TBLPROPERTIES ({', '.join(pairs)})")
    return "\n".join(clauses) + "\n"


def type_in_sql(column_type: str) -> str:
    """Return a type as SQL files spell it."""
    return _SQL_NAMES.get(column_type, column_type.upper().replace(" ", ""))


def partition_in_sql(field: PartitionField) -> str:
    """Return a partition field as SQL files spell it, in Spark's syntax."""
    if field.transform == "identity":
        return field.column
    transform, _, width = field.transform.rstrip("]").partition("[")
    return f"{transform}({width}, {field.column})" if width else f"{transform}({field.column})"


def _constraints(column: Column) -> str:
    required = "NOT NULL" if column.required else ""
    comment = f"COMMENT {quote(column.comment)}" if column.comment else ""
    return f"{required:8}  {comment}" if comment else required
