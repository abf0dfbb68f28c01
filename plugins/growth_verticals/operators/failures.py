"""Why a task failed: stored where pages and alerts read it, and said as one line in the task's log."""

from __future__ import annotations

import re
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import structlog
from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import (
    AirflowRescheduleException,
    AirflowSkipException,
    AirflowTaskTimeout,
    DagRunTriggerException,
    DownstreamTasksSkipped,
    TaskAwaitingInput,
    TaskDeferred,
)

from growth_verticals.errors import (
    ColumnsRefusedError,
    ContractError,
    DeclarationError,
    DeliveryError,
    DeliveryLateError,
    DeliveryRefusedError,
    FileChangedError,
    FileRefusedError,
    GrowthVerticalsError,
    PeriodError,
    RestatedError,
)
from growth_verticals.status.facts import Failure, Outcome

if TYPE_CHECKING:
    from collections.abc import MutableMapping
    from types import TracebackType

    from airflow.sdk import Context

#: XCom of a task whose last try failed: a `Failure` as a mapping. Airflow deletes it when the next try starts.
FAILURE = "failure"

#: The tasks of a source's DAG, in their order.
STEPS = ("await", "land", "plan", "stage", "check", "commit", "maintain")

#: With these, a task tells Airflow to go on later or elsewhere.
_NO_FAILURES = (
    AirflowRescheduleException,
    AirflowSkipException,
    DagRunTriggerException,
    DownstreamTasksSkipped,
    TaskAwaitingInput,
    TaskDeferred,
)
_NAMED_TASK = re.compile(rf"\bclear\b[^.;]*?\b({'|'.join(STEPS)})\b", re.IGNORECASE)


class ExplainingOperator(BaseOperator):
    """An operator that tells why it failed: in XCom under `failure`, and as the last line of its log.

    Subclasses implement `act`, not `execute`. Methods that a trigger or an answer resumes are covered too.
    """

    def execute(self, context: Context) -> Any:
        """Do the task's work, up to its end or until it waits."""
        with _Explained(self, context):
            return self.act(context)

    def act(self, context: Context) -> Any:
        """Do the task's work, as `execute` of other operators."""
        raise NotImplementedError

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        """Go on after a wait. Airflow calls this instead of `execute`."""
        with _Explained(self, context):
            return super().resume_execution(next_method, next_kwargs, context)


class _Explained:
    """Stores the failure before Airflow sees the exception, because a page can ask as soon as the task has failed."""

    def __init__(self, task: BaseOperator, context: Context) -> None:
        self.task = task
        self.context = context

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None or isinstance(error, _NO_FAILURES):
            return
        log = self.task.log
        try:
            self.context["ti"].xcom_push(FAILURE, asdict(failure_of(error, self.task.task_id)))
        except Exception as reason:  # noqa: BLE001 - the task must fail with its own error
            log.warning("the cause of the failure could not be stored: %s", type(reason).__name__)
        if isinstance(error, GrowthVerticalsError):
            log.debug("the failure with its traceback and its causes", exc_info=error)
            _log_errors_as_one_line()


def failure_of(error: BaseException, step: str) -> Failure:
    """Return what is known about a failure: names and counts, never the text of an exception that is not ours.

    :param step: the id of the task that failed.
    """
    if not isinstance(error, GrowthVerticalsError):
        kind = type(error).__name__
        text = f"unexpected {kind}; the task's log has the details"
        if isinstance(error, AirflowTaskTimeout):
            text = "the task ran longer than it may, and was stopped"
        return Failure(step=step, kind=kind, outcome="error", message=text, clear=step)
    return Failure(
        step=step,
        kind=type(error).__name__,
        outcome=_outcome(error),
        message=error.sentence,
        next_step=error.next_step,
        clear=_task_to_clear(error, step),
        counts=error.counts,
        file=error.file.rpartition("/")[2] if error.file else None,
    )


def _outcome(error: GrowthVerticalsError) -> Outcome:
    if isinstance(error, DeliveryLateError):
        return "late"
    return "refused" if isinstance(error, DeliveryError | ContractError | PeriodError) else "error"


def _task_to_clear(error: GrowthVerticalsError, step: str) -> str | None:
    """Return which task to clear when the cause is gone; None if that does not help.

    The next step names it where it depends on the case. Otherwise the class of the error tells.
    """
    if step not in STEPS:  # no delivery: a failed service can answer later, and a person starts a new run
        return None if isinstance(error, DeliveryError | PeriodError) else step
    if named := _NAMED_TASK.search(error.next_step or ""):
        return named[1].lower()
    match error:
        case PeriodError():
            return None
        case ColumnsRefusedError() | ContractError() | DeclarationError():
            return "stage" if step in ("check", "commit") else step
        case RestatedError():
            return "check"
        case DeliveryRefusedError() if step == "check":
            return "check"
        case DeliveryLateError() | FileChangedError() | FileRefusedError() | DeliveryRefusedError():
            return "await"
        case _:
            return step


def _log_errors_as_one_line() -> None:
    """Let this process log an error of ours as its message alone.

    Airflow logs the exception of a failed task with all frames. In the UI, they push the message out of sight.
    """
    processors = structlog.get_config()["processors"]
    if _message_only not in processors:
        processors.insert(0, _message_only)


def _message_only(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    error = sys.exc_info()[1] if event.get("exc_info") is True else None
    if isinstance(error, GrowthVerticalsError):
        del event["exc_info"]
        event["event"] = f"{type(error).__name__}: {error}"
    return event
