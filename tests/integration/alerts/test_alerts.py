"""The task of the DAG `alerts`: the API server's causes, the object in the landing zone, and real channels."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from growth_verticals import declarations
from growth_verticals.account import Account
from growth_verticals.alerting import Alerts, Email, Slack
from growth_verticals.alerts.store import AlertStore
from growth_verticals.declarations import read_alerts
from growth_verticals.errors import ConfigurationError, ServiceError
from growth_verticals.operators.alerts import SendAlerts
from growth_verticals.status.causes import Cause
from tests.integration.alerts.conftest import Mailbox, SlackServer, serve

LATE = Cause(
    kind="late_vendor",
    source="aiq_household",
    period="2026Q3",
    text="nothing has arrived; it was due on 2026-10-22",
    key="late_vendor aiq_household 2026Q3",
)
REFUSED = Cause(kind="refused", source="ls_corp", period="2026-11-20", text="a file is damaged", key="refused ls_corp")
IMPORT = "from growth_verticals.alerting import Alerts, Email"
LATE_SUBJECT = "[Growth Verticals] aiq_household 2026Q3: late: vendor"
ALERTS = Alerts(send=(Slack(), Email(to=("data@example.com",))))


class ApiServer(ThreadingHTTPServer):
    """The route of the API server that the task asks."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), ApiHandler)
        self.causes: list[Cause] = []
        self.notes: list[str] = []
        self.status = 200


class ApiHandler(BaseHTTPRequestHandler):
    server: ApiServer

    def do_GET(self) -> None:
        assert (urlsplit(self.path).path, self.headers["Authorization"]) == (
            "/deliveries/causes.json",
            "Bearer made up",
        )
        self.send_response(self.server.status)
        self.end_headers()
        document = {"causes": [cause.to_json() for cause in self.server.causes], "notes": self.server.notes}
        self.wfile.write(json.dumps(document).encode())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch, account: Account, stand_in_environment: dict[str, str]) -> Iterator[ApiServer]:
    """An API server with no causes, the connection to it, and the settings of the stand-in's account."""
    server = ApiServer()
    for name, value in (stand_in_environment | {"GV_LANDING_URI": account.landing_uri}).items():
        monkeypatch.setenv(name, value)
    port = server.server_address[1]
    connection = {"conn_type": "http", "host": "127.0.0.1", "port": port, "password": "made up"}
    monkeypatch.setenv("AIRFLOW_CONN_AIRFLOW_API", json.dumps(connection))
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "https://airflow.example/")
    for _ in serve(server):
        yield server


def execute(alerts: Alerts = ALERTS) -> dict[str, int]:
    return SendAlerts(task_id="send", alerts=alerts).execute({})  # type: ignore[arg-type]


def subjects(mailbox: Mailbox) -> list[str]:
    return [str(email["Subject"]) for _, email in mailbox.received]


def posted(slack: SlackServer) -> list[str]:
    return [str(body["text"]) for body in slack.posted]


def test_a_cause_is_told_once_over_each_channel_and_so_is_its_end(
    api: ApiServer, mailbox: Mailbox, slack: SlackServer, account: Account
) -> None:
    api.causes = [LATE]
    assert execute() == {"causes": 1, "opened": 2, "closed": 0}
    assert execute() == {"causes": 1, "opened": 0, "closed": 0}
    assert subjects(mailbox) == posted(slack) == [LATE_SUBJECT]
    body = mailbox.received[0][1].get_body()
    assert body is not None
    assert "https://airflow.example/plugin/deliveries/sources/aiq_household/2026Q3" in body.get_content()
    assert list(AlertStore(account).read()) == [LATE.key]
    api.causes = []
    assert execute() == {"causes": 0, "opened": 0, "closed": 2}
    assert subjects(mailbox)[1:] == posted(slack)[1:] == [LATE_SUBJECT.replace("late:", "closed: late:")]
    assert AlertStore(account).read() == {}


def test_a_channel_that_fails_fails_the_task_and_gets_the_message_from_the_next_run(
    api: ApiServer, mailbox: Mailbox, slack: SlackServer
) -> None:
    api.causes, slack.status = [LATE], 500
    with pytest.raises(ServiceError, match=r"not all alerts could be sent; found slack \(slack_alerts\): .*500"):
        execute()
    assert subjects(mailbox) == [LATE_SUBJECT]
    slack.status = 200
    assert execute()["opened"] == 1
    assert (subjects(mailbox), posted(slack)) == ([LATE_SUBJECT], [LATE_SUBJECT])


def test_if_the_causes_cannot_be_read_nothing_is_closed(
    api: ApiServer, mailbox: Mailbox, slack: SlackServer, account: Account
) -> None:
    api.causes = [LATE]
    execute()
    api.causes, api.status = [], 500
    with pytest.raises(ServiceError, match="does not answer"):
        execute()
    assert len(mailbox.received) == len(slack.posted) == 1
    assert list(AlertStore(account).read()) == [LATE.key]


def test_if_some_causes_cannot_be_read_the_others_are_told_and_the_task_fails(
    api: ApiServer, mailbox: Mailbox, slack: SlackServer
) -> None:
    api.causes = [LATE]
    execute()
    api.causes, api.notes = [REFUSED], ["aiq_household: the declaration does not run."]
    with pytest.raises(ServiceError, match="no alert was closed; found aiq_household: the declaration does not run"):
        execute()
    assert subjects(mailbox) == posted(slack) == [LATE_SUBJECT, "[Growth Verticals] ls_corp 2026-11-20: refused"]


def test_a_source_s_own_declaration_holds_and_a_broken_one_stops_only_closings(
    api: ApiServer, mailbox: Mailbox, slack: SlackServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    declared = (declarations.SOURCES_FOLDER / "ls_corp.py").read_text()
    own = 'name="ls_corp",\n        alerts=Alerts(send=(Email(to=("nurses@example.com",)),)),'
    declared = declared.replace('name="ls_corp",', own).replace("\ndag =", f"\n{IMPORT}\n\ndag =")
    (tmp_path / "ls_corp.py").write_text(declared)
    (tmp_path / "aiq_household.py").write_text("broken(")
    monkeypatch.setattr(declarations, "SOURCES_FOLDER", tmp_path)
    api.causes = [REFUSED, LATE]
    with pytest.raises(ServiceError, match=r"no alert was closed; found aiq_household\.py: line 1: the declaration"):
        execute()
    assert [recipients for recipients, _ in mailbox.received] == [["nurses@example.com"], ["data@example.com"]]
    assert posted(slack) == [LATE_SUBJECT]


def test_without_a_connection_the_message_is_a_warning_in_the_task_s_log(
    api: ApiServer, capsys: pytest.CaptureFixture[str]
) -> None:
    api.causes = [LATE]
    assert execute()["opened"] == 1
    execute()
    log = capsys.readouterr().out
    assert log.count(LATE_SUBJECT) == 1
    assert (
        f"[warning  ] {LATE_SUBJECT}. nothing has arrived; it was due on 2026-10-22. "
        "Delivery: https://airflow.example/plugin/deliveries/sources/aiq_household/2026Q3 "
        "What to do: docs/alerts.md#late-vendor"
    ) in log


def test_without_the_api_s_connection_the_task_says_what_to_add(
    api: ApiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AIRFLOW_CONN_AIRFLOW_API")
    with pytest.raises(ConfigurationError, match="without the connection airflow_api, alerts cannot be sent"):
        execute()


def test_the_dag_sends_what_its_file_declares() -> None:
    declared: Any = read_alerts()
    assert declared.send
    assert declared.about is None
