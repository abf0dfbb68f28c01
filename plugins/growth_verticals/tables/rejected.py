"""Read a source's rejects table: how many records were rejected, why, and the records themselves."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
from pyiceberg.expressions import AlwaysTrue, EqualTo
from pyroaring import BitMap64

from growth_verticals.catalog.create import find_table
from growth_verticals.catalog.service_errors import service_errors
from growth_verticals.contract.table import rejects_contract
from growth_verticals.tables.ledger import row_numbers
from growth_verticals.tables.scan import scan

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from pyiceberg.catalog.rest import RestCatalog
    from pyiceberg.expressions import BooleanExpression
    from pyiceberg.table import Table

    from growth_verticals.cadence import Period
    from growth_verticals.contract.table import TableContract

_FILE_COLUMNS = ("delivery_period", "source_file", "source_file_sha256")
_REASON_COLUMNS = ("column_name", "reason", "expected")
_SEPARATOR = "; "


class Fault(NamedTuple):
    """A reason why a record was rejected. `column` is None if the record as a whole is wrong."""

    column: str | None
    reason: str


@dataclass(kw_only=True)
class RejectedFile:
    """A file's rejected records in one period.

    :param faults: fault → number of records that have it. A record with two faults counts for both.
    """

    period: str
    name: str
    sha256: str
    records: int = 0
    faults: Counter[Fault] = field(default_factory=Counter)


@dataclass(frozen=True, kw_only=True)
class RejectedRecord:
    """A row of a rejects table. `raw_record` is None unless it was requested. `source_row` counts the header."""

    period: str
    name: str
    source_row: int
    column_name: str | None
    reason: str
    expected: str | None
    raw_record: str | None = field(default=None, repr=False)


@dataclass(kw_only=True)
class RejectedRows:
    """Which records of a file are in the rejects table, and why.

    :param rows: their `source_row` values.
    :param reasons: (`column_name`, `reason`, `expected`) as stored → number of records.
    """

    name: str
    rows: BitMap64 = field(default_factory=BitMap64)
    reasons: Counter[tuple[str | None, ...]] = field(default_factory=Counter)


def count_rejected(
    catalog: RestCatalog, contract: TableContract, period: Period | None = None, names: Collection[str] | None = None
) -> list[RejectedFile]:
    """Return the files that have rejected records, by period and name; only of `period` and `names` if given.

    Memory: a batch of five columns (`scan`), and one count per file, column and reason.
    """
    columns = (*_FILE_COLUMNS, *_REASON_COLUMNS[:2])
    files: dict[tuple[str, ...], RejectedFile] = {}
    for batch in _read(catalog, contract, period, names, columns):
        for key, records in _group_counts(batch, columns):
            file = files.setdefault(key[:3], RejectedFile(period=key[0], name=key[1], sha256=key[2]))
            file.records += records
            for fault in faults_of(*key[3:]):
                file.faults[fault] += records
    return sorted(files.values(), key=lambda file: (file.period, file.name, file.sha256))


def read_rejected(
    catalog: RestCatalog,
    contract: TableContract,
    period: Period | None = None,
    names: Collection[str] | None = None,
    *,
    raw: bool = False,
) -> Iterator[RejectedRecord]:
    """Yield rejected records, roughly in the order of their files. Memory: a batch (`scan`).

    :param raw: whether to include the raw record, as far as the rejects table keeps it.
    """
    columns = (*_FILE_COLUMNS[:2], "source_row", *_REASON_COLUMNS, *(("raw_record",) if raw else ()))
    for batch in _read(catalog, contract, period, names, columns):
        for start in range(0, batch.num_rows, 1_000):
            for row in batch.slice(start, 1_000).to_pylist():
                yield RejectedRecord(period=row.pop("delivery_period"), name=row.pop("source_file"), **row)


def rejected_rows(table: Table, period: Period, names: Collection[str] | None = None) -> dict[str, RejectedRows]:
    """Return, by sha256, which records of a period's files a rejects table holds.

    Memory: a batch of seven columns (`scan`), one count per file and combination of reasons, and at most one bit per
    record of the files.
    """
    columns = (*_FILE_COLUMNS, "source_row", *_REASON_COLUMNS)
    files: dict[str, RejectedRows] = {}
    for batch in _scan_rejects(table, period, names, columns):
        for (name, sha256), _ in _group_counts(batch, _FILE_COLUMNS[1:]):
            rows = batch.filter(pc.equal(batch.column("source_file_sha256"), sha256))
            file = files.setdefault(sha256, RejectedRows(name=name))
            file.rows.update(row_numbers(rows.column("source_row")))
            file.reasons += count_reasons(rows)
    return files


def count_reasons(rejects: pa.RecordBatch) -> Counter[tuple[str | None, ...]]:
    """Return (`column_name`, `reason`, `expected`) → number of records."""
    return Counter(dict(_group_counts(rejects, _REASON_COLUMNS)))


def _read(
    catalog: RestCatalog,
    contract: TableContract,
    period: Period | None,
    names: Collection[str] | None,
    columns: Sequence[str],
) -> Iterator[pa.RecordBatch]:
    """Yield `columns` of the rejects table's rows; nothing if there is no such table."""
    identifier = rejects_contract(contract).identifier
    table = find_table(catalog, identifier)
    if table is None:
        return
    with service_errors(f"reading {identifier}", catalog.uri):
        yield from _scan_rejects(table, period, names, columns)


def _scan_rejects(
    table: Table, period: Period | None, names: Collection[str] | None, columns: Sequence[str]
) -> Iterator[pa.RecordBatch]:
    period_column, name_column, _ = _FILE_COLUMNS
    row_filter: BooleanExpression = AlwaysTrue()
    if period is not None:
        row_filter = EqualTo(period_column, period.key)  # type: ignore[call-arg,arg-type] # as in ledger.py
    for batch in scan(table, row_filter, columns):
        rows = batch
        if period is not None:
            rows = rows.filter(pc.equal(rows.column(period_column), period.key))
        if names is not None:
            rows = rows.filter(pc.is_in(rows.column(name_column), value_set=pa.array(sorted(names), pa.string())))
        if rows.num_rows:
            yield rows


def _group_counts(batch: pa.RecordBatch, columns: Sequence[str]) -> Iterator[tuple[tuple[str, ...], int]]:
    """Yield each combination of values in these text columns, and how many rows have it."""
    grouped = pa.Table.from_batches([batch]).group_by(list(columns), use_threads=False).aggregate([([], "count_all")])
    counts = grouped.column("count_all").to_pylist()
    yield from zip(zip(*(grouped.column(name).to_pylist() for name in columns), strict=True), counts, strict=True)


def faults_of(columns: str | None, reasons: str) -> set[Fault]:
    """Return the faults that a record's `column_name` and `reason` list."""
    codes = reasons.split(_SEPARATOR)
    if columns is None:
        return {Fault(None, code) for code in codes}
    return {Fault(*pair) for pair in zip(columns.split(_SEPARATOR), codes, strict=True)}
