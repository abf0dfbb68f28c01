"""Whether a column's sampled values have the type of a table's column, and which type a new column could have."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from growth_verticals.contract.render import type_in_sql
from growth_verticals.contract.schema import arrow_type
from growth_verticals.contract.table import Column
from growth_verticals.files.arrow_values import can_cast, cast_exactly, cast_or_bisect
from growth_verticals.files.casts import Caster, declared_formats
from growth_verticals.formats import Excel

if TYPE_CHECKING:
    from growth_verticals.formats import Format

#: With fewer values, a new column is text.
_MIN_VALUES = 20
#: A whole number of one length, or with such a name, can be a code, whose leading zeros a number would lose.
_CODE_NAME = re.compile(r".*(code|cd|id|zip|zip4|zip5|postal|fips|npi|phone|number|num|no|key|acct|account)")
_MIN_CODE_DIGITS = 5
_INT_DIGITS, _LONG_DIGITS, _SPARE_DIGITS, _MAX_PRECISION = 7, 15, 4, 38
_ARROW_TO_SQL = {
    pa.bool_(): "boolean", pa.int8(): "int", pa.int16(): "int", pa.int32(): "int", pa.uint8(): "int",
    pa.uint16(): "int", pa.int64(): "long", pa.uint32(): "long", pa.float32(): "float", pa.float64(): "double",
    pa.date32(): "date",
}  # fmt: skip


@dataclass(frozen=True)
class Fit:
    """How many of the sampled values that are not NULL have a column's type, and whether NULLs are allowed."""

    values: int
    fitting: int
    nulls_fit: bool
    type: str

    @property
    def is_good(self) -> bool:
        """Whether there are values and all fit."""
        return self.values > 0 and self.fitting == self.values and self.nulls_fit

    def reason(self) -> str:
        """Return the sentence for a person."""
        if not self.values:
            return "no value was sampled"
        if not self.nulls_fit:
            return f"has NULLs, and {self.type} is NOT NULL"
        if self.is_good:
            return f"all {self.values:,} sampled values fit {self.type}"
        return f"{self.fitting:,} of {self.values:,} sampled values fit {self.type}"


def fit(values: pa.Array | None, column: Column, form: Format) -> Fit:
    """Return how the values fit a column, by the casts that a load makes."""
    name = type_in_sql(column.type)
    if values is None:
        return Fit(0, 0, nulls_fit=True, type=name)
    count = len(values) - values.null_count
    bad = min(_bad(values, column, form, iso=iso) for iso in ((False, True) if isinstance(form, Excel) else (False,)))
    return Fit(count, count - bad, nulls_fit=not column.required or not values.null_count, type=name)


def _bad(values: pa.Array, column: Column, form: Format, *, iso: bool) -> int:
    """Return how many values do not fit. With `iso`, dates are as the workbook stores them, not as text is declared."""
    data_type = arrow_type(column)
    if pa.types.is_string(values.type):
        date_format = None if iso else declared_formats((column,), form).get(column.name)
        faults = Caster(column, form, date_format)(values)[1]
        return len(faults)
    if not can_cast(values.type, data_type):
        return int(len(values) - values.null_count)
    bad = cast_or_bisect(lambda cells: cast_exactly(cells, data_type), values, data_type)[1]
    return len(bad)


def infer(name: str, values: pa.Array | None, form: Format) -> tuple[str, str]:
    """Return a type for a new column, in Iceberg's names, and the reason. Anything uncertain is text."""
    if values is not None and not pa.types.is_string(values.type):
        column_type = _type_of(values.type)
        if can_cast(values.type, arrow_type(Column(name=name, type=column_type))):
            return column_type, f"{values.type} in the file"
    count = 0 if values is None else len(values) - values.null_count
    if values is None or count < _MIN_VALUES or not pa.types.is_string(values.type):
        return "string", f"STRING, because only {count:,} values were sampled"
    for column_type in filter(None, ("boolean", _number_type(name, values), "date", "timestamp")):
        found = fit(values, Column(name=name, type=column_type), form)
        if found.is_good:
            return column_type, found.reason()
    return "string", f"the {count:,} sampled values are text, or codes that can have leading zeros"


def _type_of(data_type: pa.DataType) -> str:
    if pa.types.is_decimal(data_type):
        return f"decimal({data_type.precision}, {data_type.scale})"
    if pa.types.is_timestamp(data_type):
        return "timestamptz" if data_type.tz else "timestamp"
    return _ARROW_TO_SQL.get(data_type, "string")


def _number_type(name: str, values: pa.Array) -> str | None:
    """Return a type for plain numbers with room for longer ones; None for other text and for what can be a code."""
    text = pc.ascii_trim_whitespace(values.drop_null())
    if not pc.all(pc.match_substring_regex(text, r"^-?(0|[1-9][0-9]*)(\.[0-9]+)?$")).as_py():
        return None
    digits = pc.utf8_length(pc.replace_substring_regex(text, r"^-|\..*$", ""))
    fraction = pc.utf8_length(pc.replace_substring_regex(text, r"^-?[0-9]+\.?", ""))
    scale, most = pc.max(fraction).as_py(), pc.max(digits).as_py()
    if scale:
        precision = most + scale + _SPARE_DIGITS
        return f"decimal({precision}, {scale})" if precision <= _MAX_PRECISION else None
    if _CODE_NAME.fullmatch(name) or (most >= _MIN_CODE_DIGITS and pc.min(digits).as_py() == most):
        return None
    return "int" if most <= _INT_DIGITS else "long" if most <= _LONG_DIGITS else None
