"""What the newest audit and the newest table maintenance found, from Airflow's database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.models import DagRun, TaskInstance
from airflow.models.xcom import XComModel
from airflow.utils.state import DagRunState
from sqlalchemy import select

from growth_verticals.operators.audit import AUDITED
from growth_verticals.operators.failures import FAILURE
from growth_verticals.operators.maintenance import MAINTAINED
from growth_verticals.status.facts import AuditFacts, MaintenanceFacts, failure_from_json
from growth_verticals.web.airflow_db.xcoms import plain

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from datetime import datetime

    from sqlalchemy import ColumnElement
    from sqlalchemy.orm import Session

#: How many of the newest audits are read: one can have failed for a source, or be in progress.
_NEWEST_AUDITS = 3


def read_audit(sources: Collection[str], *, session: Session) -> dict[tuple[str, str], AuditFacts]:
    """Return (source, period) → what the newest audit of the source says. Periods that are complete are left out."""
    newest = _newest_runs("delivery_audit", _NEWEST_AUDITS, session)
    found: dict[str, dict[str, AuditFacts]] = {}
    for value, at, _, _ in _values_of_ended(AUDITED, newest, session):
        for source in value.keys() & set(sources) - found.keys():
            found[source] = {
                period: AuditFacts(
                    state=each["state"],
                    action=each["action"],
                    reason=each["reason"],
                    run_id=each.get("run"),
                    files=each.get("files") or {},
                    at=at,
                )
                for period, each in value[source].items()
            }
    return {(source, period): facts for source, periods in found.items() for period, facts in periods.items()}


def read_maintenance(*, session: Session) -> list[MaintenanceFacts]:
    """Return the result of the newest ended run of the DAG `table_maintenance`, by table."""
    newest = _newest_runs("table_maintenance", 1, session, DagRun.state.in_((DagRunState.SUCCESS, DagRunState.FAILED)))
    failures = {map_index: value for value, _, _, map_index in _values_of_ended(FAILURE, newest, session)}
    facts = []
    for value, at, run_id, map_index in _values_of_ended(MAINTAINED, newest, session):
        stored = failures.get(map_index)
        failure = failure_from_json(stored) if stored else None
        facts.append(
            MaintenanceFacts(
                table=value["table"],
                source=value["source"],
                at=at,
                failed=failure.message if failure else None,
                next_step=failure.next_step if failure else None,
                run_id=run_id,
                jobs=value["jobs"],
                messages=value["messages"],
                changes=tuple(value["changes"]),
            )
        )
    return sorted(facts, key=lambda each: each.table)


def _values_of_ended(key: str, dag_run_ids: list[int], session: Session) -> Iterator[tuple[Any, datetime, str, int]]:
    """Yield value, end, run id and map index for each ended task that stored an XCom, of the newest run first."""
    of_task = (XComModel.dag_id == TaskInstance.dag_id) & (XComModel.run_id == TaskInstance.run_id)
    of_task &= (XComModel.task_id == TaskInstance.task_id) & (XComModel.map_index == TaskInstance.map_index)
    statement = (
        select(XComModel.value, TaskInstance.end_date, XComModel.run_id, XComModel.map_index)
        .join(TaskInstance, of_task)
        .where(XComModel.dag_run_id.in_(dag_run_ids), XComModel.key == key, TaskInstance.end_date.is_not(None))
        .order_by(XComModel.dag_run_id.desc(), XComModel.map_index)
    )
    for value, at, run_id, map_index in session.execute(statement):
        yield plain(value), at, run_id, map_index


def _newest_runs(dag_id: str, count: int, session: Session, *conditions: ColumnElement[bool]) -> list[int]:
    statement = select(DagRun.id).where(DagRun.dag_id == dag_id, *conditions).order_by(DagRun.id.desc())
    return list(session.scalars(statement.limit(count)))
