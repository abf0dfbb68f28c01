"""What people can do from the pages. Every act is a call of Airflow's own API, in the user's name, with its rights.

The forms work without JavaScript. After an act, the browser is sent to the delivery's page, which says what was done.
What Airflow refuses is shown as its sentence.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from airflow.utils.session import create_session
from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.responses import RedirectResponse

from growth_verticals.cadence import OnDemand
from growth_verticals.errors import GrowthVerticalsError
from growth_verticals.timetables import manual_run_id
from growth_verticals.web import airflow_db
from growth_verticals.web.asking import asking_account
from growth_verticals.web.clock import Now
from growth_verticals.web.declared import declared_source, source_and_period
from growth_verticals.web.own_api import Api
from growth_verticals.web.render import page
from growth_verticals.web.security import FormToken, LoggedIn, PostedForm, ReadableSource, rights

if TYPE_CHECKING:
    from starlette.datastructures import FormData

    from growth_verticals.delivery import RemoteFile
    from growth_verticals.source import Source

router = APIRouter()

#: The tasks of a source's DAG from which a failed run can run again, with what that does.
STEPS = {
    "await": "look for the vendor's files again, and load what is there now",
    "land": "copy the files again",
    "plan": "group the landed copies again, and parse them",
    "stage": "parse the landed copies again, after a fix of the SQL file or the declaration",
    "check": "check the delivery again, and ask again",
    "commit": "commit the staged files again",
    "maintain": "apply the maintenance settings again",
}
#: What the delivery's page says after an act.
DONE = {
    "started": "The run is started. Refresh this page to see how far it is.",
    "cleared": "The run goes on from the step that you chose. Refresh this page to see how far it is.",
    "answered": "The answer is given. The run goes on in a few seconds.",
    "correction": "The correction is started. In a minute this page shows what it would change, and asks for approval.",
}
#: Airflow loses an answer that comes before its scheduler has seen that the task waits.
_MIN_READING = timedelta(seconds=10)
_CORRECTIONS = ("undo", "replay", "reload")


@router.post("/sources/{source}/{period}/run")
def run_period(request: Request, source: ReadableSource, period: str, form: PostedForm, api: Api) -> Response:
    """Start a run that loads the vendor's delivery for a period."""
    source_and_period(source, period)
    return _start(request, api, source, period, {}, form)


@router.post("/sources/{source}/{period}/again")
def run_again(request: Request, source: ReadableSource, period: str, form: PostedForm, api: Api) -> Response:
    """Let a failed run go on from a step. That step and all after it run again."""
    run_id, step = _text(form, "run_id"), _text(form, "step")
    with create_session() as session:
        run = airflow_db.read_run(source, run_id, session=session)
    if run is None or run.period != period or step not in STEPS:
        raise HTTPException(HTTPStatus.NOT_FOUND, f"{source} has no such run or step for this period")
    if run.state != "failed":
        raise HTTPException(HTTPStatus.CONFLICT, f"the run has not failed: it is {run.state}. Nothing was done")
    body = {
        "dry_run": False,
        "dag_run_id": run_id,
        "task_ids": [step],
        "include_downstream": True,
        "only_failed": False,
        "reset_dag_runs": True,
    }
    api.call("POST", "dags", source, "clearTaskInstances", body=body)
    return _done(request, source, period, "cleared")


@router.post("/sources/{source}/{period}/answer")
def answer(request: Request, source: ReadableSource, period: str, form: PostedForm, api: Api, now: Now) -> Response:
    """Answer what a run of this delivery, or a correction of it, asks."""
    dag_id, run_id = _text(form, "dag_id"), _text(form, "run_id")
    with create_session() as session:
        if dag_id == "correct":
            is_of_delivery = airflow_db.correction_target(run_id, session=session) == (source, period)
        else:
            run = airflow_db.read_run(source, run_id, session=session)
            is_of_delivery = dag_id == source and run is not None and run.period == period
        action = airflow_db.read_action(dag_id, run_id, session=session) if is_of_delivery else None
    if action is None:
        raise HTTPException(HTTPStatus.NOT_FOUND, "nothing waits for this answer: somebody may have given it already")
    option, reason = _text(form, "option"), _text(form, "reason")
    if option not in action.options:
        raise HTTPException(HTTPStatus.BAD_REQUEST, "choose one of the answers")
    if "reason" in action.fields and not reason:
        raise HTTPException(HTTPStatus.BAD_REQUEST, "an answer needs a reason: it is kept in the table's history")
    if now - action.asked_at < _MIN_READING:
        raise HTTPException(
            HTTPStatus.CONFLICT, "this was asked only a moment ago. Read what is asked, and answer in ten seconds"
        )
    path = ("dags", dag_id, "dagRuns", run_id, "taskInstances", action.task_id, str(action.map_index), "hitlDetails")
    fields = {"reason": reason} if "reason" in action.fields else {}
    api.call("PATCH", *path, body={"chosen_options": [option], "params_input": fields})
    return _done(request, source, period, "answered")


@router.post("/sources/{source}/{period}/correct")
def correct(request: Request, source: ReadableSource, period: str, form: PostedForm, api: Api) -> Response:
    """Start a correction of what is loaded for a period. A person approves it before anything is changed."""
    source_and_period(source, period)
    action, reason = _text(form, "action"), _text(form, "reason")
    if action not in _CORRECTIONS or not reason:
        raise HTTPException(HTTPStatus.BAD_REQUEST, "a correction needs an action and a reason")
    conf = {"source": source, "period": period, "action": action, "files": _texts(form, "files") or None}
    body = {"logical_date": None, "conf": conf | {"reason": reason}}
    api.call("POST", "dags", "correct", "dagRuns", body=body)
    return _done(request, source, period, "correction")


@router.get("/sources/{source}/load")
def load_form(
    request: Request, source: ReadableSource, user: LoggedIn, form_token: FormToken, period: str = ""
) -> Response:
    """Return the form that loads files from the inbox, with the files that are in it. Asks the landing zone."""
    return _load_form(request, user, source, form_token, {"period": period})


@router.post("/sources/{source}/load")
def load(
    request: Request, source: ReadableSource, user: LoggedIn, form_token: FormToken, form: PostedForm, api: Api
) -> Response:
    """Start a run that loads the files that a person chose. If Airflow refuses, return the form with its sentence."""
    files = list(dict.fromkeys([*_texts(form, "files"), *map(str.strip, _text(form, "more_files").splitlines())]))
    values = {name: _text(form, name) for name in ("period", "expected_rows", "note", "more_files")}
    try:
        if not files:
            raise HTTPException(HTTPStatus.BAD_REQUEST, "choose at least one file")
        try:
            declared_source(source).cadence.parse(values["period"])
        except GrowthVerticalsError as error:
            raise HTTPException(HTTPStatus.BAD_REQUEST, str(error)) from error
        conf: dict[str, Any] = {"files": files}
        if values["expected_rows"]:
            conf["expected_rows"] = _count(values["expected_rows"])
        return _start(request, api, source, values["period"], conf, form)
    except HTTPException as error:
        return _load_form(request, user, source, form_token, values, chosen=files, refused=error)


def _start(
    request: Request, api: Api, source: str, period: str, conf: dict[str, Any], form: FormData
) -> RedirectResponse:
    note = _text(form, "note")
    body = {
        "dag_run_id": manual_run_id(period, datetime.now(UTC), conf.get("files") or ()),
        "logical_date": None,
        "partition_key": period,
        "conf": conf | ({"note": note} if note else {}),
    }
    api.call("POST", "dags", source, "dagRuns", body=body)
    return _done(request, source, period, "started")


def _load_form(
    request: Request,
    user: LoggedIn,
    source: str,
    form_token: str,
    values: dict[str, str],
    *,
    chosen: list[str] | None = None,
    refused: HTTPException | None = None,
) -> Response:
    try:
        declared = declared_source(source)
    except GrowthVerticalsError as error:
        raise HTTPException(HTTPStatus.SERVICE_UNAVAILABLE, str(error)) from error
    inbox, note = _inbox(declared)
    return page(
        request,
        "load.html",
        status_code=refused.status_code if refused else HTTPStatus.OK,
        source=declared,
        inbox=inbox,
        note=note,
        values={"period": "", "expected_rows": "", "note": "", "more_files": ""} | values,
        chosen=chosen or [],
        refused=refused.detail if refused else None,
        may_run=rights(user, source).run,
        needs_files=isinstance(declared.cadence, OnDemand),
        form_token=form_token,
    )


def _inbox(source: Source) -> tuple[list[RemoteFile], str | None]:
    """Return the files in the source's inbox, newest first, and a note if it cannot be listed."""
    from growth_verticals.landing.listing import list_inbox

    try:
        with asking_account() as account:
            files = list_inbox(account, source)
    except GrowthVerticalsError as error:
        return [], f"The inbox cannot be listed: {error}"
    return sorted(files, key=lambda file: file.modified, reverse=True), None


def _done(request: Request, source: str, period: str, done: str) -> RedirectResponse:
    path = f"{request.scope['root_path']}/sources/{quote(source, safe='')}/{quote(period, safe='')}"
    return RedirectResponse(f"{path}?done={done}", HTTPStatus.SEE_OTHER)


def _count(text: str) -> int:
    if not text.replace(",", "").isdecimal():
        raise HTTPException(HTTPStatus.BAD_REQUEST, "the expected rows are not a number")
    return int(text.replace(",", ""))


def _text(form: FormData, name: str) -> str:
    return next(iter(_texts(form, name)), "").strip()


def _texts(form: FormData, name: str) -> list[str]:
    return [value for value in form.getlist(name) if isinstance(value, str)]
