"""What the data team reads: the grid, deliveries, and how they hang together with Airflow's own pages."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime

import pytest
from playwright.sync_api import expect

from growth_verticals.cadence import BUSINESS_ZONE
from growth_verticals.declarations import source_names

from . import demo_story
from .conftest import Demo, LogIn
from .person import Person, cell

LIGHT_THEMES_INK = "rgb(27, 34, 44)"


@pytest.mark.parametrize("zone", ["America/New_York", "UTC"])
def test_the_grid_shows_every_source_with_the_states_of_its_deliveries(log_in: LogIn, demo: Demo, zone: str) -> None:
    person = log_in(zone=zone)
    person.open_home()
    person.click(person.navigation)
    pages = person.pages
    assert sorted(pages.locator(".grid tbody th > a").all_inner_texts()) == source_names()
    states = demo_story.states(demo)
    assert {"loaded with rejects", "late: vendor", "loaded by hand"} <= set(states.values())
    shown = {name: cell(pages, *name).locator(".hidden").inner_text().partition(".")[0] for name in states}
    assert shown == states
    assert datetime.now(UTC).astimezone(BUSINESS_ZONE).strftime("%Y-%m-%d") in pages.locator("h1 + p").inner_text()
    expect(pages.locator("h1 + p")).to_contain_text(re.compile("E[SD]T"))


def test_a_delivery_with_rejects_tells_how_many_records_and_why(person: Person, demo: Demo) -> None:
    pages = person.open()
    cell(pages, "aiq_household", "2026Q3").click()
    pages = person.pages
    expect(pages.get_by_role("heading", level=1)).to_have_text("aiq_household 2026Q3")
    sample = demo_story.SAMPLES["aiq_household"]
    loaded = sample.rows_read - sample.rows_rejected
    expect(
        pages.get_by_text(f"{sample.rows_read:,} read = {loaded:,} loaded + {sample.rows_rejected} rejected")
    ).to_be_visible()
    files = pages.get_by_role("region", name="Files of the run")
    for file in sample.files:
        expect(files.get_by_text(file.path.name, exact=True)).to_be_visible()
    answer = json.loads(demo.gv("rejects", "aiq_household", "--period", "2026Q3", "--json").stdout)
    faults = {
        (fault["column"] or "the whole record", fault["reason"], str(fault["records"]))
        for file in answer["files"]
        for fault in file["faults"]
    }
    rows = pages.get_by_role("region", name="Rejected records by column and reason").locator("tbody tr").all()
    assert {tuple(row.locator("td").all_inner_texts()) for row in rows} == faults


def test_a_refused_delivery_says_why_and_what_to_do(person: Person) -> None:
    pages = person.open("sources", *demo_story.REFUSED)
    expect(pages.locator("h1 + .state")).to_contain_text("refused")
    why = pages.locator("section", has=pages.get_by_role("heading", name="Why the run failed"))
    expect(why).to_contain_text("horace_mann")
    expect(why).to_contain_text("Next: ")
    person.click(why.get_by_role("link", name="Log of the step"))
    expect(person.page).to_have_url(re.compile(f"/dags/horace_mann/runs/{demo_story.REFUSED_RUN}/tasks/stage/mapped/0"))
    last_line = person.page.get_by_text(re.compile("ColumnsRefusedError: horace_mann: .*Next: ", re.DOTALL)).last
    expect(last_line).to_be_in_viewport(ratio=1)


def test_a_late_delivery_says_when_it_was_due(person: Person, demo: Demo) -> None:
    pages = person.open("sources", *demo_story.late(demo))
    expect(pages.locator("h1 + .state")).to_contain_text("late: vendor")
    expect(pages.get_by_text("Next: ")).to_be_visible()


def test_a_dag_and_a_run_have_a_tab_with_these_pages(person: Person) -> None:
    person.page.goto(f"{person.url}/dags/aiq_household")
    # The navigation has a link with the same name, so the tab is found by its address.
    person.page.locator('a[href*="/dags/aiq_household/"]').get_by_text("Deliveries", exact=True).click()
    expect(person.pages.get_by_role("heading", level=1)).to_have_text("aiq_household")
    person.page.goto(f"{person.url}/dags/horace_mann/runs/{demo_story.REFUSED_RUN}")
    person.page.get_by_role("link", name="Delivery", exact=True).click()
    expect(person.pages.get_by_role("heading", level=1)).to_have_text("horace_mann 2026-11-19")


def test_the_grid_can_be_read_with_the_keyboard(person: Person) -> None:
    pages = person.open()
    pages.locator(".grid a").first.focus()
    for _ in range(200):
        person.page.keyboard.press("Tab")
        if "cell" in person.frame.evaluate("document.activeElement.className"):
            break
    expect(pages.locator(".tip")).to_be_visible()
    address = person.frame.evaluate("document.activeElement.pathname")
    person.page.keyboard.press("Escape")
    expect(pages.locator(".tip")).to_be_hidden()
    person.page.keyboard.press("Enter")
    expect(person.pages.get_by_role("heading", level=1)).to_have_text(" ".join(address.split("/")[-2:]))


def test_the_pages_follow_when_a_person_changes_airflows_theme(person: Person) -> None:
    pages = person.open()
    expect(pages.locator("body")).to_have_css("color", LIGHT_THEMES_INK)
    person.page.get_by_role("button", name="User").click()
    person.page.get_by_role("menuitem", name="Appearance").click()
    person.page.get_by_role("menuitemradio", name="Dark Mode").click()
    expect(pages.locator("body")).not_to_have_css("color", LIGHT_THEMES_INK)


def test_a_script_that_got_into_a_page_would_not_run(person: Person) -> None:
    person.open()
    image = "<img src='/deliveries/static/icon.svg' onload='alert(1)'>"
    script = "document.body.append(Object.assign(document.createElement('script'), { textContent: 'alert(2)' }))"
    person.frame.evaluate(f"document.body.insertAdjacentHTML('beforeend', `{image}`); {script}")
    person.page.wait_for_timeout(1000)
    noted, person.problems[:] = list(person.problems), []
    assert len(noted) == 2
    assert all("violates the following Content Security Policy" in each for each in noted)
