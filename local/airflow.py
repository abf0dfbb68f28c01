"""A real Airflow on this machine for the demo and the system tests: SQLite, LocalExecutor, loopback only.

Its state folder contains its database, logs and passwords.
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
#: The API server builds parts of its API at their first use, which takes long on a busy machine.
_ANSWER_WITHIN_S = 180.0
_POLL_S = 0.25
_TRIES = 5
_ADMIN, _VIEWER = "admin", "viewer"
#: Name of a generated secret → the user whose password it is.
_PASSWORDS = {"password": _ADMIN, "viewer": _VIEWER}
#: The other generated secrets.
_KEYS = ("jwt", "session")


@dataclass(frozen=True, kw_only=True)
class Airflow:
    """One Airflow, running or not.

    :param state: its state folder, `AIRFLOW_HOME` (`GV_AIRFLOW_STATE`).
    :param port: port of the UI and the API (`GV_AIRFLOW_PORT`). The next two ports serve logs.
    """

    state: Path = _REPOSITORY / ".state" / "airflow"
    port: int = 8080

    @classmethod
    def from_environment(cls) -> Airflow:
        """Return the demo's Airflow. Raises `StandInError` if GV_AIRFLOW_PORT is not a port."""
        text = os.environ.get("GV_AIRFLOW_PORT") or str(cls.port)
        if not text.isdecimal() or not 1024 <= int(text) <= 65500:
            raise StandInError("GV_AIRFLOW_PORT is not a port. Next: set it to a number from 1024 to 65500.")
        return cls(state=Path(os.environ.get("GV_AIRFLOW_STATE") or cls.state).resolve(), port=int(text))

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    @property
    def log_file(self) -> Path:
        """The log file with the output of all of Airflow's components."""
        return self._process.log

    @property
    def login(self) -> tuple[str, str]:
        """Name and password of the user who may do everything."""
        return _ADMIN, self._secrets["password"]

    @property
    def viewer_login(self) -> tuple[str, str]:
        """Name and password of the user who may only read."""
        return _VIEWER, self._secrets["viewer"]

    def connection(self) -> dict[str, str]:
        """Return the environment variable with the connection `airflow_api` to this Airflow."""
        user, password = self.login
        fields = {"conn_type": "http", "host": HOST, "port": self.port, "login": user, "password": password}
        return {"AIRFLOW_CONN_AIRFLOW_API": json.dumps(fields)}

    @property
    def is_running(self) -> bool:
        return self._process.pid is not None

    def up(self, environment: Mapping[str, str]) -> bool:
        """Start Airflow and wait until its four components are healthy. Return False if it was running already.

        :param environment: the account's settings and connections, as `local.standin.environment()` returns them. It
            can also replace the DAG folder, and turn on the schedule, which is off.
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
        """Stop Airflow and all its child processes. Return whether it was running. Keep its state."""
        self._discard_client()
        pid = self._process.pid
        if pid is None:
            return False
        for signal_number in (signal.SIGTERM, signal.SIGKILL):
            with suppress(ProcessLookupError):
                os.killpg(pid, signal_number)
            deadline = time.monotonic() + _STOP_WITHIN_S
            while time.monotonic() < deadline and _group_is_alive(pid):
                time.sleep(_POLL_S)
        return self._process.stop() or True

    def trigger(
        self,
        dag_id: str,
        *,
        run_id: str | None = None,
        partition_key: str | None = None,
        conf: Mapping[str, Any] | None = None,
    ) -> str:
        """Start a run and return its id. Raises `httpx.HTTPStatusError` if Airflow refuses; 409: there is one."""
        body: dict[str, Any] = {"logical_date": None, "partition_key": partition_key, "conf": dict(conf or {})}
        if run_id is not None:
            body["dag_run_id"] = run_id
        return str(self.api("POST", f"dags/{dag_id}/dagRuns", json=body)["dag_run_id"])

    def wait(self, dag_id: str, run_id: str, *, within_s: float = 300.0) -> str:
        """Wait until a run has ended, and return its state: `success` or `failed`."""
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline:
            state = str(self.api("GET", f"dags/{dag_id}/dagRuns/{run_id}")["state"])
            if state in ("success", "failed"):
                return state
            time.sleep(_POLL_S)
        raise StandInError(f"{dag_id} {run_id} has not ended after {within_s:.0f} s. Next: open {self.url}.")

    def wait_for_dag(self, dag_id: str, *, within_s: float = 60.0) -> None:
        """Wait until Airflow has parsed the DAG, so that it can be triggered."""
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline:
            with suppress(httpx.HTTPStatusError):
                self.api("GET", f"dags/{dag_id}")
                return
            time.sleep(_POLL_S)
        errors = self.api("GET", "importErrors")["import_errors"]
        raise StandInError(f"Airflow has no DAG {dag_id}. Import errors: {json.dumps(errors)[:2000]}")

    def tasks(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        """Return a run's task instances as the API returns them, one for each map index."""
        response = self.api("GET", f"dags/{dag_id}/dagRuns/{run_id}/taskInstances", params={"limit": 1000})
        return list(response["task_instances"])

    def result(self, dag_id: str, run_id: str, task_id: str, map_index: int = -1) -> Any:
        """Return a task's return value."""
        path = f"dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/xcomEntries/return_value"
        return self.api("GET", path, params={"map_index": map_index})["value"]

    def log(self, dag_id: str, run_id: str, task_id: str, map_index: int = -1, try_number: int = 1) -> str:
        """Return the log messages of one try of a task, one per line, with the errors that they report."""
        path = f"dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/logs/{try_number}"
        content = self.api("GET", path, params={"map_index": map_index, "full_content": True})["content"]
        lines = []
        for entry in content:
            lines.append(str(entry["event"]))
            lines += [f"{error['exc_type']}: {error['exc_value']}" for error in entry.get("error_detail") or ()]
        return "\n".join(lines)

    def api(self, method: str, path: str, **request: Any) -> Any:
        """Call `/api/v2/<path>` as the admin and return the JSON of the response. Raises `httpx.HTTPStatusError`."""
        for _ in range(_TRIES):
            response = self._client.request(method, f"/api/v2/{path}", **request)
            if response.status_code == httpx.codes.UNAUTHORIZED:  # a token expires after a day
                self._discard_client()
            elif not (response.status_code == httpx.codes.INTERNAL_SERVER_ERROR and "Database error" in response.text):
                break
            else:  # SQLite was locked by another writer, and Airflow has rolled back what it did
                time.sleep(_POLL_S)
        if response.is_error:
            message = f"{method} {response.url} returned {response.status_code}: {response.text[:1000]}"
            raise httpx.HTTPStatusError(message, request=response.request, response=response)
        return response.json()

    @cached_property
    def _client(self) -> httpx.Client:
        user, password = self.login
        response = httpx.post(
            f"{self.url}/auth/token", json={"username": user, "password": password}, timeout=_ANSWER_WITHIN_S
        )
        response.raise_for_status()
        token = response.json()["access_token"]
        return httpx.Client(base_url=self.url, headers={"Authorization": f"Bearer {token}"}, timeout=_ANSWER_WITHIN_S)

    def _discard_client(self) -> None:
        client = self.__dict__.pop("_client", None)
        if client is not None:
            client.close()

    @property
    def _process(self) -> Process:
        return Process(name="airflow", state=self.state)

    @property
    def _secrets(self) -> dict[str, str]:
        """The generated secrets. Those that are missing are generated, and stored with mode 0600."""
        path = self.state / "secrets.json"
        stored: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
        missing = [name for name in (*_PASSWORDS, *_KEYS) if name not in stored]
        if missing:
            stored |= {name: secrets.token_urlsafe(24) for name in missing}
            self.state.mkdir(parents=True, exist_ok=True)
            _write_private(self.state / "passwords.json", {user: stored[name] for name, user in _PASSWORDS.items()})
            _write_private(path, stored)
        return stored

    def _environment(self, settings: Mapping[str, str]) -> dict[str, str]:
        stored = self._secrets
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "AWS_"))}
        return {
            **inherited,
            "AIRFLOW__CORE__DAGS_FOLDER": str(_REPOSITORY / "dags"),
            # The samples are not the newest deliveries. A schedule would wait for files that nobody delivers.
            "AIRFLOW__SCHEDULER__USE_JOB_SCHEDULE": "False",
            **settings,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
            "PYTHONPATH": str(_REPOSITORY / "plugins"),
            "AIRFLOW_HOME": str(self.state),
            **self.connection(),  # with it, the audit asks for runs and starts them
            "AIRFLOW__API__HOST": HOST,
            "AIRFLOW__API__PORT": str(self.port),
            "AIRFLOW__API__BASE_URL": self.url,
            "AIRFLOW__API__DEFAULT_WRAP": "True",  # the last line of a failed task's log says what to do
            "AIRFLOW__API__SECRET_KEY": stored["session"],
            "AIRFLOW__API__WORKERS": "1",
            "AIRFLOW__API_AUTH__JWT_SECRET": stored["jwt"],
            "AIRFLOW__CORE__AUTH_MANAGER": (
                "airflow.api_fastapi.auth.managers.simple.simple_auth_manager.SimpleAuthManager"
            ),
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{self.url}/execution/",
            "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__PARALLELISM": "4",
            "AIRFLOW__CORE__PLUGINS_FOLDER": str(_REPOSITORY / "plugins"),
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"{_ADMIN}:admin,{_VIEWER}:viewer",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(self.state / "passwords.json"),
            # SQLite's default timeout of 5 s causes errors when many tasks report at the same time.
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{self.state / 'airflow.db'}?timeout=60",
            "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(self.port + 1),
            "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": str(self.port + 2),
            "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "1",  # in seconds; also the delay in noticing that a task ended
            "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        }

    def _wait_until_healthy(self) -> None:
        deadline = time.monotonic() + _READY_WITHIN_S
        while not self._is_healthy():
            self._process.require_running()
            if time.monotonic() > deadline:
                raise StandInError(f"Airflow is not healthy after 3 minutes. Next: read {self._process.log}.")
            time.sleep(_POLL_S)

    def _is_healthy(self) -> bool:
        try:
            health = httpx.get(f"{self.url}/api/v2/monitor/health", timeout=10).json()
        except (httpx.HTTPError, ValueError):
            return False
        components = ("metadatabase", "scheduler", "triggerer", "dag_processor")
        return all(health.get(component, {}).get("status") == "healthy" for component in components)


@contextmanager
def running_airflow(state: Path, port: int, environment: Mapping[str, str]) -> Iterator[Airflow]:
    """Run an Airflow, and stop it afterward. Keep its state."""
    airflow = Airflow(state=state, port=port)
    try:
        airflow.up(environment)
        yield airflow
    finally:
        airflow.down()


def _write_private(path: Path, content: dict[str, str]) -> None:
    new = path.with_suffix(".new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(content, file)
    new.replace(path)


def _group_is_alive(group: int) -> bool:
    """Return whether the process group has any process. A child of this process that has ended is reaped first."""
    with suppress(ChildProcessError):
        os.waitpid(group, os.WNOHANG)
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True
