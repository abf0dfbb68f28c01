"""A delivery's report: from the manifests of its staged files, and from the table's metadata.

Rows are read only for `ControlSum`, `UniqueKey` and `KnownKeys`, and only the columns that these name.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal, localcontext
from functools import partial
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
from pyiceberg.expressions import EqualTo
from pyiceberg.table import FileScanTask

from growth_verticals.catalog.create import ensure_table
from growth_verticals.catalog.service_errors import service_errors
from growth_verticals.checks import ControlSum, KnownKeys, NullShare, RowsBand, UniqueKey
from growth_verticals.contract.table import rejects_contract
from growth_verticals.quality.evaluate import Measured, evaluate
from growth_verticals.quality.history import read_history
from growth_verticals.quality.keys import count_known, count_repeated
from growth_verticals.quality.profile import count_rejects, profile_of
from growth_verticals.quality.report import CheckedFile, CheckReport, ColumnChange, rejected_counts
from growth_verticals.quality.sums import exact_sum
from growth_verticals.tables.ledger import file_filter, loaded_digests, rows_in_period
from growth_verticals.tables.scan import read_columns, scan
from growth_verticals.tables.staged import read_batch, split_into_batches

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from pyiceberg.catalog.rest import RestCatalog
    from pyiceberg.manifest import DataFile
    from pyiceberg.table import Table

    from growth_verticals.cadence import Period
    from growth_verticals.checks import Check
    from growth_verticals.contract.table import TableContract
    from growth_verticals.delivery import StagedFile
    from growth_verticals.quality.history import History
    from growth_verticals.quality.keys import KeyCount
    from growth_verticals.quality.profile import Profile

_FILE_COLUMNS = ("delivery_period", "source_file_sha256")


def check_delivery(
    catalog: RestCatalog,
    contract: TableContract,
    source_name: str,
    period: Period,
    staged: Sequence[StagedFile],
    checks: Sequence[Check],
    expected_sums: Mapping[str, str] | None = None,
    leaving: Collection[str] = (),
) -> CheckReport:
    """Return the report of a delivery that is staged and not committed. Changes nothing; it can be called again.

    Files that the table holds already count as rows that are present. If it holds all of them, no check is made.
    Memory: the metrics of the data files of the compared periods, and what the declared checks need (`keys.py`).

    :param expected_sums: column → the sum over the delivery according to the sender, as a decimal number in text.
        Default: the sum of what the vendor's manifest states for the files.
    :param leaving: digests of files whose rows a restatement or a reload is going to remove.

    Raises `DeliveryRefusedError` if the staged files cannot be committed, `TableMismatchError` or `ServiceError`.
    """
    table, rejects_table = ensure_table(catalog, contract), ensure_table(catalog, rejects_contract(contract))
    with service_errors(f"checking a delivery for {contract.identifier}", catalog.uri):
        loaded = loaded_digests(table, period.key, {file.sha256 for file in staged}) - set(leaving)
        batches = [
            read_batch(table, rejects_table, period, files, loaded, source_name) for files in split_into_batches(staged)
        ]
        data_files = [data_file for batch in batches for data_file in batch.data_files]
        reject_files = [data_file for batch in batches for data_file in batch.reject_files]
        history = read_history(table, period.key, _periods_to_compare(checks), leaving)
        is_pending = any(not batch.is_committed for batch in batches)
        rows = _Rows(table, period, data_files, history, loaded, frozenset(leaving))
        after = profile_of(table, contract, [*history.present, *data_files]) if history.is_exact else None
        earlier = [profile_of(table, contract, files) for files in history.earlier.values()]
        measured = Measured(
            period=after,
            earlier=earlier,
            staged=staged,
            expected_sums=_stated_sums(staged) | dict(expected_sums or {}),
            sums=_sums(rows, checks) if is_pending else {},
            repeated=_repeated(rows, checks) if is_pending else {},
            known=_known(rows, checks) if is_pending else {},
            nullable=[each.name for each in contract.columns if not each.required and not each.type.startswith("map")],
            shown={each.name for each in contract.columns if each.pii == "N"},
        )
        rejects = count_rejects(rejects_table, reject_files)
    return CheckReport(
        source=source_name,
        table=contract.identifier,
        period=period.key,
        files=tuple(_checked(file) for file in staged),
        is_pending=is_pending,
        rows=sum(data_file.record_count for data_file in data_files),
        rows_rejected=sum(data_file.record_count for data_file in reject_files),
        rows_present=sum(data_file.record_count for data_file in history.present),
        period_before=next(iter(history.earlier), None),
        rows_before=earlier[0].rows if earlier else None,
        columns=_changes(contract, after, earlier),
        rejects=tuple(rejected_counts(rejects)),
        findings=tuple(evaluate(checks, measured)) if is_pending else (),
    )


def _periods_to_compare(checks: Sequence[Check]) -> int:
    """Return how many earlier periods are needed: one to show, or as many as a check compares."""
    return max([1, *(check.periods for check in checks if isinstance(check, (RowsBand, NullShare)))])


def _stated_sums(staged: Sequence[StagedFile]) -> dict[str, str]:
    """Return the sums over the delivery of the columns whose sum the manifest states for every file."""
    files = {file.sha256: dict(file.expected_sums) for file in reversed(staged)}.values()
    columns = set.intersection(*(set(sums) for sums in files)) if files else set()
    with localcontext(prec=100):
        return {column: f"{sum(Decimal(sums[column]) for sums in files):f}" for column in columns}


def _checked(file: StagedFile) -> CheckedFile:
    return CheckedFile(
        name=file.name,
        sha256=file.sha256,
        status=file.status,
        rows_read=file.rows_read,
        rows_valid=file.rows_valid,
        rows_rejected=file.rows_rejected,
        staged_at=file.staged_at,
    )


def _changes(contract: TableContract, after: Profile | None, earlier: Sequence[Profile]) -> tuple[ColumnChange, ...]:
    return tuple(
        ColumnChange(
            column=column.name,
            null_share=after.null_share(column.name) if after else None,
            null_share_before=earlier[0].null_share(column.name) if earlier else None,
        )
        for column in contract.columns
    )


# --- what only rows can say ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Rows:
    """The rows of a delivery, of its period and of the period before, some columns at a time.

    :param loaded: digests of the delivery's files that the table holds and keeps.
    :param leaving: digests of the files whose rows are going to be removed.
    """

    table: Table
    period: Period
    data_files: Sequence[DataFile]
    history: History
    loaded: Collection[str]
    leaving: frozenset[str]

    @property
    def count(self) -> int:
        """About how many rows the period has after the load."""
        return sum(each.record_count for each in (*self.data_files, *self.history.present))

    @property
    def count_before(self) -> int:
        return sum(each.record_count for each in next(iter(self.history.earlier.values()), ()))

    def staged(self, columns: tuple[str, ...]) -> Iterator[pa.RecordBatch]:
        """Yield the rows that the commit would add."""
        for data_file in self.data_files:
            yield from read_columns(self.table, FileScanTask(data_file), columns)

    def delivered(self, columns: tuple[str, ...]) -> Iterator[pa.RecordBatch]:
        """Yield all rows of the delivery's files, also of those that are loaded already."""
        yield from self.staged(columns)
        if self.loaded:
            kept = pa.array(sorted(self.loaded), pa.string())
            for batch in scan(self.table, file_filter(self.period.key, self.loaded), (*columns, *_FILE_COLUMNS)):
                rows = rows_in_period(batch, self.period.key)
                mask = pc.is_in(rows.column(_FILE_COLUMNS[1]).cast(pa.string()), value_set=kept)
                yield rows.filter(mask).select(list(columns))

    def of_period(self, columns: tuple[str, ...]) -> Iterator[pa.RecordBatch]:
        """Yield all rows that the period has after the load."""
        yield from self.staged(columns)
        left_out = pa.array(sorted(self.leaving), pa.string())
        for batch in self._loaded_rows(self.period.key, (*columns, *_FILE_COLUMNS)):
            mask = pc.is_in(batch.column(_FILE_COLUMNS[1]).cast(pa.string()), value_set=left_out)
            yield batch.filter(pc.invert(mask)).select(list(columns))

    def of_period_before(self, columns: tuple[str, ...]) -> Iterator[pa.RecordBatch]:
        for key in list(self.history.earlier)[:1]:
            for batch in self._loaded_rows(key, (*columns, *_FILE_COLUMNS)):
                yield batch.select(list(columns))

    def _loaded_rows(self, period_key: str, columns: tuple[str, ...]) -> Iterator[pa.RecordBatch]:
        of_period = EqualTo(_FILE_COLUMNS[0], period_key)  # type: ignore[call-arg,arg-type] # as in ledger.py
        for batch in scan(self.table, of_period, columns):
            yield rows_in_period(batch, period_key)


def _sums(rows: _Rows, checks: Sequence[Check]) -> dict[str, Decimal]:
    columns = {check.column for check in checks if isinstance(check, ControlSum)}
    return {column: exact_sum(batch.column(0) for batch in rows.delivered((column,))) for column in columns}


def _repeated(rows: _Rows, checks: Sequence[Check]) -> dict[tuple[str, ...], KeyCount]:
    keys = {check.columns for check in checks if isinstance(check, UniqueKey)}
    return {key: count_repeated(partial(rows.of_period, key), rows.count) for key in keys}


def _known(rows: _Rows, checks: Sequence[Check]) -> dict[tuple[str, ...], KeyCount]:
    keys = {check.columns for check in checks if isinstance(check, KnownKeys)} if rows.history.earlier else set()
    larger = max(rows.count, rows.count_before)
    return {key: count_known(partial(rows.of_period_before, key), partial(rows.staged, key), larger) for key in keys}
