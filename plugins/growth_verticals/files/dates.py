"""Dates and times in a declared strptime format, read exactly and whole columns at once.

Arrow's own strptime takes 30 February for 2 March, so the parts are cut out with a pattern, put together as ISO text
and read by Arrow's ISO parser, which knows the calendar.
"""

from __future__ import annotations

import re
from functools import cache

import pyarrow as pa
import pyarrow.compute as pc

from growth_verticals.errors import DeclarationError

#: What a directive matches. One or two digits, as strptime does, so that `2/3/2026` is `%m/%d/%Y`.
_DIRECTIVES = {
    "Y": r"(?P<Y>[0-9]{4})",
    "y": r"(?P<y>[0-9]{2})",
    "m": r"(?P<m>[0-9]{1,2})",
    "d": r"(?P<d>[0-9]{1,2})",
    "b": r"(?P<b>[A-Za-z]{3})",
    "B": r"(?P<B>[A-Za-z]{3,9})",
    "H": r"(?P<H>[0-9]{1,2})",
    "I": r"(?P<I>[0-9]{1,2})",
    "M": r"(?P<M>[0-9]{1,2})",
    "S": r"(?P<S>[0-9]{1,2})",
    "f": r"(?P<f>[0-9]{1,9})",
    "p": r"(?P<p>[AaPp][Mm])",
    "z": r"(?P<z>Z|[+-][0-9]{2}:?[0-9]{2})",
    "%": "%",
}
_MONTHS = [
    "january", "february", "march", "april", "may", "june",
    "july", "august", "september", "october", "november", "december",
]  # fmt: skip


@cache
def pattern(form: str) -> str:
    """Return a strptime format as a pattern with a group a directive, named by its letter.

    Directives that touch, as in `%Y%m%d`, have all their digits. Raises `DeclarationError` for a format that does not
    name a day, or with a directive other than `%Y %y %m %d %b %B %H %I %M %S %f %p %z`.
    """
    out, letters, at = "", [], 0
    for found in re.finditer(r"%(.)", form):
        letter = found[1]
        if letter not in _DIRECTIVES or letter in letters:
            raise DeclarationError("a date format has a directive that is unknown or there twice", found=f"%{letter}")
        touches = form[found.end() : found.end() + 1] == "%" or (found.start() == at and at > 0)
        group = _DIRECTIVES[letter]
        out += re.escape(form[at : found.start()]) + (group.replace("{1,2}", "{2}") if touches else group)
        letters.append(letter)
        at = found.end()
    days = set(letters)
    if not ({"Y", "y"} & days and {"m", "b", "B"} & days and "d" in days):
        raise DeclarationError("a date format names year, month and day", found=form)
    return rf"^[ \t]*{out}{re.escape(form[at:])}[ \t]*$"


def to_iso(text: pa.Array, form: str) -> pa.Array:
    """Return `text` (string) as ISO text: the date alone if the format has no time; NULL where it does not match.

    Days and times that do not exist (30 February, hour 25) come out as text that no ISO parser takes.
    """
    parts = pc.extract_regex(text, pattern=pattern(form))
    part = {field.name: parts.field(number) for number, field in enumerate(parts.type)}
    if parts.null_count:  # a group's array does not carry its record's NULL
        part = {letter: pc.if_else(parts.is_valid(), array, None) for letter, array in part.items()}
    day = _join("-", _year(part), _month(part), _two(part["d"]))
    if not part.keys() & {"H", "I"}:
        return day
    clock = _join(":", _hour(part), _two(part.get("M", "00")), _two(part.get("S", "00")))
    if "f" in part:
        clock = _join(".", clock, part["f"])
    stamp = _join(" ", day, clock)
    return _join("", stamp, part["z"]) if "z" in part else stamp


def _join(separator: str, *parts: pa.Array) -> pa.Array:
    return pc.binary_join_element_wise(*parts, separator)


def _two(digits: pa.Array | str) -> pa.Array:
    return digits if isinstance(digits, str) else pc.utf8_lpad(digits, width=2, padding="0")


def _year(part: dict[str, pa.Array]) -> pa.Array:
    if "Y" in part:
        return part["Y"]
    century = pc.if_else(pc.less(pc.cast(part["y"], pa.int8()), 69), "20", "19")  # POSIX's turning point
    return _join("", century, part["y"])


def _month(part: dict[str, pa.Array]) -> pa.Array:
    if "m" in part:
        return _two(part["m"])
    names = _MONTHS if "B" in part else [name[:3] for name in _MONTHS]
    number = pc.index_in(pc.utf8_lower(part.get("B", part.get("b"))), value_set=pa.array(names))
    return _two(pc.cast(pc.add(number, 1), pa.string()))


def _hour(part: dict[str, pa.Array]) -> pa.Array:
    if "H" in part:
        return _two(part["H"])
    hour = pc.cast(part["I"], pa.int8())
    hour = pc.if_else(pc.and_(pc.greater_equal(hour, 1), pc.less_equal(hour, 12)), hour, 99)
    hour = pc.if_else(pc.equal(hour, 12), 0, hour)
    if "p" in part:
        hour = pc.if_else(pc.equal(pc.utf8_lower(part["p"]), "pm"), pc.add(hour, 12), hour)
    return _two(pc.cast(hour, pa.string()))
