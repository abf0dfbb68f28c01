"""The page of a delivery: what came, what was loaded and rejected, why it failed, and what people can do about it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from growth_verticals.operators.stage import REFUSE, STAGE_AGAIN
from tests.airflow_history import HOSTILE_NAMES

from .html import Page, assert_harmless

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastapi.testclient import TestClient

    from tests.airflow_history import History


@pytest.fixture
def page(web: TestClient, history: History) -> Callable[[str], Page]:
    """Returns the page of an example."""

    def page_of(example: str) -> Page:
        source, period = history.examples[example]
        answer = web.get(f"/deliveries/sources/{source}/{period}")
        assert answer.status_code == 200
        return Page(answer.text)

    return page_of


def section(page: Page, start: str, end: str) -> str:
    return page.text.partition(f" {start} ")[2].partition(f" {end} ")[0]


def test_read_is_loaded_plus_rejected_for_each_file(page: Callable[[str], Page]) -> None:
    shown = page("with_rejects")
    files = section(shown, "Files", "Rejects")
    assert "290,500 read = 290,000 loaded + 500 rejected" in files
    assert "loaded 290,500 290,000 500" in files
    assert "does not add up" not in files
    assert "+" in shown.text.partition("Rows 290,000")[2][:20]
    assert "% against 2026Q1" in shown.text


def test_rejects_are_shown_by_column_and_reason(page: Callable[[str], Page]) -> None:
    rejects = section(page("with_rejects"), "Rejects", "Checks")
    assert "birth_date not_a_date 411" in rejects
    assert "zip too_long 73" in rejects
    assert "the whole record wrong_number_of_fields 16" in rejects
    assert "No record of this run was rejected." in page("many_files").text


def test_steps_have_their_seconds_and_link_to_airflows_pages(page: Callable[[str], Page]) -> None:
    shown = page("hostile_files")
    steps = shown.text.partition("Steps of the run")[2]
    assert "stage 10 × succeeded" in steps
    assert "1 h 30 min 9 min 0 s" in steps
    paths = [link["data-airflow-path"] for link in shown.all("a") if "data-airflow-path" in link]
    assert any(re.fullmatch(r"/dags/causeway/runs/[^/]+/tasks/commit", path) for path in paths)
    assert any(re.fullmatch(r"/dags/causeway/runs/[^/]+/tasks/land/mapped", path) for path in paths)
    assert all(link["href"] == link["data-airflow-path"] for link in shown.all("a") if "data-airflow-path" in link)


def test_a_failed_delivery_says_why_what_to_do_and_links_to_the_log(page: Callable[[str], Page]) -> None:
    shown = page("drift")
    why = section(shown, "Why the run failed", "What you can do")
    assert (
        why == "aiq_b2b: a.csv.gz: the columns are not as declared; expected 24 columns, found 25. "
        "Next: run ./gv drift Log of the step stage"
    )
    logs = [link["href"] for link in shown.all("a") if "/tasks/stage/mapped/0" in link["href"]]
    assert len(logs) == 1
    assert {"value": "stage", "selected": ""} in shown.all("option")


def test_a_run_again_offers_the_step_that_the_failure_names(page: Callable[[str], Page]) -> None:
    assert {"value": "await", "selected": ""} in page("refused").all("option")
    assert {"value": "commit", "selected": ""} in page("failed").all("option")
    assert page("with_rejects").all("select") == []


def test_an_approval_shows_its_evidence_and_the_answers(page: Callable[[str], Page]) -> None:
    shown = page("needs_approval")
    asked = section(shown, "A person must answer", "What you can do")
    assert "warn rows 100,000 70,000" in asked
    assert [option["value"] for option in shown.all("input", name="option")][-1].startswith("Refuse")
    assert shown.all("input", name="reason", required="")


def test_changed_columns_show_the_proposal_and_the_answers(page: Callable[[str], Page]) -> None:
    shown = page("columns_changed")
    asked = section(shown, "A person must answer", "What you can do")
    assert "a column is missing" in asked
    assert f"{HOSTILE_NAMES[0]} is zip5: name similarity 0.93" in asked
    assert [option["value"] for option in shown.all("input", name="option")] == [STAGE_AGAIN, REFUSE]
    assert shown.all("input", id="reason-statara_political") == []
    assert_harmless(shown)


def test_a_correction_shows_what_it_would_change(page: Callable[[str], Page]) -> None:
    shown = page("restated")
    asked = section(shown, "A correction waits for an approval", "What you can do")
    assert "ana asks to undo these files: wrong month" in asked
    assert HOSTILE_NAMES[1] in asked
    assert_harmless(shown)


def test_three_hundred_files_are_folded(web: TestClient, page: Callable[[str], Page]) -> None:
    shown = page("many_files")
    assert "280 more files" in shown.text
    assert "AIQ_HH_part299.txt.gz" in shown.text
    assert "300,000 read = 300,000 loaded + 0 rejected" in shown.text


def test_hostile_names_are_only_text(page: Callable[[str], Page]) -> None:
    shown = page("hostile_files")
    assert_harmless(shown)
    for name in HOSTILE_NAMES:
        visible = "".join(each if each.isprintable() else ascii(each)[1:-1] for each in name)
        assert visible in "".join(shown.words)
    assert "\u202e" not in shown.text  # it would turn the text around
    boxes = [box["value"] for box in shown.all("input", name="files")]
    assert boxes == list(HOSTILE_NAMES)  # a form sends them back as they are
    assert_harmless(page("refused"))


def test_every_example_has_a_page_with_headings_and_labels(page: Callable[[str], Page], history: History) -> None:
    for example in history.examples:
        shown = page(example)
        assert len(shown.all("h1")) == len(shown.all("main")) == 1
        ids = [attributes["id"] for _, attributes in shown.elements if "id" in attributes]
        assert len(ids) == len(set(ids))
        labelled = {label["for"] for label in shown.all("label") if "for" in label}
        fields = {field["id"] for tag in ("input", "select") for field in shown.all(tag) if "id" in field}
        assert fields <= labelled


def test_times_are_those_of_new_york_with_the_zone(page: Callable[[str], Page]) -> None:
    shown = page("with_rejects")
    times = shown.all("time")
    assert times
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:]{8}\+00:00", each["datetime"]) for each in times)
    assert re.search(r"Due \w{3} 2026-07-\d\d 18:00 EDT", shown.text)


def test_a_period_without_anything_can_be_run(web: TestClient, history: History) -> None:
    shown = Page(web.get("/deliveries/sources/aiq_b2b/2019Q1").text)
    assert "Airflow has no run for this period." in shown.text
    assert shown.all("form", action="/deliveries/sources/aiq_b2b/2019Q1/run")
    assert "Airflow has no run for this period." in shown.text


@pytest.mark.parametrize("period", ["2026-11", "2026q4", "2026Q5", "%3Cb%3E"])
def test_what_is_no_period_of_the_source_is_404_with_a_sentence(web: TestClient, history: History, period: str) -> None:
    answer = web.get(f"/deliveries/sources/aiq_b2b/{period}")
    assert answer.status_code == 404
    assert "expected a period such as 2026Q4 (quarterly)" in answer.text
    assert_harmless(Page(answer.text))


def test_a_run_of_another_period_is_not_shown(web: TestClient, history: History) -> None:
    answer = web.get("/deliveries/sources/aiq_b2b/2026Q2", params={"run": "no such run"})
    assert answer.status_code == 404


def test_what_the_table_holds_comes_apart_and_may_fail(web: TestClient, page: Callable[[str], Page]) -> None:
    shown = page("with_rejects")
    [fragment] = [each for each in shown.all("section") if "data-fragment" in each]
    answer = web.get(fragment["data-fragment"])
    assert answer.status_code == 200
    assert "What the table holds cannot be read: GV_TABLE_BUCKET_ARN is not set." in answer.text
    assert answer.text.strip().startswith("<section")


def test_the_form_for_the_inbox_says_that_it_cannot_be_listed(web: TestClient) -> None:
    shown = Page(web.get("/deliveries/sources/ls_corp/load?period=2026-11-20").text)
    assert "The inbox cannot be listed: GV_TABLE_BUCKET_ARN is not set." in shown.text
    assert shown.all("input", name="period", value="2026-11-20")
    assert shown.all("textarea", name="more_files")
