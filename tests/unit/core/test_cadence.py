"""Periods: their keys, when they open, and when they are due."""

from __future__ import annotations

from bisect import bisect_right
from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from growth_verticals.cadence import BUSINESS_ZONE, Cadence, Daily, Monthly, OnDemand, Quarterly, business_day_after
from growth_verticals.errors import DeclarationError, PeriodError


@pytest.mark.parametrize(
    ("cadence", "key", "first", "last"),
    [
        (Quarterly(), "2026Q4", date(2026, 10, 1), date(2026, 12, 31)),
        (Quarterly(), "2024Q1", date(2024, 1, 1), date(2024, 3, 31)),
        (Monthly(), "2024-02", date(2024, 2, 1), date(2024, 2, 29)),
        (Monthly(), "2026-12", date(2026, 12, 1), date(2026, 12, 31)),
        (Daily(), "2026-11-22", date(2026, 11, 22), date(2026, 11, 22)),
        (OnDemand(), "2026-11-22", date(2026, 11, 22), date(2026, 11, 22)),
    ],
)
def test_a_key_is_parsed_into_its_period(cadence: Cadence, key: str, first: date, last: date):
    period = cadence.parse(key)
    assert (period.key, period.first, period.last) == (key, first, last)
    assert cadence.containing(last) == period
    assert cadence.before(cadence.after(period)) == period


@pytest.mark.parametrize(
    ("cadence", "key"),
    [
        (Quarterly(), "2026Q5"),
        (Quarterly(), "2026-11"),
        (Quarterly(), "2026q4"),
        (Quarterly(), "2026Q4 "),
        (Monthly(), "2026-13"),
        (Monthly(), "2026-1"),
        (Monthly(), "٢٠٢٦-11"),
        (Daily(), "2026-02-30"),
        (Daily(), "0000-01-01"),
        (Daily(), "../2026-11-22"),
        (OnDemand(), ""),
    ],
)
def test_an_invalid_key_is_refused_with_an_example_of_a_valid_one(cadence: Cadence, key: str):
    with pytest.raises(PeriodError, match=cadence.example):
        cadence.parse(key)


def test_business_days_skip_weekends_and_federal_holidays():
    assert business_day_after(date(2026, 12, 31), 1) == date(2027, 1, 4)  # New Year's Day is a Friday
    assert business_day_after(date(2026, 11, 25), 1) == date(2026, 11, 27)  # Thanksgiving


def test_a_quarter_opens_on_the_first_business_day_after_it_and_is_due_on_the_declared_business_day():
    cadence = Quarterly(due_business_day=15)
    period = cadence.parse("2026Q3")
    assert cadence.opens(period).isoformat() == "2026-10-01T06:00:00-04:00"
    assert cadence.due(period).isoformat() == "2026-10-22T18:00:00-04:00"  # Columbus Day is between these days


def test_a_day_opens_the_next_morning_even_on_a_weekend():
    cadence = Daily()
    assert cadence.opens(cadence.parse("2026-11-20")).isoformat() == "2026-11-21T06:00:00-05:00"
    assert cadence.due(cadence.parse("2026-11-20")).isoformat() == "2026-11-23T18:00:00-05:00"


def test_latest_open_and_next_due_return_the_expected_periods():
    now = datetime(2026, 11, 22, 15, tzinfo=UTC)
    assert Quarterly(due_business_day=15).latest_open(now).key == "2026Q3"
    assert Quarterly(due_business_day=15).next_due(now).key == "2026Q4"
    assert Monthly().next_due(now).key == "2026-11"
    assert Daily().latest_open(now).key == "2026-11-21"


def test_a_due_day_out_of_range_is_refused():
    with pytest.raises(DeclarationError, match="1 to 60"):
        Monthly(due_business_day=0)


# --- ten years, compared with computations that share no code with cadence.py -------------------------------------

TEN_YEARS = [date(2025, 1, 1) + timedelta(days=number) for number in range(3652)]
DUE_DAYS = (1, 5, 15, 60)


def weekday_of_month(year: int, month: int, weekday: int, count: int) -> date:
    days = [date(year, month, day) for day in range(1, 29 + 3) if day <= last_day(year, month)]
    matching = [day for day in days if day.weekday() == weekday]
    return matching[count - 1] if count > 0 else matching[count]


def last_day(year: int, month: int) -> int:
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    return [31, 29 if leap else 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1]


def federal_holidays(year: int) -> set[date]:
    """The holidays of 5 U.S.C. 6103, on the day on which they are observed."""
    fixed = [date(year, 1, 1), date(year, 6, 19), date(year, 7, 4), date(year, 11, 11), date(year, 12, 25)]
    shift = {5: -1, 6: 1}  # Saturday: the Friday before; Sunday: the Monday after
    observed = {day + timedelta(days=shift.get(day.weekday(), 0)) for day in [*fixed, date(year + 1, 1, 1)]}
    return observed | {
        weekday_of_month(year, 1, 0, 3),  # Martin Luther King Jr.
        weekday_of_month(year, 2, 0, 3),  # Washington
        weekday_of_month(year, 5, 0, -1),  # Memorial Day
        weekday_of_month(year, 9, 0, 1),  # Labor Day
        weekday_of_month(year, 10, 0, 2),  # Columbus Day
        weekday_of_month(year, 11, 3, 4),  # Thanksgiving
    }


HOLIDAYS = set().union(*(federal_holidays(year) for year in range(2024, 2037)))
BUSINESS_DAYS = [
    day
    for day in (date(2024, 12, 1) + timedelta(days=number) for number in range(4100))
    if day.weekday() not in (5, 6) and day not in HOLIDAYS
]


def key_of(cadence: Cadence, day: date) -> str:
    """The key of the period that contains the day, by string formatting alone."""
    if isinstance(cadence, Quarterly):
        return f"{day.year}Q{'111222333444'[day.month - 1]}"
    return day.isoformat()[:7] if isinstance(cadence, Monthly) else day.isoformat()


@pytest.mark.parametrize("cadence", [Quarterly(), Monthly(), Daily(), OnDemand()])
def test_for_ten_years_every_day_is_in_one_period_and_no_period_is_missed_or_repeated(cadence: Cadence):
    days_of: dict[str, list[date]] = {}
    for day in TEN_YEARS:
        days_of.setdefault(key_of(cadence, day), []).append(day)
        assert cadence.containing(day).key == key_of(cadence, day)
    period = cadence.containing(TEN_YEARS[0])
    for key, days in days_of.items():
        assert (period.key, period.first, period.last) == (key, days[0], days[-1])
        assert cadence.parse(key) == period
        assert cadence.before(cadence.after(period)) == period
        period = cadence.after(period)


@pytest.mark.parametrize("due_business_day", DUE_DAYS)
@pytest.mark.parametrize("cadence", [Quarterly, Monthly, Daily])
def test_for_ten_years_periods_open_and_are_due_on_us_business_days(cadence: type[Cadence], due_business_day: int):
    declared = cadence(due_business_day=due_business_day)
    for period in {declared.containing(day) for day in TEN_YEARS}:
        following = BUSINESS_DAYS[bisect_right(BUSINESS_DAYS, period.last) :]
        opens = period.last + timedelta(days=1) if cadence is Daily else following[0]
        # the wall clock in New York, on days of clock changes too
        assert declared.opens(period).replace(tzinfo=None) == datetime.combine(opens, time(6))
        due = datetime.combine(following[due_business_day - 1], time(18))
        assert declared.due(period).replace(tzinfo=None) == due
        assert {declared.opens(period).tzinfo, declared.due(period).tzinfo} == {BUSINESS_ZONE}


@given(
    cadence=st.sampled_from([Quarterly(due_business_day=15), Monthly(due_business_day=5), Daily()]),
    now=st.integers(0, 3652 * 24 * 60).map(
        lambda minutes: datetime(2025, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
    ),
)
def test_the_newest_open_period_has_opened_and_the_one_after_it_has_not(cadence: Cadence, now: datetime):
    newest = cadence.latest_open(now)
    assert cadence.opens(newest) <= now < cadence.opens(cadence.after(newest))
    due = cadence.next_due(now)
    assert cadence.due(due) > now
    assert due == newest or cadence.due(cadence.before(due)) <= now
