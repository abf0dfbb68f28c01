"""A vendor's scorecard: how punctual and how clean a source's deliveries are, by quarter."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from growth_verticals.cadence import BUSINESS_ZONE, OnDemand, Quarterly
from growth_verticals.errors import PeriodError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from growth_verticals.cadence import Period
    from growth_verticals.source import Source
    from growth_verticals.status.facts import RunFacts

_DAY = timedelta(days=1)
_QUARTERS = Quarterly()


@dataclass(frozen=True, kw_only=True)
class Score:
    """A source's deliveries for the periods that end in one calendar quarter.

    :param quarter: `2026Q4`.
    :param deliveries: periods of which a run has loaded something.
    :param judged: periods whose first run began before they were due, so that it is known whether they were late.
    :param on_time: those of them that arrived by their due time.
    :param worst_late_days: the longest time from a due time to the arrival, or until now; 0.0 if nothing was late.
    :param rows_read, rows_rejected: of all loads.
    :param restatements: loads that replaced files.
    :param refused: runs that refused a delivery.
    :param drift: those of them in which the columns had changed.
    :param gaps: periods that are due, and of which no run has loaded anything.
    """

    source: str
    quarter: str
    deliveries: int
    judged: int
    on_time: int
    worst_late_days: float
    rows_read: int
    rows_rejected: int
    restatements: int
    refused: int
    drift: int
    gaps: int

    @property
    def on_time_share(self) -> float | None:
        """0 to 1; None if no delivery could be judged."""
        return self.on_time / self.judged if self.judged else None

    @property
    def reject_share(self) -> float | None:
        """0 to 1; None if no record was read."""
        return self.rows_rejected / self.rows_read if self.rows_read else None

    def to_json(self) -> dict[str, Any]:
        """Return the score as JSON types, with its two shares."""
        return asdict(self) | {"on_time_share": self.on_time_share, "reject_share": self.reject_share}


def scorecard(source: Source, runs: Sequence[RunFacts], *, now: datetime, quarters: int = 8) -> list[Score]:
    """Return the scores of a source, the newest quarter first; quarters without a run or a gap are left out.

    A period without any run between the first and the last one that have some is a gap, too. A source without a
    schedule has neither due times nor gaps.

    :param runs: all runs of the source, in any order.
    :param quarters: how many quarters, with the current one.
    """
    newest = _QUARTERS.containing(now.astimezone(BUSINESS_ZONE).date())
    shown = [newest]
    while len(shown) < quarters:
        shown.append(_QUARTERS.before(shown[-1]))
    by_quarter: dict[str, dict[Period, list[RunFacts]]] = {}
    for period, its_runs in runs_by_period(source, runs).items():
        by_quarter.setdefault(_QUARTERS.containing(period.last).key, {})[period] = its_runs
    return [_score(source, quarter.key, periods, now) for quarter in shown if (periods := by_quarter.get(quarter.key))]


def runs_by_period(source: Source, runs: Sequence[RunFacts]) -> dict[Period, list[RunFacts]]:
    """Return the periods with their runs, the first queued first, and those between them without one."""
    by_period: dict[Period, list[RunFacts]] = {}
    for run in sorted(runs, key=lambda each: each.queued_at):
        with suppress(PeriodError):  # of a cadence that the source had before
            by_period.setdefault(source.cadence.parse(run.period), []).append(run)
    if by_period and not isinstance(source.cadence, OnDemand):
        period, last = (choose(by_period, key=lambda each: each.first) for choose in (min, max))
        while period.first < last.first:
            period = source.cadence.after(period)
            by_period.setdefault(period, [])
    return by_period


def _score(source: Source, quarter: str, periods: Mapping[Period, list[RunFacts]], now: datetime) -> Score:
    runs = [run for its_runs in periods.values() for run in its_runs]
    loads = [run.load for run in runs if run.load]
    loaded = [period for period, its_runs in periods.items() if any(run.load for run in its_runs)]
    refusals = [run.failure for run in runs if run.failure and run.failure.outcome == "refused"]
    late = [
        days for period, its_runs in periods.items() if (days := days_late(source, period, its_runs, now)) is not None
    ]
    is_scheduled = not isinstance(source.cadence, OnDemand)
    due = [period for period in periods if is_scheduled and source.cadence.due(period) < now]
    return Score(
        source=source.name,
        quarter=quarter,
        deliveries=len(loaded),
        judged=len(late),
        on_time=sum(days <= 0 for days in late),
        worst_late_days=round(max([0.0, *late]), 1),
        rows_read=sum(load.rows_read for load in loads),
        rows_rejected=sum(load.rows_rejected for load in loads),
        restatements=sum(load.files_replaced > 0 for load in loads),
        refused=len(refusals),
        drift=sum(failure.kind == "ColumnsRefusedError" for failure in refusals),
        gaps=len(set(due) - set(loaded)),
    )


def days_late(source: Source, period: Period, runs: Sequence[RunFacts], now: datetime) -> float | None:
    """Return the days from due to arrival, or until now if it is late and has not come; 0 or less is on time.

    None if it cannot be judged: the source has no schedule, the first run began after the due time, so that it is not
    known when the files came, or it is not due yet.

    :param runs: of this period, the first queued first.
    """
    if isinstance(source.cadence, OnDemand):
        return None
    due = source.cadence.due(period)
    if not runs or runs[0].queued_at > due:
        return None
    arrived = min((run.arrived_at for run in runs if run.arrived_at), default=None)
    return ((arrived or now) - due) / _DAY if arrived is not None or now > due else None
