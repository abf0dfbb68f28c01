"""Splitting rows by the partition they belong to, for any partition spec."""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
from pyiceberg.partitioning import partition_record_value
from pyiceberg.typedef import Record

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyiceberg.partitioning import PartitionField, PartitionSpec
    from pyiceberg.schema import Schema


class _Coded(NamedTuple):
    """A partition field of some rows: each row's number of a value, and the values (transformed) by number."""

    numbers: pa.Array
    values: list[Any]


def split_by_partition(rows: pa.Table, spec: PartitionSpec, schema: Schema) -> Iterator[tuple[Record, pa.Table]]:
    """Yield the rows of each partition with its partition record, by partition in no particular order.

    Rows of one partition alone are yielded as they are; otherwise each part is a copy, so that a part that waits does
    not keep the others in memory. Transforms are applied to distinct values only, by pyiceberg's own functions.
    """
    fields = [_coded(rows, field, schema) for field in spec.fields]
    if all(len(field.values) == 1 for field in fields):
        yield Record(*(field.values[0] for field in fields)), rows
        return
    combined = reduce(
        lambda left, right: pc.add(pc.multiply(left, pa.scalar(len(right.values), pa.int64())), right.numbers),
        fields,
        pa.repeat(pa.scalar(0, pa.int64()), rows.num_rows),
    )
    order = pc.sort_indices(combined)
    start = 0
    for number, count in _counts(combined):
        record = []
        for field in reversed(fields):
            number, position = divmod(number, len(field.values))
            record.append(field.values[position])
        yield Record(*reversed(record)), rows.take(order.slice(start, count))
        start += count


def _counts(numbers: pa.Array) -> list[tuple[int, int]]:
    counted = pc.value_counts(numbers)
    return sorted(zip(counted.field("values").to_pylist(), counted.field("counts").to_pylist(), strict=True))


def _coded(rows: pa.Table, field: PartitionField, schema: Schema) -> _Coded:
    source = schema.find_field(field.source_id)
    transform = field.transform.transform(source.field_type)
    encoded = rows.column(source.name).combine_chunks()
    if not pa.types.is_dictionary(encoded.type):
        encoded = encoded.dictionary_encode(null_encoding="encode")
    number_of: dict[Any, int] = {}
    numbers = []
    for value in encoded.dictionary.to_pylist():
        internal = None if value is None else partition_record_value(field, value, schema)
        numbers.append(number_of.setdefault(transform(internal), len(number_of)))
    return _Coded(pa.array(numbers, pa.int64()).take(encoded.indices), list(number_of))
