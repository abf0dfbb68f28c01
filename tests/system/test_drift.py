"""A vendor changed its columns: the run waits for a person, who sees the proposal in Airflow's Required Actions."""

from __future__ import annotations

import gzip
import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from growth_verticals.declarations import find_source
from growth_verticals.operators.stage import REFUSE, STAGE_AGAIN
from local import vendors

from .required_actions import READING_S
from .test_deliveries import wait_for

if TYPE_CHECKING:
    from pathlib import Path

    from local.airflow import Airflow
    from local.settings import Settings

NAME = "statara_digital_campaign"
SOURCE = find_source(NAME)
#: No other test uses this month, and its delivery is due.
PERIOD = SOURCE.cadence.before(SOURCE.cadence.before(SOURCE.cadence.latest_open(datetime.now(UTC))))


@pytest.mark.long
def test_a_file_with_a_renamed_column_waits_with_the_proposal_and_is_refused_when_a_person_says_so(
    airflow: Airflow, stand_in: Settings, tmp_path: Path
) -> None:
    deliver_renamed(stand_in, tmp_path, "identifier_value", "identifier_val")
    airflow.wait_for_dag(NAME)
    run = airflow.trigger(NAME, partition_key=PERIOD.key)
    wait_for("the task stage to wait", lambda: states(airflow, run).get("stage") == "awaiting_input", within_s=200)
    path = f"dags/{NAME}/dagRuns/{run}/taskInstances/stage/0/hitlDetails"
    action = airflow.api("GET", path)
    assert action["options"] == [STAGE_AGAIN, REFUSE]
    assert "is identifier_val new, or renamed?" in action["body"]
    time.sleep(READING_S)
    airflow.api("PATCH", path, json={"chosen_options": [REFUSE], "params_input": {}})
    assert airflow.wait(NAME, run) == "failed"
    entry = f"dags/{NAME}/dagRuns/{run}/taskInstances/stage/xcomEntries/failure"
    failure = airflow.api("GET", entry, params={"map_index": 0})["value"]
    assert (failure["kind"], failure["outcome"], failure["clear"]) == ("ColumnsRefusedError", "refused", "stage")
    assert "refused the file" in failure["next_step"]


def deliver_renamed(stand_in: Settings, folder: Path, old: str, new: str) -> None:
    """Deliver one file of the sample for the test's month, with another name of one column."""
    sample = vendors.samples()[NAME]
    file = sample.files[0]
    header, _, rows = gzip.decompress(file.path.read_bytes()).decode().partition("\n")
    assert old in header
    path = folder / file.path.name
    path.write_bytes(gzip.compress(f"{header.replace(old, new)}\n{rows}".encode()))
    drop = file.drop.replace(sample.period.replace("-", ""), PERIOD.key.replace("-", ""))
    vendors.deliver(stand_in, replace(sample, period=PERIOD.key, files=(replace(file, path=path, drop=drop),)))


def states(airflow: Airflow, run: str) -> dict[str, str]:
    return {task["task_id"]: task["state"] for task in airflow.tasks(NAME, run)}
