"""One stand-in and one Airflow for all system tests, on free ports, with their state in a temporary folder."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from local import standin
from local.airflow import Airflow, running_airflow
from local.settings import Settings, is_free

#: Short waits, to make the tests fast.
SHORT_WAITS = {
    "GV_POLL_INTERVAL_S": "1",
    "GV_MIN_WAIT_S": "10",
    "GV_RETRY_DELAY_S": "2",
    "GV_ANSWER_WITHIN_S": "60",
    "GV_MAX_QUIET_S": "5",
}


@pytest.fixture(scope="session")
def airflow(stand_in: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Airflow]:
    """A running Airflow. Its connections are environment variables; only Healthwise's is in its database."""
    state: Path = tmp_path_factory.mktemp("airflow")
    environment = standin.environment(stand_in) | SHORT_WAITS
    stored_connection = json.loads(environment.pop("AIRFLOW_CONN_SFTP_HEALTHWISE"))
    with running_airflow(state, three_free_ports(), environment) as airflow:
        stored_connection["extra"] = json.dumps(stored_connection["extra"])
        airflow.api("POST", "connections", json={"connection_id": "sftp_healthwise", **stored_connection})
        yield airflow


def three_free_ports() -> int:
    """Return the first of three consecutive ports that are free now."""
    while True:
        first = random.randrange(20000, 32000)
        if all(is_free(port) for port in range(first, first + 3)):
            return first
