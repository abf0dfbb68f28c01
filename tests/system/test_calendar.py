"""A real scheduler with its schedule on: every period since the declared one gets a run, whenever the scheduler ran."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from growth_verticals.cadence import Daily
from local import standin
from local.airflow import running_airflow
from tests.system.conftest import SHORT_WAITS, three_free_ports

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from local.airflow import Airflow
    from local.settings import Settings

NAME = "popsycle_campaign_ad_log"
MAX_ACTIVE_RUNS = 4
DECLARATION = """
from growth_verticals.pipeline import delivery_dag  # builds the airflow DAG
from growth_verticals.source import S3, Daily, Delimited, Source

dag = delivery_dag(
    Source(
        name="popsycle_campaign_ad_log",
        table="popsycle.campaign_ad_log",
        cadence=Daily(),
        since="{since}",
        delivery=S3(conn_id="s3_popsycle", bucket="vendor-popsycle", prefix="none/", pattern="{{period}}.gz"),
        format=Delimited(delimiter="\\t"),
    ),
    doc="# Nothing is ever delivered",
)
"""


@pytest.mark.long
@pytest.mark.timeout(600)  # it starts Airflow twice
def test_two_weeks_of_missed_days_are_run_oldest_first_although_the_scheduler_is_stopped_between(
    stand_in: Settings, tmp_path: Path
) -> None:
    newest = Daily().latest_open(datetime.now(UTC))
    since = newest.first - timedelta(days=13)
    expected = [(since + timedelta(days=number)).isoformat() for number in range(14)]
    folder = tmp_path / "dags"
    folder.mkdir()
    (folder / f"{NAME}.py").write_text(DECLARATION.format(since=since))
    environment = standin.environment(stand_in) | SHORT_WAITS
    environment |= {"AIRFLOW__CORE__DAGS_FOLDER": str(folder), "AIRFLOW__SCHEDULER__USE_JOB_SCHEDULE": "True"}
    port = three_free_ports()
    with running_airflow(tmp_path / "airflow", port, environment) as airflow:
        wait_until(lambda: len(periods(airflow)) >= 2)
    with running_airflow(tmp_path / "airflow", port, environment) as airflow:
        assert periods(airflow) == expected[: len(periods(airflow))]
        wait_until(lambda: len(periods(airflow)) == 14, at_each_poll=lambda: end_active_runs(airflow))
        assert periods(airflow) == expected


def periods(airflow: Airflow) -> list[str]:
    """Return the periods of all runs, in the order of their creation."""
    airflow.wait_for_dag(NAME)
    runs = airflow.api("GET", f"dags/{NAME}/dagRuns", params={"limit": 100, "order_by": "id"})["dag_runs"]
    assert {run["run_type"] for run in runs} <= {"scheduled"}
    return [str(run["partition_key"]) for run in runs]


def end_active_runs(airflow: Airflow) -> None:
    """Check the number of active runs, and mark them as failed, because what they wait for never arrives."""
    runs = airflow.api("GET", f"dags/{NAME}/dagRuns", params={"limit": 100})["dag_runs"]
    active = [run["dag_run_id"] for run in runs if run["state"] in ("queued", "running")]
    assert len(active) <= MAX_ACTIVE_RUNS
    for run_id in active:
        airflow.api("PATCH", f"dags/{NAME}/dagRuns/{run_id}", json={"state": "failed"})


def wait_until(condition: Callable[[], bool], at_each_poll: Callable[[], None] = lambda: None) -> None:
    end = time.monotonic() + 300
    while not condition():
        at_each_poll()
        assert time.monotonic() < end, "not within 300 s"
        time.sleep(0.5)
