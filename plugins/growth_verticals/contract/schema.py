"""A table's contract as Arrow and as Iceberg see it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pyarrow as pa
from pyiceberg.partitioning import PARTITION_FIELD_ID_START, PartitionField, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.table.sorting import UNSORTED_SORT_ORDER, NullOrder, SortField, SortOrder
from pyiceberg.transforms import IdentityTransform, parse_transform
from pyiceberg.types import IcebergType, MapType, NestedField, StringType

from growth_verticals.errors import ContractError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from growth_verticals.contract.table import Column, TableContract

_ARROW = {
    "string": pa.string(),
    "int": pa.int32(),
    "long": pa.int64(),
    "float": pa.float32(),
    "double": pa.float64(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us"),
    "timestamptz": pa.timestamp("us", tz="UTC"),
    "binary": pa.binary(),
    "uuid": pa.binary(16),
    "map<string, string>": pa.map_(pa.string(), pa.string()),
}


def arrow_schema(columns: Sequence[Column]) -> pa.Schema:
    """Return the columns in order, with the Arrow types in which their values are held and written."""
    return pa.schema([pa.field(column.name, arrow_type(column), nullable=not column.required) for column in columns])


def arrow_type(column: Column) -> pa.DataType:
    """Return the Arrow type of one column. Raises `ContractError` for a type that no SQL file can declare."""
    decimal = re.fullmatch(r"decimal\((\d+), (\d+)\)", column.type)
    if decimal:
        return pa.decimal128(int(decimal[1]), int(decimal[2]))
    try:
        return _ARROW[column.type]
    except KeyError:
        raise ContractError("unknown type", column=column.name, found=column.type) from None


def iceberg_schema(contract: TableContract) -> Schema:
    """Return all columns, provenance included, with field ids in order from 1 and comments as docs.

    A doc starts with the PII class in brackets where the SQL file gives one, as the comment there does.
    """
    fields, next_id = [], len(contract.all_columns) + 1
    for field_id, column in enumerate(contract.all_columns, start=1):
        field_type, next_id = _iceberg_type(column, next_id)
        doc = f"[{column.pii}] {column.doc}".strip() if column.pii else column.doc
        fields.append(
            NestedField(
                field_id=field_id, name=column.name, field_type=field_type, required=column.required, doc=doc or None
            )
        )
    return Schema(*fields)


def partition_spec(contract: TableContract, schema: Schema) -> PartitionSpec:
    """Return the partitioning; a field's name is the column's, with the transform's name behind it if not identity."""
    fields = []
    for number, part in enumerate(contract.partition_by):
        suffix = "" if part.transform == "identity" else "_" + part.transform.split("[")[0]
        fields.append(
            PartitionField(
                source_id=schema.find_field(part.column).field_id,
                field_id=PARTITION_FIELD_ID_START + number,
                transform=parse_transform(part.transform),
                name=part.column + suffix,
            )
        )
    return PartitionSpec(*fields)


def sort_order(contract: TableContract, schema: Schema) -> SortOrder:
    """Return the declared order, ascending with nulls last, or the unsorted order."""
    if not contract.sort_by:
        return UNSORTED_SORT_ORDER
    return SortOrder(
        *(
            SortField(
                source_id=schema.find_field(name).field_id,
                transform=IdentityTransform(),
                null_order=NullOrder.NULLS_LAST,
            )
            for name in contract.sort_by
        )
    )


def _iceberg_type(column: Column, next_id: int) -> tuple[IcebergType, int]:
    """Return the type, and the next free field id: a map takes two more ids than its own."""
    if column.type == "map<string, string>":
        return MapType(
            key_id=next_id, key_type=StringType(), value_id=next_id + 1, value_type=StringType(), value_required=False
        ), next_id + 2
    return IcebergType.model_validate(column.type), next_id
