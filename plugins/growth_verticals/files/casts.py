"""Text cells to typed values, exactly or not at all, a column at a time.

A column is cast whole first; only if that fails are the culprits sought: a pattern finds most, and halving the rest
finds those that have the right form and no value (30 February, 2147483648). The grammar is this module's, whichever
way a column was read: spaces and tabs around numbers, dates and times do not count, and in text they are kept.
"""

from __future__ import annotations

import decimal
import re
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from growth_verticals.contract.schema import arrow_type
from growth_verticals.files.dates import pattern, to_iso
from growth_verticals.files.rejects import Faults, Reason, true_rows
from growth_verticals.files.value_checks import any_hexadecimal, bisect, out_of_range_mask, to_date
from growth_verticals.formats import Text

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from growth_verticals.contract.table import Column
    from growth_verticals.source import Format

_INTEGER = r"^-?[0-9]+$"
_NUMBER = r"^[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?$"
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
            pattern(text)
            formats[column.name] = text
    return formats


@dataclass
class Caster:
    """How one column's text becomes values. Holds no state between calls.

    :param form: the source's format, for its spellings of NULL, true and false.
    :param date_format: the column's strptime format, if one is declared.
    """

    column: Column
    form: Format
    date_format: str | None = None
    kind: pa.DataType = field(init=False)

    def __post_init__(self) -> None:
        self.kind = arrow_type(self.column)
        self._nulls = pa.array(self.form.nulls, pa.string())
        self._notation = notation(self.form)

    def __call__(self, text: pa.Array, *, nul: bool = True, hexadecimal: bool = True) -> tuple[pa.Array, Faults]:
        """Return a string array's values in the column's type, and which cells are bad and why (their value is NULL).

        :param nul: whether a NUL character may be in it; False saves looking.
        :param hexadecimal: the same for `0x`, which Arrow would take in an integer.
        """
        faults: Faults = {}
        if nul:
            faults = nul_faults(text)
            text = pc.if_else(_mask(faults, len(text)), None, text) if faults else text
        text = self.nullified(_trimmed(text) if self.form.trim else text)
        if hexadecimal and self.column.type in ("int", "long") and any_hexadecimal(text):
            values, found = self._part_by_part(text, text, self.column.type)
        else:
            values, found = self._cast(text)
        return values, found | faults

    def nullified(self, text: pa.Array) -> pa.Array:
        """Return `text` with NULL for the declared spellings."""
        if not len(self._nulls):
            return text
        is_null = pc.is_in(text, value_set=self._nulls)
        return pc.if_else(is_null, None, text) if pc.any(is_null).as_py() else text

    def spelled(self, value: bool) -> str:
        """Return a format's own true or false as text: in a boolean column as the source spells it."""
        declared = self.form.true if value else self.form.false
        plain = "true" if value else "false"
        return declared[0] if pa.types.is_boolean(self.kind) and declared else plain

    def _cast(self, text: pa.Array) -> tuple[pa.Array, Faults]:
        kind = self.column.type.split("(")[0]
        if kind == "string":
            return text, {}
        if kind == "binary":
            return pc.cast(text, pa.binary()), {}
        if kind == "boolean":
            return self._booleans(text)
        if kind == "uuid":
            return _uuids(text)
        if self._notation is not None and kind in NUMBERS:
            plain = self._notation(text, kind)
            values, faults = self._exactly(plain, plain, kind)
            unmatched = true_rows(pc.and_(plain.is_null(), text.is_valid()))
            return values, faults | dict.fromkeys(unmatched, _REASONS[kind])
        if self.date_format is not None:
            iso = to_iso(text, self.date_format)
            values, faults = self._exactly(iso, text, kind)
            unmatched = true_rows(pc.and_(iso.is_null(), text.is_valid()))
            return values, faults | dict.fromkeys(unmatched, _REASONS[kind])
        return self._exactly(text, text, kind)

    def _exactly(self, text: pa.Array, cells: pa.Array, kind: str) -> tuple[pa.Array, Faults]:
        """Cast whole if possible. `cells` is what the file has where `text` is made of it."""
        try:
            values = self._arrow(text, kind)
        except pa.ArrowInvalid:
            pass
        else:
            if out_of_range_mask(values) is None:
                return values, {}
        return self._part_by_part(text, cells, kind)

    def _part_by_part(self, text: pa.Array, cells: pa.Array, kind: str) -> tuple[pa.Array, Faults]:
        values, doubtful = self._partly(text, kind)
        # What Arrow does not take as it stands may have spaces around it, a plus, or zeros too many.
        rows = pa.array(sorted(doubtful), pa.int64())
        found, bad = self._partly(_cleaned(text.take(rows), kind), kind)
        faults = {}
        for place, formless in bad.items():
            row = rows[place].as_py()
            faults[row] = _why(cells[row].as_py(), kind, self.kind, formless=formless)
        values = pc.replace_with_mask(values, _mask(doubtful, len(values)), found)
        return values, faults

    def _partly(self, text: pa.Array, kind: str) -> tuple[pa.Array, dict[int, bool]]:
        """Return the values of the cells that have one, and the places of the others: True if not even the form."""
        fits = pc.match_substring_regex(text, _PATTERNS[kind])
        bad = dict.fromkeys(true_rows(pc.invert(fits)), True)
        values, valueless = bisect(lambda part: self._arrow(part, kind), pc.if_else(fits, text, None), self.kind)
        far = out_of_range_mask(values)
        if far is not None:
            valueless += true_rows(far)
            values = pc.if_else(far, None, values)
        return values, bad | dict.fromkeys(valueless, False)

    def _arrow(self, text: pa.Array, kind: str) -> pa.Array:
        """Cast with Arrow, which knows the calendar and every range. Raises `pa.ArrowInvalid`."""
        if kind == "date" and self.date_format and {"%H", "%I"} & _directives(self.date_format):
            return to_date(pc.cast(text, pa.timestamp("us")))
        return pc.cast(text, self.kind)

    def _booleans(self, text: pa.Array) -> tuple[pa.Array, Faults]:
        true = pc.is_in(text, value_set=pa.array(self.form.true, pa.string()))
        false = pc.is_in(text, value_set=pa.array(self.form.false, pa.string()))
        known = pc.or_(true, false)
        bad = pc.and_(pc.invert(known), text.is_valid())
        return pc.if_else(known, true, None), dict.fromkeys(true_rows(bad), Reason.NOT_A_BOOLEAN)


NUMBERS = ("int", "long", "float", "double", "decimal")
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
_REASONS = {
    "int": Reason.NOT_AN_INTEGER,
    "long": Reason.NOT_AN_INTEGER,
    "float": Reason.NOT_A_NUMBER,
    "double": Reason.NOT_A_NUMBER,
    "decimal": Reason.NOT_A_DECIMAL,
    "date": Reason.NOT_A_DATE,
    "timestamp": Reason.NOT_A_TIMESTAMP,
    "timestamptz": Reason.NOT_A_TIMESTAMP,
}


def notation(form: Format) -> Callable[[pa.Array, str], pa.Array] | None:
    """Return what turns numbers of a source's own notation into plain ones (NULL where they are not in it).

    None if the notation is the plain one. The function takes a string array and the column's kind.
    """
    if not isinstance(form, Text) or (form.decimal == "." and form.thousands is None):
        return None
    mark, group = re.escape(form.decimal), re.escape(form.thousands or "")
    whole = rf"(?:[0-9]+|[0-9]{{1,3}}(?:{group}[0-9]{{3}})+)" if group else "[0-9]+"
    number = rf"[+-]?(?:{whole}(?:{mark}[0-9]*)?|{mark}[0-9]+)(?:[eE][+-]?[0-9]+)?"
    patterns = dict.fromkeys(NUMBERS, rf"^[ \t]*{number}[ \t]*$")
    patterns |= dict.fromkeys(("int", "long"), rf"^[ \t]*[+-]?{whole}[ \t]*$")

    def plain(text: pa.Array, kind: str) -> pa.Array:
        fits = pc.match_substring_regex(text, patterns[kind])
        text = pc.if_else(fits, pc.ascii_trim(text, characters=" \t"), None)
        if form.thousands is not None:
            text = pc.replace_substring(text, form.thousands, "")
        return pc.replace_substring(text, form.decimal, ".")

    return plain


def _trimmed(text: pa.Array) -> pa.Array:
    """Return `text` without spaces and tabs around it, and NULL for what had nothing else."""
    trimmed = pc.utf8_trim(text, characters=" \t")
    blank = pc.and_(pc.equal(trimmed, ""), pc.not_equal(text, ""))
    return pc.if_else(blank, None, trimmed)


def nul_faults(text: pa.Array) -> Faults:
    """Return the cells of a string array that hold a NUL character."""
    return dict.fromkeys(true_rows(pc.match_substring(text, "\0").fill_null(False)), Reason.NUL_BYTE)


def as_map(columns: Mapping[str, pa.Array]) -> pa.Array:
    """Return one map a row, of the cells (string) that are not NULL, by column."""
    rows = zip(*(array.to_pylist() for array in columns.values()), strict=True)
    maps = [[(name, cell) for name, cell in zip(columns, row, strict=True) if cell is not None] for row in rows]
    return pa.array(maps, pa.map_(pa.string(), pa.string()))


def why_no_decimal(number: str, scale: int) -> Reason:
    """Say why a decimal number does not fit in a column with `scale` digits behind the point."""
    try:
        digits, exponent = decimal.Decimal(number).as_tuple()[1:]
        kept = len("".join(map(str, digits)).rstrip("0"))
        too_precise = kept > 0 and kept - len(digits) - int(exponent) > scale
    except (decimal.InvalidOperation, ValueError):
        return Reason.OUT_OF_RANGE  # an exponent beyond any type
    return Reason.TOO_PRECISE if too_precise else Reason.OUT_OF_RANGE


def _mask(rows: Collection[int], length: int) -> pa.Array:
    """Return a boolean array that is true in `rows`."""
    mask = [False] * length
    for row in rows:
        mask[row] = True
    return pa.array(mask, pa.bool_())


def _cleaned(text: pa.Array, kind: str) -> pa.Array:
    """Return `text` without what has no value and Arrow's casts do not take."""
    text = pc.ascii_trim(text, characters=" \t")
    if kind in ("int", "long"):
        return pc.replace_substring_regex(text, pattern=r"^\+([0-9])", replacement=r"\1")
    if kind in ("timestamp", "timestamptz"):
        return pc.replace_substring_regex(text, pattern=r"(\.[0-9]{6})0+(Z|[+-].*)?$", replacement=r"\1\2")
    return text


def _why(cell: str, kind: str, arrow: pa.DataType, *, formless: bool) -> Reason:
    """Say why one cell has no value."""
    if kind in ("timestamp", "timestamptz"):
        return Reason.TOO_PRECISE if re.search(r":[0-9]{2}\.[0-9]{7}", cell) else Reason.NOT_A_TIMESTAMP
    if formless or kind == "date":
        return _REASONS[kind]
    return why_no_decimal(cell.strip(" \t"), arrow.scale) if kind == "decimal" else Reason.OUT_OF_RANGE


def _directives(form: str) -> set[str]:
    return {form[at : at + 2] for at in range(len(form)) if form[at] == "%"}


def _uuids(text: pa.Array) -> tuple[pa.Array, Faults]:
    """UUIDs are rare: one by one."""
    values: list[bytes | None] = []
    faults: Faults = {}
    for row, cell in enumerate(text.to_pylist()):
        try:
            values.append(None if cell is None else uuid.UUID(cell).bytes)
        except ValueError:
            values.append(None)
            faults[row] = Reason.NOT_A_UUID
    return pa.array(values, pa.binary(16)), faults
