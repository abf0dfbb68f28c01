"""What a person is told about: one cause for each kind, source and period, the same one for as long as it exists."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from growth_verticals.alerting import KINDS, AlertRules
from growth_verticals.status.causes import Cause, causes
from growth_verticals.status.facts import AuditFacts, MaintenanceFacts, RunFacts
from growth_verticals.status.grid import Grid, grid_row
from tests.unit.status.facts import DAILY, MONTHLY, QUARTERLY, at, audit, failed, failure, held, load, loaded, run

NOW = at("11-05 12:00")
AUDITED = {("feed", "2026-10"): audit(when="11-05 11:20")}
BROKEN = MaintenanceFacts(
    table="acme.feed", source="feed", at=at("11-05 04:30"), run_id="m", failed="maintenance of acme.feed failed."
)


def grid(*runs: RunFacts, now: datetime = NOW, of: Any = MONTHLY, **facts: Any) -> Grid:
    return Grid(made_at=now, rows=(grid_row(of, runs, now=now, paused=False, **facts),))


def found(*runs: RunFacts, **facts: Any) -> list[Cause]:
    passed = {name: facts.pop(name) for name in ("audits", "maintenance", "rules") if name in facts}
    return causes(grid(*runs, **facts), **passed)


def one(*runs: RunFacts, **facts: Any) -> Cause:
    [cause] = found(*runs, **facts)
    return cause


WAITS = run("running", step="await")
STAGES = run("running", step="stage", arrived_at=at("11-06 12:00"))
EXAMPLES: dict[str, Cause] = {
    "due_soon": one(WAITS, now=at("11-06 12:00")),
    "late_vendor": one(failed("late")),
    "late_pipeline": one(STAGES, now=at("11-07 12:00")),
    "refused": one(failed("refused", failure=failure(counts={"rows_rejected": 5, "files": 0}))),
    "needs_approval": one(replace(WAITS, needs_answer=True)),
    "restated": one(loaded(counts=load(90, files_replaced=1, rows_replaced=100))),
    "rejects_over": one(loaded(counts=load(90, 10))),
    "gap": one(loaded(), audit={"2026-10": AUDITED["feed", "2026-10"]}, audits=AUDITED),
    "maintenance_failed": one(maintenance=[BROKEN]),
    "host_key_changed": one(failed("error", failure=failure("error", kind="HostKeyChangedError"))),
}


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_has_its_cause_with_a_sentence_and_a_next_step(kind: str) -> None:
    cause = EXAMPLES[kind]
    assert (cause.kind, cause.source) == (kind, "feed")
    assert cause.text.endswith(".")
    assert cause.next_step
    assert cause.since is not None
    assert cause.key.startswith(f"{kind}:")


def test_a_delivery_that_is_loaded_or_waits_is_no_cause() -> None:
    assert found(loaded()) == found(WAITS) == found() == []


def test_the_failure_says_what_to_do_and_how_many_it_is_about() -> None:
    own = failure(next_step="run ./gv drift", counts={"rows_read": 7, "rows_rejected": 0})
    cause = one(failed("refused", failure=own))
    assert (cause.text, cause.next_step, cause.counts) == ("too many rejects.", "run ./gv drift", {"rows_read": 7})
    cleared = one(failed("error", failure=failure("error", clear="commit")))
    assert cleared.next_step == "when the cause is gone, clear the task commit of this run"
    assert EXAMPLES["refused"].next_step == "look at the delivery, and ask the vendor for a corrected one"
    assert EXAMPLES["rejects_over"].counts == {"rows": 90, "rows_rejected": 10}


@pytest.mark.parametrize(
    ("now", "hours", "is_due_soon"),
    [
        ("11-05 17:59", 24, False),
        ("11-05 18:01", 24, True),
        ("11-06 17:59", 24, True),
        ("11-04 18:01", 48, True),
        ("11-04 17:59", 48, False),
    ],
)
def test_a_delivery_is_due_soon_as_long_before_it_is_due_as_declared(now: str, hours: int, is_due_soon: bool) -> None:
    rules = {"feed": AlertRules(due_soon_hours=hours)}
    kinds = [cause.kind for cause in found(WAITS, now=at(now), rules=rules)]
    assert kinds == (["due_soon"] if is_due_soon else [])


def test_only_quarterly_and_monthly_deliveries_are_due_soon() -> None:
    daily = replace(WAITS, period="2026-11-04", queued_at=at("11-05 06:00"), started_at=at("11-05 06:00"))
    assert found(daily, of=DAILY) == []
    quarterly = replace(WAITS, period="2026Q3")
    assert [cause.kind for cause in found(quarterly, of=QUARTERLY, now=at("10-22 12:00"))] == ["due_soon"]


def test_rejects_are_a_cause_above_the_declared_share() -> None:
    for limit, expected in ((0.1, []), (0.0999, ["rejects_over"])):
        rules = {"feed": AlertRules(rejects_over=limit)}
        assert [cause.kind for cause in found(loaded(counts=load(90, 10)), rules=rules)] == expected


@pytest.mark.parametrize("kind", ["restated", "rejects_over"])
def test_what_has_happened_is_a_cause_for_a_week(kind: str) -> None:
    runs = {"restated": loaded(counts=load(90, files_replaced=1)), "rejects_over": loaded(counts=load(90, 10))}
    since = at("11-03 10:00")
    assert [cause.kind for cause in found(runs[kind], now=since + timedelta(days=6.9))] == [kind]
    assert found(runs[kind], now=since + timedelta(days=7.1)) == []


def test_each_restatement_is_a_cause_of_its_own() -> None:
    first = loaded(counts=load(90, files_replaced=1))
    second = loaded("11-04 10:00", load(95, files_replaced=1))
    assert one(first).key != one(first, second).key
    by_hand = held(90, "11-04 10:00", action="replace", tool="gv")
    assert one(first, held={"2026-10": by_hand}).key not in (one(first).key, one(first, second).key)


def test_a_cause_is_the_same_when_it_is_asked_for_again_or_retried() -> None:
    for state in (
        (failed("refused"), failed("refused", "11-04 10:00")),
        (WAITS, replace(WAITS, run_id="another")),
    ):
        later = [one(each, now=at("11-08 12:00")) for each in state]
        assert later[0].key == later[1].key


def test_a_changed_host_key_is_one_cause_however_many_periods_it_stops() -> None:
    changed = failure("error", kind="HostKeyChangedError")
    runs = [replace(failed("error", failure=changed), period=f"2026-{month:02}") for month in (8, 9, 10)]
    cause = one(*runs)
    assert (cause.key, cause.period) == ("host_key_changed:feed", "2026-10")


def test_a_maintenance_step_that_failed_after_the_load_is_a_cause() -> None:
    after = loaded(state="failed", step="maintain", failure=failure("error", message="access denied."))
    cause = one(after)
    assert (cause.kind, cause.text, cause.period) == ("maintenance_failed", "access denied.", "2026-10")


def test_maintenance_that_succeeded_is_no_cause_and_each_table_has_its_own() -> None:
    fine = MaintenanceFacts(table="acme.feed", source="feed", at=NOW)
    other = replace(BROKEN, table="acme.feed_rejects")
    nobodys = replace(BROKEN, table="x.y", source=None)
    keys = [cause.key for cause in found(maintenance=[fine, BROKEN, other, nobodys])]
    assert keys == [f"maintenance_failed:{table}" for table in ("acme.feed", "acme.feed_rejects", "x.y")]
    assert EXAMPLES["maintenance_failed"].table == "acme.feed"


def test_what_the_audit_reports_is_a_cause_also_outside_of_the_grid() -> None:
    facts = AuditFacts(state="differs", action="report", reason="a.csv is not landed.", at=at("11-05 11:20"))
    cause = one(audits={("feed", "inbox"): facts, ("feed", "2019-01"): audit("wait")})
    assert (cause.kind, cause.period, cause.since) == ("gap", "inbox", facts.at)
    assert cause.text == "No run explains what the audit found: a.csv is not landed."


def test_a_difference_that_a_newer_run_may_have_settled_is_no_cause() -> None:
    stale = {"2026-10": audit(when="11-03 09:00")}
    assert found(loaded("11-03 10:00"), audit=stale, audits={("feed", "2026-10"): stale["2026-10"]}) == []


def test_the_cause_that_began_last_is_first() -> None:
    refused = replace(failed("refused", "11-04 10:00"), period="2026-09")
    kinds = [cause.kind for cause in found(refused, failed("late", "11-03 10:00"), maintenance=[BROKEN])]
    assert kinds == ["maintenance_failed", "refused", "late_vendor"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_cause_is_the_same_after_json(kind: str) -> None:
    document = json.loads(json.dumps(EXAMPLES[kind].to_json()))
    assert Cause.from_json(document | {"of a later version": 1}) == EXAMPLES[kind]


def test_what_needs_a_person_comes_before_what_has_only_happened() -> None:
    restated = loaded(counts=load(90, 10, files_replaced=1, rows_replaced=100))
    kinds = [cause.kind for cause in found(restated, maintenance=[BROKEN])]
    assert kinds[0] == "maintenance_failed"
    assert sorted(kinds[1:]) == ["rejects_over", "restated"]
