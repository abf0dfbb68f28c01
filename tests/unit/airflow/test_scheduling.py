"""Airflow's own scheduler and DAG processor code, on a real database: every period gets one run, oldest first."""

from __future__ import annotations

import random
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pendulum
import pytest
from airflow.dag_processing.collection import update_dag_parsing_results_in_db
from airflow.jobs.job import Job
from airflow.jobs.scheduler_job_runner import SchedulerJobRunner
from airflow.models import DagModel
from airflow.models.backfill import (
    Backfill,
    NoBackfillRunsToCreate,
    ReprocessBehavior,
    _create_backfill,
)
from airflow.models.dagbundle import DagBundleModel
from airflow.models.dagrun import DagRun
from airflow.models.serialized_dag import SerializedDagModel
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG
from airflow.serialization.serialized_objects import LazyDeserializedDAG
from airflow.settings import engine
from airflow.utils.db import initdb
from airflow.utils.session import create_session
from airflow.utils.sqlalchemy import prohibit_commit
from airflow.utils.state import DagRunState
from airflow.utils.types import DagRunTriggeredByType, DagRunType
from sqlalchemy import delete, select, update

from growth_verticals import timetables
from growth_verticals.cadence import Cadence, Daily, Monthly, Quarterly
from growth_verticals.timetables import PeriodTimetable

# Airflow itself causes this warning when it reads .airflowignore
pytestmark = pytest.mark.filterwarnings("ignore:GitWildMatchPattern:DeprecationWarning")

NEW_YORK = ZoneInfo("America/New_York")
BUNDLE = "test_scheduling"
MAX_ACTIVE_RUNS = 4


@pytest.fixture(scope="module", autouse=True)
def _database() -> None:
    assert engine is None or engine.dialect.name == "sqlite"
    initdb()
    with create_session() as session:
        session.merge(DagBundleModel(name=BUNDLE))


class Simulation:
    """One DAG in Airflow's database, at a time that the test sets.

    :param dag_id: not used by another test.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, dag_id: str, cadence: Cadence, start: str) -> None:
        self.dag_id, self.cadence, self.since, self.paused = dag_id, cadence, None, False
        self.now = datetime.fromisoformat(start).replace(tzinfo=NEW_YORK)
        monkeypatch.setattr(timetables, "now", lambda zone: pendulum.instance(self.now).in_timezone(zone))
        monkeypatch.setenv("AIRFLOW__CORE__MIN_SERIALIZED_DAG_UPDATE_INTERVAL", "0")
        monkeypatch.setenv("AIRFLOW__CORE__HOSTNAME_CALLABLE", "platform.node")  # the default asks the name server
        self.scheduler = SchedulerJobRunner(job=Job())
        with create_session() as session:  # the scheduler works on all DAGs that are not paused
            session.execute(update(DagModel).values(is_paused=True))

    def parse(self) -> None:
        """Do what the DAG processor does when it has parsed the file."""
        dag = DAG(
            self.dag_id,
            schedule=PeriodTimetable(self.cadence, self.since),
            max_active_runs=MAX_ACTIVE_RUNS,
        )
        EmptyOperator(task_id="task", dag=dag)
        with create_session() as session:
            update_dag_parsing_results_in_db(BUNDLE, None, [LazyDeserializedDAG.from_dag(dag)], {}, 0.1, set(), session)
            session.execute(update(DagModel).where(DagModel.dag_id == self.dag_id).values(is_paused=self.paused))

    def schedule(self, loops: int = 1) -> None:
        """Do what the scheduler does in so many of its loops. In its SQL the true time counts; here, `now` does."""
        for _ in range(loops):
            with create_session() as session:
                model = session.get(DagModel, self.dag_id)
                if model.next_dagrun_create_after is None or model.next_dagrun_create_after > self.now:
                    return
                with prohibit_commit(session) as guard:
                    self.scheduler._create_dagruns_for_dags(guard, session)

    def finish_runs(self, count: int | None = None) -> None:
        """End so many of the active runs, oldest first, as the scheduler does; None: all."""
        with create_session() as session:
            active = select(DagRun).where(DagRun.dag_id == self.dag_id, DagRun.state == DagRunState.QUEUED)
            for run in session.scalars(active.order_by(DagRun.id)).all()[:count]:
                run.state = DagRunState.SUCCESS
            session.flush()
            self.scheduler._set_exceeds_max_active_runs(dag_model=session.get(DagModel, self.dag_id), session=session)

    def run_all(self) -> None:
        """Parse the file, and let the scheduler work until it has nothing left to do."""
        self.parse()
        created = -1
        while created < len(self.runs()):
            created = len(self.runs())
            self.finish_runs()
            self.schedule(MAX_ACTIVE_RUNS)
        self.finish_runs()

    def backfill(self, first: date, last: date) -> None:
        """Do what the UI's dialog does, from a browser in New York."""
        bounds = [datetime(day.year, day.month, day.day, tzinfo=NEW_YORK).astimezone(UTC) for day in (first, last)]
        _create_backfill(
            dag_id=self.dag_id, from_date=bounds[0], to_date=bounds[1], max_active_runs=1, reverse=False,
            dag_run_conf=None, triggering_user_name=None, reprocess_behavior=ReprocessBehavior.NONE,
        )  # fmt: skip
        with create_session() as session:
            done = update(Backfill).where(Backfill.dag_id == self.dag_id).values(completed_at=datetime.now(UTC))
            session.execute(done)

    def trigger(self, key: str, conf: dict[str, Any] | None = None) -> None:
        """Do what the REST API does when a person triggers the DAG."""
        with create_session() as session:
            dag = session.scalar(SerializedDagModel.latest_item_select_object(self.dag_id)).dag
            dag.create_dagrun(
                run_id=dag.timetable.generate_run_id(
                    run_type=DagRunType.MANUAL, run_after=pendulum.instance(self.now), data_interval=None
                ),
                run_after=self.now, run_type=DagRunType.MANUAL, triggered_by=DagRunTriggeredByType.REST_API,
                state=DagRunState.QUEUED, conf=conf, partition_key=key,
                partition_date=dag.timetable.resolve_partition_date(key), session=session,
            )  # fmt: skip

    def runs(self, *types: DagRunType) -> list[str]:
        """Return the periods of the scheduled runs, or of runs of other types, in the order of their creation."""
        statement = select(DagRun.partition_key).where(
            DagRun.dag_id == self.dag_id, DagRun.run_type.in_(types or (DagRunType.SCHEDULED,))
        )
        with create_session() as session:
            return list(session.scalars(statement.order_by(DagRun.id)))

    def periods(self, first: str, last: str | None = None) -> list[str]:
        """Return all periods from `first` to `last`, or to the newest that is open."""
        keys, period = [], self.cadence.parse(first)
        end = self.cadence.parse(last) if last else self.cadence.latest_open(self.now)
        while period.first <= end.first:
            keys.append(period.key)
            period = self.cadence.after(period)
        return keys


@pytest.fixture
def simulation(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Simulation:
    dag_id = request.node.name.replace("[", "-").replace("]", "")
    return Simulation(monkeypatch, dag_id, Daily(), "2026-10-05T12:00")


def test_a_new_dag_runs_for_the_newest_open_period_only(simulation: Simulation) -> None:
    simulation.run_all()
    assert simulation.runs() == ["2026-10-04"]


def test_a_paused_new_dag_starts_with_the_period_that_is_newest_when_it_is_unpaused(simulation: Simulation) -> None:
    simulation.paused = True
    simulation.parse()
    simulation.now += timedelta(days=9)
    simulation.run_all()
    assert simulation.runs() == []
    simulation.paused = False
    simulation.run_all()
    assert simulation.runs() == ["2026-10-13"]


def test_after_two_weeks_without_a_scheduler_every_day_gets_a_run_oldest_first_and_bounded(
    simulation: Simulation,
) -> None:
    simulation.run_all()
    simulation.now += timedelta(days=14)
    simulation.parse()
    simulation.schedule(loops=50)
    assert simulation.runs() == simulation.periods("2026-10-04")[: 1 + MAX_ACTIVE_RUNS]
    simulation.finish_runs(count=2)
    simulation.schedule(loops=50)
    assert simulation.runs() == simulation.periods("2026-10-04")[: 3 + MAX_ACTIVE_RUNS]
    simulation.run_all()
    assert simulation.runs() == simulation.periods("2026-10-04", "2026-10-18")


def test_every_period_since_the_declared_one_gets_a_run(simulation: Simulation) -> None:
    simulation.cadence, simulation.since = Quarterly(), "2025Q2"
    simulation.run_all()
    assert simulation.runs() == ["2025Q2", "2025Q3", "2025Q4", "2026Q1", "2026Q2", "2026Q3"]


def test_an_earlier_since_adds_the_periods_that_are_missing_and_repeats_none(simulation: Simulation) -> None:
    simulation.cadence = Monthly()
    simulation.run_all()
    simulation.backfill(date(2026, 7, 1), date(2026, 7, 31))
    simulation.since = "2026-06"
    simulation.run_all()
    assert simulation.runs() == ["2026-09", "2026-06", "2026-08"]
    simulation.since = "2026-05"
    simulation.run_all()
    simulation.now += timedelta(days=31)
    simulation.run_all()
    assert simulation.runs() == ["2026-09", "2026-06", "2026-08", "2026-05", "2026-10"]


def test_runs_that_were_purged_from_the_database_are_not_repeated(simulation: Simulation) -> None:
    simulation.since = "2026-09-20"
    simulation.run_all()
    with create_session() as session:  # as `airflow db clean` does: it keeps the last run
        session.execute(delete(DagRun).where(DagRun.dag_id == simulation.dag_id, DagRun.partition_key < "2026-10-04"))
    simulation.now += timedelta(days=1)
    simulation.run_all()
    assert simulation.runs() == ["2026-10-04", "2026-10-05"]


@pytest.mark.parametrize(
    ("first", "last"),
    [
        (date(2026, 9, 1), date(2026, 9, 3)),  # older than any run
        (date(2026, 10, 8), date(2026, 10, 9)),  # newer, with days without a run before it
        (date(2026, 10, 5), date(2026, 10, 14)),  # all that is missing
    ],
)
def test_a_backfill_during_a_pause_leaves_out_no_period_and_repeats_none(
    simulation: Simulation, first: date, last: date
) -> None:
    simulation.run_all()
    simulation.paused = True
    simulation.parse()
    simulation.now += timedelta(days=10)
    simulation.backfill(first, last)
    simulation.paused = False
    simulation.run_all()
    backfilled = simulation.runs(DagRunType.BACKFILL_JOB)
    assert backfilled == simulation.periods(first.isoformat(), last.isoformat())
    assert simulation.runs() == [key for key in simulation.periods("2026-10-04") if key not in backfilled]


def test_a_backfill_of_a_dag_that_never_ran_does_not_schedule_what_follows_it(simulation: Simulation) -> None:
    simulation.paused = True
    simulation.parse()
    simulation.backfill(date(2026, 1, 1), date(2026, 1, 2))
    simulation.paused = False
    simulation.run_all()
    assert simulation.runs() == ["2026-10-04"]


def test_a_manual_run_does_not_take_the_place_of_a_scheduled_one(simulation: Simulation) -> None:
    simulation.run_all()
    simulation.now += timedelta(days=4)
    simulation.trigger("2026-10-06", {"files": ["a.csv"]})
    simulation.trigger("2026-10-08")
    simulation.finish_runs()
    simulation.run_all()
    assert simulation.runs() == simulation.periods("2026-10-04")


def test_runs_of_the_cadence_that_a_source_had_before_are_ignored(simulation: Simulation) -> None:
    simulation.run_all()
    simulation.cadence = Monthly()
    simulation.run_all()
    assert simulation.runs() == ["2026-10-04", "2026-09"]


@pytest.mark.parametrize("seed", range(8))
def test_random_outages_pauses_backfills_and_manual_runs(monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    chance = random.Random(seed)
    cadence: Cadence = chance.choice([Daily(), Daily(due_business_day=3), Monthly(), Quarterly()])
    longest = {"daily": 9, "monthly": 200, "quarterly": 400}[cadence.label]
    start = {"daily": "2026-01-05", "monthly": "2016-01-05", "quarterly": "2006-01-05"}[cadence.label]
    simulation = Simulation(monkeypatch, f"random_{seed}", cadence, start)
    since = chance.choice([None, cadence.before(cadence.before(cadence.latest_open(simulation.now))).key])
    simulation.since = since
    first = since or cadence.latest_open(simulation.now).key
    simulation.run_all()
    for _ in range(16):
        simulation.now += timedelta(days=chance.uniform(0, longest))
        action = chance.choice(["nothing", "pause", "unpause", "backfill", "manual", "finish"])
        simulation.parse()
        if action in ("pause", "unpause"):
            simulation.paused = action == "pause"
        elif action == "backfill":
            backfill_some_days(simulation, chance, longest)
        elif action == "manual":
            simulation.trigger(cadence.latest_open(simulation.now).key)
        elif action == "finish":
            simulation.finish_runs(chance.randrange(4))
        simulation.parse()
        if not simulation.paused:
            simulation.schedule(loops=chance.randrange(6))
    simulation.paused = False
    simulation.finish_runs()
    simulation.run_all()
    scheduled, backfilled = simulation.runs(), simulation.runs(DagRunType.BACKFILL_JOB)
    assert scheduled == sorted(scheduled)
    assert sorted(scheduled + [key for key in backfilled if key >= first]) == simulation.periods(first)


def backfill_some_days(simulation: Simulation, chance: random.Random, longest: int) -> None:
    last = (simulation.now - timedelta(days=chance.randrange(longest))).date()
    with suppress(NoBackfillRunsToCreate):  # if the period has not opened
        simulation.backfill(last - timedelta(days=chance.randrange(longest)), last)
