"""The stand-in starts once, stops only its own servers, keeps its data, and does not reveal its secrets."""

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
from local.settings import HOST, Settings, StandInError, is_free, no_proxy_variables

REPOSITORY = Path(standin.__file__).parents[1]
PORT_SETTINGS = ("s3_port", "gateway_port", "sftp_port", "store_port")


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
    """The settings of a stand-in for one test, which is not started yet."""
    settings = Settings.with_free_ports(tmp_path / "state")
    yield settings
    standin.down(settings)


def _s3tables(settings: Settings):
    environment = standin.environment(settings)
    keys = Credentials(access_key=environment["AWS_ACCESS_KEY_ID"], secret_key=environment["AWS_SECRET_ACCESS_KEY"])
    account = Account.from_environment(environment, keys)
    return account.client("s3tables"), {"tableBucketARN": account.table_bucket_arn}


def test_up_starts_only_stopped_servers_and_down_keeps_the_data(settings: Settings) -> None:
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

    # A server that died is started again. The others keep running.
    os.kill(pids["gateway"], signal.SIGKILL)
    third = _run(settings, "up")
    assert third.stdout.splitlines()[0] == "started: gateway"
    assert standin.status(settings)["store"] == pids["store"]

    down = _run(settings, "down")
    assert (down.returncode, down.stdout.strip()) == (0, "stopped: sftp, gateway, store")
    assert all(is_free(port) for port in (settings.s3_port, settings.gateway_port, settings.sftp_port))
    assert not list(Path("/tmp").glob(f"seaweedfs-*-{settings.s3_port}.sock"))
    assert _run(settings, "down").stdout.strip() == "nothing was running"
    assert _run(settings, "status").returncode == 1

    # Data and keys are kept.
    standin.up(settings)
    client, bucket = _s3tables(settings)
    assert [summary["namespace"] for summary in client.list_namespaces(**bucket)["namespaces"]] == [["kept"]]
    assert _run(settings, "status").returncode == 0


@pytest.mark.parametrize("field", PORT_SETTINGS)
def test_up_names_a_busy_port_with_its_setting_and_starts_nothing(settings: Settings, field: str) -> None:
    with closing(socket.create_server((HOST, getattr(settings, field)))):
        result = _run(settings, "up")
    assert result.returncode == 1
    assert str(getattr(settings, field)) in result.stderr
    assert f"GV_LOCAL_{field.upper()}" in result.stderr
    assert not any(standin.status(settings).values())


def test_two_concurrent_ups_start_one_stand_in(settings: Settings) -> None:
    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(lambda _: _run(settings, "up"), range(2)))
    assert [result.returncode for result in results] == [0, 0]
    first_lines = sorted(result.stdout.splitlines()[0] for result in results)
    assert first_lines == ["already up", "started: store, gateway, sftp"]
    assert standin.down(settings) == ["sftp", "gateway", "store"]
    assert all(is_free(port) for port in (settings.s3_port, settings.gateway_port, settings.sftp_port))


def test_down_does_not_stop_another_process_with_the_same_pid(settings: Settings) -> None:
    settings.state.mkdir()
    with subprocess.Popen(["sleep", "60"]) as other_process:
        (settings.state / "gateway.pid").write_text(f"{other_process.pid} 1")
        assert standin.down(settings) == []
        assert other_process.poll() is None
        other_process.kill()


def test_up_reports_a_server_that_exits_while_starting_with_its_log(settings: Settings, monkeypatch) -> None:
    monkeypatch.setattr("local.store.command", lambda *_: [sys.executable, "-c", "print('no space left')"])
    with pytest.raises(StandInError, match=r"store exited while starting[\s\S]*no space left"):
        standin.up(settings)
    assert not any(standin.status(settings).values())


def test_usage_errors_exit_with_2_and_invalid_settings_with_1(settings: Settings) -> None:
    assert _run(settings, "sideways").returncode == 2
    assert _run(settings).returncode == 2
    invalid_port = subprocess.run(
        [sys.executable, "-m", "local", "status"],
        cwd=REPOSITORY,
        env=os.environ | {"GV_LOCAL_S3_PORT": "http"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (invalid_port.returncode, "GV_LOCAL_S3_PORT is not a port" in invalid_port.stderr) == (1, True)
    result = _run(settings, "env")
    assert (result.returncode, "never started. Next: ./gv local up" in result.stderr) == (1, True)


def test_up_ignores_the_shell_s_proxy_and_aws_profile(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"HTTP_PROXY": "http://127.0.0.1:9", "AWS_PROFILE": "no-such-profile"}.items():
        monkeypatch.setenv(name, value)
    assert "started: store, gateway, sftp" in _run(settings, "up").stdout


def test_the_shell_s_no_proxy_hosts_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.setenv("NO_PROXY", "vendor.example,127.0.0.1")
    assert no_proxy_variables() == dict.fromkeys(("NO_PROXY", "no_proxy"), "127.0.0.1,localhost,vendor.example")


def test_settings_survive_a_round_trip_through_the_environment(settings: Settings) -> None:
    assert Settings.from_environment(settings.to_environment()) == settings
    assert Settings.from_environment({}) == replace(Settings(), state=Settings().state.resolve())


def test_secret_files_have_mode_0600_and_logs_contain_no_secret(stand_in: Settings) -> None:
    for name in ("keys.json", "identities.json"):
        assert (stand_in.state / name).stat().st_mode & 0o777 == 0o600
    logs = "".join(path.read_text() for path in stand_in.state.glob("*.log"))
    secret = standin.environment(stand_in)["AWS_SECRET_ACCESS_KEY"]
    assert secret not in logs


def test_every_server_listens_on_loopback_only(stand_in: Settings) -> None:
    ports = {stand_in.s3_port, stand_in.gateway_port, stand_in.sftp_port, *stand_in.internal_ports.values()}
    addresses: dict[int, str] = {}
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        address, state = line.split()[1], line.split()[3]
        if state == "0A":
            addresses[int(address.split(":")[1], 16)] = address.split(":")[0]
    assert {addresses.get(port) for port in ports} == {"0100007F"}
    tcp6 = Path("/proc/net/tcp6")
    tcp6_addresses = [line.split()[1] for line in tcp6.read_text().splitlines()[1:]] if tcp6.exists() else []
    assert ports.isdisjoint(int(address.split(":")[1], 16) for address in tcp6_addresses)


def test_env_prints_valid_export_lines_and_airflow_connections(stand_in: Settings) -> None:
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
