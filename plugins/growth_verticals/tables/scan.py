"""Read some columns of a table's current snapshot, one row group at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow.parquet as pq
from pyiceberg.io.pyarrow import ArrowScan

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pyarrow as pa
    from pyiceberg.expressions import BooleanExpression
    from pyiceberg.table import FileScanTask, Table


def scan(
    table: Table, row_filter: BooleanExpression, columns: Sequence[str], dictionary_columns: Sequence[str] = ()
) -> Iterator[pa.RecordBatch]:
    """Yield `columns` of every data file that may hold rows of `row_filter`, the file's other rows included.

    pyiceberg's own scan holds several whole files in memory. Memory here: these columns of one row group.

    :param columns: only columns whose type was never changed, such as provenance.
    :param dictionary_columns: those of `columns` to return dictionary-encoded.
    """
    for task in table.scan(row_filter=row_filter).plan_files():
        if task.delete_files:
            yield from _read_with_deletes(table, task, columns)
        else:
            yield from _read_all_rows(table, task, columns, dictionary_columns)


def _read_all_rows(
    table: Table, task: FileScanTask, columns: Sequence[str], dictionary_columns: Sequence[str]
) -> Iterator[pa.RecordBatch]:
    with table.io.new_input(task.file.file_path).open() as stream:
        file = pq.ParquetFile(stream, read_dictionary=list(dictionary_columns))
        for group in range(file.num_row_groups):
            yield from file.read_row_group(group, columns=list(columns)).to_batches()


def _read_with_deletes(table: Table, task: FileScanTask, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """Skip the rows that another engine deleted by position: pyiceberg's own reader applies these deletes."""
    reader = ArrowScan(table.metadata, table.io, table.schema().select(*columns), task.residual)
    yield from reader.to_record_batches([task])
