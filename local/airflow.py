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
from pathlib import Path
from typing import TYPE_CHECKING

import httpx

from local.airflow_client import AirflowClient
from local.process import Process
from local.settings import HOST, StandInError, is_free

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_REPOSITORY = Path(__file__).resolve().parent.parent
_READY_WITHIN_S = 180.0
_STOP_WITHIN_S = 6.0
_POLL_S = 0.25
_ADMIN, _VIEWER = "admin", "viewer"
#: Name of a generated secret → the user whose password it is.
_PASSWORDS = {"password": _ADMIN, "viewer": _VIEWER}
#: The other generated secrets.
_KEYS = ("jwt", "session")


@dataclass(frozen=True, kw_only=True)
class Airflow(AirflowClient):
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
        self.import_pools()
        return started

    def down(self) -> bool:
        """Stop Airflow and all its child processes. Return whether it was running. Keep its state."""
        self.close()
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
