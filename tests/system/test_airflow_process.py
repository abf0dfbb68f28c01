"""The Airflow process of the demo: access control, and messages when it cannot start."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import httpx
import pytest

from local.airflow import Airflow
from local.settings import HOST, StandInError

if TYPE_CHECKING:
    from pathlib import Path


def test_a_busy_port_is_reported_before_anything_starts(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind((HOST, 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(StandInError, match=f"port {port} .* GV_AIRFLOW_PORT"):
            Airflow(state=tmp_path / "airflow", port=port).up({})
    assert not (tmp_path / "airflow").exists()


@pytest.mark.parametrize("text", ["http", "80", "70000"])
def test_an_invalid_port_is_reported(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("GV_AIRFLOW_PORT", text)
    with pytest.raises(StandInError, match="GV_AIRFLOW_PORT"):
        Airflow.from_environment()


def test_access_requires_the_generated_password(airflow: Airflow) -> None:
    assert httpx.get(f"{airflow.url}/api/v2/dags").status_code == 401
    user, password = airflow.login
    wrong = {"username": user, "password": password[:-1]}
    assert httpx.post(f"{airflow.url}/auth/token", json=wrong).status_code == 401
    for name in ("secrets.json", "passwords.json"):
        assert (airflow.state / name).stat().st_mode & 0o777 == 0o600


def test_starting_it_again_finds_it_running(airflow: Airflow) -> None:
    assert airflow.up({}) is False
