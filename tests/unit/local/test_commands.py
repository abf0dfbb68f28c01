"""The messages of the stand-in's commands when they fail or are interrupted."""

from __future__ import annotations

import os
from pathlib import Path

import httpx
import pytest

from local import demo
from local.__main__ import _demo_airflow, main
from local.airflow import Airflow
from local.settings import Settings


@pytest.mark.parametrize(
    ("error", "exit_code", "message"),
    [
        (httpx.ConnectError("connection refused"), 1, "local: Airflow failed: connection refused. Next: read "),
        (KeyboardInterrupt(), 130, "local: interrupted; the servers that were started keep running. Next: make stop"),
    ],
)
def test_a_demo_that_fails_or_is_interrupted_says_what_to_do_next(
    error: BaseException,
    exit_code: int,
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(_: object) -> int:
        raise error

    monkeypatch.setattr(os, "environ", dict(os.environ))
    monkeypatch.setattr(demo, "demo", fail)
    assert main(["demo"]) == exit_code
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(("state", "is_running"), [("default", True), ("default", False), ("other", True)])
def test_the_settings_have_the_connection_to_the_demos_airflow_while_it_runs(
    state: str, is_running: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    airflow = Airflow(state=tmp_path / "airflow", port=8080)
    monkeypatch.setattr(Airflow, "is_running", is_running)
    monkeypatch.setattr(Airflow, "from_environment", lambda: airflow)
    settings = Settings() if state == "default" else Settings(state=tmp_path)
    connection = _demo_airflow(settings)
    assert connection == (airflow.connection() if state == "default" and is_running else {})
