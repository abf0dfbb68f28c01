"""Who is trusted to be the vendor, shown on the stand-in's SFTP server."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Any

import paramiko
import pytest

from growth_verticals.errors import ConfigurationError, ServiceError
from growth_verticals.hooks.sftp import open_sftp
from local.settings import is_free

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def connection(stand_in_environment: dict[str, str]) -> dict[str, Any]:
    """The stand-in's connection to AIQ, to be changed by a test."""
    return dict(json.loads(stand_in_environment["AIRFLOW_CONN_SFTP_AIQ"]))


def connect(monkeypatch: pytest.MonkeyPatch, connection: dict[str, Any]) -> list[str]:
    monkeypatch.setenv("AIRFLOW_CONN_SFTP_X", json.dumps(connection))
    with open_sftp("sftp_x", "feed") as client:
        return client.listdir("/")


def another_key() -> str:
    key = paramiko.ECDSAKey.generate()
    return f"{key.get_name()} {key.get_base64()}"


def test_the_pinned_server_is_talked_to(monkeypatch: pytest.MonkeyPatch, connection: dict[str, Any]) -> None:
    assert connect(monkeypatch, connection) == ["outgoing"]


def test_a_wrong_pin_refuses_a_server_that_this_machine_knows(
    monkeypatch: pytest.MonkeyPatch, connection: dict[str, Any], tmp_path: Path
) -> None:
    ssh = tmp_path / ".ssh"
    ssh.mkdir()
    (ssh / "known_hosts").write_text(f"[127.0.0.1]:{connection['port']} {connection['extra']['host_key']}\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    connection["extra"]["host_key"] = another_key()
    with pytest.raises(ConfigurationError, match="host key"):
        connect(monkeypatch, connection)


def test_another_key_of_the_same_kind_is_told_from_the_pinned_one(
    monkeypatch: pytest.MonkeyPatch, connection: dict[str, Any]
) -> None:
    kind, key = connection["extra"]["host_key"].split()[:2]
    assert kind == "ssh-ed25519"
    changed = key[:-4] + ("AAAA" if key[-4:] != "AAAA" else "BBBB")
    connection["extra"]["host_key"] = f"{kind} {changed}"
    with pytest.raises(ConfigurationError, match="another host key than the pinned one"):
        connect(monkeypatch, connection)


def test_a_user_whom_the_server_does_not_know_is_told_so(
    monkeypatch: pytest.MonkeyPatch, connection: dict[str, Any]
) -> None:
    connection["login"] = "nobody"
    with pytest.raises(ConfigurationError, match="refuses our login") as raised:
        connect(monkeypatch, connection)
    assert "PRIVATE KEY" not in str(raised.value)


def test_a_server_that_is_down_may_come_back(monkeypatch: pytest.MonkeyPatch, connection: dict[str, Any]) -> None:
    port = next(port for port in range(20000, 32000) if is_free(port))
    with pytest.raises(ServiceError, match="does not answer"):
        connect(monkeypatch, connection | {"port": port})


def test_no_thread_outlives_the_connection(monkeypatch: pytest.MonkeyPatch, connection: dict[str, Any]) -> None:
    before = set(threading.enumerate())
    connect(monkeypatch, connection)
    with pytest.raises(ConfigurationError):
        connect(monkeypatch, connection | {"login": "nobody"})
    started = set(threading.enumerate()) - before
    for thread in started:
        thread.join(timeout=10)
    assert not any(thread.is_alive() for thread in started)
