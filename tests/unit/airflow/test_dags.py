"""The DAG files as Airflow reads them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.exceptions import ParamValidationError
from airflow.sdk import DAG
from airflow.serialization.definitions.dag import SerializedDAG
from airflow.serialization.serialized_objects import DagSerialization

from growth_verticals.cadence import OnDemand
from growth_verticals.declarations import read_sources
from growth_verticals.timetables import PeriodTimetable

# Airflow's own reading of .airflowignore
pytestmark = pytest.mark.filterwarnings("ignore:GitWildMatchPattern:DeprecationWarning")

REPOSITORY = Path(__file__).parents[3]
FILES = sorted((REPOSITORY / "dags").glob("*/*.py"))
SOURCES = read_sources()
SCHEDULED = [name for name, source in SOURCES.items() if not isinstance(source.cadence, OnDemand)]
BY_HAND = [name for name in SOURCES if name not in SCHEDULED]


@pytest.fixture(scope="module")
def bag() -> DagBag:
    return DagBag(str(REPOSITORY / "dags"))


def test_every_file_is_one_dag_of_its_name(bag: DagBag) -> None:
    assert bag.import_errors == {}
    assert sorted(Path(dag.fileloc).stem for dag in bag.dags.values()) == sorted(path.stem for path in FILES)
    assert sorted(bag.dags) == sorted(path.stem for path in FILES)


def test_no_file_warns(bag: DagBag) -> None:
    assert bag.captured_warnings == {}


@pytest.mark.parametrize("name", SOURCES)
def test_a_source_is_await_land_stage_commit_maintain(bag: DagBag, name: str) -> None:
    dag = bag.dags[name]
    assert [task.task_id for task in dag.topological_sort()] == ["await", "land", "stage", "commit", "maintain"]
    assert [task.task_id for task in dag.tasks if task.get_closest_mapped_task_group()] == ["land", "stage"]
    assert [outlet.name for outlet in dag.get_task("commit").outlets] == [SOURCES[name].table]


@pytest.mark.parametrize("name", SOURCES)
def test_a_dag_is_created_active_unless_its_source_says_why_not(bag: DagBag, name: str) -> None:
    dag, reason = bag.dags[name], SOURCES[name].paused
    assert dag.is_paused_upon_creation is (reason is not None)
    assert (reason or "") in dag.doc_md


def test_only_zip4_is_created_paused() -> None:
    assert [name for name, source in SOURCES.items() if source.paused] == ["aiq_zip4"]


@pytest.mark.parametrize("name", SOURCES)
def test_the_file_s_docstring_is_the_dag_s_page(bag: DagBag, name: str) -> None:
    assert bag.dags[name].doc_md.startswith("# ")
    assert bag.dags[name].description == bag.dags[name].doc_md.splitlines()[0].removeprefix("# ")


def round_trip(dag: DAG) -> SerializedDAG:
    return DagSerialization.from_dict(DagSerialization.to_dict(dag))


def test_every_dag_survives_serialization(bag: DagBag) -> None:
    for name, dag in bag.dags.items():
        back = round_trip(dag)
        assert back.task_ids == dag.task_ids
        if name in SCHEDULED:
            assert isinstance(back.timetable, PeriodTimetable)
            assert back.timetable.cadence == SOURCES[name].cadence
        elif name in BY_HAND:
            assert back.timetable.partitioned_at_runtime


def answered(dag: DAG, **answers: object) -> dict[str, object]:
    """Return what a run would get, as the API checks it."""
    return dict(round_trip(dag).params.deep_merge(answers).validate())


def test_the_form_of_a_manual_source_has_today_and_asks_for_files(bag: DagBag) -> None:
    dag = bag.dags["ls_corp"]
    with pytest.raises(ParamValidationError, match="files"):
        answered(dag)
    given = answered(dag, files=["drop.csv"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", str(given["period"]))
    assert given["files"] == ["drop.csv"]
    assert given["expected_rows"] is None


def test_the_form_of_a_scheduled_source_may_stay_empty(bag: DagBag) -> None:
    assert set(answered(bag.dags["aiq_household"]).values()) == {None}
    answered(bag.dags["aiq_household"], period="2026Q3", files=["a.txt.gz"], expected_rows=0, note="second try")


@pytest.mark.parametrize(
    ("dag_id", "answers"),
    [
        ("aiq_household", {"period": "2026-11"}),
        ("aiq_household", {"period": "../2026Q3"}),
        ("aiq_household", {"files": []}),
        ("aiq_household", {"files": "a.txt.gz"}),
        ("aiq_household", {"expected_rows": -1}),
        ("aiq_household", {"expected_rows": 1.5}),
        ("aiq_household", {"note": "x" * 1001}),
        ("ls_corp", {"files": ["a.csv"], "period": "2026-02-30"}),
        ("ls_corp", {"files": ["a.csv"], "period": None}),
        ("ls_corp", {"files": [""]}),
        ("ls_corp", {"files": ["a.csv", "a.csv"]}),
    ],
)
def test_answers_that_do_not_fit_are_refused(bag: DagBag, dag_id: str, answers: dict[str, object]) -> None:
    with pytest.raises(ParamValidationError):
        answered(bag.dags[dag_id], **answers)


def test_reading_dag_files_loads_nothing_heavy() -> None:
    heavy = ("boto3", "botocore", "holidays", "numpy", "paramiko", "pyarrow", "pyiceberg")
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


def test_the_plugin_scan_keeps_out_of_the_package() -> None:
    from airflow._shared.module_loading import find_path_from_directory

    found = list(find_path_from_directory(str(REPOSITORY / "plugins"), ".airflowignore", "glob"))
    scanned = {Path(path).name for path in found if path.endswith(".py")}
    assert scanned == {"growth_verticals_plugin.py"}
