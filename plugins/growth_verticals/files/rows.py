"""Which record of a delimited block a row of Arrow's table is."""

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


class BlockRows:
    """Which record of a block a row is: its line and its text. The block is split up only if need be."""

    def __init__(self, count: int, short: list[arrow_csv.InvalidRow], text_block: TextBlock, dialect: Dialect) -> None:
        self._count = count
        self._short = short
        self._piece = text_block
        self._dialect = dialect

    def lines(self) -> pa.Array:
        """Return the 1-based line of each row, int64."""
        first = self._piece.first_line
        if not self._short and self._count == self._piece.lines:
            return pa.arange(first, first + self._count)
        lines = self._records.lines
        return pa.array([first + lines[place] for place in self._places], pa.int64())

    def raw(self, row: int) -> str:
        return self._dialect.as_written(self._records.raws[self._places[row]])

    def wrong_length(self, columns: int) -> list[Rejected]:
        """Return the records that have fewer or more cells than the header."""
        rejected = []
        for invalid in self._short:
            place = invalid.number - 1
            few = invalid.actual_columns < columns
            reason = Reason.TOO_FEW_COLUMNS if few else Reason.TOO_MANY_COLUMNS
            line = self._piece.first_line + self._records.lines[place]
            raw = self._dialect.as_written(self._records.raws[place])
            rejected.append(Rejected(line, None, reason, f"{columns} columns", raw))
        return rejected

    @cached_property
    def _records(self) -> Records:
        records = split_records(self._piece.data, self._dialect)
        if len(records.raws) != self._count + len(self._short):
            raise AssertionError("records were told apart in two ways")
        return records

    @cached_property
    def _places(self) -> Sequence[int]:
        """The place of each row among the records."""
        if not self._short:
            return range(self._count)
        gone = {invalid.number - 1 for invalid in self._short}
        return [place for place in range(self._count + len(gone)) if place not in gone]
