"""The Airflow timetable of a source: one run per period, with the period as the run's partition key.

A period's run is created when the period opens (`Cadence.opens`). It has

    partition_key   the period's key: 2026Q4, 2026-11, 2026-11-22
    partition_date  00:00 New York time on the period's first day, whether by schedule, backfill or REST API

It has no data interval and no logical date. `growth_verticals_plugin.py` registers the class with Airflow, which needs
it to deserialize the DAGs.
"""

from __future__ import annotations

from datetime import datetime, time, timedelta
from secrets import token_hex
from typing import TYPE_CHECKING, Any

from airflow.exceptions import InvalidPartitionKeyError
from airflow.timetables.base import DagRunInfo, DataInterval, Timetable
from pendulum import instance, now

from growth_verticals.cadence import BUSINESS_ZONE, Cadence, Daily, Monthly, Quarterly
from growth_verticals.errors import PeriodError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow.timetables.base import TimeRestriction
    from airflow.utils.types import DagRunType
    from pendulum import DateTime

    from growth_verticals.cadence import Period

_CADENCES = {cadence.__name__: cadence for cadence in (Quarterly, Monthly, Daily)}

#: A DAG without any run also gets a run for a period that opened at most this long ago. Without this, the DAG would
#: miss its first period if its file were parsed again between 06:00:00 and the scheduler's next loop.
_FIRST_RUN_GRACE = timedelta(minutes=10)


class PeriodTimetable(Timetable):
    """Creates the runs of a scheduled source.

    A new DAG waits for the next period to open. After a pause, a DAG runs for the newest open period; without catchup,
    it skips the periods before that. Past periods are loaded by backfill: `from` and `to` are New York dates, and the
    backfill includes each period whose first day is in that range.

    :param cadence: `Quarterly`, `Monthly` or `Daily`.
    """

    partitioned = True

    def __init__(self, cadence: Cadence) -> None:
        self.cadence = cadence
        self.description = f"{cadence.label.capitalize()}: waits from {self._opens} until {self._due}, New York time"

    @property
    def summary(self) -> str:
        """The text in Airflow's list of DAGs."""
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
        return {"cadence": type(self.cadence).__name__, "due_business_day": self.cadence.due_business_day}

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> PeriodTimetable:
        """Return the timetable that `serialize` described."""
        return cls(_CADENCES[data["cadence"]](due_business_day=data["due_business_day"]))

    def next_dagrun_info_v2(
        self, *, last_dagrun_info: DagRunInfo | None, restriction: TimeRestriction
    ) -> DagRunInfo | None:
        """Return the next run to create. Its `run_after` is when the period opens, which can be in the past."""
        period = self._next_period(last_dagrun_info, restriction)
        info = self._run_info(period)
        return None if restriction.latest is not None and info.run_after > restriction.latest else info

    def next_dagrun_info(
        self,
        *,
        last_automated_data_interval: DataInterval | None,  # noqa: ARG002 - Airflow's signature
        restriction: TimeRestriction,  # noqa: ARG002
    ) -> DagRunInfo | None:
        """Return None. For a partitioned timetable, Airflow calls `next_dagrun_info_v2` instead."""
        return None

    def iter_partition_dagrun_infos(self, *, earliest: datetime, latest: datetime) -> Iterator[DagRunInfo]:
        """Yield the open periods whose first day is in the range, oldest first. The bounds' time zones are ignored."""
        period = self.cadence.containing(earliest.date())
        if self._start_of(period) < self.localize_partition_datetime(earliest):
            period = self.cadence.after(period)
        until, open_until = self.localize_partition_datetime(latest), now("UTC")
        while self._start_of(period) <= until and self.cadence.opens(period) <= open_until:
            yield self._run_info(period)
            period = self.cadence.after(period)

    def localize_partition_datetime(self, dt: datetime) -> DateTime:
        """Interpret a bound from the API as New York local time, and ignore its time zone."""
        return instance(dt.replace(tzinfo=BUSINESS_ZONE)).in_timezone("UTC")

    def infer_manual_data_interval(self, *, run_after: DateTime) -> DataInterval:
        """Return an empty interval. Airflow calls this only if a person enters a logical date."""
        return DataInterval.exact(run_after)

    def generate_run_id(self, *, run_type: DagRunType, run_after: DateTime, **extra: Any) -> str:
        """Return a unique run id that starts with the period: a period can have several runs."""
        parts = (extra.get("partition_key"), run_after.isoformat(), token_hex(3))
        return run_type.generate_run_id(suffix="__".join(part for part in parts if part))

    def _decode_partition_date(self, partition_key: str) -> datetime:
        try:
            return self._start_of(self.cadence.parse(partition_key))
        except PeriodError as error:
            raise InvalidPartitionKeyError(str(error)) from error

    def _next_period(self, last: DagRunInfo | None, restriction: TimeRestriction) -> Period:
        time_now, earliest = now("UTC"), restriction.earliest
        if last is not None and last.partition_key:
            period = self.cadence.after(self.cadence.parse(last.partition_key))
            if not restriction.catchup:
                period = self._later(period, self.cadence.latest_open(time_now))
        else:
            period = self._first_opening_at_or_after(time_now - _FIRST_RUN_GRACE)
            if restriction.catchup and earliest is not None:
                return self._first_opening_at_or_after(earliest)
        return self._later(period, self._first_opening_at_or_after(earliest)) if earliest is not None else period

    def _later(self, a: Period, b: Period) -> Period:
        return max(a, b, key=lambda period: period.first)

    def _first_opening_at_or_after(self, moment: datetime) -> Period:
        period = self.cadence.latest_open(moment)
        return period if self.cadence.opens(period) >= moment else self.cadence.after(period)

    def _start_of(self, period: Period) -> DateTime:
        return instance(datetime.combine(period.first, time(), BUSINESS_ZONE)).in_timezone("UTC")

    def _run_info(self, period: Period) -> DagRunInfo:
        return DagRunInfo(
            run_after=instance(self.cadence.opens(period)).in_timezone("UTC"),
            data_interval=None,
            partition_date=self._start_of(period),
            partition_key=period.key,
        )
