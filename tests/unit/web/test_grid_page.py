"""The grid: which deliveries came, which are late, and what needs attention."""

from __future__ import annotations

from threading import BoundedSemaphore
from typing import TYPE_CHECKING

import pytest
from airflow.models import DagModel
from airflow.utils.session import create_session
from sqlalchemy import update

from growth_verticals.status.causes import Cause
from growth_verticals.status.grid import Grid
from growth_verticals.status.states import STATES
from growth_verticals.web import asking

from .html import Page, assert_harmless

if TYPE_CHECKING:
    from fastapi.testclient import TestClient

    from tests.airflow_history import History


@pytest.fixture
def grid(web: TestClient, history: History) -> Page:
    return Page(web.get("/deliveries/").text)


def cells(page: Page) -> dict[str, dict[str, str]]:
    """Return `source/period` → the link of its cell."""
    links = [link for link in page.all("a") if "cell" in link.get("class", "")]
    return {link["href"].removeprefix("/deliveries/sources/"): link for link in links}


def test_every_state_is_shown_by_sign_word_and_color(grid: Page, history: History) -> None:
    shown = cells(grid)
    for state in STATES.keys() & history.examples.keys() - {"undone", "by_hand"}:  # those stand in the tables only
        link = shown["/".join(history.examples[state])]
        assert f"s-{state}" in link["class"].split()
        assert STATES[state][1] in link["title"]  # type: ignore[index]
    for state, (sign, word) in STATES.items():
        assert f"{sign}{word}" in grid.text.partition("Legend")[2].replace(" ", "") or word in grid.text
        assert sign in grid.text
        assert {"class": f"state s-{state}"} in grid.all("span")


def test_quarters_months_and_days_are_one_table_each_the_newest_period_first(grid: Page) -> None:
    tables = [table["class"] for table in grid.all("table")]
    assert tables == ["grid quarters", "grid months", "grid days"]
    text = grid.text.partition("Quarters")[2]
    assert text.index("2026Q4") < text.index("2026Q3") < text.index("2025Q1")
    assert "2024Q4" not in text
    assert len([cell for cell in cells(grid) if cell.startswith("popsycle_intent_triggers/")]) == 30


def test_a_cell_says_its_rows_and_the_change_and_opens_the_delivery(
    web: TestClient, grid: Page, history: History
) -> None:
    link = cells(grid)["aiq_household/2026Q2"]
    assert link["title"].startswith("aiq_household 2026Q2: loaded with rejects. Loaded 290,000 rows; 500 rejected.\n+")
    assert link["title"].endswith("% rows against 2026Q1")
    assert "290k" in grid.text
    assert web.get(link["href"]).status_code == 200


def test_what_needs_attention_says_the_next_step_and_links_to_the_delivery(grid: Page, history: History) -> None:
    attention = grid.text.partition("What needs attention")[2].partition("Quarters")[0]
    assert "Next: ask the vendor" in attention
    for example in ("refused", "late_pipeline", "needs_approval", "unexplained", "host_key_changed"):
        assert " ".join(history.examples[example]) in attention
        assert {"href": f"/deliveries/sources/{'/'.join(history.examples[example])}"} in grid.all("a")


def test_each_row_comes_again_with_what_the_table_holds(web: TestClient, grid: Page) -> None:
    rows = [row["data-fragment"] for row in grid.all("tr") if "data-fragment" in row]
    assert len(rows) == 14
    answer = web.get("/deliveries/sources/causeway/row?tables=1")
    assert answer.text.strip().startswith("<tr")
    assert answer.text.strip().endswith("</tr>")
    assert "/deliveries/sources/causeway/row?tables=1" in rows


def test_an_unreadable_account_is_a_note_and_the_rest_is_shown(web: TestClient, history: History) -> None:
    row = Page(web.get("/deliveries/sources/aiq_household/row?tables=1").text)
    [attributes] = row.all("tr")
    assert attributes["data-note"].startswith("What the tables hold cannot be read: GV_TABLE_BUCKET_ARN is not set.")
    assert "data-fragment" not in attributes  # or it would be loaded for ever
    assert "aiq_household/2026Q2" in cells(row)
    page = web.get("/deliveries/?tables=1")
    assert page.status_code == 200
    assert "What the tables hold cannot be read" in page.text


def test_when_too_many_pages_ask_the_catalog_others_are_shown_without_it(
    web: TestClient, history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "_WAIT_S", 0.01)
    monkeypatch.setattr(asking, "_asking", BoundedSemaphore(1))
    with asking._asking:
        row = Page(web.get("/deliveries/sources/aiq_household/row?tables=1").text)
    assert "too many pages wait for an answer" in row.all("tr")[0]["data-note"]


def test_the_grid_and_the_causes_are_the_same_as_json(web: TestClient, grid: Page, history: History) -> None:
    answer = web.get("/deliveries/grid.json").json()
    read = Grid.from_json(answer)
    assert (len(read.rows), read.tables_read, answer["notes"]) == (14, False, [])
    shown = {f"{state.source}/{state.period}": state for row in read.rows for state in row.cells if state}
    assert shown.keys() == cells(grid).keys()
    assert all(f"s-{state.state}" in cells(grid)[cell]["class"] for cell, state in shown.items())
    causes = [Cause.from_json(each) for each in web.get("/deliveries/causes.json").json()["causes"]]
    assert {(cause.source, cause.period) for cause in causes if cause.kind == "refused"} >= {
        history.examples["refused"]
    }
    assert web.get("/deliveries/grid.json?tables=1").json()["notes"] != []


def test_the_tab_of_a_dag_is_its_sources_and_of_another_dag_a_sentence(web: TestClient, history: History) -> None:
    tab = web.get("/deliveries/dags/aiq_household", follow_redirects=True)
    assert tab.status_code == 200
    assert "2026Q2" in tab.text
    assert (
        "The DAG correct is of no source, so it has no deliveries."
        in Page(web.get("/deliveries/dags/correct").text).text
    )
    assert web.get("/deliveries/dags/no_such_dag").status_code == 200


def test_the_tab_of_a_run_is_its_delivery(web: TestClient, history: History) -> None:
    source, period = history.examples["refused"]
    [run] = [
        state.run_id
        for row in Grid.from_json(web.get("/deliveries/grid.json").json()).rows
        for state in row.cells
        if state and (state.source, state.period) == (source, period)
    ]
    response = web.get(f"/deliveries/dags/{source}/runs/{run}")
    assert response.headers["location"] == f"/deliveries/sources/{source}/{period}?run={run}"
    assert web.get(response.headers["location"]).status_code == 200


def test_the_tab_of_a_correction_is_the_delivery_that_it_corrects(web: TestClient, history: History) -> None:
    source, period = history.examples["restated"]
    page = Page(web.get(f"/deliveries/sources/{source}/{period}").text)
    [path, *_] = {
        link["data-airflow-path"] for link in page.all("a") if "/dags/correct/" in link.get("data-airflow-path", "")
    }
    run_id = path.split("/")[4]
    response = web.get(f"/deliveries/dags/correct/runs/{run_id}")
    assert response.headers["location"] == f"/deliveries/sources/{source}/{period}"


def test_an_empty_history_looks_right(web: TestClient, history: History) -> None:
    page = Page(web.get("/deliveries/?source=cml_nurse").text)
    assert "Nothing: no delivery is late, refused or waiting for an answer." in page.text
    assert cells(page) == {}


def test_a_paused_source_says_so(web: TestClient, history: History) -> None:
    with create_session() as session:
        session.execute(update(DagModel).where(DagModel.dag_id == "aiq_b2b").values(is_paused=True))
    text = Page(web.get("/deliveries/?source=aiq_b2b").text).text
    assert "aiq_b2b paused" in text


def test_what_vendors_chose_is_only_text(grid: Page) -> None:
    assert_harmless(grid)
    assert "<img src=x onerror=alert(document.cookie)>.csv" in grid.text
