"""When runs are created, and for which periods."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pendulum
import pytest
from airflow.exceptions import InvalidPartitionKeyError
from airflow.timetables.base import DagRunInfo, TimeRestriction
from airflow.utils.types import DagRunType

from growth_verticals import timetables
from growth_verticals.cadence import Cadence, Daily, Monthly, Quarterly
from growth_verticals.timetables import PeriodTimetable

NEW_YORK = ZoneInfo("America/New_York")
QUARTERLY = PeriodTimetable(Quarterly(due_business_day=15))
MONTHLY = PeriodTimetable(Monthly(due_business_day=5))
DAILY = PeriodTimetable(Daily())


def new_york(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=NEW_YORK)


def set_now(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr(timetables, "now", lambda zone: pendulum.instance(new_york(text)).in_timezone(zone))


def next_run(
    timetable: PeriodTimetable, *, last: str | None = None, start: str | None = None, catchup: bool = False
) -> DagRunInfo | None:
    last_info = None
    if last is not None:
        last_info = DagRunInfo(run_after=pendulum.now(), data_interval=None, partition_key=last)
    earliest = pendulum.instance(new_york(start)) if start else None
    return timetable.next_dagrun_info_v2(
        last_dagrun_info=last_info, restriction=TimeRestriction(earliest=earliest, latest=None, catchup=catchup)
    )


@pytest.mark.parametrize(
    ("timetable", "last", "key", "opens"),
    [
        # New Year's Day 2027 is a Friday and a holiday
        (QUARTERLY, "2026Q3", "2026Q4", "2027-01-04T06:00"),
        # July 4, 2026 is a Saturday, observed on Friday, July 3; the quarter opens before it
        (QUARTERLY, "2026Q1", "2026Q2", "2026-07-01T06:00"),
        # the month ends on Saturday, October 31
        (MONTHLY, "2026-09", "2026-10", "2026-11-02T06:00"),
        # daylight saving time starts on Sunday, March 8, 2026, and 06:00 stays 06:00
        (MONTHLY, "2026-01", "2026-02", "2026-03-02T06:00"),
        (DAILY, "2026-03-06", "2026-03-07", "2026-03-08T06:00"),
        (DAILY, "2026-12-24", "2026-12-25", "2026-12-26T06:00"),
    ],
)
def test_a_run_is_created_when_its_period_opens(
    monkeypatch: pytest.MonkeyPatch, timetable: PeriodTimetable, last: str, key: str, opens: str
) -> None:
    set_now(monkeypatch, "2025-01-15T12:00")
    info = next_run(timetable, last=last)
    assert info is not None
    assert (info.partition_key, info.run_after) == (key, new_york(opens))
    assert info.data_interval is None


def test_a_new_dag_waits_for_the_next_period_to_open(monkeypatch: pytest.MonkeyPatch) -> None:
    set_now(monkeypatch, "2026-11-22T12:00")
    assert next_run(QUARTERLY).partition_key == "2026Q4"
    assert next_run(DAILY).partition_key == "2026-11-22"


def test_a_new_dag_runs_for_a_period_that_opened_just_before(monkeypatch: pytest.MonkeyPatch) -> None:
    set_now(monkeypatch, "2026-10-01T06:00:30")
    assert next_run(QUARTERLY).partition_key == "2026Q3"


def test_after_a_pause_a_dag_runs_for_the_newest_open_period(monkeypatch: pytest.MonkeyPatch) -> None:
    set_now(monkeypatch, "2026-11-22T12:00")
    assert next_run(QUARTERLY, last="2025Q2").partition_key == "2026Q3"
    assert next_run(QUARTERLY, last="2026Q3").partition_key == "2026Q4"


def test_with_catchup_a_dag_runs_for_every_period_since_the_start_date(monkeypatch: pytest.MonkeyPatch) -> None:
    set_now(monkeypatch, "2026-11-22T12:00")
    assert next_run(QUARTERLY, start="2026-01-01T00:00", catchup=True).partition_key == "2025Q4"
    assert next_run(QUARTERLY, last="2025Q4", start="2026-01-01T00:00", catchup=True).partition_key == "2026Q1"


def test_there_is_no_run_after_the_end_date(monkeypatch: pytest.MonkeyPatch) -> None:
    set_now(monkeypatch, "2026-11-22T12:00")
    restriction = TimeRestriction(earliest=None, latest=pendulum.instance(new_york("2026-12-31T00:00")), catchup=False)
    assert QUARTERLY.next_dagrun_info_v2(last_dagrun_info=None, restriction=restriction) is None


@pytest.mark.parametrize(
    ("timetable", "first", "last", "keys"),
    [
        (QUARTERLY, "2025-01-01", "2025-12-31", ["2025Q1", "2025Q2", "2025Q3", "2025Q4"]),
        (QUARTERLY, "2025-01-02", "2025-06-30", ["2025Q2"]),
        (MONTHLY, "2026-02-01", "2026-03-01", ["2026-02", "2026-03"]),
        (DAILY, "2024-02-28", "2024-03-01", ["2024-02-28", "2024-02-29", "2024-03-01"]),
        # a period that has not opened is not part of a backfill
        (MONTHLY, "2026-10-01", "2027-03-01", ["2026-10"]),
        (QUARTERLY, "2026-02-01", "2026-02-28", []),
    ],
)
def test_a_backfill_contains_the_open_periods_that_start_in_its_range(
    monkeypatch: pytest.MonkeyPatch, timetable: PeriodTimetable, first: str, last: str, keys: list[str]
) -> None:
    set_now(monkeypatch, "2026-11-22T12:00")
    earliest, latest = (datetime.fromisoformat(day).replace(tzinfo=UTC) for day in (first, last))  # as the API does
    infos = list(timetable.iter_partition_dagrun_infos(earliest=earliest, latest=latest))
    assert [info.partition_key for info in infos] == keys


@pytest.mark.parametrize(("timetable", "key"), [(QUARTERLY, "2025Q4"), (MONTHLY, "2025-12"), (DAILY, "2025-12-31")])
def test_schedule_backfill_and_rest_api_set_the_same_partition_date(
    monkeypatch: pytest.MonkeyPatch, timetable: PeriodTimetable, key: str
) -> None:
    set_now(monkeypatch, "2026-11-22T12:00")
    period = timetable.cadence.parse(key)
    midnight = datetime(period.first.year, period.first.month, period.first.day, tzinfo=NEW_YORK)
    bound = datetime(period.first.year, period.first.month, period.first.day, tzinfo=UTC)
    (backfill,) = timetable.iter_partition_dagrun_infos(earliest=bound, latest=bound)
    set_now(monkeypatch, "2020-01-01T00:00")
    scheduled = next_run(timetable, last=timetable.cadence.before(period).key)
    assert scheduled == backfill
    assert backfill.partition_date == timetable.resolve_partition_date(key) == midnight


@pytest.mark.parametrize("key", ["2025Q5", "2025-12", "", "2025Q4; DROP TABLE x"])
def test_an_invalid_partition_key_is_refused(key: str) -> None:
    with pytest.raises(InvalidPartitionKeyError, match="such as 2026Q4"):
        QUARTERLY.resolve_partition_date(key)


@pytest.mark.parametrize("cadence", [Quarterly(due_business_day=15), Monthly(), Daily(due_business_day=2)])
def test_a_serialized_timetable_can_be_deserialized(cadence: Cadence) -> None:
    timetable = PeriodTimetable(cadence)
    assert PeriodTimetable.deserialize(timetable.serialize()).cadence == cadence


def test_summary_and_description_show_the_cadence() -> None:
    assert QUARTERLY.summary == "quarterly, due on business day 15 after the period"
    assert QUARTERLY.description == (
        "Quarterly: waits from 06:00 on the first business day after a period such as 2026Q4 "
        "until 18:00 on business day 15 after it, New York time"
    )


def test_run_ids_start_with_the_period_and_are_unique() -> None:
    moment = pendulum.datetime(2027, 1, 4, 11)
    ids = {
        QUARTERLY.generate_run_id(
            run_type=DagRunType.SCHEDULED, run_after=moment, data_interval=None, partition_key="2026Q4"
        )
        for _ in range(5)
    }
    assert len(ids) == 5
    assert all(run_id.startswith("scheduled__2026Q4__2027-01-04T11:00:00") for run_id in ids)
