"""Reads the columns of a Parquet file in bounded memory, and counts the rows a second time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from growth_verticals.errors import FileRefusedError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

#: Decoded bytes in a block. A dictionary can make gigabytes of a few kilobytes.
MAX_BLOCK_BYTES = 2**28
#: Rows of this many bytes on average, in a file that also expands more than `Format.max_ratio` times, are a bomb.
BOMB_ROW_BYTES = 2**16
#: What the values of lists, maps and structs may take in a row group, without the text that they share.
MAX_NESTED_BYTES = 2**30


def open_file(
    file: pa.NativeFile,
    footer: pq.FileMetaData | None = None,
    *,
    int96_unit: str = "ms",
    dictionaries: Sequence[str] = (),
) -> pq.ParquetFile:
    """Open a file, and check each page that has a checksum when it is read.

    :param footer: the file's footer, if it was read already.
    :param dictionaries: text columns to read as dictionary arrays.
    """
    return pq.ParquetFile(
        file,
        metadata=footer,
        pre_buffer=False,  # it would keep all row groups in memory
        buffer_size=0,  # with a buffer, a damaged page header makes Arrow allocate gigabytes
        read_dictionary=list(dictionaries),
        coerce_int96_timestamp_unit=int96_unit,
        page_checksum_verification=True,
    )


def read_batches(
    file: pq.ParquetFile, fields: list[str], rows: int, row_groups: list[int] | None = None
) -> Iterator[pa.RecordBatch]:
    """Yield the columns `fields`. Look them up by name: for `a`, Arrow also returns a column that is called `a.b`."""
    yield from file.iter_batches(batch_size=rows, columns=fields, row_groups=row_groups, use_threads=False)


def split(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """Yield parts of a batch that have `MAX_BLOCK_BYTES` or one row."""
    if batch.num_rows <= 1 or decoded_size(batch) <= MAX_BLOCK_BYTES:
        yield batch
        return
    middle = batch.num_rows // 2
    yield from split(batch.slice(0, middle))
    yield from split(batch.slice(middle))


def child_values(array: pa.Array) -> list[pa.Array]:
    """Return the values of a struct's fields, of a list, or of a map; nothing for a plain array."""
    if pa.types.is_struct(array.type) or pa.types.is_fixed_size_list(array.type):
        children = array.flatten()
        return children if isinstance(children, list) else [children]
    if isinstance(array, (pa.ListArray, pa.LargeListArray)):  # a map is a list of structs
        first, last = array.offsets[0].as_py(), array.offsets[-1].as_py()
        return [array.values.slice(first, last - first)]
    return []


def decoded_size(batch: pa.RecordBatch) -> int:
    """Return the bytes of a batch without its dictionaries' compression."""
    return sum(map(_decoded_size, batch.columns))


def _decoded_size(array: pa.Array) -> int:
    if children := child_values(array):
        return 4 * len(array) + sum(map(_decoded_size, children))
    if not isinstance(array, pa.DictionaryArray) or pa.types.is_nested(array.dictionary.type):
        return int(array.nbytes)
    if pa.types.is_primitive(array.dictionary.type):
        return len(array) * 8
    return int(pc.sum(pc.binary_length(array.dictionary).take(array.indices)).as_py() or 0)


@dataclass
class RowCounter:
    """Counts the rows and bytes of one file while it is read.

    :param size: bytes of the file.
    :param max_ratio: see `Format`.
    """

    name: str
    source: str
    size: int
    max_ratio: int
    rows: int = 0
    decoded: int = 0

    def add(self, batch: pa.RecordBatch) -> None:
        """Count a batch. Raises `FileRefusedError` if the file is a decompression bomb."""
        self.rows += batch.num_rows
        self.decoded += decoded_size(batch)
        if self.decoded > max(self.max_ratio * self.size, BOMB_ROW_BYTES * self.rows, MAX_BLOCK_BYTES):
            raise unsafe_file_error(
                self.source,
                self.name,
                expected=f"data that expands {self.max_ratio:,} times at most (max_ratio), or short rows",
                found=f"rows of more than {BOMB_ROW_BYTES:,} bytes on average that expand more",
                next_step="if its files compress that well, declare a higher max_ratio in the source's format",
            )

    def check_size(self, part: pa.RecordBatch) -> None:
        """Refuse a part of a batch (see `split`) that is one row of more than `MAX_BLOCK_BYTES`."""
        if part.num_rows == 1 and decoded_size(part) > MAX_BLOCK_BYTES:
            raise unsafe_file_error(
                self.source,
                self.name,
                expected=f"rows of {MAX_BLOCK_BYTES:,} bytes at most",
                found="a longer row",
                next_step='if the row is right, declare extra_columns="ignore" to leave unknown columns out',
            )

    def check(self, file: pq.ParquetFile, fields: Sequence[str]) -> None:
        """Refuse a file whose footer counts other rows than were read, or more values in a column than rows.

        Call it at the end. Arrow ends the process if it is asked about a column chunk that it could not read.
        """
        groups = row_groups(file)
        in_groups = sum(group.num_rows for group in groups)
        if not self.rows == in_groups == file.metadata.num_rows:
            found = f"{self.rows:,} rows, and {in_groups:,} in its list of row groups"
            raise self._error(f"{file.metadata.num_rows:,} rows, as its footer says", found)
        flat = [leaf for leaf in field_leaves(file, fields) if leaf.is_flat]
        for group in groups:
            for leaf in flat if group.num_rows else ():
                if (values := group.column(leaf.at).num_values) != group.num_rows:
                    raise self._error(f"{group.num_rows:,} rows in a row group", f"{values:,} values in a column of it")

    def _error(self, expected: str, found: str) -> FileRefusedError:
        return FileRefusedError(
            "the Parquet file's counts of rows disagree",
            source=self.source,
            file=self.name,
            expected=expected,
            found=found,
            next_step="ask the vendor to write the file again: rows of it may be missing",
        )


def unsafe_file_error(source: str, file: str, *, expected: str, found: str, next_step: str) -> FileRefusedError:
    """Return the error for a file that could fill the memory."""
    return FileRefusedError(
        "the Parquet file is not safe to read",
        source=source,
        file=file,
        expected=expected,
        found=found,
        next_step=f"ask the vendor what was sent; {next_step}",
    )


def row_groups(file: pq.ParquetFile) -> list[pq.RowGroupMetaData]:
    """Return what the footer says of each row group."""
    return [file.metadata.row_group(at) for at in range(file.metadata.num_row_groups)]


class Leaf(NamedTuple):
    """A column of plain values.

    :param at: its number in the footer.
    :param field: the field that it is, or is a part of.
    :param is_flat: whether it is the field, with one value a row.
    :param width: bytes of each value, of binary data with a fixed width; 0 for other types.
    """

    at: int
    path: str
    field: str
    is_flat: bool
    is_text: bool
    width: int


def field_leaves(file: pq.ParquetFile, fields: Sequence[str]) -> list[Leaf]:
    """Return the columns of plain values in `fields`."""
    leaves = []
    wanted = set(fields)
    for at in range(len(file.schema)):
        column = file.schema.column(at)
        parts = column.path.split(".")  # a field's name can contain dots
        fields_of_it = [name for end in range(1, len(parts) + 1) if (name := ".".join(parts[:end])) in wanted]
        for field in fields_of_it[-1:]:
            is_flat = field == column.path and column.max_repetition_level == 0
            width = column.length if column.physical_type == "FIXED_LEN_BYTE_ARRAY" else 0
            leaves.append(Leaf(at, column.path, field, is_flat, column.physical_type == "BYTE_ARRAY", width))
    return leaves
