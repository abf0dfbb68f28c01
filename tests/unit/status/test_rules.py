"""Which state a delivery has: each row is a case, with the facts and what people read.

All cases are about the monthly period 2026-10. It opens on 11-02 06:00, and is due on 11-06 18:00, New York time.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from growth_verticals.source import Retention
from growth_verticals.status.facts import AuditFacts, HeldPeriod, RunFacts
from growth_verticals.status.rules import delivery_state
from growth_verticals.status.states import HOLDS_ROWS, NEEDS_A_PERSON, STATES, DeliveryState
from tests.unit.status.facts import (
    MONTHLY,
    ON_DEMAND,
    PERIOD,
    already_loaded,
    at,
    audit,
    failed,
    failure,
    held,
    load,
    loaded,
    run,
)

BEFORE_DUE, AFTER_DUE = "11-05 12:00", "11-08 12:00"


def state_of(now: str = AFTER_DUE, *runs: RunFacts, **facts: Any) -> DeliveryState | None:
    facts = {"paused": False, "held_known": "held" in facts} | facts
    return delivery_state(facts.pop("source", MONTHLY), facts.pop("period", PERIOD), runs, now=at(now), **facts)


def check(case: str, now: str, runs: list[RunFacts], facts: dict[str, Any], state: str | None, text: str) -> None:
    found = state_of(now, *runs, **facts)
    assert (found.state if found else None, found.text if found else "") == (state, text), case


WAITS = run("running", step="await")
QUEUED = run("queued", started_at=None)
STAGES = run("running", step="stage", arrived_at=at("11-06 17:00"))

ACTIVE = [
    ("a run waits for the vendor", BEFORE_DUE, [WAITS], {}, "waiting",
     "Waits for the vendor's delivery, due on 2026-11-06 18:00 New York."),
    ("the same, past due", AFTER_DUE, [WAITS], {}, "late_vendor",
     "It has not arrived, and was due on 2026-11-06 18:00 New York."),
    ("the same, when an earlier run has loaded it", AFTER_DUE, [loaded(), WAITS], {}, "waiting",
     ("Waits for the vendor's delivery, due on 2026-11-06 18:00 New York; "
      "the table holds 100 rows of an earlier load.")),
    ("the same, when it was loaded by hand", AFTER_DUE, [WAITS], {"held": held(7, action="load", tool="gv")}, "waiting",
     ("Waits for the vendor's delivery, due on 2026-11-06 18:00 New York; "
      "the table holds 7 rows of an earlier load.")),
    ("the same, when the DAG is paused", BEFORE_DUE, [WAITS], {"paused": True}, "waiting",
     "Waits for the vendor's delivery, due on 2026-11-06 18:00 New York; the DAG is paused."),
    ("it has arrived", "11-06 19:00", [STAGES], {}, "running",
     "It arrived on 2026-11-06 17:00 New York, and is not loaded yet; the step stage is not done."),
    ("it arrived more than four hours ago, and is past due", "11-06 21:01", [STAGES], {}, "late_pipeline",
     "It arrived on 2026-11-06 17:00 New York, and is not loaded yet; the step stage is not done."),
    ("it arrived more than four hours ago, and is not due", BEFORE_DUE,
     [replace(STAGES, arrived_at=at("11-05 02:00"))], {}, "running",
     "It arrived on 2026-11-05 02:00 New York, and is not loaded yet; the step stage is not done."),
    ("between two steps", "11-06 19:00", [replace(STAGES, step=None)], {}, "running",
     "It arrived on 2026-11-06 17:00 New York, and is not loaded yet."),
    ("it is committed", AFTER_DUE, [loaded(state="running", step="maintain")], {}, "running",
     "It is loaded, and the step maintain is not done."),
    ("a run is queued", BEFORE_DUE, [QUEUED], {}, "waiting",
     "The run has been queued since 2026-11-02 06:00 New York, and has not started."),
    ("a run is queued for days, and it is past due", AFTER_DUE, [QUEUED], {}, "late_pipeline",
     "The run has been queued since 2026-11-02 06:00 New York, and has not started."),
    ("a run was just queued, and it is past due", AFTER_DUE, [replace(QUEUED, queued_at=at("11-08 11:59"))], {},
     "waiting", "The run has been queued since 2026-11-08 11:59 New York, and has not started."),
    ("a person named the files", AFTER_DUE, [replace(WAITS, for_files=True)], {}, "running",
     "The run looks for the files that a person named."),
    ("a person must answer, however late it is", AFTER_DUE, [replace(STAGES, step="check", needs_answer=True)], {},
     "needs_approval", "A person must answer whether it is right."),
    ("of several active runs, what a person must do counts most", AFTER_DUE,
     [WAITS, replace(STAGES, needs_answer=True), QUEUED], {}, "needs_approval",
     "A person must answer whether it is right."),
    ("of several active runs, one that works counts more than one that waits", "11-06 19:00", [WAITS, STAGES], {},
     "running", "It arrived on 2026-11-06 17:00 New York, and is not loaded yet; the step stage is not done."),
    ("an active run counts more than all that was before", "11-06 19:00",
     [failed("refused"), STAGES], {"held": held(5, "11-04 10:00", tool="gv"), "audit": audit()}, "running",
     "It arrived on 2026-11-06 17:00 New York, and is not loaded yet; the step stage is not done."),
]  # fmt: skip

ENDED = [
    ("loaded", AFTER_DUE, [loaded()], {}, "loaded", "Loaded 100 rows."),
    ("loaded, and the table holds it", AFTER_DUE, [loaded()],
     {"held": held(when="11-03 09:59", action="load", tool="airflow")}, "loaded", "Loaded 100 rows."),
    ("loaded, and the snapshot has expired", AFTER_DUE, [loaded()], {"held": held(when="11-03 09:30")},
     "loaded", "Loaded 100 rows."),
    ("loaded with rejects", AFTER_DUE, [loaded(counts=load(1_000, 20))], {}, "loaded_with_rejects",
     "Loaded 1,000 rows; 20 rejected."),
    ("a late part without rejects", AFTER_DUE, [loaded(counts=load(100, 20)), loaded("11-04 10:00", load(7))], {},
     "loaded_with_rejects", "Loaded 7 rows; 20 rejected."),
    ("restated", AFTER_DUE,
     [loaded(counts=load(100, 20)), loaded("11-04 10:00", load(90, files_replaced=1, rows_replaced=100))], {},
     "restated", "Loaded 90 rows in the place of 100."),
    ("a run finds all of it loaded by an earlier run", AFTER_DUE, [loaded(), already_loaded("11-04 10:00")], {},
     "loaded", "Loaded 100 rows."),
    ("a run finds all of it loaded, nobody knows by whom", AFTER_DUE, [already_loaded()], {}, "already_loaded",
     "The table held all of it before the run."),
    ("the same, and the table's history no longer tells", AFTER_DUE, [already_loaded()],
     {"held": held(when="11-01 10:00")}, "already_loaded", "The table held all of it before the run."),
    ("a run finds all of it loaded with ./gv", AFTER_DUE, [already_loaded()],
     {"held": held(when="11-03 09:00", action="load", tool="gv", by="ana")}, "by_hand",
     "Loaded by ana with ./gv on 2026-11-03 09:00 New York; the table holds 100 rows."),
    ("a person has marked the run as successful", AFTER_DUE, [run("success")], {}, "skipped",
     "The run has succeeded without a load: a person has skipped its steps."),
    ("the same, after a load", AFTER_DUE, [loaded(), run("success", "11-04 10:00")], {}, "loaded",
     "Loaded 100 rows."),
    ("refused", AFTER_DUE, [failed("refused")], {}, "refused", "too many rejects."),
    ("refused, after an earlier load", AFTER_DUE, [loaded(), failed("refused", "11-04 10:00")], {}, "refused",
     "too many rejects; the table holds 100 rows of an earlier load."),
    ("the vendor was late", AFTER_DUE, [failed("late", step="await")], {}, "late_vendor", "too many rejects."),
    ("a service failed", AFTER_DUE, [failed("error", step="commit")], {}, "late_pipeline", "too many rejects."),
    ("it failed while it waited, and did not store why", AFTER_DUE, [failed(None, step="await")], {},
     "late_pipeline", "The step await failed, and did not store why."),
    ("it failed before its first step", AFTER_DUE, [failed(None, step=None)], {}, "late_pipeline",
     "The run failed, and did not store why."),
    ("refused, then loaded by another run", AFTER_DUE, [loaded("11-04 10:00"), failed("refused")], {}, "loaded",
     "Loaded 100 rows."),
    ("refused, then loaded with ./gv", AFTER_DUE, [failed("refused")],
     {"held": held(when="11-04 10:00", action="load", tool="gv", by="ana")}, "by_hand",
     "Loaded by ana with ./gv on 2026-11-04 10:00 New York; the table holds 100 rows."),
    ("refused, then loaded with ./gv, and the snapshot has expired", AFTER_DUE, [failed("refused")],
     {"held": held(when="11-04 10:00")}, "by_hand",
     "Changed by a person on 2026-11-04 10:00 New York; the table holds 100 rows."),
    ("loaded with ./gv, then refused", AFTER_DUE, [failed("refused", "11-04 10:00")],
     {"held": held(when="11-03 10:00", action="load", tool="gv")}, "refused",
     "too many rejects; the table holds 100 rows of an earlier load."),
    ("loaded, and then the maintenance failed", AFTER_DUE,
     [loaded(state="failed", step="maintain", failure=failure("error"))], {}, "loaded",
     "Loaded 100 rows; the step maintain failed afterwards."),
]  # fmt: skip

CHANGED = [
    ("undone with ./gv", AFTER_DUE, [loaded()],
     {"held": held(0, "11-04 10:00", action="undo", tool="gv", by="ana")}, "undone",
     "Undone by ana with ./gv on 2026-11-04 10:00 New York; the table holds 0 rows."),
    ("one file of several was undone, after an approval in Airflow", AFTER_DUE, [loaded()],
     {"held": held(40, "11-04 10:00", action="undo", tool="airflow", by="ana")}, "undone",
     "Undone by ana on 2026-11-04 10:00 New York; the table holds 40 rows."),
    ("undone, and the snapshot has expired", AFTER_DUE, [loaded()], {"held": None}, "undone",
     "The table no longer holds the rows that were loaded."),
    ("undone, then loaded again by a run", AFTER_DUE, [loaded(), loaded("11-05 10:00")],
     {"held": held(when="11-05 09:59", action="load", tool="airflow")}, "loaded", "Loaded 100 rows."),
    ("undone, then found by the next run", AFTER_DUE, [loaded(), failed("refused", "11-05 10:00")],
     {"held": held(0, "11-04 10:00", action="undo", tool="gv")}, "refused", "too many rejects."),
    ("an empty file has replaced the rows", AFTER_DUE,
     [loaded(), loaded("11-04 10:00", load(0, files_replaced=1, rows_replaced=100))],
     {"held": held(0, "11-04 09:59", action="replace", tool="airflow")}, "restated",
     "Loaded 0 rows in the place of 100."),
    ("rejects were replayed", AFTER_DUE, [loaded()],
     {"held": held(105, "11-04 10:00", action="replay", tool="gv", by="ana")}, "by_hand",
     "Replayed by ana with ./gv on 2026-11-04 10:00 New York; the table holds 105 rows."),
    ("read again, after an approval in Airflow", AFTER_DUE, [loaded()],
     {"held": held(101, "11-04 10:00", action="reload", tool="airflow", by="ana")}, "restated",
     "Restated by ana on 2026-11-04 10:00 New York; the table holds 101 rows."),
    ("replaced with ./gv", AFTER_DUE, [loaded()],
     {"held": held(101, "11-04 10:00", action="replace", tool="gv", by="ana")}, "restated",
     "Restated by ana with ./gv on 2026-11-04 10:00 New York; the table holds 101 rows."),
    ("replaced with ./gv by an empty file", AFTER_DUE, [loaded()],
     {"held": held(0, "11-04 10:00", action="replace", tool="gv", by="ana")}, "restated",
     "Restated by ana with ./gv on 2026-11-04 10:00 New York; the table holds 0 rows."),
    ("loaded with ./gv before the run loaded the rest", AFTER_DUE, [loaded("11-04 10:00")],
     {"held": held(150, "11-04 09:59", action="load", tool="airflow")}, "loaded", "Loaded 100 rows."),
]  # fmt: skip

WITHOUT_RUNS = [
    ("it has not opened", "11-02 05:59", [], {}, "not_open",
     "Opens on 2026-11-02 06:00 New York, and is due on 2026-11-06 18:00 New York."),
    ("it has not opened, and the DAG is paused", "11-02 05:59", [], {"paused": True}, "not_open",
     "Opens on 2026-11-02 06:00 New York, and is due on 2026-11-06 18:00 New York."),
    ("it has just opened", "11-02 06:01", [], {}, "waiting",
     "No run has started yet, due on 2026-11-06 18:00 New York."),
    ("it opened more than a day ago", "11-03 06:01", [], {}, "late_pipeline",
     "No run was started, although it opened on 2026-11-02 06:00 New York."),
    ("it is past due", AFTER_DUE, [], {}, "late_pipeline",
     "No run was started, although it opened on 2026-11-02 06:00 New York."),
    ("the DAG is paused", AFTER_DUE, [], {"paused": True}, "paused",
     "No run waits for it, because the DAG is paused."),
    ("nobody asked for it", AFTER_DUE, [], {"asked_for": False}, None, ""),
    ("nobody asked for it, and the table holds nothing", AFTER_DUE, [], {"asked_for": False, "held": None}, None, ""),
    ("the table holds rows of it", AFTER_DUE, [], {"asked_for": False, "held": held()}, "by_hand",
     "The table holds 100 rows, and Airflow has no run of it."),
    ("the table holds rows of it before it opens", "11-02 05:59", [],
     {"held": held(when="11-01 10:00", action="load", tool="gv", by="ana")}, "by_hand",
     "Loaded by ana with ./gv on 2026-11-01 10:00 New York; the table holds 100 rows."),
    ("the run has been removed from Airflow", AFTER_DUE, [],
     {"held": held(when="11-03 10:00", action="load", tool="airflow")}, "loaded",
     "The table holds 100 rows, whose run Airflow no longer has."),
    ("a load with ./gv was undone", AFTER_DUE, [],
     {"held": held(0, "11-03 10:00", action="undo", tool="gv", by="ana")}, "undone",
     "Undone by ana with ./gv on 2026-11-03 10:00 New York; the table holds 0 rows."),
    ("only a source with a schedule owes a delivery", AFTER_DUE, [],
     {"source": ON_DEMAND, "period": ON_DEMAND.cadence.parse("2026-11-01")}, None, ""),
]  # fmt: skip

FOUND = "No run explains what the audit found: landed, not loaded, and no run failed: a.csv."
AUDITED = [
    ("after a load", AFTER_DUE, [loaded()], {"audit": audit()}, "unexplained", FOUND),
    ("after a failed run", AFTER_DUE, [failed("refused")], {"audit": audit()}, "unexplained", FOUND),
    ("without a run", AFTER_DUE, [], {"audit": audit(), "asked_for": False}, "unexplained", FOUND),
    ("a run has ended since the audit", AFTER_DUE, [loaded("11-03 10:00")], {"audit": audit(when="11-03 09:59")},
     "loaded", "Loaded 100 rows."),
    ("a run had ended before the audit", AFTER_DUE, [loaded("11-03 10:00")], {"audit": audit(when="11-03 10:01")},
     "unexplained", FOUND),
    ("the audit waits for a run", AFTER_DUE, [loaded()], {"audit": audit("wait")}, "loaded", "Loaded 100 rows."),
]  # fmt: skip


@pytest.mark.parametrize("case", ACTIVE, ids=lambda case: case[0])
def test_an_active_run_decides(case: Any) -> None:
    check(*case)


#: It keeps the newest month that has opened: in December, that is November.
KEEPS_ONE = {"source": replace(MONTHLY, retention=Retention(keep_periods=1))}
GONE = "Older than the 1 periods that are kept: retention removes its rows"
EXPIRED = [
    ("the newest period is kept", AFTER_DUE, [loaded()], KEEPS_ONE, "loaded", "Loaded 100 rows."),
    ("an older one was loaded, and its rows were removed", "12-08 12:00", [loaded()], KEEPS_ONE | {"held": None},
     "expired", f"{GONE}."),
    ("it was loaded, and its rows are not removed yet", "12-08 12:00", [loaded()], KEEPS_ONE | {"held": held(100)},
     "expired", f"{GONE}; the table still holds 100 rows."),
    ("a load was refused because of that", "12-08 12:00", [loaded(), failed("refused", "12-07 10:00", "await")],
     KEEPS_ONE, "expired", f"{GONE}."),
    ("the audit found that rows are missing before it knew", "12-08 12:00", [loaded()], KEEPS_ONE | {"audit": audit()},
     "expired", f"{GONE}."),
    ("it never had a run", "12-08 12:00", [], KEEPS_ONE, "expired", f"{GONE}."),
    ("nobody asked for it", "12-08 12:00", [], KEEPS_ONE | {"asked_for": False}, None, ""),
    ("a run is active", "12-08 12:00", [replace(WAITS, for_files=True)], KEEPS_ONE, "running",
     "The run looks for the files that a person named."),
]  # fmt: skip


@pytest.mark.parametrize("case", ENDED, ids=lambda case: case[0])
def test_else_the_newest_run_that_has_ended_decides(case: Any) -> None:
    check(*case)


@pytest.mark.parametrize("case", CHANGED, ids=lambda case: case[0])
def test_what_a_person_changed_later_in_the_table_counts_more_than_a_run(case: Any) -> None:
    check(*case)


@pytest.mark.parametrize("case", WITHOUT_RUNS, ids=lambda case: case[0])
def test_without_runs_the_table_and_the_calendar_decide(case: Any) -> None:
    check(*case)


@pytest.mark.parametrize("case", AUDITED, ids=lambda case: case[0])
def test_a_difference_that_the_audit_reports_is_unexplained(case: Any) -> None:
    check(*case)


@pytest.mark.parametrize("case", EXPIRED, ids=lambda case: case[0])
def test_a_period_that_the_source_does_not_keep_is_neither_late_nor_missing(case: Any) -> None:
    check(*case)


def test_an_on_demand_run_is_never_late() -> None:
    period = ON_DEMAND.cadence.parse("2026-10-01")
    for active in (WAITS, QUEUED, STAGES):
        found = state_of(AFTER_DUE, active, source=ON_DEMAND, period=period)
        assert found is not None
        assert found.state in ("running", "waiting")
        assert (found.opens, found.due) == (None, None)


def test_a_state_says_which_run_it_is_about_and_who_started_or_approved_it() -> None:
    approved = loaded(counts=load(by="ben", reason="right"), started_by="ana")
    found = state_of(AFTER_DUE, approved, already_loaded("11-04 10:00"))
    assert found is not None
    assert (found.run_id, found.by, found.at) == (approved.run_id, "ben", approved.committed_at)
    refused = failed("refused", started_by="ana")
    found = state_of(AFTER_DUE, refused)
    assert found is not None
    assert (found.run_id, found.by, found.step, found.failure) == (refused.run_id, "ana", "check", refused.failure)


def test_rows_are_those_of_all_loads_or_what_the_table_holds() -> None:
    runs = [
        loaded(counts=load(100)),
        loaded("11-04 10:00", load(30)),
        loaded("11-05 10:00", load(25, rows_replaced=30)),
    ]
    found = state_of(AFTER_DUE, *runs)
    assert found is not None
    assert found.rows == 125
    found = state_of(AFTER_DUE, *runs, held=held(120, "11-05 09:00"))
    assert found is not None
    assert found.rows == 120


def test_each_state_has_its_own_sign_of_one_character_and_its_own_word() -> None:
    signs, words = zip(*STATES.values(), strict=True)
    assert len(set(signs)) == len(set(words)) == len(STATES)
    assert all(len(sign) == 1 and sign.isprintable() for sign in signs)


def test_every_state_is_documented() -> None:
    text = (Path(__file__).resolve().parents[3] / "docs/deliveries.md").read_text(encoding="utf-8")
    assert [state for state, (sign, word) in STATES.items() if f"| {sign} | {word} |" not in text] == []


def test_every_state_has_a_case() -> None:
    cases = [*ACTIVE, *ENDED, *CHANGED, *WITHOUT_RUNS, *AUDITED, *EXPIRED]
    assert {case[4] for case in cases} - {None} == STATES.keys()


times = some.datetimes(at("10-20 00:00").replace(tzinfo=None), at("11-20 00:00").replace(tzinfo=None)).map(
    lambda time: time.replace(tzinfo=at("11-01 00:00").tzinfo)
)
numbers = some.integers(0, 3)
runs = some.builds(
    RunFacts,
    source=some.just("feed"),
    run_id=some.text(max_size=3),
    period=some.just(PERIOD.key),
    state=some.sampled_from(["queued", "running", "success", "failed"]),
    kind=some.just("scheduled"),
    queued_at=times,
    started_at=some.none() | times,
    ended_at=some.none() | times,
    for_files=some.booleans(),
    step=some.sampled_from([None, "await", "stage", "maintain"]),
    arrived_at=some.none() | times,
    committed=some.booleans(),
    committed_at=some.none() | times,
    needs_answer=some.booleans(),
    failure=some.none() | some.builds(failure, some.sampled_from(["late", "refused", "error"])),
    load=some.none() | some.builds(load, numbers, numbers, files_replaced=numbers, rows_replaced=numbers),
)
actions = ["load", "replay", "undo", "reload", "replace", "replace_period", "add"]
helds = some.builds(
    HeldPeriod,
    period=some.just(PERIOD.key),
    rows=numbers,
    action=some.none() | some.sampled_from(actions),
    at=some.none() | times,
    tool=some.sampled_from([None, "airflow", "gv"]),
)
audits = some.builds(audit, some.sampled_from(["report", "note"])) | some.builds(
    AuditFacts, state=some.just("differs"), action=some.just("report"), reason=some.just("x"), at=times
)


@given(
    some.lists(runs, max_size=4), some.none() | helds, some.booleans(), some.none() | audits, some.booleans(),
    some.booleans(), times, some.sampled_from([(MONTHLY, PERIOD), (ON_DEMAND, ON_DEMAND.cadence.parse("2026-11-03"))]),
)  # fmt: skip
def test_properties_any_facts_give_one_state(
    runs: list[RunFacts], held: Any, held_known: bool, audit: Any, paused: bool, asked_for: bool, now: Any, source: Any
) -> None:
    found = delivery_state(
        *source, runs, held=held, held_known=held_known, audit=audit, paused=paused, asked_for=asked_for, now=now
    )
    if found is None:
        assert not runs
        assert not asked_for or source[0] is ON_DEMAND
        return
    assert found.state in STATES
    assert found.text.endswith(".")
    assert found.run_id is None or found.run_id in {run.run_id for run in runs}
    assert found.state not in NEEDS_A_PERSON & HOLDS_ROWS
    assert DeliveryState.from_json(found.to_json()) == found


@given(some.lists(runs, max_size=4), some.randoms(use_true_random=False))
def test_properties_the_order_of_the_runs_has_no_effect(runs: list[RunFacts], chance: Any) -> None:
    apart = [
        replace(
            each, ended_at=at(f"11-0{number + 1} 10:00"), committed_at=at(f"11-0{number + 1} 09:00"), run_id=f"{number}"
        )
        for number, each in enumerate(runs)
    ]
    expected = state_of(AFTER_DUE, *apart)
    chance.shuffle(apart)
    found = state_of(AFTER_DUE, *apart)
    assert (found and found.state) == (expected and expected.state)
