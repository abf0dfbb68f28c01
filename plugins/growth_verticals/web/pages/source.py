"""One source: its loads over time, its newest deliveries, what it declares, and its contract."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from airflow.utils.session import create_session
from fastapi import APIRouter, HTTPException, Request, Response

from growth_verticals.contract.declared import contract_of
from growth_verticals.contract.render import partition_in_sql, type_in_sql
from growth_verticals.description import describe
from growth_verticals.errors import ContractError, GrowthVerticalsError
from growth_verticals.source import Inbox
from growth_verticals.status.grid import grid_row
from growth_verticals.status.rules import delivery_state
from growth_verticals.status.scorecard import days_late, runs_by_period
from growth_verticals.web import airflow_db, tables
from growth_verticals.web.asking import asking_account
from growth_verticals.web.clock import Now
from growth_verticals.web.declared import declared_source
from growth_verticals.web.render import page
from growth_verticals.web.security import ReadableSource

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date, datetime

    from growth_verticals.cadence import Period
    from growth_verticals.contract.table import PiiClass, TableContract
    from growth_verticals.source import Source
    from growth_verticals.status.facts import AuditFacts, HeldPeriod, RunFacts
    from growth_verticals.status.grid import GridRow
    from growth_verticals.status.states import DeliveryState

router = APIRouter()

#: How far back the plots go.
_PLOTTED = timedelta(days=3 * 366)
_LISTED = 20
#: Name of the number, title of the plot, the number's label and unit. A number that no period has is not plotted.
_PLOTS = (
    {"name": "rows", "title": "Rows loaded", "label": "Rows", "unit": ""},
    {"name": "rejected", "title": "Share of records that were rejected", "label": "Rejected", "unit": "%"},
    {"name": "days_late", "title": "Days from due to arrival; 0 or less is on time", "label": "Late", "unit": "days"},
    {"name": "minutes", "title": "Minutes from arrival to commit", "label": "Took", "unit": "min"},
)
_PII: Mapping[PiiClass, str] = {
    "D": "direct identifier",
    "Q": "quasi-identifier",
    "H": "health",
    "P": "political",
    "O": "other sensitive",
    "N": "not personal",
}


@dataclass(frozen=True, kw_only=True)
class PeriodFigures:
    """What the plots show of one period; None where it is not known, or nothing was loaded.

    :param rows: rows that runs have loaded, without those that they replaced.
    :param rejected: share of records that were rejected, 0 to 1.
    :param days_late: from the due time to the arrival; negative if it came before.
    :param minutes: from the arrival to the commit of the newest load. An approval is part of it.
    """

    period: str
    rows: int | None
    rejected: float | None
    days_late: float | None
    minutes: float | None


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What Airflow's database says about a source.

    :param runs: of the periods that the plots show, oldest period first.
    :param first: key of the first period that has a scheduled run.
    :param audit: period → what the newest audit says.
    """

    now: datetime
    runs: Sequence[RunFacts]
    paused: bool
    first: str | None
    audit: Mapping[str, AuditFacts]


@router.get("/sources/{source}")
def source_page(request: Request, source: ReadableSource, now: Now) -> Response:
    """Return the page of a source."""
    declared = _declared(source)
    facts = read_facts(source, now)
    row, deliveries = newest_deliveries(declared, facts)
    figures = period_figures(declared, facts)
    contract, problem = _contract(declared)
    return page(
        request,
        "source.html",
        source=declared,
        row=row,
        deliveries=deliveries,
        figures=figures,
        plots=[plot for plot in _PLOTS if any(getattr(each, plot["name"]) is not None for each in figures)],
        numbers=json.dumps(_by_name(figures), separators=(",", ":")),
        terms=describe(declared),
        contract=contract,
        problem=problem,
        columns=_columns(contract) if contract else (),
        partitioning=[partition_in_sql(field) for field in contract.partition_by] if contract else (),
        is_inbox=isinstance(declared.delivery, Inbox),
        years=_PLOTTED.days // 365,
        note=None,
    )


@router.get("/sources/{source}/deliveries")
def deliveries_fragment(request: Request, source: ReadableSource, now: Now) -> Response:
    """Return the newest deliveries with what the table holds of them, as a `<section>`. Asks the catalog."""
    declared = _declared(source)
    held, note = None, None
    try:
        with asking_account() as account:
            held = tables.held_periods(account, declared)
    except GrowthVerticalsError as error:
        note = f"What the table of {source} holds cannot be read: {error}"
    _, deliveries = newest_deliveries(declared, read_facts(source, now), held)
    return page(request, "source_deliveries.html", source=declared, deliveries=deliveries, note=note)


def read_facts(source: str, now: datetime) -> Facts:
    """Return the facts from Airflow's database."""
    with create_session() as session:
        audits = airflow_db.read_audit([source], session=session)
        return Facts(
            now=now,
            runs=airflow_db.read_runs([source], now - _PLOTTED, session=session)[source],
            paused=source in airflow_db.paused_dags([source], session=session),
            first=airflow_db.read_first_periods([source], session=session).get(source),
            audit={period: facts for (_, period), facts in audits.items()},
        )


def newest_deliveries(
    source: Source, facts: Facts, held: Mapping[str, HeldPeriod] | None = None
) -> tuple[GridRow, list[DeliveryState]]:
    """Return the source's row of the grid, and the newest deliveries of it and of older periods, the newest first.

    :param held: period → what the table holds; None if that is not known.
    """
    row = grid_row(
        source, facts.runs, now=facts.now, paused=facts.paused, first_run=facts.first, held=held, audit=facts.audit
    )
    states = [state for state in row.states() if state.state != "not_open"]
    shown = {*row.periods, *(state.period for state in states)}
    by_period = runs_by_period(source, facts.runs)
    older = sorted((period for period in by_period if period.key not in shown), key=_first_day, reverse=True)
    for period in older[:_LISTED]:
        state = delivery_state(
            source,
            period,
            by_period[period],
            held=(held or {}).get(period.key),
            held_known=held is not None,
            audit=facts.audit.get(period.key),
            paused=facts.paused,
            asked_for=False,
            now=facts.now,
        )
        states += [state] if state else []
    states.sort(key=lambda state: source.cadence.parse(state.period).first, reverse=True)
    return row, states[:_LISTED]


def period_figures(source: Source, facts: Facts) -> list[PeriodFigures]:
    """Return the figures of all periods from the first to the last one that have runs, oldest first."""
    by_period = runs_by_period(source, facts.runs)
    return [_figures(source, period, by_period[period], facts.now) for period in sorted(by_period, key=_first_day)]


def _figures(source: Source, period: Period, runs: Sequence[RunFacts], now: datetime) -> PeriodFigures:
    loading = [run for run in runs if run.load]
    loads = [run.load for run in loading if run.load]
    read = sum(load.rows_read for load in loads)
    late = days_late(source, period, runs, now)
    newest = loading[-1] if loading else None
    took = None
    if newest and newest.arrived_at and newest.committed_at:
        took = (newest.committed_at - newest.arrived_at).total_seconds() / 60
    return PeriodFigures(
        period=period.key,
        rows=max(0, sum(load.rows_loaded - load.rows_replaced for load in loads)) if loads else None,
        rejected=round(sum(load.rows_rejected for load in loads) / read, 5) if read else None,
        days_late=None if late is None else round(late, 2),
        minutes=None if took is None else round(took, 1),
    )


def _by_name(figures: Sequence[PeriodFigures]) -> dict[str, list[Any]]:
    """Return the columns of the plots: name → value of each period."""
    return {name: [getattr(each, name) for each in figures] for name in PeriodFigures.__dataclass_fields__}


def _declared(source: str) -> Source:
    try:
        return declared_source(source)
    except GrowthVerticalsError as error:
        raise HTTPException(HTTPStatus.SERVICE_UNAVAILABLE, str(error).rstrip(".")) from error


def _contract(source: Source) -> tuple[TableContract | None, str | None]:
    """Return the contract, or why its SQL file cannot be used."""
    try:
        return contract_of(source), None
    except ContractError as error:
        return None, error.sentence


def _columns(contract: TableContract) -> list[dict[str, Any]]:
    return [
        {
            "name": column.name,
            "type": type_in_sql(column.type),
            "required": column.required,
            "pii": column.pii,
            "pii_word": _PII[column.pii] if column.pii else "not stated",
            "doc": column.doc,
            "is_provenance": column not in contract.columns,
        }
        for column in contract.all_columns
    ]


def _first_day(period: Period) -> date:
    return period.first
