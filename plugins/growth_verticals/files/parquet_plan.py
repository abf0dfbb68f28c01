"""Plans how a Parquet file is read in bounded memory, whatever its columns expand to.

A few bytes can stand for gigabytes: a dictionary's entry that every row repeats, a prefix that every row shares
(DELTA_BYTE_ARRAY), or a million equal values in one row's list. So the footer and the dictionaries of all row groups
are looked at before any row is read. Entries that are too long to repeat stay in their dictionary, values that can
share a long prefix are read a few at a time, and a row group with too many values in lists refuses the file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from growth_verticals.files import parquet_file
from growth_verticals.files.parquet_file import (
    child_values,
    decoded_size,
    field_leaves,
    open_file,
    read_batches,
    row_groups,
    unsafe_file_error,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pyarrow.parquet as pq

_PREFIXES = "DELTA_BYTE_ARRAY"
#: Arrow loads a dictionary when it comes to the first value, so the rows before it are read too.
_PROBED_ROWS = 100
#: What a value in a list takes apart from its text: its place, and a number or the index of a dictionary's entry.
_VALUE_BYTES = 16


class ReadPlan(NamedTuple):
    """How to read a file.

    :param rows: rows in a block.
    :param steps: columns whose values can share a prefix, and how many of them to read at once.
    :param dictionaries: text columns that must stay dictionary arrays, because their entries are too long to repeat
        for `rows` rows. Any other column is faster as plain text.
    """

    rows: int
    steps: dict[str, int]
    dictionaries: list[str]


def plan_reads(
    shared: pa.NativeFile, file: pq.ParquetFile, fields: Sequence[str], rows: int, *, source: str, name: str
) -> ReadPlan:
    """Return how to read `fields` in blocks of `rows` rows, or fewer if these are more than `MAX_BLOCK_BYTES`.

    Reads a row of every text column in each row group. Memory: one dictionary. Raises `FileRefusedError` for lists,
    maps and structs that can expand to more than `MAX_NESTED_BYTES` in a row group.
    """
    limit = parquet_file.MAX_BLOCK_BYTES
    leaves = field_leaves(file, fields)
    probe = open_file(shared, file.metadata, dictionaries=[leaf.path for leaf in leaves if leaf.is_text])
    groups = row_groups(file)
    for group in groups:
        rows = min(rows, limit * group.num_rows // max(1, group.total_byte_size))
    rows = max(1, min(rows, limit // max(1, sum(leaf.width for leaf in leaves if leaf.is_flat))))
    dictionaries: set[str] = set()
    steps: dict[str, int] = {}
    for number, group in enumerate(groups):
        nested = 0
        for leaf in leaves:
            chunk = group.column(leaf.at)
            longest = chunk.total_uncompressed_size if leaf.is_text and _PREFIXES in chunk.encodings else leaf.width
            if not leaf.is_flat:
                nested += chunk.num_values * (_VALUE_BYTES + longest)
            elif leaf.is_text and longest * rows > limit:
                steps[leaf.path] = min(steps.get(leaf.path, rows), max(1, limit // longest))
        if nested > parquet_file.MAX_NESTED_BYTES:
            raise unsafe_file_error(
                source,
                name,
                expected=f"lists, maps and structs of {parquet_file.MAX_NESTED_BYTES:,} bytes at most in a row group",
                found=f"row group {number + 1}, in which they can expand to {nested:,} bytes",
                next_step='declare extra_columns="ignore" to leave them out, or ask for smaller row groups without '
                f"the encoding {_PREFIXES}",
            )
        for field in dict.fromkeys(leaf.field for leaf in leaves if leaf.is_text):
            texts = [leaf for leaf in leaves if leaf.field == field and leaf.is_text]
            values = max(rows if leaf.is_flat else group.column(leaf.at).num_values for leaf in texts)
            at_once = 1 if texts[0].is_flat else _PROBED_ROWS
            if _longest_entry(probe, field, number, at_once) * values > limit:
                dictionaries |= {leaf.path for leaf in texts}
    return ReadPlan(rows, steps, sorted(dictionaries))


def read_planned(file: pq.ParquetFile, fields: Sequence[str], plan: ReadPlan) -> Iterator[pa.RecordBatch]:
    """Yield `fields` in blocks of at most `plan.rows` rows. Memory: twice `MAX_BLOCK_BYTES`, or `pa.ArrowInvalid`."""
    limit = parquet_file.MAX_BLOCK_BYTES // (1 + len(plan.steps))
    plain = [field for field in fields if field not in plan.steps]
    readers = [read_batches(file, plain, plan.rows)] if plain else []
    readers += [_join(read_batches(file, [field], step), plan.rows, limit) for field, step in plan.steps.items()]
    if len(readers) == 1:
        yield from readers[0]
        return
    ahead: list[pa.RecordBatch | None] = [None] * len(readers)
    while True:
        ahead = [rows or next(reader, None) for rows, reader in zip(ahead, readers, strict=True)]
        parts = [rows for rows in ahead if rows is not None]
        if not parts:
            return
        if len(parts) < len(ahead):
            raise pa.ArrowInvalid("columns of different lengths")
        if sum(map(decoded_size, parts)) > 2 * parquet_file.MAX_BLOCK_BYTES + decoded_size(parts[0]):
            raise pa.ArrowInvalid("long values that share a prefix")
        count = min(part.num_rows for part in parts)
        columns = {name: part.column(name).slice(0, count) for part in parts for name in part.schema.names}
        yield pa.RecordBatch.from_pydict({field: columns[field] for field in fields})
        ahead = [part.slice(count) if part.num_rows > count else None for part in parts]


def _join(batches: Iterator[pa.RecordBatch], rows: int, limit: int) -> Iterator[pa.RecordBatch]:
    """Join batches to larger ones, of about `rows` rows or `limit` bytes, whichever is reached first."""
    parts: list[pa.RecordBatch] = []
    count = size = 0
    for batch in batches:
        parts.append(batch)
        count, size = count + batch.num_rows, size + batch.nbytes
        if count >= rows or size >= limit:
            yield pa.concat_batches(parts)
            parts, count, size = [], 0, 0
    if parts:
        yield pa.concat_batches(parts)


def _longest_entry(probe: pq.ParquetFile, field: str, group: int, rows: int) -> int:
    """Return the bytes of the longest entry in the dictionaries of a field in a row group; 0 if it has none."""
    longest = 0
    try:
        for batch in read_batches(probe, [field], rows, row_groups=[group]):
            dictionaries = list(_dictionaries(batch.column(field)))
            longest = max([longest, *(pc.max(pc.binary_length(each)).as_py() or 0 for each in dictionaries)])
            if all(map(len, dictionaries)):
                break
    except (pa.ArrowException, OSError):
        pass  # an encoding without a dictionary, or damage, which the reader itself will find
    return longest


def _dictionaries(array: pa.Array) -> Iterator[pa.Array]:
    if isinstance(array, pa.DictionaryArray):
        yield array.dictionary
    for child in child_values(array):
        yield from _dictionaries(child)
