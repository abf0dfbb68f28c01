"""What the cells of a workbook mean: text, numbers as they are written in the file, dates and times, errors."""

from __future__ import annotations

import datetime as dt
import math
import re
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from growth_verticals.files.rejects import Reason
from growth_verticals.files.xlsxxml import WorkbookError

if TYPE_CHECKING:
    from collections.abc import Sequence

_NUMBER = re.compile(r"([+-]?)([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_ISO_TIME = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})?T?([0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?)?")
_ESCAPE = re.compile(r"_x00([0-9A-Fa-f]{2})_")
_SPACE = " \t\r\n"
#: A double holds every integer up to here. It has at most 17 significant digits.
_EXACT_INTEGERS = 2**53
_DOUBLE_DIGITS = 17
_EPOCH = dt.datetime(1899, 12, 30)  # noqa: DTZ001 - a workbook's times have no zone
_DAYS_FROM_1900_TO_1904 = 1462
_LEAP_DAY_1900 = 60  # the 29th of February, which Excel counts although 1900 had none
_DAY_MS = 86_400_000
_MAX_CACHED_TIMES = 2**16


class DateKind(Enum):
    """What the numbers of a cell style are, other than numbers."""

    TIME = "date or time"
    DURATION = "duration"


@dataclass(frozen=True)
class BadCell:
    """A cell without a value that can be loaded.

    :param text: what the file has in the cell.
    """

    reason: Reason
    text: str


class NumberText(str):
    """A number as plain text, of a cell that has it in another notation.

    :param stored: the text in the file.
    """

    __slots__ = ("stored",)
    stored: str


#: A cell's value. An empty cell is None.
Cell = str | bool | dt.datetime | dt.date | dt.time | dt.timedelta | BadCell


class CellReader:
    """Reads the cells of one workbook.

    :param strings: its shared strings.
    :param date_kinds: for each cell style, what its numbers are if they are dates or times.
    """

    def __init__(self, strings: Sequence[str], date_kinds: Sequence[DateKind | None], *, is_1904: bool) -> None:
        self._strings = strings
        self._date_kinds = {str(style): kind for style, kind in enumerate(date_kinds) if kind is not None}
        self._default_kind = self._date_kinds.get("0")
        self._first_day = _DAYS_FROM_1900_TO_1904 if is_1904 else 0
        self._times: dict[tuple[str, DateKind], Cell] = {}

    def read(
        self, kind: str | None, style: str | None, value: str | None, inline: str | None, formula: str | None
    ) -> Cell | None:
        """Return a cell's value.

        :param kind, style: its attributes `t` and `s`.
        :param value, inline, formula: the text of its elements `v`, `is` and `f`; None if it does not have one.
        """
        if kind == "s" and value:
            return self._shared_string(value)
        if formula is not None and inline is None and (value is None or (kind != "str" and not value.strip(_SPACE))):
            return BadCell(Reason.NOT_CALCULATED, f"={formula}")
        if kind == "inlineStr":
            return inline or None
        if kind == "e":
            return BadCell(Reason.WRONG_TYPE, value or "#ERROR")
        if not value:
            return None
        if kind is None or kind == "n":
            date_kind = self._default_kind if style is None else self._date_kinds.get(style)
            return number_text(value) if date_kind is None else self._cached_time(value, date_kind)
        if kind == "str":
            return unescape(value)
        if kind == "b" and value.strip(_SPACE) in ("0", "1", "false", "true"):
            return value.strip(_SPACE) in ("1", "true")
        return _iso_time(value) if kind == "d" else BadCell(Reason.WRONG_TYPE, value)

    def _shared_string(self, index: str) -> str | None:
        try:
            position = int(index)
            if position >= 0:
                return self._strings[position] or None
        except (ValueError, IndexError):
            pass
        raise WorkbookError("a cell refers to a text that the workbook does not have")

    def _cached_time(self, text: str, kind: DateKind) -> Cell:
        time = self._times.get((text, kind))
        if time is None:
            if len(self._times) == _MAX_CACHED_TIMES:
                self._times.clear()
            time = self._times[text, kind] = self._time(text, kind)
        return time

    def _time(self, text: str, kind: DateKind) -> Cell:
        """Return a day count as a date if it is whole, as a time of day below 1, and otherwise as both.

        Excel stores milliseconds.
        """
        number = number_text(text)
        if not _NUMBER.fullmatch(text.strip(_SPACE)):
            return number
        days = float(text)
        try:
            if kind is DateKind.DURATION:
                return dt.timedelta(milliseconds=_rounded(days * _DAY_MS))
            from_1900 = days + self._first_day
            from_1900 += from_1900 < _LEAP_DAY_1900
            time = _EPOCH + dt.timedelta(milliseconds=_rounded(from_1900 * _DAY_MS))
        except OverflowError:
            return number
        if days < 1:
            return time.time()
        return time.date() if days.is_integer() else time


def number_text(text: str) -> str:
    """Return a number as plain text: integers with all their digits, and the shortest text of any other double.

    A number that is neither, such as 1E+22, is returned as it is in the file, and so is a text that is no number.
    """
    if text.isdecimal() and text.isascii() and text[0] != "0":
        return text
    if text[-1].isdecimal() and not text.endswith(".0") and "e" not in text and repr(_float(text)) == text:
        return text
    bare = text.strip(_SPACE)
    found = _NUMBER.fullmatch(bare)
    if found is None:
        return text
    if found[2] == bare.lstrip("+-") and "." not in bare:
        plain = (found[1] + found[2].lstrip("0")).lstrip("+") if found[2].strip("0") else "0"
    else:
        plain = _double_text(bare, found[2].replace(".", "").strip("0"))
    if plain == text:
        return text
    number = NumberText(plain)
    number.stored = text
    return number


def unescape(text: str) -> str:
    """Return a text with the characters that XML cannot have, which Excel writes as `_x000D_`."""
    return _ESCAPE.sub(lambda found: chr(int(found[1], 16)), text) if "_x00" in text else text


def _float(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _double_text(text: str, digits: str) -> str:
    number = float(text)
    if len(digits) > _DOUBLE_DIGITS or abs(number) >= _EXACT_INTEGERS or (number == 0 and digits):
        return text
    plain = str(int(number)) if number.is_integer() else repr(number)
    return text if "e" in plain else plain


def _rounded(number: float) -> int:
    return int(math.copysign(math.floor(abs(number) + 0.5), number))


def _iso_time(text: str) -> Cell:
    """Return a date or time in ISO 8601; other text unchanged."""
    found = _ISO_TIME.fullmatch(text)
    if found is None or not (found[1] or found[2]):
        return text
    try:
        if not found[2]:
            return dt.date.fromisoformat(found[1])
        return dt.datetime.fromisoformat(text) if found[1] else dt.time.fromisoformat(text)
    except ValueError:
        return text


#: What the numbers of the formats are that no workbook defines, by their ids. From 27 to 36 and from 50 to 58 they are
#: those of East Asian languages.
BUILT_IN_KINDS = dict.fromkeys(map(str, (*range(14, 23), *range(27, 37), 45, 47, *range(50, 59))), DateKind.TIME)
BUILT_IN_KINDS["46"] = DateKind.DURATION


def kind_of_code(code: str) -> DateKind | None:
    r"""Return what the numbers of a format code are: dates or times if it has one of `dmhys` outside of quotes.

    A code like `[h]:mm` is a duration. Only the first part, before a semicolon, counts. `\`, `_` and `*` make the next
    character ordinary text, and `a` starts `am/pm`.
    """
    escaped = quoted = in_am_pm = elapsed = False
    brackets, before = 0, " "
    for each in code:
        if escaped:
            escaped = False
        elif each in "_\\*":
            escaped = True
        elif each == '"':
            quoted = not quoted
        elif quoted:
            pass
        elif each == ";":
            return None
        elif each == "[":
            brackets += 1
        elif each == "]":
            if brackets == 1 and elapsed:
                return DateKind.DURATION
            brackets = max(0, brackets - 1)
        elif brackets == 0 and each in ("pmPM/" if in_am_pm else "dmhysDMHYS"):
            return DateKind.TIME
        elif brackets == 0 and each in "aA" and not in_am_pm:
            in_am_pm = True
        elif not (elapsed and each.lower() == before.lower()):
            elapsed = before == "[" and each in "mhsMHS"
        before = each
    return None
