"""What the pages read from Airflow's database. The history has an example of everything (`tests.airflow_history`)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from airflow import settings
from airflow.models import DagRun
from airflow.utils.session import create_session
from sqlalchemy import event, update
from sqlalchemy.orm import Session

from growth_verticals.declarations import read_sources
from growth_verticals.operators.check import LOAD, REFUSE
from growth_verticals.status.facts import RunFacts
from growth_verticals.status.grid import grid_row, runs_since
from growth_verticals.status.states import STATES
from growth_verticals.web import airflow_db
from tests.airflow_history import HOSTILE_NAMES, History, seed_history

# Airflow itself causes this warning when it reads .airflowignore
pytestmark = pytest.mark.filterwarnings("ignore:GitWildMatchPattern:DeprecationWarning")

NOW = datetime(2026, 11, 30, 12, tzinfo=ZoneInfo("America/New_York"))
SOURCES = read_sources()
NAMES = list(SOURCES)


@pytest.fixture(scope="module")
def history(airflow_database: None) -> History:
    with create_session() as session:
        return seed_history(session, NOW, years=1)


@contextmanager
def counted_queries() -> Iterator[list[str]]:
    queries: list[str] = []

    def count(*arguments: Any) -> None:
        queries.append(arguments[2])

    event.listen(settings.engine, "before_cursor_execute", count)
    try:
        yield queries
    finally:
        event.remove(settings.engine, "before_cursor_execute", count)


def runs_of(history: History, example: str, session: Session) -> list[RunFacts]:
    """Return the runs of the period that is an example."""
    return airflow_db.read_period(*history.examples[example], session=session)


def test_the_examples_show_every_state(history: History, session: Session) -> None:
    runs = airflow_db.read_runs(NAMES, runs_since(list(SOURCES.values()), NOW), session=session)
    first = airflow_db.read_first_periods(NAMES, session=session)
    audits = airflow_db.read_audit(NAMES, session=session)
    paused = airflow_db.paused_dags(NAMES, session=session)
    shown: dict[str, set[str]] = {}
    for name, source in SOURCES.items():
        row = grid_row(
            source,
            runs[name],
            now=NOW,
            paused=name in paused,
            first_run=first.get(name),
            held=history.held.get(name),
            audit={period: facts for (of, period), facts in audits.items() if of == name},
        )
        for state in row.states():
            shown.setdefault(state.state, set()).add(f"{name} {state.period}")
    assert shown.keys() == STATES.keys() - {"expired"}  # no source declares keep_periods
    for state in STATES.keys() & history.examples.keys():
        assert " ".join(history.examples[state]) in shown[state]


def test_a_load_has_the_counts_of_its_event(history: History, session: Session) -> None:
    [run] = runs_of(history, "with_rejects", session)
    assert run.load is not None
    assert (run.state, run.kind, run.committed, run.step, run.for_files) == ("success", "scheduled", True, None, False)
    assert (run.load.rows_loaded, run.load.rows_rejected, run.load.rejects[0].column) == (290_000, 500, "birth_date")
    assert run.arrived_at is not None
    assert run.committed_at is not None
    assert run.queued_at < run.arrived_at < run.committed_at < (run.ended_at or NOW)
    assert run.queued_at.utcoffset() == timedelta()


def test_a_person_who_started_a_run_and_her_note_and_answer_are_known(history: History, session: Session) -> None:
    first, second = runs_of(history, "restated", session)
    assert first.started_by is None
    assert (second.started_by, second.kind) == ("ana", "manual")
    assert second.note == "Corrected file, see the mail of Tuesday"
    assert second.load is not None
    assert (second.load.files_replaced, second.load.by) == (1, "ana")
    [by_name] = runs_of(history, "hostile_files", session)
    assert by_name.for_files


def test_a_run_that_loaded_nothing_has_no_load_and_says_whether_it_committed(
    history: History, session: Session
) -> None:
    [already] = runs_of(history, "already_loaded", session)
    assert (already.state, already.load, already.committed) == ("success", None, True)
    [skipped] = runs_of(history, "skipped", session)
    assert (skipped.state, skipped.load, skipped.committed, skipped.arrived_at) == ("success", None, False, None)


def test_a_failed_run_has_the_step_and_the_failure_that_it_stored(history: History, session: Session) -> None:
    [refused] = runs_of(history, "refused", session)
    assert refused.step == "check"
    assert refused.failure is not None
    assert (refused.failure.outcome, refused.failure.file) == ("refused", HOSTILE_NAMES[0])
    assert refused.failure.counts == {"rows_read": 6_500, "rows_rejected": 2_500}
    [drift] = runs_of(history, "drift", session)
    assert drift.failure is not None
    assert (drift.step, drift.failure.kind) == ("stage", "ColumnsRefusedError")


def test_an_active_run_has_the_first_step_that_is_not_done(history: History, session: Session) -> None:
    [waiting] = runs_of(history, "waiting", session)
    assert (waiting.step, waiting.is_active, waiting.needs_answer) == ("await", True, False)
    [running] = runs_of(history, "running", session)
    assert (running.step, running.ended_at) == ("land", None)
    assert running.arrived_at is not None
    assert NOW - timedelta(hours=1) <= running.arrived_at < NOW
    [asking] = runs_of(history, "needs_approval", session)
    assert (asking.step, asking.needs_answer) == ("check", True)


def test_what_a_run_asks_can_be_shown_and_answered(history: History, session: Session) -> None:
    source, period = history.examples["needs_approval"]
    [run] = runs_of(history, "needs_approval", session)
    action = airflow_db.read_action(source, run.run_id, session=session)
    assert action is not None
    assert (action.task_id, action.map_index, action.options) == ("check", -1, (LOAD, REFUSE))
    assert action.subject == f"{source} {period}: is this delivery right?"
    assert action.fields == ("reason",)
    [waiting] = runs_of(history, "waiting", session)
    assert airflow_db.read_action(waiting.source, waiting.run_id, session=session) is None


def test_corrections_of_a_period_are_read_the_newest_first(history: History, session: Session) -> None:
    target = history.examples["restated"]
    waiting, refused = airflow_db.read_corrections(*target, session=session)
    assert (waiting.action, waiting.reason, waiting.started_by) == ("undo", "wrong month", "ana")
    assert (waiting.needs_answer, waiting.state, waiting.failure, waiting.result) == (True, "running", None, None)
    assert waiting.shown is not None
    assert waiting.shown["files"][0]["name"] == HOSTILE_NAMES[1]
    assert (refused.needs_answer, refused.state) == (False, "failed")
    assert refused.failure is not None
    assert refused.failure.message == "ben refused the correction."
    assert airflow_db.correction_target(waiting.run_id, session=session) == target
    assert airflow_db.correction_target("no such run", session=session) is None
    action = airflow_db.read_action("correct", waiting.run_id, session=session)
    assert action is not None
    assert (action.task_id, action.fields) == ("approve", ())
    assert airflow_db.read_corrections("aiq_b2b", "2026Q3", session=session) == []


def test_the_detail_of_a_run_has_its_steps_and_what_they_stored(history: History, session: Session) -> None:
    [run] = runs_of(history, "hostile_files", session)
    detail = airflow_db.run_detail(run.source, run.run_id, session=session)
    assert detail is not None
    assert detail.run == run
    names = [step.task_id for step in detail.steps]
    assert list(dict.fromkeys(names)) == ["await", "land", "plan", "stage", "check", "commit", "maintain"]
    assert [step.name for step in detail.steps if step.task_id == "land"] == [name[:250] for name in HOSTILE_NAMES]
    assert {step.seconds for step in detail.steps if step.task_id == "stage"} == {540.0}
    for units in (detail.value("await"), detail.value("plan")):
        assert [(unit["title"], unit["files"][0]["name"]) for unit in units] == [(name, name) for name in HOSTILE_NAMES]
    assert [unit["files"][0]["expected_sums"] for unit in detail.value("await")] == [[]] * len(HOSTILE_NAMES)
    assert [file["name"] for [file] in detail.values("land")] == list(HOSTILE_NAMES)
    assert detail.value("check")["report"]["rows"] == 1_000
    assert detail.value("check", "no such key") is None
    assert detail.values("no such task") == []


def test_an_unknown_run_is_none(history: History, session: Session) -> None:
    assert airflow_db.read_run("aiq_b2b", "no such run", session=session) is None
    assert airflow_db.run_detail("aiq_b2b", "no such run", session=session) is None
    assert airflow_db.read_runs(["no such source"], session=session) == {"no such source": []}
    assert airflow_db.read_period("aiq_b2b", "1999Q1", session=session) == []


def test_a_run_without_a_period_is_left_out(history: History, session: Session) -> None:
    [run] = runs_of(history, "drift", session)
    session.execute(update(DagRun).where(DagRun.run_id == run.run_id).values(partition_key=None))
    assert airflow_db.read_run(run.source, run.run_id, session=session) is None
    assert run.run_id not in {each.run_id for each in airflow_db.read_runs([run.source], session=session)[run.source]}
    session.rollback()


def test_older_runs_are_read_only_if_they_are_active(history: History, session: Session) -> None:
    name = "statara_political"
    every = airflow_db.read_runs([name], session=session)[name]
    since = airflow_db.read_runs([name], {name: NOW + timedelta(days=1)}, session=session)[name]
    assert len(every) > 5
    assert since == [run for run in every if run.is_active] != []
    assert airflow_db.read_runs([name], NOW + timedelta(days=1), session=session)[name] == since


def test_the_first_period_is_that_of_the_first_scheduled_run(history: History, session: Session) -> None:
    first = airflow_db.read_first_periods(NAMES, session=session)
    runs = airflow_db.read_runs(NAMES, session=session)
    assert first["aiq_household"] == runs["aiq_household"][0].period
    assert "causeway" not in first  # people started all of its runs
    assert "cml_nurse" not in first


def test_the_newest_audit_and_the_newest_maintenance_are_read(history: History, session: Session) -> None:
    audits = airflow_db.read_audit(NAMES, session=session)
    assert audits.keys() == {history.examples["unexplained"]}
    [found] = audits.values()
    assert (found.action, found.files, found.at) == (
        "report",
        {"unexplained": 1},
        audits[history.examples["unexplained"]].at,
    )
    assert found.at is not None
    assert NOW - timedelta(hours=1) < found.at < NOW
    assert airflow_db.read_audit(["aiq_b2b"], session=session) == {}
    results = {each.source: each for each in airflow_db.read_maintenance(session=session)}
    assert results.keys() == SOURCES.keys()
    assert {name for name, each in results.items() if each.failed} == {"ls_corp"}
    assert results["ls_corp"].messages == {"icebergCompaction": "out of memory"}


@pytest.mark.parametrize(
    ("queries", "read"),
    [
        (4, lambda session: airflow_db.read_runs(NAMES, session=session)),
        (4, lambda session: airflow_db.read_runs(NAMES, runs_since(list(SOURCES.values()), NOW), session=session)),
        (1, lambda session: airflow_db.read_first_periods(NAMES, session=session)),
        (1, lambda session: airflow_db.paused_dags(NAMES, session=session)),
        (2, lambda session: airflow_db.read_audit(NAMES, session=session)),
        (3, lambda session: airflow_db.read_maintenance(session=session)),
    ],
)
def test_a_view_sends_a_few_queries_however_many_runs_and_files_there_are(
    history: History, session: Session, queries: int, read: Callable[[Session], Any]
) -> None:
    read(session)
    with counted_queries() as sent:
        assert read(session)
    assert len(sent) == queries


def test_the_detail_of_a_run_with_300_files_is_six_queries(history: History, session: Session) -> None:
    [run] = runs_of(history, "many_files", session)
    with counted_queries() as sent:
        detail = airflow_db.run_detail(run.source, run.run_id, session=session)
    assert len(sent) == 6
    assert detail is not None
    assert len(detail.steps) == 17
    assert [file["name"] for files in detail.values("stage") for file in files] == [
        f"AIQ_HH_part{number:03}.txt.gz" for number in range(300)
    ]


def test_no_other_module_of_the_pages_makes_queries() -> None:
    folder = Path(airflow_db.__file__).parent
    readers = {
        path.relative_to(folder.parent).parts[0]
        for path in folder.parent.rglob("*.py")
        if re.search(r"session\.(execute|scalars?|get|query)\(", path.read_text(encoding="utf-8"))
    }
    assert readers == {folder.name}
