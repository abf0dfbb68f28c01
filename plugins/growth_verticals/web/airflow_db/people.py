"""What runs ask a person, and what people had corrected, from Airflow's database."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow.models import DagRun, TaskInstance
from airflow.models.hitl import HITLDetail
from airflow.models.xcom import XCOM_RETURN_KEY, XComModel
from airflow.utils.state import TaskInstanceState
from sqlalchemy import select

from growth_verticals.operators.correct import SHOWN
from growth_verticals.operators.failures import FAILURE
from growth_verticals.status.facts import Failure, failure_from_json
from growth_verticals.web.airflow_db.xcoms import plain

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from sqlalchemy import ColumnElement
    from sqlalchemy.orm import Session

_CORRECT = "correct"
#: How many of the newest corrections are searched for those of a period.
_NEWEST_CORRECTIONS = 500
#: States of a task that waits for an answer. After the answer, or when nobody answers in time, it is in another one.
WAITS_FOR_AN_ANSWER = (TaskInstanceState.AWAITING_INPUT, TaskInstanceState.DEFERRED)


@dataclass(frozen=True, kw_only=True)
class RequiredAction:
    """What a task asks a person.

    :param body: Markdown, with names that vendors chose.
    :param options: the answers that it offers.
    :param fields: names of what must be entered with the answer.
    """

    dag_id: str
    run_id: str
    task_id: str
    map_index: int
    subject: str
    body: str | None
    options: tuple[str, ...]
    fields: tuple[str, ...]
    asked_at: datetime


@dataclass(frozen=True, kw_only=True)
class CorrectionRun:
    """A run of the DAG `correct`.

    :param state: of the run: `queued`, `running`, `success` or `failed`.
    :param needs_answer: whether it waits for an approval.
    :param shown: the `Correction` that a person was shown, as a mapping; None if it has not asked.
    :param result: the `CorrectionResult`; None if nothing was changed (yet).
    """

    run_id: str
    source: str
    period: str
    action: str
    reason: str
    state: str
    queued_at: datetime
    ended_at: datetime | None
    started_by: str | None
    needs_answer: bool
    shown: Mapping[str, Any] | None
    result: Mapping[str, Any] | None
    failure: Failure | None


def asks() -> ColumnElement[bool]:
    """Return the condition that a task instance, joined with its `HITLDetail`, waits for an answer."""
    is_open = HITLDetail.ti_id.is_not(None) & HITLDetail.responded_at.is_(None)
    return is_open & TaskInstance.state.in_(WAITS_FOR_AN_ANSWER)


def read_action(dag_id: str, run_id: str, *, session: Session) -> RequiredAction | None:
    """Return what a run asks a person; None if it does not wait for an answer."""
    columns = (TaskInstance.task_id, TaskInstance.map_index, HITLDetail.subject, HITLDetail.body, HITLDetail.options)
    row = session.execute(
        select(*columns, HITLDetail.params, HITLDetail.created_at)
        .join(HITLDetail, HITLDetail.ti_id == TaskInstance.id)
        .where(TaskInstance.dag_id == dag_id, TaskInstance.run_id == run_id, asks())
    ).first()
    if row is None:
        return None
    task_id, map_index, subject, body, options, params, asked_at = row
    return RequiredAction(
        dag_id=dag_id,
        run_id=run_id,
        task_id=task_id,
        map_index=map_index,
        subject=subject,
        body=body,
        options=tuple(options),
        fields=tuple(params or ()),
        asked_at=asked_at,
    )


def correction_target(run_id: str, *, session: Session) -> tuple[str, str] | None:
    """Return source and period that a run of the DAG `correct` is about; None if there is no such run."""
    conf = session.scalar(select(DagRun.conf).where(DagRun.dag_id == _CORRECT, DagRun.run_id == run_id))
    return (str(conf.get("source")), str(conf.get("period"))) if conf else None


def read_corrections(source: str, period: str, *, session: Session) -> list[CorrectionRun]:
    """Return the corrections of a period among the newest of all, the newest first."""
    columns = (DagRun.id, DagRun.run_id, DagRun.conf, DagRun.state, DagRun.queued_at, DagRun.run_after)
    newest = (
        select(*columns, DagRun.end_date, DagRun.triggering_user_name)
        .where(DagRun.dag_id == _CORRECT)
        .order_by(DagRun.id.desc())
        .limit(_NEWEST_CORRECTIONS)
    )
    target = (source, period)
    rows = [row for row in session.execute(newest) if ((row[2] or {}).get("source"), row[2].get("period")) == target]
    ids = [row[0] for row in rows]
    values: dict[tuple[int, str, str], Any] = {}
    stored = select(XComModel.dag_run_id, XComModel.task_id, XComModel.key, XComModel.value)
    for dag_run_id, task_id, key, value in session.execute(stored.where(XComModel.dag_run_id.in_(ids))):
        values[dag_run_id, task_id, key] = plain(value)
    asking = _asking(session)
    corrections = []
    for dag_run_id, run_id, conf, state, queued, run_after, ended, user in rows:
        failures = [value for (run, _, key), value in values.items() if run == dag_run_id and key == FAILURE]
        corrections.append(
            CorrectionRun(
                run_id=run_id,
                source=source,
                period=period,
                action=conf.get("action") or "",
                reason=conf.get("reason") or "",
                state=str(state),
                queued_at=queued or run_after,
                ended_at=ended,
                started_by=user,
                needs_answer=run_id in asking,
                shown=values.get((dag_run_id, "approve", SHOWN)),
                result=values.get((dag_run_id, _CORRECT, XCOM_RETURN_KEY)),
                failure=failure_from_json(failures[0]) if failures else None,
            )
        )
    return corrections


def _asking(session: Session) -> set[str]:
    statement = select(TaskInstance.run_id).join(HITLDetail, HITLDetail.ti_id == TaskInstance.id)
    return set(session.scalars(statement.where(TaskInstance.dag_id == _CORRECT, asks())))
