"""Checks that Arrow's casts lack: values that no table can store, inexact dates, and which value made a cast fail."""

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
_UPPER_CASE = pa.scalar(int.from_bytes(b"\xff\xdf", sys.byteorder), pa.uint16())  # clears the bit that makes X an x
#: An integer in digits.
INTEGER_TEXT = r"^[ \t]*[+-]?[0-9]+[ \t]*$"
#: What a number has that is not zero and that a float type may read as zero: a negative exponent, or many zeros.
_TINY_MARKS = (b"e-", b"E-", b"0" * 38)
_TINY = re.compile(rb"[0-9.][eE]-[0-9]|0{38}")
_LARGEST_FLOATS = {"float": int((2 - 2**-23) * 2.0**127), "double": int(sys.float_info.max)}
_MAX_FLOAT_DIGITS = 309
_HEXADECIMAL = re.compile(rb"(?<![0-9A-Za-z])0[xX]")


def out_of_range_mask(array: pa.Array) -> pa.Array | None:
    """Return a mask of the values that no table can store, or None if there are none.

    Those are NaN, ±inf, decimals with too many digits, and years outside 1-9999. Arrow reads them without an error:
    its CSV reader does not check a decimal's precision.
    """
    data_type = array.type
    if pa.types.is_floating(data_type):
        if math.isfinite(pc.sum(array).as_py() or 0.0):  # one value that is not finite makes the sum not finite
            return None
        finite = pc.is_finite(array)
        return None if pc.all(finite).as_py() in (True, None) else pc.invert(finite).fill_null(False)
    limits = _limits(data_type)
    if limits is None or array.null_count == len(array):
        return None
    low, high, values = limits
    extremes = pc.min_max(array)
    smallest, largest = extremes["min"], extremes["max"]
    if values is None:
        if low.as_py() <= smallest.as_py() and largest.as_py() <= high.as_py():
            return None
    elif values[0] <= smallest.value and largest.value <= values[1]:
        return None
    return pc.or_(pc.less(array, low), pc.greater(array, high)).fill_null(False)


@cache
def _limits(data_type: pa.DataType) -> tuple[pa.Scalar, pa.Scalar, tuple[int, int] | None] | None:
    """Return a type's smallest and largest value, and for dates and times also both in days or microseconds."""
    if pa.types.is_date32(data_type):
        return _integer_limits(_FIRST_DAY, _LAST_DAY, pa.int32(), data_type)
    if pa.types.is_timestamp(data_type):
        return _integer_limits(_FIRST_DAY * _DAY_US, (_LAST_DAY + 1) * _DAY_US - 1, pa.int64(), data_type)
    if pa.types.is_decimal(data_type):
        largest = decimal.Decimal(f"{'9' * data_type.precision}E-{data_type.scale}")
        return pa.scalar(largest.copy_negate(), data_type), pa.scalar(largest, data_type), None
    return None


def _integer_limits(
    low: int, high: int, integer_type: pa.DataType, data_type: pa.DataType
) -> tuple[pa.Scalar, pa.Scalar, tuple[int, int]]:
    return pa.scalar(low, integer_type).cast(data_type), pa.scalar(high, integer_type).cast(data_type), (low, high)


def may_differ_from_text(values: pa.Array, data: bytes) -> bool:
    """Whether a parsed float can be another number than its text in `data`; see `inexact_float_mask`."""
    if not pa.types.is_floating(values.type):
        return False
    extremes = pc.min_max(values)
    smallest, largest = extremes["min"].as_py(), extremes["max"].as_py()
    if smallest is None:
        return False
    if max(-smallest, largest) >= _exact_integers(values.type):
        return True
    if not smallest <= 0 <= largest or not pc.any(pc.equal(values, 0)).as_py():
        return False
    return any(tiny in data for tiny in _TINY_MARKS) and _TINY.search(data) is not None


def inexact_float_mask(values: pa.Array, text: pa.Array) -> pa.Array | None:
    """Return a mask of the floats that are not what their text says, or None if there are none.

    A number with a fraction or an exponent is the nearest float, as everywhere, but not zero unless it is zero. An
    integer in digits must be exact: 9007199254740993 is the nearest double to an id that is another person's.
    """
    if not pa.types.is_floating(values.type):
        return None
    large = pc.greater_equal(pc.abs(values), _exact_integers(values.type))
    mask = pc.and_(pc.equal(values, 0), pc.match_substring_regex(text, "^[^eE]*[1-9]")).fill_null(False)
    rounded = [
        row
        for row in pc.indices_nonzero(pc.and_(large, pc.match_substring_regex(text, INTEGER_TEXT))).to_pylist()
        if math.isfinite(number := values[row].as_py()) and int(number) != int(text[row].as_py())
    ]
    if rounded:
        mask = pc.or_(mask, pc.is_in(pa.arange(0, len(values)), value_set=pa.array(rounded, pa.int64())))
    return mask if pc.any(mask).as_py() else None


def to_floats(integers: pa.Array, data_type: pa.DataType) -> pa.Array:
    """Return integers as floats. Raises `pa.ArrowInvalid` if one is not exact; Arrow's own cast, if one is large."""
    try:
        return pc.cast(integers, data_type)
    except pa.ArrowInvalid:
        floats = pc.cast(integers, data_type, safe=False)
        pairs = zip(floats.to_pylist(), integers.to_pylist(), strict=True)
        if any(number is not None and int(value) != number for value, number in pairs):
            raise
        return floats


def _exact_integers(data_type: pa.DataType) -> int:
    """Return the integer up to which a float type has every integer."""
    return 2**24 if data_type.bit_width == 32 else 2**53


def is_integer_in_range(cell: str, type_name: str) -> bool:
    """Whether a cell is an integer in digits that is not too large for a float type."""
    if not re.match(INTEGER_TEXT, cell):
        return False
    digits = cell.strip(" \t+-").lstrip("0")
    return len(digits) <= _MAX_FLOAT_DIGITS and int(digits or "0") <= _LARGEST_FLOATS[type_name]


def bisect(
    cast: Callable[[pa.Array], pa.Array], values: pa.Array, data_type: pa.DataType
) -> tuple[pa.Array, list[int]]:
    """Return `cast(values)` with NULL for each value that makes `cast` fail, and the indices of those values.

    :param cast: raises `pa.ArrowInvalid` if any value cannot be cast; called O(bad × log n) times.
    :param data_type: what `cast` returns.
    """
    bad: list[int] = []

    def cast_slice(start: int, length: int) -> list[pa.Array]:
        try:
            return [cast(values.slice(start, length))]
        except pa.ArrowInvalid:
            if length == 1:
                bad.append(start)
                return [pa.nulls(1, data_type)]
        middle = length // 2
        return cast_slice(start, middle) + cast_slice(start + middle, length - middle)

    return pa.concat_arrays(cast_slice(0, len(values))), bad


def to_date(times: pa.Array) -> pa.Array:
    """Return timestamps as date32. Raises `pa.ArrowInvalid` if one is not at midnight; Arrow's own cast does not."""
    days = pc.cast(times, pa.date32())
    if pc.all(pc.equal(pc.cast(days, times.type), times)).as_py() is False:
        raise pa.ArrowInvalid("a time of day would be lost")
    return days


def may_be_hexadecimal(data: bytes) -> bool:
    """Whether a cell of `data` can start with `0x` or `0X`, that is, whether one follows no letter and no digit."""
    # Arrow compares two characters at a time, in a fifth of the time that a search in Python takes.
    text = pa.py_buffer(data)
    for start in range(min(2, len(data))):
        pairs = pa.Array.from_buffers(pa.uint16(), (len(data) - start) // 2, [None, text.slice(start)])
        if pc.min(pc.bit_wise_xor(pc.bit_wise_and(pairs, _UPPER_CASE), _0X)).as_py() == 0:
            return _HEXADECIMAL.search(data) is not None
    return False


def any_hexadecimal(text: pa.Array) -> bool:
    """Whether a string array contains an x. Arrow reads `0x1F` in it as a hexadecimal integer."""
    characters = text.buffers()[2]  # of the whole array, if `text` is a slice: a false positive only costs time
    data = b"" if characters is None else characters.to_pybytes()
    return b"x" in data or b"X" in data
