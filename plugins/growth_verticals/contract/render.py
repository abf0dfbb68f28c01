"""Table contract → SQL DDL that reads back to the same contract."""

from __future__ import annotations

from typing import TYPE_CHECKING

from growth_verticals.contract.tokens import quote

if TYPE_CHECKING:
    from growth_verticals.contract.table import Column, PartitionField, TableContract

_WORDS = {"long": "BIGINT", "timestamptz": "TIMESTAMP WITH TIME ZONE"}


def render_ddl(contract: TableContract) -> str:
    """Return the statement that `read_ddl` reads as `contract`, given the same `provenance`.

    Provenance columns are not in it, as they are in no source's SQL file.
    """
    rows = [(column.name, type_in_sql(column.type), _behind(column)) for column in contract.columns]
    name_width, type_width = (max(len(row[place]) for row in rows) for place in (0, 1))
    lines = [f"    {name:{name_width}}  {kind:{type_width}}  {behind}".rstrip(" ") for name, kind, behind in rows]
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
    """Return a type as a SQL file says it."""
    return _WORDS.get(column_type, column_type.upper().replace(" ", ""))


def partition_in_sql(field: PartitionField) -> str:
    """Return a partition field as a SQL file says it, in Spark's spelling."""
    if field.transform == "identity":
        return field.column
    word, _, width = field.transform.rstrip("]").partition("[")
    return f"{word}({width}, {field.column})" if width else f"{word}({field.column})"


def _behind(column: Column) -> str:
    required = "NOT NULL" if column.required else ""
    comment = f"COMMENT {quote(column.comment)}" if column.comment else ""
    return f"{required:8}  {comment}" if comment else required
