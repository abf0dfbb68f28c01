"""Verification of a vendor's SFTP server and login, against the stand-in's SFTP server."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import paramiko
import pytest

from growth_verticals.errors import ConfigurationError, HostKeyChangedError, ServiceError, TransferError
from growth_verticals.hooks import sftp
from growth_verticals.hooks.sftp import open_sftp
from growth_verticals.landing.origins import SftpOrigin
from local.settings import is_free
from tests.faults.campaign.plan import Fault
from tests.faults.campaign.stream_proxy import StreamProxy

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def connection(stand_in_environment: dict[str, str]) -> dict[str, Any]:
    """The stand-in's connection to AIQ. Tests can change it."""
    return dict(json.loads(stand_in_environment["AIRFLOW_CONN_SFTP_AIQ"]))


def connect(monkeypatch: pytest.MonkeyPatch, connection: dict[str, Any]) -> list[str]:
    monkeypatch.setenv("AIRFLOW_CONN_SFTP_X", json.dumps(connection))
    with open_sftp("sftp_x", "feed") as client:
        return client.listdir("/")


def new_host_key() -> str:
    key = paramiko.ECDSAKey.generate()
    return f"{key.get_name()} {key.get_base64()}"


def test_a_server_with_the_pinned_key_is_accepted(monkeypatch: pytest.MonkeyPatch, connection: dict[str, Any]) -> None:
    assert connect(monkeypatch, connection) == ["outgoing"]


def test_a_server_with_another_key_is_refused_even_if_it_is_in_known_hosts(
    monkeypatch: pytest.MonkeyPatch, connection: dict[str, Any], tmp_path: Path
) -> None:
    ssh = tmp_path / ".ssh"
    ssh.mkdir()
    (ssh / "known_hosts").write_text(f"[127.0.0.1]:{connection['port']} {connection['extra']['host_key']}\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    connection["extra"]["host_key"] = new_host_key()
    with pytest.raises(HostKeyChangedError, match="host key"):
        connect(monkeypatch, connection)


def test_another_key_of_the_pinned_type_is_refused(monkeypatch: pytest.MonkeyPatch, connection: dict[str, Any]) -> None:
    key_type, key = connection["extra"]["host_key"].split()[:2]
    assert key_type == "ssh-ed25519"
    changed = key[:-4] + ("AAAA" if key[-4:] != "AAAA" else "BBBB")
    connection["extra"]["host_key"] = f"{key_type} {changed}"
    with pytest.raises(HostKeyChangedError, match="the server's host key is not the pinned one"):
        connect(monkeypatch, connection)


def test_a_refused_login_is_reported_without_the_private_key(
    monkeypatch: pytest.MonkeyPatch, connection: dict[str, Any]
) -> None:
    connection["login"] = "nobody"
    with pytest.raises(ConfigurationError, match="refuses our login") as raised:
        connect(monkeypatch, connection)
    assert "PRIVATE KEY" not in str(raised.value)


@pytest.mark.parametrize(
    ("extra", "message"),
    [({}, "no password and no key for our login"), ({"key_file": "/no/such/key"}, "key_file does not exist")],
)
def test_a_connection_that_cannot_log_in_is_not_a_server_that_does_not_answer(
    monkeypatch: pytest.MonkeyPatch, connection: dict[str, Any], extra: dict[str, str], message: str
) -> None:
    connection["extra"] = {"host_key": connection["extra"]["host_key"]} | extra
    connection["password"] = None
    with pytest.raises(ConfigurationError, match=message):
        connect(monkeypatch, connection)


def test_a_server_that_is_down_is_a_retryable_error(
    monkeypatch: pytest.MonkeyPatch, connection: dict[str, Any]
) -> None:
    port = next(port for port in range(20000, 32000) if is_free(port))
    with pytest.raises(ServiceError, match="does not answer"):
        connect(monkeypatch, connection | {"port": port})


def test_no_thread_is_left_after_the_connection_closes(
    monkeypatch: pytest.MonkeyPatch, connection: dict[str, Any]
) -> None:
    before = set(threading.enumerate())
    connect(monkeypatch, connection)
    with pytest.raises(ConfigurationError):
        connect(monkeypatch, connection | {"login": "nobody"})
    started = set(threading.enumerate()) - before
    for thread in started:
        thread.join(timeout=10)
    assert not any(thread.is_alive() for thread in started)


@pytest.mark.parametrize("kind", ["stall", "cut"])
def test_a_server_that_stalls_or_hangs_up_at_any_moment_is_a_retryable_error(
    monkeypatch: pytest.MonkeyPatch, connection: dict[str, Any], kind: str
) -> None:
    monkeypatch.setattr(sftp, "_CONNECT_TIMEOUT_S", 0.5)
    monkeypatch.setattr(sftp, "_STALL_TIMEOUT_S", 0.5)
    with closing_proxy(connection["port"]) as proxy:
        monkeypatch.setenv("AIRFLOW_CONN_SFTP_X", json.dumps(connection | {"port": proxy.port}))
        for piece in range(1, 40):
            proxy.arm(Fault(kind, "sftp", nth=piece))
            try:
                with open_sftp("sftp_x", "feed") as client:
                    assert SftpOrigin(client, "sftp_x", stalled_after_s=0.5).list("/outgoing") == []
            except (ServiceError, TransferError):
                assert proxy.met == 1
            else:
                break
        assert 5 < piece < 39  # the server sends that many pieces until the folder is listed


@contextmanager
def closing_proxy(port: int) -> Iterator[StreamProxy]:
    proxy = StreamProxy(port)
    try:
        yield proxy
    finally:
        proxy.stop()
