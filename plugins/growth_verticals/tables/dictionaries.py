"""Which columns are dictionary-encoded: those whose values repeat (docs/performance.md)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from growth_verticals.contract.table import PROVENANCE

if TYPE_CHECKING:
    from growth_verticals.tables.sort_order import RowOrder

_PROVENANCE_STRINGS = frozenset(column.name for column in PROVENANCE if column.type == "string")
_SAMPLE_ROWS = 20_000
_MAX_DISTINCT_SHARE = 0.45


def with_dictionary_types(schema: pa.Schema, order: RowOrder) -> pa.Schema:
    """Return `schema` with a dictionary type for each provenance column that is one string for a whole file.

    A copy of the string per row would be a fifth of the bytes to hold and encode. Sort keys keep their type, because
    Arrow does not sort by dictionaries.
    """
    columns = _PROVENANCE_STRINGS - {name for name, *_ in order.keys}
    dictionary = pa.dictionary(pa.int32(), pa.string())
    return pa.schema([field.with_type(dictionary) if field.name in columns else field for field in schema])


def constant_array(value: Any, arrow_type: pa.DataType, length: int) -> pa.Array:
    """Return an array of `length` equal values; a dictionary array if `arrow_type` is a dictionary type."""
    if pa.types.is_dictionary(arrow_type):
        indices = pa.repeat(pa.scalar(0, arrow_type.index_type), length)
        return pa.DictionaryArray.from_arrays(indices, pa.array([value], arrow_type.value_type))
    return pa.repeat(pa.scalar(value, arrow_type), length)


def dictionary_columns(rows: pa.Table) -> list[str] | bool:
    """Return the Parquet paths of the columns to dictionary-encode: under 45 % distinct values in a sample.

    Return True, for all columns, if there are fewer rows than the sample has: a dictionary costs nothing in a small
    file. Small files are also the ones to compact, and SeaweedFS's compaction copies only files whose columns all have
    a dictionary.
    """
    if rows.num_rows < _SAMPLE_ROWS:
        return True
    sample = rows.slice(0, _SAMPLE_ROWS)
    paths = []
    for field in sample.schema:
        if pa.types.is_map(field.type):
            paths.append(f"{field.name}.key_value.key")
        elif _has_repeated_values(sample.column(field.name)):
            paths.append(field.name)
    return paths


def _has_repeated_values(column: pa.ChunkedArray) -> bool:
    if pa.types.is_dictionary(column.type):
        return True
    distinct: int = pc.count_distinct(column).as_py()
    return distinct < _MAX_DISTINCT_SHARE * len(column)
