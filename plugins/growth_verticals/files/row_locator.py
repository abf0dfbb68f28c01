"""Finds the record of a delimited block that a row of Arrow's table came from."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import pyarrow as pa

from growth_verticals.files.records import split_records
from growth_verticals.files.rejects import Reason, Rejected

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow.csv as arrow_csv

    from growth_verticals.files.blocks import TextBlock
    from growth_verticals.files.records import Dialect, Records


class RowLocator:
    """Line numbers and raw records of one block's rows. Splits the block into records only if necessary.

    :param row_count: how many rows Arrow read.
    :param invalid_rows: the records that Arrow skipped because of their number of cells.
    """

    def __init__(
        self, row_count: int, invalid_rows: list[arrow_csv.InvalidRow], block: TextBlock, dialect: Dialect
    ) -> None:
        self._row_count = row_count
        self._invalid_rows = invalid_rows
        self._block = block
        self._dialect = dialect

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
            line = self._block.first_line + self._records.lines[index]
            raw = self._dialect.as_written(self._records.raw_records[index])
            rejected.append(Rejected(line, None, reason, f"{columns} columns", raw))
        return rejected

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
