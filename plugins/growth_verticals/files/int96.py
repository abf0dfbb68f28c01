"""INT96 timestamps of Parquet files, which Spark, Impala and Hive wrote for years, read exactly.

INT96 stores a day and a nanosecond of that day, so it holds any nanosecond of millions of years. No Arrow type does.
Arrow reads either milliseconds, rounded down, or nanoseconds modulo 2^64. Together they are the exact time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from growth_verticals.files.rejects import Faults, Reason, true_rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_LAST = 2**63 - 1
_LAST_MS = _LAST // 1_000 - 1  # later milliseconds do not fit in 64 bits as microseconds


@dataclass(frozen=True)
class Int96Times:
    """One INT96 column of a block.

    :param milliseconds: a timestamp array in milliseconds, rounded down. INT96 has no time zone.
    :param nanoseconds: the same times in nanoseconds, modulo 2^64.
    """

    milliseconds: pa.Array
    nanoseconds: pa.Array

    def microseconds(self) -> tuple[pa.Array, Faults]:
        """Return the times in microseconds, and the cells with a fraction of one.

        A time that does not fit becomes the last one that does, which is far outside the years that tables store.
        """
        milliseconds, fraction = self.milliseconds.view(pa.int64()), self._fraction()
        exact = pc.add(pc.multiply(milliseconds, 1_000), pc.divide(fraction, 1_000))
        exact = pc.if_else(pc.greater(pc.abs(milliseconds), _LAST_MS), _LAST, exact)
        whole = pc.multiply(pc.divide(fraction, 1_000), 1_000)
        faults = dict.fromkeys(true_rows(pc.not_equal(whole, fraction)), Reason.TOO_PRECISE)
        return exact.view(pa.timestamp("us")), faults

    def text(self) -> pa.Array:
        """Return the times as text with nine digits of a second."""
        head = pc.cast(self.milliseconds, pa.string())
        digits = pc.utf8_lpad(pc.cast(self._fraction(), pa.string()), 6, "0")
        # Arrow writes a year that it cannot format as "<value out of range: ...>".
        return pc.if_else(pc.ends_with(head, ">"), head, pc.binary_join_element_wise(head, digits, ""))

    def slice(self, row: int) -> Int96Times:
        """Return one row of the column."""
        return Int96Times(self.milliseconds.slice(row, 1), self.nanoseconds.slice(row, 1))

    def _fraction(self) -> pa.Array:
        """Return the nanoseconds after the whole millisecond: 0 to 999,999. The overflow of both terms cancels out."""
        milliseconds = pc.multiply(self.milliseconds.view(pa.int64()), 1_000_000)
        return pc.subtract(self.nanoseconds.view(pa.int64()), milliseconds)


class RowsAhead:
    """Pairs the rows of two readers of one file, whose batches can differ in length.

    :param batches: the INT96 columns in nanoseconds.
    """

    def __init__(self, batches: Iterator[pa.RecordBatch]) -> None:
        self._batches = batches
        self._rows: pa.RecordBatch | None = None

    def pair(self, batch: pa.RecordBatch, fields: Sequence[str]) -> dict[str, Int96Times]:
        """Return the columns `fields` of the other reader's next batch, in which they are milliseconds."""
        if not fields:
            return {}
        nanoseconds = self._take(batch.num_rows)
        return {field: Int96Times(batch.column(field), nanoseconds.column(field)) for field in fields}

    def _take(self, count: int) -> pa.RecordBatch:
        """Return the next `count` rows. Raises `pa.ArrowInvalid` if there are fewer."""
        while self._rows is None or self._rows.num_rows < count:
            batch = next(self._batches, None)
            if batch is None:
                raise pa.ArrowInvalid("columns of different lengths")
            self._rows = batch if self._rows is None else pa.concat_batches([self._rows, batch])
        taken, self._rows = self._rows.slice(0, count), self._rows.slice(count)
        return taken
