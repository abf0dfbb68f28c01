"""When a delivery is complete: the rules that a delivery declares with `complete=`.

    Sftp(..., pattern="person_{period}_part{part}of{parts}.csv.gz", complete=Parts())

`landing/complete.py` applies the rules. The classes here only hold and check values, and raise `DeclarationError` for a
wrong one. docs/deliveries.md compares the rules.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, ClassVar, Literal, get_args

from growth_verticals.errors import DeclarationError

if TYPE_CHECKING:
    from collections.abc import Mapping

#: The 50 states and the District of Columbia, by their USPS codes.
US_STATES = (
    "AK", "AL", "AR", "AZ", "CA", "CO", "CT", "DC", "DE", "FL", "GA", "HI", "IA", "ID", "IL", "IN", "KS", "KY", "LA",
    "MA", "MD", "ME", "MI", "MN", "MO", "MS", "MT", "NC", "ND", "NE", "NH", "NJ", "NM", "NV", "NY", "OH", "OK", "OR",
    "PA", "RI", "SC", "SD", "TN", "TX", "UT", "VA", "VT", "WA", "WI", "WV", "WY",
)  # fmt: skip

#: Names that can be used in braces in a file name's pattern. Their values come from the file's name.
PLACEHOLDERS = ("part", "parts", "value")
#: Files of one delivery. One XCom holds what is known of all of them.
MAX_FILES = 10_000
Sums = Literal["sha256", "md5"]
_MANIFEST_FIELDS = ("name", "size", "rows", "sha256", "md5")


@dataclass(frozen=True)
class Rule:
    """What must be true of a period's files before they are loaded. Use one of the subclasses.

    No rule is met while there are no files. Except with a `Marker`, the files must also be the same in two consecutive
    polls, unchanged in size, modification time and version, so that a file is not taken while it is being uploaded.
    """

    #: The placeholders that the pattern of the files must contain.
    placeholders: ClassVar[tuple[str, ...]] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The names and patterns in this rule, which can contain period tokens."""
        return ()


@dataclass(frozen=True)
class Marker(Rule):
    """Complete when the vendor has put a file with this `name` into the same folder. It is not loaded.

    :param name: the file's whole name. It can contain period tokens.
    """

    name: str

    @property
    def names(self) -> tuple[str, ...]:
        return (self.name,)


@dataclass(frozen=True)
class Manifest(Rule):
    """Complete when every file that the vendor's manifest lists is there, and no other file of the delivery.

    The manifest is a text file in the same folder, in UTF-8. It is not loaded. What it says of each file is verified:
    the size before the file is landed, the checksum of the bytes that are landed, and the number of records before
    the delivery is committed. A name in the manifest must match the delivery's `pattern` or `ignore`.

    :param pattern: shell pattern for the manifest's name. It can contain period tokens.
    :param columns: for delimited text with a header line: what a column is, one of `name` (required), `size` (bytes),
        `rows` (records, without header and trailer), `sha256` and `md5` (hexadecimal), → the column's header. Also
        `sum:<column>`, the sum of a column of the table, for the check `ControlSum`.
    :param delimiter: of that text.
    :param sums: instead of `columns`, for the output of `sha256sum` or `md5sum`, one `<digest>  <name>` a line:
        `sha256` or `md5`.
    """

    pattern: str
    columns: Mapping[str, str] | None = None
    delimiter: str = ","
    sums: Sums | None = None

    def __post_init__(self) -> None:
        if (self.columns is None) == (self.sums is None):
            raise DeclarationError("a manifest needs either columns or sums", found=self.pattern)
        if self.sums is not None and self.sums not in get_args(Sums):
            raise DeclarationError("a manifest's sums are not valid", expected=" or ".join(get_args(Sums)))
        if self.columns is not None and (
            "name" not in self.columns or self.columns.keys() - {*_MANIFEST_FIELDS, *self.sum_fields}
        ):
            raise DeclarationError(
                "a manifest's columns are not valid",
                expected=f"name, and some of {', '.join(_MANIFEST_FIELDS[1:])}, sum:<column>",
                found=", ".join(self.columns),
            )
        if len(self.delimiter) != 1 or self.delimiter in '\r\n"':
            raise DeclarationError("a manifest's delimiter must be one character, and not a newline or a quote")

    @property
    def names(self) -> tuple[str, ...]:
        return (self.pattern,)

    @property
    def sum_fields(self) -> tuple[str, ...]:
        """The fields that are sums of a column: `sum:<column>`."""
        return tuple(field for field in self.columns or {} if re.fullmatch(r"sum:[a-z][a-z0-9_]*", field))


@dataclass(frozen=True)
class Files(Rule):
    """Complete when exactly `count` files are there."""

    count: int

    def __post_init__(self) -> None:
        if not 1 <= self.count <= MAX_FILES:
            raise DeclarationError(
                "the number of files is out of range", expected=f"1 to {MAX_FILES:,}", found=str(self.count)
            )


class NamedFiles(Rule):
    """Base of the rules that read something from each file's name.

    `pattern` is the pattern that each name must match; None for the delivery's own.
    """

    pattern: str | None

    @property
    def names(self) -> tuple[str, ...]:
        return (self.pattern,) if self.pattern is not None else ()


@dataclass(frozen=True)
class Parts(NamedFiles):
    """Complete when all parts are there: the names say `{part}` of `{parts}`, counted from 1, with or without zeros.

    :param pattern: for the names, such as `person_{period}_part{part}of{parts}.csv.gz`. Default: the delivery's own
        pattern, which then contains the placeholders. Give it if the delivery's pattern is wider on purpose: then a
        file whose name is not that of a part holds the delivery up, and the message names it.
    """

    pattern: str | None = None

    placeholders: ClassVar[tuple[str, ...]] = ("part", "parts")


@dataclass(frozen=True)
class Each(NamedFiles):
    """Complete when there is one file for each value, such as a state: its name contains `{value}`.

    If a period can bring fewer files (`required`, `at_least`), this rule cannot know when nothing more comes. Then
    declare another rule that can: `complete=(Each(US_STATES, at_least=1), Quiet(timedelta(hours=6)))`.

    :param values: every value that a name can contain, as it is written there.
    :param required: the values that every period brings. Default: all of them; none if `at_least` is given.
    :param at_least: how many values every period brings.
    :param pattern: as for `Parts`.
    """

    values: tuple[str, ...]
    required: tuple[str, ...] | None = None
    at_least: int | None = None
    pattern: str | None = None

    placeholders: ClassVar[tuple[str, ...]] = ("value",)

    def __post_init__(self) -> None:
        values = self.values if isinstance(self.values, tuple) else ()
        if not values or len(set(values)) < len(values) or not all(values):
            raise DeclarationError("the values must be a tuple of different texts, one or more")
        if unknown := set(self.always) - set(self.values):
            raise DeclarationError("a required value is not one of the values", found=", ".join(sorted(unknown)))
        if self.at_least is not None and not 1 <= self.at_least <= len(self.values):
            raise DeclarationError("at_least is out of range", expected=f"1 to {len(self.values)}")

    @property
    def always(self) -> tuple[str, ...]:
        """The values that every period brings."""
        if self.required is not None:
            return self.required
        return self.values if self.at_least is None else ()

    @property
    def is_exact(self) -> bool:
        """Whether every period brings every value."""
        return len(self.always) == len(self.values)


@dataclass(frozen=True)
class Quiet(Rule):
    """The last resort, for a vendor who announces nothing: complete when the files were unchanged for a `duration`.

    No file came, went, or changed in size, modification time or version in all polls for that long.
    """

    duration: timedelta

    def __post_init__(self) -> None:
        if not timedelta(minutes=1) <= self.duration <= timedelta(days=7):
            raise DeclarationError(
                "the quiet duration is out of range", expected="1 minute to 7 days", found=str(self.duration)
            )


def check_rules(rules: tuple[Rule, ...], pattern: str) -> None:
    """Raise `DeclarationError` if the rules contradict each other or the delivery's file name pattern."""
    types = [type(rule) for rule in rules]
    if len(set(types)) < len(types):
        raise DeclarationError("complete= has a rule twice", found=", ".join(kind.__name__ for kind in types))
    for rule in rules:
        if not isinstance(rule, NamedFiles) and any(
            f"{{{name}}}" in text for name in PLACEHOLDERS for text in rule.names
        ):
            raise DeclarationError(f"the name of a {type(rule).__name__} can contain period tokens only")
        if isinstance(rule, Each) and not rule.is_exact and not {Marker, Manifest, Quiet} & set(types):
            raise DeclarationError(
                "a period can bring fewer files than Each lists, so another rule must say when it is complete",
                expected="also Marker, Manifest or Quiet",
            )
        if isinstance(rule, NamedFiles):
            _check_placeholders(rule.pattern or pattern, rule)
    own = {name for rule in rules if isinstance(rule, NamedFiles) for name in rule.placeholders}
    if unused := [name for name in PLACEHOLDERS if f"{{{name}}}" in pattern and name not in own]:
        raise DeclarationError(
            f"the pattern contains {{{unused[0]}}}, but no rule reads it",
            expected="complete=Parts() for {part} and {parts}, Each(...) for {value}",
            found=pattern,
        )


def _check_placeholders(pattern: str, rule: NamedFiles) -> None:
    for name in rule.placeholders:
        if pattern.count(f"{{{name}}}") != 1:
            raise DeclarationError(
                f"the pattern for {type(rule).__name__} must contain {{{name}}} exactly once", found=pattern
            )
    placeholder = "|".join(rf"\{{{name}\}}" for name in PLACEHOLDERS)
    without_period = re.sub(rf"(?!{placeholder})\{{\w+\}}", "0", pattern)
    if re.search(rf"([*?\[\]]|{placeholder})({placeholder})|({placeholder})[*?\[\]]", without_period):
        raise DeclarationError("a placeholder next to a wildcard or to another placeholder is ambiguous", found=pattern)
