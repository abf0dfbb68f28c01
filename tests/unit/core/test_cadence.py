"""Periods: their keys, when they open, and when they are due."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from growth_verticals.cadence import Cadence, Daily, Monthly, OnDemand, Quarterly, business_day_after
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
