"""A real Airflow on this machine for the demo and the system tests: SQLite, LocalExecutor, loopback only.

Everything that it keeps (database, logs, passwords) lies in its state folder.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import sys
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

from local.process import Process
from local.settings import HOST, StandInError, is_free

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_REPOSITORY = Path(__file__).resolve().parent.parent
_READY_WITHIN_S = 180.0
_STOP_WITHIN_S = 6.0
_POLL_S = 0.25
_USER = "admin"


@dataclass(frozen=True, kw_only=True)
class Airflow:
    """One Airflow, running or not.

    :param state: its `AIRFLOW_HOME`.
    :param port: of the UI and the API (`GV_AIRFLOW_PORT`); the two after it serve logs.
    """

    state: Path = _REPOSITORY / ".state" / "airflow"
    port: int = 8080

    @classmethod
    def from_environment(cls) -> Airflow:
        """Return the demo's Airflow. Raises `StandInError` for a GV_AIRFLOW_PORT that is no port."""
        text = os.environ.get("GV_AIRFLOW_PORT") or str(cls.port)
        if not text.isdecimal() or not 1024 <= int(text) <= 65500:
            raise StandInError("GV_AIRFLOW_PORT is not a port. Next: set it to a number from 1024 to 65500.")
        return cls(port=int(text))

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    @property
    def log_file(self) -> Path:
        """Where all that its parts say is kept."""
        return self._process.log

    @property
    def login(self) -> tuple[str, str]:
        """User and password of the one person who may log in."""
        return _USER, self._kept["password"]

    def up(self, environment: Mapping[str, str]) -> bool:
        """Start it, wait until all four parts are healthy, and tell whether it did not run before.

        :param environment: the account's settings and connections, as `local.standin.environment()` returns them.
        """
        if self._process.pid is None:
            for port in (self.port, self.port + 1, self.port + 2):
                if not is_free(port):
                    raise StandInError(
                        f"port {port} for Airflow is in use by another program. "
                        "Next: stop that program, or set GV_AIRFLOW_PORT to the first of three free ports."
                    )
            self.state.mkdir(parents=True, exist_ok=True)
            command = [sys.executable, "-m", "airflow", "standalone"]
            self._process.start(command, self._environment(environment), _REPOSITORY)
            started = True
        else:
            started = False
        self._wait_until_healthy()
        return started

    def down(self) -> bool:
        """End it and all its children; tell whether it ran. Its state stays."""
        self._log_out()
        pid = self._process.pid
        if pid is None:
            return False
        for number in (signal.SIGTERM, signal.SIGKILL):
            with suppress(ProcessLookupError):
                os.killpg(pid, number)
            until = time.monotonic() + _STOP_WITHIN_S
            while time.monotonic() < until and _lives(pid):
                time.sleep(_POLL_S)
        return self._process.stop() or True

    def trigger(self, dag_id: str, *, partition_key: str | None = None, conf: Mapping[str, Any] | None = None) -> str:
        """Start a run and return its id. Raises `httpx.HTTPStatusError` when Airflow refuses."""
        body = {"logical_date": None, "partition_key": partition_key, "conf": dict(conf or {})}
        return str(self.api("POST", f"dags/{dag_id}/dagRuns", json=body)["dag_run_id"])

    def wait(self, dag_id: str, run_id: str, *, within_s: float = 300.0) -> str:
        """Wait until a run has ended; return `success` or `failed`."""
        until = time.monotonic() + within_s
        while time.monotonic() < until:
            state = str(self.api("GET", f"dags/{dag_id}/dagRuns/{run_id}")["state"])
            if state in ("success", "failed"):
                return state
            time.sleep(_POLL_S)
        raise StandInError(f"{dag_id} {run_id} has not ended after {within_s:.0f} s. Next: look at {self.url}.")

    def wait_for_dag(self, dag_id: str, *, within_s: float = 60.0) -> None:
        """Wait until the DAG has been parsed and can be triggered."""
        until = time.monotonic() + within_s
        while time.monotonic() < until:
            with suppress(httpx.HTTPStatusError):
                self.api("GET", f"dags/{dag_id}")
                return
            time.sleep(_POLL_S)
        errors = self.api("GET", "importErrors")["import_errors"]
        raise StandInError(f"Airflow does not know {dag_id}. Import errors: {json.dumps(errors)[:2000]}")

    def tasks(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        """Return a run's task instances as the API shows them, mapped ones each."""
        found = self.api("GET", f"dags/{dag_id}/dagRuns/{run_id}/taskInstances", params={"limit": 1000})
        return list(found["task_instances"])

    def result(self, dag_id: str, run_id: str, task_id: str, map_index: int = -1) -> Any:
        """Return what a task returned."""
        path = f"dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/xcomEntries/return_value"
        return self.api("GET", path, params={"map_index": map_index})["value"]

    def log(self, dag_id: str, run_id: str, task_id: str, map_index: int = -1, try_number: int = 1) -> str:
        """Return the messages of one try of a task, a line each, and what it died of."""
        path = f"dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/logs/{try_number}"
        content = self.api("GET", path, params={"map_index": map_index, "full_content": True})["content"]
        lines = []
        for entry in content:
            lines.append(str(entry["event"]))
            lines += [f"{error['exc_type']}: {error['exc_value']}" for error in entry.get("error_detail") or ()]
        return "\n".join(lines)

    def api(self, method: str, path: str, **request: Any) -> Any:
        """Call `/api/v2/<path>` as the admin and return the answer's JSON."""
        answer = self._client.request(method, f"/api/v2/{path}", **request)
        if answer.status_code == httpx.codes.UNAUTHORIZED:  # a login lasts a day
            self._log_out()
            answer = self._client.request(method, f"/api/v2/{path}", **request)
        if answer.is_error:
            what = f"{method} {answer.url} answered {answer.status_code}: {answer.text[:1000]}"
            raise httpx.HTTPStatusError(what, request=answer.request, response=answer)
        return answer.json()

    @cached_property
    def _client(self) -> httpx.Client:
        user, password = self.login
        answer = httpx.post(f"{self.url}/auth/token", json={"username": user, "password": password}, timeout=30)
        answer.raise_for_status()
        token = answer.json()["access_token"]
        return httpx.Client(base_url=self.url, headers={"Authorization": f"Bearer {token}"}, timeout=30)

    def _log_out(self) -> None:
        client = self.__dict__.pop("_client", None)
        if client is not None:
            client.close()

    @property
    def _process(self) -> Process:
        return Process(name="airflow", state=self.state)

    @property
    def _kept(self) -> dict[str, str]:
        """The generated secrets, made once and readable by their owner alone."""
        path = self.state / "secrets.json"
        if not path.exists():
            self.state.mkdir(parents=True, exist_ok=True)
            kept = {name: secrets.token_urlsafe(24) for name in ("password", "jwt", "session")}
            _write_private(path, kept)
            _write_private(self.state / "passwords.json", {_USER: kept["password"]})
        return dict(json.loads(path.read_text()))

    def _environment(self, settings: Mapping[str, str]) -> dict[str, str]:
        kept = self._kept
        ours = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "AWS_"))}
        return {
            **ours,
            **settings,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
            "PYTHONPATH": str(_REPOSITORY / "plugins"),
            "AIRFLOW_HOME": str(self.state),
            "AIRFLOW__API__HOST": HOST,
            "AIRFLOW__API__PORT": str(self.port),
            "AIRFLOW__API__BASE_URL": self.url,
            "AIRFLOW__API__SECRET_KEY": kept["session"],
            "AIRFLOW__API__WORKERS": "1",
            "AIRFLOW__API_AUTH__JWT_SECRET": kept["jwt"],
            "AIRFLOW__CORE__AUTH_MANAGER": (
                "airflow.api_fastapi.auth.managers.simple.simple_auth_manager.SimpleAuthManager"
            ),
            "AIRFLOW__CORE__DAGS_FOLDER": str(_REPOSITORY / "dags"),
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{self.url}/execution/",
            "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__MAX_MAP_LENGTH": "10000",  # a delivery may have that many files
            "AIRFLOW__CORE__PARALLELISM": "4",
            "AIRFLOW__CORE__PLUGINS_FOLDER": str(_REPOSITORY / "plugins"),
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"{_USER}:admin",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(self.state / "passwords.json"),
            # SQLite's own patience of 5 s ends in errors when many tasks report at once.
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{self.state / 'airflow.db'}?timeout=60",
            "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(self.port + 1),
            "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": str(self.port + 2),
            "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "1",  # also how late a task's end is noticed, in seconds
            "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        }

    def _wait_until_healthy(self) -> None:
        until = time.monotonic() + _READY_WITHIN_S
        while not self._healthy():
            self._process.require()
            if time.monotonic() > until:
                raise StandInError(f"Airflow is not healthy after 3 minutes. Next: look at {self._process.log}.")
            time.sleep(_POLL_S)

    def _healthy(self) -> bool:
        try:
            health = httpx.get(f"{self.url}/api/v2/monitor/health", timeout=10).json()
        except (httpx.HTTPError, ValueError):
            return False
        parts = ("metadatabase", "scheduler", "triggerer", "dag_processor")
        return all(health.get(part, {}).get("status") == "healthy" for part in parts)


@contextmanager
def running_airflow(state: Path, port: int, environment: Mapping[str, str]) -> Iterator[Airflow]:
    """Run an Airflow, and end it afterwards. Its state stays."""
    airflow = Airflow(state=state, port=port)
    try:
        airflow.up(environment)
        yield airflow
    finally:
        airflow.down()


def _write_private(path: Path, content: dict[str, str]) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(content, file)


def _lives(group: int) -> bool:
    """Whether any process of the group is left, other than one of ours that only waits to be reaped."""
    with suppress(ChildProcessError):
        os.waitpid(group, os.WNOHANG)
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True
