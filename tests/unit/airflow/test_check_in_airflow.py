"""The task check: whom it asks what, and what each answer lets the commit do."""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import TaskAwaitingInput

from growth_verticals import steps
from growth_verticals.delivery import Answer, LandedFile, RestatedFile, Restatement, StagedFile, StageUnit
from growth_verticals.errors import DeliveryRefusedError
from growth_verticals.operators import check
from growth_verticals.operators.check import ADD, LOAD, REFUSE, REPLACE, CheckDelivery
from growth_verticals.quality.report import CheckedFile, CheckReport, Finding
from growth_verticals.source import Delimited, Inbox, OnDemand, Source
from tests.task_instance import TaskInstance

SOURCE = Source(name="ls_corp", table="ls_corp.contact", cadence=OnDemand(), delivery=Inbox(), format=Delimited())
NEW, OLD = "a" * 64, "b" * 64
STAGED = StagedFile(
    name="leads.csv", sha256=NEW, status="staged", rows_read=3, rows_valid=2, rows_rejected=1, staged_at=7
)
UNIT = StageUnit(
    title="leads.csv",
    files=(LandedFile(name="leads.csv", uri="s3://l/leads.csv", size=3, sha256=NEW, origin="s3://v/l.csv", etag="e"),),
)
RESTATEMENT = Restatement(
    comes=(RestatedFile(name="leads.csv", sha256=NEW, rows=2, rejects=1),),
    leaves=(RestatedFile(name="leads.csv", sha256=OLD, rows=4, rejects=0),),
)
REPORT = CheckReport(
    source="ls_corp",
    table="ls_corp.contact",
    period="2026-11-20",
    files=(
        CheckedFile(
            name="leads.csv", sha256=NEW, status="staged", rows_read=3, rows_valid=2, rows_rejected=1, staged_at=7
        ),
    ),
    is_pending=True,
    rows=2,
    rows_rejected=1,
    rows_present=0,
    period_before=None,
    rows_before=None,
    columns=(),
    rejects=(),
    findings=(),
)


@pytest.fixture
def context() -> Any:
    run = SimpleNamespace(partition_key="2026-11-20", conf=None)
    return {"dag_run": run, "params": {}, "ti": (ti := TaskInstance()), "task_instance": ti}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The required actions that were opened."""
    asked: list[dict[str, Any]] = []
    monkeypatch.setattr(check, "account_from_connection", lambda: None)
    monkeypatch.setattr(
        "airflow.providers.standard.operators.hitl.upsert_hitl_detail", lambda **values: asked.append(values)
    )
    return asked


def task(monkeypatch: pytest.MonkeyPatch, *findings: Finding, restatement: Restatement | None = None) -> CheckDelivery:
    monkeypatch.setattr(steps, "check", lambda *_, **__: replace(REPORT, findings=findings))
    monkeypatch.setattr(steps, "find_restated", lambda *_, **__: restatement)
    return CheckDelivery(task_id="check", source=SOURCE, units=[UNIT.to_json()], staged=[[asdict(STAGED)]])


def finding(outcome: Any) -> Finding:
    return Finding(check="rows", outcome=outcome, expected="at least 100", found="2")


def answer(operator: CheckDelivery, context: Any, option: str, reason: str = "the vendor confirmed it") -> Any:
    event = {
        "chosen_options": [option],
        "params_input": {"reason": reason},
        "responded_at": datetime(2026, 11, 25, tzinfo=UTC),
        "responded_by_user": {"id": "7", "name": "A. Maple"},
    }
    return operator.execute_complete(context, event)


@pytest.mark.parametrize("outcome", ["pass", "info", "warn"])
def test_nobody_is_asked_when_no_check_asks(
    monkeypatch: pytest.MonkeyPatch, context: Any, asked: list[Any], outcome: str
) -> None:
    result = task(monkeypatch, finding(outcome)).execute(context)
    assert result["answer"] is None
    assert CheckReport.from_json(result["report"]).outcome == outcome
    assert asked == []


def test_a_refusal_asks_nobody(monkeypatch: pytest.MonkeyPatch, context: Any, asked: list[Any]) -> None:
    with pytest.raises(DeliveryRefusedError, match="the checks refuse the delivery"):
        task(monkeypatch, finding("refuse"), finding("ask"), restatement=RESTATEMENT).execute(context)
    assert asked == []


def test_a_restatement_that_the_declaration_answers_asks_nobody(
    monkeypatch: pytest.MonkeyPatch, context: Any, asked: list[Any]
) -> None:
    operator = task(monkeypatch, restatement=replace(RESTATEMENT, asks=False))
    assert operator.execute(context)["answer"] is None
    assert asked == []


@pytest.mark.parametrize(
    ("restatement", "options"),
    [
        (None, [LOAD, REFUSE]),
        (replace(RESTATEMENT, asks=False), [LOAD, REFUSE]),
        (RESTATEMENT, [REPLACE, ADD, REFUSE]),
    ],
)
def test_a_check_that_asks_offers_the_answers_that_fit(
    monkeypatch: pytest.MonkeyPatch,
    context: Any,
    asked: list[Any],
    restatement: Restatement | None,
    options: list[str],
) -> None:
    with pytest.raises(TaskAwaitingInput):
        task(monkeypatch, finding("ask"), restatement=restatement).execute(context)
    [action] = asked
    assert action["options"] == options
    assert action["subject"] == "ls_corp 2026-11-20: is this delivery right?"
    assert "at least 100" in action["body"]
    assert r"leads\.csv" in action["body"]


@pytest.mark.parametrize(
    ("action", "option", "expected"),
    [
        ("replace", REPLACE, Answer(action="replace", by="A. Maple", reason="the vendor confirmed it", removes=[OLD])),
        (
            "replace_period",
            REPLACE,
            Answer(action="replace_period", by="A. Maple", reason="the vendor confirmed it", removes=[OLD]),
        ),
        ("replace", ADD, Answer(action="add", by="A. Maple", reason="the vendor confirmed it", removes=[])),
    ],
)
def test_an_answer_agrees_to_what_the_person_saw(
    monkeypatch: pytest.MonkeyPatch,
    context: Any,
    asked: list[Any],
    action: Any,
    option: str,
    expected: Answer,
) -> None:
    restatement = replace(RESTATEMENT, action=action)
    with pytest.raises(TaskAwaitingInput):
        task(monkeypatch, restatement=restatement).execute(context)
    # Another process resumes the task, and what the table holds has changed in the meantime.
    later = replace(restatement, leaves=(*restatement.leaves, replace(restatement.leaves[0], sha256="c" * 64)))
    result = answer(task(monkeypatch, restatement=later), context, option)
    assert Answer(**result["answer"]) == expected
    assert CheckReport.from_json(result["report"]) == REPORT


def test_a_refusal_names_who_refused_and_why(monkeypatch: pytest.MonkeyPatch, context: Any, asked: list[Any]) -> None:
    operator = task(monkeypatch, finding("ask"))
    with pytest.raises(TaskAwaitingInput):
        operator.execute(context)
    with pytest.raises(DeliveryRefusedError, match=r"A\. Maple refused the delivery: wrong month"):
        answer(operator, context, REFUSE, "wrong month")


@pytest.mark.parametrize("reason", ["", "  "])
def test_an_answer_without_a_reason_loads_nothing(
    monkeypatch: pytest.MonkeyPatch, context: Any, asked: list[Any], reason: str
) -> None:
    operator = task(monkeypatch, finding("ask"))
    with pytest.raises(TaskAwaitingInput):
        operator.execute(context)
    with pytest.raises(DeliveryRefusedError, match="without a reason"):
        answer(operator, context, LOAD, reason)


def test_without_an_answer_in_time_the_delivery_is_refused(
    monkeypatch: pytest.MonkeyPatch, context: Any, asked: list[Any]
) -> None:
    operator = task(monkeypatch, finding("ask"))
    assert operator.response_timeout.total_seconds() == 72 * 3600
    with pytest.raises(DeliveryRefusedError, match="nobody answered within 3 days"):
        operator.execute_complete(context, {"error": "too late", "error_type": "timeout"})
