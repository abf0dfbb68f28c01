"""The profile of some data files: rows, bytes, NULLs by column, bounds of columns without personal data.

Everything comes from the metrics in manifests, which the writer took from the Parquet footers. No row is read.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from pyiceberg.conversions import from_bytes
from pyiceberg.table import FileScanTask
from pyiceberg.types import DateType, PrimitiveType, TimestampType, TimestamptzType
from pyiceberg.utils.datetime import days_to_date, micros_to_timestamp, micros_to_timestamptz

from growth_verticals.tables.rejected import Fault, count_reasons, faults_of
from growth_verticals.tables.scan import read_columns

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pyiceberg.manifest import DataFile
    from pyiceberg.table import Table
    from pyiceberg.types import IcebergType

    from growth_verticals.contract.table import Column, TableContract

_REJECT_COLUMNS = ("column_name", "reason", "expected")
#: Iceberg types whose bounds are kept. Bounds of text are cut at 16 characters, and text can be personal all the same.
_ORDERED_TYPES = ("int", "long", "float", "double", "decimal", "date", "timestamp", "timestamptz")


@dataclass(frozen=True, kw_only=True)
class ColumnProfile:
    """One column: JSON types.

    :param nulls: None if a data file has no count, as in a map column, or if another engine wrote it without metrics.
    :param min, max: only for numbers, dates and times of PII class N. None if not known, or if all values are NULL.
        Decimals, dates and times are text.
    """

    nulls: int | None
    min: int | float | str | None = None
    max: int | float | str | None = None


@dataclass(frozen=True, kw_only=True)
class Profile:
    """Rows, encoded bytes and columns of some data files."""

    rows: int
    bytes: int
    data_files: int
    columns: dict[str, ColumnProfile] = field(default_factory=dict)

    def null_share(self, column: str) -> float | None:
        """Return a column's share of NULL, 0 to 1; None if it is not known."""
        known = self.columns.get(column)
        return None if known is None or known.nulls is None or not self.rows else known.nulls / self.rows


def profile_of(table: Table, contract: TableContract, data_files: Sequence[DataFile]) -> Profile:
    """Return the profile of data files of `table`. It has the contract's own columns, without provenance."""
    return Profile(
        rows=sum(data_file.record_count for data_file in data_files),
        bytes=sum(data_file.file_size_in_bytes for data_file in data_files),
        data_files=len(data_files),
        columns={column.name: _column_profile(table, column, data_files) for column in contract.columns},
    )


def count_rejects(rejects_table: Table, data_files: Sequence[DataFile]) -> Counter[Fault]:
    """Return fault → number of records, of data files of a rejects table. Memory: three columns of a row group."""
    faults: Counter[Fault] = Counter()
    for data_file in data_files:
        for batch in read_columns(rejects_table, FileScanTask(data_file), _REJECT_COLUMNS):
            for (column_name, reason, _), records in count_reasons(batch).items():
                for fault in faults_of(column_name, str(reason)):
                    faults[fault] += records
    return faults


def _column_profile(table: Table, column: Column, data_files: Sequence[DataFile]) -> ColumnProfile:
    live = table.schema().find_field(column.name)
    counts = [(data_file.null_value_counts or {}).get(live.field_id) for data_file in data_files]
    nulls = None if None in counts else sum(count for count in counts if count is not None)
    if column.pii != "N" or not column.type.startswith(_ORDERED_TYPES) or nulls is None:
        return ColumnProfile(nulls=nulls)
    with_values = [each for each, count in zip(data_files, counts, strict=True) if count != each.record_count]
    low = list(_bounds(with_values, live.field_id, live.field_type, lower=True))
    high = list(_bounds(with_values, live.field_id, live.field_type, lower=False))
    if not low or None in (*low, *high):
        return ColumnProfile(nulls=nulls)
    return ColumnProfile(nulls=nulls, min=_to_json(min(low), live.field_type), max=_to_json(max(high), live.field_type))


def _bounds(data_files: Sequence[DataFile], field_id: int, kind: IcebergType, *, lower: bool) -> Iterator[Any]:
    for data_file in data_files:
        bound = ((data_file.lower_bounds if lower else data_file.upper_bounds) or {}).get(field_id)
        yield None if bound is None or not isinstance(kind, PrimitiveType) else from_bytes(kind, bound)


def _to_json(value: Any, kind: IcebergType) -> int | float | str:
    if isinstance(kind, DateType):
        return days_to_date(value).isoformat()
    if isinstance(kind, TimestampType):
        return micros_to_timestamp(value).isoformat()
    if isinstance(kind, TimestamptzType):
        return micros_to_timestamptz(value).isoformat()
    return str(value) if isinstance(value, Decimal) else value
