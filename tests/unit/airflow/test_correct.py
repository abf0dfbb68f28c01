"""The DAG `correct`: its form, what is asked, and that only what was shown and approved is carried out."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.exceptions import ParamValidationError
from airflow.providers.standard.operators import hitl
from airflow.sdk import DAG, Asset
from airflow.sdk.exceptions import TaskAwaitingInput
from airflow.serialization.serialized_objects import DagSerialization

from growth_verticals import corrections
from growth_verticals.account import Account
from growth_verticals.corrections import Correction, CorrectionResult
from growth_verticals.declarations import read_sources
from growth_verticals.delivery import Actor
from growth_verticals.errors import DeliveryError, DeliveryRefusedError
from growth_verticals.hooks.run import run_actor
from growth_verticals.operators import correct
from growth_verticals.operators.correct import (
    DO_IT,
    REFUSE,
    SHOWN,
    ApproveCorrection,
    CarryOutCorrection,
    PlanCorrection,
)
from growth_verticals.tables.undo import LoadedFile
from tests.task_instance import TaskInstance

pytestmark = pytest.mark.filterwarnings("ignore:GitWildMatchPattern:DeprecationWarning")

FOLDER = Path(__file__).parents[3] / "dags" / "operations"
FORM = {"source": "ls_corp", "action": "undo", "period": "2026-11-20", "files": None, "reason": "sent | twice"}
FILE = LoadedFile(name="[a](http://x).csv", sha256="a" * 64, rows_loaded=7, rows_rejected=2, stagings=(5,))
PLANNED = Correction(source="ls_corp", table="ls_corp.contact", period="2026-11-20", action="undo", files=(FILE,))
ACCOUNT = Account(
    region="us-east-1",
    table_bucket_arn="arn:aws:s3tables:us-east-1:000000000000:bucket/gv-tables",
    landing_uri="s3://gv-landing",
    catalog_uri="http://127.0.0.1:1/iceberg",
)


def context(ti: TaskInstance | None = None, **form: Any) -> Any:
    run = SimpleNamespace(partition_key=None, conf={}, triggering_user_name="ana")
    return {"dag_run": run, "params": FORM | form, "ti": ti, "task_instance": ti}


@pytest.fixture(scope="module")
def dag() -> DAG:
    bag = DagBag(str(FOLDER / "correct.py"))
    assert bag.import_errors == {}
    return bag.dags["correct"]


@pytest.fixture(autouse=True)
def _no_servers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(correct, "account_from_connection", lambda: ACCOUNT)
    monkeypatch.setattr(correct, "key_finder_for", lambda _: None)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the task asks Airflow to show."""
    shown: dict[str, Any] = {}
    monkeypatch.setattr(hitl, "upsert_hitl_detail", lambda **detail: shown.update(detail))
    return shown


def approve() -> ApproveCorrection:
    return ApproveCorrection(task_id="approve", correction=PLANNED.to_json())


def answer(*chosen: str, by: str = "bo") -> dict[str, Any]:
    user = {"id": by, "name": by}
    return {
        "chosen_options": list(chosen),
        "params_input": {},
        "responded_at": datetime(2026, 11, 25, tzinfo=UTC),
        "responded_by_user": user,
    }


def test_the_tasks_show_ask_and_correct_without_a_schedule(dag: DAG) -> None:
    assert [task.task_id for task in dag.topological_sort()] == ["evidence", "approve", "correct"]
    assert dag.get_task("approve").response_timeout.total_seconds() == 86_400  # staged files are kept for three days
    assert dict(dag.get_task("approve").params) == {}
    assert not dag.timetable.can_be_scheduled


def test_the_form_has_the_declared_sources_and_requires_a_reason(dag: DAG) -> None:
    params = DagSerialization.from_dict(DagSerialization.to_dict(dag)).params
    assert params.get_param("source").schema["enum"] == sorted(read_sources())
    assert dict(params.deep_merge(FORM).validate()) == FORM
    for wrong in (
        {"source": "none"},
        {"action": "delete"},
        {"reason": ""},
        {"reason": None},
        {"reason": "x" * 501},
        {"files": [""]},
        {"period": ""},
    ):
        with pytest.raises(ParamValidationError):
            params.deep_merge(FORM | wrong).validate()


def test_the_evidence_is_planned_from_the_form(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[Any] = []
    monkeypatch.setattr(corrections, "plan_correction", lambda *arguments: calls.append(arguments) or PLANNED)
    assert PlanCorrection(task_id="evidence").execute(context(files=["a.csv"])) == PLANNED.to_json()
    [(account, source, period, action, files, _)] = calls
    assert (account, source.name, period.key, action, files) == (ACCOUNT, "ls_corp", "2026-11-20", "undo", ["a.csv"])


def test_a_run_that_nobody_started_is_made_by_the_schedule() -> None:
    started = context(note=" a late file ")
    assert run_actor(started) == Actor(by="ana", tool="airflow", reason="a late file")
    started["dag_run"].triggering_user_name = None
    started["params"]["note"] = None
    assert run_actor(started) == Actor(by="schedule", tool="airflow")


def test_a_reason_of_blanks_is_refused() -> None:
    with pytest.raises(DeliveryError, match="a correction needs a reason"):
        PlanCorrection(task_id="evidence").execute(context(reason="  "))


def test_an_approval_returns_exactly_what_was_shown(asked: dict[str, Any]) -> None:
    ti, task = TaskInstance(), approve()
    with pytest.raises(TaskAwaitingInput):
        task.execute(context(ti))
    assert asked["options"] == [DO_IT, REFUSE]
    assert "\\[a\\]\\(http\\:\\/\\/x\\)\\.csv | 7 | 2 |" in asked["body"]
    assert "sent \\| twice" in asked["body"]
    assert ti.xcom == {SHOWN: PLANNED.to_json()}
    resumed = ApproveCorrection(task_id="approve", correction={"another": "plan"})  # evidence was cleared meanwhile
    result = resumed.execute_complete(context(ti), answer(DO_IT))
    assert result == {"correction": PLANNED.to_json(), "by": "ana, approved by bo"}
    assert resumed.execute_complete(context(ti), answer(DO_IT, by="ana"))["by"] == "ana"


@pytest.mark.parametrize(
    ("event", "message"),
    [
        (answer(REFUSE), "bo refused the correction"),
        (answer(), "bo refused the correction"),
        ({"error": "no answer", "error_type": "timeout"}, "nobody approved the correction within 1 day"),
    ],
)
def test_without_an_approval_the_task_fails_and_says_that_nothing_was_changed(
    event: dict[str, Any], message: str
) -> None:
    ti = TaskInstance()
    ti.xcom_push(SHOWN, PLANNED.to_json())
    with pytest.raises(DeliveryRefusedError, match=f"{message}.*nothing was changed"):
        approve().execute_complete(context(ti), event)


def test_what_was_approved_is_carried_out_and_the_table_s_asset_gets_an_event(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[Any] = []
    result = CorrectionResult(
        source="ls_corp", table="ls_corp.contact", period="2026-11-20", action="undo", files=1, snapshot_id=2**60,
        rows_removed=7, rejects_removed=2,
    )  # fmt: skip
    monkeypatch.setattr(corrections, "carry_out", lambda *arguments: calls.append(arguments) or result)
    approved = {"correction": PLANNED.to_json(), "by": "ana, approved by bo"}
    task = CarryOutCorrection(task_id="correct", approved=approved)
    keys: list[str] = []
    event = SimpleNamespace(extra={}, add_partitions=keys.append)
    asset = Asset(name="ls_corp.contact", group="table")
    returned = task.execute(context() | {"outlet_events": {asset: event}})
    [(account, source, correction, actor, _)] = calls
    assert (account, source.name, correction) == (ACCOUNT, "ls_corp", PLANNED)
    assert actor == Actor(by="ana, approved by bo", tool="airflow", reason="sent | twice")
    assert task.outlets == [asset]
    assert keys == ["2026-11-20"]
    assert returned["snapshot_id"] == str(2**60)
    assert event.extra["action"] == "undo"
    assert (event.extra["snapshot_id"], event.extra["rows_removed"], event.extra["reason"]) == (
        str(2**60), 7, "sent | twice",
    )  # fmt: skip
