"""The checks of the rules for a complete delivery that look at names, numbers and sizes of files."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from datetime import timedelta
from fnmatch import fnmatchcase, translate
from typing import TYPE_CHECKING, NamedTuple

from growth_verticals.completeness import MAX_FILES
from growth_verticals.patterns import RELEASE, expand_tokens, identity_of, shell_pattern

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from growth_verticals.cadence import Period
    from growth_verticals.completeness import Each, NamedFiles, Parts
    from growth_verticals.landing.manifest import ManifestEntry
    from growth_verticals.source import Delivery

#: The number of a part, or of all parts, in a file's name.
_NUMBER = "[0-9]{1,9}"
#: Names that one message lists.
_MAX_LISTED = 20


class Finding(NamedTuple):
    """Whether a rule is met, and what to tell about it (can be empty)."""

    met: bool
    text: str


@dataclass(frozen=True)
class Names:
    """The names of a delivery's files.

    :param pattern: of the delivery, with its tokens and placeholders.
    """

    names: Sequence[str]
    pattern: str
    period: Period

    def identities(self, names: Iterable[str]) -> set[str]:
        """Return what the names identify. Releases of one file count once: `Source.restated` decides about them."""
        return {identity_of(name, self.pattern) for name in names}

    def read(self, rule: NamedFiles, value: str) -> tuple[dict[str, tuple[str, ...]], list[str]]:
        """Return, by name, the texts in place of the rule's placeholders; and the names that do not match.

        :param value: regular expression of what is in place of each placeholder.
        """
        pattern = expand_tokens(rule.pattern or self.pattern, self.period).replace(RELEASE, "*")
        marks = {name: chr(0xE000 + number) for number, name in enumerate(rule.placeholders)}  # private-use characters
        for name, mark in marks.items():
            pattern = pattern.replace(f"{{{name}}}", mark)
        expression = translate(shell_pattern(pattern, self.period))
        for name, mark in marks.items():
            expression = expression.replace(mark, f"(?P<{name}>{value})")
        matches = {name: re.fullmatch(expression, name) for name in self.names}
        texts = {name: tuple(match[each] for each in rule.placeholders) for name, match in matches.items() if match}
        return texts, [name for name, match in matches.items() if match is None]


def matches_any(name: str, patterns: Iterable[str], period: Period | None) -> bool:
    """Whether a file's name matches one of a delivery's patterns for a period (None: for any period)."""
    return any(fnmatchcase(name, shell_pattern(pattern, period)) for pattern in patterns)


def check_count(count: int, names: Names) -> Finding:
    """Whether there are exactly so many files."""
    arrived = len(names.identities(names.names))
    text = f"{arrived} of {count} arrived"
    return Finding(arrived == count, f"{text}; more than declared: {_listed(names.names)}" if arrived > count else text)


def check_parts(rule: Parts, names: Names) -> Finding:
    """Whether all parts are there, each once."""
    texts, unexpected = names.read(rule, _NUMBER)
    totals = sorted({int(parts) for _, parts in texts.values()})
    if not totals:
        return Finding(False, "; ".join(["no part arrived", *_unexpected(unexpected)]))
    if len(totals) > 1:
        problem = f"the names say different numbers of parts: {_listed(map(str, totals))}"
        return Finding(False, "; ".join([problem, *_unexpected(unexpected)]))
    [total] = totals
    expected = dict.fromkeys(str(part) for part in range(1, min(total, MAX_FILES) + 1))
    arrived: dict[str, list[str]] = defaultdict(list)
    for name, (part, _) in texts.items():
        if str(int(part)) in expected:
            arrived[str(int(part))].append(name)
        else:
            unexpected.append(name)
    problems = _problems(arrived, expected, ("part ", "parts "), unexpected, names)
    return Finding(not problems and len(arrived) == total, "; ".join([f"{len(arrived)} of {total} arrived", *problems]))


def check_values(rule: Each, names: Names) -> Finding:
    """Whether there is one file for each value that must come, and none for a value that is not declared."""
    longest_first = sorted(rule.values, key=len, reverse=True)
    texts, unexpected = names.read(rule, "|".join(map(re.escape, longest_first)))
    arrived: dict[str, list[str]] = defaultdict(list)
    for name, (value,) in texts.items():
        arrived[value].append(name)
    problems = _problems(arrived, rule.always, ("", ""), unexpected, names)
    if rule.at_least is not None and len(arrived) < rule.at_least:
        problems.append(f"at least {rule.at_least} must arrive")
    total = f" of {len(rule.values)}" if rule.is_exact else ""
    return Finding(not problems, "; ".join([f"{len(arrived)}{total} arrived", *problems]))


def check_manifest(
    entries: Mapping[str, ManifestEntry], sizes: Mapping[str, int], delivery: Delivery, period: Period
) -> Finding:
    """Whether exactly the files are there that the manifest lists, in the sizes that it says.

    :param sizes: the files' sizes by name.
    """
    listed = {name: entry for name, entry in entries.items() if not matches_any(name, delivery.ignore, period)}
    foreign = [name for name in listed if not matches_any(name, (delivery.pattern,), period)]
    wrong = [name for name, size in sizes.items() if name in listed and listed[name].size not in (None, size)]
    texts = [f"{len(sizes.keys() & listed.keys()) - len(wrong)} of {len(listed)} arrived"]
    if missing := [name for name in listed if name not in sizes and name not in foreign]:
        texts.append(f"missing: {_listed(missing)}")
    if wrong:
        counts = _listed(f"{name} ({sizes[name]:,} of {listed[name].size:,} bytes)" for name in wrong)
        texts.append(f"of another size than in the manifest: {counts}")
    if extra := [name for name in sizes if name not in listed]:
        texts.append(f"not in the manifest: {_listed(extra)}")
    if foreign:
        texts.append(f"in the manifest, but neither in pattern nor in ignore: {_listed(foreign)}")
    return Finding(len(texts) == 1, "; ".join(texts))


def check_quiet(quiet_s: float, unchanged_s: float) -> Finding:
    """Whether the files have been unchanged for long enough."""
    passed, needed = (timedelta(seconds=int(seconds)) for seconds in (unchanged_s, quiet_s))
    return Finding(unchanged_s >= quiet_s, f"unchanged for {passed} of {needed}")


def _problems(
    arrived: Mapping[str, Sequence[str]],
    expected: Iterable[str],
    nouns: tuple[str, str],
    unexpected: Sequence[str],
    names: Names,
) -> list[str]:
    """Return what differs between what arrived and what is expected.

    :param arrived: what the names say, such as a part's number → the files that say so.
    :param nouns: what one and several of them are called, with a space.
    """
    missing = [value for value in expected if value not in arrived]
    texts = [f"missing: {nouns[len(missing) > 1]}{_listed(missing)}"] if missing else []
    for value, files in arrived.items():
        if len(names.identities(files)) > 1:
            texts.append(f"{nouns[0]}{value} is there more than once: {_listed(files)}")
    return texts + _unexpected(unexpected)


def _unexpected(names: Sequence[str]) -> list[str]:
    return [f"not expected: {_listed(names)}"] if names else []


def _listed(texts: Iterable[str]) -> str:
    every = list(texts)
    more = f" and {len(every) - _MAX_LISTED:,} more" if len(every) > _MAX_LISTED else ""
    return ", ".join(every[:_MAX_LISTED]) + more
