"""What people do from the pages is done by Airflow, with their rights, and is what Airflow's own pages would do."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from airflow.models import DagRun, TaskInstance
from airflow.models.hitl import HITLDetail
from airflow.utils.session import create_session
from sqlalchemy import select, update

from growth_verticals.operators.check import LOAD

from .conftest import NOW

if TYPE_CHECKING:
    from fastapi.testclient import TestClient
    from httpx import Response

    from tests.airflow_history import History

    from .conftest import Login

# Airflow's scheduler logic, when tasks are cleared.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def post(client: TestClient, path: str, form: dict[str, object], page: str | None = None) -> Response:
    """Send a form as a browser does that has loaded its page."""
    html = client.get(f"/deliveries{page or path.rpartition('/')[0]}").text
    found = re.search(r'name="token" value="(\w+)"', html)
    token = found[1] if found else "no form on this page"
    headers = {"Origin": "http://testserver", "Sec-Fetch-Site": "same-origin"}
    return client.post(f"/deliveries{path}", data=form | {"token": token}, headers=headers)


def newest_run(dag_id: str) -> DagRun:
    with create_session() as session:
        run = session.scalar(select(DagRun).where(DagRun.dag_id == dag_id).order_by(DagRun.id.desc()).limit(1))
        assert run is not None
        session.expunge(run)
        return run


def states(dag_id: str, run_id: str) -> dict[str, str | None]:
    with create_session() as session:
        rows = session.execute(
            select(TaskInstance.task_id, TaskInstance.state).where(
                TaskInstance.dag_id == dag_id, TaskInstance.run_id == run_id
            )
        )
        return dict(rows.tuples().all())


def test_a_run_for_a_period_is_started_in_the_name_of_the_user(web: TestClient, history: History) -> None:
    response = post(web, "/sources/statara_political/2026-10/run", {"note": "the vendor called"})
    assert response.status_code == 303
    assert response.headers["location"] == "/deliveries/sources/statara_political/2026-10?done=started"
    run = newest_run("statara_political")
    assert (run.partition_key, run.conf, run.triggering_user_name, run.logical_date) == (
        "2026-10", {"note": "the vendor called"}, "admin-user", None,
    )  # fmt: skip
    assert "The run is started." in web.get(response.headers["location"]).text


def test_files_of_the_inbox_are_loaded_as_the_form_says(web: TestClient, history: History) -> None:
    form = {
        "period": "2026-11-20",
        "files": ["b, c.csv", " a.csv"],
        "expected_rows": "1,200",
        "note": "",
        "more_files": "",
    }
    response = post(web, "/sources/ls_corp/load", form, "/sources/ls_corp/load")
    assert response.headers["location"] == "/deliveries/sources/ls_corp/2026-11-20?done=started"
    run = newest_run("ls_corp")
    assert (run.partition_key, run.conf) == ("2026-11-20", {"files": ["b, c.csv", " a.csv"], "expected_rows": 1200})
    assert run.run_id.startswith("manual__2026-11-20__b__c.csv+1__")


@pytest.mark.parametrize(
    ("form", "sentence"),
    [
        ({"period": "2026-11-20"}, "Choose at least one file."),
        (
            {"period": "2026-11-20", "files": "a.csv", "expected_rows": "many"},
            "The expected rows are not a number.",
        ),
        ({"period": "2026Q4", "files": "a.csv"}, "a period such as 2026-11-22"),
        ({"period": "", "files": "a.csv"}, "found &#39;&#39;. Next: enter the period"),
        ({"period": "2026-11-20", "files": ["x" * 2000]}, "Invalid input for param files"),
    ],
)
def test_what_airflow_refuses_is_a_sentence_in_the_form_which_keeps_its_values(
    web: TestClient, history: History, form: dict[str, object], sentence: str
) -> None:
    before = newest_run("ls_corp").id
    response = post(web, "/sources/ls_corp/load", form | {"note": "kept <note>"}, "/sources/ls_corp/load")
    assert response.status_code == 400
    assert sentence in response.text
    assert 'value="kept &lt;note&gt;"' in response.text
    assert newest_run("ls_corp").id == before


def test_a_failed_run_goes_on_from_the_chosen_step(web: TestClient, history: History) -> None:
    source, period = history.examples["failed"]
    run = newest_run_of(source, period)
    response = post(web, f"/sources/{source}/{period}/again", {"run_id": run.run_id, "step": "commit"})
    assert response.headers["location"].endswith("?done=cleared")
    assert newest_run_of(source, period).state == "queued"
    after = states(source, run.run_id)
    assert after["await"] == after["check"] == "success"
    assert after["commit"] is after["maintain"] is None


def newest_run_of(source: str, period: str) -> DagRun:
    with create_session() as session:
        of_period = (DagRun.dag_id == source, DagRun.partition_key == period)
        run = session.scalar(select(DagRun).where(*of_period).order_by(DagRun.id.desc()).limit(1))
        assert run is not None
        session.expunge(run)
        return run


def test_only_a_failed_run_of_this_period_can_run_again(web: TestClient, history: History) -> None:
    source, period = history.examples["with_rejects"]
    run = newest_run_of(source, period)
    path = f"/sources/{source}/{period}/again"
    assert post(web, path, {"run_id": run.run_id, "step": "stage"}).status_code == 409
    assert post(web, path, {"run_id": "no such run", "step": "stage"}).status_code == 404
    assert post(web, path, {"run_id": run.run_id, "step": "rm"}).status_code == 404
    other = f"/sources/{source}/2025Q4/again"
    assert post(web, other, {"run_id": run.run_id, "step": "stage"}).status_code == 404


def test_a_required_action_is_answered_with_a_reason_after_it_was_read(web: TestClient, history: History) -> None:
    source, period = history.examples["needs_approval"]
    run = newest_run_of(source, period)
    path, form = f"/sources/{source}/{period}/answer", {"dag_id": source, "run_id": run.run_id, "option": LOAD}
    assert post(web, path, form | {"reason": " "}).status_code == 400
    assert post(web, path, form | {"option": "Something else", "reason": "ok"}).status_code == 400
    asked_at(run.run_id, NOW - timedelta(seconds=2))
    assert post(web, path, form | {"reason": "ok"}).status_code == 409
    asked_at(run.run_id, NOW - timedelta(seconds=20))
    assert post(web, path, form | {"reason": "the vendor confirmed it"}).headers["location"].endswith("?done=answered")
    with create_session() as session:
        detail = session.scalar(select(HITLDetail).where(HITLDetail.responded_at.is_not(None)))
        assert detail is not None
        assert (detail.chosen_options, detail.params_input) == ([LOAD], {"reason": "the vendor confirmed it"})
        assert detail.responded_by == {"id": "admin-user", "name": "admin-user"}
    assert states(source, run.run_id)["check"] == "scheduled"
    assert post(web, path, form | {"reason": "again"}).status_code == 404


def asked_at(run_id: str, at: object) -> None:
    with create_session() as session:
        task = session.scalar(
            select(TaskInstance.id).where(TaskInstance.run_id == run_id, TaskInstance.task_id == "check")
        )
        session.execute(update(HITLDetail).where(HITLDetail.ti_id == task).values(created_at=at))


def test_a_correction_is_started_and_approved_on_the_page_of_its_delivery(web: TestClient, history: History) -> None:
    source, period = history.examples["with_rejects"]
    form = {"action": "replay", "reason": "the SQL file is fixed", "files": ["a.csv"]}
    response = post(web, f"/sources/{source}/{period}/correct", form)
    assert response.headers["location"].endswith("?done=correction")
    assert newest_run("correct").conf == {"source": source, "period": period, **form}
    assert post(web, f"/sources/{source}/{period}/correct", form | {"reason": " "}).status_code == 400
    assert post(web, f"/sources/{source}/{period}/correct", form | {"action": "drop"}).status_code == 400


def test_a_correction_is_only_answered_from_its_own_delivery(web: TestClient, history: History) -> None:
    source, period = history.examples["restated"]
    with create_session() as session:
        waiting = session.scalar(
            select(TaskInstance.run_id).where(TaskInstance.dag_id == "correct", TaskInstance.task_id == "approve",
                                              TaskInstance.state == "awaiting_input")
        )  # fmt: skip
    form = {"dag_id": "correct", "run_id": waiting, "option": "Do it"}
    elsewhere = "/sources/aiq_b2b/2026Q2"
    assert post(web, f"{elsewhere}/answer", form).status_code == 404
    assert post(web, f"{elsewhere}/answer", form | {"dag_id": "table_maintenance"}).status_code == 404
    assert post(web, f"/sources/{source}/{period}/answer", form).headers["location"].endswith("?done=answered")
    assert states("correct", str(waiting))["approve"] == "scheduled"


@pytest.mark.parametrize(
    ("example", "act", "form"),
    [
        ("late_vendor", "run", {}),
        ("drift", "again", {"step": "stage"}),
        ("with_rejects", "correct", {"action": "undo", "reason": "because"}),
    ],
)
def test_a_viewer_sees_no_buttons_and_is_refused_by_airflow(
    login: Login, history: History, example: str, act: str, form: dict[str, object]
) -> None:
    source, period = history.examples[example]
    viewer, run = login("viewer"), newest_run_of(source, period)
    page = viewer.get(f"/deliveries/sources/{source}/{period}").text
    assert "<form" not in page
    assert "You may read this source, and not change it." in page
    token = {"token": form_token_of(viewer)}
    response = viewer.post(f"/deliveries/sources/{source}/{period}/{act}", data=form | token | {"run_id": run.run_id})
    assert response.status_code == 403
    assert "Airflow refused it, and nothing was done." in response.text
    assert newest_run_of(source, period).state == run.state


def form_token_of(client: TestClient) -> str:
    """Return the token of a user who sees no form, from the page that has one without a button."""
    found = re.search(r'name="token" value="(\w+)"', client.get("/deliveries/sources/ls_corp/load").text)
    assert found is not None
    return found[1]


def test_a_viewer_cannot_answer(login: Login, history: History) -> None:
    source, period = history.examples["restated"]
    viewer = login("viewer")
    assert 'name="option"' not in viewer.get(f"/deliveries/sources/{source}/{period}").text
