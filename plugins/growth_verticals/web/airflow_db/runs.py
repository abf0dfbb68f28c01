"""Runs of sources, from Airflow's database."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow.models import DagModel, DagRun, TaskInstance
from airflow.models.asset import AssetEvent
from airflow.models.dagrun import DagRunNote
from airflow.models.hitl import HITLDetail
from airflow.models.xcom import XComModel
from airflow.utils.state import DagRunState, TaskInstanceState
from airflow.utils.types import DagRunType
from sqlalchemy import case, func, or_, select
from sqlalchemy.orm import aliased

from growth_verticals.operators.failures import FAILURE, STEPS
from growth_verticals.status.facts import RunDetail, RunFacts, Step, failure_from_json, load_from_json
from growth_verticals.web.airflow_db.people import asks
from growth_verticals.web.airflow_db.xcoms import plain

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from sqlalchemy import ColumnElement
    from sqlalchemy.orm import Session

    from growth_verticals.status.facts import Failure, LoadCounts

_ACTIVE = (DagRunState.QUEUED, DagRunState.RUNNING)
_NAME: Any = TaskInstance._rendered_map_index  # noqa: SLF001 - the public one has the map index if there is no name
#: States of a task that is active, or that has failed itself.
_OPEN = tuple(
    state for state in TaskInstanceState if state.value not in ("success", "skipped", "removed", "upstream_failed")
)


def read_runs(
    dag_ids: Collection[str],
    since: datetime | Mapping[str, datetime] | None = None,
    *,
    session: Session,
) -> dict[str, list[RunFacts]]:
    """Return source → its runs, oldest period first, within a period the first queued first. Every DAG id has a list.

    Runs without a partition key are left out. Sends four queries.

    :param since: only periods that start at this time or later (for all sources, or by source), and all active runs.
    """
    runs: dict[str, list[RunFacts]] = {dag_id: [] for dag_id in dag_ids}
    for run in _read(_those_of(dag_ids, since), session):
        runs[run.source].append(run)
    return runs


def read_run(dag_id: str, run_id: str, *, session: Session) -> RunFacts | None:
    """Return one run; None if there is none with this id, or if it has no partition key."""
    return next(iter(_read((DagRun.dag_id == dag_id) & (DagRun.run_id == run_id), session)), None)


def read_period(dag_id: str, period: str, *, session: Session) -> list[RunFacts]:
    """Return all runs of a period, the first queued first."""
    return _read((DagRun.dag_id == dag_id) & (DagRun.partition_key == period), session)


def read_first_periods(dag_ids: Collection[str], *, session: Session) -> dict[str, str]:
    """Return source → key of the first period that has a scheduled run; sources without one are left out."""
    is_scheduled = DagRun.dag_id.in_(dag_ids) & (DagRun.run_type == DagRunType.SCHEDULED)
    first = (
        select(DagRun.dag_id, func.min(DagRun.partition_date).label("at"))
        .where(is_scheduled, DagRun.partition_key.is_not(None))
        .group_by(DagRun.dag_id)
        .subquery()
    )
    keys = select(DagRun.dag_id, DagRun.partition_key).where(is_scheduled)
    rows = session.execute(keys.join(first, (DagRun.dag_id == first.c.dag_id) & (DagRun.partition_date == first.c.at)))
    return {dag_id: key for dag_id, key in rows if key}


def paused_dags(dag_ids: Collection[str], *, session: Session) -> set[str]:
    """Return which of the DAGs are paused."""
    statement = select(DagModel.dag_id).where(DagModel.dag_id.in_(dag_ids), DagModel.is_paused)
    return set(session.scalars(statement))


def run_detail(dag_id: str, run_id: str, *, session: Session) -> RunDetail | None:
    """Return one run with its steps and XComs; None as in `read_run`. Sends six queries."""
    run = read_run(dag_id, run_id, session=session)
    if run is None:
        return None
    xcoms: dict[tuple[str, str], dict[int, Any]] = {}
    columns = (XComModel.task_id, XComModel.key, XComModel.map_index, XComModel.value)
    those = (XComModel.dag_id == dag_id, XComModel.run_id == run_id)
    for task_id, key, map_index, value in session.execute(select(*columns).where(*those)):
        xcoms.setdefault((task_id, key), {})[map_index] = plain(value)
    return RunDetail(run=run, steps=_steps(dag_id, run_id, session), xcoms=xcoms)


def _steps(dag_id: str, run_id: str, session: Session) -> tuple[Step, ...]:
    columns = (
        TaskInstance.task_id, TaskInstance.map_index, TaskInstance.state, TaskInstance.try_number,
        TaskInstance.start_date, TaskInstance.end_date, _NAME,
    )  # fmt: skip
    those = (TaskInstance.dag_id == dag_id, TaskInstance.run_id == run_id)
    now = datetime.now(UTC)
    steps = [
        Step(
            task_id=task_id,
            map_index=map_index,
            state=state,
            tries=tries,
            started_at=started,
            ended_at=ended,
            seconds=((ended or now) - started).total_seconds() if started else None,
            name=name,
        )
        for task_id, map_index, state, tries, started, ended, name in session.execute(select(*columns).where(*those))
    ]
    return tuple(sorted(steps, key=lambda step: (_position(step.task_id), step.map_index)))


def _those_of(dag_ids: Collection[str], since: datetime | Mapping[str, datetime] | None) -> ColumnElement[bool]:
    """Return the condition of `read_runs`."""
    of_sources = DagRun.dag_id.in_(dag_ids)
    if since is None:
        return of_sources
    is_active = DagRun.state.in_(_ACTIVE)
    if isinstance(since, datetime):
        return of_sources & ((DagRun.partition_date >= since) | is_active)
    by_source = [(DagRun.dag_id == dag_id) & (DagRun.partition_date >= since[dag_id]) for dag_id in dag_ids]
    return (of_sources & is_active) | or_(*by_source)


def _read(those: ColumnElement[bool], session: Session) -> list[RunFacts]:
    """Return the runs that meet a condition, oldest period first."""
    awaited, committed = aliased(TaskInstance), aliased(TaskInstance)
    statement = (
        select(
            DagRun.dag_id, DagRun.run_id, DagRun.partition_key, DagRun.state, DagRun.run_type, DagRun.queued_at,
            DagRun.run_after, DagRun.start_date, DagRun.end_date, DagRun.triggering_user_name, DagRun.conf,
            DagRunNote.content, awaited.end_date, committed.state,
        )
        .outerjoin(DagRunNote, DagRunNote.dag_run_id == DagRun.id)
        .outerjoin(awaited, _is_task(awaited, "await") & (awaited.state == TaskInstanceState.SUCCESS))
        .outerjoin(committed, _is_task(committed, "commit"))
        .where(those, DagRun.partition_key.is_not(None))
        .order_by(DagRun.partition_date, DagRun.queued_at, DagRun.id)
    )  # fmt: skip
    loads, steps, failures = _loads(those, session), _open_steps(those, session), _failures(those, session)
    runs = []
    for (
        dag_id, run_id, period, state, run_type, queued, run_after, started, ended, user, conf, note, arrived, commit,
    ) in session.execute(statement):  # fmt: skip
        run = (dag_id, run_id)
        load, loaded_at = loads.get(run, (None, None))
        step, needs_answer = steps.get(run, (None, False))
        runs.append(
            RunFacts(
                source=dag_id,
                run_id=run_id,
                period=period,
                state=str(state),
                kind=str(run_type),
                queued_at=queued or run_after,
                started_at=started,
                ended_at=ended,
                started_by=user,
                note=note or (conf or {}).get("note"),
                for_files=bool((conf or {}).get("files")),
                step=step,
                arrived_at=arrived,
                committed=commit == TaskInstanceState.SUCCESS,
                committed_at=loaded_at,
                needs_answer=needs_answer,
                failure=failures.get((*run, step)) if step else None,
                load=load,
            )
        )
    return runs


def _is_task(table: Any, task_id: str) -> ColumnElement[bool]:
    is_of_run = (table.dag_id == DagRun.dag_id) & (table.run_id == DagRun.run_id)
    return is_of_run & (table.task_id == task_id) & (table.map_index == -1)  # type: ignore[no-any-return]


def _loads(those: ColumnElement[bool], session: Session) -> dict[tuple[str, str], tuple[LoadCounts, datetime]]:
    """Return (source, run id) → what the run loaded, and when: its newest asset event."""
    is_of_run = (AssetEvent.source_dag_id == DagRun.dag_id) & (AssetEvent.source_run_id == DagRun.run_id)
    statement = select(DagRun.dag_id, DagRun.run_id, AssetEvent.extra, AssetEvent.timestamp).join(
        DagRun, is_of_run & (AssetEvent.source_task_id == "commit")
    )
    rows = session.execute(statement.where(those).order_by(AssetEvent.id))
    return {
        (dag_id, run_id): (load_from_json(extra), at) for dag_id, run_id, extra, at in rows if "rows_loaded" in extra
    }


def _open_steps(those: ColumnElement[bool], session: Session) -> dict[tuple[str, str], tuple[str, bool]]:
    """Return (source, run id) → the first task that is active or has failed, and whether it waits for a person."""
    of_run = (TaskInstance.dag_id == DagRun.dag_id) & (TaskInstance.run_id == DagRun.run_id)
    statement = (
        select(DagRun.dag_id, DagRun.run_id, TaskInstance.task_id, func.max(case((asks(), 1), else_=0)))
        .join(TaskInstance, of_run)
        .outerjoin(HITLDetail, HITLDetail.ti_id == TaskInstance.id)
        .where(those, DagRun.state != DagRunState.SUCCESS, TaskInstance.state.in_(_OPEN))
        .group_by(DagRun.dag_id, DagRun.run_id, TaskInstance.task_id)
    )
    first: dict[tuple[str, str], tuple[str, bool]] = {}
    rows = session.execute(statement).all()
    for dag_id, run_id, task_id, is_asking in sorted(rows, key=lambda row: _position(row[2])):
        first.setdefault((dag_id, run_id), (task_id, bool(is_asking)))
    return first


def _failures(those: ColumnElement[bool], session: Session) -> dict[tuple[str, str, str], Failure]:
    """Return (source, run id, task id) → why it failed; of a mapped task, its first instance that did."""
    statement = (
        select(DagRun.dag_id, DagRun.run_id, XComModel.task_id, XComModel.value)
        .join(DagRun, XComModel.dag_run_id == DagRun.id)
        .where(those, XComModel.key == FAILURE, DagRun.state != DagRunState.SUCCESS)
        .order_by(XComModel.map_index.desc())
    )
    return {tuple(row[:3]): failure_from_json(plain(row[3])) for row in session.execute(statement)}


def _position(task_id: str) -> int:
    return STEPS.index(task_id) if task_id in STEPS else len(STEPS)
