"""Split rows by partition, for any partition spec."""

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


class _EncodedField(NamedTuple):
    """A partition field of some rows: the distinct transformed values, and each row's index into them."""

    indices: pa.Array
    values: list[Any]


def split_by_partition(rows: pa.Table, spec: PartitionSpec, schema: Schema) -> Iterator[tuple[Record, pa.Table]]:
    """Yield each partition's record and rows, in no particular order of the partitions.

    If all rows are in one partition, they are yielded without a copy. Otherwise the rows of each partition are a copy,
    so that buffering one partition does not keep the others in memory. pyiceberg's own functions apply the transforms,
    to distinct values only.
    """
    fields = [_encode(rows, field, schema) for field in spec.fields]
    if all(len(field.values) == 1 for field in fields):
        yield Record(*(field.values[0] for field in fields)), rows
        return
    combined = reduce(
        lambda keys, field: pc.add(pc.multiply(keys, pa.scalar(len(field.values), pa.int64())), field.indices),
        fields,
        pa.repeat(pa.scalar(0, pa.int64()), rows.num_rows),
    )
    order = pc.sort_indices(combined)
    start = 0
    for key, count in _sorted_counts(combined):
        record = []
        for field in reversed(fields):
            key, index = divmod(key, len(field.values))
            record.append(field.values[index])
        yield Record(*reversed(record)), rows.take(order.slice(start, count))
        start += count


def _sorted_counts(keys: pa.Array) -> list[tuple[int, int]]:
    counts = pc.value_counts(keys)
    return sorted(zip(counts.field("values").to_pylist(), counts.field("counts").to_pylist(), strict=True))


def _encode(rows: pa.Table, field: PartitionField, schema: Schema) -> _EncodedField:
    source = schema.find_field(field.source_id)
    transform = field.transform.transform(source.field_type)
    encoded = rows.column(source.name).combine_chunks()
    if not pa.types.is_dictionary(encoded.type):
        encoded = encoded.dictionary_encode(null_encoding="encode")
    index_of: dict[Any, int] = {}
    indices = []
    for value in encoded.dictionary.to_pylist():
        internal = None if value is None else partition_record_value(field, value, schema)
        indices.append(index_of.setdefault(transform(internal), len(index_of)))
    return _EncodedField(pa.array(indices, pa.int64()).take(encoded.indices), list(index_of))
