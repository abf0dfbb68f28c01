"""A vendor's scorecard: each number is about what the vendor did, not about what was done with it here."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from growth_verticals.source import Source
from growth_verticals.status.facts import RunFacts
from growth_verticals.status.scorecard import Score, scorecard
from tests.unit.status.facts import MONTHLY, ON_DEMAND, at, failed, failure, load, loaded

NOW = at("12-20 12:00")


def score(*runs: RunFacts, of: Source = MONTHLY) -> Score:
    """Return the score of the fourth quarter, to which the periods 2026-10 and 2026-11 belong."""
    return {each.quarter: each for each in scorecard(of, runs, now=NOW)}["2026Q4"]


def period(key: str, run: RunFacts, opens: str, **values: Any) -> RunFacts:
    return replace(run, period=key, run_id=f"{key} {run.state}", queued_at=at(opens), **values)


#: The delivery for 2026-10 is due on 11-06 18:00, that for 2026-11 on 12-07 18:00.
OCTOBER = loaded()
NOVEMBER = period("2026-11", loaded(), "12-01 06:00", arrived_at=at("12-09 06:00"))


def test_deliveries_and_their_records_are_counted_by_the_quarter_of_their_period() -> None:
    september = period("2026-09", loaded(counts=load(50, 1)), "10-01 06:00")
    scores = scorecard(MONTHLY, [replace(OCTOBER, load=load(98, 2)), september, NOVEMBER], now=NOW)
    assert [(each.quarter, each.deliveries, each.rows_read, each.rows_rejected) for each in scores] == [
        ("2026Q4", 2, 200, 2),
        ("2026Q3", 1, 51, 1),
    ]
    assert scores[0].reject_share == 0.01


def test_a_delivery_is_on_time_if_it_arrived_by_its_due_time_whenever_it_was_loaded() -> None:
    slow = replace(OCTOBER, arrived_at=at("11-06 17:59"), committed_at=at("11-20 10:00"), ended_at=at("11-20 10:00"))
    assert (score(slow, NOVEMBER).judged, score(slow, NOVEMBER).on_time) == (2, 1)
    assert score(slow, NOVEMBER).on_time_share == 0.5
    assert score(slow, NOVEMBER).worst_late_days == 1.5
    late_part = period("2026-10", loaded("11-20 10:00"), "11-20 09:00", arrived_at=at("11-20 09:30"))
    assert score(slow, late_part).worst_late_days == 0.0


def test_a_delivery_that_a_later_run_found_is_as_late_as_its_arrival() -> None:
    late = failed("late", "11-06 18:00", step="await")
    later = period("2026-10", loaded("11-16 19:00"), "11-16 17:00", arrived_at=at("11-16 18:00"))
    assert (score(late, later).on_time, score(late, later).worst_late_days) == (0, 10.0)
    assert score(late, later).gaps == 0


def test_a_delivery_that_never_came_is_late_until_now_and_a_gap() -> None:
    never = score(failed("late", "11-06 18:00", step="await"))
    assert (never.deliveries, never.on_time, never.gaps) == (0, 0, 1)
    assert never.worst_late_days == pytest.approx(43.8, abs=0.1)


def test_a_period_that_was_loaded_long_afterward_says_nothing_about_when_it_came() -> None:
    backfilled = replace(OCTOBER, queued_at=at("12-01 06:00"), arrived_at=at("12-01 06:01"))
    assert (score(backfilled).judged, score(backfilled).on_time_share, score(backfilled).worst_late_days) == (
        0,
        None,
        0.0,
    )


def test_a_delivery_that_is_not_due_is_not_judged() -> None:
    waits = period(
        "2026-12", replace(OCTOBER, state="running", load=None, arrived_at=None, ended_at=None), "12-20 06:00"
    )
    found = score(OCTOBER, NOVEMBER, waits)
    assert (found.judged, found.gaps) == (2, 0)


def test_restatements_refusals_and_drift_are_counted() -> None:
    drift = failed("refused", failure=failure(kind="ColumnsRefusedError"))
    restated = loaded("11-05 10:00", load(90, files_replaced=1))
    found = score(OCTOBER, failed("refused"), drift, failed("error"), restated)
    assert (found.refused, found.drift, found.restatements) == (2, 1, 1)


def test_a_period_without_a_run_between_others_is_a_gap() -> None:
    august = period("2026-08", loaded(), "09-01 06:00")
    quarters = {each.quarter: each for each in scorecard(MONTHLY, [august, OCTOBER], now=NOW)}
    assert quarters["2026Q3"].gaps == 1
    assert quarters["2026Q3"].judged == 1


def test_an_on_demand_source_has_no_due_times_and_no_gaps() -> None:
    runs = [replace(OCTOBER, period=key, run_id=key) for key in ("2026-10-05", "2026-11-20")]
    found = score(*runs, of=ON_DEMAND)
    assert (found.deliveries, found.judged, found.gaps, found.on_time_share) == (2, 0, 0, None)


def test_only_the_newest_quarters_are_shown_and_those_without_anything_are_left_out() -> None:
    old = period("2025-01", loaded(), "11-02 06:00")
    runs = [old, OCTOBER, replace(OCTOBER, period="of another cadence")]
    of = replace(MONTHLY, cadence=MONTHLY.cadence)
    assert [each.quarter for each in scorecard(of, runs, now=NOW, quarters=2)] == ["2026Q4", "2026Q3"]
    assert scorecard(of, [], now=NOW) == []


def test_json_has_the_shares() -> None:
    document = score(OCTOBER).to_json()
    assert (document["on_time_share"], document["reject_share"], document["quarter"]) == (1.0, 0.0, "2026Q4")
