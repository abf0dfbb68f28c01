"""The operators and the sensor: which arguments they pass to the library, and what they return."""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import contextmanager, nullcontext
from dataclasses import asdict
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from airflow.sdk import DAG, Asset, RetryAction
from airflow.sdk.exceptions import TaskDeferred

from growth_verticals import steps
from growth_verticals.account import Account
from growth_verticals.cadence import OnDemand, Quarterly
from growth_verticals.declarations import find_source
from growth_verticals.delivery import FileResult, LandedFile, LoadResult, RemoteFile, StagedFile
from growth_verticals.errors import (
    CommitError,
    ConfigurationError,
    DeliveryError,
    DeliveryLateError,
    DeliveryRefusedError,
    FileRefusedError,
    PeriodError,
    ServiceError,
    TableMismatchError,
    TransferError,
)
from growth_verticals.hooks.run import load_request
from growth_verticals.operators import load
from growth_verticals.operators.load import CommitDelivery, LandFile, StageFile
from growth_verticals.operators.source import RetryTransientErrors
from growth_verticals.sensors import delivery, triggers
from growth_verticals.sensors.delivery import AwaitDelivery
from growth_verticals.sensors.triggers import DeliveryTrigger
from growth_verticals.source import Delimited, Inbox, Sftp, Source

if TYPE_CHECKING:
    from collections.abc import Iterator

SCHEDULED = Source(
    name="aiq_household",
    table="aiq.household",
    cadence=Quarterly(due_business_day=15),
    delivery=Sftp(conn_id="sftp_aiq", directory="/outgoing", pattern="AIQ_HH_{period}_*.gz"),
    format=Delimited(delimiter="|"),
)
ON_DEMAND = Source(name="ls_corp", table="ls_corp.contact", cadence=OnDemand(), delivery=Inbox(), format=Delimited())
ACCOUNT = Account(
    region="us-east-1",
    table_bucket_arn="arn:aws:s3tables:us-east-1:000000000000:bucket/gv-tables",
    landing_uri="s3://gv-landing",
    catalog_uri="http://127.0.0.1:1/iceberg",
)
SHA = "a" * 64


def context(
    *, key: str | None = None, conf: dict[str, Any] | None = None, run_after: str = "2026-11-22T03:00", **params: Any
) -> Any:
    run = SimpleNamespace(partition_key=key, conf=conf, run_after=datetime.fromisoformat(run_after).replace(tzinfo=UTC))
    return {"dag_run": run, "params": params}


def remote(name: str = "a.gz", size: int = 3, modified: float = 1.0) -> RemoteFile:
    return RemoteFile(name=name, uri=f"sftp://sftp_aiq/outgoing/{name}", size=size, modified=modified)


@pytest.fixture(autouse=True)
def _no_servers(monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def origin(*_: object) -> Iterator[str]:
        yield "origin"

    for module in (load, delivery):
        monkeypatch.setattr(module, "account_from_connection", lambda: ACCOUNT)
        monkeypatch.setattr(module, "open_origin", origin)


# --- which period -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "run", "period"),
    [
        (SCHEDULED, {"key": "2026Q3"}, "2026Q3"),
        (SCHEDULED, {"conf": {"period": "2026Q3"}}, "2026Q3"),
        (SCHEDULED, {"key": "2026Q3", "conf": {"period": "2026Q3"}}, "2026Q3"),
        (ON_DEMAND, {"key": "2026-11-20"}, "2026-11-20"),
        (ON_DEMAND, {"conf": {"period": "2026-11-20"}}, "2026-11-20"),
        # 03:00 UTC is the previous evening in New York
        (ON_DEMAND, {"run_after": "2026-11-22T03:00"}, "2026-11-21"),
        # the form's default date is that of the last DAG parse; only values sent with the run are used
        (ON_DEMAND, {"period": "2026-11-30", "run_after": "2026-11-22T12:00"}, "2026-11-22"),
    ],
)
def test_the_period_of_a_run(source: Source, run: dict[str, Any], period: str) -> None:
    assert load_request(context(**run), source).period.key == period


@pytest.mark.parametrize(
    ("run", "message"),
    [
        ({}, "no period"),
        ({"conf": {"period": None}}, "no period"),
        ({"key": "2026Q3", "conf": {"period": "2026Q2"}}, "different periods; expected '2026Q3', found '2026Q2'"),
        ({"key": "2026-11"}, "does not parse"),
        ({"conf": {"period": "../../2026Q3"}}, "does not parse"),
    ],
)
def test_a_run_without_one_valid_period_fails(run: dict[str, Any], message: str) -> None:
    with pytest.raises(PeriodError, match=message):
        load_request(context(**run), SCHEDULED)


# --- land, stage, commit ------------------------------------------------------------------------------------------


def test_land_returns_the_landed_file(monkeypatch: pytest.MonkeyPatch) -> None:
    received: list[Any] = []
    landed = LandedFile(
        name="a.gz", uri="s3://gv-landing/a.gz", size=3, sha256=SHA, origin="sftp://sftp_aiq/a.gz", etag="e"
    )

    def land(*arguments: object) -> LandedFile:
        received.extend(arguments)
        return landed

    monkeypatch.setattr(steps, "land", land)
    task = LandFile(task_id="land", source=SCHEDULED, file=asdict(remote()))
    assert task.execute(context(key="2026Q3")) == asdict(landed)
    assert received == [ACCOUNT, "origin", SCHEDULED, SCHEDULED.cadence.parse("2026Q3"), remote()]


def test_a_file_s_name_is_never_a_template() -> None:
    malicious = "{{ 7 * 7 }}{% raise %}.gz"
    with DAG("d"):
        upstream = AwaitDelivery(task_id="await", source=SCHEDULED)
        task = LandFile(task_id="land", source=SCHEDULED, file=upstream.output)
    task_instance = SimpleNamespace(xcom_pull=lambda **_: asdict(remote(malicious)), task=task)
    task.render_template_fields({"ti": task_instance, "expanded_ti_count": None})
    assert task.file["name"] == malicious


def test_stage_returns_the_staged_file(monkeypatch: pytest.MonkeyPatch) -> None:
    staged = StagedFile(
        name="a.gz", sha256=SHA, status="staged", rows_read=1200, rows_valid=1198, rows_rejected=2, manifest="s3://m"
    )
    monkeypatch.setattr(steps, "stage", lambda *_: [staged])
    landed = {"name": "a.gz", "uri": "s3://l/a.gz", "size": 3, "sha256": SHA, "origin": "sftp://x/a.gz", "etag": "e"}
    task = StageFile(task_id="stage", source=SCHEDULED, landed=landed)
    assert task.execute(context(key="2026Q3")) == asdict(staged)


@pytest.mark.parametrize("error", [FileRefusedError("x", next_step="ask the vendor"), DeliveryRefusedError("x")])
def test_a_refusal_says_which_task_to_clear(monkeypatch: pytest.MonkeyPatch, error: DeliveryError) -> None:
    def refuse(*_: object) -> None:
        raise error

    for name in ("land", "stage"):
        monkeypatch.setattr(steps, name, refuse)
    landed = {"name": "a.gz", "uri": "s3://l/a.gz", "size": 3, "sha256": SHA, "origin": "sftp://x/a.gz", "etag": "e"}
    for task in (
        LandFile(task_id="land", source=SCHEDULED, file=asdict(remote())),
        StageFile(task_id="stage", source=SCHEDULED, landed=landed),
    ):
        error.next_step = "ask the vendor"
        with pytest.raises(type(error)) as raised:
            task.execute(context(key="2026Q3"))
        assert str(raised.value).endswith(
            "Next: ask the vendor; then clear a task of this run: await when a corrected file is there, stage after a "
            "fix of the SQL file or the declaration."
        )


def test_files_without_rows_are_in_the_asset_event(monkeypatch: pytest.MonkeyPatch) -> None:
    files = tuple(
        FileResult(name=name, sha256=SHA, status=status, rows_read=rows, rows_loaded=rows, rows_rejected=0)
        for name, status, rows in (("a.gz", "loaded", 3), ("b.gz", "empty", 0))
    )
    result = LoadResult(source="aiq_household", table="aiq.household", period="2026Q3", snapshot_id=7, files=files)
    monkeypatch.setattr(steps, "commit", lambda *_: result)
    table, event = Asset("aiq.household"), SimpleNamespace(add_partitions=lambda _: None)
    task = CommitDelivery(task_id="commit", source=SCHEDULED, staged=[], outlets=[table])
    returned = task.execute(context(key="2026Q3") | {"outlet_events": {table: event}})
    assert event.extra["files_without_rows"] == 1
    assert [file["status"] for file in returned["files"]] == ["loaded", "empty"]


@pytest.mark.parametrize("as_sequence", [True, False])
def test_commit_loads_all_files_and_creates_an_asset_event(monkeypatch: pytest.MonkeyPatch, as_sequence: bool) -> None:
    received: list[Any] = []
    result = LoadResult(
        source="aiq_household",
        table="aiq.household",
        period="2026Q3",
        snapshot_id=2**62 + 1,
        files=(FileResult(name="a.gz", sha256=SHA, status="loaded", rows_read=3, rows_loaded=2, rows_rejected=1),),
    )

    def commit(*arguments: object) -> LoadResult:
        received.extend(arguments)
        return result

    class Event:
        extra: dict[str, Any]
        keys: list[str]

        def add_partitions(self, *keys: str) -> None:
            self.keys = list(keys)

    monkeypatch.setattr(steps, "commit", commit)
    table, event = Asset("aiq.household"), Event()
    staged = StagedFile(name="a.gz", sha256=SHA, status="staged", rows_read=3, rows_valid=2, rows_rejected=1)
    # Airflow passes the results of several mapped tasks as a sequence, and the result of a single one by itself
    results = iter([asdict(staged)]) if as_sequence else asdict(staged)
    task = CommitDelivery(task_id="commit", source=SCHEDULED, staged=results, outlets=[table])
    returned = task.execute(context(key="2026Q3", expected_rows=3) | {"outlet_events": {table: event}})
    assert received == [ACCOUNT, SCHEDULED, SCHEDULED.cadence.parse("2026Q3"), [staged], 3]
    assert event.keys == ["2026Q3"]
    assert event.extra == {
        "source": "aiq_household",
        "period": "2026Q3",
        "snapshot_id": str(2**62 + 1),
        "files": 1,
        "rows_read": 3,
        "rows_loaded": 2,
        "rows_rejected": 1,
    }
    assert json.loads(json.dumps(returned)) == returned
    assert returned["files"][0]["status"] == "loaded"


@pytest.mark.parametrize(
    ("error", "action"),
    [
        (FileRefusedError("x"), RetryAction.FAIL),
        (ConfigurationError("x"), RetryAction.FAIL),
        (TableMismatchError("x"), RetryAction.FAIL),
        (PeriodError("x"), RetryAction.FAIL),
        (DeliveryLateError("x"), RetryAction.FAIL),
        (TransferError("x"), RetryAction.DEFAULT),
        (CommitError("x"), RetryAction.DEFAULT),
        (MemoryError(), RetryAction.DEFAULT),
    ],
)
def test_only_errors_that_a_retry_can_fix_are_retried(error: Exception, action: RetryAction) -> None:
    assert RetryTransientErrors().evaluate(error, 1, 4).action is action


# --- await --------------------------------------------------------------------------------------------------------


def fake_polls(monkeypatch: pytest.MonkeyPatch, module: Any, *results: Any) -> None:
    """Make `poll` return or raise `results`, one per call."""
    remaining = list(results)

    def poll(*_: object) -> Any:
        result = remaining.pop(0)
        if isinstance(result, Exception):
            raise result
        return result

    monkeypatch.setattr(module, "poll", poll)


def deferred_trigger(monkeypatch: pytest.MonkeyPatch, key: str, *results: Any) -> DeliveryTrigger:
    fake_polls(monkeypatch, delivery, *results)
    with pytest.raises(TaskDeferred) as raised:
        AwaitDelivery(task_id="await", source=SCHEDULED).execute(context(key=key))
    assert raised.value.method_name == "resume"
    trigger = raised.value.trigger
    assert isinstance(trigger, DeliveryTrigger)
    return trigger


def test_without_a_marker_the_first_poll_never_completes_the_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    trigger = deferred_trigger(monkeypatch, "2026Q4", ([remote()], None))
    assert trigger.seen == [asdict(remote())]
    assert trigger.late_at == SCHEDULED.cadence.due(SCHEDULED.cadence.parse("2026Q4")).timestamp()
    assert trigger.interval_s == 60


def test_a_run_waits_a_minimum_time_if_the_period_is_already_due(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GV_MIN_WAIT_S", "100")
    monkeypatch.setenv("GV_POLL_INTERVAL_S", "1")
    before = time.time()
    trigger = deferred_trigger(monkeypatch, "2020Q1", ([], None))
    assert before + 100 <= trigger.late_at <= time.time() + 100
    assert trigger.interval_s == 8


def test_the_wait_continues_if_the_server_is_down_at_the_first_poll(monkeypatch: pytest.MonkeyPatch) -> None:
    assert deferred_trigger(monkeypatch, "2026Q4", ServiceError("the server is away")).seen == []


def test_a_wrong_connection_fails_immediately(monkeypatch: pytest.MonkeyPatch) -> None:
    fake_polls(monkeypatch, delivery, ConfigurationError("no such connection"))
    with pytest.raises(ConfigurationError):
        AwaitDelivery(task_id="await", source=SCHEDULED).execute(context(key="2026Q4"))


def test_the_done_marker_ends_the_wait_at_the_first_poll(monkeypatch: pytest.MonkeyPatch) -> None:
    fake_polls(monkeypatch, delivery, ([remote()], True))
    assert AwaitDelivery(task_id="await", source=SCHEDULED).execute(context(key="2026Q4")) == [asdict(remote())]


def fired_event(trigger: DeliveryTrigger) -> dict[str, Any]:
    async def run() -> dict[str, Any]:
        events = [event async for event in trigger.run()]
        assert len(events) == 1
        return dict(events[0].payload)

    return asyncio.run(run())


def new_trigger(late_in_s: float = 60.0, seen: list[dict[str, Any]] | None = None) -> DeliveryTrigger:
    return DeliveryTrigger(
        source="aiq_household", period="2026Q3", seen=seen or [], late_at=time.time() + late_in_s, interval_s=0.0
    )


def test_a_delivery_that_does_not_change_between_two_polls_is_complete(monkeypatch: pytest.MonkeyPatch) -> None:
    growing, grown = remote(size=3), remote(size=4)
    fake_polls(monkeypatch, triggers, ([], None), ([growing], None), ([grown], None), ([grown], None))
    assert fired_event(new_trigger()) == {"files": [asdict(grown)], "complete": True}


def test_the_worker_s_poll_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    fake_polls(monkeypatch, triggers, ([remote()], None))
    assert fired_event(new_trigger(seen=[asdict(remote())]))["complete"]


def test_a_file_that_arrives_with_the_marker_during_a_poll_is_not_missed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first, last, marker = (remote(name=f"HW_CONSUMER_2026Q3{end}") for end in ("_1.zip", "_2.zip", ".done"))

    class Folder:
        """A folder that receives the rest of the delivery between the first and the second listing."""

        listings: ClassVar = [[first]]

        def list(self, _: str) -> list[RemoteFile]:
            return self.listings.pop() if self.listings else [first, last, marker]

    monkeypatch.setattr(triggers, "open_origin", lambda *_: nullcontext(Folder()))
    monkeypatch.setattr(triggers, "account_from_connection", lambda: None)
    source = find_source("healthwise_consumer")
    period = source.cadence.parse("2026Q3")
    assert triggers.poll(source, period) == ([first, last], False)
    assert triggers.poll(source, period) == ([first, last], True)


def test_a_failed_poll_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    fake_polls(monkeypatch, triggers, ([remote()], None), ServiceError("away"), ([remote()], None))
    assert fired_event(new_trigger())["complete"]


def test_a_delivery_that_does_not_arrive_in_time_is_late(monkeypatch: pytest.MonkeyPatch) -> None:
    fake_polls(monkeypatch, triggers, ([remote(size=3)], None))
    event = fired_event(new_trigger(late_in_s=-1))
    assert event == {"files": [asdict(remote(size=3))], "complete": False}
    message = r"2026Q3 arrived in time; expected .* found 1 file\(s\), still changing"
    with pytest.raises(DeliveryLateError, match=message):
        AwaitDelivery(task_id="await", source=SCHEDULED).resume(context(key="2026Q3"), event)
    with pytest.raises(DeliveryLateError, match=r"by 2026-10-22 18:00 New York, found none"):
        AwaitDelivery(task_id="await", source=SCHEDULED).resume(context(key="2026Q3"), {**event, "files": []})


@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        (ServiceError("the server is away", next_step="wait"), "the server is away"),
        (DeliveryError("there is no folder /outgoing"), "there is no folder /outgoing"),
        (RuntimeError("https://user:secret@example.com"), "unexpected RuntimeError"),
    ],
)
def test_no_failure_of_a_poll_ends_the_wait(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], failure: Exception, reason: str
) -> None:
    fake_polls(monkeypatch, triggers, failure, ([remote()], None), failure, ([remote()], None))
    assert fired_event(new_trigger()) == {"files": [asdict(remote())], "complete": True}
    fake_polls(monkeypatch, triggers, failure)
    event = fired_event(new_trigger(late_in_s=-1))
    assert event == {"files": [], "complete": False, "failure": reason}
    with pytest.raises(DeliveryLateError, match=f"found none; the last poll failed: {reason}. Next: .* the task await"):
        AwaitDelivery(task_id="await", source=SCHEDULED).resume(context(key="2026Q3"), event)
    assert "secret" not in "".join(capsys.readouterr())


def test_what_a_person_must_fix_ends_the_wait_with_its_error(monkeypatch: pytest.MonkeyPatch) -> None:
    refused = ConfigurationError("the server refuses our login", source="aiq_household", next_step="check the user")
    fake_polls(monkeypatch, triggers, ([], None), refused)
    event = json.loads(json.dumps(fired_event(new_trigger())))
    with pytest.raises(ConfigurationError) as raised:
        AwaitDelivery(task_id="await", source=SCHEDULED).resume(context(key="2026Q3"), event)
    assert str(raised.value) == str(refused)
    assert RetryTransientErrors().evaluate(raised.value, 1, 4).action is RetryAction.FAIL


def test_a_source_that_is_no_longer_declared_ends_the_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    trigger = new_trigger()
    trigger.source = "gone"
    with pytest.raises(ConfigurationError, match="there is no source 'gone'"):
        AwaitDelivery(task_id="await", source=SCHEDULED).resume(context(key="2026Q3"), fired_event(trigger))


def test_a_serialized_trigger_can_be_created_again() -> None:
    trigger = new_trigger(seen=[asdict(remote())])
    path, arguments = trigger.serialize()
    assert path == "growth_verticals.sensors.triggers.DeliveryTrigger"
    assert DeliveryTrigger(**json.loads(json.dumps(arguments))).serialize() == trigger.serialize()


def test_there_is_no_wait_for_named_files(monkeypatch: pytest.MonkeyPatch) -> None:
    from growth_verticals.landing import listing

    received: list[Any] = []

    def find_named(account: Account, source: Source, names: object, origin_of: Any) -> list[RemoteFile]:
        received.extend((account, source, names, origin_of("s3://elsewhere/a.csv")))
        return [remote("a.csv")]

    monkeypatch.setattr(listing, "find_named", find_named)
    for source, key in ((ON_DEMAND, "2026-11-20"), (SCHEDULED, "2026Q3")):
        received.clear()
        task = AwaitDelivery(task_id="await", source=source)
        assert task.execute(context(key=key, files=["a.csv"])) == [asdict(remote("a.csv"))]
        assert received == [ACCOUNT, source, ("a.csv",), "origin"]
