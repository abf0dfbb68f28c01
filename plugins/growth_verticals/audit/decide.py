"""What to do about an audited period: start a run, wait for one, or tell people.

A run is started at most once for the same files: its id is made from the source's period, and the names and versions of
the files that a run would land. Airflow refuses a second run with the same id.
"""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal

from growth_verticals.audit.report import TO_LAND
from growth_verticals.errors import PeriodError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from growth_verticals.audit.report import AuditedFile, AuditedPeriod
    from growth_verticals.cadence import Period
    from growth_verticals.source import Source

#: How long the scheduler has to create the run of a period that has opened.
_SCHEDULE_GRACE = timedelta(days=1)
#: How long files can be there before the rules of the delivery must be met.
_SETTLING = timedelta(days=1)
#: How far the clocks of Airflow's machines can be apart.
_CLOCKS_DIFFER = timedelta(seconds=5)
#: Files that one message names.
_MAX_NAMES = 10


@dataclass(frozen=True, kw_only=True)
class Run:
    """A run of a source's DAG, as Airflow tells it.

    :param state: `queued`, `running`, `success` or `failed`.
    :param ended_at: None if it has not ended.
    :param for_files: whether a person started it for single files, not for the vendor's delivery.
    :param is_scheduled: whether the schedule created it: then all later periods are asked for, too.
    """

    run_id: str
    period: str
    state: str
    for_files: bool = False
    is_scheduled: bool = False
    ended_at: datetime | None = None

    def was_active(self, at: datetime) -> bool:
        """Whether the run had not ended at that time."""
        return self.state in ("queued", "running") or (self.ended_at is not None and self.ended_at >= at)


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What to do about a period.

    :param action: `start` a run with `run_id`; `wait` for a run, or for the vendor; `report` what no run explains;
        `note` what is explained; `none` if all is well.
    """

    action: Literal["start", "wait", "report", "note", "none"]
    reason: str = ""
    run_id: str | None = None


_NOTHING = Decision(action="none")


def run_id_for(audited: AuditedPeriod) -> str:
    """Return the id of the run that lands the files: the same for the same files, in any order."""
    files = sorted((file.name, file.version or f"{file.size} {file.modified}") for file in _to_land(audited))
    digest = hashlib.sha256(json.dumps(files).encode()).hexdigest()[:12]
    return f"audit__{audited.period}__{digest}"


def decide(audited: AuditedPeriod, runs: Sequence[Run], *, now: datetime) -> Decision:
    """Return what to do about one period.

    :param audited: its state is `missing run` if `with_missing_runs` found that.
    :param runs: of this period, read after the three lists.
    :param now: before the lists were read. What a run did later is only partly in them, so it counts as in progress.
    """
    if not audited.differs:
        return Decision(action="note", reason=audited.found) if audited.state == "vendor unreachable" else _NOTHING
    if active := [run.run_id for run in runs if run.was_active(now - _CLOCKS_DIFFER)]:
        return Decision(action="wait", reason=f"the run {active[0]} is in progress")
    lost = [file for file in audited.files if file.state == "unexplained"]
    if lost:
        return Decision(action="report", reason=f"the table holds rows of files that were never landed: {_names(lost)}")
    if audited.state == "missing run" or (audited.is_ready and _to_land(audited)):
        undone = [file for file in audited.files if file.state == "undone" and file.size is not None]
        if undone:  # a run loads all that the vendor has
            reason = f"{audited.counts()}; a run would load again what a person has undone: {_names(undone)}"
            return Decision(action="report", reason=f"{reason}. Start it by hand, or let the vendor remove these files")
        return _start(audited, runs)
    if audited.period == "inbox":
        return Decision(action="report", reason=f"{audited.found}: {_names(audited.files)}")
    if audited.state == "late":
        return Decision(action="note", reason=f"late: {audited.found}")
    if arriving := _to_land(audited):
        newest = max(file.modified or 0.0 for file in arriving)
        settling = newest > (now - _SETTLING).timestamp()
        reason = f"not landed: {_names(arriving)}; the delivery is not complete: {audited.found}"
        return Decision(action="wait" if settling else "report", reason=reason)
    return _explain(audited, runs)


def with_missing_runs(
    source: Source, periods: Sequence[AuditedPeriod], runs: Sequence[Run], *, now: datetime
) -> list[AuditedPeriod]:
    """Return the periods that were asked for, with the state `missing run` where a run should be and never was.

    A period without a run, a landed file or a row was asked for if it is not before `since`, or if an earlier period
    has a scheduled run: the schedule skips none. The scheduler has a day to create a run. Without such runs and
    `since`, nothing is missing: the DAG has never been active, or a person loads single periods.

    :param periods: oldest first.
    :param runs: of all these periods, and of the one before them.
    """
    with_run = {run.period for run in runs if run.period and not run.for_files}
    scheduled = _parsed(source, (run.period for run in runs if run.is_scheduled))
    first = min((period.first for period in scheduled), default=None)
    if source.since is not None:
        first = source.cadence.parse(source.since).first
    result = []
    for audited in periods:
        period = source.cadence.parse(audited.period)
        if audited.period in with_run or not audited.is_empty:
            result.append(audited)
        elif first is not None and first <= period.first:
            is_missing = source.cadence.opens(period) + _SCHEDULE_GRACE <= now
            result.append(replace(audited, state="missing run") if is_missing else audited)
    return result


def without_older(source: Source, audited: Sequence[AuditedPeriod]) -> list[AuditedPeriod]:
    """Return the periods from the first one that anything was landed or loaded for; else the newest.

    For an audit that does not know the runs. With `since` all periods, because the source asks for them.
    """
    if source.since is not None:
        return list(audited)
    first = next((index for index, period in enumerate(audited) if not period.is_empty), len(audited) - 1)
    return list(audited[max(first, 0) :])


def _parsed(source: Source, keys: Iterable[str]) -> Iterator[Period]:
    """Yield the periods with these keys, without those of a cadence that the source had before."""
    for key in keys:
        with suppress(PeriodError):
            yield source.cadence.parse(key)


def _start(audited: AuditedPeriod, runs: Sequence[Run]) -> Decision:
    run_id = run_id_for(audited)
    what = f"{audited.state}: {audited.counts()}"
    earlier = next((run for run in runs if run.run_id == run_id), None)
    if earlier is None:
        return Decision(action="start", reason=what, run_id=run_id)
    if earlier.state == "failed":
        return Decision(action="note", reason=f"{what}; see the failed run {run_id}")
    return Decision(
        action="report", reason=f"{what}, although the run {run_id} has succeeded: {_names(audited.unsettled)}"
    )


def _explain(audited: AuditedPeriod, runs: Sequence[Run]) -> Decision:
    """Return whether failed runs or people explain the files that are landed or were committed, and not loaded."""
    failed = max((run.ended_at for run in runs if run.state == "failed" and run.ended_at), default=None)
    unexplained = [
        file
        for file in audited.unsettled
        if file.state != "undone"  # a person did that
        and not file.by_hand  # a person was told why it is not loaded
        and not (failed and file.landed_at and datetime.fromisoformat(file.landed_at) <= failed)
    ]
    if unexplained:
        return Decision(action="report", reason=f"landed, not loaded, and no run failed: {_names(unexplained)}")
    return Decision(action="note", reason=audited.counts())


def _to_land(audited: AuditedPeriod) -> list[AuditedFile]:
    return [file for file in audited.files if file.state in TO_LAND]


def _names(files: Sequence[AuditedFile]) -> str:
    shown = ", ".join(file.name for file in files[:_MAX_NAMES])
    return shown + (f" and {len(files) - _MAX_NAMES:,} more" if len(files) > _MAX_NAMES else "")
