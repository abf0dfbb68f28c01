"""Retention: remove whole periods that are older than declared, and rejected records that were staged too long ago.

S3 Tables' own record expiration serves only the tables that AWS manages itself (botocore's service model of
GetTableRecordExpirationConfiguration: MethodNotAllowedException). So the rows leave in a snapshot of ours. Their bytes
follow when managed maintenance has expired the snapshots that hold them.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
from pyiceberg.conversions import from_bytes
from pyiceberg.expressions import In
from pyiceberg.types import PrimitiveType

from growth_verticals.catalog.create import ensure_table, find_table
from growth_verticals.catalog.load_summary import LoadSummary
from growth_verticals.catalog.service_errors import service_errors
from growth_verticals.contract.table import rejects_contract
from growth_verticals.tables.commit_loop import commit_with_retry
from growth_verticals.tables.ledger import staging_numbers
from growth_verticals.tables.rewrite import without
from growth_verticals.tables.scan import read_columns

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from pyiceberg.catalog.rest import RestCatalog
    from pyiceberg.table import FileScanTask, Table, Transaction

    from growth_verticals.contract.table import TableContract
    from growth_verticals.delivery import Actor
    from growth_verticals.tables.rewrite import Replacement

    IsKept = Callable[[str], bool]

#: Periods that one snapshot changes. pyiceberg's filter for the partitions of a change is as deep as their number, and
#: Python's stack is not.
MAX_PERIODS = 100
_COLUMNS = ("delivery_period", "staged_at")


@dataclass(frozen=True, kw_only=True)
class OldRows:
    """Rows that are older than declared: period → number of rows, in the table and in its rejects table."""

    rows: Mapping[str, int] = field(default_factory=dict)
    rejects: Mapping[str, int] = field(default_factory=dict)


def find_old_rows(
    catalog: RestCatalog, contract: TableContract, is_kept: IsKept | None, rejected_before: datetime | None
) -> OldRows:
    """Return what `remove_old_rows` would remove. Changes nothing. Parameters, memory and errors are the same."""
    counts = []
    for each, limit in _limits(contract, is_kept, rejected_before):
        table = find_table(catalog, each.identifier)
        with service_errors(f"reading {each.identifier}", catalog.uri):
            counts.append(dict(sorted(limit.old_rows(table).items())) if table else {})
    rows, rejects = counts
    return OldRows(rows=rows, rejects=rejects)


def remove_old_rows(
    catalog: RestCatalog,
    contract: TableContract,
    source_name: str,
    is_kept: IsKept | None,
    rejected_before: datetime | None,
    *,
    actor: Actor | None = None,
) -> OldRows:
    """Remove the rows and rejects of periods that are not kept, and old rejects of all periods. Return what left.

    Makes one snapshot per table (for each `MAX_PERIODS` periods), first of the table, then of its rejects table: no row
    stays without the rejects of its file. Each commit succeeds only on the snapshot that was checked, so a load at the
    same time loses nothing. A retry removes what is left. A table that does not exist is not created. Memory: a count
    for each period, an entry for each data file that leaves, and two row groups of those that hold other rows too.

    :param is_kept: whether the rows of a period, given its key, stay; None: all do.
    :param rejected_before: rejects that were staged before this time leave (timezone-aware); None: they stay.

    Raises `TableMismatchError`, `CommitError`, `ServiceError`.
    """
    rows, rejects = (
        _remove(catalog, each, source_name, limit, actor) if find_table(catalog, each.identifier) else {}
        for each, limit in _limits(contract, is_kept, rejected_before)
    )
    return OldRows(rows=rows, rejects=rejects)


@dataclass(frozen=True)
class _Limit:
    """What is too old.

    :param is_kept: None if the period does not matter.
    :param staged_before: microseconds since 1970; None if age does not matter.
    """

    is_kept: IsKept | None
    staged_before: int | None

    def old_rows(self, table: Table) -> Counter[str]:
        """Return period → number of rows that are too old. Reads two columns of the files whose bounds do not say."""
        counts: Counter[str] = Counter()
        if self.is_kept is None and self.staged_before is None:
            return counts
        for task in table.scan().plan_files():
            if self.leaves(table, task):
                counts[_bounds(table, task, "delivery_period")[0]] += task.file.record_count
            elif not self._stays(table, task):
                for batch in read_columns(table, task, _COLUMNS):
                    old = batch.filter(self.is_old(batch))
                    periods = old.column("delivery_period").cast(pa.string())
                    counts.update({each["values"]: each["counts"] for each in pc.value_counts(periods).to_pylist()})
        return counts

    def leaves(self, table: Table, task: FileScanTask) -> bool:
        """Whether a data file's bounds show that all its rows are too old, and of one period."""
        first, last = _bounds(table, task, "delivery_period")
        if task.delete_files or first is None or first != last:
            return False
        newest = _bounds(table, task, "staged_at")[1]
        is_old = self.staged_before is not None and newest is not None and newest < self.staged_before
        return is_old or (self.is_kept is not None and not self.is_kept(first))

    def _stays(self, table: Table, task: FileScanTask) -> bool:
        """Whether a data file's bounds show that none of its rows is too old."""
        first, last = _bounds(table, task, "delivery_period")
        oldest = _bounds(table, task, "staged_at")[0]
        is_new = self.staged_before is None or (oldest is not None and oldest >= self.staged_before)
        return is_new and (self.is_kept is None or (first is not None and first == last and self.is_kept(first)))

    def is_old(self, batch: pa.RecordBatch) -> pa.Array:
        """Return which rows of a batch are too old, as booleans."""
        old = pa.repeat(False, batch.num_rows)
        if self.is_kept is not None:
            periods = batch.column("delivery_period").cast(pa.string())
            gone = [period for period in pc.unique(periods).to_pylist() if not self.is_kept(period)]
            old = pc.is_in(periods, value_set=pa.array(gone, pa.string()))
        if self.staged_before is not None:
            old = pc.or_(old, pc.less(staging_numbers(batch), self.staged_before))
        return old


def _limits(
    contract: TableContract, is_kept: IsKept | None, rejected_before: datetime | None
) -> list[tuple[TableContract, _Limit]]:
    before = None if rejected_before is None else int(rejected_before.timestamp() * 1_000_000)
    return [(contract, _Limit(is_kept, None)), (rejects_contract(contract), _Limit(is_kept, before))]


def _remove(
    catalog: RestCatalog, contract: TableContract, source_name: str, limit: _Limit, actor: Actor | None
) -> dict[str, int]:
    """Remove all rows that are too old from one table. Return how many of each period left."""
    ensure_table(catalog, contract)  # refuses a table whose columns are not the contract's
    removed: Counter[str] = Counter()
    while (left := _remove_some(catalog, contract, source_name, limit, actor)) is not None:
        removed += left
    return dict(sorted(removed.items()))


def _remove_some(
    catalog: RestCatalog, contract: TableContract, source_name: str, limit: _Limit, actor: Actor | None
) -> Counter[str] | None:
    """Remove the rows of up to `MAX_PERIODS` periods in one snapshot. Return how many left; None if there were none."""
    made: dict[int, Counter[str]] = {}

    def change(table: Table) -> Callable[[Transaction], None] | None:
        old = Counter(dict(sorted(limit.old_rows(table).items())[:MAX_PERIODS]))
        if not old:
            return None

        def apply(transaction: Transaction) -> None:
            periods = sorted(old)
            period = periods[0] if len(periods) == 1 else f"{periods[0]}..{periods[-1]}"
            summary = LoadSummary(source=source_name, period=period, files=None, action="retention", actor=actor)
            replacement = _without_old(table, contract, limit, periods)
            made[replacement.apply(transaction, summary.to_properties())] = old

        return apply

    metadata = commit_with_retry(catalog, contract.identifier, change).metadata
    committed = (counts for snapshot_id, counts in made.items() if metadata.snapshot_by_id(snapshot_id) is not None)
    return next(committed, Counter()) if made else None


def _without_old(table: Table, contract: TableContract, limit: _Limit, periods: Sequence[str]) -> Replacement:
    """Return the replacement that removes the rows of these periods that are too old."""
    keys = pa.array(periods, pa.string())

    def kept(batch: pa.RecordBatch) -> pa.Array:
        of_these = pc.is_in(batch.column("delivery_period").cast(pa.string()), value_set=keys)
        return pc.invert(pc.and_(of_these, limit.is_old(batch)))

    of_these = In("delivery_period", set(periods))  # type: ignore[call-arg,arg-type] # as in ledger.py
    return without(table, contract, of_these, kept, leaves=lambda task: limit.leaves(table, task))


def _bounds(table: Table, task: FileScanTask, column: str) -> tuple[Any, Any]:
    """Return the lowest and highest value of a data file's column; None where the metadata does not say."""
    field = table.schema().find_field(column)
    if not isinstance(field.field_type, PrimitiveType):
        return None, None
    lower, upper = ((bounds or {}).get(field.field_id) for bounds in (task.file.lower_bounds, task.file.upper_bounds))
    return tuple(None if each is None else from_bytes(field.field_type, each) for each in (lower, upper))  # type: ignore[return-value]
