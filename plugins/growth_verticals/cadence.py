"""When a source delivers: its periods, when each opens, and when each is due.

A period is identified by its key, which is also the Airflow partition key: `2026Q4`, `2026-11`, `2026-11-22`. All times
are in the vendors' business time zone, `America/New_York`. Business days are weekdays that are not US federal holidays.
This module does not import airflow; `timetables.py` turns a cadence into an Airflow timetable.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cache
from typing import TYPE_CHECKING, ClassVar
from zoneinfo import ZoneInfo

from growth_verticals.errors import DeclarationError, PeriodError

if TYPE_CHECKING:
    from collections.abc import Container

BUSINESS_ZONE = ZoneInfo("America/New_York")
ONE_DAY = timedelta(days=1)
_OPENS_AT = time(6, 0)
_DUE_AT = time(18, 0)


@dataclass(frozen=True)
class Period:
    """The time that a delivery covers. `first` and `last` are its first and last day, inclusive."""

    key: str
    first: date
    last: date

    def __str__(self) -> str:
        return self.key


@dataclass(frozen=True, kw_only=True)
class Cadence:
    """How often a source delivers, and on which business day after the period's end the delivery is due.

    Use one of the subclasses.

    :param due_business_day: 1 is the first business day after the period's last day.
    """

    due_business_day: int = 1

    #: Name of the cadence in the Airflow UI and in `./gv sources`.
    label: ClassVar[str]
    #: A sample key, for messages, and the regular expression that all keys match.
    example: ClassVar[str]
    pattern: ClassVar[str]

    def __post_init__(self) -> None:
        if not 1 <= self.due_business_day <= 60:
            raise DeclarationError(
                "due_business_day is out of range", expected="1 to 60", found=str(self.due_business_day)
            )

    def parse(self, key: str) -> Period:
        """Return the period with this key. Raises `PeriodError` if there is none."""
        match = re.fullmatch(self.pattern, key, re.ASCII)
        try:
            if match:
                return self._from_numbers(*(int(number) for number in match.groups()))
        except ValueError:
            pass  # no such date: month 13, or February 31
        raise PeriodError(
            "the period does not parse",
            expected=f"a period such as {self.example} ({self.label})",
            found=repr(key[:40]),
            next_step="enter the period that the delivery is for",
        )

    def containing(self, day: date) -> Period:
        """Return the period that contains `day`."""
        raise NotImplementedError

    def _from_numbers(self, *numbers: int) -> Period:
        raise NotImplementedError

    def after(self, period: Period) -> Period:
        """Return the next period."""
        return self.containing(period.last + ONE_DAY)

    def before(self, period: Period) -> Period:
        """Return the previous period."""
        return self.containing(period.first - ONE_DAY)

    def opens(self, period: Period) -> datetime:
        """Return when the wait for this period's delivery starts: 06:00 on the first business day after the period."""
        return datetime.combine(business_day_after(period.last, 1), _OPENS_AT, BUSINESS_ZONE)

    def due(self, period: Period) -> datetime:
        """Return the time after which an incomplete delivery is late: 18:00 on the due business day."""
        return datetime.combine(business_day_after(period.last, self.due_business_day), _DUE_AT, BUSINESS_ZONE)

    def latest_open(self, now: datetime) -> Period:
        """Return the newest period that has opened by `now` (timezone-aware)."""
        period = self.containing(now.astimezone(BUSINESS_ZONE).date())
        while self.opens(period) > now:
            period = self.before(period)
        return period

    def next_due(self, now: datetime) -> Period:
        """Return the first period whose due time is after `now` (timezone-aware)."""
        period = self.latest_open(now)
        while self.due(period) <= now:
            period = self.after(period)
        return period


@dataclass(frozen=True, kw_only=True)
class Quarterly(Cadence):
    """A calendar quarter: `2026Q4`."""

    label: ClassVar[str] = "quarterly"
    example: ClassVar[str] = "2026Q4"
    pattern: ClassVar[str] = r"(\d{4})Q([1-4])"

    def containing(self, day: date) -> Period:
        return self._from_numbers(day.year, (day.month + 2) // 3)

    def _from_numbers(self, *numbers: int) -> Period:
        year, quarter = numbers
        first = date(year, 3 * quarter - 2, 1)
        return Period(f"{year:04}Q{quarter}", first, _month_end(year, 3 * quarter))


@dataclass(frozen=True, kw_only=True)
class Monthly(Cadence):
    """A calendar month: `2026-11`."""

    label: ClassVar[str] = "monthly"
    example: ClassVar[str] = "2026-11"
    pattern: ClassVar[str] = r"(\d{4})-(\d\d)"

    def containing(self, day: date) -> Period:
        return self._from_numbers(day.year, day.month)

    def _from_numbers(self, *numbers: int) -> Period:
        year, month = numbers
        return Period(f"{year:04}-{month:02}", date(year, month, 1), _month_end(year, month))


@dataclass(frozen=True, kw_only=True)
class Daily(Cadence):
    """A calendar day: `2026-11-22`. A day opens the next morning, also on weekends and holidays."""

    label: ClassVar[str] = "daily"
    example: ClassVar[str] = "2026-11-22"
    pattern: ClassVar[str] = r"(\d{4})-(\d\d)-(\d\d)"

    def containing(self, day: date) -> Period:
        return Period(day.isoformat(), day, day)

    def _from_numbers(self, *numbers: int) -> Period:
        return self.containing(date(*numbers))

    def opens(self, period: Period) -> datetime:
        return datetime.combine(period.last + ONE_DAY, _OPENS_AT, BUSINESS_ZONE)


@dataclass(frozen=True, kw_only=True)
class OnDemand(Daily):
    """No schedule. A person starts each load; the period is the day that the delivery is for."""

    label: ClassVar[str] = "on demand"


def business_day_after(day: date, count: int) -> date:
    """Return the `count`-th business day after `day` (`count` ≥ 1)."""
    while count:
        day += ONE_DAY
        if day.weekday() < 5 and day not in _holidays(day.year):
            count -= 1
    return day


@cache
def _holidays(year: int) -> Container[date]:
    import holidays  # takes a third of a second, and only schedules need it

    return frozenset(holidays.country_holidays("US", years=year))


def _month_end(year: int, month: int) -> date:
    return date(year + month // 12, month % 12 + 1, 1) - ONE_DAY
