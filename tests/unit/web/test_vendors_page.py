"""The scorecard of each vendor by quarter: as a page, and as CSV with the same numbers."""

from __future__ import annotations

import csv
from dataclasses import replace
from io import StringIO
from typing import TYPE_CHECKING

import pytest
from airflow.utils.session import create_session

from growth_verticals.declarations import find_source
from growth_verticals.files.export import csv_line
from growth_verticals.status.scorecard import Score, scorecard
from growth_verticals.web import airflow_db

from .conftest import NOW
from .html import Page, assert_harmless

if TYPE_CHECKING:
    from fastapi.testclient import TestClient

    from .conftest import Login

pytestmark = pytest.mark.usefixtures("history")


def scores(source: str) -> list[Score]:
    with create_session() as session:
        runs = airflow_db.read_runs([source], session=session)[source]
    return scorecard(find_source(source), runs, now=NOW)


def shown_as(score: Score) -> str:
    """Return a row of the page as its text."""
    on_time = f"{score.on_time} of {score.judged}" if score.judged else "–"
    if score.on_time < score.judged:
        on_time += f" {score.on_time / score.judged * 100:.0f} %"
    latest = f"{score.worst_late_days:.1f} days" if score.worst_late_days else "0" if score.judged else "–"
    rejected = "–" if score.reject_share is None else f"{score.reject_share:.2%}"
    counts = f"{score.restatements} {score.refused} {score.drift} {score.gaps}"
    return f"{score.source} {score.deliveries} {on_time} {latest} {score.rows_read:,} {rejected} {counts}"


def test_each_source_has_its_scores_by_quarter(web: TestClient) -> None:
    text = Page(web.get("/deliveries/vendors").text).text
    for source in ("aiq_b2b", "popsycle_intent_triggers", "causeway", "statara_political"):
        assert scores(source)
        for score in scores(source):
            assert shown_as(score) in text


def test_a_vendor_with_several_sources_has_their_sum(web: TestClient) -> None:
    text = Page(web.get("/deliveries/vendors", params={"vendor": "popsycle"}).text).text
    ads, intents = scores("popsycle_campaign_ad_log")[0], scores("popsycle_intent_triggers")[0]
    assert ads.quarter == intents.quarter == "2026Q4"
    counts = (
        "deliveries",
        "judged",
        "on_time",
        "restatements",
        "refused",
        "drift",
        "gaps",
        "rows_read",
        "rows_rejected",
    )
    summed = replace(
        ads,
        source="all sources",
        worst_late_days=max(ads.worst_late_days, intents.worst_late_days),
        **{name: getattr(ads, name) + getattr(intents, name) for name in counts},
    )
    assert f"2026Q4 {shown_as(summed)} {shown_as(ads)} {shown_as(intents)}" in text
    assert "all sources" not in Page(web.get("/deliveries/vendors", params={"vendor": "stirista"}).text).text


def test_one_vendor_is_shown_without_the_others(web: TestClient) -> None:
    shown = Page(web.get("/deliveries/vendors", params={"vendor": "aiq"}).text)
    assert [section["aria-labelledby"] for section in shown.all("section", class_="vendor")] == ["v-aiq"]
    assert "Whom to ask: the AIQ account manager." in shown.text
    assert "popsycle_" not in shown.text
    assert_harmless(shown)


def test_a_vendor_without_runs_says_so(web: TestClient) -> None:
    text = Page(web.get("/deliveries/vendors", params={"vendor": "cml"}).text).text
    assert "No run has looked for a delivery in these quarters." in text


def test_there_is_no_other_vendor(web: TestClient) -> None:
    for path in ("vendors", "vendors.csv"):
        answer = web.get(f"/deliveries/{path}", params={"vendor": "<b>nobody"})
        assert answer.status_code == 404
        assert "There is no vendor of this name." in answer.text


def test_the_csv_has_the_scores_without_the_sums(web: TestClient) -> None:
    answer = web.get("/deliveries/vendors.csv", params={"vendor": "aiq"})
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="scorecard-aiq-2026-11-30.csv"'
    rows = list(csv.DictReader(StringIO(answer.text)))
    expected = [score for source in ("aiq_b2b", "aiq_household", "aiq_zip4") for score in scores(source)]
    assert len(rows) == len(expected)
    for score in expected:
        [row] = [row for row in rows if (row["source"], row["quarter"]) == (score.source, score.quarter)]
        values = {name: "" if value is None else str(value) for name, value in score.to_json().items()}
        assert row == {"vendor": "aiq", **values}


def test_no_cell_of_a_csv_runs_as_a_formula() -> None:
    assert csv_line(("=1+1", "@x", -2, None, 'a"b')) == '"\'=1+1","\'@x","-2",,"a""b"\r\n'


def test_a_user_sees_only_vendors_whose_sources_he_may_read(login: Login) -> None:
    nobody = login("")
    assert "You see no source" in nobody.get("/deliveries/vendors").text
    assert nobody.get("/deliveries/vendors", params={"vendor": "aiq"}).status_code == 404
    assert len(nobody.get("/deliveries/vendors.csv").text.splitlines()) == 1
