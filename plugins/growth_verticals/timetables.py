"""The Airflow timetables: of a source (`PeriodTimetable`), and of a DAG that people start by its form.

A source has one run per period, with the period as the run's partition key. It is created when the period opens
(`Cadence.opens`), and has

    partition_key   the period's key: 2026Q4, 2026-11, 2026-11-22
    partition_date  00:00 New York time on the period's first day, whether by schedule, backfill or REST API

No run has a data interval or a logical date. `growth_verticals_plugin.py` registers the classes with Airflow, which
needs them to deserialize the DAGs.
"""

from __future__ import annotations

import re
from datetime import datetime, time, timedelta
from secrets import token_hex
from typing import TYPE_CHECKING, Any

from airflow.exceptions import InvalidPartitionKeyError
from airflow.timetables.base import DagRunInfo, DataInterval, Timetable
from airflow.timetables.simple import NullTimetable
from airflow.utils.types import DagRunType
from pendulum import instance, now

from growth_verticals.cadence import BUSINESS_ZONE, Cadence, Daily, Monthly, OnDemand, Quarterly
from growth_verticals.errors import PeriodError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from airflow.models.dagrun import DagRun
    from airflow.timetables.base import TimeRestriction
    from pendulum import DateTime

    from growth_verticals.cadence import Period

_CADENCES = {cadence.__name__: cadence for cadence in (Quarterly, Monthly, Daily, OnDemand)}

#: Stands in the id of a scheduled run before the `since` of the declaration that created it.
_SINCE = "__since_"
#: Airflow's `allowed_run_id_pattern` refuses these characters.
_NOT_IN_RUN_IDS = re.compile(r"[^A-Za-z0-9_.-]")
#: Longest part of a file's name in a run's id, in characters.
_MAX_NAME = 60


class PeriodTimetable(Timetable):
    """Creates the runs of a source: every period from the first one on, once, oldest first.

    The first period is `since`, or else the newest that is open when the DAG is first active. From then on no period
    is skipped, however long the DAG was paused or the scheduler away; `max_active_runs` bounds how many runs there are
    at once. The DAG's start date and `catchup` have no effect. A period that a backfill has run is not scheduled again.
    A run that a person starts does not count, because it can be for single files.

    A source without a schedule has this timetable too, so that its runs have a partition key and a partition date.

    :param cadence: when the source delivers.
    :param since: key of the first period that must get a run; None: the newest when the DAG is first active.
    """

    partitioned = True

    def __init__(self, cadence: Cadence, since: str | None = None) -> None:
        self.cadence = cadence
        self.since = cadence.parse(since) if since else None
        self.periodic = self.can_be_scheduled = not isinstance(cadence, OnDemand)
        self.description = (
            f"{cadence.label.capitalize()}: waits from {self._opens} until {self._due}, New York time"
            if self.can_be_scheduled
            else "On demand: a person starts each run, with the period as its partition key"
        )

    @property
    def summary(self) -> str:
        """The text in Airflow's list of DAGs."""
        if not self.can_be_scheduled:
            return self.cadence.label
        return f"{self.cadence.label}, due on business day {self.cadence.due_business_day} after the period"

    @property
    def _opens(self) -> str:
        day = "the day" if isinstance(self.cadence, Daily) else "the first business day"
        return f"06:00 on {day} after a period such as {self.cadence.example}"

    @property
    def _due(self) -> str:
        return f"18:00 on business day {self.cadence.due_business_day} after it"

    def serialize(self) -> dict[str, Any]:
        """Return the arguments of `deserialize`, as JSON types."""
        return {
            "cadence": type(self.cadence).__name__,
            "due_business_day": self.cadence.due_business_day,
            "since": self.since.key if self.since else None,
        }

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> PeriodTimetable:
        """Return the timetable that `serialize` described, also if an older version without `since` wrote it."""
        return cls(_CADENCES[data["cadence"]](due_business_day=data["due_business_day"]), data.get("since"))

    def next_dagrun_info_v2(
        self, *, last_dagrun_info: DagRunInfo | None, restriction: TimeRestriction
    ) -> DagRunInfo | None:
        """Return the run after `last_dagrun_info`. Its `run_after` is when the period opens, which can be in the past.

        :param last_dagrun_info: what `run_info_from_dag_run` returned; None if the DAG has no run but manual ones.
        """
        if not self.can_be_scheduled:
            return None
        last = self._parse(last_dagrun_info.partition_key) if last_dagrun_info else None
        period = self.cadence.after(last) if last else self._first_period()
        if self.since and period.first < self.since.first:
            period = self.since
        info = self._run_info(period)
        return None if restriction.latest is not None and info.run_after > restriction.latest else info

    def run_info_from_dag_run(self, *, dag_run: DagRun) -> DagRunInfo:
        """Return the newest period of those that need no more runs: all periods up to it have one, or need none.

        Airflow passes the run with the newest period, or the run that it has just created. If that is a backfill, older
        periods can still be without a run. So this reads the keys of all scheduled and backfill runs of the DAG
        from the database (a few thousand short rows in ten years).

        :param dag_run: a run that belongs to a database session.
        """
        scheduled, done = self._periods_with_a_run(dag_run)
        period = max(scheduled, key=lambda each: each.first, default=self.cadence.before(self._first_period()))
        while self.cadence.after(period) in done:
            period = self.cadence.after(period)
        return self._run_info(period)

    def next_dagrun_info(
        self,
        *,
        last_automated_data_interval: DataInterval | None,  # noqa: ARG002 - Airflow's signature
        restriction: TimeRestriction,  # noqa: ARG002
    ) -> DagRunInfo | None:
        """Return None. For a partitioned timetable, Airflow calls `next_dagrun_info_v2` instead."""
        return None

    def iter_partition_dagrun_infos(self, *, earliest: datetime, latest: datetime) -> Iterator[DagRunInfo]:
        """Yield the open periods whose first day is in the range of a backfill, oldest first.

        If there is no first day in the range, the range is a part of one period. Then that period is meant.

        :param earliest: the first day, as in `localize_partition_datetime`.
        :param latest: the last day, inclusive.
        """
        from_, until = self.localize_partition_datetime(earliest), self.localize_partition_datetime(latest)
        period = self.cadence.containing(from_.astimezone(BUSINESS_ZONE).date())
        if self._start_of(period) < from_ and self._start_of(self.cadence.after(period)) <= until:
            period = self.cadence.after(period)
        open_until = now("UTC")
        while self._start_of(period) <= until and self.cadence.opens(period) <= open_until:
            yield self._run_info(period)
            period = self.cadence.after(period)

    def localize_partition_datetime(self, dt: datetime) -> DateTime:
        """Return the New York instant of the wall clock that the person saw who entered `dt`.

        Airflow's UI sends midnight of the first day and the end of the last one, in the time zone of the person, as
        UTC. The zone itself is not sent, but the nearest midnight is that of the same day for zones from UTC-11:45 to
        UTC+12. So `2026-11-10T05:00Z` (New York), `2026-11-10T00:00Z` and `2026-11-09T15:00Z` (Tokyo) are all
        2026-11-10 00:00, and the last minute before such an instant is 23:59 of the day before.
        """
        utc = instance(dt).in_timezone("UTC")
        missing = timedelta()
        if utc.minute % 15 == 14:  # the last minute of a day, as offsets are multiples of 15 minutes
            missing = timedelta(minutes=1) - timedelta(seconds=utc.second, microseconds=utc.microsecond)
        day = (utc + missing + timedelta(hours=12)).date()
        return instance(datetime.combine(day, time(), BUSINESS_ZONE)).in_timezone("UTC") - missing

    def resolve_partition_date(self, partition_key: str | None) -> datetime | None:
        """Return the start of the period. Raises `InvalidPartitionKeyError` if there is no key, or it does not parse.

        Airflow calls this before it creates a run by form, REST API, command line or operator, and shows the message.
        """
        if partition_key is None:
            raise InvalidPartitionKeyError(
                f"the run has no period. Next: enter the period that the delivery is for, such as "
                f"{self.cadence.example}, as the partition key (in the form: Advanced Options, Partition Key)"
            )
        return super().resolve_partition_date(partition_key)

    def infer_manual_data_interval(self, *, run_after: DateTime) -> DataInterval:
        """Return an empty interval. Airflow calls this only if a person enters a logical date."""
        return DataInterval.exact(run_after)

    def generate_run_id(self, *, run_type: DagRunType, run_after: DateTime, **extra: Any) -> str:
        """Return a unique run id, which is the run's title: its type, period and time. A period can have several runs.

        Airflow does not tell the period of a run that a person starts by its form or by the REST API.
        """
        run_id = _run_id(run_type, extra.get("partition_key"), None, run_after)
        return f"{run_id}{_SINCE}{self.since.key}" if run_type is DagRunType.SCHEDULED and self.since else run_id

    def _decode_partition_date(self, partition_key: str) -> datetime:
        try:
            return self._start_of(self.cadence.parse(partition_key))
        except PeriodError as error:
            raise InvalidPartitionKeyError(str(error)) from error

    def _first_period(self) -> Period:
        return self.since or self.cadence.latest_open(now("UTC"))

    def _periods_with_a_run(self, dag_run: DagRun) -> tuple[set[Period], set[Period]]:
        """Return the periods of those scheduled runs that count for `since`, and the periods that need no more runs."""
        from airflow.models.dagrun import DagRun
        from sqlalchemy import select
        from sqlalchemy.orm import object_session

        session = object_session(dag_run)
        if session is None:
            raise RuntimeError("the DAG run does not belong to a database session")
        scheduled, done = set(), set()
        columns = (DagRun.partition_key, DagRun.run_type, DagRun.run_id, DagRun.conf)
        types = (DagRunType.SCHEDULED, DagRunType.BACKFILL_JOB)
        for key, run_type, run_id, conf in session.execute(
            select(*columns).where(DagRun.dag_id == dag_run.dag_id, DagRun.run_type.in_(types))
        ):
            period = self._parse(key)
            if period is None or (conf or {}).get("files"):  # a backfill of single files is not the whole delivery
                continue
            done.add(period)
            if run_type == DagRunType.SCHEDULED and self._covers_since(run_id):
                scheduled.add(period)
        return scheduled, done

    def _covers_since(self, run_id: str) -> bool:
        """Return whether the periods from `since` to this scheduled run's were all considered before it was created.

        They were not if `since` was later or absent then: a declaration can get an earlier `since` at any time. The
        run's id has the answer. Older runs do not have it, because Airflow's database may have been purged of them.
        """
        if self.since is None:
            return True
        at_creation = self._parse(run_id.partition(_SINCE)[2])
        return at_creation is not None and at_creation.first <= self.since.first

    def _parse(self, key: str | None) -> Period | None:
        """Return the period, or None for a key of another cadence, which the source had before."""
        try:
            return self.cadence.parse(key or "")
        except PeriodError:
            return None

    def _start_of(self, period: Period) -> DateTime:
        return instance(datetime.combine(period.first, time(), BUSINESS_ZONE)).in_timezone("UTC")

    def _run_info(self, period: Period) -> DagRunInfo:
        return DagRunInfo(
            run_after=instance(self.cadence.opens(period)).in_timezone("UTC"),
            data_interval=None,
            partition_date=self._start_of(period),
            partition_key=period.key,
        )


class FormTimetable(NullTimetable):
    """Of a DAG whose runs people start by its form. It schedules nothing, and its runs need no partition key.

    It is partitioned because Airflow's form then asks for no logical date and no data interval.
    """

    partitioned = True
    run_ordering = ("run_after",)
    description = "On demand: a person fills in the form"

    @property
    def summary(self) -> str:
        """The text in Airflow's list of DAGs."""
        return "on demand"

    def generate_run_id(self, *, run_type: DagRunType, run_after: DateTime, **_: Any) -> str:
        """Return a unique run id, which is the run's title."""
        return _run_id(run_type, None, None, run_after)


def manual_run_id(period: str, started_at: datetime, files: Sequence[str] = ()) -> str:
    """Return an id for a run that a person starts through the API: the run's title then names the period and the file.

    :param files: the names that the person entered. They can contain anything.
    """
    name = _NOT_IN_RUN_IDS.sub("_", files[0])[:_MAX_NAME] if files else None
    more = f"+{len(files) - 1}" if len(files) > 1 else ""
    return _run_id(DagRunType.MANUAL, period, f"{name}{more}" if name else None, started_at)


def _run_id(run_type: DagRunType, period: str | None, file: str | None, run_after: datetime) -> str:
    new_york = f"{run_after.astimezone(BUSINESS_ZONE):%Y-%m-%dT%H:%M}"
    parts = (period, file, new_york, token_hex(3))
    return run_type.generate_run_id(suffix="__".join(part for part in parts if part))
