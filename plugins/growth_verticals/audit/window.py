"""Which periods are audited: the newest ones that have opened, and none that nobody asked for."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from growth_verticals.cadence import BUSINESS_ZONE, Daily, Monthly, OnDemand, Quarterly

if TYPE_CHECKING:
    from datetime import date, datetime

    from growth_verticals.cadence import Period
    from growth_verticals.source import Source

#: How many periods are audited. A late part or a correction of an older one is rare, and a person knows of it.
_PERIODS = {Quarterly: 2, Monthly: 3, Daily: 14}
#: Periods of an on-demand source: the newest that something was landed for.
ON_DEMAND_PERIODS = 14
#: Runs of an on-demand source that are asked for: a file can be loaded for an earlier day.
_ON_DEMAND_DAYS = timedelta(days=90)


def periods_in_window(source: Source, now: datetime) -> list[Period]:
    """Return the newest periods that have opened by `now`, oldest first: 2 quarters, 3 months or 14 days.

    None is before `since`, or older than what the source keeps. Not for on-demand sources, which have no schedule.
    """
    period = source.cadence.latest_open(now)
    limits = (source.cadence.parse(source.since) if source.since else None, source.oldest_kept(now))
    first = max((limit.first for limit in limits if limit), default=period.first.min)
    periods: list[Period] = []
    while len(periods) < _PERIODS[type(source.cadence)] and period.first >= first:
        periods.insert(0, period)
        period = source.cadence.before(period)
    return periods


def first_day_of_runs(source: Source, now: datetime) -> date:
    """Return the first day of the periods whose runs the audit needs: the window, and the period before it."""
    if isinstance(source.cadence, OnDemand):
        return now.astimezone(BUSINESS_ZONE).date() - _ON_DEMAND_DAYS
    periods = periods_in_window(source, now)
    return source.cadence.before(periods[0] if periods else source.cadence.latest_open(now)).first
