"""The interface of ./gv: help, exit codes, error messages, and that the README names every command."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from growth_verticals.cli.__main__ import COMMANDS, main

SOURCES = Path(__file__).resolve().parents[3] / "dags/sources"
README = (Path(__file__).resolve().parents[3] / "README.md").read_text(encoding="utf-8")


@pytest.fixture(autouse=True)
def no_account(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GV_LOCAL_STATE", str(tmp_path))
    for name in ("GV_TABLE_BUCKET_ARN", "GV_LANDING_URI"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def leads(tmp_path: Path) -> str:
    path = tmp_path / "leads.csv"
    path.write_text("first_name\nWillow\n")
    return str(path)


@pytest.mark.parametrize("command", [*COMMANDS, "local"])
def test_every_command_is_in_the_readme(command: str):
    assert f"./gv {command}" in README


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(command: str, capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as exit_info:
        main([command, "--help"])
    assert exit_info.value.code == 0
    assert "example: " in capsys.readouterr().out


def test_sources_lists_every_source_with_its_next_due_period(capsys: pytest.CaptureFixture[str]):
    assert main(["sources", "--json"]) == 0
    rows = {row["source"]: row for row in json.loads(capsys.readouterr().out)}
    assert set(rows) == {path.stem for path in SOURCES.glob("*.py")}
    assert rows["aiq_zip4"]["state"] == "paused"
    assert rows["statara_political"] | {"period_due_next": "", "due": ""} == {
        "source": "statara_political", "cadence": "monthly", "transport": "S3", "table": "statara.political",
        "period_due_next": "", "due": "", "state": "active",
    }  # fmt: skip
    assert rows["cml_nurse"]["period_due_next"] is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["load", "aiq_hous", "{file}"], "there is no source 'aiq_hous'; expected aiq_household"),
        (["load", "ls_corp", "{file}", "--period", "2026Q4"], "expected a period such as 2026-11-22 (on demand)"),
        (["load", "ls_corp", "{file}", "--period", "2026-02-30"], "the period does not parse"),
    ],
)
def test_an_unknown_source_or_period_exits_with_2(
    arguments: list[str], message: str, leads: str, capsys: pytest.CaptureFixture[str]
):
    assert main([argument.format(file=leads) for argument in arguments]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [[], ["lode"], ["load"], ["load", "ls_corp"], ["load", "ls_corp", "no-such.csv"],
     ["load", "ls_corp", "{file}", "--expect-rows", "-1"], ["load", "ls_corp", "{file}", "--expect-rows", "many"]],
)  # fmt: skip
def test_arguments_that_argparse_rejects_exit_with_2_too(arguments: list[str], leads: str):
    with pytest.raises(SystemExit) as exit_info:
        main([argument.format(file=leads) for argument in arguments])
    assert exit_info.value.code == 2


def test_without_an_account_the_error_names_the_missing_setting_and_the_next_step(
    leads: str, capsys: pytest.CaptureFixture[str]
):
    assert main(["load", "ls_corp", leads]) == 1
    assert "GV_TABLE_BUCKET_ARN is not set. Next: " in capsys.readouterr().err


def test_an_unexpected_error_is_reported_with_its_location_and_without_values(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    def fail(_: object) -> int:
        raise ValueError("Willow Rosenberg")

    monkeypatch.delenv("GV_DEBUG", raising=False)
    monkeypatch.setattr(COMMANDS["sources"], "run", fail)
    assert main(["sources"]) == 1
    error = capsys.readouterr().err
    assert f"unexpected ValueError in fail ({__file__}:" in error
    assert "Next: run it again" in error
    assert "Willow" not in error
    monkeypatch.setenv("GV_DEBUG", "1")
    with pytest.raises(ValueError, match="Willow"):
        main(["sources"])
