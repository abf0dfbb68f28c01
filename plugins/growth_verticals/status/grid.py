"""Sources × periods: the states that the page, `./gv status` and the alerts show."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, time
from typing import TYPE_CHECKING, Any

from growth_verticals.cadence import BUSINESS_ZONE, Daily, Monthly, OnDemand, Quarterly
from growth_verticals.errors import PeriodError
from growth_verticals.status.facts import time_from_json, time_to_json
from growth_verticals.status.rules import delivery_state
from growth_verticals.status.states import HOLDS_ROWS, STATES, DeliveryState

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from growth_verticals.cadence import Period
    from growth_verticals.source import Source
    from growth_verticals.status.facts import AuditFacts, HeldPeriod, RunFacts

_PERIODS = {Quarterly: 8, Monthly: 12, Daily: 30, OnDemand: 30}
_DAYS_OF_A_WEEK = 7


@dataclass(frozen=True, kw_only=True)
class GridRow:
    """One source.

    :param cadence: its label, such as `quarterly`.
    :param periods: keys, oldest first. The last one contains today, and has not opened.
    :param cells: a state for each period; None if nothing happened, and nobody asked for it.
    :param others: states of active runs for periods outside of the window, oldest period first.
    :param next_due: when the next delivery that is not loaded is due; None for a source without a schedule.
    """

    source: str
    table: str
    cadence: str
    paused: bool
    periods: tuple[str, ...]
    cells: tuple[DeliveryState | None, ...]
    others: tuple[DeliveryState, ...] = ()
    next_due: datetime | None = None

    def states(self) -> list[DeliveryState]:
        """Return the states of the others and of all cells, oldest period first in each."""
        return [*self.others, *(cell for cell in self.cells if cell)]

    def to_json(self) -> dict[str, Any]:
        """Return the row as JSON types."""
        return {
            "source": self.source,
            "table": self.table,
            "cadence": self.cadence,
            "paused": self.paused,
            "periods": list(self.periods),
            "cells": [cell.to_json() if cell else None for cell in self.cells],
            "others": [other.to_json() for other in self.others],
            "next_due": time_to_json(self.next_due),
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> GridRow:
        """Return the row that `to_json` returned."""
        return cls(
            source=values["source"],
            table=values["table"],
            cadence=values["cadence"],
            paused=values["paused"],
            periods=tuple(values["periods"]),
            cells=tuple(DeliveryState.from_json(cell) if cell else None for cell in values["cells"]),
            others=tuple(DeliveryState.from_json(other) for other in values["others"]),
            next_due=time_from_json(values["next_due"]),
        )


@dataclass(frozen=True, kw_only=True)
class Grid:
    """All sources that somebody may see, at one time.

    :param tables_read: whether what the tables hold is part of it.
    """

    made_at: datetime
    rows: tuple[GridRow, ...]
    tables_read: bool = False

    def states(self) -> list[DeliveryState]:
        """Return all states, sources in the grid's order."""
        return [state for row in self.rows for state in row.states()]

    def to_json(self) -> dict[str, Any]:
        """Return the grid as JSON types, with the legend `states`: id → sign and word."""
        return {
            "made_at": time_to_json(self.made_at),
            "rows": [row.to_json() for row in self.rows],
            "tables_read": self.tables_read,
            "states": {state: {"sign": sign, "word": word} for state, (sign, word) in STATES.items()},
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Grid:
        """Return the grid that `to_json` returned."""
        return cls(
            made_at=datetime.fromisoformat(values["made_at"]),
            rows=tuple(GridRow.from_json(row) for row in values["rows"]),
            tables_read=values["tables_read"],
        )


def window(source: Source, now: datetime) -> list[Period]:
    """Return a grid's periods, oldest first: 8 quarters, 12 months or 30 days. The last one contains today."""
    today = now.astimezone(BUSINESS_ZONE).date()
    return _before(source, source.cadence.containing(today), _PERIODS[type(source.cadence)])


def runs_since(sources: Sequence[Source], now: datetime) -> dict[str, datetime]:
    """Return source → start of the oldest period whose runs `grid_row` needs, for `web.airflow_db.read_runs`."""
    return {
        source.name: datetime.combine(_with_compared(source, now)[0].first, time(), BUSINESS_ZONE) for source in sources
    }


def grid_row(
    source: Source,
    runs: Sequence[RunFacts],
    *,
    now: datetime,
    paused: bool,
    first_run: str | None = None,
    held: Mapping[str, HeldPeriod] | None = None,
    audit: Mapping[str, AuditFacts] | None = None,
) -> GridRow:
    """Return one source's row.

    :param runs: those since `runs_since`, and all active ones, in any order.
    :param first_run: key of the first period that the schedule created a run for; None if there is none.
    :param held: period → what the table holds; None if that is not known.
    :param audit: period → what the newest audit says.
    """
    by_period: dict[str, list[RunFacts]] = {}
    for run in runs:
        by_period.setdefault(run.period, []).append(run)
    first = _first_asked_for(source, first_run)

    def state_of(period: Period) -> DeliveryState | None:
        return delivery_state(
            source,
            period,
            by_period.get(period.key, ()),
            held=(held or {}).get(period.key),
            held_known=held is not None,
            audit=(audit or {}).get(period.key),
            paused=paused,
            # Without any run, the schedule starts with the next period that opens, or with the newest that has.
            asked_for=source.cadence.opens(period) > now or (first is not None and first.first <= period.first),
            now=now,
        )

    shown = window(source, now)
    compared = _with_compared(source, now)
    states = _with_changes(source, {period.key: state_of(period) for period in compared})
    keys = tuple(period.key for period in shown)
    active = {run.period for run in runs if run.is_active} - set(keys)
    return GridRow(
        source=source.name,
        table=source.table,
        cadence=source.cadence.label,
        paused=paused,
        periods=keys,
        cells=tuple(states[key] for key in keys),
        others=tuple(state for period in _parsed(source, active) if (state := state_of(period))),
        next_due=_next_due(source, states, now),
    )


def _with_compared(source: Source, now: datetime) -> list[Period]:
    """Return the window and the periods before it that its first ones are compared to."""
    shown = window(source, now)
    earlier = _DAYS_OF_A_WEEK if isinstance(source.cadence, Daily) else 1
    return _before(source, shown[-1], len(shown) + earlier)


def _before(source: Source, last: Period, count: int) -> list[Period]:
    periods = [last]
    while len(periods) < count:
        periods.append(source.cadence.before(periods[-1]))
    return periods[::-1]


def _with_changes(source: Source, states: dict[str, DeliveryState | None]) -> dict[str, DeliveryState | None]:
    """Return the states with the rows of the comparable period: the same weekday, or else the newest one with rows."""
    result, newest = dict(states), None
    keys = list(states)
    for index, (key, state) in enumerate(states.items()):
        week_ago = states[keys[index - _DAYS_OF_A_WEEK]] if index >= _DAYS_OF_A_WEEK else None
        is_daily = isinstance(source.cadence, Daily)
        before = week_ago if is_daily and week_ago is not None and week_ago.rows else newest
        if state is not None and state.rows is not None and before is not None:
            result[key] = replace(state, rows_before=before.rows, period_before=before.period)
        newest = state if state is not None and state.rows else newest
    return result


def _first_asked_for(source: Source, first_run: str | None) -> Period | None:
    """Return the first period that the schedule owes a run: it skips none after its first one."""
    return next(iter(_parsed(source, [key for key in (source.since or first_run,) if key])), None)


def _parsed(source: Source, keys: Sequence[str] | set[str]) -> list[Period]:
    """Return the periods with these keys, oldest first, without those of a cadence that the source had before."""
    periods = []
    for key in keys:
        with suppress(PeriodError):
            periods.append(source.cadence.parse(key))
    return sorted(periods, key=lambda period: period.first)


def _next_due(source: Source, states: Mapping[str, DeliveryState | None], now: datetime) -> datetime | None:
    if isinstance(source.cadence, OnDemand):
        return None
    period = source.cadence.next_due(now)
    while (state := states.get(period.key)) is not None and state.state in HOLDS_ROWS:
        period = source.cadence.after(period)
    return source.cadence.due(period)
