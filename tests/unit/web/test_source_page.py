"""The page of a source: its loads over time, its newest deliveries, what it declares, and its contract."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from growth_verticals.contract.declared import contract_of
from growth_verticals.declarations import find_source
from growth_verticals.description import describe
from growth_verticals.status.states import STATES
from tests.airflow_history import HOSTILE_NAMES

from .html import Page, assert_harmless

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastapi.testclient import TestClient

    from tests.airflow_history import History


@pytest.fixture
def page(web: TestClient, history: History, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Page]:
    """Returns the page of a source, or a part of it. No account is configured."""
    monkeypatch.delenv("GV_TABLE_BUCKET_ARN", raising=False)

    def page_of(path: str) -> Page:
        answer = web.get(f"/deliveries/sources/{path}")
        assert answer.status_code == 200
        return Page(answer.text)

    return page_of


def numbers(page: Page) -> dict[str, dict[str, float | None]]:
    """Return period → the numbers that the plots show of it."""
    [box] = page.all("div", class_="charts")
    columns = json.loads(box["data-numbers"])
    rows = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
    return {row["period"]: row for row in rows}


def plots(page: Page) -> list[str]:
    return [figure["data-name"] for figure in page.all("figure", class_="chart")]


def deliveries(page: Page, source: str) -> list[str]:
    """Return the periods of the links to deliveries."""
    start = f"/deliveries/sources/{source}/"
    return [link["href"].removeprefix(start) for link in page.all("a") if link["href"].startswith(f"{start}20")]


def test_the_plots_show_rows_rejects_lateness_and_duration_of_each_period(page: Callable[[str], Page]) -> None:
    shown = page("aiq_household")
    assert plots(shown) == ["rows", "rejected", "days_late", "minutes"]
    household = numbers(shown)
    assert list(household) == sorted(household)
    assert household["2026Q2"]["rows"] == 290_000
    assert household["2026Q2"]["rejected"] == pytest.approx(500 / 290_500, abs=1e-5)
    assert household["2026Q2"]["days_late"] is not None
    assert household["2026Q2"]["days_late"] < 0
    assert household["2026Q2"]["minutes"] == 15  # land and stage 12, plan 1, check 1, commit 1


def test_a_period_that_came_late_or_not_at_all_has_its_days(page: Callable[[str], Page], history: History) -> None:
    source, period = history.examples["late_vendor"]
    late = numbers(page(source))[period]
    assert late["days_late"] is not None
    assert late["days_late"] > 1  # it was due on a Tuesday at 18:00, and has not come by Monday noon
    assert (late["rows"], late["rejected"], late["minutes"]) == (None, None, None)


def test_rows_that_were_replaced_do_not_count(page: Callable[[str], Page], history: History) -> None:
    source, period = history.examples["restated"]
    # 9,000 rows, and then 8,500 in their place.
    assert numbers(page(source))[period]["rows"] == 8_500


def test_a_period_without_a_run_is_a_gap_in_the_plots(page: Callable[[str], Page]) -> None:
    missing = numbers(page("popsycle_intent_triggers"))["2026-11-21"]
    assert set(missing.values()) == {"2026-11-21", None}


def test_the_same_numbers_are_a_table(page: Callable[[str], Page]) -> None:
    shown = page("aiq_household")
    table = shown.text.partition("Minutes ")[2].partition("Drag over a plot")[0]
    for period, row in numbers(shown).items():
        late = "–" if row["days_late"] is None else row["days_late"]
        assert f"{period} {row['rows']:,} {row['rejected']:.2%} {late} {row['minutes']}" in table


def test_a_source_without_a_schedule_has_no_lateness_and_is_due_when_a_person_loads_it(
    page: Callable[[str], Page],
) -> None:
    shown = page("causeway")
    assert plots(shown) == ["rows", "rejected", "minutes"]
    assert "Next due when a person loads it" in shown.text


def test_the_next_due_time_is_new_yorks(page: Callable[[str], Page]) -> None:
    assert "Next due Mon 2027-01-25 18:00 EST" in page("aiq_household").text


def test_a_source_without_history_says_so(page: Callable[[str], Page]) -> None:
    shown = page("cml_nurse")
    assert "No run has looked for a delivery" in shown.text
    assert "Nothing has been delivered yet, as far as Airflow's runs tell." in shown.text
    assert plots(shown) == deliveries(shown, "cml_nurse") == []


def test_the_newest_twenty_deliveries_link_to_their_pages(page: Callable[[str], Page]) -> None:
    daily = deliveries(page("popsycle_intent_triggers"), "popsycle_intent_triggers")
    assert daily == [f"2026-11-{day:02}" for day in range(29, 9, -1)]
    quarterly = deliveries(page("aiq_household"), "aiq_household")
    assert quarterly == ["2026Q3", "2026Q2", "2026Q1"]
    on_demand = deliveries(page("causeway"), "causeway")
    assert on_demand == sorted(on_demand, reverse=True)
    assert len(on_demand) > 10  # the grid shows the two of the last 30 days


def test_a_delivery_has_the_state_of_the_grid(page: Callable[[str], Page], history: History) -> None:
    for example in ("refused", "late_vendor", "unexplained"):
        source, period = history.examples[example]
        newest = page(source).text.partition("Newest deliveries")[2]
        sign, word = STATES[example]
        assert f" {period} {sign} {word} " in newest


def test_without_an_account_the_list_stands_with_a_note(page: Callable[[str], Page]) -> None:
    [part] = page("aiq_household").all("section", data_fragment="/deliveries/sources/aiq_household/deliveries")
    assert part["aria-busy"] == "true"
    shown = page("aiq_household/deliveries")
    [note] = [section["data-note"] for section in shown.all("section")]
    assert note.startswith("What the table of aiq_household holds cannot be read: GV_TABLE_BUCKET_ARN is not set.")
    assert len(deliveries(shown, "aiq_household")) == 3


def test_the_declaration_stands_in_words(page: Callable[[str], Page]) -> None:
    for name in ("aiq_household", "statara_political", "cml_nurse"):
        text = page(name).text
        for term, words in describe(find_source(name)):
            assert f"{term} {' '.join(words.split())}" in text


def test_the_contract_has_types_classes_of_personal_data_and_comments(page: Callable[[str], Page]) -> None:
    text = page("popsycle_intent_triggers").text.partition(" Contract ")[2]
    assert text.startswith("One row per intent signal. Partitioned by delivery_period, sorted by event_ts.")
    assert "email_sha256 STRING no D direct identifier SHA-256 of the e-mail address, hex" in text
    assert "event_ts TIMESTAMP yes N not personal When the signal was seen" in text
    assert "added by the load BIGINT yes N not personal Line or row in the file" in text
    for column in contract_of(find_source("popsycle_intent_triggers")).all_columns:
        assert f" {column.name}" in text


def test_a_source_with_an_inbox_links_to_its_form(page: Callable[[str], Page]) -> None:
    form = "/deliveries/sources/causeway/load"
    assert page("causeway").all("a", href=form)
    assert not page("aiq_household").all("a", href=form.replace("causeway", "aiq_household"))


def test_what_a_vendor_wrote_is_only_text(page: Callable[[str], Page], history: History) -> None:
    source, _ = history.examples["refused"]
    for part in (source, f"{source}/deliveries"):
        shown = page(part)
        assert_harmless(shown)
        assert HOSTILE_NAMES[0] in "".join(shown.words)


def test_the_plots_need_only_our_own_files(web: TestClient, page: Callable[[str], Page]) -> None:
    shown = page("aiq_household")
    files = [script["src"] for script in shown.all("script")] + [link["href"] for link in shown.all("link")]
    assert len(files) == 5
    for file in files:
        answer = web.get(file)
        assert answer.status_code == 200
        assert answer.headers["content-type"].partition(";")[0] in ("text/javascript", "text/css")
    assert web.get("/deliveries/static/uplot-1.6.32").status_code == 404
    assert web.get("/deliveries/static/../app.py").status_code == 404
    assert web.get("/deliveries/static/%2e%2e/app.py").status_code == 404
