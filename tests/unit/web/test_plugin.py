"""The plugin's file is imported by every component of Airflow, so it is light. The pages work below any base URL."""

from __future__ import annotations

import ast
import runpy
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from fastapi.testclient import TestClient

from .html import Page

if TYPE_CHECKING:
    from fastapi import FastAPI

    from tests.airflow_history import History

PLUGIN = Path(__file__).resolve().parents[3] / "plugins" / "growth_verticals_plugin.py"


def test_the_plugin_imports_nothing_but_timetables_before_the_first_request() -> None:
    tree = ast.parse(PLUGIN.read_text(encoding="utf-8"))
    imported = {node.module for node in tree.body if isinstance(node, ast.ImportFrom)}
    imported |= {name.name for node in tree.body if isinstance(node, ast.Import) for name in node.names}
    light = {"__future__", "typing", "urllib.parse", "airflow.configuration", "airflow.plugins_manager"}
    assert imported == light | {"growth_verticals.timetables"}


@pytest.mark.parametrize(
    ("base_url", "prefix"), [("", ""), ("https://airflow.example", ""), ("https://data.example/airflow/", "/airflow")]
)
def test_pages_are_in_the_navigation_and_at_each_dag_and_run(
    monkeypatch: pytest.MonkeyPatch, base_url: str, prefix: str
) -> None:
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", base_url)
    views = runpy.run_path(str(PLUGIN))["GrowthVerticalsPlugin"].external_views
    assert {view["destination"]: view["href"] for view in views} == {
        "nav": f"{prefix}/deliveries/",
        "dag": f"{prefix}/deliveries/dags/{{DAG_ID}}",
        "dag_run": f"{prefix}/deliveries/dags/{{DAG_ID}}/runs/{{RUN_ID}}",
    }
    assert len({view["url_route"] for view in views}) == 3


def test_all_links_are_below_the_base_url(airflow_app: FastAPI, web: TestClient, history: History) -> None:
    below = TestClient(airflow_app, root_path="/airflow", cookies=dict(web.cookies), headers={"Accept": "text/html"})
    for path in ("/", "/sources/aiq_household/2026Q2", "/sources/aiq_household/load", "/dags/correct"):
        page = Page(below.get(f"/deliveries{path}").text)
        links = [link["href"] for tag in ("a", "link") for link in page.all(tag)]
        links += [form["action"] for form in page.all("form")]
        assert [link for link in links if not link.startswith(("/airflow/", "#"))] == []
