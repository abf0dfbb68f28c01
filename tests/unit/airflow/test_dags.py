"""The DAG files, as Airflow parses them."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from airflow.api_fastapi.core_api.datamodels.dag_run import TriggerDAGRunPostBody
from airflow.dag_processing.dagbag import DagBag
from airflow.exceptions import InvalidPartitionKeyError, ParamValidationError
from airflow.sdk import DAG
from airflow.serialization.definitions.dag import SerializedDAG
from airflow.serialization.serialized_objects import DagSerialization

from growth_verticals.cadence import BUSINESS_ZONE, OnDemand
from growth_verticals.declarations import read_sources
from growth_verticals.description import describe
from growth_verticals.pipeline import delivery_dag
from growth_verticals.quality.evidence import escape
from growth_verticals.timetables import PeriodTimetable

# Airflow itself causes this warning when it reads .airflowignore
pytestmark = pytest.mark.filterwarnings("ignore:GitWildMatchPattern:DeprecationWarning")

REPOSITORY = Path(__file__).parents[3]
FILES = sorted((REPOSITORY / "dags").glob("*/*.py"))
SOURCES = read_sources()
SCHEDULED = [name for name, source in SOURCES.items() if not isinstance(source.cadence, OnDemand)]
OPERATIONS = ("correct", "delivery_audit", "retention", "table_maintenance")
ON_DEMAND = [name for name in SOURCES if name not in SCHEDULED]


@pytest.fixture(scope="module")
def bag() -> DagBag:
    return DagBag(str(REPOSITORY / "dags"))


def test_every_file_defines_one_dag_with_the_file_s_name(bag: DagBag) -> None:
    assert bag.import_errors == {}
    assert sorted(Path(dag.fileloc).stem for dag in bag.dags.values()) == sorted(path.stem for path in FILES)
    assert sorted(bag.dags) == sorted(path.stem for path in FILES)


def test_no_dag_file_raises_a_warning(bag: DagBag) -> None:
    assert bag.captured_warnings == {}


@pytest.mark.parametrize("name", SOURCES)
def test_a_source_s_dag_has_the_tasks_await_land_plan_stage_check_commit_and_maintain(bag: DagBag, name: str) -> None:
    dag = bag.dags[name]
    assert [task.task_id for task in dag.topological_sort()] == [
        "await",
        "land",
        "plan",
        "stage",
        "check",
        "commit",
        "maintain",
    ]
    assert [task.task_id for task in dag.tasks if task.is_mapped] == ["land", "stage"]
    assert [outlet.name for outlet in dag.get_task("commit").outlets] == [SOURCES[name].table]


@pytest.mark.parametrize("name", SOURCES)
def test_a_dag_is_created_active_unless_its_source_is_paused(bag: DagBag, name: str) -> None:
    dag, reason = bag.dags[name], SOURCES[name].paused
    assert dag.is_paused_upon_creation is (reason is not None)
    assert ("Created paused" in dag.doc_md) is (reason is not None)


def test_only_aiq_zip4_is_created_paused() -> None:
    assert [name for name, source in SOURCES.items() if source.paused] == ["aiq_zip4"]


@pytest.mark.parametrize("name", SOURCES)
def test_a_file_s_docstring_is_the_dag_s_page(bag: DagBag, name: str) -> None:
    assert bag.dags[name].doc_md.startswith("# ")
    assert bag.dags[name].description == bag.dags[name].doc_md.splitlines()[0].removeprefix("# ")


@pytest.mark.parametrize("name", SOURCES)
def test_a_dag_s_page_says_what_is_declared_and_what_to_do_when_a_run_fails(bag: DagBag, name: str) -> None:
    page = bag.dags[name].doc_md
    for term, text in describe(SOURCES[name]):
        assert f"| {escape(term)} | {escape(text)} |" in page
    assert "docs/runbook.md" in page


def test_every_dag_and_task_has_an_owner(bag: DagBag) -> None:
    assert {dag.owner for name, dag in bag.dags.items() if name in (*SOURCES, *OPERATIONS)} == {"data team"}


def test_a_source_s_dag_belongs_to_the_team_that_it_declares() -> None:
    dag = delivery_dag(replace(SOURCES["ls_corp"], owner="client team"), doc="# LS Corp")
    assert {task.owner for task in dag.tasks} == {"client team"}


def round_trip(dag: DAG) -> SerializedDAG:
    return DagSerialization.from_dict(DagSerialization.to_dict(dag))


def test_every_dag_can_be_serialized_and_deserialized(bag: DagBag) -> None:
    for name, dag in bag.dags.items():
        deserialized = round_trip(dag)
        assert deserialized.task_ids == dag.task_ids
        if name in SCHEDULED:
            assert isinstance(deserialized.timetable, PeriodTimetable)
            assert deserialized.timetable.cadence == SOURCES[name].cadence
        elif name in ON_DEMAND:
            assert deserialized.timetable.partitioned
            assert not deserialized.timetable.can_be_scheduled


def submitted(dag: DAG, **values: object) -> dict[str, object]:
    """Return the params of a run that is started with these values of the form, validated as in the API."""
    return dict(round_trip(dag).params.deep_merge(values).validate())


def test_the_form_of_an_on_demand_source_requires_files(bag: DagBag) -> None:
    dag = bag.dags["ls_corp"]
    with pytest.raises(ParamValidationError, match="files"):
        submitted(dag)
    params = submitted(dag, files=["drop.csv"])
    assert params["files"] == ["drop.csv"]
    assert params["expected_rows"] is None


def test_the_form_of_a_scheduled_source_can_be_left_empty(bag: DagBag) -> None:
    assert set(submitted(bag.dags["aiq_household"]).values()) == {None}
    submitted(bag.dags["aiq_household"], files=["a.txt.gz"], expected_rows=0, note="second try")


@pytest.mark.parametrize("name", [*SOURCES, "correct"])
def test_a_form_asks_for_no_logical_date_and_no_section_of_it_is_folded(bag: DagBag, name: str) -> None:
    dag = round_trip(bag.dags[name])
    assert dag.timetable.partitioned  # then Airflow's form has no logical date and no data interval
    # It opens only the section of the params that have none.
    assert [param for param in dag.params if "section" in dag.params.get_param(param).schema] == []


@pytest.mark.parametrize("key", ["2026-11", "2026Q5", "last quarter"])
def test_a_wrong_period_is_answered_by_our_sentence(bag: DagBag, key: str) -> None:
    body = TriggerDAGRunPostBody(logical_date=None, partition_key=key)
    with pytest.raises(ValueError, match=r"the period does not parse; expected a period such as 2026Q4 .* Next: "):
        body.validate_context(round_trip(bag.dags["aiq_household"]))  # the API answers 400 with the message


@pytest.mark.parametrize("name", SOURCES)
def test_the_period_is_the_partition_key_and_nothing_else(bag: DagBag, name: str) -> None:
    dag = round_trip(bag.dags[name])
    assert "period" not in dag.params
    assert dag.timetable.cadence.example in dag.params.get_param("files").schema["description_md"]
    for conf in ({}, {"period": dag.timetable.cadence.example}):
        with pytest.raises(InvalidPartitionKeyError, match="Advanced Options, Partition Key"):
            TriggerDAGRunPostBody(logical_date=None, conf=conf).validate_context(dag)
    key = dag.timetable.cadence.example
    run = TriggerDAGRunPostBody(logical_date=None, partition_key=key).validate_context(dag)
    period = dag.timetable.cadence.parse(key)
    assert run["partition_key"] == key
    assert run["partition_date"].astimezone(BUSINESS_ZONE).date() == period.first


@pytest.mark.parametrize(
    ("dag_id", "values"),
    [
        ("aiq_household", {"files": []}),
        ("aiq_household", {"files": "a.txt.gz"}),
        ("aiq_household", {"expected_rows": -1}),
        ("aiq_household", {"expected_rows": 1.5}),
        ("aiq_household", {"note": "x" * 501}),
        ("ls_corp", {"files": [""]}),
        ("ls_corp", {"files": ["a.csv", "a.csv"]}),
    ],
)
def test_invalid_values_in_the_form_are_rejected(bag: DagBag, dag_id: str, values: dict[str, object]) -> None:
    with pytest.raises(ParamValidationError):
        submitted(bag.dags[dag_id], **values)


def test_parsing_the_dag_files_imports_no_slow_library() -> None:
    heavy = ("boto3", "botocore", "holidays", "numpy", "openlineage", "paramiko", "pyarrow", "pyiceberg")
    script = f"""
import runpy, sys
import airflow.sdk, airflow.timetables.base
before = set(sys.modules)
for path in {[str(path) for path in FILES]}:
    runpy.run_path(path)
print(sorted(set({heavy}) & (set(sys.modules) - before)))
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"PYTHONPATH": str(REPOSITORY / "plugins")},
    )
    assert done.stdout.splitlines()[-1] == "[]"


def test_the_version_of_a_dag_does_not_change_from_day_to_day() -> None:
    script = f"""
import datetime, json, sys, time
from airflow.dag_processing.dagbag import DagBag
from airflow.serialization.serialized_objects import DagSerialization
import pendulum
real, real_date, real_time = datetime.datetime, datetime.date, time.time
versions = []
for days in (0, 100):
    shift = datetime.timedelta(days=days)
    class Shifted(real):
        now = classmethod(lambda cls, tz=None: real.now(tz) + shift)
        today = classmethod(lambda cls: real.today() + shift)
    class ShiftedDate(real_date):
        today = classmethod(lambda cls: real_date.today() + shift)
    # What was imported before this, Airflow among it, keeps the real clock.
    datetime.datetime, datetime.date, time.time = Shifted, ShiftedDate, lambda: real_time() + shift.total_seconds()
    pendulum.now = lambda zone=None: pendulum.instance(real.now(datetime.UTC) + shift)
    for name in [name for name in sys.modules if name.startswith("growth_verticals")]:
        del sys.modules[name]
    bag = DagBag({str(REPOSITORY / "dags")!r})
    assert bag.import_errors == {{}}
    versions.append({{name: json.dumps(DagSerialization.to_dict(dag), default=str) for name, dag in bag.dags.items()}})
print(len(versions[0]), sorted(name for name in versions[0] if versions[0][name] != versions[1][name]))
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"PYTHONPATH": str(REPOSITORY / "plugins")},
    )
    assert done.stdout.splitlines()[-1] == f"{len(FILES)} []"


def test_airflow_s_plugin_scan_skips_the_package() -> None:
    from airflow._shared.module_loading import find_path_from_directory

    paths = list(find_path_from_directory(str(REPOSITORY / "plugins"), ".airflowignore", "glob"))
    scanned = {Path(path).name for path in paths if path.endswith(".py")}
    assert scanned == {"growth_verticals_plugin.py"}
