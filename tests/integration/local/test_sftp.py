"""The vendors' SFTP server gives each vendor's key access to that vendor's folder, and to nothing else."""

from __future__ import annotations

import base64
import io
import json
from contextlib import suppress

import paramiko
import pytest

from local.settings import Settings
from local.sftp import root_folder


def _connection(environment: dict[str, str], user: str) -> dict:
    return json.loads(environment[f"AIRFLOW_CONN_SFTP_{user.upper()}"])


def _private_key(connection: dict) -> paramiko.PKey:
    return paramiko.Ed25519Key.from_private_key(io.StringIO(connection["extra"]["private_key"]))


@pytest.fixture
def connect(stand_in_environment):
    """Open an SFTP session as `user`, with the private key in the Airflow connection of the user `key_of`."""
    clients = []

    def call(user: str, *, key_of: str | None = None, host_key: str | None = None, **options) -> paramiko.SFTPClient:
        connection = _connection(stand_in_environment, key_of or user)
        algorithm, pinned = (host_key or connection["extra"]["host_key"]).split()
        client = paramiko.SSHClient()
        clients.append(client)
        name = f"[{connection['host']}]:{connection['port']}"
        key = paramiko.PKey.from_type_string(algorithm, base64.b64decode(pinned))
        client.get_host_keys().add(name, algorithm, key)
        client.set_missing_host_key_policy(paramiko.RejectPolicy())
        options = options or {"pkey": _private_key(connection)}
        client.connect(
            connection["host"], connection["port"], user, look_for_keys=False, allow_agent=False, timeout=10, **options
        )
        return client.open_sftp()

    yield call
    for client in clients:
        client.close()


def test_a_vendor_s_file_is_read_unchanged(connect, stand_in: Settings) -> None:
    content = bytes(range(256)) * 5000
    (root_folder(stand_in, "aiq") / "outgoing" / "V105_HH.txt.gz").write_bytes(content)
    sftp = connect("aiq")
    assert sftp.stat("/outgoing/V105_HH.txt.gz").st_size == len(content)
    with sftp.open("/outgoing/V105_HH.txt.gz") as file:
        file.prefetch(len(content))
        assert file.read() == content


def test_a_wrong_host_key_is_refused(connect, stand_in_environment) -> None:
    other = _private_key(_connection(stand_in_environment, "aiq"))
    with pytest.raises(paramiko.BadHostKeyException):
        connect("aiq", host_key=f"ssh-ed25519 {other.get_base64()}")


def test_another_vendor_s_key_is_refused(connect) -> None:
    with pytest.raises(paramiko.AuthenticationException):
        connect("aiq", key_of="healthwise")


def test_an_unknown_user_is_refused(connect) -> None:
    with pytest.raises(paramiko.AuthenticationException):
        connect("root", key_of="aiq")


def test_a_password_is_refused(connect) -> None:
    with pytest.raises(paramiko.SSHException):
        connect("aiq", password="aiq")


def test_a_vendor_can_access_only_its_own_folder(connect, stand_in: Settings) -> None:
    other = root_folder(stand_in, "healthwise")
    (other / "outgoing" / "other.zip").write_bytes(b"other")
    sftp = connect("aiq")
    assert sftp.listdir("/") == ["outgoing"]
    assert sftp.normalize("/..") == "/"
    for number, path in enumerate(("/../healthwise", "../../../healthwise", "../healthwise/outgoing", str(other))):
        with pytest.raises(FileNotFoundError):
            sftp.listdir(path)
        with suppress(OSError):
            sftp.symlink(path, f"/outgoing/escape_{number}")
        with pytest.raises(OSError, match="No such file"):
            sftp.listdir(f"/outgoing/escape_{number}")


def test_there_is_no_shell(connect) -> None:
    channel = connect("aiq").get_channel().get_transport().open_session()
    with pytest.raises(paramiko.SSHException):
        channel.exec_command("true")
