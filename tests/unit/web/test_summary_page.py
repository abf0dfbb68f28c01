"""The panel on Airflow's home, and the numbers that it shows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import growth_verticals_plugin
from growth_verticals.status.states import STATES

if TYPE_CHECKING:
    from fastapi.testclient import TestClient

    from tests.airflow_history import History

    from .conftest import Login

pytestmark = pytest.mark.usefixtures("history")


@pytest.fixture
def summary(web: TestClient) -> Any:
    return web.get("/deliveries/summary.json").json()


def test_the_newest_delivery_of_each_source_is_counted_by_its_state(web: TestClient, summary: Any) -> None:
    rows = web.get("/deliveries/grid.json").json()["rows"]
    opened = {row["source"]: [cell for cell in row["cells"] if cell and cell["state"] != "not_open"] for row in rows}
    newest = {(cells[-1]["source"], cells[-1]["period"]): cells[-1]["state"] for cells in opened.values() if cells}
    counted = {
        (each["source"], each["period"]): state["state"] for state in summary["states"] for each in state["deliveries"]
    }
    assert counted == newest
    assert summary["sources"] == 14
    assert len(newest) == 13  # cml_nurse has never got a delivery


def test_a_state_has_its_sign_and_word(summary: Any) -> None:
    assert {state["state"]: (state["sign"], state["word"]) for state in summary["states"]}.items() <= STATES.items()


def test_the_causes_are_those_of_the_page_as_sentences(web: TestClient, summary: Any, history: History) -> None:
    causes = web.get("/deliveries/causes.json").json()["causes"]
    assert [cause["key"] for cause in summary["causes"]] == [cause["key"] for cause in causes]
    source, period = history.examples["failed"]
    [failed] = [cause for cause in summary["causes"] if (cause["source"], cause["period"]) == (source, period)]
    assert failed["text"].endswith("S3 Tables did not answer.")
    assert failed["next_step"]


def test_who_sees_no_source_gets_nothing(login: Login) -> None:
    summary = login("").get("/deliveries/summary.json").json()
    assert (summary["sources"], summary["states"], summary["causes"]) == (0, [], [])


def test_airflow_finds_the_panel_under_its_name(web: TestClient) -> None:
    [panel] = growth_verticals_plugin.GrowthVerticalsPlugin.react_apps
    assert panel["destination"] == "dashboard"
    answer = web.get(panel["bundle_url"])
    assert answer.headers["content-type"].startswith("text/javascript")
    assert f'const NAME = "{panel["name"]}";' in answer.text
    assert "globalThis[NAME] = " in answer.text
