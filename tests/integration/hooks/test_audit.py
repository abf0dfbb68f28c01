"""The audit's task: which runs it starts, what it returns, and what makes it fail."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from growth_verticals.account import Account
from growth_verticals.audit import collect
from growth_verticals.audit.decide import run_id_for
from growth_verticals.audit.report import AuditedFile, AuditedPeriod, FileState, PeriodState
from growth_verticals.declarations import find_source, read_sources
from growth_verticals.errors import ConfigurationError, ServiceError, UnexplainedError
from growth_verticals.hooks.airflow_api import open_airflow_api
from growth_verticals.operators import audit
from growth_verticals.operators.audit import AUDITED, AuditSource, ListSources
from growth_verticals.operators.failures import FAILURE
from tests.task_instance import TaskInstance

SOURCE = find_source("aiq_household")
KEY = SOURCE.cadence.latest_open(datetime.now(UTC)).key
AN_HOUR_AGO = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
ACCOUNT = Account(
    region="us-east-1",
    table_bucket_arn="arn:aws:s3tables:us-east-1:000000000000:bucket/gv-tables",
    landing_uri="s3://gv-landing",
    catalog_uri="http://127.0.0.1:1/iceberg",
)


class AirflowServer(ThreadingHTTPServer):
    """The part of Airflow's API that the audit uses, with the runs of one DAG."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.runs: list[dict[str, Any]] = []
        self.is_paused = False
        self.requests: list[str] = []

    def add(self, run_id: str, state: str, key: str = KEY, **changes: Any) -> None:
        ended = None if state in ("queued", "running") else AN_HOUR_AGO
        self.runs.append(
            {
                "dag_run_id": run_id,
                "partition_key": key,
                "state": state,
                "run_type": run_id.partition("__")[0],
                "end_date": ended,
                "conf": {},
            }
            | changes
        )


class Handler(BaseHTTPRequestHandler):
    server: AirflowServer

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        self.server.requests.append(self.path)
        if self.headers["Authorization"] != "Bearer made-up-token":
            self.answer(401, {})
        elif url.path == "/api/v2/dags/aiq_household":
            self.answer(200, {"is_paused": self.server.is_paused})
        else:
            query = parse_qs(url.query)
            offset, limit = int(query["offset"][0]), int(query["limit"][0])
            runs = self.server.runs
            self.answer(200, {"dag_runs": runs[offset : offset + limit], "total_entries": len(runs)})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path == "/auth/token":
            accepted = body == {"username": "auditor", "password": "made up"}
            self.answer(201 if accepted else 401, {"access_token": "made-up-token"} if accepted else {})
        elif any(run["dag_run_id"] == body["dag_run_id"] for run in self.server.runs):
            self.answer(409, {})
        else:
            self.server.add(body["dag_run_id"], "queued", body["partition_key"], note=body["note"])
            self.answer(200, {})

    def answer(self, status: int, document: dict[str, Any]) -> None:
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(document).encode())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def airflow(monkeypatch: pytest.MonkeyPatch) -> Iterator[AirflowServer]:
    with AirflowServer() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        connect(monkeypatch, server, "made up")
        yield server
        server.shutdown()
        thread.join()


def connect(monkeypatch: pytest.MonkeyPatch, server: AirflowServer, password: str) -> None:
    port = server.server_address[1]
    connection = {"conn_type": "http", "host": "127.0.0.1", "port": port, "login": "auditor", "password": password}
    monkeypatch.setenv("AIRFLOW_CONN_AIRFLOW_API", json.dumps(connection))


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> list[AuditedPeriod]:
    """What the comparison finds, instead of servers."""
    periods: list[AuditedPeriod] = []
    monkeypatch.setattr(audit, "account_from_connection", lambda: ACCOUNT)
    monkeypatch.setattr(collect, "audit_source", lambda *_, **__: iter(periods))
    return periods


def period(state: PeriodState, *states: FileState, is_ready: bool = True) -> AuditedPeriod:
    files = tuple(
        AuditedFile(
            name=f"part{number}.gz", state=each, size=number, modified=1.0, landed_at="2026-01-01T00:00:00+00:00"
        )
        for number, each in enumerate(states)
    )
    return AuditedPeriod(source=SOURCE.name, period=KEY, state=state, files=files, is_ready=is_ready, found="found")


def execute(ti: TaskInstance | None = None) -> dict[str, Any]:
    context: Any = {"ti": ti or TaskInstance()}
    return AuditSource(task_id="source", source_name=SOURCE.name).execute(context)


def test_every_source_is_audited() -> None:
    assert ListSources(task_id="list").execute({}) == list(read_sources())  # type: ignore[arg-type]


def test_a_late_part_starts_one_run_for_its_period_however_often_the_task_runs(
    airflow: AirflowServer, found: list[AuditedPeriod]
) -> None:
    late = period("differs", "loaded", "not landed")
    found.append(late)
    airflow.add("scheduled__1", "success")
    assert execute()[KEY] == {
        "state": "differs", "action": "start", "reason": "differs: 1 loaded; 1 not landed", "run": run_id_for(late),
        "files": {"loaded": 1, "not landed": 1},
    }  # fmt: skip
    assert execute()[KEY]["action"] == "wait"
    airflow.runs[-1] |= {"state": "failed", "end_date": AN_HOUR_AGO}
    assert execute()[KEY]["action"] == "note"
    assert [run["dag_run_id"] for run in airflow.runs] == ["scheduled__1", run_id_for(late)]
    assert (airflow.runs[-1]["partition_key"], airflow.runs[-1]["note"][:21]) == (KEY, "Started by the audit.")


def test_a_run_that_another_audit_has_just_started_is_waited_for(
    airflow: AirflowServer, found: list[AuditedPeriod]
) -> None:
    late = period("differs", "loaded", "not landed")
    found.append(late)
    airflow.add(run_id_for(late), "queued", key="2001Q1")  # as if it had come after the list of runs was read
    assert execute()[KEY]["action"] == "wait"
    assert len(airflow.runs) == 1


def test_no_run_of_a_paused_dag_is_started(airflow: AirflowServer, found: list[AuditedPeriod]) -> None:
    found.append(period("differs", "loaded", "not landed"))
    airflow.is_paused = True
    assert "the DAG is paused" in execute()[KEY]["reason"]
    assert airflow.runs == []


def test_a_period_that_was_skipped_gets_a_run(airflow: AirflowServer, found: list[AuditedPeriod]) -> None:
    newest = SOURCE.cadence.latest_open(datetime.now(UTC))
    skipped = SOURCE.cadence.before(newest)
    found += [replace(period("late", is_ready=False), period=skipped.key), period("complete", "loaded")]
    airflow.add("scheduled__1", "success", SOURCE.cadence.before(skipped).key)
    airflow.add("scheduled__2", "success", newest.key)
    assert execute()[skipped.key]["action"] == "start"
    assert airflow.runs[-1]["partition_key"] == skipped.key


def test_what_no_run_explains_fails_the_task_after_the_other_runs_were_started(
    airflow: AirflowServer, found: list[AuditedPeriod]
) -> None:
    before = SOURCE.cadence.before(SOURCE.cadence.latest_open(datetime.now(UTC)))
    found += [
        replace(period("differs", "unexplained"), period=before.key),
        period("differs", "loaded", "not landed"),
    ]
    ti = TaskInstance()
    with pytest.raises(UnexplainedError, match=rf"{before.key}: the table holds rows of files .* part0\.gz"):
        execute(ti)
    assert [run["partition_key"] for run in airflow.runs] == [KEY]
    known = ti.xcom[AUDITED][SOURCE.name]
    assert {key: each["action"] for key, each in known.items()} == {before.key: "report", KEY: "start"}
    assert (known[before.key]["state"], known[before.key]["files"]) == ("differs", {"unexplained": 1})
    assert (ti.xcom[FAILURE]["kind"], ti.xcom[FAILURE]["counts"]) == ("UnexplainedError", {"periods": 1})


def test_a_vendor_that_does_not_answer_does_not_fail_the_task(
    airflow: AirflowServer, found: list[AuditedPeriod]
) -> None:
    found.append(period("vendor unreachable", "loaded"))
    assert execute()[KEY]["action"] == "note"


def test_without_the_connection_a_needed_run_fails_the_task(found: list[AuditedPeriod]) -> None:
    found.append(period("complete", "loaded"))
    assert execute() == {}
    found[0] = period("differs", "loaded", "not landed")
    with pytest.raises(UnexplainedError, match="without the connection airflow_api, no run is started"):
        execute()


def test_all_runs_of_the_window_are_read_page_by_page(airflow: AirflowServer) -> None:
    for number in range(250):
        airflow.add(f"manual__{number}", "success", conf={"files": ["a.gz"]} if number else None)
    first_day = (datetime.now(UTC) - timedelta(days=400)).date()
    api = open_airflow_api()
    assert api is not None
    with api:
        runs = api.runs_since(SOURCE.name, first_day)
    assert [run.run_id for run in runs] == [f"manual__{number}" for number in range(250)]
    assert [run.for_files for run in runs[:2]] == [False, True]
    assert len(airflow.requests) == 3
    assert f"partition_date_gte={first_day.isoformat()}" in airflow.requests[0]


def test_a_refused_login_and_a_server_that_is_down_say_what_to_correct(
    airflow: AirflowServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(monkeypatch, airflow, "wrong")
    with pytest.raises(ConfigurationError, match=r"refused the login; found status 401\. Next: correct the connection"):
        open_airflow_api()
    monkeypatch.setenv("AIRFLOW_CONN_AIRFLOW_API", json.dumps({"conn_type": "http", "host": "http://127.0.0.1:9"}))
    api = open_airflow_api()
    assert api is not None
    with api, pytest.raises(ServiceError, match="does not answer"):
        api.is_paused(SOURCE.name)
