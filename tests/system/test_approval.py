"""A corrected file asks a person in Airflow's Required Actions, and each answer does what it says."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from growth_verticals.account import Account, Credentials
from growth_verticals.catalog.load_summary import LoadSummary
from growth_verticals.catalog.rest import open_catalog
from growth_verticals.declarations import find_source
from growth_verticals.operators.check import ADD, REFUSE, REPLACE
from local import standin
from local.readback import read_table

from .required_actions import answer, last_log
from .test_deliveries import put_into_inbox

if TYPE_CHECKING:
    from local.airflow import Airflow
    from local.settings import Settings

SOURCE = find_source("ls_corp")
NAME = "*hostile* [leads](javascript:alert(1)) <b>.csv"
HEADER = (
    "ls_record_id,first_name,last_name,address_line_1,address_line_2,city,state,zip,zip4,phone,email,birth_year,"
    "gender,lead_source,lead_date,category,opt_in_timestamp,opt_in_ip,opt_out_flag"
)
OLD, NEW = ("old-1", "old-2", "old-3"), ("new-1", "new-2")
REASON = "the vendor confirmed the corrected file"


def leads(*ids: str) -> bytes:
    """Return a file with one record for each id."""
    values = "Maple,Rivers,1 Cedar St,,Harbor,NY,00501,,555-0100,maple@example.com,1980,F,web,11/01/2026,a,,,N"
    return "\n".join([HEADER, *(f"{each},{values}" for each in ids), ""]).encode()


def trigger(airflow: Airflow, stand_in: Settings, period: str, *ids: str) -> str:
    """Put the file into the inbox, and start a run for it."""
    put_into_inbox(stand_in, SOURCE.name, NAME, leads(*ids))
    airflow.wait_for_dag(SOURCE.name)
    return airflow.trigger(SOURCE.name, partition_key=period, conf={"files": [NAME]})


def ids_in_table(stand_in: Settings, period: str) -> list[str]:
    sql = f"SELECT ls_record_id FROM t WHERE delivery_period = '{period}' ORDER BY ALL"
    return [row[0] for row in read_table(stand_in, SOURCE.table, sql)]


def newest_actor(stand_in: Settings) -> tuple[str, str | None]:
    """Return who made the newest snapshot of the table, and why."""
    environment = standin.environment(stand_in)
    keys = Credentials(access_key=environment["AWS_ACCESS_KEY_ID"], secret_key=environment["AWS_SECRET_ACCESS_KEY"])
    with closing(open_catalog(Account.from_environment(environment, keys))) as catalog:
        snapshot = catalog.load_table(SOURCE.table).current_snapshot()
    summary = LoadSummary.of_snapshot(snapshot) if snapshot else None
    assert summary is not None
    assert summary.actor is not None
    return summary.actor.by, summary.actor.reason


@pytest.mark.parametrize(
    ("period", "option", "state", "expected"),
    [
        ("2026-10-05", REPLACE, "success", sorted(NEW)),
        pytest.param("2026-10-06", ADD, "success", sorted(OLD + NEW), marks=pytest.mark.long),
        pytest.param("2026-10-07", REFUSE, "failed", sorted(OLD), marks=pytest.mark.long),
    ],
)
def test_a_corrected_file_is_loaded_as_a_person_answers(
    airflow: Airflow, stand_in: Settings, period: str, option: str, state: str, expected: list[str]
) -> None:
    first = trigger(airflow, stand_in, period, *OLD)
    assert airflow.wait(SOURCE.name, first) == "success"
    second = trigger(airflow, stand_in, period, *NEW)
    final_state, action = answer(airflow, SOURCE.name, second, "check", option, {"reason": REASON})
    assert final_state == state
    assert action["options"] == [REPLACE, ADD, REFUSE]
    assert "| 3 | 0 |" in action["body"]
    assert "javascript:alert" not in action["body"]
    assert ids_in_table(stand_in, period) == expected
    if state == "success":
        assert newest_actor(stand_in) == (airflow.login[0], REASON)
        event = airflow.api("GET", "assets/events", params={"source_run_id": second})["asset_events"][0]
        assert (event["extra"]["reason"], event["extra"]["by"]) == (REASON, airflow.login[0])
    else:
        assert f"refused the delivery: {REASON}" in last_log(airflow, SOURCE.name, second, "check")


@pytest.mark.long
def test_without_an_answer_in_time_the_delivery_is_refused(airflow: Airflow, stand_in: Settings) -> None:
    period = "2026-10-08"
    assert airflow.wait(SOURCE.name, trigger(airflow, stand_in, period, *OLD)) == "success"
    second = trigger(airflow, stand_in, period, *NEW)
    assert answer(airflow, SOURCE.name, second, "check", None, {})[0] == "failed"
    assert "nobody answered within 0:01:00" in last_log(airflow, SOURCE.name, second, "check")
    assert ids_in_table(stand_in, period) == sorted(OLD)
