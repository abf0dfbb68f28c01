"""Converts a table's contract to Arrow and Iceberg schemas, and an Iceberg table back to a contract."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pyarrow as pa
from pyiceberg.partitioning import PARTITION_FIELD_ID_START, PartitionField, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.table.sorting import UNSORTED_SORT_ORDER, NullOrder, SortDirection, SortField, SortOrder
from pyiceberg.transforms import IdentityTransform, parse_transform
from pyiceberg.types import IcebergType, MapType, NestedField, StringType

from growth_verticals.contract.ddl import read_ddl
from growth_verticals.contract.render import render_ddl
from growth_verticals.contract.table import FORMER_NAMES, PROVENANCE, Column, TableContract, split_comment
from growth_verticals.contract.table import PartitionField as PartitionedBy
from growth_verticals.errors import ContractError, DdlError

if TYPE_CHECKING:
    from collections.abc import Sequence

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
    """Return the columns in order, with the Arrow types of their values in memory and in data files."""
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
    """Return the Iceberg schema of all columns, with field ids in order from 1 and comments as docs."""
    fields, next_id = [], len(contract.all_columns) + 1
    for field_id, column in enumerate(contract.all_columns, start=1):
        field_type, next_id = _iceberg_type(column, next_id)
        fields.append(
            NestedField(
                field_id=field_id,
                name=column.name,
                field_type=field_type,
                required=column.required,
                doc=column.comment or None,
            )
        )
    return Schema(*fields)


def partition_spec(contract: TableContract, schema: Schema) -> PartitionSpec:
    """Return the Iceberg partition spec."""
    return PartitionSpec(
        *(
            PartitionField(
                source_id=schema.find_field(part.column).field_id,
                field_id=PARTITION_FIELD_ID_START + number,
                transform=parse_transform(part.transform),
                name=part.name,
            )
            for number, part in enumerate(contract.partition_by)
        )
    )


def sort_order(contract: TableContract, schema: Schema) -> SortOrder:
    """Return the declared Iceberg sort order, ascending with nulls last, or the unsorted order."""
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
    """Return the type and the next free field id: the key and value of a map have ids, too."""
    if column.type == "map<string, string>":
        return MapType(
            key_id=next_id, key_type=StringType(), value_id=next_id + 1, value_type=StringType(), value_required=False
        ), next_id + 2
    return IcebergType.model_validate(column.type), next_id


def contract_of_table(identifier: str, live: Schema, spec: PartitionSpec, order: SortOrder, doc: str) -> TableContract:
    """Return the contract of a live table, as its SQL file would declare it.

    A table that has all provenance columns, also under a former name, counts as a source's table: the contract has them
    through `provenance`. In any other table, all columns are declared columns. Raises `ContractError` for a table that
    no SQL file can declare: one with another type, transform or sort order, or with a name that Athena hides.
    """
    columns = tuple(_column(field) for field in live.fields)
    of_sources = {(column.name, column.type, column.required) for column in PROVENANCE}
    of_sources |= {(FORMER_NAMES.get(name, name), data_type, required) for name, data_type, required in of_sources}
    names = {column.name for column in columns if (column.name, column.type, column.required) in of_sources}
    has_provenance = all(names & {column.name, FORMER_NAMES.get(column.name)} for column in PROVENANCE)
    namespace, name = identifier.split(".")
    contract = TableContract(
        namespace=namespace,
        name=name,
        columns=tuple(column for column in columns if not has_provenance or column.name not in names),
        partition_by=tuple(
            PartitionedBy(column=str(live.find_column_name(part.source_id)), transform=str(part.transform))
            for part in spec.fields
        ),
        sort_by=tuple(str(live.find_column_name(part.source_id)) for part in order.fields),
        doc=doc,
        provenance=has_provenance,
    )
    _check_declarable(contract, order)
    return contract


def _column(field: NestedField) -> Column:
    pii, doc = split_comment(field.doc or "")
    column_type = re.sub(r"\((\d+),\s*(\d+)\)", r"(\1, \2)", str(field.field_type))
    return Column(name=field.name, type=column_type, required=field.required, doc=doc, pii=pii)


def _check_declarable(contract: TableContract, order: SortOrder) -> None:
    sort_fields = {(str(part.transform), part.direction, part.null_order) for part in order.fields}
    if sort_fields - {("identity", SortDirection.ASC, NullOrder.NULLS_LAST)}:
        raise ContractError(f"no SQL file can declare the sort order of {contract.identifier}", found=str(order))
    try:
        same = read_ddl(render_ddl(contract), provenance=contract.provenance) == contract
    except DdlError as error:
        raise ContractError(
            f"no SQL file can declare {contract.identifier}: {error.what}", found=error.excerpt.strip()
        ) from error
    if not same:
        raise ContractError(f"no SQL file can declare {contract.identifier} exactly")
