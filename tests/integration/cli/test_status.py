"""`./gv status` logs in to Airflow with the connection of the environment, and asks for the pages' JSON.

The server here only records what it is asked. `tests/system/test_status.py` asks a real Airflow.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any, ClassVar

import pytest

from growth_verticals.cli.__main__ import main
from growth_verticals.status.grid import Grid
from tests.unit.status.facts import at

TOKEN = "the-token"
GRID = Grid(made_at=at("11-20 12:00"), rows=()).to_json() | {"notes": ["a table could not be read"]}


class Server(BaseHTTPRequestHandler):
    """Answers as Airflow does."""

    asked: ClassVar[list[str]] = []

    def do_POST(self) -> None:
        user = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.asked.append(f"{self.path} {user['username']}")
        self._answer(201 if user["password"] == "pa ss" else 401, {"access_token": TOKEN})

    def do_GET(self) -> None:
        self.asked.append(self.path)
        allowed = self.headers["Authorization"] == f"Bearer {TOKEN}"
        body = GRID if "grid" in self.path else {"causes": [], "notes": []}
        self._answer(200 if allowed else 401, body)

    def log_message(self, *args: Any) -> None:
        pass

    def _answer(self, status: int, body: Any) -> None:
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> Iterator[int]:
    monkeypatch.setenv("GV_LOCAL_STATE", str(tmp_path))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    Server.asked.clear()
    with HTTPServer(("127.0.0.1", 0), Server) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    "connection",
    [
        '{{"conn_type": "http", "host": "127.0.0.1", "port": {port}, "login": "ana", "password": "pa ss"}}',
        '{{"conn_type": "http", "host": "http://127.0.0.1:{port}", "login": "ana", "password": "pa ss"}}',
        "http://ana:pa%20ss@127.0.0.1:{port}/http",
        "http://ana:pa%20ss@127.0.0.1:{port}",
    ],
)
def test_the_connection_is_json_or_a_uri(
    port: int, connection: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_AIRFLOW_API", connection.format(port=port))
    assert main(["status"]) == 0
    assert "a table could not be read" in capsys.readouterr().out
    pages = ["/deliveries/grid.json?tables=true", "/deliveries/causes.json?tables=true"]
    assert Server.asked == ["/auth/token ana", *pages]


def test_without_a_login_the_password_is_a_token(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_AIRFLOW_API", f"http://:{TOKEN}@127.0.0.1:{port}")
    assert main(["status"]) == 0
    assert len(Server.asked) == 2


def test_a_refused_login_and_a_server_that_is_away_are_errors_without_the_password(
    port: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_AIRFLOW_API", f"http://ana:s3cret@127.0.0.1:{port}")
    assert main(["status"]) == 1
    refused = capsys.readouterr().err
    assert f"Airflow's API at http://127.0.0.1:{port} refused the login; found status 401. Next: correct" in refused
    monkeypatch.setenv("AIRFLOW_CONN_AIRFLOW_API", "http://ana:s3cret@127.0.0.1:1")
    assert main(["status"]) == 1
    away = capsys.readouterr().err
    assert "Airflow's API at http://127.0.0.1:1 does not answer" in away
    assert "s3cret" not in refused + away
