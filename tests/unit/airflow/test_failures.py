"""What a failed task says about its failure, in XCom and in its log."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest
import structlog
from airflow.sdk.exceptions import AirflowSkipException, AirflowTaskTimeout, TaskDeferralError, TaskDeferred

from growth_verticals.errors import (
    ColumnsRefusedError,
    CommitError,
    ConfigurationError,
    DdlError,
    DeclarationError,
    DeliveryLateError,
    DeliveryRefusedError,
    FileChangedError,
    FileRefusedError,
    PeriodError,
    RestatedError,
    ServiceError,
    TableMismatchError,
    UnexplainedError,
)
from growth_verticals.operators import load
from growth_verticals.operators.failures import FAILURE, ExplainingOperator, failure_of
from growth_verticals.operators.load import say_what_to_clear
from growth_verticals.operators.plan import PlanStaging
from growth_verticals.operators.stage import StageFiles
from growth_verticals.status.facts import Failure, failure_from_json
from tests.task_instance import TaskInstance

REFUSED = FileRefusedError(
    "the file is empty",
    source="acme_person",
    file="s3://vendor-acme/outgoing/person.csv",
    expected="a header",
    next_step="ask the vendor for a new file",
    counts={"rows_read": 0},
)


class Failing(ExplainingOperator):
    """Fails with an error, at once or after a wait."""

    def __init__(self, *, error: BaseException | None, **kwargs: Any) -> None:
        super().__init__(task_id="stage", **kwargs)
        self.error = error

    def act(self, context: Any) -> str:
        if self.error is not None:
            raise self.error
        return "done"

    def resume(self, context: Any, event: object) -> str:
        return self.act(context)


def failed(error: BaseException, method: str | None = None) -> TaskInstance:
    """Return the task instance after the task has failed with this error."""
    ti, task = TaskInstance(), Failing(error=error)
    context: Any = {"ti": ti}
    with pytest.raises(type(error)) as raised:
        task.resume_execution(method, {"event": {}}, context) if method else task.execute(context)
    assert raised.value is error
    return ti


@pytest.mark.parametrize("method", [None, "resume"])
def test_a_failed_task_stores_why_as_json(method: str | None) -> None:
    stored = failed(REFUSED, method).xcom[FAILURE]
    assert json.loads(json.dumps(stored)) == stored
    assert failure_from_json(stored) == Failure(
        step="stage",
        kind="FileRefusedError",
        outcome="refused",
        message="acme_person: s3://vendor-acme/outgoing/person.csv: the file is empty; expected a header.",
        next_step="ask the vendor for a new file",
        clear="await",
        counts={"rows_read": 0},
        file="person.csv",
    )


@pytest.mark.parametrize("error", [RuntimeError("https://user:secret@example.com"), KeyError("secret"), MemoryError()])
def test_the_text_of_an_unexpected_exception_is_not_stored(error: Exception) -> None:
    stored = failed(error).xcom[FAILURE]
    kind = type(error).__name__
    assert stored["message"] == f"unexpected {kind}; the task's log has the details"
    assert (stored["kind"], stored["outcome"], stored["clear"]) == (kind, "error", "stage")
    assert "secret" not in json.dumps(stored)


def test_a_task_that_is_stopped_at_its_time_limit_says_so() -> None:
    stored = failed(AirflowTaskTimeout("secret")).xcom[FAILURE]
    assert stored["message"] == "the task ran longer than it may, and was stopped"


def test_a_trigger_that_fails_is_stored() -> None:
    ti = TaskInstance()
    context: Any = {"ti": ti}
    with pytest.raises(TaskDeferralError):
        Failing(error=None).resume_execution("__fail__", {"error": "secret"}, context)
    assert ti.xcom[FAILURE]["kind"] == "TaskDeferralError"


@pytest.mark.parametrize(
    "error", [TaskDeferred(trigger=SimpleNamespace(), method_name="resume"), AirflowSkipException("not now")]
)
def test_a_task_that_waits_or_is_skipped_has_not_failed(error: BaseException) -> None:
    assert failed(error).xcom == {}


def test_a_task_that_succeeds_stores_no_failure() -> None:
    ti = TaskInstance()
    context: Any = {"ti": ti}
    assert Failing(error=None).execute(context) == "done"
    assert ti.xcom == {}


def test_a_task_fails_with_its_own_error_if_the_failure_cannot_be_stored() -> None:
    class Unreachable(TaskInstance):
        def xcom_push(self, key: str, value: Any) -> None:
            raise ConnectionError("Airflow's API does not answer")

    context: Any = {"ti": Unreachable()}
    with pytest.raises(FileRefusedError):
        Failing(error=REFUSED).execute(context)


def logged(error: Exception, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """Return the lines that Airflow logs when the task fails with this error."""
    context: Any = {"ti": TaskInstance()}
    try:
        Failing(error=error).execute(context)
    except Exception:  # noqa: BLE001 - as Airflow does
        capsys.readouterr()
        structlog.get_logger("task").exception("Task failed with exception")
    return capsys.readouterr().out.splitlines()


def test_the_log_has_an_error_of_ours_as_one_line_with_the_next_step(capsys: pytest.CaptureFixture[str]) -> None:
    try:
        raise ValueError("the cause")
    except ValueError as cause:
        REFUSED.__cause__ = cause
    [line] = logged(REFUSED, capsys)
    assert f"FileRefusedError: {REFUSED}" in line
    assert "Next: ask the vendor for a new file." in line


def test_the_log_has_an_unexpected_exception_with_its_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    lines = logged(ZeroDivisionError("division by zero"), capsys)
    assert "Task failed with exception" in lines[0]
    assert any("in act" in line for line in lines)
    assert "ZeroDivisionError: division by zero" in lines[-1]


DDL = DdlError("a comma is missing", text="CREATE TABLE t (\n a INT b INT)", file="acme.sql", line=2, column=8)


@pytest.mark.parametrize(
    ("error", "step", "outcome", "clear"),
    [
        (DeliveryLateError("x", next_step="ask the vendor"), "await", "late", "await"),
        (FileRefusedError("x"), "stage", "refused", "await"),
        (FileChangedError("x"), "stage", "error", "await"),
        (ColumnsRefusedError("x"), "stage", "refused", "stage"),
        (DDL, "commit", "refused", "stage"),
        (TableMismatchError("x"), "check", "refused", "stage"),
        (DeclarationError("x"), "commit", "error", "stage"),
        (DeclarationError("x"), "await", "error", "await"),  # what comes before stage has not been done yet
        (DeclarationError("x"), "maintain", "error", "maintain"),
        (DeliveryRefusedError("x"), "check", "refused", "check"),
        (DeliveryRefusedError("x"), "commit", "refused", "await"),
        (RestatedError("x", restatement=None), "commit", "refused", "check"),
        (ConfigurationError("x"), "land", "error", "land"),
        (ServiceError("x"), "land", "error", "land"),
        (CommitError("x"), "commit", "error", "commit"),
        (PeriodError("x", next_step="trigger the DAG again"), "await", "refused", None),  # a run keeps its period
        # the message names the task where it depends on the case
        (DeliveryRefusedError("x", next_step="Clear the task check of this run to be asked again"), "commit", "refused",
         "check"),
        (DeliveryRefusedError("x", next_step="clear the stage task of this run"), "commit", "refused", "stage"),
        (DeliveryRefusedError("x", next_step="ask for a new delivery, then clear the task await"), "check", "refused",
         "await"),
        # of other DAGs: a person starts a new run
        (DeliveryRefusedError("x"), "approve", "refused", None),
        (UnexplainedError("x"), "source", "refused", None),
        (ServiceError("x"), "source", "error", "source"),
    ],
)  # fmt: skip
def test_the_outcome_and_the_task_to_clear(error: Exception, step: str, outcome: str, clear: str | None) -> None:
    failure = failure_of(error, step)
    assert (failure.outcome, failure.clear) == (outcome, clear)


@pytest.mark.parametrize(("error", "clear"), [(FileRefusedError("x"), "await"), (ColumnsRefusedError("x"), "stage")])
def test_the_task_to_clear_is_the_one_that_the_message_names_first(error: FileRefusedError, clear: str) -> None:
    with pytest.raises(FileRefusedError), say_what_to_clear():
        raise error
    assert failure_of(error, "stage").clear == clear
    assert f"then clear a task of this run: {clear} " in str(error)


def test_every_operator_of_a_delivery_explains_its_failures() -> None:
    operators = (load.LandFiles, PlanStaging, StageFiles, load.CommitDelivery, load.ApplyMaintenance)
    assert all(issubclass(operator, ExplainingOperator) for operator in operators)
    assert not any("execute" in vars(operator) for operator in operators)
