"""The grid: which periods it shows, which of them were asked for, and what their rows are compared to."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC
from typing import Any

import pytest

from growth_verticals.cadence import Cadence, Daily, Monthly, Quarterly
from growth_verticals.source import Source
from growth_verticals.status.facts import RunFacts
from growth_verticals.status.grid import Grid, GridRow, grid_row, runs_since, window
from growth_verticals.status.states import STATES
from tests.unit.status.facts import (
    DAILY,
    MONTHLY,
    NEW_YORK,
    ON_DEMAND,
    QUARTERLY,
    at,
    audit,
    failed,
    held,
    load,
    loaded,
    run,
    source,
)

NOW = at("11-20 12:00")  # a Friday


def row(of: Source, *runs: RunFacts, **facts: Any) -> GridRow:
    return grid_row(of, runs, **{"now": NOW, "paused": False} | facts)


def states(shown: GridRow) -> dict[str, str]:
    return {cell.period: cell.state for cell in shown.cells if cell}


def load_of(period: str, rows: int = 100) -> RunFacts:
    return replace(loaded(counts=load(rows)), period=period, run_id=period)


@pytest.mark.parametrize(
    ("of", "count", "first", "last"),
    [
        (QUARTERLY, 8, "2025Q1", "2026Q4"),
        (MONTHLY, 12, "2025-12", "2026-11"),
        (DAILY, 30, "2026-10-22", "2026-11-20"),
        (ON_DEMAND, 30, "2026-10-22", "2026-11-20"),
    ],
)
def test_the_window_ends_with_the_period_that_contains_today(of: Source, count: int, first: str, last: str) -> None:
    periods = [period.key for period in window(of, NOW)]
    assert (len(periods), periods[0], periods[-1]) == (count, first, last)
    assert list(row(of).periods) == periods


def test_today_is_new_yorks() -> None:
    assert window(DAILY, at("11-20 23:59"))[-1].key == "2026-11-20"
    assert at("11-20 23:59").astimezone(UTC).day == 21


@pytest.mark.parametrize(
    ("cadence", "since"), [(Quarterly(), "2024-10-01"), (Monthly(), "2025-11-01"), (Daily(), "2026-10-15")]
)
def test_runs_of_the_periods_that_others_are_compared_to_are_read_too(cadence: Cadence, since: str) -> None:
    of = source(cadence)
    start = runs_since([of], NOW)["feed"]
    assert f"{start:%Y-%m-%d %H:%M %Z}" == f"{since} 00:00 EDT"


def test_without_runs_only_what_has_not_opened_is_shown() -> None:
    assert states(row(MONTHLY)) == {"2026-11": "not_open"}
    assert states(row(ON_DEMAND)) == {}


@pytest.mark.parametrize(
    ("facts", "first"),
    [
        ({"first_run": "2026-07"}, "2026-07"),
        ({}, None),
        ({"first_run": "2026Q1"}, None),
    ],  # a cadence that it had before
)
def test_periods_are_asked_for_from_the_first_run_on(facts: dict[str, Any], first: str | None) -> None:
    asked = [period for period, state in states(row(MONTHLY, **facts)).items() if state == "late_pipeline"]
    assert asked == (["2026-07", "2026-08", "2026-09", "2026-10"] if first else [])


def test_since_decides_which_periods_are_asked_for() -> None:
    of = replace(MONTHLY, since="2026-09")
    asked = [period for period, state in states(row(of, first_run="2026-07")).items() if state == "late_pipeline"]
    assert asked == ["2026-09", "2026-10"]


def test_what_happened_is_shown_although_nobody_asked_for_it() -> None:
    shown = row(MONTHLY, load_of("2026-01"), held={"2026-02": held(), "2026-01": held()}, audit={"2026-03": audit()})
    assert states(shown) == {
        "2026-01": "loaded", "2026-02": "by_hand", "2026-03": "unexplained", "2026-11": "not_open",
    }  # fmt: skip


def test_active_runs_of_older_periods_are_shown_apart() -> None:
    old = replace(run("running", step="check", needs_answer=True), period="2019-01")
    shown = row(MONTHLY, old, replace(failed("refused"), period="2018-01"), replace(old, period="of another cadence"))
    assert [(state.period, state.state) for state in shown.others] == [("2019-01", "needs_approval")]
    assert shown.states()[0].period == "2019-01"


def test_rows_are_compared_to_the_newest_earlier_period_with_rows() -> None:
    shown = row(
        MONTHLY, load_of("2026-06", 80), load_of("2026-08", 100), load_of("2026-09", 0), load_of("2026-10", 110)
    )
    cells = {cell.period: cell for cell in shown.cells if cell}
    compared = {
        period: (cell.period_before, cell.rows_before) for period, cell in cells.items() if cell.rows is not None
    }
    assert compared == {
        "2026-06": (None, None), "2026-08": ("2026-06", 80), "2026-09": ("2026-08", 100), "2026-10": ("2026-08", 100),
    }  # fmt: skip
    assert cells["2026-10"].change == pytest.approx(0.1)
    assert cells["2026-06"].change is None


def test_days_are_compared_to_the_same_weekday_of_the_week_before() -> None:
    shown = row(DAILY, *(load_of(f"2026-11-{day}", day) for day in (10, 12, 17, 18, 19)))
    compared = {cell.period: cell.period_before for cell in shown.cells if cell and cell.rows}
    assert compared == {
        "2026-11-10": None, "2026-11-12": "2026-11-10", "2026-11-17": "2026-11-10", "2026-11-18": "2026-11-17",
        "2026-11-19": "2026-11-12",
    }  # fmt: skip


def test_the_oldest_period_is_compared_to_one_before_the_window() -> None:
    [oldest] = [
        cell for cell in row(MONTHLY, load_of("2025-11", 50), load_of("2025-12", 60)).cells if cell and cell.rows
    ]
    assert (oldest.period, oldest.period_before) == ("2025-12", "2025-11")


def test_the_next_delivery_that_is_due_is_the_first_that_is_not_loaded() -> None:
    early = at("11-03 12:00")
    assert row(MONTHLY, now=early).next_due == at("11-06 18:00")
    assert row(MONTHLY, load_of("2026-10"), now=early).next_due == at("12-07 18:00")
    assert row(ON_DEMAND).next_due is None


def test_a_grid_is_the_same_after_json() -> None:
    late = replace(failed("late"), period="2026-09")
    rows = (row(MONTHLY, load_of("2026-10"), late, replace(run("running"), period="2020-01")), row(ON_DEMAND))
    grid = Grid(made_at=NOW, rows=rows, tables_read=True)
    document = json.loads(json.dumps(grid.to_json()))
    assert Grid.from_json(document) == grid
    assert document["states"]["loaded"] == {"sign": "✓", "word": "loaded"}
    assert document["states"].keys() == STATES.keys()
    assert [state.state for state in grid.states()] == ["late_vendor", "late_vendor", "loaded", "not_open"]


def test_times_in_json_are_utc() -> None:
    grid = Grid(made_at=NOW.astimezone(NEW_YORK), rows=(row(MONTHLY),))
    document = grid.to_json()
    assert document["made_at"] == "2026-11-20T17:00:00+00:00"
    assert document["rows"][0]["cells"][-1]["opens"] == "2026-12-01T11:00:00+00:00"
