"""What the audit does about a period: which run it starts, when it waits, and what it tells people."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from growth_verticals.audit.decide import Run, decide, run_id_for, with_missing_runs, without_older
from growth_verticals.audit.report import AuditedFile, AuditedPeriod, PeriodState
from growth_verticals.audit.window import first_day_of_runs, periods_in_window
from growth_verticals.cadence import Cadence, Daily, Monthly, OnDemand, Quarterly
from growth_verticals.source import Delimited, Inbox, Retention, Sftp, Source

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
LOADED = AuditedFile(name="people_1.csv", state="loaded", sha256="one", landed_at="2026-11-23T12:00:00+00:00")
LATE_PART = AuditedFile(
    name="people_2.csv", state="not landed", size=3, modified=(NOW - timedelta(hours=2)).timestamp()
)
REFUSED = replace(LOADED, name="people_3.csv", state="landed, not loaded", sha256="three")
UNDONE = replace(LOADED, name="people_4.csv", state="undone", sha256="four")


def period(state: PeriodState, *files: AuditedFile, is_ready: bool = True, key: str = "2026-11-23") -> AuditedPeriod:
    return AuditedPeriod(source="acme", period=key, state=state, files=files, is_ready=is_ready, found="7 of 8 arrived")


def run(state: str, run_id: str = "scheduled__1", key: str = "2026-11-23", **changes: Any) -> Run:
    ended_at = None if state in ("queued", "running") else NOW - timedelta(hours=1)
    return replace(Run(run_id=run_id, period=key, state=state, ended_at=ended_at, is_scheduled=True), **changes)


def source(cadence: Cadence = Daily(), since: str | None = None) -> Source:  # noqa: B008
    delivery = Inbox() if isinstance(cadence, OnDemand) else Sftp(conn_id="c", directory="/out", pattern="*_{period}*")
    return Source(name="acme", table="acme.person", cadence=cadence, delivery=delivery, format=Delimited(), since=since)


LATE = period("differs", LOADED, LATE_PART)


def test_a_late_part_starts_a_run_after_the_period_s_own_run() -> None:
    decision = decide(LATE, [run("success")], now=NOW)
    assert (decision.action, decision.run_id) == ("start", run_id_for(LATE))
    assert decision.reason == "differs: 1 loaded; 1 not landed"


def test_a_correction_and_a_delivery_that_came_after_a_late_run_start_one_too() -> None:
    restated = period("differs", LOADED, replace(LATE_PART, name="people_1.csv", state="restated"))
    assert decide(restated, [run("success")], now=NOW).action == "start"
    assert decide(period("differs", LATE_PART), [run("failed")], now=NOW).action == "start"


def test_a_run_has_the_same_id_for_the_same_files_only() -> None:
    other = replace(LATE_PART, name="people_9.csv")
    first = run_id_for(period("differs", LOADED, LATE_PART, other))
    assert first == run_id_for(period("differs", other, REFUSED, LATE_PART))
    assert first.startswith("audit__2026-11-23__")
    for changed in (
        period("differs", LATE_PART),
        period("differs", LATE_PART, replace(other, size=4)),
        period("differs", LATE_PART, replace(other, modified=1.0)),
        period("differs", LATE_PART, replace(other, version='"etag"')),
        period("differs", LATE_PART, other, key="2026-11-24"),
    ):
        assert run_id_for(changed) != first


def test_no_run_is_started_twice() -> None:
    started = run_id_for(LATE)
    assert decide(LATE, [run("queued", started)], now=NOW).action == "wait"
    assert decide(LATE, [run("running", started)], now=NOW).action == "wait"
    failed = decide(LATE, [run("failed", started)], now=NOW)
    assert (failed.action, failed.run_id) == ("note", None)
    assert started in failed.reason
    in_vain = decide(LATE, [run("success", started)], now=NOW)
    assert in_vain.action == "report"
    assert "has succeeded: people_2.csv" in in_vain.reason


@pytest.mark.parametrize("state", ["queued", "running"])
def test_any_run_of_the_period_that_is_in_progress_is_waited_for(state: str) -> None:
    assert decide(LATE, [run("success"), run(state, "manual__2")], now=NOW).action == "wait"


def test_a_run_that_ended_while_the_lists_were_read_counts_as_in_progress() -> None:
    assert decide(LATE, [run("success", ended_at=NOW + timedelta(seconds=9))], now=NOW).action == "wait"


def test_files_that_no_run_would_take_are_reported_after_a_day() -> None:
    part = period("differs", LOADED, LATE_PART, is_ready=False)
    assert decide(part, [run("success")], now=NOW).action == "wait"
    later = decide(part, [run("success")], now=NOW + timedelta(days=1))
    assert later.action == "report"
    assert "people_2.csv; the delivery is not complete: 7 of 8 arrived" in later.reason


def test_rows_of_a_file_that_was_never_landed_are_always_reported() -> None:
    lost = period("differs", replace(LOADED, name="lost.csv", state="unexplained"), LATE_PART)
    assert decide(lost, [run("failed")], now=NOW).action == "report"


def test_a_file_that_is_landed_and_not_loaded_is_explained_by_a_later_failed_run_or_by_a_person() -> None:
    refused = period("differs", REFUSED)
    assert decide(refused, [run("success")], now=NOW).action == "report"
    assert decide(refused, [run("failed")], now=NOW).action == "note"
    before = run("failed", ended_at=datetime(2026, 11, 22, tzinfo=UTC))
    assert decide(refused, [before], now=NOW).action == "report"
    assert decide(period("differs", replace(REFUSED, by_hand=True)), [run("success")], now=NOW).action == "note"
    assert decide(period("differs", UNDONE), [run("success")], now=NOW).action == "note"


def test_no_run_is_started_that_would_load_an_undone_file_again() -> None:
    still_there = replace(UNDONE, size=3)
    decision = decide(period("differs", LOADED, LATE_PART, still_there), [run("success")], now=NOW)
    assert decision.action == "report"
    assert "a run would load again what a person has undone: people_4.csv" in decision.reason
    assert decide(period("differs", LOADED, LATE_PART, UNDONE), [run("success")], now=NOW).action == "start"


@pytest.mark.parametrize("state", ["complete", "waiting"])
def test_nothing_is_done_about_a_period_that_agrees(state: PeriodState) -> None:
    assert decide(period(state, LATE_PART), [], now=NOW).action == "none"


def test_a_late_delivery_and_a_vendor_that_does_not_answer_are_noted_only() -> None:
    assert decide(period("late", is_ready=False), [run("failed")], now=NOW).action == "note"
    assert decide(period("vendor unreachable", LOADED), [run("success")], now=NOW).action == "note"


def test_a_file_in_the_inbox_that_no_run_took_is_reported() -> None:
    left = period("late", replace(LATE_PART, by_hand=True), is_ready=False, key="inbox")
    decision = decide(left, [], now=NOW)
    assert decision.action == "report"
    assert "people_2.csv" in decision.reason


# --- missing runs -------------------------------------------------------------------------------------------------


def days(*keys: str) -> list[AuditedPeriod]:
    return [period("late", key=key, is_ready=False) for key in keys]


def missing(declared: Source, periods: list[AuditedPeriod], *runs: Run) -> list[tuple[str, str]]:
    return [(each.period, each.state) for each in with_missing_runs(declared, periods, runs, now=NOW)]


def test_a_period_between_runs_that_has_none_is_missing_its_run() -> None:
    runs = (run("success", key="2026-11-20"), run("success", key="2026-11-22"))
    assert missing(source(), days("2026-11-20", "2026-11-21", "2026-11-22"), *runs)[1] == ("2026-11-21", "missing run")


def test_periods_before_since_or_before_the_first_run_were_not_asked_for() -> None:
    periods = days("2026-11-20", "2026-11-21", "2026-11-22")
    assert missing(source(), periods) == []
    assert missing(source(), periods, run("success", key="2026-11-22")) == [("2026-11-22", "late")]
    assert [state for _, state in missing(source(since="2026-11-20"), periods)] == ["missing run"] * 3


def test_a_run_that_a_person_started_asks_for_its_own_period_only() -> None:
    by_hand = run("success", key="2026-11-20", is_scheduled=False)
    assert missing(source(), days("2026-11-20", "2026-11-21"), by_hand) == [("2026-11-20", "late")]


def test_the_scheduler_has_a_day_to_create_a_run() -> None:
    newest = days("2026-11-24")  # opened this morning
    assert missing(source(since="2026-11-20"), newest) == [("2026-11-24", "late")]


def test_a_period_that_was_loaded_without_a_run_is_not_missing_one() -> None:
    by_hand = [period("complete", LOADED, key="2026-11-21")]
    assert missing(source(since="2026-11-20"), by_hand) == [("2026-11-21", "complete")]


def test_a_run_for_single_files_is_not_the_period_s_run() -> None:
    one = run("success", key="2026-11-21", for_files=True)
    assert missing(source(since="2026-11-20"), days("2026-11-21"), one) == [("2026-11-21", "missing run")]


def test_runs_of_a_cadence_that_the_source_had_before_are_not_its_periods() -> None:
    assert missing(source(since="2026-11-20"), days("2026-11-21"), run("success", key="2026Q3")) == [
        ("2026-11-21", "missing run")
    ]
    assert missing(source(), days("2026-11-21"), run("success", key="2026Q3")) == []


def test_a_missing_run_is_started_once() -> None:
    absent = period("missing run", is_ready=False)
    first = decide(absent, [], now=NOW)
    assert (first.action, first.run_id) == ("start", run_id_for(absent))
    assert decide(absent, [run("failed", str(first.run_id))], now=NOW).action == "note"


def test_without_runs_the_audit_starts_at_the_first_period_with_files() -> None:
    loaded = period("complete", LOADED, key="2026-11-21")
    periods = [*days("2026-11-20"), loaded, *days("2026-11-22")]
    assert without_older(source(), periods) == periods[1:]
    assert without_older(source(), days("2026-11-20", "2026-11-21")) == days("2026-11-21")
    assert without_older(source(since="2026-11-20"), periods) == periods


# --- the window ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cadence", "first", "count", "last", "runs_from"),
    [
        (Quarterly(), "2026Q2", 2, "2026Q3", "2026-01-01"),
        (Monthly(), "2026-08", 3, "2026-10", "2026-07-01"),
        (Daily(), "2026-11-11", 14, "2026-11-24", "2026-11-10"),
    ],
)
def test_the_window_has_the_newest_open_periods(
    cadence: Cadence, first: str, count: int, last: str, runs_from: str
) -> None:
    periods = periods_in_window(source(cadence), NOW)
    assert (periods[0].key, len(periods), periods[-1].key) == (first, count, last)
    assert first_day_of_runs(source(cadence), NOW).isoformat() == runs_from


def test_a_period_that_is_not_kept_is_not_audited_and_starts_no_run() -> None:
    kept = replace(source(), retention=Retention(keep_periods=3))
    assert [each.key for each in periods_in_window(kept, NOW)] == ["2026-11-22", "2026-11-23", "2026-11-24"]
    later = replace(kept, since="2026-11-24")
    assert [each.key for each in periods_in_window(later, NOW)] == ["2026-11-24"]
    assert decide(period("expired", is_ready=True), [], now=NOW).action == "none"


def test_the_window_starts_at_since() -> None:
    assert [each.key for each in periods_in_window(source(since="2026-11-23"), NOW)] == ["2026-11-23", "2026-11-24"]
    assert periods_in_window(source(since="2026-12-24"), NOW) == []
    assert first_day_of_runs(source(OnDemand()), NOW).isoformat() == "2026-08-27"
