"""The stand-in starts once, stops what it started and nothing else, and keeps its data and its secrets to itself."""

from __future__ import annotations

import json
import os
import shlex
import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from growth_verticals.account import Account, Credentials
from local import standin
from local.settings import HOST, Settings, StandInError, is_free, past_proxies

REPOSITORY = Path(standin.__file__).parents[1]
EVERY_PORT = ("s3_port", "gateway_port", "sftp_port", "store_port")


def _run(settings: Settings, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "local", *arguments],
        cwd=REPOSITORY,
        env=os.environ | settings.to_environment(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture
def settings(tmp_path: Path):
    """A stand-in of the test's own, not yet started."""
    settings = Settings.with_free_ports(tmp_path / "state")
    yield settings
    standin.down(settings)


def _s3tables(settings: Settings):
    environment = standin.environment(settings)
    keys = Credentials(access_key=environment["AWS_ACCESS_KEY_ID"], secret_key=environment["AWS_SECRET_ACCESS_KEY"])
    account = Account.from_environment(environment, keys)
    return account.client("s3tables"), {"tableBucketARN": account.table_bucket_arn}


def test_up_twice_down_and_up_again(settings: Settings) -> None:
    first = _run(settings, "up")
    assert (first.returncode, first.stdout.splitlines()[0]) == (0, "started: store, gateway, sftp"), first.stderr
    pids = standin.status(settings)
    second = _run(settings, "up")
    assert (second.returncode, second.stdout.splitlines()[0]) == (0, "already up")
    assert standin.status(settings) == pids

    client, bucket = _s3tables(settings)
    defaults = client.get_table_bucket_maintenance_configuration(**bucket)["configuration"]
    assert defaults["icebergUnreferencedFileRemoval"]["settings"] == {
        "icebergUnreferencedFileRemoval": {"unreferencedDays": 3, "nonCurrentDays": 10}
    }
    client.create_namespace(**bucket, namespace=["kept"])

    # A part that died is started again; the others stay.
    os.kill(pids["gateway"], signal.SIGKILL)
    again = _run(settings, "up")
    assert again.stdout.splitlines()[0] == "started: gateway"
    assert standin.status(settings)["store"] == pids["store"]

    down = _run(settings, "down")
    assert (down.returncode, down.stdout.strip()) == (0, "stopped: sftp, gateway, store")
    assert all(is_free(port) for port in (settings.s3_port, settings.gateway_port, settings.sftp_port))
    assert not list(Path("/tmp").glob(f"seaweedfs-*-{settings.s3_port}.sock"))
    assert _run(settings, "down").stdout.strip() == "nothing was running"
    assert _run(settings, "status").returncode == 1

    # Data and keys outlive it.
    standin.up(settings)
    client, bucket = _s3tables(settings)
    assert [found["namespace"] for found in client.list_namespaces(**bucket)["namespaces"]] == [["kept"]]
    assert _run(settings, "status").returncode == 0


@pytest.mark.parametrize("field", EVERY_PORT)
def test_a_busy_port_is_named_with_its_setting_and_nothing_is_started(settings: Settings, field: str) -> None:
    with closing(socket.create_server((HOST, getattr(settings, field)))):
        answer = _run(settings, "up")
    assert answer.returncode == 1
    assert str(getattr(settings, field)) in answer.stderr
    assert f"GV_LOCAL_{field.upper()}" in answer.stderr
    assert not any(standin.status(settings).values())


def test_two_ups_at_once_start_one_stand_in(settings: Settings) -> None:
    with ThreadPoolExecutor(2) as pool:
        both = list(pool.map(lambda _: _run(settings, "up"), range(2)))
    assert [answer.returncode for answer in both] == [0, 0]
    assert sorted(answer.stdout.splitlines()[0] for answer in both) == ["already up", "started: store, gateway, sftp"]
    assert standin.down(settings) == ["sftp", "gateway", "store"]
    assert all(is_free(port) for port in (settings.s3_port, settings.gateway_port, settings.sftp_port))


def test_down_does_not_end_a_process_that_got_the_same_id(settings: Settings) -> None:
    settings.state.mkdir()
    with subprocess.Popen(["sleep", "60"]) as stranger:
        (settings.state / "gateway.pid").write_text(f"{stranger.pid} 1")
        assert standin.down(settings) == []
        assert stranger.poll() is None
        stranger.kill()


def test_a_part_that_ends_while_starting_is_told_with_its_log(settings: Settings, monkeypatch) -> None:
    monkeypatch.setattr("local.store.command", lambda *_: [sys.executable, "-c", "print('no space left')"])
    with pytest.raises(StandInError, match=r"store ended while starting[\s\S]*no space left"):
        standin.up(settings)
    assert not any(standin.status(settings).values())


def test_wrong_usage_and_wrong_settings(settings: Settings) -> None:
    assert _run(settings, "sideways").returncode == 2
    assert _run(settings).returncode == 2
    wrong = subprocess.run(
        [sys.executable, "-m", "local", "status"],
        cwd=REPOSITORY,
        env=os.environ | {"GV_LOCAL_S3_PORT": "http"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (wrong.returncode, "GV_LOCAL_S3_PORT is not a port" in wrong.stderr) == (1, True)
    answer = _run(settings, "env")
    assert (answer.returncode, "never started. Next: ./gv local up" in answer.stderr) == (1, True)


def test_it_starts_in_a_shell_with_a_proxy_and_a_profile_of_another_account(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"HTTP_PROXY": "http://127.0.0.1:9", "AWS_PROFILE": "no-such-profile"}.items():
        monkeypatch.setenv(name, value)
    assert "started: store, gateway, sftp" in _run(settings, "up").stdout


def test_hosts_that_the_shell_keeps_from_its_proxy_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.setenv("NO_PROXY", "vendor.example,127.0.0.1")
    assert past_proxies() == dict.fromkeys(("NO_PROXY", "no_proxy"), "127.0.0.1,localhost,vendor.example")


def test_settings_come_back_from_their_own_environment(settings: Settings) -> None:
    assert Settings.from_environment(settings.to_environment()) == settings
    assert Settings.from_environment({}) == replace(Settings(), state=Settings().state.resolve())


def test_secrets_are_private(stand_in: Settings) -> None:
    for name in ("keys.json", "identities.json"):
        assert (stand_in.state / name).stat().st_mode & 0o777 == 0o600
    logs = "".join(path.read_text() for path in stand_in.state.glob("*.log"))
    secret = standin.environment(stand_in)["AWS_SECRET_ACCESS_KEY"]
    assert secret not in logs


def test_everything_listens_on_loopback_alone(stand_in: Settings) -> None:
    mine = {stand_in.s3_port, stand_in.gateway_port, stand_in.sftp_port, *stand_in.internal_ports.values()}
    addresses: dict[int, str] = {}
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        address, state = line.split()[1], line.split()[3]
        if state == "0A":
            addresses[int(address.split(":")[1], 16)] = address.split(":")[0]
    assert {addresses.get(port) for port in mine} == {"0100007F"}
    six = Path("/proc/net/tcp6")
    listening = [line.split()[1] for line in six.read_text().splitlines()[1:]] if six.exists() else []
    assert mine.isdisjoint(int(address.split(":")[1], 16) for address in listening)


def test_env_prints_what_a_shell_and_airflow_read(stand_in: Settings) -> None:
    as_json = json.loads(_run(stand_in, "env", "--json").stdout)
    lines = _run(stand_in, "env").stdout
    exported = dict(
        line.removeprefix("export ").split("=", 1) for line in shlex.split(lines, comments=False) if "=" in line
    )
    assert exported == as_json == standin.environment(stand_in)
    for name, value in as_json.items():
        if name.startswith("AIRFLOW_CONN_"):
            assert json.loads(value)["conn_type"] in ("aws", "sftp")
    extra = json.loads(as_json["AIRFLOW_CONN_SFTP_AIQ"])["extra"]
    assert extra["host_key"].startswith("ssh-ed25519 ")
    assert "no_host_key_check" not in extra
