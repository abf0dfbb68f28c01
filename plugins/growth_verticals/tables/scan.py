"""Reading some columns of a table's current snapshot, a row group at a time."""

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
    table: Table, row_filter: BooleanExpression, columns: Sequence[str], repeating: Sequence[str] = ()
) -> Iterator[pa.RecordBatch]:
    """Yield `columns` of every data file that may hold rows of `row_filter`; the file's other rows come with them.

    pyiceberg's own scan holds whole files, several at once. Memory here: these columns of one row group.

    :param columns: of types that were never changed, such as provenance.
    :param repeating: those of them that come dictionary-encoded.
    """
    for task in table.scan(row_filter=row_filter).plan_files():
        yield from (
            _with_deletes(table, task, columns) if task.delete_files else _as_written(table, task, columns, repeating)
        )


def _as_written(
    table: Table, task: FileScanTask, columns: Sequence[str], repeating: Sequence[str]
) -> Iterator[pa.RecordBatch]:
    with table.io.new_input(task.file.file_path).open() as stream:
        file = pq.ParquetFile(stream, read_dictionary=list(repeating))
        for group in range(file.num_row_groups):
            yield from file.read_row_group(group, columns=list(columns)).to_batches()


def _with_deletes(table: Table, task: FileScanTask, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """Rows that another engine deleted by position do not count; pyiceberg's own reader applies those deletes."""
    reader = ArrowScan(table.metadata, table.io, table.schema().select(*columns), task.residual)
    yield from reader.to_record_batches([task])
