"""What the data team does on the pages: load from an inbox, approve a correction, repair what failed on our side."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import expect

from growth_verticals.cadence import Daily
from local import standin, vendors
from local.process import Process
from local.settings import Settings

from . import demo_story
from .conftest import Demo, LogIn
from .person import Person, cell

_WITHIN_S = 900
HOSTILE = "<img src=x onerror=alert(1)>.csv"


def refresh_until(person: Person, wanted: str) -> None:
    """Press Refresh until the delivery's state is the wanted one."""
    deadline = time.monotonic() + _WITHIN_S
    state = person.pages.locator("h1 + .state")
    while wanted not in state.inner_text():
        assert time.monotonic() < deadline, f"the state is still {state.inner_text()}"
        time.sleep(3)
        person.pages.get_by_role("link", name="Refresh").click()


def load_from_inbox(person: Person, source: str, file: str, period: str, reason: str) -> None:
    """Load a file with the form of the source's page, and wait until it is loaded."""
    pages = person.open("sources", source)
    pages.get_by_role("link", name="Load files of its inbox").click()
    pages = person.pages
    pages.get_by_label("Period").fill(period)
    pages.locator("label", has_text=file).get_by_role("checkbox").check()
    pages.get_by_label("Reason").fill(reason)
    pages.get_by_role("button", name="Load these files").click()
    expect(person.pages.get_by_text("The run is started.")).to_be_visible()
    expect(person.pages.get_by_role("heading", level=1)).to_have_text(f"{source} {period}")
    refresh_until(person, "loaded")


@pytest.mark.parametrize(("zone", "period"), [("America/New_York", "2026-11-17"), ("UTC", "2026-11-16")])
def test_a_manual_source_is_loaded_from_its_inbox(
    log_in: LogIn, demo: Demo, tmp_path: Path, zone: str, period: str
) -> None:
    person = log_in(zone=zone)
    sample = demo_story.SAMPLES["horace_mann"]
    file = tmp_path / f"list of {period}.csv"
    file.write_bytes(sample.files[0].path.read_bytes())
    assert demo.gv("inbox", "put", "horace_mann", str(file)).returncode == 0
    reason = f"the client sent it, {zone}"
    load_from_inbox(person, "horace_mann", file.name, period, reason)
    loaded = sample.rows_read - sample.rows_rejected
    pages = person.pages
    expect(
        pages.get_by_text(f"{sample.rows_read} read = {loaded} loaded + {sample.rows_rejected} rejected")
    ).to_be_visible()
    history = pages.get_by_role("region", name="Who changed it").locator("tbody tr")
    for text in ("load", f"+{loaded}", "admin", "Airflow", reason):
        expect(history).to_contain_text(text)


def test_a_hostile_file_name_is_shown_as_text(person: Person, demo: Demo, tmp_path: Path) -> None:
    file = tmp_path / HOSTILE
    file.write_bytes(demo_story.SAMPLES["ls_corp"].files[0].path.read_bytes())
    assert demo.gv("inbox", "put", "ls_corp", str(file)).returncode == 0
    load_from_inbox(person, "ls_corp", HOSTILE, "2026-11-15", "<script>alert(2)</script>")
    pages = person.pages
    expect(pages.get_by_role("region", name="Files of the run").get_by_text(HOSTILE, exact=True)).to_be_visible()
    expect(pages.get_by_text("<script>alert(2)</script>").first).to_be_visible()
    for path in ((), ("sources", "ls_corp", "load"), ("sources", "ls_corp", "2026-11-15"), ("tables",)):
        pages = person.open(*path)
        expect(pages.locator("img, iframe, object, embed")).to_have_count(0)
        assert pages.locator("script:not([src^='/deliveries/static/'])").count() == 0


def test_a_corrected_list_is_approved_and_the_page_says_by_whom_and_why(person: Person) -> None:
    pages = person.open()
    cell(pages, *demo_story.ASKS).click()
    asked = person.pages.get_by_role("region", name="A person must answer")
    expect(asked.get_by_role("heading", name="Would leave the table")).to_be_visible()
    expect(asked.get_by_role("heading", name="Would come")).to_be_visible()
    asked.get_by_label(demo_story.REPLACE).check()
    asked.get_by_label("Reason").fill("the client confirmed the corrected list")
    asked.get_by_role("button", name="Answer").click()
    expect(person.pages.get_by_text("The answer is given.")).to_be_visible()
    refresh_until(person, "restated")
    pages = person.pages
    expect(pages.get_by_text("admin answered replace: the client confirmed the corrected list")).to_be_visible()
    history = pages.get_by_role("region", name="Who changed it").locator("tbody tr").first
    for text in ("replace", "admin", "Airflow", "the client confirmed the corrected list"):
        expect(history).to_contain_text(text)
    expect(cell(person.open(), *demo_story.ASKS)).to_contain_text("restated")


@contextmanager
def catalog_outage(settings: Settings) -> Iterator[None]:
    """Stop the catalog's server, and start it again afterward."""
    Process(name="gateway", state=settings.state).stop()
    try:
        yield
    finally:
        standin.up(settings)


def test_a_vendor_who_is_late_is_told_apart_from_a_failure_on_our_side(person: Person, demo: Demo) -> None:
    source, late_day = demo_story.late(demo)
    day = Daily().before(Daily().parse(late_day)).key
    sample = demo_story.SAMPLES[source]
    files = [replace(file, drop=file.drop.replace(sample.period, day)) for file in sample.files]
    vendors.deliver(demo.settings, replace(sample, period=day, files=tuple(files)))
    with catalog_outage(demo.settings):
        run_id = demo.airflow.trigger(source, partition_key=day)
        assert demo.airflow.wait(source, run_id, within_s=_WITHIN_S) == "failed"
        expect(person.open().locator("#note")).to_contain_text("opening the catalog failed")
    pages = person.open()
    expect(cell(pages, source, day)).to_contain_text("late: pipeline")
    expect(cell(pages, source, late_day)).to_contain_text("late: vendor")
    cell(pages, source, day).click()
    refresh_until(person, "late: pipeline")
    why = person.pages.get_by_role("region", name="Why the run failed")
    expect(why).to_contain_text("Opening the catalog failed")
    expect(why).to_contain_text("Next: check that it is up")
    person.pages.get_by_role("button", name="Run again").click()
    refresh_until(person, "loaded")
