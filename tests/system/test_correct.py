"""A correction from the form: approved in Required Actions with a reason, and refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from growth_verticals.account import Account, Credentials
from growth_verticals.catalog.load_summary import LoadSummary
from growth_verticals.catalog.rest import open_catalog
from growth_verticals.declarations import find_source
from growth_verticals.operators.correct import DO_IT, REFUSE
from local import standin, vendors
from local.readback import read_table

from .required_actions import answer, last_log
from .test_deliveries import SAMPLES, trigger_arguments

if TYPE_CHECKING:
    from local.airflow import Airflow
    from local.settings import Settings

NAME = "ls_corp"
REASON = "the client sent | it by mistake"


@pytest.fixture(scope="module")
def loaded(airflow: Airflow, stand_in: Settings) -> list[int]:
    """A loaded delivery: its rows and its rejects."""
    vendors.deliver(stand_in, SAMPLES[NAME])
    airflow.wait_for_dag(NAME)
    airflow.wait_for_dag("correct")
    run_id = airflow.trigger(NAME, **trigger_arguments(NAME))
    assert airflow.wait(NAME, run_id) == "success"
    sample = SAMPLES[NAME]
    return [sample.rows_read - sample.rows_rejected, sample.rows_rejected]


def counts(stand_in: Settings) -> list[int]:
    source, period = find_source(NAME), SAMPLES[NAME].period
    sql = f"SELECT count(*) FROM t WHERE delivery_period = '{period}'"
    return [int(read_table(stand_in, table, sql)[0][0]) for table in (source.table, source.rejects_table)]


def start(airflow: Airflow) -> str:
    form = {"source": NAME, "action": "undo", "period": SAMPLES[NAME].period, "reason": REASON}
    return airflow.trigger("correct", conf=form)


def test_a_refused_correction_changes_nothing(airflow: Airflow, stand_in: Settings, loaded: list[int]) -> None:
    run_id = start(airflow)
    state, action = answer(airflow, "correct", run_id, "approve", REFUSE, {})
    assert state == "failed"
    assert f"{loaded[0]} | {loaded[1]} |" in action["body"]
    assert "refused the correction" in last_log(airflow, "correct", run_id, "approve")
    assert counts(stand_in) == loaded


def test_an_approved_undo_removes_the_rows_and_its_reason_is_in_the_history(
    airflow: Airflow, stand_in: Settings, loaded: list[int]
) -> None:
    run_id = start(airflow)
    assert answer(airflow, "correct", run_id, "approve", DO_IT, {})[0] == "success"
    assert counts(stand_in) == [0, 0]
    result = airflow.result("correct", run_id, "correct")
    assert [result["rows_removed"], result["rejects_removed"]] == loaded
    environment = standin.environment(stand_in)
    keys = Credentials(access_key=environment["AWS_ACCESS_KEY_ID"], secret_key=environment["AWS_SECRET_ACCESS_KEY"])
    catalog = open_catalog(Account.from_environment(environment, keys))
    for table in (find_source(NAME).table, find_source(NAME).rejects_table):
        snapshot = catalog.load_table(table).current_snapshot()
        summary = LoadSummary.of_snapshot(snapshot) if snapshot else None
        assert summary is not None
        assert summary.actor is not None
        assert (summary.actor.by, summary.actor.tool, summary.actor.reason) == ("admin", "airflow", REASON)
    events = airflow.api("GET", "assets/events", params={"source_dag_id": "correct"})["asset_events"]
    assert [(event["name"], event["partition_key"]) for event in events] == [
        (find_source(NAME).table, SAMPLES[NAME].period)
    ]
    assert (events[0]["extra"]["rows_removed"], events[0]["extra"]["reason"]) == (loaded[0], REASON)
