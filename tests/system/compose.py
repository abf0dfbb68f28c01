"""Runs services of docker-compose.yaml as processes on this machine: the same commands with the same environment.

Only what containers have for themselves is replaced: names of hosts, ports, and the folder /opt/airflow.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from local.airflow_client import AirflowClient
from local.settings import HOST, is_free

REPOSITORY = Path(__file__).resolve().parents[2]
_STOP_WITHIN_S = 10.0
_ISOLATED = ("unshare", "--map-root-user", "--uts", "--mount", "sh", "-ec")
#: Sets the hostname $0, makes the folder $1 read-only except for its logs, and runs the rest there.
_AS_IN_CONTAINER = """
hostname "$0"
cd "$1"
mount --bind . .
mount --bind logs logs
mount -o remount,bind,ro "$1"
cd "$1"
if touch airflow.db 2>/dev/null; then exit 99; fi
shift
exec "$@"
"""


def services(variables: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """Return the services of docker-compose.yaml with their environment, as Compose would with these variables."""
    text = (REPOSITORY / "docker-compose.yaml").read_text(encoding="utf-8")
    found: dict[str, dict[str, Any]] = yaml.safe_load(text)["services"]
    for service in found.values():
        service["environment"] = {
            name: interpolate(str(value), variables) if value is not None else variables[name]
            for name, value in service.get("environment", {}).items()
            if value is not None or name in variables
        }
        service["command"] = [part.replace("$$", "$") for part in service.get("command", [])]
    return found


def interpolate(text: str, variables: Mapping[str, str]) -> str:
    """Replace `${NAME}`, `${NAME:-default}` and `${NAME:?message}`. Raises `KeyError` where Compose would refuse."""

    def value(match: re.Match[str]) -> str:
        found = variables.get(match[1], "")
        if found or match[2] == ":-":
            return found or match[3]
        raise KeyError(f"{match[1]}: {match[3]}")

    return re.sub(r"\$\{([A-Z_]+)(?:(:[-?])([^}]*))?\}", value, text)


@dataclass
class Processes:
    """The services that run as processes, on loopback.

    :param root: their output. In its folder `airflow`, which is /opt/airflow here, they can write to `logs` alone.
    """

    root: Path
    services: dict[str, dict[str, Any]]
    postgres_port: int
    redis_port: int
    api_port: int
    #: Hosts of the compose file that are not among its Airflow services, with their address here.
    hosts: Mapping[str, str] = field(default_factory=dict)
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def home(self) -> Path:
        """What is /opt/airflow in a container."""
        return self.root / "airflow"

    def environment(self, service: str, more: Mapping[str, str]) -> dict[str, str]:
        """Return the environment of the service's process. Nothing comes from this process's, except PATH."""
        python = Path(sys.executable).parent
        image = {
            "AIRFLOW_HOME": "/opt/airflow",
            "HOME": "/opt/airflow",
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONPATH": "/opt/airflow/plugins:/opt/airflow",
            "PATH": f"{python}{os.pathsep}{os.environ['PATH']}",
            "NO_PROXY": "*",
            "LANG": "C.UTF-8",
        }
        return {name: self.here(text) for name, text in (image | self.services[service]["environment"]).items()} | {
            **more
        }

    def here(self, text: str) -> str:
        """Replace the names of hosts and folders that only containers have."""
        replaced = {
            "@postgres:5432": f"@{HOST}:{self.postgres_port}",
            "@redis:6379": f"@{HOST}:{self.redis_port}",
            "api-server:8080": f"{HOST}:{self.api_port}",
            "/opt/airflow": str(self.home),
            **self.hosts,
        }
        for old, new in replaced.items():
            text = text.replace(old, new)
        return text

    def start(self, service: str, name: str | None = None, more: Mapping[str, str] | None = None) -> None:
        """Start a service in a session of its own, as in a container with the hostname `name` and a read-only image."""
        name = name or service
        command = [self.here(part) for part in self.services[service]["command"]]
        with (self.root / f"{name}.log").open("wb") as log:
            self.running[name] = subprocess.Popen(
                [*_ISOLATED, _AS_IN_CONTAINER, name, self.home, *command],
                env=self.environment(service, more or {}),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def run(self, service: str) -> None:
        """Run a service to its end. Raises `AssertionError`, with the end of its log, if it fails."""
        self.start(service)
        code = self.running.pop(service).wait(300)
        assert code == 0, f"{service} exited with {code}:\n{self.log(service)}"

    def kill(self, name: str) -> None:
        """End a service and everything that it started with SIGKILL, as if its machine were gone."""
        process = self.running.pop(name)
        for pid in [process.pid, *descendants(process.pid)]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.wait()

    def log(self, name: str) -> str:
        """Return the end of a service's output."""
        return (self.root / f"{name}.log").read_text(errors="replace")[-5000:]

    def stop(self) -> None:
        """End all services."""
        for process in self.running.values():
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
        deadline = time.monotonic() + _STOP_WITHIN_S
        while time.monotonic() < deadline and any(process.poll() is None for process in self.running.values()):
            time.sleep(0.1)
        for name in list(self.running):
            self.kill(name)


def descendants(pid: int) -> list[int]:
    """Return the ids of all processes that `pid` and its children started and that still run."""
    parents = {}
    for folder in Path("/proc").iterdir():
        with suppress(ValueError, OSError):
            parents[int(folder.name)] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
    found, wanted = [], {pid}
    while wanted:
        wanted = {child for child, parent in parents.items() if parent in wanted}
        found += wanted
    return found


def free_ports(first: int, count: int) -> list[int]:
    """Return ports from `first` on that are free now."""
    ports = (port for port in range(first, first + 1000) if is_free(port))
    return [next(ports) for _ in range(count)]


@contextmanager
def postgres(folder: Path, port: int, environment: Mapping[str, str]) -> Iterator[None]:
    """Run Debian's Postgres with the user, password and database of the compose file, as a user who is not root."""
    binaries = max(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name))
    as_user: list[str] = []
    if os.getuid() == 0:
        as_user = ["runuser", "-u", "postgres", "--"]
        shutil.chown(folder, "postgres")
    password = folder / "password"
    password.write_text(environment["POSTGRES_PASSWORD"])
    data, user = str(folder / "data"), environment["POSTGRES_USER"]
    options = [environment["POSTGRES_INITDB_ARGS"], "--username", user, f"--pwfile={password}", "--no-sync"]
    quiet = {"check": True, "capture_output": True}
    subprocess.run([*as_user, binaries / "initdb", "--pgdata", data, *options], **quiet)
    password.unlink()
    server = [binaries / "postgres", "-D", data, "-p", str(port), "-h", HOST, "-k", ""]
    with (folder.parent / "postgres.log").open("wb") as log:
        process = subprocess.Popen([*as_user, *server], stdout=log, stderr=subprocess.STDOUT)
    try:
        login = {"PGHOST": HOST, "PGPORT": str(port), "PGUSER": user, "PGPASSWORD": environment["POSTGRES_PASSWORD"]}
        wait_until(lambda: subprocess.run([binaries / "pg_isready"], env=login, capture_output=True).returncode == 0)
        subprocess.run([binaries / "createdb", environment["POSTGRES_DB"]], env=login, **quiet)
        yield
    finally:
        children = descendants(process.pid)[:1] if as_user else [process.pid]
        for pid in children:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGINT)
        process.wait(30)


@contextmanager
def redis(folder: Path, port: int, service: Mapping[str, Any]) -> Iterator[None]:
    """Run Debian's Redis by the command of the compose file."""
    command = [part.replace("/data", str(folder)) for part in service["command"]]
    command[-1] = command[-1].replace(" <<", f" --port {port} --bind {HOST} <<")
    environment = {"PATH": os.environ["PATH"], **service["environment"]}
    with (folder.parent / "redis.log").open("wb") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT)
    try:
        wait_until(lambda: not is_free(port))
        yield
    finally:
        process.terminate()
        process.wait(30)


def wait_until(condition: Any, within_s: float = 180.0, poll_s: float = 0.2) -> Any:
    """Wait for a true value of `condition` and return it."""
    deadline = time.monotonic() + within_s
    while not (value := condition()):
        assert time.monotonic() < deadline, f"not within {within_s} s"
        time.sleep(poll_s)
    return value


class ComposedAirflow(AirflowClient):
    """The Airflow of these processes, as the admin whom the service `migrate` created."""

    def __init__(self, processes: Processes) -> None:
        self.processes = processes

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.processes.api_port}"

    @property
    def login(self) -> tuple[str, str]:
        return "admin", self.processes.services["migrate"]["environment"]["GV_ADMIN_PASSWORD"]
