"""Remove rows from a table, in bounded memory and in one snapshot.

A data file that holds nothing else is dropped; one that holds other rows too (staged together, or compacted) is
written again without them. pyiceberg's own delete reads such a file whole, and may make two snapshots.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
from pyiceberg.table import FileScanTask

from growth_verticals.tables.ledger import file_filter, staging_numbers
from growth_verticals.tables.scan import read_columns
from growth_verticals.tables.writer import DataFileWriter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from pyiceberg.expressions import BooleanExpression
    from pyiceberg.manifest import DataFile
    from pyiceberg.table import Table, Transaction

    from growth_verticals.contract.table import TableContract

    #: By digest, the stagings (`staged_at`, microseconds) whose rows to remove; None for all.
    Stagings = Mapping[str, Iterable[int] | None]
    #: Given a batch of the columns `PROVENANCE`, and perhaps others: which of its rows stay, as booleans.
    Kept = Callable[[pa.RecordBatch], pa.Array]

PROVENANCE = ("delivery_period", "source_file_sha256", "staged_at")


@dataclass
class Replacement:
    """The data files that a change removes from a table, and those that it adds. `rows` rows leave by it."""

    row_filter: BooleanExpression
    removed: list[DataFile] = field(default_factory=list)
    added: list[DataFile] = field(default_factory=list)
    rows: int = 0

    def apply(self, transaction: Transaction, summary: Mapping[str, str]) -> int:
        """Add the change to a transaction, as one snapshot. Return the snapshot's id."""
        with transaction.update_snapshot(snapshot_properties=dict(summary)).overwrite() as overwrite:
            overwrite.delete_by_predicate(self.row_filter)
            for data_file in self.removed:
                overwrite.delete_data_file(data_file)
            for data_file in self.added:
                overwrite.append_data_file(data_file)
        return overwrite.snapshot_id


def without_rows(table: Table, contract: TableContract, period_key: str, stagings: Stagings) -> Replacement:
    """Return the replacement that removes rows of one period from `table`. See `without`.

    :param stagings: by digest, which stagings' rows to remove (`staged_at`, microseconds); None for all.
    """
    kept = partial(_keep_mask, period_key=period_key, stagings=stagings)
    return without(table, contract, file_filter(period_key, stagings), kept)


def without(
    table: Table,
    contract: TableContract,
    row_filter: BooleanExpression,
    kept: Kept,
    *,
    leaves: Callable[[FileScanTask], bool] = lambda _: False,
) -> Replacement:
    """Return the replacement that removes rows from `table`. The rows that stay are already written.

    Memory: two row groups, whatever the size of the files. No snapshot refers to what is written until the
    replacement is committed, on the snapshot that `table` has.

    :param row_filter: all rows to remove match it. The files that it rules out are not read.
    :param leaves: whether the metadata of a data file shows that all its rows leave. Then it is not read either.
    """
    replacement = Replacement(row_filter)
    writer = DataFileWriter(table, contract)
    try:
        for task in table.scan(row_filter=row_filter).plan_files():
            if leaves(task):
                replacement.removed.append(task.file)
                replacement.rows += task.file.record_count
                continue
            stay = total = 0
            for batch in read_columns(table, task, PROVENANCE):
                stay += pc.sum(kept(batch)).as_py() or 0
                total += batch.num_rows
            if stay == total:
                continue
            replacement.removed.append(task.file)
            replacement.rows += total - stay
            if stay:
                for batch in all_rows(table, contract, task):
                    if (rows := batch.filter(kept(batch))).num_rows:
                        writer.write(rows, {})
        replacement.added.extend(writer.close())
    except BaseException:
        writer.abort()
        raise
    return replacement


def all_rows(table: Table, contract: TableContract, task: FileScanTask) -> Iterator[pa.RecordBatch]:
    """Yield a data file's rows with all columns of the contract."""
    yield from read_columns(table, task, [column.name for column in contract.all_columns])


def _keep_mask(batch: pa.RecordBatch, period_key: str, stagings: Stagings) -> pa.Array:
    digests = batch.column("source_file_sha256").cast(pa.string())
    staged_at = staging_numbers(batch)
    digests_by_stagings: dict[frozenset[int] | None, list[str]] = {}
    for digest, each in stagings.items():
        digests_by_stagings.setdefault(None if each is None else frozenset(each), []).append(digest)
    removed = pa.repeat(False, batch.num_rows)
    for wanted, of_stagings in digests_by_stagings.items():
        mask = pc.is_in(digests, value_set=pa.array(of_stagings, pa.string()))
        if wanted is not None:
            mask = pc.and_(mask, pc.is_in(staged_at, value_set=pa.array(sorted(wanted), pa.int64())))
        removed = pc.or_(removed, mask)
    return pc.invert(pc.and_(removed, pc.equal(batch.column("delivery_period").cast(pa.string()), period_key)))


def rows_of_files(table: Table, contract: TableContract, data_files: Sequence[DataFile]) -> Iterator[pa.RecordBatch]:
    """Yield the rows of staged data files that no snapshot refers to."""
    for data_file in data_files:
        yield from all_rows(table, contract, FileScanTask(data_file))
