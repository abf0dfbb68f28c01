"""One delivery: what came, what was loaded and rejected, why it failed, and what a person can do about it."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

from airflow.utils.session import create_session
from fastapi import APIRouter, HTTPException, Request, Response

from growth_verticals.account import Account
from growth_verticals.cadence import OnDemand
from growth_verticals.errors import ConfigurationError, GrowthVerticalsError
from growth_verticals.status.grid import grid_row, runs_since, window
from growth_verticals.status.rules import delivery_state
from growth_verticals.web import airflow_db, tables
from growth_verticals.web.asking import asking_account
from growth_verticals.web.clock import Now
from growth_verticals.web.declared import source_and_period
from growth_verticals.web.pages.acts import DONE, STEPS
from growth_verticals.web.render import page
from growth_verticals.web.run_files import check_report, files_of_run, read_report
from growth_verticals.web.security import FormToken, LoggedIn, ReadableSource, rights

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

    from growth_verticals.cadence import Period
    from growth_verticals.source import Source
    from growth_verticals.status.facts import HeldPeriod, RunFacts
    from growth_verticals.status.states import DeliveryState
    from growth_verticals.web.airflow_db import CorrectionRun, RequiredAction, RunDetail, Step

router = APIRouter()

#: Longest table of files that is shown unfolded, in rows.
MAX_FILES = 20


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What Airflow's database says about a delivery.

    :param detail: the run that the page is about; None if there is no run.
    :param action: what that run asks a person, if it does.
    :param correction_actions: what corrections of the delivery ask.
    """

    state: DeliveryState | None
    paused: bool
    runs: Sequence[RunFacts]
    detail: RunDetail | None
    action: RequiredAction | None
    corrections: Sequence[CorrectionRun]
    correction_actions: Sequence[RequiredAction]


@router.get("/sources/{source}/{period}")
def delivery_page(
    request: Request,
    source: ReadableSource,
    user: LoggedIn,
    form_token: FormToken,
    now: Now,
    period: str,
    run: str | None = None,
    done: str | None = None,
) -> Response:
    """Return the page of a delivery.

    :param run: id of the run to show in detail. Default: the one that the state is about.
    :param done: the act that led here, a key of `DONE`.
    """
    declared, parsed = source_and_period(source, period)
    facts = read_facts(declared, parsed, run, now)
    detail, state = facts.detail, facts.state
    files = files_of_run(detail) if detail else []
    report = check_report(detail) if detail else None
    failed = detail is not None and detail.run.state == "failed"
    return page(
        request,
        "delivery.html",
        source=declared,
        period=parsed,
        facts=facts,
        state=state,
        detail=detail,
        failure=detail.run.failure if detail else None,
        failed_index=_failed_index(detail) if detail else -1,
        files=files,
        max_files=MAX_FILES,
        totals=_totals(files),
        report=report,
        rejects=_rejects(report, detail),
        answer=(detail.value("check") or {}).get("answer") if detail else None,
        evidence=detail.value("check", "evidence") if detail and facts.action else None,
        refusal=_refusal(detail, facts.action) if detail and facts.action else None,
        plans=[_plan(each) for each in facts.corrections if each.needs_answer],
        steps=list(_by_task(detail.steps)) if detail else [],
        again_from=_again_from(detail.run) if detail and failed else None,
        all_steps=STEPS,
        landing=_landing_prefix(declared, parsed),
        is_manual=isinstance(declared.cadence, OnDemand),
        rights=rights(user, source),
        done=DONE.get(done or ""),
        form_token=form_token,
    )


@router.get("/sources/{source}/{period}/state")
def state_fragment(request: Request, source: ReadableSource, now: Now, period: str) -> Response:
    """Return the top of the page as a `<div>`, with what the table holds, if the catalog can be asked."""
    declared, parsed = source_and_period(source, period)
    held = None
    # The fragment of the table says why it cannot be read.
    with suppress(GrowthVerticalsError), asking_account() as account:
        held = tables.held_periods(account, declared)
    with create_session() as session:
        runs = airflow_db.read_period(source, parsed.key, session=session)
        state = _state(declared, parsed, runs, now, session, held)
    return page(request, "delivery_header.html", alone=True, source=declared, period=parsed, state=state)


@router.get("/sources/{source}/{period}/table")
def table_fragment(request: Request, source: ReadableSource, period: str) -> Response:
    """Return what the table holds of the period, and who changed it, as a `<section>`. Asks the catalog."""
    declared, parsed = source_and_period(source, period)
    held, changes, note = None, [], None
    try:
        with asking_account() as account:
            held = tables.held_periods(account, declared).get(parsed.key)
            changes = tables.period_changes(account, declared, parsed.key)
    except GrowthVerticalsError as error:
        note = f"What the table holds cannot be read: {error}"
    return page(request, "delivery_table.html", source=declared, held=held, changes=changes, note=note)


def read_facts(source: Source, period: Period, run_id: str | None, now: datetime) -> Facts:
    """Return the facts. Raises 404 if the run is not one of this period."""
    with create_session() as session:
        runs = airflow_db.read_period(source.name, period.key, session=session)
        state = _state(source, period, runs, now, session)
        if run_id is not None and run_id not in {run.run_id for run in runs}:
            raise HTTPException(404, f"{source.name} has no such run for {period.key}")
        run_id = run_id or (state.run_id if state else None) or (runs[-1].run_id if runs else None)
        corrections = airflow_db.read_corrections(source.name, period.key, session=session)
        asking = [each.run_id for each in corrections if each.needs_answer]
        actions = [airflow_db.read_action("correct", each, session=session) for each in asking]
        return Facts(
            state=state,
            paused=source.name in airflow_db.paused_dags([source.name], session=session),
            runs=runs,
            detail=airflow_db.run_detail(source.name, run_id, session=session) if run_id else None,
            action=airflow_db.read_action(source.name, run_id, session=session) if run_id else None,
            corrections=corrections,
            correction_actions=[action for action in actions if action],
        )


def _refusal(detail: RunDetail, action: RequiredAction) -> dict[str, Any] | None:
    """Return why the task `stage` asks, and what it proposes; None if another task asks."""
    shown: dict[str, Any] | None = detail.xcoms.get((action.task_id, "refusal"), {}).get(action.map_index)
    return shown


def _state(
    source: Source,
    period: Period,
    runs: Sequence[RunFacts],
    now: datetime,
    session: Session,
    held: Mapping[str, HeldPeriod] | None = None,
) -> DeliveryState | None:
    """Return the state as the grid has it. Older periods are not compared with the period before.

    :param held: what the source's table holds; None if that is not known.
    """
    paused = source.name in airflow_db.paused_dags([source.name], session=session)
    audits = airflow_db.read_audit([source.name], session=session)
    audit = {key: facts for (_, key), facts in audits.items()}
    if period not in window(source, now):
        return delivery_state(
            source,
            period,
            runs,
            held=(held or {}).get(period.key),
            held_known=held is not None,
            audit=audit.get(period.key),
            paused=paused,
            asked_for=False,
            now=now,
        )
    recent = airflow_db.read_runs([source.name], runs_since([source], now), session=session)[source.name]
    first = airflow_db.read_first_periods([source.name], session=session).get(source.name)
    row = grid_row(source, recent, now=now, paused=paused, first_run=first, held=held, audit=audit)
    return row.cells[row.periods.index(period.key)]


def _totals(files: Sequence[Any]) -> dict[str, int | None]:
    """Return the sums of the files' counts; None if no file has been counted."""
    sums: dict[str, int | None] = {}
    for name in ("size", "rows_read", "rows_loaded", "rows_rejected", "rows_refused"):
        values = [value for file in files if (value := getattr(file, name)) is not None]
        sums[name] = sum(values) if values else None
    return sums


def _rejects(report: Any, detail: RunDetail | None) -> Sequence[Any]:
    """Return rejected records by column and reason: of the load, or else of the checks before it."""
    load = detail.run.load if detail else None
    return (load.rejects if load else ()) or (report.rejects if report else ())


def _by_task(steps: Sequence[Step]) -> Iterator[dict[str, Any]]:
    """Yield the tasks of a run, the instances of a mapped task as one: its longest, and all together."""
    for task_id, group in groupby(steps, key=lambda step: step.task_id):
        members = list(group)
        seconds = [step.seconds for step in members if step.seconds is not None]
        states: dict[str, int] = {}
        for step in members:
            states[step.state or "not started"] = states.get(step.state or "not started", 0) + 1
        yield {
            "task_id": task_id,
            "is_mapped": any(step.map_index >= 0 for step in members),
            "count": len(members),
            "states": states,
            "tries": max(step.tries for step in members),
            "started_at": min((step.started_at for step in members if step.started_at), default=None),
            "seconds": sum(seconds) if seconds else None,
            "longest": max(seconds, default=None),
        }


def _plan(correction: CorrectionRun) -> dict[str, Any]:
    """Return what a correction would do: its files, and the report of a reload."""
    shown = correction.shown or {}
    return {"run": correction, "files": shown.get("files") or (), "report": read_report(shown.get("report")), **shown}


def _failed_index(detail: RunDetail) -> int:
    """Return the map index of the failed step's first instance that failed, for the link to its log."""
    failed = (step for step in detail.steps if step.task_id == detail.run.step and step.state == "failed")
    return next((step.map_index for step in failed), -1)


def _again_from(run: RunFacts) -> str | None:
    """Return the task from which a failed run should run again."""
    step = run.failure.clear if run.failure and run.failure.clear else run.step
    return step if step in STEPS else None


def _landing_prefix(source: Source, period: Period) -> str | None:
    with suppress(ConfigurationError):
        return Account.from_environment().landing_prefix(source.name, period)
    return None
