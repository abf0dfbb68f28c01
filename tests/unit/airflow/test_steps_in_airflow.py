"""The operators and the sensor: which arguments they pass to the library, and what they return."""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk import DAG, Asset, RetryAction
from airflow.sdk.exceptions import TaskDeferred

from growth_verticals import steps
from growth_verticals.account import Account
from growth_verticals.cadence import OnDemand, Quarterly
from growth_verticals.declarations import find_source
from growth_verticals.delivery import (
    Answer,
    FileResult,
    LandedFile,
    LandUnit,
    LoadResult,
    RemoteFile,
    StagedFile,
    StageUnit,
    to_json,
)
from growth_verticals.errors import (
    CommitError,
    ConfigurationError,
    DeliveryError,
    DeliveryLateError,
    DeliveryRefusedError,
    FileChangedError,
    FileRefusedError,
    PeriodError,
    ServiceError,
    TableMismatchError,
    TransferError,
)
from growth_verticals.hooks.run import load_request
from growth_verticals.landing.complete import Listing
from growth_verticals.operators import load, plan, stage
from growth_verticals.operators.load import CommitDelivery, LandFiles
from growth_verticals.operators.plan import PlanStaging
from growth_verticals.operators.source import RetryTransientErrors
from growth_verticals.operators.stage import StageFiles
from growth_verticals.pipeline import delivery_dag
from growth_verticals.quality.report import CheckReport, RejectedCount
from growth_verticals.sensors import delivery, triggers
from growth_verticals.sensors.delivery import AwaitDelivery
from growth_verticals.sensors.triggers import DeliveryTrigger
from growth_verticals.source import Delimited, Inbox, Marker, Parts, Quiet, Rule, Sftp, Source
from growth_verticals.status.facts import RejectCount, load_from_json
from growth_verticals.units import land_units

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
REPORT = CheckReport(
    source="aiq_household",
    table="aiq.household",
    period="2026Q3",
    files=(),
    is_pending=True,
    rows=2,
    rows_rejected=1,
    rows_present=0,
    period_before=None,
    rows_before=None,
    columns=(),
    rejects=(RejectedCount(column="zip5", reason="too_long", records=1),),
    findings=(),
)
#: What the task check returns if nobody was asked.
CHECKED = {"report": REPORT.to_json(), "answer": None}


def context(*, key: str | None = None, conf: dict[str, Any] | None = None, **params: Any) -> Any:
    run = SimpleNamespace(partition_key=key, conf=conf)
    return {"dag_run": run, "params": params}


def remote(name: str = "a.gz", size: int = 3, modified: float = 1.0) -> RemoteFile:
    return RemoteFile(name=name, uri=f"sftp://sftp_aiq/outgoing/{name}", size=size, modified=modified)


@pytest.fixture(autouse=True)
def _no_servers(monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def origin(*_: object) -> Iterator[str]:
        yield "origin"

    monkeypatch.setattr(
        triggers, "find_source", lambda name: SCHEDULED if name == SCHEDULED.name else find_source(name)
    )
    for module in (load, delivery):
        monkeypatch.setattr(module, "account_from_connection", lambda: ACCOUNT)
        monkeypatch.setattr(module, "open_origin", origin)
    monkeypatch.setattr(stage, "account_from_connection", lambda: ACCOUNT)


# --- which period -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "run", "period"),
    [
        (SCHEDULED, {"key": "2026Q3"}, "2026Q3"),
        (SCHEDULED, {"key": "2026Q3", "conf": {"period": "2026Q3"}}, "2026Q3"),
        (ON_DEMAND, {"key": "2026-11-20"}, "2026-11-20"),
    ],
)
def test_the_period_of_a_run(source: Source, run: dict[str, Any], period: str) -> None:
    assert load_request(context(**run), source).period.key == period


@pytest.mark.parametrize(
    ("run", "message"),
    [
        ({}, "no period"),
        ({"conf": {"period": "2026Q3"}}, "no period"),
        ({"key": "2026Q3", "conf": {"period": "2026Q2"}}, "different periods; expected '2026Q3', found '2026Q2'"),
        ({"key": "2026-11"}, "does not parse"),
        ({"key": "../../2026Q3"}, "does not parse"),
    ],
)
def test_a_run_without_one_valid_period_fails(run: dict[str, Any], message: str) -> None:
    with pytest.raises(PeriodError, match=message):
        load_request(context(**run), SCHEDULED)


# --- land, stage, commit ------------------------------------------------------------------------------------------


def landed(file: RemoteFile, sha256: str = SHA) -> LandedFile:
    uri = f"s3://gv-landing/{file.name}"
    return LandedFile(name=file.name, uri=uri, size=file.size, sha256=sha256, origin=file.uri, etag="e")


def land_unit(*files: RemoteFile) -> dict[str, Any]:
    return LandUnit(title="a title", files=files).to_json()


def stage_unit(*files: LandedFile) -> dict[str, Any]:
    return StageUnit(title="a title", files=files).to_json()


def test_land_returns_the_landed_files_of_all_places_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files that a person named can lie in several places."""
    received: list[Any] = []

    def land_all(account: Account, origin: str, source: Source, period: object, files: Any) -> list[LandedFile]:
        received.append((account, origin, source, period, [file.name for file in files]))
        return [landed(file) for file in files]

    monkeypatch.setattr(steps, "land_all", land_all)
    files = [remote("a.gz"), remote("b.gz"), replace(remote("c.gz"), uri="s3://gv-landing/inbox/c.gz"), remote("d.gz")]
    task = LandFiles(task_id="land", source=SCHEDULED, unit=land_unit(*files))
    assert [LandedFile(**each) for each in task.execute(context(key="2026Q3"))] == [landed(file) for file in files]
    period = SCHEDULED.cadence.parse("2026Q3")
    assert received == [
        (ACCOUNT, "origin", SCHEDULED, period, names) for names in (["a.gz", "b.gz"], ["c.gz"], ["d.gz"])
    ]


def test_a_file_s_name_is_never_a_template() -> None:
    malicious = "{{ 7 * 7 }}{% raise %}.gz"
    unit = land_units(SCHEDULED, [remote(malicious)])[0].to_json()
    with DAG("d"):
        upstream = AwaitDelivery(task_id="await", source=SCHEDULED)
        task = LandFiles(task_id="land", source=SCHEDULED, unit=upstream.output)
    task_instance = SimpleNamespace(xcom_pull=lambda **_: unit, task=task)
    task.render_template_fields({"ti": task_instance, "expanded_ti_count": None})
    assert (task.unit["title"], task.unit["files"][0]["name"]) == (malicious, malicious)
    assert task.get_template_env().from_string("{{ task.unit['title'] }}").render(task=task) == malicious


def test_plan_groups_what_was_landed(monkeypatch: pytest.MonkeyPatch) -> None:
    source = replace(SCHEDULED, unit_gb=5e-9)  # five bytes
    monkeypatch.setattr(plan, "account_from_connection", lambda: None)
    monkeypatch.setattr(steps, "pieces_of", lambda *_: ())  # none of them can be cut
    files = [remote(name) for name in ("a.gz", "b.gz", "c.gz")]
    copies = [landed(file, digest * 64) for file, digest in zip(files, "aba", strict=True)]
    units = [land_unit(*files[:2]), land_unit(files[2])]
    results = [[to_json(copy) for copy in copies[:2]], [to_json(copies[2])]]
    planned = PlanStaging(task_id="plan", source=source, units=units, landed=results).execute(context(key="2026Q3"))
    assert [(unit["title"], [file["name"] for file in unit["files"]]) for unit in planned] == [
        ("a.gz, c.gz", ["a.gz", "c.gz"]),  # equal contents
        ("b.gz", ["b.gz"]),
    ]
    assert json.loads(json.dumps(planned)) == planned


def test_five_thousand_files_are_a_handful_of_mapped_tasks() -> None:
    dag = delivery_dag(SCHEDULED, doc=None)
    files = [remote(f"AIQ_HH_2026Q3_{number:04}.gz", size=300_000) for number in range(5_000)]
    units = dag.get_task("await").resume(context(key="2026Q3"), fired(*files, found="5,000 file(s)"))
    assert len(units) == 5
    results = [
        [to_json(landed(RemoteFile(**file), file["name"].encode().hex())) for file in unit["files"]] for unit in units
    ]
    task = PlanStaging(task_id="plan", source=SCHEDULED, units=units, landed=results)
    assert [unit["title"] for unit in task.execute(context(key="2026Q3"))] == [
        f"files {start + 1:,}-{start + 1_000:,} of 5,000" for start in range(0, 5_000, 1_000)
    ]
    assert dag.get_task("land").expand_input.value == {"unit": dag.get_task("await").output}
    assert dag.get_task("stage").expand_input.value == {"unit": dag.get_task("plan").output}


def test_after_a_clear_the_results_of_units_that_are_gone_are_left_out() -> None:
    """Airflow keeps the XComs of mapped tasks that it removes."""
    files = [remote(name) for name in ("a.gz", "b.gz", "c.gz")]
    results = [[to_json(landed(file))] for file in files]
    units = [land_unit(file) for file in files[:2]]
    task = PlanStaging(task_id="plan", source=SCHEDULED, units=units, landed=results)
    [unit] = task.execute(context(key="2026Q3"))
    assert [file["name"] for file in unit["files"]] == ["a.gz", "b.gz"]


@pytest.mark.parametrize("names", [("a.gz", "x.gz"), ("a.gz",), ("b.gz", "a.gz")])
def test_results_of_other_files_than_those_of_the_units_are_refused(names: tuple[str, ...]) -> None:
    """Somebody cleared a task without those that follow it."""
    units = [land_unit(remote(name)) for name in ("a.gz", "b.gz")]
    results = [[to_json(landed(remote(name)))] for name in names]
    with pytest.raises(DeliveryRefusedError, match="clear the task land of this run, with all that follows"):
        PlanStaging(task_id="plan", source=SCHEDULED, units=units, landed=results).execute(context(key="2026Q3"))
    staged = [[asdict(StagedFile(name=name, sha256=SHA, status="staged"))] for name in names]
    planned = [stage_unit(landed(remote(name))) for name in ("a.gz", "b.gz")]
    commit = CommitDelivery(task_id="commit", source=SCHEDULED, units=planned, staged=staged, check=CHECKED)
    with pytest.raises(DeliveryRefusedError, match="clear the task stage of this run, with all that follows"):
        commit.execute(context(key="2026Q3"))


def test_stage_returns_the_staged_files(monkeypatch: pytest.MonkeyPatch) -> None:
    files = [landed(remote(name)) for name in ("a.gz", "b.gz")]
    staged = [
        StagedFile(name=file.name, sha256=SHA, status="staged", rows_read=1200, rows_valid=1198, rows_rejected=2)
        for file in files
    ]
    received: list[Any] = []
    monkeypatch.setattr(steps, "stage", lambda *arguments: received.extend(arguments) or staged)
    task = StageFiles(task_id="stage", source=SCHEDULED, unit=stage_unit(*files))
    assert task.execute(context(key="2026Q3")) == [asdict(file) for file in staged]
    assert received[:4] == [ACCOUNT, SCHEDULED, SCHEDULED.cadence.parse("2026Q3"), tuple(files)]


@pytest.mark.parametrize("error", [FileRefusedError("x", next_step="ask the vendor"), DeliveryRefusedError("x")])
def test_a_refusal_says_which_task_to_clear(monkeypatch: pytest.MonkeyPatch, error: DeliveryError) -> None:
    def refuse(*_: object) -> None:
        raise error

    for name in ("land_all", "stage"):
        monkeypatch.setattr(steps, name, refuse)
    for task in (
        LandFiles(task_id="land", source=SCHEDULED, unit=land_unit(remote())),
        StageFiles(task_id="stage", source=SCHEDULED, unit=stage_unit(landed(remote()))),
    ):
        error.next_step = "ask the vendor"
        with pytest.raises(type(error)) as raised:
            task.execute(context(key="2026Q3"))
        assert str(raised.value).endswith(
            "Next: ask the vendor; then clear a task of this run: await when a corrected file is there, stage after a "
            "fix of the SQL file or the declaration."
        )


def test_a_file_that_changed_keeps_its_own_advice(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise FileChangedError("the file changed", next_step="clear the task await of this run")

    monkeypatch.setattr(steps, "land_all", fail)
    task = LandFiles(task_id="land", source=SCHEDULED, unit=land_unit(remote()))
    with pytest.raises(FileChangedError, match=r"Next: clear the task await of this run\.$"):
        task.execute(context(key="2026Q3"))


def test_files_without_rows_are_in_the_asset_event(monkeypatch: pytest.MonkeyPatch) -> None:
    files = tuple(
        FileResult(name=name, sha256=SHA, status=status, rows_read=rows, rows_loaded=rows, rows_rejected=0)
        for name, status, rows in (("a.gz", "loaded", 3), ("b.gz", "empty", 0))
    )
    result = LoadResult(source="aiq_household", table="aiq.household", period="2026Q3", snapshot_id=7, files=files)
    monkeypatch.setattr(steps, "commit", lambda *_, **__: result)
    table, event = Asset("aiq.household"), SimpleNamespace(add_partitions=lambda _: None)
    task = CommitDelivery(task_id="commit", source=SCHEDULED, units=[], staged=[], check=CHECKED, outlets=[table])
    returned = task.execute(context(key="2026Q3") | {"outlet_events": {table: event}})
    assert event.extra["files_without_rows"] == 1
    assert [file["status"] for file in returned["files"]] == ["loaded", "empty"]


def test_commit_loads_all_files_and_creates_an_asset_event(monkeypatch: pytest.MonkeyPatch) -> None:
    received: list[Any] = []
    result = LoadResult(
        source="aiq_household",
        table="aiq.household",
        period="2026Q3",
        snapshot_id=2**62 + 1,
        files=(FileResult(name="a.gz", sha256=SHA, status="loaded", rows_read=3, rows_loaded=2, rows_rejected=1),),
    )

    def commit(*arguments: object, is_whole: bool, **_: object) -> LoadResult:
        received.extend([*arguments, is_whole])
        return result

    class Event:
        extra: dict[str, Any]
        keys: list[str]

        def add_partitions(self, *keys: str) -> None:
            self.keys = list(keys)

    monkeypatch.setattr(steps, "commit", commit)
    table, event = Asset("aiq.household"), Event()
    staged = StagedFile(name="a.gz", sha256=SHA, status="staged", rows_read=3, rows_valid=2, rows_rejected=1)
    of_run = {"units": [stage_unit(landed(remote()))], "staged": iter([[asdict(staged)]])}
    answer = Answer(action="replace", by="A. Maple", reason="corrected", removes=[SHA])
    check = CHECKED | {"answer": asdict(answer)}
    task = CommitDelivery(task_id="commit", source=SCHEDULED, check=check, outlets=[table], **of_run)
    returned = task.execute(context(key="2026Q3", expected_rows=3) | {"outlet_events": {table: event}})
    period = SCHEDULED.cadence.parse("2026Q3")
    assert received == [ACCOUNT, SCHEDULED, period, [staged], 3, REPORT, answer, True]
    assert event.keys == ["2026Q3"]
    assert event.extra == {
        "source": "aiq_household",
        "period": "2026Q3",
        "snapshot_id": str(2**62 + 1),
        "files": 1,
        "rows_read": 3,
        "rows_loaded": 2,
        "rows_rejected": 1,
        "files_replaced": 0,
        "rows_replaced": 0,
        "files_without_rows": 0,
        "rejects": [{"column": "zip5", "reason": "too_long", "records": 1}],
        "by": "A. Maple",
        "reason": "corrected",
    }
    assert load_from_json(event.extra).rejects == (RejectCount(column="zip5", reason="too_long", records=1),)
    assert json.loads(json.dumps(event.extra)) == event.extra
    assert json.loads(json.dumps(returned)) == returned
    assert returned["files"][0]["status"] == "loaded"
    assert returned["snapshot_id"] == str(2**62 + 1)


def test_a_delivery_that_was_loaded_before_creates_no_asset_event(monkeypatch: pytest.MonkeyPatch) -> None:
    known = FileResult(name="a.gz", sha256=SHA, status="already_loaded", rows_read=0, rows_loaded=0, rows_rejected=0)
    result = LoadResult(
        source="aiq_household", table="aiq.household", period="2026Q3", snapshot_id=None, files=(known,)
    )
    monkeypatch.setattr(steps, "commit", lambda *_, **__: result)
    task = CommitDelivery(
        task_id="commit", source=SCHEDULED, units=[], staged=[], check=CHECKED, outlets=[Asset("aiq.household")]
    )
    assert task.execute(context(key="2026Q3") | {"outlet_events": {}})["snapshot_id"] is None
    assert task.outlets == []


@pytest.mark.parametrize(
    ("error", "action"),
    [
        (FileRefusedError("x"), RetryAction.FAIL),
        (ConfigurationError("x"), RetryAction.FAIL),
        (TableMismatchError("x"), RetryAction.FAIL),
        (PeriodError("x"), RetryAction.FAIL),
        (DeliveryLateError("x"), RetryAction.FAIL),
        (TransferError("x"), RetryAction.DEFAULT),
        (FileChangedError("x"), RetryAction.FAIL),
        (CommitError("x"), RetryAction.DEFAULT),
        (MemoryError(), RetryAction.DEFAULT),
    ],
)
def test_only_errors_that_a_retry_can_fix_are_retried(error: Exception, action: RetryAction) -> None:
    assert RetryTransientErrors().evaluate(error, 1, 4).action is action


# --- await --------------------------------------------------------------------------------------------------------


def found(*files: RemoteFile, **details: Any) -> Listing:
    return Listing(files=files, **details)


def fired(*files: RemoteFile, found: str, **details: Any) -> dict[str, Any]:
    """What the trigger fires."""
    return {"files": [asdict(file) for file in files], "found": found, "skipped": [], "complete": True} | details


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
    trigger = deferred_trigger(monkeypatch, "2026Q4", found(remote()))
    assert trigger.seen == [asdict(remote())]
    assert trigger.late_at == SCHEDULED.cadence.due(SCHEDULED.cadence.parse("2026Q4")).timestamp()
    assert trigger.interval_s == 60


def test_a_run_waits_a_minimum_time_if_the_period_is_already_due(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GV_MIN_WAIT_S", "100")
    monkeypatch.setenv("GV_POLL_INTERVAL_S", "1")
    before = time.time()
    trigger = deferred_trigger(monkeypatch, "2020Q1", found())
    assert before + 100 <= trigger.late_at <= time.time() + 100
    assert trigger.interval_s == 8


def test_the_wait_continues_if_the_server_is_down_at_the_first_poll(monkeypatch: pytest.MonkeyPatch) -> None:
    assert deferred_trigger(monkeypatch, "2026Q4", ServiceError("the server is away")).seen == []


def test_a_wrong_connection_fails_immediately(monkeypatch: pytest.MonkeyPatch) -> None:
    fake_polls(monkeypatch, delivery, ConfigurationError("no such connection"))
    with pytest.raises(ConfigurationError):
        AwaitDelivery(task_id="await", source=SCHEDULED).execute(context(key="2026Q4"))


def test_the_done_marker_ends_the_wait_at_the_first_poll(monkeypatch: pytest.MonkeyPatch) -> None:
    source = with_rules(Marker("{period}.done"))
    fake_polls(monkeypatch, delivery, found(remote(), markers=frozenset({"2026Q4.done"})))
    assert AwaitDelivery(task_id="await", source=source).execute(context(key="2026Q4")) == [
        LandUnit(title="a.gz", files=(remote(),)).to_json()
    ]


def with_rules(*rules: Rule) -> Source:
    return replace(SCHEDULED, delivery=replace(SCHEDULED.delivery, complete=rules))


def test_a_run_waits_longer_by_the_duration_of_quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    source = with_rules(Quiet(timedelta(hours=1)))
    for setting, minimum in (("", 4200.0), ("7", 607.0)):
        monkeypatch.setenv("GV_MAX_QUIET_S", setting)
        fake_polls(monkeypatch, delivery, found(remote()))
        before = time.time()
        with pytest.raises(TaskDeferred) as raised:
            AwaitDelivery(task_id="await", source=source).execute(context(key="2020Q1"))
        trigger = raised.value.trigger
        assert isinstance(trigger, DeliveryTrigger)
        assert before + minimum <= trigger.late_at <= time.time() + minimum
        assert before <= trigger.unchanged_since <= time.time()


def test_files_that_are_known_and_skipped_are_logged(capsys: pytest.CaptureFixture[str]) -> None:
    task = AwaitDelivery(task_id="await", source=SCHEDULED)
    task.resume(context(key="2026Q3"), fired(remote(), found="1 file(s), 3 bytes", skipped=["layout.txt"]))
    log = capsys.readouterr().out
    assert "aiq_household 2026Q3: the delivery is complete: 1 file(s), 3 bytes" in log
    assert "known and skipped: layout.txt" in log


def fired_event(trigger: DeliveryTrigger) -> dict[str, Any]:
    async def run() -> dict[str, Any]:
        events = [event async for event in trigger.run()]
        assert len(events) == 1
        return dict(events[0].payload)

    return asyncio.run(run())


def new_trigger(late_in_s: float = 60.0, seen: list[dict[str, Any]] | None = None) -> DeliveryTrigger:
    return DeliveryTrigger(
        source=SCHEDULED.name, period="2026Q3", seen=seen or [], late_at=time.time() + late_in_s, interval_s=0.0
    )


def test_a_delivery_that_does_not_change_between_two_polls_is_complete(monkeypatch: pytest.MonkeyPatch) -> None:
    growing, grown = remote(size=3), remote(size=4)
    fake_polls(monkeypatch, triggers, found(), found(growing), found(grown), found(grown))
    assert fired_event(new_trigger()) == fired(grown, found="1 file(s), 4 bytes")


def test_the_worker_s_poll_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    fake_polls(monkeypatch, triggers, found(remote()))
    assert fired_event(new_trigger(seen=[asdict(remote())]))["complete"]


def test_a_failed_poll_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    fake_polls(monkeypatch, triggers, found(remote()), ServiceError("away"), found(remote()))
    assert fired_event(new_trigger())["complete"]


def test_a_delivery_that_does_not_arrive_in_time_is_late(monkeypatch: pytest.MonkeyPatch) -> None:
    fake_polls(monkeypatch, triggers, found(remote(size=3)))
    event = fired_event(new_trigger(late_in_s=-1))
    waiting = "1 file(s), 3 bytes; waiting for another poll that finds no change"
    assert event == fired(remote(size=3), found=waiting, complete=False)
    message = r"2026Q3 arrived in time; expected .* found 1 file\(s\), 3 bytes; waiting for another poll"
    with pytest.raises(DeliveryLateError, match=message):
        AwaitDelivery(task_id="await", source=SCHEDULED).resume(context(key="2026Q3"), event)
    with pytest.raises(DeliveryLateError, match=r"by 2026-10-22 18:00 New York, found none"):
        AwaitDelivery(task_id="await", source=SCHEDULED).resume(
            context(key="2026Q3"), {**event, "files": [], "found": "none"}
        )


def test_a_late_delivery_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    source = with_rules(Parts("{part}of{parts}"))
    monkeypatch.setattr(triggers, "find_source", lambda _: source)
    fake_polls(monkeypatch, triggers, found(*(remote(f"{part}of8") for part in range(1, 9) if part != 4)))
    event = json.loads(json.dumps(fired_event(new_trigger(late_in_s=-1))))
    with pytest.raises(DeliveryLateError, match=r"found 7 file\(s\), 21 bytes; 7 of 8 arrived; missing: part 4\. "):
        AwaitDelivery(task_id="await", source=source).resume(context(key="2026Q3"), event)


def test_quiet_is_counted_from_what_the_worker_saw(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(triggers, "find_source", lambda _: with_rules(Quiet(timedelta(hours=1))))
    for seen_for_s, complete in ((3601.0, True), (3000.0, False)):
        fake_polls(monkeypatch, triggers, found(remote()))
        trigger = new_trigger(late_in_s=-1, seen=[asdict(remote())])
        trigger.unchanged_since = time.time() - seen_for_s
        again = DeliveryTrigger(**json.loads(json.dumps(trigger.serialize()[1])))
        assert fired_event(again)["complete"] is complete


def test_a_trigger_of_an_earlier_version_counts_quiet_from_now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(triggers, "find_source", lambda _: with_rules(Quiet(timedelta(hours=1))))
    fake_polls(monkeypatch, triggers, found(remote()))
    arguments = new_trigger(late_in_s=-1, seen=[asdict(remote())]).serialize()[1]
    del arguments["unchanged_since"]
    assert not fired_event(DeliveryTrigger(**arguments))["complete"]


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
    fake_polls(monkeypatch, triggers, failure, found(remote()), failure, found(remote()))
    assert fired_event(new_trigger()) == fired(remote(), found="1 file(s), 3 bytes")
    fake_polls(monkeypatch, triggers, failure)
    event = fired_event(new_trigger(late_in_s=-1))
    assert event == {"files": [], "complete": False, "failure": reason}
    with pytest.raises(DeliveryLateError, match=f"found none; the last poll failed: {reason}. Next: .* the task await"):
        AwaitDelivery(task_id="await", source=SCHEDULED).resume(context(key="2026Q3"), event)
    assert "secret" not in "".join(capsys.readouterr())


def log_lines(capsys: pytest.CaptureFixture[str], text: str) -> int:
    return sum(text in line for line in capsys.readouterr().out.splitlines())


def test_a_wait_logs_only_what_has_changed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    away, unexpected = ServiceError("the server is away"), RuntimeError("x")
    seen, more = remote("a.gz"), remote("b.gz")
    source = with_rules(Marker("{period}.done"))
    monkeypatch.setattr(triggers, "find_source", lambda _: source)
    nothing_new = [found(seen)] * 5
    polls = [*nothing_new, away, away, found(seen, more), found(seen, more), unexpected, unexpected]
    fake_polls(monkeypatch, triggers, *polls, found(seen, more, markers=frozenset({"2026Q3.done"})))
    trigger = new_trigger(seen=[asdict(seen)])
    assert fired_event(trigger)["complete"]
    lines = capsys.readouterr().out.splitlines()
    said = ("still waiting; found", "the server is away", "unexpected RuntimeError; polling again")
    assert [text for line in lines for text in said if text in line] == [said[1], said[0], said[2]]
    assert any("still waiting; found 2 file(s)" in line for line in lines)


def test_a_wait_says_once_a_day_that_it_still_waits(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = time.time()
    hours = itertools.count()
    monkeypatch.setattr(triggers, "time", SimpleNamespace(time=lambda: now + 3600 * next(hours)))
    monkeypatch.setattr(triggers, "find_source", lambda _: with_rules(Marker("{period}.done")))
    fake_polls(monkeypatch, triggers, *[found()] * 40)
    fired_event(new_trigger(late_in_s=3600 * 100))
    assert 3 <= log_lines(capsys, "aiq_household 2026Q3: still waiting; found none") <= 5


def test_what_a_person_must_fix_ends_the_wait_with_its_error(monkeypatch: pytest.MonkeyPatch) -> None:
    refused = ConfigurationError("the server refuses our login", source="aiq_household", next_step="check the user")
    fake_polls(monkeypatch, triggers, found(), refused)
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
    again = DeliveryTrigger(**json.loads(json.dumps(arguments)))
    assert json.dumps(again.serialize()) == json.dumps(trigger.serialize())


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
        assert task.execute(context(key=key, files=["a.csv"])) == [
            LandUnit(title="a.csv", files=(remote("a.csv"),)).to_json()
        ]
        assert received == [ACCOUNT, source, ("a.csv",), "origin"]
