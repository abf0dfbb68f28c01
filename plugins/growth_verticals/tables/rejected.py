"""Reading a source's rejects table: how many records, why, and the records themselves."""

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

_FILE = ("delivery_period", "source_file", "source_file_sha256")
_WHY = ("column_name", "reason", "expected")
_JOINED_BY = "; "


class Fault(NamedTuple):
    """What is wrong with a cell, or with a whole record: then `column` is None."""

    column: str | None
    reason: str


@dataclass(kw_only=True)
class RejectedFile:
    """A file's rejected records in one period.

    :param faults: fault → records that have it. A record with two faults counts for both.
    """

    period: str
    name: str
    sha256: str
    records: int = 0
    faults: Counter[Fault] = field(default_factory=Counter)


@dataclass(frozen=True, kw_only=True)
class RejectedRecord:
    """A row of a rejects table. `raw_record` is None where it was not asked for; `source_row` counts the header."""

    period: str
    name: str
    source_row: int
    column_name: str | None
    reason: str
    expected: str | None
    raw_record: str | None = field(default=None, repr=False)


@dataclass(kw_only=True)
class RejectedRows:
    """Which records of a file stand in the rejects table, and why.

    :param reasons: (`column_name`, `reason`, `expected`) as stored → records.
    """

    name: str
    rows: BitMap64 = field(default_factory=BitMap64)
    reasons: Counter[tuple[str | None, ...]] = field(default_factory=Counter)


def count_rejected(
    catalog: RestCatalog, contract: TableContract, period: Period | None = None, names: Collection[str] | None = None
) -> list[RejectedFile]:
    """Return the files that have rejected records, by period and name; of one period and some names if given.

    Memory: six columns of one row group, and a count a file, column and reason.
    """
    columns = (*_FILE, *_WHY[:2])
    files: dict[tuple[str, ...], RejectedFile] = {}
    for batch in _batches(catalog, contract, period, names, columns):
        for key, records in _groups(batch, columns):
            file = files.setdefault(key[:3], RejectedFile(period=key[0], name=key[1], sha256=key[2]))
            file.records += records
            for fault in _faults(*key[3:]):
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
    """Yield rejected records, about in the order of their files. Memory: one row group.

    :param raw: whether the record itself, as far as it was kept, is wanted.
    """
    columns = (*_FILE[:2], "source_row", *_WHY, *(("raw_record",) if raw else ()))
    for batch in _batches(catalog, contract, period, names, columns):
        for part in range(0, batch.num_rows, 1_000):
            for row in batch.slice(part, 1_000).to_pylist():
                yield RejectedRecord(period=row.pop("delivery_period"), name=row.pop("source_file"), **row)


def rejected_rows(table: Table, period: Period, names: Collection[str] | None = None) -> dict[str, RejectedRows]:
    """Return, by sha256, which records of a period's files a rejects table holds. Memory: as `count_rejected`."""
    columns = (*_FILE, "source_row", *_WHY)
    files: dict[str, RejectedRows] = {}
    for batch in _of(table, period, names, columns):
        for (name, sha256), _ in _groups(batch, _FILE[1:]):
            rows = batch.filter(pc.equal(batch.column("source_file_sha256"), sha256))
            file = files.setdefault(sha256, RejectedRows(name=name))
            file.rows.update(row_numbers(rows.column("source_row")))
            file.reasons += count_reasons(rows)
    return files


def count_reasons(rejects: pa.RecordBatch) -> Counter[tuple[str | None, ...]]:
    """Return (`column_name`, `reason`, `expected`) → records."""
    return Counter(dict(_groups(rejects, _WHY)))


def _batches(
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
        yield from _of(table, period, names, columns)


def _of(
    table: Table, period: Period | None, names: Collection[str] | None, columns: Sequence[str]
) -> Iterator[pa.RecordBatch]:
    of_period: BooleanExpression = AlwaysTrue()
    if period is not None:
        of_period = EqualTo(_FILE[0], period.key)  # type: ignore[call-arg,arg-type] # as in ledger.py
    for batch in scan(table, of_period, columns):
        wanted = batch
        if period is not None:
            wanted = wanted.filter(pc.equal(wanted.column(_FILE[0]), period.key))
        if names is not None:
            wanted = wanted.filter(pc.is_in(wanted.column(_FILE[1]), value_set=pa.array(sorted(names), pa.string())))
        if wanted.num_rows:
            yield wanted


def _groups(batch: pa.RecordBatch, columns: Sequence[str]) -> Iterator[tuple[tuple[str, ...], int]]:
    """Yield each combination of values that some text columns have, and how many rows have it."""
    grouped = pa.Table.from_batches([batch]).group_by(list(columns), use_threads=False).aggregate([([], "count_all")])
    counts = grouped.column("count_all").to_pylist()
    yield from zip(zip(*(grouped.column(name).to_pylist() for name in columns), strict=True), counts, strict=True)


def _faults(columns: str | None, reasons: str) -> set[Fault]:
    """Return the faults that a record's `column_name` and `reason` tell of."""
    parts = reasons.split(_JOINED_BY)
    if columns is None:
        return {Fault(None, reason) for reason in parts}
    return {Fault(*pair) for pair in zip(columns.split(_JOINED_BY), parts, strict=True)}
