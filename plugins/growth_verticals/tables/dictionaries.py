"""Which columns are written as a dictionary and numbers: those whose values repeat (docs/performance.md)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from growth_verticals.contract.table import PROVENANCE

if TYPE_CHECKING:
    from growth_verticals.tables.sort_order import RowOrder

_REPEATED = frozenset(column.name for column in PROVENANCE if column.type == "string")
_SAMPLE_ROWS = 20_000
_REPEATS_BELOW = 0.45


def with_repeated(schema: pa.Schema, order: RowOrder) -> pa.Schema:
    """Return `schema` with the provenance that is one string for all of a file's rows as a dictionary.

    A copy for every row would be a fifth of what is held and encoded. Arrow does not sort by dictionaries.
    """
    repeated = _REPEATED - {name for name, *_ in order.keys}
    kind = pa.dictionary(pa.int32(), pa.string())
    return pa.schema([field.with_type(kind) if field.name in repeated else field for field in schema])


def repeat(value: Any, kind: pa.DataType, length: int) -> pa.Array:
    """Return `length` times `value` in a type of `with_repeated`."""
    if pa.types.is_dictionary(kind):
        first = pa.repeat(pa.scalar(0, kind.index_type), length)
        return pa.DictionaryArray.from_arrays(first, pa.array([value], kind.value_type))
    return pa.repeat(pa.scalar(value, kind), length)


def repeating_columns(rows: pa.Table) -> list[str] | bool:
    """Return the Parquet paths of the columns for which a dictionary pays: under 45 % distinct in a sample.

    All columns of a file that is smaller than the sample: a dictionary costs nothing there, and such files are what
    compaction is for, of which SeaweedFS's can take over none but dictionaries.
    """
    if rows.num_rows < _SAMPLE_ROWS:
        return True
    sample = rows.slice(0, _SAMPLE_ROWS)
    paths = []
    for field in sample.schema:
        if pa.types.is_map(field.type):
            paths.append(f"{field.name}.key_value.key")
        elif _repeats(sample.column(field.name)):
            paths.append(field.name)
    return paths


def _repeats(column: pa.ChunkedArray) -> bool:
    if pa.types.is_dictionary(column.type):
        return True
    distinct: int = pc.count_distinct(column).as_py()
    return distinct < _REPEATS_BELOW * len(column)
