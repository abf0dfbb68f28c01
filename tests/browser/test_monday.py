"""The questions of a Monday morning. Each is answered in at most two clicks from Airflow's home."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import FrameLocator, Locator, expect

from growth_verticals.declarations import find_source, source_names
from local.readback import read_table

from . import demo_story
from .conftest import Demo
from .person import Person, cell


@pytest.fixture
def monday(person: Person) -> Iterator[Person]:
    """Somebody at Airflow's home, whose clicks are counted."""
    person.open_home()
    yield person
    assert len(person.clicks) <= 2


def open_grid(monday: Person) -> FrameLocator:
    monday.click(monday.navigation)
    return monday.pages


def open_delivery(monday: Person, source: str, period: str) -> FrameLocator:
    monday.click(cell(open_grid(monday), source, period))
    expect(monday.pages.get_by_role("heading", level=1)).to_have_text(f"{source} {period}")
    return monday.pages


def row(part: FrameLocator | Locator, *texts: str) -> Locator:
    """Return the rows of a table that have all the texts."""
    rows = part.locator("tr")
    for text in texts:
        rows = rows.filter(has_text=text)
    return rows


def table_of(pages: FrameLocator, source: str) -> Locator:
    """Return the row of a source's table on the page Tables."""
    return pages.locator("tbody").filter(has=pages.get_by_role("link", name=source, exact=True)).locator("tr").first


def test_which_deliveries_came(monday: Person, demo: Demo) -> None:
    panel = monday.page.get_by_role("region", name="Deliveries")
    expect(panel).to_contain_text(re.compile(r"\d+ loaded with rejects"))
    pages = open_grid(monday)
    for name in demo_story.states(demo):
        expect(cell(pages, *name)).to_be_visible()


def test_which_are_late_and_whose_fault_it_is(monday: Person, demo: Demo) -> None:
    panel = monday.page.get_by_role("region", name="Deliveries")
    late = panel.get_by_role("listitem").filter(has_text=" ".join(demo_story.late(demo)))
    expect(late).to_contain_text("Next: ")
    cause = open_grid(monday).locator(".causes li").filter(has_text=" ".join(demo_story.late(demo)))
    expect(cause).to_contain_text("late: vendor")


def test_how_many_rows_came_against_last_time(monday: Person) -> None:
    pages = open_delivery(monday, "aiq_b2b", "2026Q3")
    expect(pages.get_by_text(re.compile(r"^[+-]\d+\.\d % against 2026Q2$"))).to_be_visible()


def test_what_was_rejected_and_why(monday: Person) -> None:
    pages = open_delivery(monday, "aiq_household", "2026Q3")
    expect(pages.get_by_role("region", name="Rejected records").locator("tbody tr").first).to_be_visible()


def test_who_loaded_what_by_hand(monday: Person, demo: Demo) -> None:
    pages = open_delivery(monday, *demo_story.by_hand(demo))
    history = pages.get_by_role("region", name="Who changed it")
    expect(row(history, "load", "./gv", "the demo shows a load by hand")).to_have_count(1)


def test_what_is_in_the_tables(monday: Person, demo: Demo) -> None:
    monday.click(open_grid(monday).get_by_role("link", name="Tables"))
    for name in source_names():
        [[rows]] = read_table(demo.settings, find_source(name).table, "SELECT count(*) FROM t")
        shown = table_of(monday.pages, name)
        expect(shown.locator("td").nth(1)).to_have_text(f"{rows:,}")
        expect(shown.locator(".load")).to_contain_text("by ")


def test_whether_maintenance_settings_and_jobs_are_fine(monday: Person) -> None:
    monday.click(open_grid(monday).get_by_role("link", name="Tables"))
    for name in source_names():
        shown = table_of(monday.pages, name)
        expect(shown.locator("td").first).to_have_text("nothing")
        expect(shown.get_by_text("maximum age 120 hours")).to_be_visible()
        for job in ("compaction", "snapshots", "unreferenced"):
            expect(shown.locator("td").last).to_contain_text(job)


def test_which_period_a_run_is(monday: Person) -> None:
    pages = open_delivery(monday, *demo_story.REFUSED)
    expect(row(pages.get_by_role("region", name="Runs for this period"), demo_story.REFUSED_RUN)).to_be_visible()
