"""Start, stop and describe the stand-in as a whole: the store, the gateway in front of it, the SFTP server."""

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
    past_proxies,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_REPOSITORY = Path(__file__).resolve().parent.parent
_READY_WITHIN_S = 60.0
_POLL_S = 0.1


def up(settings: Settings) -> list[str]:
    """Start what does not run yet, wait until all answers, and return the names of what was started.

    From then on this process calls the machine itself past any proxy. Raises `StandInError` for a busy port, naming it
    and its setting, before anything is started; and when a part ends while starting or is not ready within a minute.
    """
    os.environ.update(past_proxies())
    with _alone(settings):
        return _up(settings)


def down(settings: Settings) -> list[str]:
    """End what `up` started, and only that; return the names of what ran. The data stay."""
    if not settings.state.exists():
        return []
    with _alone(settings):
        stopped = [process.name for process in reversed(_processes(settings)) if process.stop()]
        if "store" in stopped:
            store.remove_sockets(settings)
        return stopped


def status(settings: Settings) -> dict[str, int | None]:
    """Return each part's pid, or None for a part that does not run."""
    return {process.name: process.pid for process in _processes(settings)}


def environment(settings: Settings | None = None) -> dict[str, str]:
    """Return what points the platform at the stand-in: AWS's and our own variables, and Airflow's connections.

    Raises `StandInError` when it was never started, as its keys do not exist then.
    """
    settings = settings or Settings.from_environment()
    if not (settings.state / "keys.json").exists():
        raise StandInError("the stand-in was never started. Next: ./gv local up.")
    keys = Keys.of(settings.state)
    platform = keys.pairs[PLATFORM]
    account = {
        "AWS_REGION": REGION,
        "AWS_ACCESS_KEY_ID": platform.access_key,
        "AWS_SECRET_ACCESS_KEY": platform.secret_key,
        "AWS_ENDPOINT_URL_S3": settings.s3_endpoint,
        "AWS_ENDPOINT_URL_S3TABLES": settings.gateway,
        "GV_CATALOG_URI": f"{settings.gateway}/iceberg",
        "GV_TABLE_BUCKET_ARN": TABLE_BUCKET_ARN,
        "GV_LANDING_URI": f"s3://{LANDING_BUCKET}",
        **past_proxies(),
    }
    connections = _connections(settings, keys)
    return account | {f"AIRFLOW_CONN_{name.upper()}": json.dumps(value) for name, value in connections.items()}


@contextmanager
def running(state: Path) -> Iterator[Settings]:
    """Run a stand-in on free ports with its state in `state`, and end it and remove the state afterwards."""
    settings = Settings.with_free_ports(state)
    try:
        up(settings)
        yield settings
    finally:
        down(settings)
        shutil.rmtree(state, ignore_errors=True)


def _up(settings: Settings) -> list[str]:
    keys = Keys.of(settings.state)
    commands = {
        "store": store.command(settings, keys),
        "gateway": [sys.executable, "-m", "local.gateway"],
        "sftp": [sys.executable, "-m", "local.sftp"],
    }
    missing = [process for process in _processes(settings) if process.pid is None]
    for process in missing:
        _check_ports(settings, process.name)
    for process in missing:
        process.start(commands[process.name], _child_environment(settings), _REPOSITORY)
    try:
        _wait_until_ready(settings, keys)
    except StandInError:
        for process in missing:
            process.stop()
        raise
    return [process.name for process in missing]


@contextmanager
def _alone(settings: Settings) -> Iterator[None]:
    """Hold other commands on the same stand-in off: one would take the other's half-started parts for strangers."""
    settings.state.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (settings.state / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _connections(settings: Settings, keys: Keys) -> dict[str, dict[str, Any]]:
    def aws(owner: str, **extra: object) -> dict[str, Any]:
        pair = keys.pairs[owner]
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

    services = {"s3": {"endpoint_url": settings.s3_endpoint}, "s3tables": {"endpoint_url": settings.gateway}}
    return {
        "aws_default": aws(PLATFORM, service_config=services),
        **{f"sftp_{user}": sftp(user) for user in SFTP_VENDORS},
        **{f"s3_{vendor}": aws(vendor, endpoint_url=settings.s3_endpoint) for vendor in S3_VENDORS},
    }


def _processes(settings: Settings) -> list[Process]:
    return [Process(name=name, state=settings.state) for name in ("store", "gateway", "sftp")]


def _ports(settings: Settings, part: str) -> dict[int, str]:
    """Return the ports of one part, with the setting of each."""
    if part == "store":
        internal = dict.fromkeys(settings.internal_ports.values(), "GV_LOCAL_STORE_PORT")
        return {settings.s3_port: "GV_LOCAL_S3_PORT"} | internal
    if part == "gateway":
        return {settings.gateway_port: "GV_LOCAL_GATEWAY_PORT"}
    return {settings.sftp_port: "GV_LOCAL_SFTP_PORT"}


def _check_ports(settings: Settings, part: str) -> None:
    for port, setting in _ports(settings, part).items():
        if not is_free(port):
            raise StandInError(
                f"port {port} for the {part} is in use by another program. "
                f"Next: stop that program, or set {setting} to a free port."
            )


def _child_environment(settings: Settings) -> dict[str, str]:
    """Return our own environment without AWS settings, which the store would take for its administrator's."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "S3_"))}
    return kept | settings.to_environment() | {"PYTHONPATH": str(_REPOSITORY)}


def _wait_until_ready(settings: Settings, keys: Keys) -> None:
    checks: dict[str, Callable[[], bool]] = {
        "store": lambda: store.is_ready(settings, keys) and _listens(settings.internal_ports["catalog"]),
        "gateway": lambda: _listens(settings.gateway_port),
        "sftp": lambda: _listens(settings.sftp_port),
    }
    until = time.monotonic() + _READY_WITHIN_S
    for process in _processes(settings):
        while not checks[process.name]():
            process.require()
            if time.monotonic() > until:
                raise StandInError(f"{process.name} is not ready after a minute. Next: look at {process.log}.")
            time.sleep(_POLL_S)
        process.require()


def _listens(port: int) -> bool:
    with closing(socket.socket()) as sock:
        sock.settimeout(1)
        return sock.connect_ex((HOST, port)) == 0
