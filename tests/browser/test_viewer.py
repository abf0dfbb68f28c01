"""Somebody who may only read sees all pages, has no buttons that act, and is refused whatever the browser sends."""

from __future__ import annotations

import re
from http import HTTPStatus

import httpx
import pytest
from playwright.sync_api import expect

from . import demo_story
from .conftest import Demo, LogIn
from .person import PAGES, Person, cell

SOURCE, PERIOD = demo_story.ASKS


def send(person: Person, path: str, form: dict[str, str]) -> int:
    """Send a form with the person's login, as a program, and return the status of the answer."""
    answer = httpx.post(f"{person.url}{PAGES}{path}", data=form, cookies={"_token": person.token}, timeout=60)
    return answer.status_code


def token_of(person: Person) -> str:
    """Return the token that the forms of this person have."""
    page = httpx.get(f"{person.url}{PAGES}sources/{SOURCE}/load", cookies={"_token": person.token}, timeout=60)
    found = re.search(r'name="token" value="(\w+)"', page.text)
    assert found
    return found[1]


def runs(demo: Demo) -> dict[tuple[str, str], str]:
    """Return (DAG, run) → state."""
    listed = demo.airflow.api("GET", "dags/~/dagRuns", params={"limit": 100})["dag_runs"]
    return {(run["dag_id"], run["dag_run_id"]): run["state"] for run in listed}


def test_a_viewer_sees_the_pages_without_buttons(log_in: LogIn) -> None:
    viewer = log_in(viewer=True)
    pages = viewer.open()
    expect(cell(pages, "aiq_household", "2026Q3")).to_be_visible()
    for path in (demo_story.ASKS, demo_story.REFUSED, (SOURCE, "load")):
        pages = viewer.open("sources", *path)
        expect(pages.get_by_text(re.compile("^You may read this source"))).to_be_visible()
        expect(pages.get_by_role("button")).to_have_count(0)
    expect(
        viewer.open("sources", *demo_story.ASKS).get_by_text("Somebody who may change this DAG must answer")
    ).to_be_visible()


@pytest.mark.parametrize(
    ("path", "form"),
    [
        (f"sources/{SOURCE}/load", {"period": "2026-11-01", "files": "ls_corp_leads.csv"}),
        ("sources/aiq_b2b/2026Q3/run", {}),
        ("/".join(("sources", *demo_story.REFUSED, "again")), {"run_id": demo_story.REFUSED_RUN, "step": "await"}),
        (
            f"sources/{SOURCE}/{PERIOD}/answer",
            {
                "dag_id": SOURCE,
                "run_id": demo_story.ASKING_RUN,
                "option": demo_story.REPLACE,
                "reason": "a viewer wants it",
            },
        ),
        (f"sources/{SOURCE}/{PERIOD}/correct", {"action": "undo", "reason": "a viewer wants it"}),
    ],
    ids=["load", "run", "again", "answer", "correct"],
)
def test_a_viewer_who_forges_a_form_is_refused(log_in: LogIn, demo: Demo, path: str, form: dict[str, str]) -> None:
    viewer = log_in(viewer=True)
    before = runs(demo)
    assert send(viewer, path, form) == HTTPStatus.FORBIDDEN
    assert send(viewer, path, form | {"token": token_of(viewer)}) == HTTPStatus.FORBIDDEN
    assert runs(demo) == before
    action = f"dags/{SOURCE}/dagRuns/{demo_story.ASKING_RUN}/taskInstances/check/-1/hitlDetails"
    assert demo.airflow.api("GET", action)["response_received"] is False


def test_a_form_that_does_not_come_from_our_page_is_refused(person: Person, demo: Demo) -> None:
    before = runs(demo)
    assert send(person, "sources/aiq_b2b/2026Q3/run", {}) == HTTPStatus.FORBIDDEN
    assert send(person, "sources/aiq_b2b/2026Q3/run", {"token": "0" * 64}) == HTTPStatus.FORBIDDEN
    assert runs(demo) == before
