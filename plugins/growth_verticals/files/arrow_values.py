"""Values of Arrow arrays that were read from Parquet: which casts are exact, text that is UTF-8, and cells as JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from growth_verticals.files.casts import nul_faults, reason_for_decimal
from growth_verticals.files.rejects import Faults, Reason
from growth_verticals.files.value_checks import bisect, to_date, to_floats

if TYPE_CHECKING:
    from collections.abc import Callable


def value_type(data_type: pa.DataType) -> pa.DataType:
    """Return the plain type of a column that can be dictionary-encoded or in another memory layout."""
    if isinstance(data_type, pa.BaseExtensionType):
        return value_type(data_type.storage_type)
    if pa.types.is_dictionary(data_type):
        return value_type(data_type.value_type)
    if pa.types.is_large_string(data_type) or pa.types.is_string_view(data_type):
        return pa.string()
    if pa.types.is_large_binary(data_type) or pa.types.is_binary_view(data_type):
        return pa.binary()
    return data_type


def to_plain_type(array: pa.Array) -> tuple[pa.Array, Faults]:
    """Return the values in their plain type, and the cells of a text column that are not UTF-8, whose value is NULL."""
    if isinstance(array, pa.ExtensionArray):
        array = array.storage
    data_type = value_type(array.type)
    plain = array if array.type.equals(data_type) else pc.cast(array, data_type)
    if not pa.types.is_string(data_type):
        return plain, {}
    plain, bad = cast_or_bisect(_checked, plain, data_type)
    return plain, dict.fromkeys(bad, Reason.NOT_UTF8)


def cast_or_bisect(
    cast: Callable[[pa.Array], pa.Array], array: pa.Array, data_type: pa.DataType
) -> tuple[pa.Array, list[int]]:
    """Return what `bisect` returns. A whole array is cast without it, because its closure keeps arrays in memory."""
    try:
        return cast(array), []
    except pa.ArrowInvalid:
        return bisect(cast, array, data_type)


def _checked(text: pa.Array) -> pa.Array:
    """Return `text`, or raise `pa.ArrowInvalid` if it is not UTF-8. Arrow's Parquet reader does not look."""
    text.validate(full=True)
    return text


def can_cast(file_type: pa.DataType, column_type: pa.DataType) -> bool:
    """Whether a cast from the file's type keeps every value or detects the values that it cannot keep."""
    is_ = pa.types
    if file_type.equals(column_type) or is_.is_null(file_type):
        return True
    if is_.is_string(file_type):
        fits = not is_.is_nested(column_type)
    elif is_.is_integer(file_type):
        fits = (
            is_.is_integer(column_type)
            or is_.is_floating(column_type)
            or is_.is_decimal(column_type)
            or is_.is_string(column_type)
        )
    elif is_.is_floating(file_type):  # writers without nullable integers write such columns as doubles
        fits = is_.is_integer(column_type) or (
            is_.is_floating(column_type) and column_type.bit_width >= file_type.bit_width
        )
    elif is_.is_decimal(file_type):
        fits = is_.is_decimal(column_type) or is_.is_integer(column_type)
    elif is_.is_timestamp(file_type) and is_.is_timestamp(column_type) and column_type.tz is not None:
        fits = file_type.tz is not None
    elif is_.is_timestamp(file_type):
        fits = (is_.is_timestamp(column_type) or is_.is_date32(column_type)) and file_type.tz in (None, "UTC")
    elif is_.is_date(file_type):
        fits = is_.is_date32(column_type)
    else:
        fits = is_.is_binary(file_type) and is_.is_string(column_type)
    return bool(fits)


def can_print(file_type: pa.DataType) -> bool:
    """Whether `as_text` can write values of this type."""
    try:
        as_text(pa.nulls(1, file_type))
    except pa.ArrowNotImplementedError:
        return False
    return True


def cast_exactly(array: pa.Array, data_type: pa.DataType) -> pa.Array:
    """Cast, or raise `pa.ArrowInvalid` if a value would change."""
    if pa.types.is_timestamp(array.type) and pa.types.is_date32(data_type):
        return to_date(array)
    if pa.types.is_integer(array.type) and pa.types.is_decimal(data_type):
        array = pc.cast(array, pa.decimal128(38, min(data_type.scale, 19)))
    if pa.types.is_integer(array.type) and pa.types.is_floating(data_type):
        return to_floats(array, data_type)
    return pc.cast(array, data_type)


def reason_for(value: pa.Scalar, column_type: pa.DataType) -> Reason:
    """Return the reason why a value does not fit the column, after `can_cast` has allowed its type."""
    if pa.types.is_decimal(column_type):
        return reason_for_decimal(str(value.as_py()), column_type.scale)
    if pa.types.is_integer(column_type):
        return Reason.OUT_OF_RANGE if pa.types.is_integer(value.type) else Reason.NOT_AN_INTEGER
    if pa.types.is_timestamp(value.type):
        too_fine = Reason.TOO_PRECISE if value.type.unit == "ns" else Reason.OUT_OF_RANGE
        return Reason.NOT_A_DATE if pa.types.is_date32(column_type) else too_fine
    if pa.types.is_binary(value.type):
        return Reason.NOT_UTF8
    return Reason.TOO_PRECISE if pa.types.is_floating(column_type) else Reason.WRONG_TYPE


def as_text(array: pa.Array) -> tuple[pa.Array, Faults]:
    """Return an unknown column as text, with nested values as JSON, and the cells that are not UTF-8."""
    if isinstance(array, pa.UuidArray):
        return pa.array([None if cell is None else str(cell) for cell in array.to_pylist()], pa.string()), {}
    if not pa.types.is_nested(array.type):
        array, faults = to_plain_type(array)
        text, bad = cast_or_bisect(lambda cells: pc.cast(cells, pa.string()), array, pa.string())
        return text, faults | dict.fromkeys(bad, Reason.NOT_UTF8) | nul_faults(text)
    cells: list[str | None] = []
    faults = {}
    for row, cell in enumerate(array):
        try:
            cells.append(json.dumps(json_value(cell), default=str) if cell.is_valid else None)
        except UnicodeDecodeError:
            cells.append(None)
            faults[row] = Reason.NOT_UTF8
    return pa.array(cells, pa.string()), faults


def json_value(cell: pa.Scalar, errors: str = "strict") -> object:
    r"""Return a value for `json.dumps`. Dates and times are text, because Python's types have fewer of them.

    :param errors: what to do with text that is not UTF-8, as in `bytes.decode`: "backslashreplace" writes `\xe9`.
    """
    is_, data_type = pa.types, cell.type
    if not cell.is_valid or isinstance(cell, pa.UuidScalar):
        return cell.as_py()
    if isinstance(cell, (pa.DictionaryScalar, pa.ExtensionScalar)):
        return json_value(cell.value, errors)
    if value_type(data_type).equals(pa.string()):
        return cell.as_buffer().to_pybytes().decode(errors=errors)
    if is_.is_struct(data_type):
        fields = [(field.name, json_value(cell[number], errors)) for number, field in enumerate(data_type)]
        return dict(fields) if len(dict(fields)) == len(fields) else fields
    if is_.is_map(data_type):
        return [[json_value(pair[0], errors), json_value(pair[1], errors)] for pair in cell.values]
    if is_.is_nested(data_type):
        return [json_value(each, errors) for each in cell.values]
    return (pc.cast(cell, pa.string()) if is_.is_temporal(data_type) else cell).as_py()
