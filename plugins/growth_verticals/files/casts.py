"""Casts text cells to typed values, exactly or not at all, one column at a time.

A whole column is cast at once. Only if that fails are the bad cells searched for: a pattern finds most, and bisection
finds well-formed cells that have no value (30 February, 2147483648). This module defines what each type accepts,
however a column was read: spaces and tabs around numbers, dates and times are ignored, and in text they are kept.
"""

from __future__ import annotations

import decimal
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from growth_verticals.contract.schema import arrow_type
from growth_verticals.files.dates import date_pattern, to_iso
from growth_verticals.files.rejects import Faults, Reason, true_rows
from growth_verticals.files.value_checks import (
    any_hexadecimal,
    bisect,
    inexact_float_mask,
    is_integer_in_range,
    out_of_range_mask,
    to_date,
)
from growth_verticals.formats import Delimited, TextFormat

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from growth_verticals.contract.table import Column
    from growth_verticals.source import Format

_INTEGER = r"^-?[0-9]+$"
_UUID = r"^(?:[0-9a-fA-F]{32}|[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})$"
_NUMBER = r"^[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?$"
_ZERO_WITH_EXPONENT = r"^[+-]?(?:0+\.?0*|\.0+)[eE][+-]?[0-9]+$"
_TIMESTAMP = (
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[T ][0-9]{2}(?::[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,6})?)?)?)?"
    r"(?:Z|[+-][0-9]{2}(?::?[0-9]{2})?)?$"
)


def declared_formats(columns: tuple[Column, ...], form: Format) -> dict[str, str]:
    """Return the strptime format of each date and timestamp column that has one. Raises `DeclarationError`."""
    formats = {}
    for column in columns:
        declared = {"date": form.dates, "timestamp": form.timestamps, "timestamptz": form.timestamps}.get(column.type)
        if declared and (text := declared.get(column.name, declared.get("*"))):
            date_pattern(text)
            formats[column.name] = text
    return formats


@dataclass
class Caster:
    """Casts the text of one column. Keeps no state between calls.

    :param form: the source's format, with its spellings of NULL, true and false.
    :param date_format: the column's strptime format, if one is declared.
    """

    column: Column
    form: Format
    date_format: str | None = None
    arrow_type: pa.DataType = field(init=False)

    def __post_init__(self) -> None:
        self.arrow_type = arrow_type(self.column)
        self._nulls = pa.array(self.form.nulls, pa.string())
        self._normalize_numbers = number_normalizer(self.form)

    def __call__(self, text: pa.Array, *, nul: bool = True, hexadecimal: bool = True) -> tuple[pa.Array, Faults]:
        """Return a string array's values in the column's type, and the bad cells, whose value is NULL.

        :param nul: whether the array can contain NUL characters; False skips the check.
        :param hexadecimal: whether it can contain `0x`, which Arrow accepts in an integer; False skips the check.
        """
        nul_cells: Faults = {}
        if nul:
            nul_cells = nul_faults(text)
            text = pc.if_else(_row_mask(nul_cells, len(text)), None, text) if nul_cells else text
        text = self.with_nulls(_trim(text) if self.form.trim else text)
        if hexadecimal and self.column.type in ("int", "long") and any_hexadecimal(text):
            values, faults = self._cast_cells(text, text, self.column.type)
        else:
            values, faults = self._cast(text)
        if faults and isinstance(self.form, Delimited):
            faults |= dict.fromkeys(faults.keys() & true_rows(pc.equal(text, "").fill_null(False)), Reason.QUOTED_EMPTY)
        return values, faults | nul_cells

    def with_nulls(self, text: pa.Array) -> pa.Array:
        """Return `text` with NULL in place of the declared spellings of NULL."""
        if not len(self._nulls):
            return text
        is_null = pc.is_in(text, value_set=self._nulls)
        return pc.if_else(is_null, None, text) if pc.any(is_null).as_py() else text

    def boolean_text(self, value: bool) -> str:
        """Return a boolean of the file format as text: in a boolean column, as the source spells it."""
        declared = self.form.true if value else self.form.false
        plain = "true" if value else "false"
        return declared[0] if pa.types.is_boolean(self.arrow_type) and declared else plain

    def _cast(self, text: pa.Array) -> tuple[pa.Array, Faults]:
        type_name = self.column.type.split("(")[0]
        if type_name == "string":
            return text, {}
        if type_name == "binary":
            return pc.cast(text, pa.binary()), {}
        if type_name == "boolean":
            return self._cast_booleans(text)
        if type_name == "uuid":
            return _cast_uuids(text)
        if self._normalize_numbers is not None and type_name in NUMBER_TYPES:
            plain = self._normalize_numbers(text, type_name)
            values, faults = self._cast_column(plain, plain, type_name)
            unmatched = true_rows(pc.and_(plain.is_null(), text.is_valid()))
            return values, faults | dict.fromkeys(unmatched, _WRONG_FORM_REASONS[type_name])
        if self.date_format is not None:
            iso = to_iso(text, self.date_format, self.form.pivot_of(self.column.name))
            values, faults = self._cast_column(iso, text, type_name)
            unmatched = true_rows(pc.and_(iso.is_null(), text.is_valid()))
            return values, faults | dict.fromkeys(unmatched, _WRONG_FORM_REASONS[type_name])
        return self._cast_column(text, text, type_name)

    def _cast_column(self, text: pa.Array, cells: pa.Array, type_name: str) -> tuple[pa.Array, Faults]:
        """Cast the whole array at once if possible. `cells` are the file's cells that `text` was made from."""
        try:
            values = self._arrow_cast(text, type_name)
        except pa.ArrowInvalid:
            pass
        else:
            if out_of_range_mask(values) is None and inexact_float_mask(values, text) is None:
                return values, {}
        return self._cast_cells(text, cells, type_name)

    def _cast_cells(self, text: pa.Array, cells: pa.Array, type_name: str) -> tuple[pa.Array, Faults]:
        """Cast the cells that have a value in the column's type; return the others as faults."""
        values, failed = self._cast_valid_cells(text, type_name)
        # Arrow does not accept some valid cells: with spaces around them, a plus sign, or too many trailing zeros.
        rows = pa.array(sorted(failed), pa.int64())
        retried, bad = self._cast_valid_cells(_normalize(text.take(rows), type_name), type_name)
        faults = {}
        for index, malformed in bad.items():
            row = rows[index].as_py()
            faults[row] = _reason_for(cells[row].as_py(), type_name, self.arrow_type, malformed=malformed)
        values = pc.replace_with_mask(values, _row_mask(failed, len(values)), retried)
        return values, faults

    def _cast_valid_cells(self, text: pa.Array, type_name: str) -> tuple[pa.Array, dict[int, bool]]:
        """Return the values of the cells that Arrow can cast, and the index of each other cell → whether malformed."""
        well_formed = pc.match_substring_regex(text, _PATTERNS[type_name])
        malformed = dict.fromkeys(true_rows(pc.invert(well_formed)), True)
        values, failed = bisect(
            lambda cells: self._arrow_cast(cells, type_name), pc.if_else(well_formed, text, None), self.arrow_type
        )
        for mask in (out_of_range_mask(values), inexact_float_mask(values, text)):
            if mask is not None:
                failed += true_rows(mask)
                values = pc.if_else(mask, None, values)
        return values, malformed | dict.fromkeys(failed, False)

    def _arrow_cast(self, text: pa.Array, type_name: str) -> pa.Array:
        """Cast with Arrow, which checks the calendar and its type's range. Raises `pa.ArrowInvalid`."""
        if type_name == "date" and self.date_format and {"%H", "%I"} & _directives(self.date_format):
            return to_date(pc.cast(text, pa.timestamp("us")))
        return pc.cast(text, self.arrow_type)

    def _cast_booleans(self, text: pa.Array) -> tuple[pa.Array, Faults]:
        true = pc.is_in(text, value_set=pa.array(self.form.true, pa.string()))
        false = pc.is_in(text, value_set=pa.array(self.form.false, pa.string()))
        is_boolean = pc.or_(true, false)
        bad = pc.and_(pc.invert(is_boolean), text.is_valid())
        return pc.if_else(is_boolean, true, None), dict.fromkeys(true_rows(bad), Reason.NOT_A_BOOLEAN)


NUMBER_TYPES = ("int", "long", "float", "double", "decimal")
_PATTERNS = {
    "int": _INTEGER,
    "long": _INTEGER,
    "float": _NUMBER,
    "double": _NUMBER,
    "decimal": _NUMBER,
    "date": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}(?: .*)?$",
    "timestamp": _TIMESTAMP,
    "timestamptz": _TIMESTAMP,
}
_WRONG_FORM_REASONS = {
    "int": Reason.NOT_AN_INTEGER,
    "long": Reason.NOT_AN_INTEGER,
    "float": Reason.NOT_A_NUMBER,
    "double": Reason.NOT_A_NUMBER,
    "decimal": Reason.NOT_A_DECIMAL,
    "date": Reason.NOT_A_DATE,
    "timestamp": Reason.NOT_A_TIMESTAMP,
    "timestamptz": Reason.NOT_A_TIMESTAMP,
}


def number_normalizer(form: Format) -> Callable[[pa.Array, str], pa.Array] | None:
    """Return a function that rewrites numbers with the source's separators as plain numbers.

    It takes a string array and the column's type name, and returns NULL for a cell in another notation. Returns None
    if the source's numbers are plain.
    """
    if not isinstance(form, TextFormat) or (form.decimal == "." and form.thousands is None):
        return None
    mark, group = re.escape(form.decimal), re.escape(form.thousands or "")
    integer = rf"(?:[0-9]+|[0-9]{{1,3}}(?:{group}[0-9]{{3}})+)" if group else "[0-9]+"
    number = rf"[+-]?(?:{integer}(?:{mark}[0-9]*)?|{mark}[0-9]+)(?:[eE][+-]?[0-9]+)?"
    patterns = dict.fromkeys(NUMBER_TYPES, rf"^[ \t]*{number}[ \t]*$")
    patterns |= dict.fromkeys(("int", "long"), rf"^[ \t]*[+-]?{integer}[ \t]*$")

    def normalize(text: pa.Array, type_name: str) -> pa.Array:
        well_formed = pc.match_substring_regex(text, patterns[type_name])
        text = pc.if_else(well_formed, pc.ascii_trim(text, characters=" \t"), None)
        if form.thousands is not None:
            text = pc.replace_substring(text, form.thousands, "")
        return pc.replace_substring(text, form.decimal, ".")

    return normalize


def _trim(text: pa.Array) -> pa.Array:
    """Return `text` without spaces and tabs around it, and NULL for a cell that contains nothing else."""
    trimmed = pc.utf8_trim(text, characters=" \t")
    blank = pc.and_(pc.equal(trimmed, ""), pc.not_equal(text, ""))
    return pc.if_else(blank, None, trimmed)


def nul_faults(text: pa.Array) -> Faults:
    """Return the cells of a string array that contain a NUL character."""
    return dict.fromkeys(true_rows(pc.match_substring(text, "\0").fill_null(False)), Reason.NUL_BYTE)


def as_map(columns: Mapping[str, pa.Array]) -> pa.Array:
    """Return one map per row: column name → cell, without NULLs. The columns are string arrays."""
    rows = zip(*(array.to_pylist() for array in columns.values()), strict=True)
    maps = [[(name, cell) for name, cell in zip(columns, row, strict=True) if cell is not None] for row in rows]
    return pa.array(maps, pa.map_(pa.string(), pa.string()))


def reason_for_decimal(number: str, scale: int) -> Reason:
    """Return the reason why a decimal number does not fit a column with `scale` digits after the decimal point."""
    try:
        digits, exponent = decimal.Decimal(number).as_tuple()[1:]
        significant = len("".join(map(str, digits)).rstrip("0"))
        too_precise = significant > 0 and significant - len(digits) - int(exponent) > scale
    except (decimal.InvalidOperation, ValueError):
        return Reason.OUT_OF_RANGE  # its exponent is too large for any type
    return Reason.TOO_PRECISE if too_precise else Reason.OUT_OF_RANGE


def _row_mask(rows: Collection[int], length: int) -> pa.Array:
    """Return a boolean array that is true at the indices in `rows`."""
    mask = [False] * length
    for row in rows:
        mask[row] = True
    return pa.array(mask, pa.bool_())


def _normalize(text: pa.Array, type_name: str) -> pa.Array:
    """Return `text` without what does not change a value and Arrow rejects: spaces, plus signs, zeros, 0e100."""
    text = pc.ascii_trim(text, characters=" \t")
    if type_name in ("int", "long"):
        return pc.replace_substring_regex(text, pattern=r"^\+([0-9])", replacement=r"\1")
    if type_name == "decimal":
        return pc.replace_substring_regex(text, pattern=_ZERO_WITH_EXPONENT, replacement="0")
    if type_name in ("timestamp", "timestamptz"):
        return pc.replace_substring_regex(text, pattern=r"(\.[0-9]{6})0+(Z|[+-].*)?$", replacement=r"\1\2")
    return text


def _reason_for(cell: str, type_name: str, data_type: pa.DataType, *, malformed: bool) -> Reason:
    """Return the reason why one cell has no value in the column's type."""
    if type_name in ("timestamp", "timestamptz"):
        return Reason.TOO_PRECISE if re.search(r":[0-9]{2}\.[0-9]{7}", cell) else Reason.NOT_A_TIMESTAMP
    if malformed or type_name == "date":
        return _WRONG_FORM_REASONS[type_name]
    if type_name == "decimal":
        return reason_for_decimal(cell.strip(" \t"), data_type.scale)
    is_rounded = type_name in ("float", "double") and is_integer_in_range(cell, type_name)
    return Reason.TOO_PRECISE if is_rounded else Reason.OUT_OF_RANGE


def _directives(date_format: str) -> set[str]:
    return {date_format[at : at + 2] for at in range(len(date_format)) if date_format[at] == "%"}


def _cast_uuids(text: pa.Array) -> tuple[pa.Array, Faults]:
    """Cast UUIDs. Python's own type also reads `urn:uuid:`, braces, `0x`, and hyphens and spaces in any place."""
    well_formed = pc.match_substring_regex(text, _UUID)
    digits = pc.replace_substring(pc.if_else(well_formed, text, None), "-", "")
    values = [None if cell is None else bytes.fromhex(cell) for cell in digits.to_pylist()]
    return pa.array(values, pa.binary(16)), dict.fromkeys(true_rows(pc.invert(well_formed)), Reason.NOT_A_UUID)
