"""`./gv status` shows what a real Airflow knows."""

from __future__ import annotations

import json

import pytest

from growth_verticals.cli.__main__ import main
from growth_verticals.declarations import source_names
from local.airflow import Airflow


def test_status_shows_every_source_of_a_real_airflow(
    airflow: Airflow, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in airflow.connection().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    airflow.wait_for_dag("ls_corp")
    assert main(["status", "--json"]) in (0, 2)
    assert [row["source"] for row in json.loads(capsys.readouterr().out)["rows"]] == source_names()
    assert main(["status", "ls_corp"]) in (0, 2)
    assert "on demand" in capsys.readouterr().out
