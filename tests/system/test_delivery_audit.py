"""The audit in a real Airflow: a late part is found and loaded once, and then the command line finds no difference."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from growth_verticals.declarations import find_source
from local import standin, vendors
from local.readback import read_table

if TYPE_CHECKING:
    from local.airflow import Airflow
    from local.settings import Settings

REPOSITORY = Path(__file__).resolve().parents[2]
NAME = "statara_political"
SOURCE = find_source(NAME)
#: The month before the newest: its delivery is due, and no other test uses it.
PERIOD = SOURCE.cadence.before(SOURCE.cadence.latest_open(datetime.now(UTC)))


@pytest.mark.long
def test_a_late_part_is_found_and_loaded_once(airflow: Airflow, stand_in: Settings) -> None:
    deliver(stand_in, "GA.csv")
    airflow.wait_for_dag(NAME)
    assert airflow.wait(NAME, airflow.trigger(NAME, partition_key=PERIOD.key)) == "success"
    assert audited(airflow) is None
    deliver(stand_in, "OH.csv")
    assert gv_audit(stand_in) == (2, {"GA.csv": "loaded", "OH.csv": "not landed"})
    time.sleep(6)  # the source waits until nothing has changed for GV_MAX_QUIET_S
    found = audited(airflow)
    assert found is not None
    assert (found["state"], found["action"]) == ("differs", "start")
    assert found["run"].startswith(f"audit__{PERIOD.key}__")
    again = audited(airflow)
    in_progress = ("differs", "wait", f"the run {found['run']} is in progress")
    assert again is None or (again["state"], again["action"], again["reason"]) == in_progress
    assert airflow.wait(NAME, found["run"]) == "success"
    assert audited(airflow) is None
    assert [run["dag_run_id"] for run in runs(airflow) if run["dag_run_id"].startswith("audit__")] == [found["run"]]
    assert [run["partition_key"] for run in runs(airflow) if run["dag_run_id"] == found["run"]] == [PERIOD.key]
    sql = "SELECT source_file, count(*) FROM t WHERE delivery_period = '{}' GROUP BY ALL ORDER BY ALL"
    assert read_table(stand_in, SOURCE.table, sql.format(PERIOD.key)) == [("GA.csv", 398), ("OH.csv", 349)]
    assert gv_audit(stand_in) == (0, {"GA.csv": "loaded", "OH.csv": "loaded"})


def deliver(stand_in: Settings, name: str) -> None:
    """Put a file of the sample into the vendor's folder of the month."""
    sample = vendors.samples()[NAME]
    [file] = [file for file in sample.files if file.path.name == name]
    drop = file.drop.replace(sample.period, PERIOD.key)
    vendors.deliver(stand_in, replace(sample, period=PERIOD.key, files=(replace(file, drop=drop),)))


def audited(airflow: Airflow) -> dict[str, Any] | None:
    """Run the audit, and return what it says about the month; None if that is complete."""
    airflow.wait_for_dag("delivery_audit")
    run_id = airflow.trigger("delivery_audit")
    end = time.monotonic() + 300
    while time.monotonic() < end:
        for task in airflow.tasks("delivery_audit", run_id):
            if task["rendered_map_index"] == NAME and task["state"] in ("success", "failed", "up_for_retry"):
                assert task["state"] == "success", airflow.log("delivery_audit", run_id, "source", task["map_index"])
                found: dict[str, Any] = airflow.result("delivery_audit", run_id, "source", task["map_index"])
                return found.get(PERIOD.key)
        time.sleep(0.5)
    raise AssertionError("not within 300 s")


def runs(airflow: Airflow) -> list[dict[str, Any]]:
    return list(airflow.api("GET", f"dags/{NAME}/dagRuns", params={"limit": 100})["dag_runs"])


def gv_audit(stand_in: Settings) -> tuple[int, dict[str, str]]:
    """Return the exit code of `./gv audit` for the month, and the states of its files."""
    environment = standin.environment(stand_in) | {"GV_PYTHON": sys.executable, "PATH": "/usr/bin:/bin"}
    command = [REPOSITORY / "gv", "audit", NAME, "--period", PERIOD.key, "--json"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    [period] = json.loads(done.stdout)
    return done.returncode, {file["name"]: file["state"] for file in period["files"]}
