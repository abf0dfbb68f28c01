"""Parses dates and times in a declared strptime format, exactly and one column at a time.

Arrow's own strptime reads 30 February as 2 March. So a pattern extracts year, month, day and time, which are joined
as ISO text. Arrow's ISO parser, which checks the calendar, reads that text.
"""

from __future__ import annotations

import re
from functools import cache

import pyarrow as pa
import pyarrow.compute as pc

from growth_verticals.errors import DeclarationError

#: What a directive matches: one or two digits, as in strptime, so that `2/3/2026` matches `%m/%d/%Y`.
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
def date_pattern(form: str) -> str:
    """Return a strptime format as a regular expression with one group per directive, named by its letter.

    Adjacent directives, as in `%Y%m%d`, require all their digits. Raises `DeclarationError` if the format lacks the
    year, month or day, or has a directive other than `%Y %y %m %d %b %B %H %I %M %S %f %p %z` or one twice.
    """
    regex, letters, at = "", [], 0
    for match in re.finditer(r"%(.)", form):
        letter = match[1]
        if letter not in _DIRECTIVES or letter in letters:
            raise DeclarationError("a date format has an unknown or duplicate directive", found=f"%{letter}")
        is_adjacent = form[match.end() : match.end() + 1] == "%" or (match.start() == at and at > 0)
        group = _DIRECTIVES[letter]
        regex += re.escape(form[at : match.start()]) + (group.replace("{1,2}", "{2}") if is_adjacent else group)
        letters.append(letter)
        at = match.end()
    if not ({"Y", "y"} & set(letters) and {"m", "b", "B"} & set(letters) and "d" in letters):
        raise DeclarationError("a date format must have year, month and day", found=form)
    return rf"^[ \t]*{regex}{re.escape(form[at:])}[ \t]*$"


def to_iso(text: pa.Array, form: str, pivot_year: int) -> pa.Array:
    """Return a string array as ISO text, without a time if the format has none; NULL for cells that do not match.

    Two-digit years below `pivot_year` are in the 2000s, others in the 1900s.

    Days and times that do not exist (30 February, hour 25) become text that an ISO parser rejects.
    """
    extracted = pc.extract_regex(text, pattern=date_pattern(form))
    groups = {field.name: extracted.field(number) for number, field in enumerate(extracted.type)}
    if extracted.null_count:  # the array of a group does not carry the NULLs of the struct
        groups = {letter: pc.if_else(extracted.is_valid(), array, None) for letter, array in groups.items()}
    day = _join("-", _year(groups, pivot_year), _month(groups), _two_digits(groups["d"]))
    if not groups.keys() & {"H", "I"}:
        return day
    clock = _join(":", _hour(groups), _two_digits(groups.get("M", "00")), _two_digits(groups.get("S", "00")))
    if "f" in groups:
        clock = _join(".", clock, groups["f"])
    timestamp = _join(" ", day, clock)
    return _join("", timestamp, groups["z"]) if "z" in groups else timestamp


def _join(separator: str, *texts: pa.Array) -> pa.Array:
    return pc.binary_join_element_wise(*texts, separator)


def _two_digits(digits: pa.Array | str) -> pa.Array:
    return digits if isinstance(digits, str) else pc.utf8_lpad(digits, width=2, padding="0")


def _year(groups: dict[str, pa.Array], pivot_year: int) -> pa.Array:
    if "Y" in groups:
        return groups["Y"]
    century = pc.if_else(pc.less(pc.cast(groups["y"], pa.int8()), pivot_year), "20", "19")
    return _join("", century, groups["y"])


def _month(groups: dict[str, pa.Array]) -> pa.Array:
    if "m" in groups:
        return _two_digits(groups["m"])
    names = _MONTHS if "B" in groups else [name[:3] for name in _MONTHS]
    number = pc.index_in(pc.utf8_lower(groups.get("B", groups.get("b"))), value_set=pa.array(names))
    return _two_digits(pc.cast(pc.add(number, 1), pa.string()))


def _hour(groups: dict[str, pa.Array]) -> pa.Array:
    if "H" in groups:
        return _two_digits(groups["H"])
    hour = pc.cast(groups["I"], pa.int8())
    hour = pc.if_else(pc.and_(pc.greater_equal(hour, 1), pc.less_equal(hour, 12)), hour, 99)
    hour = pc.if_else(pc.equal(hour, 12), 0, hour)
    if "p" in groups:
        hour = pc.if_else(pc.equal(pc.utf8_lower(groups["p"]), "pm"), pc.add(hour, 12), hour)
    return _two_digits(pc.cast(hour, pa.string()))
