"""Deliveries from vendor to table through a real Airflow. A different engine than the writing one reads them back."""

from __future__ import annotations

import gzip
import os
import re
import signal
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from growth_verticals.declarations import find_source, read_sources
from local import vendors
from local.keys import PLATFORM, Keys
from local.readback import read_table
from local.settings import LANDING_BUCKET
from local.store import client

if TYPE_CHECKING:
    from collections.abc import Callable

    from local.airflow import Airflow
    from local.airflow_client import AirflowClient
    from local.settings import Settings

SAMPLES = vendors.samples()
#: One source per type of delivery: several files from SFTP, one file per state from a bucket, one file from the inbox.
LOADED = ("aiq_household", "statara_political", "ls_corp")
BIG = "horace_mann"
BIG_ROWS = 400_000


@pytest.fixture(scope="module")
def runs(airflow: Airflow, stand_in: Settings) -> dict[str, str]:
    """The run ids of the three sources, which are triggered together."""
    for name in LOADED:
        vendors.deliver(stand_in, SAMPLES[name])
        airflow.wait_for_dag(name)
    return {name: airflow.trigger(name, **trigger_arguments(name)) for name in LOADED}


def trigger_arguments(name: str) -> dict[str, Any]:
    """Return the arguments with which a person starts a run: the period as partition key, and values of the form."""
    sample = SAMPLES[name]
    conf = {"files": sample.inbox_names, "expected_rows": sample.rows_read} if sample.inbox_names else {}
    return {"partition_key": sample.period, "conf": conf}


def put_into_inbox(stand_in: Settings, source: str, name: str, content: bytes) -> None:
    keys = Keys.load_or_generate(stand_in.state)
    s3 = client("s3", stand_in, keys.pairs[PLATFORM])
    s3.put_object(Bucket=LANDING_BUCKET, Key=f"inbox/{source}/{name}", Body=content)


def rows_of(stand_in: Settings, table: str, period: str) -> list[tuple[Any, ...]]:
    """Return file, row number and period of every row of a period."""
    sql = "SELECT source_file, source_row, delivery_period FROM t ORDER BY ALL"
    return [row for row in read_table(stand_in, table, sql) if row[2] == period]


def wait_for(what: str, condition: Callable[[], Any], within_s: float = 120.0) -> Any:
    end = time.monotonic() + within_s
    while time.monotonic() < end:
        result = condition()
        if result:
            return result
        time.sleep(0.05)
    raise AssertionError(f"not within {within_s} s: {what}")


def test_airflow_parses_every_dag_and_plans_the_newest_period_of_a_dag_without_runs(airflow: Airflow) -> None:
    for name, source in read_sources().items():
        airflow.wait_for_dag(name)
        dag = airflow.api("GET", f"dags/{name}")
        assert dag["is_paused"] is (source.paused is not None)
    assert airflow.api("GET", "importErrors")["import_errors"] == []
    planned = airflow.api("GET", "dags/aiq_household")
    assert planned["timetable_summary"] == "quarterly, due on business day 15 after the period"
    cadence = find_source("aiq_household").cadence
    newest = cadence.latest_open(datetime.now(UTC))
    assert datetime.fromisoformat(planned["next_dagrun_run_after"]) == cadence.opens(newest)


@pytest.mark.parametrize(
    ("from_date", "to_date"),
    [
        ("2026-11-10T05:00:00.000Z", "2026-11-12T04:59:59.999Z"),  # a browser in New York
        ("2026-11-10T00:00:00.000Z", "2026-11-11T23:59:59.999Z"),  # in UTC
        ("2026-11-09T15:00:00.000Z", "2026-11-11T14:59:59.999Z"),  # in Tokyo
    ],
)
def test_a_backfill_has_the_days_that_the_person_sees_in_the_dialog(
    airflow: Airflow, from_date: str, to_date: str
) -> None:
    airflow.wait_for_dag("popsycle_campaign_ad_log")
    body = {"dag_id": "popsycle_campaign_ad_log", "from_date": from_date, "to_date": to_date, "max_active_runs": 1}
    body |= {"reprocess_behavior": "none", "run_backwards": False, "dag_run_conf": None, "run_on_latest_version": True}
    planned = airflow.api("POST", "backfills/dry_run", json=body)["backfills"]
    assert [run["partition_key"] for run in planned] == ["2026-11-10", "2026-11-11"]


@pytest.mark.parametrize("name", LOADED)
def test_every_row_of_a_delivery_is_in_the_table_or_the_rejects_table(
    airflow: Airflow, stand_in: Settings, runs: dict[str, str], name: str
) -> None:
    sample, source = SAMPLES[name], find_source(name)
    assert airflow.wait(name, runs[name]) == "success"
    result = airflow.result(name, runs[name], "commit")
    assert {file["name"]: (file["rows_read"], file["rows_rejected"], file["status"]) for file in result["files"]} == {
        file.path.name: (file.rows_read, file.rows_rejected, "loaded") for file in sample.files
    }
    loaded = rows_of(stand_in, source.table, sample.period)
    rejected = rows_of(stand_in, source.rejects_table, sample.period)
    assert (len(loaded), len(rejected)) == (sample.rows_read - sample.rows_rejected, sample.rows_rejected)
    assert len(set(loaded) | set(rejected)) == sample.rows_read


@pytest.mark.parametrize("name", LOADED)
def test_a_load_creates_an_asset_event_with_counts(airflow: Airflow, runs: dict[str, str], name: str) -> None:
    sample = SAMPLES[name]
    assert airflow.wait(name, runs[name]) == "success"
    of_run = {"source_dag_id": name, "source_run_id": runs[name]}
    events = airflow.api("GET", "assets/events", params=of_run)["asset_events"]
    assert [(event["name"], event["partition_key"]) for event in events] == [(find_source(name).table, sample.period)]
    assert events[0]["extra"]["rows_read"] == sample.rows_read
    assert events[0]["extra"]["snapshot_id"] == airflow.result(name, runs[name], "commit")["snapshot_id"]
    assert int(events[0]["extra"]["snapshot_id"]) > 0
    rejects = events[0]["extra"]["rejects"]
    assert sum(each["records"] for each in rejects) >= sample.rows_rejected  # a record can have two faults
    assert all(each.keys() == {"column", "reason", "records"} for each in rejects)


def test_logs_contain_a_summary_and_tasks_are_named_after_files(airflow: Airflow, runs: dict[str, str]) -> None:
    run_id = runs["aiq_household"]
    assert airflow.wait("aiq_household", run_id) == "success"
    assert "1,600 rows read = 1,593 loaded + 7 rejected" in airflow.log("aiq_household", run_id, "commit")
    task_names = {(task["task_id"], task["rendered_map_index"]) for task in airflow.tasks("aiq_household", run_id)}
    file_names = ", ".join(file.path.name for file in SAMPLES["aiq_household"].files)
    assert {("land", file_names), ("stage", file_names)} <= task_names
    assert airflow.wait("ls_corp", runs["ls_corp"]) == "success"
    task_names = {(task["task_id"], task["rendered_map_index"]) for task in airflow.tasks("ls_corp", runs["ls_corp"])}
    assert {("land", "ls_corp_leads.csv"), ("stage", "ls_corp_leads.csv")} <= task_names


def test_loading_a_delivery_again_changes_nothing(airflow: Airflow, stand_in: Settings, runs: dict[str, str]) -> None:
    name, source = "statara_political", find_source("statara_political")
    assert airflow.wait(name, runs[name]) == "success"
    before = rows_of(stand_in, source.table, SAMPLES[name].period)
    window = {"from_date": "2026-10-01T00:00:00Z", "to_date": "2026-10-31T00:00:00Z", "dag_id": name}
    options = {"reprocess_behavior": "completed", "max_active_runs": 1, "run_backwards": False, "dag_run_conf": {}}
    planned = airflow.api("POST", "backfills/dry_run", json=window | options)["backfills"]
    assert [run["partition_key"] for run in planned] == ["2026-10"]
    airflow.api("POST", "backfills", json=window | options)

    def backfill_run() -> str | None:
        runs = airflow.api("GET", f"dags/{name}/dagRuns", params={"run_type": "backfill"})["dag_runs"]
        return str(runs[0]["dag_run_id"]) if runs else None

    run_id = wait_for("the backfill's run", backfill_run)
    assert airflow.wait(name, run_id) == "success"
    result = airflow.result(name, run_id, "commit")
    assert {file["status"] for file in result["files"]} == {"already_loaded"}
    assert result["snapshot_id"] is None
    assert airflow.api("GET", "assets/events", params={"source_run_id": run_id})["asset_events"] == []
    assert rows_of(stand_in, source.table, SAMPLES[name].period) == before


def test_a_run_waits_in_the_triggerer_for_the_done_marker(airflow: Airflow, stand_in: Settings) -> None:
    name = "healthwise_consumer"
    sample = SAMPLES[name]
    data, marker = (
        replace(sample, files=tuple(file for file in sample.files if file.marker is is_marker))
        for is_marker in (False, True)
    )
    vendors.deliver(stand_in, data)
    airflow.wait_for_dag(name)
    run_id = airflow.trigger(name, partition_key=sample.period)

    def is_deferred() -> bool:
        return any(task["state"] == "deferred" for task in airflow.tasks(name, run_id))

    wait_for("the task await to be deferred", is_deferred)
    vendors.deliver(stand_in, marker)
    assert airflow.wait(name, run_id) == "success"
    assert airflow.result(name, run_id, "commit")["files"][0]["rows_read"] == sample.rows_read
    assert "waiting for the marker HW_CONSUMER_2026Q3.done" in airflow.log(name, run_id, "await")


@pytest.mark.long
def test_eight_parts_are_awaited_by_name(airflow: Airflow, stand_in: Settings, tmp_path: Path) -> None:
    name = "aiq_household"
    period = find_source(name).cadence.containing(datetime.now(UTC).date()).key  # not due yet, so it waits long enough
    header, *records = gzip.decompress(SAMPLES[name].files[0].path.read_bytes()).decode().splitlines()
    parts = []
    for number, record in enumerate(records[:8], 1):
        path = tmp_path / f"AIQ_HH_{period}_part{number}of8.txt.gz"
        path.write_bytes(gzip.compress(f"{header}\n{record}\n".encode()))
        drop = f"sftp://aiq/outgoing/{path.name}"
        parts.append(vendors.SampleFile(path=path, drop=drop, rows_read=1, rows_rejected=0))
    sample = vendors.Sample(source=name, period=period, files=(*parts[:3], *parts[4:]))
    vendors.deliver(stand_in, sample)
    airflow.wait_for_dag(name)
    run_id = airflow.trigger(name, partition_key=period)

    def is_deferred() -> bool:
        return any(task["state"] == "deferred" for task in airflow.tasks(name, run_id))

    wait_for("the task await to be deferred", is_deferred)
    vendors.deliver(stand_in, replace(sample, files=(parts[3],)))
    assert airflow.wait(name, run_id) == "success"
    assert "7 of 8 arrived; missing: part 4" in airflow.log(name, run_id, "await")
    loaded = rows_of(stand_in, find_source(name).table, period)
    assert [row[0] for row in loaded] == [part.path.name for part in parts]


def worker_seconds(pid: int) -> float:
    """Return the CPU time of a process's threads except for the first: these threads only parse and write."""
    ticks = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        if task.name != str(pid):
            fields = (task / "stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def start_big_load(airflow: AirflowClient, stand_in: Settings) -> str:
    """Load a file of `BIG_ROWS` rows from the inbox, so large that a test can meet its staging. Return the run's id."""
    header, record = SAMPLES[BIG].files[0].path.read_text(encoding="utf-8-sig").splitlines()[:2]
    key = record.partition(",")[0]
    lines = [header, *(record.replace(key, f"HM{number:08}", 1) for number in range(BIG_ROWS))]
    put_into_inbox(stand_in, BIG, "big.csv", "\n".join(lines).encode())
    airflow.wait_for_dag(BIG)
    return airflow.trigger(BIG, partition_key="2026-11-19", conf={"files": ["big.csv"], "expected_rows": BIG_ROWS})


def running_stage_task(airflow: AirflowClient, run_id: str) -> dict[str, Any] | None:
    """Return the task that stages the big file, if it runs."""
    tasks = [task for task in airflow.tasks(BIG, run_id) if task["task_id"] == "stage"]
    return tasks[0] if tasks and tasks[0]["state"] == "running" and tasks[0]["pid"] else None


def require_each_row_of_the_big_file_once(stand_in: Settings) -> None:
    sql = "SELECT count(*), count(DISTINCT client_person_id), count(DISTINCT source_row) FROM t"
    assert read_table(stand_in, find_source(BIG).table, sql) == [(BIG_ROWS, BIG_ROWS, BIG_ROWS)]


def test_a_task_that_is_killed_while_staging_is_retried_and_loads_each_row_once(
    airflow: Airflow, stand_in: Settings
) -> None:
    run_id = start_big_load(airflow, stand_in)
    pid = wait_for("the stage task to run", lambda: running_stage_task(airflow, run_id))["pid"]
    wait_for("the stage task to parse records", lambda: worker_seconds(pid) > 0.3)
    os.kill(pid, signal.SIGKILL)
    assert airflow.wait(BIG, run_id) == "success"
    assert "staged big.csv" not in airflow.log(BIG, run_id, "stage", map_index=0, try_number=1)
    assert f"staged big.csv: {BIG_ROWS} rows read" in airflow.log(BIG, run_id, "stage", map_index=0, try_number=2)
    require_each_row_of_the_big_file_once(stand_in)


def test_a_delivery_that_does_not_arrive_is_late_and_not_retried(airflow: Airflow) -> None:
    airflow.wait_for_dag("aiq_b2b")
    run_id = airflow.trigger("aiq_b2b", partition_key="2024Q1")
    assert airflow.wait("aiq_b2b", run_id) == "failed"
    tasks = {task["task_id"]: task for task in airflow.tasks("aiq_b2b", run_id)}
    assert tasks["await"]["state"] == "failed"
    assert tasks["await"]["try_number"] == 1
    log = airflow.log("aiq_b2b", run_id, "await")
    assert "DeliveryLateError: aiq_b2b: no complete delivery of 2024Q1 arrived in time" in log
    assert "by 2024-04-19 18:00 New York, found none" in log


def test_an_empty_file_is_landed_and_refused_without_a_retry(airflow: Airflow, stand_in: Settings) -> None:
    airflow.wait_for_dag("causeway")
    put_into_inbox(stand_in, "causeway", "empty.csv", b"")
    run_id = airflow.trigger("causeway", partition_key="2026-11-18", conf={"files": ["empty.csv"]})
    assert airflow.wait("causeway", run_id) == "failed"
    tasks = {task["task_id"]: task for task in airflow.tasks("causeway", run_id)}
    assert {name: task["state"] for name, task in tasks.items()} == {
        "await": "success",
        "land": "success",
        "plan": "success",
        "stage": "failed",
        "check": "upstream_failed",
        "commit": "upstream_failed",
        "maintain": "upstream_failed",
    }
    assert tasks["stage"]["try_number"] == 1
    task = f"dags/causeway/dagRuns/{run_id}/taskInstances/stage"
    log = airflow.api("GET", f"{task}/logs/1", params={"map_index": 0, "full_content": True})["content"]
    last = [entry for entry in log if entry.get("level") == "error"][-1]
    assert last["event"].startswith("FileRefusedError: causeway: empty.csv: ")
    assert "Next: " in last["event"]
    assert "error_detail" not in last  # no frames, which would push the message out of sight
    failure = airflow.api("GET", f"{task}/xcomEntries/failure", params={"map_index": 0})["value"]
    assert (failure["kind"], failure["outcome"]) == ("FileRefusedError", "refused")
    assert (failure["file"], failure["clear"]) == ("empty.csv", "await")
    assert last["event"] == f"FileRefusedError: {failure['message']} Next: {failure['next_step']}."


@pytest.mark.parametrize(
    ("dag_id", "arguments"),
    [
        ("aiq_household", {"partition_key": "2026-11"}),
        ("aiq_household", {"partition_key": "../2026Q3"}),
        ("aiq_household", {"conf": {"period": "2026Q3"}}),
        ("ls_corp", {"conf": {"files": ["a.csv"]}}),
        ("ls_corp", {"partition_key": "2026-11-20"}),
        ("ls_corp", {"partition_key": "20 November", "conf": {"files": ["a.csv"]}}),
        ("ls_corp", {"partition_key": "2026-11-20", "conf": {"files": ["a.csv"], "expected_rows": "many"}}),
    ],
)
def test_the_api_rejects_values_that_the_form_rejects(airflow: Airflow, dag_id: str, arguments: dict[str, Any]) -> None:
    airflow.wait_for_dag(dag_id)
    with pytest.raises(httpx.HTTPStatusError) as raised:
        airflow.trigger(dag_id, **arguments)
    assert raised.value.response.status_code == 400
    key = arguments.get("partition_key")
    if key is None or not re.fullmatch(r"2026-11-\d\d", key):  # then the period is wrong
        assert "Next: enter the period that the delivery is for" in raised.value.response.json()["detail"]


def test_a_file_outside_the_inbox_is_not_loaded(airflow: Airflow) -> None:
    airflow.wait_for_dag("ls_corp")
    run_id = airflow.trigger(
        "ls_corp", partition_key="2026-11-17", conf={"files": ["../horace_mann/big.csv", "{{ ds }}"]}
    )
    assert airflow.wait("ls_corp", run_id) == "failed"
    assert "is not allowed; expected the name of a file in" in airflow.log("ls_corp", run_id, "await")


def test_maintenance_runs_for_the_tables_of_the_sources(airflow: Airflow, runs: dict[str, str]) -> None:
    for name, run_id in runs.items():
        assert airflow.wait(name, run_id) == "success"
    airflow.wait_for_dag("table_maintenance")
    run_id = airflow.trigger("table_maintenance")
    assert airflow.wait("table_maintenance", run_id) == "success"
    maintained = {task["rendered_map_index"] for task in airflow.tasks("table_maintenance", run_id)}
    assert {find_source(name).table for name in LOADED} <= maintained
