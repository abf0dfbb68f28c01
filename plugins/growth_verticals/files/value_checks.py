"""What Arrow lets pass and no table may hold, and which value of many made a cast fail."""

from __future__ import annotations

import decimal
import math
import re
import sys
from functools import cache
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from collections.abc import Callable

_FIRST_DAY, _LAST_DAY = -719_162, 2_932_896  # 0001-01-01 and 9999-12-31, days from 1970
_DAY_US = 86_400_000_000
_0X = pa.scalar(int.from_bytes(b"0X", sys.byteorder), pa.uint16())
_LARGE = pa.scalar(int.from_bytes(b"\xff\xdf", sys.byteorder), pa.uint16())  # all but the bit in which X and x differ
_HEXADECIMAL = re.compile(rb"(?<![0-9A-Za-z])0[xX]")


def out_of_range_mask(array: pa.Array) -> pa.Array | None:
    """Return which values no table may hold, or None if all are fine: NaN, ±inf, too many digits, years but 1-9999.

    Arrow reads those without a word: its CSV reader does not check a decimal's precision.
    """
    kind = array.type
    if pa.types.is_floating(kind):
        if math.isfinite(pc.sum(array).as_py() or 0.0):  # what is not finite makes the sum so
            return None
        finite = pc.is_finite(array)
        return None if pc.all(finite).as_py() in (True, None) else pc.invert(finite).fill_null(False)
    limits = _limits(kind)
    if limits is None or array.null_count == len(array):
        return None
    low, high, values = limits
    extremes = pc.min_max(array)
    least, most = extremes["min"], extremes["max"]
    if values is None:
        if low.as_py() <= least.as_py() and most.as_py() <= high.as_py():
            return None
    elif values[0] <= least.value and most.value <= values[1]:
        return None
    return pc.or_(pc.less(array, low), pc.greater(array, high)).fill_null(False)


@cache
def _limits(kind: pa.DataType) -> tuple[pa.Scalar, pa.Scalar, tuple[int, int] | None] | None:
    """Return the least and the largest value of a type, and for times what these are in days or microseconds."""
    if pa.types.is_date32(kind):
        return _of_integers(_FIRST_DAY, _LAST_DAY, pa.int32(), kind)
    if pa.types.is_timestamp(kind):
        return _of_integers(_FIRST_DAY * _DAY_US, (_LAST_DAY + 1) * _DAY_US - 1, pa.int64(), kind)
    if pa.types.is_decimal(kind):
        most = decimal.Decimal(f"{'9' * kind.precision}E-{kind.scale}")
        return pa.scalar(most.copy_negate(), kind), pa.scalar(most, kind), None
    return None


def _of_integers(
    low: int, high: int, integer: pa.DataType, kind: pa.DataType
) -> tuple[pa.Scalar, pa.Scalar, tuple[int, int]]:
    return pa.scalar(low, integer).cast(kind), pa.scalar(high, integer).cast(kind), (low, high)


def bisect(cast: Callable[[pa.Array], pa.Array], values: pa.Array, kind: pa.DataType) -> tuple[pa.Array, list[int]]:
    """Return `cast(values)` with NULL where a value alone makes `cast` fail, and those places.

    :param cast: raises `pa.ArrowInvalid` when any value cannot be cast; called O(bad × log n) times.
    """
    bad: list[int] = []

    def halves(start: int, length: int) -> list[pa.Array]:
        try:
            return [cast(values.slice(start, length))]
        except pa.ArrowInvalid:
            if length == 1:
                bad.append(start)
                return [pa.nulls(1, kind)]
        middle = length // 2
        return halves(start, middle) + halves(start + middle, length - middle)

    return pa.concat_arrays(halves(0, len(values))), bad


def to_date(times: pa.Array) -> pa.Array:
    """Return timestamps as date32. Raises `pa.ArrowInvalid` if one is not at midnight, as Arrow's own cast does not."""
    days = pc.cast(times, pa.date32())
    if pc.all(pc.equal(pc.cast(days, times.type), times)).as_py() is False:
        raise pa.ArrowInvalid("a time of day would be lost")
    return days


def may_be_hexadecimal(data: bytes) -> bool:
    """Whether a cell of `data` may start with `0x` or `0X`: what stands before is no letter and no digit."""
    # Two characters at a time, by the kernels that are fast: a fifth of what a search in Python takes.
    text = pa.py_buffer(data)
    for start in range(min(2, len(data))):
        pairs = pa.Array.from_buffers(pa.uint16(), (len(data) - start) // 2, [None, text.slice(start)])
        if pc.min(pc.bit_wise_xor(pc.bit_wise_and(pairs, _LARGE), _0X)).as_py() == 0:
            return _HEXADECIMAL.search(data) is not None
    return False


def any_hexadecimal(text: pa.Array) -> bool:
    """Whether an x is in a string array, which Arrow would take for a hexadecimal integer."""
    characters = text.buffers()[2]  # a slice's are those of the whole, which costs time only
    data = b"" if characters is None else characters.to_pybytes()
    return b"x" in data or b"X" in data
