"""Read some columns of a table's current snapshot, a few thousand rows at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
from pyiceberg.io.pyarrow import ArrowScan

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pyiceberg.expressions import BooleanExpression
    from pyiceberg.table import FileScanTask, Table

#: Rows in a batch. Raw records, the longest texts in any table, have 16,384 characters at most.
BATCH_ROWS = 8_192
_FIELD_ID = b"PARQUET:field_id"


def scan(
    table: Table, row_filter: BooleanExpression, columns: Sequence[str], dictionary_columns: Sequence[str] = ()
) -> Iterator[pa.RecordBatch]:
    """Yield `columns` of every data file that may hold rows of `row_filter`; also the file's other rows.

    pyiceberg's own scan keeps whole files in memory, several at once. Memory here: `BATCH_ROWS` rows, and these columns
    of one row group as they are stored, which are compressed.

    :param columns: of types that were never changed, such as provenance. They may have been renamed.
    :param dictionary_columns: those of them that are to be dictionary-encoded.
    """
    for task in table.scan(row_filter=row_filter).plan_files():
        yield from read_columns(table, task, columns, dictionary_columns)


def read_columns(
    table: Table, task: FileScanTask, columns: Sequence[str], dictionary_columns: Sequence[str] = ()
) -> Iterator[pa.RecordBatch]:
    """Yield `columns` of one data file. A column that was added after the file was written is NULL.

    Memory: as in `scan`; these columns of the whole file where another engine has deleted rows by position.
    """
    if task.delete_files:  # pyiceberg's own reader applies them
        reader = ArrowScan(table.metadata, table.io, table.schema().select(*columns), task.residual)
        yield from reader.to_record_batches([task])
        return
    with table.io.new_input(task.file.file_path).open() as stream:
        names = _names_in_file(table, pq.read_schema(stream), columns)
        stream.seek(0)
        encoded = [names[column] for column in dictionary_columns if column in names]
        file = pq.ParquetFile(stream, read_dictionary=encoded)
        for group in range(file.num_row_groups):
            for batch in file.iter_batches(BATCH_ROWS, row_groups=[group], columns=list(names.values())):
                arrays = [
                    batch.column(names[column]) if column in names else pa.nulls(batch.num_rows) for column in columns
                ]
                yield pa.RecordBatch.from_arrays(arrays, names=list(columns))


def _names_in_file(table: Table, schema: pa.Schema, columns: Sequence[str]) -> dict[str, str]:
    """Return what a data file calls the table's columns: by field id, which a renamed column keeps."""
    by_id = {
        field.metadata[_FIELD_ID]: field.name for field in schema if field.metadata and _FIELD_ID in field.metadata
    }
    names = {}
    for column in columns:
        field_id = str(table.schema().find_field(column).field_id).encode()
        name = by_id.get(field_id) if by_id else column
        if name is not None:
            names[column] = name
    return names
