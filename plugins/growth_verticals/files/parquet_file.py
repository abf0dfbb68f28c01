"""Reads the columns of a Parquet file in bounded memory, and counts the rows a second time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

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


def batch_rows(file: pq.ParquetFile, rows: int) -> int:
    """Return how many rows to read at once: `rows`, or fewer if they would be more than `MAX_BLOCK_BYTES`."""
    for group in _row_groups(file):
        rows = min(rows, MAX_BLOCK_BYTES * group.num_rows // max(1, group.total_byte_size))
    return max(1, rows)


def dictionary_fields(shared: pa.NativeFile, file: pq.ParquetFile, fields: Sequence[str], rows: int) -> list[str]:
    """Return the text columns that must stay dictionary arrays: their entries are too long to repeat for `rows` rows.

    The first row group decides for the whole file. Any other column is faster as plain text.
    """
    if not file.metadata.num_row_groups:
        return []
    columns = [file.schema.column(at) for at in _flat_columns(file, fields)]
    text = [column.path for column in columns if column.physical_type == "BYTE_ARRAY"]
    probe = open_file(shared, file.metadata, dictionaries=text)
    return [field for field in text if _longest_entry(probe, field) * rows > MAX_BLOCK_BYTES]


def _longest_entry(probe: pq.ParquetFile, field: str) -> int:
    """Return the bytes of the longest entry in the dictionary of a column's first row group; 0 if it has none."""
    try:
        row = next(read_batches(probe, [field], 1, row_groups=[0]), None)
    except (pa.ArrowException, OSError):
        return 0  # an encoding without a dictionary, or damage, which the reader itself will find
    if row is None or not isinstance(row.column(field), pa.DictionaryArray):
        return 0
    return int(pc.max(pc.binary_length(row.column(field).dictionary)).as_py() or 0)


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


def decoded_size(batch: pa.RecordBatch) -> int:
    """Return the bytes of a batch without its dictionaries' compression."""
    return sum(map(_decoded_size, batch.columns))


def _decoded_size(array: pa.Array) -> int:
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
            raise FileRefusedError(
                "the Parquet file is not safe to read",
                source=self.source,
                file=self.name,
                expected=f"data that expands {self.max_ratio:,} times at most (max_ratio), or short rows",
                found=f"rows of more than {BOMB_ROW_BYTES:,} bytes on average that expand more",
                next_step="ask the vendor what was sent; if its files compress that well, declare a higher max_ratio "
                "in the source's format",
            )

    def check(self, file: pq.ParquetFile, fields: Sequence[str]) -> None:
        """Refuse a file whose footer counts other rows than were read, or more values in a column than rows.

        Call it at the end. Arrow ends the process if it is asked about a column chunk that it could not read.
        """
        groups = _row_groups(file)
        in_groups = sum(group.num_rows for group in groups)
        if not self.rows == in_groups == file.metadata.num_rows:
            found = f"{self.rows:,} rows, and {in_groups:,} in its list of row groups"
            raise self._error(f"{file.metadata.num_rows:,} rows, as its footer says", found)
        flat = _flat_columns(file, fields)
        for group in groups:
            for at in flat if group.num_rows else ():
                if (values := group.column(at).num_values) != group.num_rows:
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


def _row_groups(file: pq.ParquetFile) -> list[pq.RowGroupMetaData]:
    return [file.metadata.row_group(at) for at in range(file.metadata.num_row_groups)]


def _flat_columns(file: pq.ParquetFile, fields: Sequence[str]) -> list[int]:
    """Return the numbers of the columns in `fields` that have one value a row."""
    columns = [file.schema.column(at) for at in range(len(file.schema))]
    wanted = set(fields)
    return [at for at, column in enumerate(columns) if column.max_repetition_level == 0 and column.path in wanted]
