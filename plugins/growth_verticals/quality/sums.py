"""The exact sum of a column of whole numbers or decimals."""

from __future__ import annotations

from decimal import Context, Decimal
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from collections.abc import Iterable

#: Digits of a sum: 38 of a value, and more than any number of rows adds.
_EXACT = Context(prec=76)
#: Rows that are added at a time: 38 digits hold their sum if a value has up to 34, otherwise Python adds the values.
_BLOCK_ROWS = 8_192
_MAX_DIGITS_TO_ADD = 34


def exact_sum(columns: Iterable[pa.Array]) -> Decimal:
    """Return the sum of int32, int64 or decimal128 arrays; NULL counts as 0. Memory: one array."""
    total = Decimal(0)
    for column in columns:
        for start in range(0, len(column), _BLOCK_ROWS):
            total = _EXACT.add(total, _sum_of(column.slice(start, _BLOCK_ROWS)))
    return total


def _sum_of(values: pa.Array) -> Decimal:
    if pa.types.is_integer(values.type):
        values = values.cast(pa.decimal128(19, 0))
    if values.type.precision <= _MAX_DIGITS_TO_ADD:
        wide = values.cast(pa.decimal128(38, values.type.scale))
        return pc.sum(wide).as_py() or Decimal(0)
    total = Decimal(0)
    for value in values.drop_null().to_pylist():
        total = _EXACT.add(total, value)
    return total
