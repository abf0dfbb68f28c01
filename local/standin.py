"""Start and stop the stand-in, and return its settings. Its servers: the store, the gateway in front of it, SFTP."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import socket
import sys
import time
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from local import store
from local.keys import PLATFORM, Keys, public_key
from local.process import Process
from local.roles import load_roles, write_roles
from local.settings import (
    HOST,
    LANDING_BUCKET,
    REGION,
    S3_VENDORS,
    SFTP_VENDORS,
    TABLE_BUCKET_ARN,
    Settings,
    StandInError,
    is_free,
    no_proxy_variables,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from local.gateway.iam import Document
    from local.keys import KeyPair

_REPOSITORY = Path(__file__).resolve().parent.parent
_READY_WITHIN_S = 60.0
_POLL_S = 0.1


def up(settings: Settings) -> list[str]:
    """Start the servers that are not running, wait until all are ready, and return the names of those it started.

    Also sets `NO_PROXY` in this process, so that its requests to this machine bypass a proxy. Raises `StandInError`,
    which names the port and its setting, if a port is busy; nothing is started then. Raises `StandInError` if a server
    exits while starting or is not ready within a minute.
    """
    os.environ.update(no_proxy_variables())
    with _exclusive_lock(settings):
        return _up(settings)


def down(settings: Settings) -> list[str]:
    """Stop the servers that `up` started, and no others. Return the names of those that were running. Keep the data."""
    if not settings.state.exists():
        return []
    with _exclusive_lock(settings):
        stopped = [process.name for process in reversed(_processes(settings)) if process.stop()]
        if "store" in stopped:
            store.remove_sockets(settings)
        return stopped


def status(settings: Settings) -> dict[str, int | None]:
    """Return the pid of each server, or None if it is not running."""
    return {process.name: process.pid for process in _processes(settings)}


def environment(settings: Settings | None = None, role: str | None = None) -> dict[str, str]:
    """Return the variables that make the platform use the stand-in: AWS's, this project's, and Airflow connections.

    :param role: one of the roles that `running` was given, instead of the platform's key pair.

    Raises `StandInError` if it was never started, because its keys do not exist then.
    """
    settings = settings or Settings.from_environment()
    if not (settings.state / "keys.json").exists():
        raise StandInError("the stand-in was never started. Next: ./gv local up.")
    keys = Keys.load_or_generate(settings.state)
    pair = keys.pairs[PLATFORM] if role is None else load_roles(settings.state)[role].pair
    account = {
        "AWS_REGION": REGION,
        "AWS_ACCESS_KEY_ID": pair.access_key,
        "AWS_SECRET_ACCESS_KEY": pair.secret_key,
        "AWS_ENDPOINT_URL_S3": settings.s3_endpoint,
        "AWS_ENDPOINT_URL_S3TABLES": settings.gateway_url,
        "GV_CATALOG_URI": f"{settings.gateway_url}/iceberg",
        "GV_TABLE_BUCKET_ARN": TABLE_BUCKET_ARN,
        "GV_LANDING_URI": f"s3://{LANDING_BUCKET}",
        **no_proxy_variables(),
    }
    connections = _connections(settings, keys, pair)
    return account | {f"AIRFLOW_CONN_{name.upper()}": json.dumps(value) for name, value in connections.items()}


@contextmanager
def running(state: Path, roles: Mapping[str, Iterable[Document]] | None = None) -> Iterator[Settings]:
    """Run a stand-in on free ports with its state in the folder `state`. Stop it and remove the folder afterward.

    :param roles: documents of identity policies by role's name. Each role gets a key pair.
    """
    settings = Settings.with_free_ports(state)
    if roles:
        write_roles(state, roles)
    try:
        up(settings)
        yield settings
    finally:
        down(settings)
        shutil.rmtree(state, ignore_errors=True)


def _up(settings: Settings) -> list[str]:
    keys = Keys.load_or_generate(settings.state)
    commands = {
        "store": store.command(settings, keys),
        "gateway": [sys.executable, "-m", "local.gateway"],
        "sftp": [sys.executable, "-m", "local.sftp"],
    }
    stopped = [process for process in _processes(settings) if process.pid is None]
    for process in stopped:
        _check_ports(settings, process.name)
    for process in stopped:
        process.start(commands[process.name], _server_environment(settings), _REPOSITORY)
    try:
        _wait_until_ready(settings, keys)
    except StandInError:
        for process in stopped:
            process.stop()
        raise
    return [process.name for process in stopped]


@contextmanager
def _exclusive_lock(settings: Settings) -> Iterator[None]:
    """Make other commands on the same stand-in wait, so that none mistakes new servers for other programs."""
    settings.state.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (settings.state / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _connections(settings: Settings, keys: Keys, platform: KeyPair) -> dict[str, dict[str, Any]]:
    def aws(pair: KeyPair, **extra: object) -> dict[str, Any]:
        return {
            "conn_type": "aws",
            "login": pair.access_key,
            "password": pair.secret_key,
            "extra": {"region_name": REGION, **extra},
        }

    def sftp(user: str) -> dict[str, Any]:
        extra = {
            "private_key": keys.sftp[user],
            "host_key": public_key(keys.sftp_host),
            "look_for_keys": False,
        }
        return {"conn_type": "sftp", "host": HOST, "port": settings.sftp_port, "login": user, "extra": extra}

    services = {"s3": {"endpoint_url": settings.s3_endpoint}, "s3tables": {"endpoint_url": settings.gateway_url}}
    return {
        "aws_default": aws(platform, service_config=services),
        **{f"sftp_{user}": sftp(user) for user in SFTP_VENDORS},
        **{f"s3_{vendor}": aws(keys.pairs[vendor], endpoint_url=settings.s3_endpoint) for vendor in S3_VENDORS},
    }


def _processes(settings: Settings) -> list[Process]:
    return [Process(name=name, state=settings.state) for name in ("store", "gateway", "sftp")]


def _settings_by_port(settings: Settings, server: str) -> dict[int, str]:
    """Return the ports of one server, each with the name of its setting."""
    if server == "store":
        internal = dict.fromkeys(settings.internal_ports.values(), "GV_LOCAL_STORE_PORT")
        return {settings.s3_port: "GV_LOCAL_S3_PORT"} | internal
    if server == "gateway":
        return {settings.gateway_port: "GV_LOCAL_GATEWAY_PORT"}
    return {settings.sftp_port: "GV_LOCAL_SFTP_PORT"}


def _check_ports(settings: Settings, server: str) -> None:
    for port, setting in _settings_by_port(settings, server).items():
        if not is_free(port):
            raise StandInError(
                f"port {port} for the {server} is in use by another program. "
                f"Next: stop that program, or set {setting} to a free port."
            )


def _server_environment(settings: Settings) -> dict[str, str]:
    """Return the environment of the servers. AWS settings are removed: the store would use them as its admin's keys."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "S3_"))}
    return inherited | settings.to_environment() | {"PYTHONPATH": str(_REPOSITORY)}


def _wait_until_ready(settings: Settings, keys: Keys) -> None:
    checks: dict[str, Callable[[], bool]] = {
        "store": lambda: store.is_ready(settings, keys) and _is_listening(settings.internal_ports["catalog"]),
        "gateway": lambda: _is_listening(settings.gateway_port),
        "sftp": lambda: _is_listening(settings.sftp_port),
    }
    deadline = time.monotonic() + _READY_WITHIN_S
    for process in _processes(settings):
        while not checks[process.name]():
            process.require_running()
            if time.monotonic() > deadline:
                raise StandInError(f"{process.name} is not ready after a minute. Next: read {process.log}.")
            time.sleep(_POLL_S)
        process.require_running()


def _is_listening(port: int) -> bool:
    with closing(socket.socket()) as sock:
        sock.settimeout(1)
        return sock.connect_ex((HOST, port)) == 0
