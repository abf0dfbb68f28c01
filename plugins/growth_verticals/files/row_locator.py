"""Finds the record of a delimited block that a row of Arrow's table came from."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import pyarrow as pa

from growth_verticals.files.records import column_at, split_records, stray_quotes
from growth_verticals.files.rejects import Reason, Rejected

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow.csv as arrow_csv

    from growth_verticals.files.blocks import TextBlock
    from growth_verticals.files.records import Dialect, Records
    from growth_verticals.files.rejects import Faults


class RowLocator:
    """Line numbers and raw records of one block's rows. Splits the block into records only if necessary.

    :param row_count: how many rows Arrow read.
    :param invalid_rows: the records that Arrow skipped because of their number of cells.

    Raises `UnclosedQuoteError` if lines of the block are swallowed by a quote.
    """

    def __init__(
        self, row_count: int, invalid_rows: list[arrow_csv.InvalidRow], block: TextBlock, dialect: Dialect
    ) -> None:
        self._row_count = row_count
        self._invalid_rows = invalid_rows
        self._block = block
        self._dialect = dialect
        self._has_stray_quotes = not block.well_formed and bool(stray_quotes(block.data, dialect))

    def source_rows(self) -> pa.Array:
        """Return the 1-based line of each row, int64."""
        first = self._block.first_line
        if not self._invalid_rows and self._row_count == self._block.lines:
            return pa.arange(first, first + self._row_count)
        lines = self._records.lines
        return pa.array([first + lines[index] for index in self._record_indices], pa.int64())

    def raw_record(self, row: int) -> str:
        """Return the record of a row as it is in the file."""
        return self._dialect.as_written(self._records.raw_records[self._record_indices[row]])

    def wrong_length_records(self, columns: int) -> list[Rejected]:
        """Return the records that have fewer or more cells than the file's `columns`, as rejects."""
        rejected = []
        for invalid in self._invalid_rows:
            index = invalid.number - 1
            few = invalid.actual_columns < columns
            reason = Reason.TOO_FEW_COLUMNS if few else Reason.TOO_MANY_COLUMNS
            if index in self._stray_quotes:
                reason = Reason.STRAY_QUOTE
            line = self._block.first_line + self._records.lines[index]
            raw = self._dialect.as_written(self._records.raw_records[index])
            rejected.append(Rejected(line, None, reason, f"{columns} columns", raw))
        return rejected

    def stray_quote_faults(self, columns: Sequence[str]) -> dict[str, Faults]:
        """Return the cells with a quote that is not doubled, by column. Arrow drops or keeps such a quote silently."""
        faults: dict[str, Faults] = {}
        if self._has_stray_quotes:
            rows = {record: row for row, record in enumerate(self._record_indices)}
            for record in rows.keys() & self._stray_quotes.keys():
                for column in self._stray_quotes[record]:
                    faults.setdefault(columns[column], {})[rows[record]] = Reason.STRAY_QUOTE
        return faults

    @cached_property
    def _stray_quotes(self) -> dict[int, list[int]]:
        """The columns with stray quotes of each record that has some, by the record's index."""
        found = {}
        for index, record in enumerate(self._records.raw_records if self._has_stray_quotes else ()):
            if strays := stray_quotes(record, self._dialect):
                found[index] = [column_at(record, start, self._dialect) for start in strays]
        return found

    @cached_property
    def _records(self) -> Records:
        records = split_records(self._block.data, self._dialect)
        if len(records.raw_records) != self._row_count + len(self._invalid_rows):
            raise AssertionError("Arrow and split_records found different records")
        return records

    @cached_property
    def _record_indices(self) -> Sequence[int]:
        """The index of each row's record among the block's records."""
        if not self._invalid_rows:
            return range(self._row_count)
        skipped = {invalid.number - 1 for invalid in self._invalid_rows}
        return [index for index in range(self._row_count + len(skipped)) if index not in skipped]
