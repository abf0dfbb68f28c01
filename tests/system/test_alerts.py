"""Alerts in a real Airflow: a cause of the page reaches the data team once when it is new, and once when it is gone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from local import vendors
from local.keys import PLATFORM, Keys
from local.settings import LANDING_BUCKET
from local.store import client

if TYPE_CHECKING:
    from local.airflow import Airflow
    from local.settings import Settings

NAME = "ls_corp"
#: No other test uses this period. It is a recent one, so that the page shows it.
PERIOD = "2026-11-24"
SUBJECT = f"[Growth Verticals] {NAME} {PERIOD}:"


def put_into_inbox(stand_in: Settings, content: bytes) -> None:
    s3 = client("s3", stand_in, Keys.load_or_generate(stand_in.state).pairs[PLATFORM])
    s3.put_object(Bucket=LANDING_BUCKET, Key=f"inbox/{NAME}/alerts.csv", Body=content)


def messages(airflow: Airflow) -> list[str]:
    """Run the task that sends alerts, and return what it sent about the delivery."""
    run_id = airflow.trigger("alerts")
    assert airflow.wait("alerts", run_id) == "success", airflow.log("alerts", run_id, "send")
    return [line for line in airflow.log("alerts", run_id, "send").splitlines() if SUBJECT in line]


@pytest.mark.long
def test_a_refused_delivery_is_told_once_and_that_it_is_loaded_too(airflow: Airflow, stand_in: Settings) -> None:
    put_into_inbox(stand_in, b"not,a,file,of,ours\n1,2,3,4,5\n")
    airflow.wait_for_dag(NAME)
    airflow.wait_for_dag("alerts")
    run_id = airflow.trigger(NAME, partition_key=PERIOD, conf={"files": ["alerts.csv"]})
    assert airflow.wait(NAME, run_id) == "failed"
    [opened] = messages(airflow)
    assert f"{SUBJECT} refused." in opened
    assert f"{airflow.url}/plugin/deliveries/sources/{NAME}/{PERIOD}" in opened
    assert messages(airflow) == []
    [sample] = vendors.samples()[NAME].files
    put_into_inbox(stand_in, sample.path.read_bytes())
    whole_run = {"dag_run_id": run_id, "dry_run": False, "only_failed": False}
    airflow.api("POST", f"dags/{NAME}/clearTaskInstances", json=whole_run)
    assert airflow.wait(NAME, run_id) == "success"
    many_rejects, closed = messages(airflow)
    assert f"{SUBJECT} rejects over the limit." in many_rejects
    assert f"{SUBJECT} closed: refused." in closed
    assert "Not over: rejects over the limit." in closed
