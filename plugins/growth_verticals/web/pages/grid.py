"""What came and what is late: sources × periods, below what needs attention. Also as JSON, for `./gv` and alerts."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

from airflow.utils.session import create_session
from fastapi import APIRouter, HTTPException, Request, Response

from growth_verticals.errors import DeclarationError, GrowthVerticalsError
from growth_verticals.status.causes import Cause, causes
from growth_verticals.status.grid import Grid, GridRow, grid_row, runs_since
from growth_verticals.status.states import STATES
from growth_verticals.web import airflow_db, tables
from growth_verticals.web.asking import asking_account
from growth_verticals.web.clock import Now
from growth_verticals.web.declared import alert_rules, declared_sources
from growth_verticals.web.render import page
from growth_verticals.web.security import LoggedIn, ReadableSource, readable_sources, require_readable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from growth_verticals.alerting import AlertRules
    from growth_verticals.source import Source
    from growth_verticals.status.facts import HeldPeriod

router = APIRouter()

#: Kind of a cause → the state whose color it has, and its word.
KINDS: Mapping[str, tuple[str, str]] = {
    "due_soon": ("waiting", "due soon"),
    "late_vendor": ("late_vendor", "late: vendor"),
    "late_pipeline": ("late_pipeline", "late: pipeline"),
    "refused": ("refused", "refused"),
    "needs_approval": ("needs_approval", "needs approval"),
    "restated": ("restated", "restated"),
    "rejects_over": ("loaded_with_rejects", "many rejects"),
    "gap": ("unexplained", "gap"),
    "maintenance_failed": ("refused", "maintenance failed"),
    "host_key_changed": ("refused", "host key changed"),
}
#: Titles of the tables → labels of the cadences that have these periods.
_TABLES = {"Quarters": ("quarterly",), "Months": ("monthly",), "Days": ("daily", "on demand")}
#: Causes that are shown unfolded. More would push the grid off the screen.
_MAX_CAUSES = 6


@dataclass(frozen=True, kw_only=True)
class Status:
    """What came and what needs a person, of the sources that a user may see.

    :param notes: what could not be read, one sentence each.
    """

    grid: Grid
    causes: list[Cause]
    notes: list[str]


def read_status(names: Sequence[str], now: datetime, *, with_tables: bool = False) -> Status:
    """Return the status of these sources from Airflow's database.

    :param with_tables: also ask the catalog what the tables hold, which takes about 100 ms for each source.
    """
    sources, errors = declared_sources(names)
    notes = [str(error) for error in errors]
    rules: Mapping[str, AlertRules] = {}
    try:
        rules = alert_rules(sources)
    except DeclarationError as error:
        notes.append(str(error))
    names = [source.name for source in sources]
    if not names:
        return Status(grid=Grid(made_at=now, rows=()), causes=[], notes=notes)
    with create_session() as session:
        paused = airflow_db.paused_dags(names, session=session)
        first = airflow_db.read_first_periods(names, session=session)
        runs = airflow_db.read_runs(names, runs_since(sources, now), session=session)
        audits = airflow_db.read_audit(names, session=session)
        maintenance = [each for each in airflow_db.read_maintenance(session=session) if each.source in names]
    held, unread = _held(sources) if with_tables else ({}, [])
    rows = []
    for source in sources:
        audit = {period: facts for (name, period), facts in audits.items() if name == source.name}
        row = grid_row(
            source,
            runs[source.name],
            now=now,
            paused=source.name in paused,
            first_run=first.get(source.name),
            held=held.get(source.name),
            audit=audit,
        )
        rows.append(row)
    grid = Grid(made_at=now, rows=tuple(rows), tables_read=with_tables and not unread)
    found = causes(grid, audits=audits, maintenance=maintenance, rules=rules)
    return Status(grid=grid, causes=found, notes=notes + unread)


def _held(sources: Sequence[Source]) -> tuple[dict[str, Mapping[str, HeldPeriod]], list[str]]:
    """Return source → what its table holds, and a note if that cannot be read for some."""
    held: dict[str, Mapping[str, HeldPeriod]] = {}
    unread: dict[str, GrowthVerticalsError] = {}

    def read(source: Source) -> None:
        try:
            held[source.name] = tables.held_periods(account, source)
        except GrowthVerticalsError as error:
            unread[source.name] = error

    try:
        with asking_account() as account, ThreadPoolExecutor(4) as pool:
            list(pool.map(read, sources))
    except GrowthVerticalsError as error:
        return {}, [f"What the tables hold cannot be read: {error}"]
    return held, [f"What the table of {name} holds cannot be read: {unread[name]}" for name in sorted(unread)[:1]]


@router.get("/")
def grid_page(request: Request, user: LoggedIn, now: Now, source: str | None = None, tables: bool = False) -> Response:
    """Return the grid of all sources, or of one."""
    names = [name for name in readable_sources(user) if source in (None, name)]
    if source is not None and not names:
        require_readable(user, source)
        raise HTTPException(404, "there is no source of this name")
    status = read_status(names, now, with_tables=tables)
    listed, rest = status.causes[:_MAX_CAUSES], status.causes[_MAX_CAUSES:]
    return page(
        request,
        "grid.html",
        tab="Deliveries",
        source=source,
        status=status,
        groups=list(_groups(status.grid.rows)),
        causes=[_shown(cause) for cause in listed],
        more_causes=[_shown(cause) for cause in rest],
        states=[{"state": state, "sign": sign, "word": word} for state, (sign, word) in STATES.items()],
    )


@router.get("/sources/{source}/row")
def grid_fragment(request: Request, source: ReadableSource, now: Now, tables: bool = False) -> Response:
    """Return one source's row of the grid, as a `<tr>`."""
    try:
        status = read_status([source], now, with_tables=tables)
        [row] = status.grid.rows
    except (DeclarationError, ValueError) as error:
        raise HTTPException(503, "the declaration of this source does not run") from error
    [group] = _groups([row])
    return page(request, "grid_row.html", row=row, group=group, notes=status.notes)


@router.get("/grid.json")
def grid_json(user: LoggedIn, now: Now, tables: bool = False) -> Any:
    """Return the grid as JSON, with `notes` about what could not be read."""
    status = read_status(readable_sources(user), now, with_tables=tables)
    return status.grid.to_json() | {"notes": status.notes}


@router.get("/causes.json")
def causes_json(user: LoggedIn, now: Now, tables: bool = False) -> Any:
    """Return what needs attention as JSON, in the order of the page."""
    status = read_status(readable_sources(user), now, with_tables=tables)
    return {"causes": [cause.to_json() for cause in status.causes], "notes": status.notes}


def _groups(rows: Sequence[GridRow]) -> Iterator[dict[str, Any]]:
    """Yield the tables of the page: sources whose columns are the same periods, the newest period first."""
    for title, cadences in _TABLES.items():
        members = [row for row in rows if row.cadence in cadences]
        if members:
            columns = members[0].periods[::-1]
            months = [(month, len(list(days))) for month, days in groupby(columns, lambda day: day[:7])]
            yield {"title": title, "style": title.lower(), "rows": members, "columns": columns, "months": months}


def _shown(cause: Cause) -> dict[str, Any]:
    state, word = KINDS[cause.kind]
    sign = STATES[state][0]  # type: ignore[index] # the table above has states only
    return {"cause": cause, "badge": {"state": state, "sign": sign, "word": word}}
