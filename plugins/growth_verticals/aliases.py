"""Vendor's column names that differ from the table's, each from a first period on."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from growth_verticals.errors import DeclarationError, PeriodError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from growth_verticals.cadence import Cadence, Period


@dataclass(frozen=True)
class Alias:
    """A vendor's name for a column of the table: `Alias("zip", "zip5", since="2026Q4")`.

    :param vendor: the name in the file; case, spaces and punctuation do not count. A dot leads into a nested value of
        JSON lines: `user.address.zip`.
    :param column: the table's column.
    :param since: key of the first period whose files have the name; None for every period. It holds until a newer alias
        of the same name.
    """

    vendor: str
    column: str
    since: str | None = None


def normalize(name: str) -> str:
    """Return a header in lower_snake_case and NFC. One `_` replaces each run of other characters."""
    return re.sub(r"\W+", "_", unicodedata.normalize("NFC", name).strip().lower()).strip("_")


def check_aliases(aliases: Iterable[Alias], cadence: Cadence, source: str) -> None:
    """Raise `DeclarationError` if a first period is not one of the cadence, or if a name has two columns at once."""
    columns: dict[tuple[str, date | None], str] = {}
    for alias in aliases:
        if not isinstance(alias, Alias):
            raise DeclarationError(
                "aliases must be a tuple of aliases", source=source, expected='aliases=(Alias("zip", "zip5"),)'
            )
        key = normalize(alias.vendor), _first_day(alias, cadence, source)
        if columns.setdefault(key, alias.column) != alias.column:
            raise DeclarationError(
                "one name of the vendor has two columns in the same periods",
                source=source,
                column=alias.vendor,
                found=f"{columns[key]} and {alias.column}",
                next_step="give the newer alias its first period, with since=",
            )


def aliases_in(aliases: Iterable[Alias], cadence: Cadence, source: str, period: Period | None) -> tuple[Alias, ...]:
    """Return the aliases that hold for a period: of each vendor's name, the newest that has started.

    :param period: None for the newest aliases of all.
    """
    started = [(first, alias) for alias in aliases if _has_started(first := _first_day(alias, cadence, source), period)]
    started.sort(key=lambda each: each[0] or date.min)
    return tuple({normalize(alias.vendor): alias for _, alias in started}.values())


def _has_started(first: date | None, period: Period | None) -> bool:
    return first is None or period is None or first <= period.first


def _first_day(alias: Alias, cadence: Cadence, source: str) -> date | None:
    if alias.since is None:
        return None
    try:
        return cadence.parse(alias.since).first
    except PeriodError as error:
        raise DeclarationError(
            "the first period of an alias does not parse",
            source=source,
            column=alias.vendor,
            expected=error.expected,
            found=error.found,
        ) from error
