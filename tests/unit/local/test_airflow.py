"""The settings and the logins of the demo's Airflow."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from local.airflow import Airflow


def test_the_environment_sets_the_state_folder_and_the_port(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GV_AIRFLOW_STATE", str(tmp_path))
    monkeypatch.setenv("GV_AIRFLOW_PORT", "9000")
    assert Airflow.from_environment() == Airflow(state=tmp_path, port=9000)
    monkeypatch.delenv("GV_AIRFLOW_STATE")
    monkeypatch.delenv("GV_AIRFLOW_PORT")
    assert Airflow.from_environment() == Airflow()


def test_a_state_folder_without_a_viewer_gets_one_and_keeps_its_other_secrets(tmp_path: Path) -> None:
    airflow = Airflow(state=tmp_path)
    before = {"password": "old password", "jwt": "old jwt", "session": "old session"}
    (tmp_path / "secrets.json").write_text(json.dumps(before))
    (tmp_path / "passwords.json").write_text(json.dumps({"admin": "old password"}))

    user, password = airflow.viewer_login
    assert airflow.login == ("admin", "old password")
    assert json.loads((tmp_path / "passwords.json").read_text()) == {"admin": "old password", user: password}
    assert json.loads((tmp_path / "secrets.json").read_text()) == before | {"viewer": password}
    assert airflow.viewer_login == (user, password)
    for name in ("secrets.json", "passwords.json"):
        assert (tmp_path / name).stat().st_mode & 0o777 == 0o600
