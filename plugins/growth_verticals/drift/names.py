"""Whether two column names are spellings of the same words. Similar letters alone prove nothing: county, country."""

from __future__ import annotations

import re
from difflib import SequenceMatcher
from functools import lru_cache

from growth_verticals.aliases import normalize

#: Common abbreviations that stand for one thing only. `st` (street, state), `no` (negation) and `ind` are not here.
_WORDS = {
    "acct": "account", "addr": "address", "amt": "amount", "avg": "average", "cat": "category", "cd": "code",
    "cnty": "county", "ctry": "country", "cust": "customer", "desc": "description", "dob": "birth date", "dt": "date",
    "edu": "education", "flg": "flag", "fname": "first name", "hh": "household", "lname": "last name",
    "mname": "middle name", "init": "initial", "lat": "latitude", "lic": "license", "licence": "license",
    "lng": "longitude", "lon": "longitude", "max": "maximum", "min": "minimum", "nbr": "number", "nm": "name",
    "num": "number", "occ": "occupation", "orig": "original", "org": "organization", "pct": "percent", "ph": "phone",
    "prob": "probability", "qty": "quantity", "sfx": "suffix", "src": "source", "tel": "phone", "telephone": "phone",
    "tz": "time zone", "yr": "year",
}  # fmt: skip
_IGNORED = {"of", "the"}
#: With one of these, the order of the words has a meaning.
_ORDERED = {"to", "from", "in", "by", "per", "than", "before", "after", "not", "no"}
_MIN_SKELETON = 4


@lru_cache(2**16)
def similarity(one: str, other: str) -> float:
    """Return how similar two names are, 0 to 1, by their letters in order."""
    return SequenceMatcher(None, normalize(one), normalize(other), autojunk=False).ratio()


@lru_cache(2**16)
def words(name: str) -> tuple[str, ...]:
    """Return the words and numbers of a name, with abbreviations spelled out."""
    parts = re.findall(r"\d+|[^\W\d_]+", normalize(name))
    return tuple(word for part in parts for word in _WORDS.get(part, part).split() if word not in _IGNORED)


def same_letters(one: str, other: str) -> bool:
    """Whether the names differ in separators only: `firstname`, `first_name`. Two numbers stay apart."""
    return _letters(normalize(one)) == _letters(normalize(other))


def same_words(one: str, other: str) -> bool:
    """Whether the names are the same words: abbreviated, without vowels, or in another order."""
    first, second = words(one), words(other)
    if same_letters(one, other) or same_letters("_".join(first), "_".join(second)):
        return True
    if len(first) == len(second) and all(map(_same_word, first, second)):
        return True
    numbers = sum(word.isdigit() for word in first)
    return numbers < 2 and not _ORDERED & {*first} and sorted(first) == sorted(second)


def family(name: str) -> tuple[str, ...]:
    """Return the words of a name without its numbers: that of `addr1` is that of `address_2`."""
    return tuple(word for word in words(name) if not word.isdigit())


def _letters(name: str) -> list[str]:
    return re.findall(r"\d+|\D+", re.sub(r"(?<!\d)_|_(?!\d)", "", name))


def _same_word(one: str, other: str) -> bool:
    short, long = sorted((one, other), key=len)
    skeleton = long[:1] + re.sub(r"[aeiou]", "", long[1:])
    return one == other or (len(short) >= _MIN_SKELETON and short == skeleton)
