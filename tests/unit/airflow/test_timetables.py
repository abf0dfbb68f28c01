"""When runs are created, and for which periods."""

from __future__ import annotations

import json
import re
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pendulum
import pytest
from airflow.exceptions import InvalidPartitionKeyError
from airflow.timetables.base import DagRunInfo, TimeRestriction
from airflow.utils.types import DagRunType
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from growth_verticals import timetables
from growth_verticals.cadence import Cadence, Daily, Monthly, OnDemand, Quarterly
from growth_verticals.timetables import FormTimetable, PeriodTimetable, manual_run_id

NEW_YORK = ZoneInfo("America/New_York")
QUARTERLY = PeriodTimetable(Quarterly(due_business_day=15))
MONTHLY = PeriodTimetable(Monthly(due_business_day=5))
DAILY = PeriodTimetable(Daily())
ON_DEMAND = PeriodTimetable(OnDemand())


def new_york(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=NEW_YORK)


def set_now(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr(timetables, "now", lambda zone: pendulum.instance(new_york(text)).in_timezone(zone))


def next_run(timetable: PeriodTimetable, *, last: str | None = None) -> DagRunInfo | None:
    last_info = None
    if last is not None:
        last_info = DagRunInfo(run_after=pendulum.now(), data_interval=None, partition_key=last)
    return timetable.next_dagrun_info_v2(
        last_dagrun_info=last_info, restriction=TimeRestriction(earliest=None, latest=None, catchup=True)
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


def test_a_new_dag_starts_with_the_newest_open_period(monkeypatch: pytest.MonkeyPatch) -> None:
    set_now(monkeypatch, "2026-11-22T12:00")
    assert next_run(QUARTERLY).partition_key == "2026Q3"
    assert next_run(MONTHLY).partition_key == "2026-10"
    assert next_run(DAILY).partition_key == "2026-11-21"


def test_a_new_dag_of_a_source_with_since_starts_there(monkeypatch: pytest.MonkeyPatch) -> None:
    set_now(monkeypatch, "2026-11-22T12:00")
    assert next_run(PeriodTimetable(Quarterly(), "2025Q2")).partition_key == "2025Q2"
    assert next_run(PeriodTimetable(Quarterly(), "2027Q2")).partition_key == "2027Q2"


def test_no_period_is_skipped_after_a_pause_or_an_outage(monkeypatch: pytest.MonkeyPatch) -> None:
    set_now(monkeypatch, "2026-11-22T12:00")
    assert next_run(QUARTERLY, last="2025Q2").partition_key == "2025Q3"
    assert next_run(QUARTERLY, last="2026Q3").partition_key == "2026Q4"


def test_periods_before_since_are_not_scheduled(monkeypatch: pytest.MonkeyPatch) -> None:
    set_now(monkeypatch, "2026-11-22T12:00")
    assert next_run(PeriodTimetable(Quarterly(), "2026Q2"), last="2025Q2").partition_key == "2026Q2"


def test_a_key_of_the_cadence_that_a_source_had_before_counts_as_no_run(monkeypatch: pytest.MonkeyPatch) -> None:
    set_now(monkeypatch, "2026-11-22T12:00")
    assert next_run(QUARTERLY, last="2026-07").partition_key == "2026Q3"


def test_an_on_demand_source_is_never_scheduled_and_has_partition_dates() -> None:
    assert next_run(ON_DEMAND) is None
    assert next_run(ON_DEMAND, last="2026-11-20") is None
    assert (ON_DEMAND.periodic, ON_DEMAND.can_be_scheduled, ON_DEMAND.partitioned) == (False, False, True)
    assert ON_DEMAND.resolve_partition_date("2026-11-20") == new_york("2026-11-20T00:00")


@pytest.mark.parametrize("timetable", [PeriodTimetable(Monthly()), PeriodTimetable(OnDemand())])
def test_a_run_without_a_period_is_refused_with_what_to_enter(timetable: PeriodTimetable) -> None:
    with pytest.raises(
        InvalidPartitionKeyError, match=r"the run has no period\. Next: enter .* such as .*Partition Key"
    ):
        timetable.resolve_partition_date(None)


def test_there_is_no_run_after_the_end_date(monkeypatch: pytest.MonkeyPatch) -> None:
    set_now(monkeypatch, "2026-11-22T12:00")
    restriction = TimeRestriction(earliest=None, latest=pendulum.instance(new_york("2026-12-31T00:00")), catchup=False)
    last = DagRunInfo(run_after=pendulum.now(), data_interval=None, partition_key="2026Q3")
    assert QUARTERLY.next_dagrun_info_v2(last_dagrun_info=last, restriction=restriction) is None


@pytest.mark.parametrize(
    ("timetable", "first", "last", "keys"),
    [
        (QUARTERLY, "2025-01-01", "2025-12-31", ["2025Q1", "2025Q2", "2025Q3", "2025Q4"]),
        (QUARTERLY, "2025-01-02", "2025-06-30", ["2025Q2"]),
        (MONTHLY, "2026-02-01", "2026-03-01", ["2026-02", "2026-03"]),
        (DAILY, "2024-02-28", "2024-03-01", ["2024-02-28", "2024-02-29", "2024-03-01"]),
        # a period that has not opened is not part of a backfill
        (MONTHLY, "2026-10-01", "2027-03-01", ["2026-10"]),
        # a range that contains no first day is a part of one period
        (QUARTERLY, "2026-02-01", "2026-02-28", ["2026Q1"]),
        (MONTHLY, "2026-02-15", "2026-02-15", ["2026-02"]),
        (QUARTERLY, "2026-08-15", "2026-11-10", []),  # the fourth quarter, which has not opened
        (QUARTERLY, "2026-11-01", "2026-11-10", []),
    ],
)
def test_a_backfill_contains_the_open_periods_that_start_in_its_range(
    monkeypatch: pytest.MonkeyPatch, timetable: PeriodTimetable, first: str, last: str, keys: list[str]
) -> None:
    set_now(monkeypatch, "2026-11-22T12:00")
    for zone in ("America/New_York", "UTC", "Asia/Tokyo"):
        assert backfill_keys(timetable, dialog_body(date.fromisoformat(first), date.fromisoformat(last), zone)) == keys
    earliest, latest = (datetime.fromisoformat(day).replace(tzinfo=UTC) for day in (first, last))  # as people write it
    assert backfill_keys(timetable, (earliest, latest)) == keys


def dialog_body(first: date, last: date, zone: str) -> tuple[datetime, datetime]:
    """Return what Airflow's dialog sends: the start of the first day and the end of the last one, in UTC."""
    end = time(23, 59, 59, 999_000)
    bounds = (datetime.combine(first, time(), ZoneInfo(zone)), datetime.combine(last, end, ZoneInfo(zone)))
    return bounds[0].astimezone(UTC), bounds[1].astimezone(UTC)


def backfill_keys(timetable: PeriodTimetable, body: tuple[datetime, datetime]) -> list[str | None]:
    infos = timetable.iter_partition_dagrun_infos(earliest=body[0], latest=body[1])
    return [info.partition_key for info in infos]


@pytest.mark.parametrize(
    ("from_", "to"),
    [
        ("2026-11-10T05:00:00.000Z", "2026-11-12T04:59:59.999Z"),  # New York
        ("2026-11-10T05:00:00.000Z", "2026-11-12T04:59:00.000Z"),  # with the time 23:59
        ("2026-11-10T05:00:00.000Z", "2026-11-11T05:00:00.000Z"),  # with the time 00:00
        ("2026-11-10T00:00:00.000Z", "2026-11-11T23:59:59.999Z"),  # UTC
        ("2026-11-10T00:00:00.000Z", "2026-11-11T00:00:00.000Z"),
        ("2026-11-09T15:00:00.000Z", "2026-11-11T14:59:59.999Z"),  # Tokyo
        ("2026-11-09T15:00:00.000Z", "2026-11-10T15:00:00.000Z"),
    ],
)
def test_a_backfill_has_the_days_that_the_person_sees(monkeypatch: pytest.MonkeyPatch, from_: str, to: str) -> None:
    set_now(monkeypatch, "2026-11-22T12:00")
    body = (datetime.fromisoformat(from_), datetime.fromisoformat(to))
    assert backfill_keys(DAILY, body) == ["2026-11-10", "2026-11-11"]
    assert backfill_keys(DAILY, tuple(pendulum.instance(bound) for bound in body)) == ["2026-11-10", "2026-11-11"]


#: From UTC-11 to UTC+12, with half and quarter hours, and with clocks that change at midnight.
ZONES = (
    "Pacific/Pago_Pago", "Pacific/Honolulu", "America/Los_Angeles", "America/New_York", "America/St_Johns",
    "America/Havana", "UTC", "Europe/London", "Africa/Cairo", "Asia/Kolkata", "Asia/Kathmandu", "Asia/Tokyo",
    "Australia/Lord_Howe", "Pacific/Fiji",
)  # fmt: skip


@pytest.mark.parametrize("zone", ["America/New_York", "America/Havana", "UTC", "Asia/Tokyo"])
def test_for_ten_years_a_backfill_of_any_day_has_that_day(monkeypatch: pytest.MonkeyPatch, zone: str) -> None:
    set_now(monkeypatch, "2036-01-01T12:00")
    day = date(2025, 12, 31)
    while day < date(2035, 12, 31):
        assert backfill_keys(DAILY, dialog_body(day, day, zone)) == [day.isoformat()]
        day += timedelta(days=1)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    cadence=st.sampled_from([Quarterly(), Monthly(), Daily()]),
    days=st.dates(date(2016, 1, 1), date(2025, 12, 31)).flatmap(
        lambda day: st.integers(0, 400).map(lambda length: (day, day + timedelta(days=length)))
    ),
    zone=st.sampled_from(ZONES),
)
def test_a_backfill_has_every_period_that_starts_in_its_range_once(
    monkeypatch: pytest.MonkeyPatch, cadence: Cadence, days: tuple[date, date], zone: str
) -> None:
    set_now(monkeypatch, "2036-01-01T12:00")
    first, last = days
    every_day = (first + timedelta(days=number) for number in range((last - first).days + 1))
    starts = [cadence.containing(day).key for day in every_day if cadence.containing(day).first == day]
    expected = starts or [cadence.containing(first).key]
    assert backfill_keys(PeriodTimetable(cadence), dialog_body(first, last, zone)) == expected


@pytest.mark.parametrize("cadence", [Quarterly(), Monthly(), Daily()])
def test_for_ten_years_every_period_gets_one_run_when_it_opens(cadence: Cadence) -> None:
    timetable = PeriodTimetable(cadence, cadence.containing(date(2025, 1, 1)).key)
    expected = dict.fromkeys(
        cadence.containing(date(2025, 1, 1) + timedelta(days=number)).key for number in range(365 * 10)
    )
    keys, info = [], next_run(timetable)
    while info and info.partition_key in expected:
        keys.append(info.partition_key)
        assert info.run_after == cadence.opens(cadence.parse(info.partition_key))
        info = next_run(timetable, last=info.partition_key)
    assert keys == list(expected)


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


@pytest.mark.parametrize(
    ("cadence", "since"),
    [
        (Quarterly(due_business_day=15), "2026Q3"),
        (Monthly(), None),
        (Daily(due_business_day=2), "2026-11-22"),
        (OnDemand(), None),
    ],
)
def test_a_serialized_timetable_can_be_deserialized(cadence: Cadence, since: str | None) -> None:
    copy = PeriodTimetable.deserialize(json.loads(json.dumps(PeriodTimetable(cadence, since).serialize())))
    assert (type(copy.cadence), copy.cadence) == (type(cadence), cadence)
    assert (copy.since.key if copy.since else None) == since


def test_a_timetable_that_was_serialized_before_since_existed_can_be_deserialized() -> None:
    assert PeriodTimetable.deserialize({"cadence": "Monthly", "due_business_day": 1}).since is None


def test_summary_and_description_show_the_cadence() -> None:
    assert QUARTERLY.summary == "quarterly, due on business day 15 after the period"
    assert QUARTERLY.description == (
        "Quarterly: waits from 06:00 on the first business day after a period such as 2026Q4 "
        "until 18:00 on business day 15 after it, New York time"
    )


def test_a_form_without_periods_is_never_scheduled_and_asks_for_no_logical_date() -> None:
    timetable = FormTimetable.deserialize(json.loads(json.dumps(FormTimetable().serialize())))
    assert isinstance(timetable, FormTimetable)
    assert timetable.partitioned  # for such a DAG, Airflow's form has no logical date and no data interval
    assert not timetable.can_be_scheduled
    restriction = TimeRestriction(earliest=None, latest=None, catchup=True)
    assert timetable.next_dagrun_info_v2(last_dagrun_info=None, restriction=restriction) is None
    assert timetable.resolve_partition_date(None) is None
    run_id = timetable.generate_run_id(run_type=DagRunType.MANUAL, run_after=pendulum.datetime(2027, 1, 4, 11))
    assert run_id.startswith("manual__2027-01-04T06:00__")


@pytest.mark.parametrize(
    ("files", "start"),
    [
        ((), "manual__2026Q4__2027-01-04T06:00__"),
        (("leads 1.csv",), "manual__2026Q4__leads_1.csv__2027-01-04T06:00__"),
        (("a.csv", "b.csv", "c.csv"), "manual__2026Q4__a.csv+2__2027-01-04T06:00__"),
        (("<b>/../x?.csv" + "y" * 300,), "manual__2026Q4___b__.._x_.csvyyy"),
    ],
)
def test_the_id_of_a_run_for_files_names_the_period_and_the_first_file(files: tuple[str, ...], start: str) -> None:
    run_id = manual_run_id("2026Q4", pendulum.datetime(2027, 1, 4, 11), files)
    assert run_id.startswith(start)
    assert len(run_id) < 250  # Airflow's limit
    assert re.fullmatch(r"[A-Za-z0-9_.~:+-]+", run_id)  # Airflow's default of `allowed_run_id_pattern`


def test_the_id_of_a_run_whose_period_airflow_does_not_tell_has_the_time() -> None:
    run_id = QUARTERLY.generate_run_id(run_type=DagRunType.MANUAL, run_after=pendulum.datetime(2027, 1, 4, 11))
    assert run_id.startswith("manual__2027-01-04T06:00__")


def test_run_ids_start_with_the_period_and_are_unique() -> None:
    moment = pendulum.datetime(2027, 1, 4, 11)
    ids = {
        QUARTERLY.generate_run_id(
            run_type=DagRunType.SCHEDULED, run_after=moment, data_interval=None, partition_key="2026Q4"
        )
        for _ in range(5)
    }
    assert len(ids) == 5
    assert all(run_id.startswith("scheduled__2026Q4__2027-01-04T06:00__") for run_id in ids)
