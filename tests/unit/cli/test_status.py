"""`./gv status` shows the grid of the Deliveries page in 80 columns, and says what a person must do."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from rich.cells import cell_len

from growth_verticals.cadence import Daily, Monthly, OnDemand, Quarterly
from growth_verticals.cli.__main__ import main
from growth_verticals.cli.status import report
from growth_verticals.errors import ConfigurationError, UnknownSourceError
from growth_verticals.status.causes import Cause, causes
from growth_verticals.status.facts import RunFacts
from growth_verticals.status.grid import Grid, GridRow, grid_row
from growth_verticals.status.states import STATES, DeliveryState
from tests.unit.status.facts import at, failed, failure, loaded, source

NOW = at("11-20 12:00")
#: As long as the longest names of sources.
NAMES = {"quarterly": "aiq_household", "monthly": "statara_digital_campaign", "daily": "popsycle_campaign_ad_log"}
SOURCES = [
    source(Daily(), name=NAMES["daily"]),
    source(OnDemand(), name="platinum_dermatology"),
    source(Monthly(), name=NAMES["monthly"]),
    source(Quarterly(), name=NAMES["quarterly"], since="2026Q1"),
]
BAD_NAME = "evil\x1b[31m\nname.csv"


def grid(*runs: RunFacts, **values: Any) -> Grid:
    rows = [
        grid_row(each, [run for run in runs if run.source == each.name], now=NOW, paused=False, **values)
        for each in SOURCES
    ]
    return Grid(made_at=NOW, rows=tuple(rows))


MONTH = replace(loaded(), source=NAMES["monthly"], period="2026-10")
QUARTER = replace(
    failed("refused"),
    failure=failure(message=f"{BAD_NAME}: too many rejects.", counts={"rows_rejected": 2_500}),
    source=NAMES["quarterly"],
    period="2026Q3",
)


def shown(capsys: pytest.CaptureFixture[str], grid: Grid, only: str | None = None) -> tuple[int, str]:
    code = report(grid, causes(grid), ["The table of x cannot be read."], only, as_json=False)
    return code, capsys.readouterr().out


def test_each_source_has_a_line_of_signs_below_its_periods(capsys: pytest.CaptureFixture[str]) -> None:
    _, output = shown(capsys, grid(MONTH, QUARTER))
    lines = output.splitlines()
    assert lines[:5] == [
        "quarterly                 25Q1 25Q2 25Q3 25Q4 26Q1 26Q2 26Q3 26Q4",
        "aiq_household                                 !    !    ✗    ·  due 01-04",
        "",
        "monthly                   12 01 02 03 04 05 06 07 08 09 10 11",
        "statara_digital_campaign                                ✓  ·  due 12-01",
    ]
    assert lines[6] == "daily                     2026-10-22          2026-11-20"


def test_the_legend_explains_the_signs_that_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    _, output = shown(capsys, grid(MONTH, QUARTER))
    legend = next(line for line in output.splitlines() if line.startswith("· not open"))
    assert legend == "· not open   ! late: pipeline   ✗ refused   ✓ loaded"


def test_what_needs_attention_says_why_and_what_to_do_next(capsys: pytest.CaptureFixture[str]) -> None:
    code, output = shown(capsys, grid(QUARTER), NAMES["quarterly"])
    assert code == 2
    refused, no_run, _, note = output.split("\n\n")[2:]
    assert refused.splitlines() == [
        "refused: aiq_household 2026Q3, since 11-03 10:00",
        "    evil\\x1b[31m\\nname.csv: too many rejects.",
        "    Next: look at the delivery, and ask the vendor for a corrected one",
    ]
    assert no_run.splitlines() == [
        "late: pipeline: aiq_household 2026Q2, since 07-01 06:00",
        "    No run was started, although it opened on 2026-07-01 06:00 New York.",
        "    Next: start a run for this period, and find out why the schedule did not",
    ]
    assert note == "The table of x cannot be read.\n"
    assert "statara" not in output


def test_the_exit_code_is_0_if_there_is_only_news(capsys: pytest.CaptureFixture[str]) -> None:
    news = replace(MONTH, committed_at=at("11-19 10:00"), load=replace(MONTH.load, rows_rejected=10))
    page = grid(news)
    page = replace(page, rows=tuple(row for row in page.rows if row.source == NAMES["monthly"]))
    assert [cause.kind for cause in causes(page)] == ["rejects_over"]
    code, output = shown(capsys, page)
    assert code == 0
    assert "rejects over the limit: statara_digital_campaign 2026-10" in output


def test_every_line_fits_80_columns_whatever_the_states_are(capsys: pytest.CaptureFixture[str]) -> None:
    page = grid()

    def with_states(row: GridRow) -> GridRow:
        cells = [
            DeliveryState(source=row.source, period=period, state=list(STATES)[index % len(STATES)], text="A text.")
            for index, period in enumerate(row.periods)
        ]
        return replace(row, cells=tuple(cells), paused=row.cadence == "daily")

    page = replace(page, rows=tuple(with_states(row) for row in page.rows))
    long = Cause(kind="gap", source="aiq_household", period="2026Q3", text="word " * 100, key="k", since=NOW)
    report(page, [long], [], None, as_json=False)
    lines = capsys.readouterr().out.splitlines()
    assert 75 < max(cell_len(line) for line in lines) <= 80
    assert all(sign in "".join(lines) for sign, _ in STATES.values())


def test_json_has_the_grid_and_what_needs_attention(capsys: pytest.CaptureFixture[str]) -> None:
    page = grid(QUARTER)
    assert report(page, causes(page), ["x"], NAMES["quarterly"], as_json=True) == 2
    document = json.loads(capsys.readouterr().out)
    assert [row["source"] for row in document["rows"]] == [NAMES["quarterly"]]
    assert {cause["source"] for cause in document["causes"]} == {NAMES["quarterly"]}
    assert document["notes"] == ["x"]
    assert Grid.from_json(document).rows == tuple(row for row in page.rows if row.source == NAMES["quarterly"])


def test_a_source_that_airflow_does_not_show_is_an_error() -> None:
    with pytest.raises(UnknownSourceError):
        report(grid(), [], [], "no_such_source", as_json=False)
    with pytest.raises(ConfigurationError, match="Airflow does not show ls_corp"):
        report(grid(), [], [], "ls_corp", as_json=False)


def test_without_a_connection_the_error_names_the_audit(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Any
) -> None:
    monkeypatch.setenv("GV_LOCAL_STATE", str(tmp_path))
    monkeypatch.delenv("AIRFLOW_CONN_AIRFLOW_API", raising=False)
    assert main(["status"]) == 1
    error = capsys.readouterr().err
    assert "set AIRFLOW_CONN_AIRFLOW_API" in error
    assert "`./gv audit`" in error


def test_a_connection_that_is_not_json_is_an_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Any
) -> None:
    monkeypatch.setenv("GV_LOCAL_STATE", str(tmp_path))
    monkeypatch.setenv("AIRFLOW_CONN_AIRFLOW_API", '{"password": "s3cret"')
    assert main(["status"]) == 1
    error = capsys.readouterr().err
    assert "AIRFLOW_CONN_AIRFLOW_API is not valid JSON" in error
    assert "s3cret" not in error
