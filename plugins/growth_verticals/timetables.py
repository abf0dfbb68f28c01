"""The cadence of a source as an Airflow timetable: one run a period, and the period is the run's partition key.

A run for a period is created when its wait opens (`Cadence.opens`), and carries

    partition_key   the period's key: 2026Q4, 2026-11, 2026-11-22
    partition_date  00:00 New York of the period's first day, however the run came about (schedule, backfill, REST)

There is no data interval and no logical date. `growth_verticals_plugin.py` registers the class, without which a
serialized DAG cannot be read back.
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

#: A DAG that never ran takes up the period that opened this recently. Without it, a DAG file that is parsed again
#: between 06:00:00 and the scheduler's next look would skip the first period of all.
_JUST_OPENED = timedelta(minutes=10)


class PeriodTimetable(Timetable):
    """Runs of a scheduled source.

    A new DAG waits for the next period to open; one that has run before takes up the newest open period and skips
    those between (without catch-up). Past periods come by backfill: `from` and `to` are New York dates, and a period
    belongs to the window when its first day lies in it.

    :param cadence: `Quarterly`, `Monthly` or `Daily`.
    """

    partitioned = True

    def __init__(self, cadence: Cadence) -> None:
        self.cadence = cadence
        self.description = f"{cadence.label.capitalize()}: waits from {self._opens} until {self._due}, New York time"

    @property
    def summary(self) -> str:
        """What the list of DAGs shows."""
        return f"{self.cadence.label}, due on business day {self.cadence.due_business_day} after the period"

    @property
    def _opens(self) -> str:
        day = "the day" if isinstance(self.cadence, Daily) else "the first business day"
        return f"06:00 on {day} after a period such as {self.cadence.form}"

    @property
    def _due(self) -> str:
        return f"18:00 on business day {self.cadence.due_business_day} after it"

    def serialize(self) -> dict[str, Any]:
        """Return what `deserialize` needs, as JSON."""
        return {"cadence": type(self.cadence).__name__, "due_business_day": self.cadence.due_business_day}

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> PeriodTimetable:
        """Build the timetable again from what `serialize` returned."""
        return cls(_CADENCES[data["cadence"]](due_business_day=data["due_business_day"]))

    def next_dagrun_info_v2(
        self, *, last_dagrun_info: DagRunInfo | None, restriction: TimeRestriction
    ) -> DagRunInfo | None:
        """Return the next run to create; its `run_after` is when the period opens, in the past for one taken up."""
        period = self._next_period(last_dagrun_info, restriction)
        info = self._info(period)
        return None if restriction.latest is not None and info.run_after > restriction.latest else info

    def next_dagrun_info(
        self,
        *,
        last_automated_data_interval: DataInterval | None,  # noqa: ARG002 - Airflow's signature
        restriction: TimeRestriction,  # noqa: ARG002
    ) -> DagRunInfo | None:
        """Return None: a partitioned timetable is asked `next_dagrun_info_v2`."""
        return None

    def iter_partition_dagrun_infos(self, *, earliest: datetime, latest: datetime) -> Iterator[DagRunInfo]:
        """Yield the open periods whose first day lies in the window, oldest first. The bounds' zones are ignored."""
        period = self.cadence.containing(earliest.date())
        if self._starts(period) < self.localize_partition_datetime(earliest):
            period = self.cadence.after(period)
        until, open_until = self.localize_partition_datetime(latest), now("UTC")
        while self._starts(period) <= until and self.cadence.opens(period) <= open_until:
            yield self._info(period)
            period = self.cadence.after(period)

    def localize_partition_datetime(self, dt: datetime) -> DateTime:
        """Read a bound of the API as New York wall-clock time, whatever zone it came with."""
        return instance(dt.replace(tzinfo=BUSINESS_ZONE)).in_timezone("UTC")

    def infer_manual_data_interval(self, *, run_after: DateTime) -> DataInterval:
        """Return an empty interval; it is asked for only when a person gives a logical date."""
        return DataInterval.exact(run_after)

    def generate_run_id(self, *, run_type: DagRunType, run_after: DateTime, **extra: Any) -> str:
        """Return an id that names the period first and is unique: a period may be run again."""
        parts = (extra.get("partition_key"), run_after.isoformat(), token_hex(3))
        return run_type.generate_run_id(suffix="__".join(part for part in parts if part))

    def _decode_partition_date(self, partition_key: str) -> datetime:
        try:
            return self._starts(self.cadence.parse(partition_key))
        except PeriodError as error:
            raise InvalidPartitionKeyError(str(error)) from error

    def _next_period(self, last: DagRunInfo | None, restriction: TimeRestriction) -> Period:
        time_now, earliest = now("UTC"), restriction.earliest
        if last is not None and last.partition_key:
            period = self.cadence.after(self.cadence.parse(last.partition_key))
            if not restriction.catchup:
                period = self._later(period, self.cadence.latest_open(time_now))
        else:
            period = self._first_opening_from(time_now - _JUST_OPENED)
            if restriction.catchup and earliest is not None:
                return self._first_opening_from(earliest)
        return self._later(period, self._first_opening_from(earliest)) if earliest is not None else period

    def _later(self, one: Period, other: Period) -> Period:
        return max(one, other, key=lambda period: period.first)

    def _first_opening_from(self, moment: datetime) -> Period:
        period = self.cadence.latest_open(moment)
        return period if self.cadence.opens(period) >= moment else self.cadence.after(period)

    def _starts(self, period: Period) -> DateTime:
        return instance(datetime.combine(period.first, time(), BUSINESS_ZONE)).in_timezone("UTC")

    def _info(self, period: Period) -> DagRunInfo:
        return DagRunInfo(
            run_after=instance(self.cadence.opens(period)).in_timezone("UTC"),
            data_interval=None,
            partition_date=self._starts(period),
            partition_key=period.key,
        )
