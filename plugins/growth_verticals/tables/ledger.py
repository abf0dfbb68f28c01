"""The table as its own ledger: which files' contents it holds, asked of its current metadata."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyiceberg.expressions import And, BooleanExpression, EqualTo, In
from pyiceberg.io.pyarrow import ArrowScan

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pyiceberg.table import FileScanTask, Table

_COLUMNS = ("delivery_period", "source_file_sha256")


def rows_of(period_key: str, sha256s: Iterable[str]) -> BooleanExpression:
    """Return the row filter of some files' rows in one period."""
    # pyiceberg declares its expressions as pydantic models, whose own constructor mypy sees instead of theirs.
    return And(EqualTo(_COLUMNS[0], period_key), In(_COLUMNS[1], set(sha256s)))  # type: ignore[call-arg,arg-type]


def loaded_files(table: Table, period_key: str, sha256s: Iterable[str]) -> set[str]:
    """Return those of `sha256s` (lower-case hex) that have rows in the table's current snapshot for that period.

    Manifests rule out the data files that cannot hold them; of the others two dictionary-encoded columns are read
    until every digest is found. Right after compaction and snapshot expiry, since neither changes rows. Memory: one
    row group of two columns. Costs tens of milliseconds while files are as staged; after compaction, a read of two
    columns of the period's files.
    """
    wanted = set(sha256s)
    found: set[str] = set()
    for digests in _digests(table, period_key, wanted):
        found |= wanted.intersection(pc.unique(digests).to_pylist())
        if found == wanted:
            break
    return found


def count_loaded_rows(table: Table, period_key: str, sha256s: Iterable[str]) -> int:
    """Return how many rows the table's current snapshot holds of those files in that period."""
    wanted = set(sha256s)
    values = pa.array(sorted(wanted), pa.string())
    return sum(
        pc.sum(pc.is_in(digests.cast(pa.string()), value_set=values)).as_py() or 0
        for digests in _digests(table, period_key, wanted)
    )


def _digests(table: Table, period_key: str, sha256s: set[str]) -> Iterator[pa.Array]:
    """Yield the `source_file_sha256` of the period's rows in every data file that may hold one of `sha256s`."""
    if not sha256s:
        return
    for task in table.scan(row_filter=rows_of(period_key, sha256s)).plan_files():
        batches = _with_deletes(table, task) if task.delete_files else _as_written(table, task)
        for batch in batches:
            of_period = pc.equal(batch.column(_COLUMNS[0]).cast(pa.string()), period_key)
            yield batch.column(_COLUMNS[1]).filter(of_period)


def _as_written(table: Table, task: FileScanTask) -> Iterator[pa.RecordBatch]:
    with table.io.new_input(task.file.file_path).open() as stream:
        file = pq.ParquetFile(stream, read_dictionary=list(_COLUMNS))
        for group in range(file.num_row_groups):
            yield from file.read_row_group(group, columns=list(_COLUMNS)).to_batches()


def _with_deletes(table: Table, task: FileScanTask) -> Iterator[pa.RecordBatch]:
    """Rows that another engine deleted by position do not count; pyiceberg's own reader applies those deletes."""
    scan = ArrowScan(table.metadata, table.io, table.schema().select(*_COLUMNS), task.residual)
    yield from scan.to_record_batches([task])
