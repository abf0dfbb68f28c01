"""Writes the history of all declared sources into Airflow's database, with every state of a delivery in it.

    with create_session() as session:
        history = seed_history(session, now=datetime.now(UTC))

The runs of three years are like those of production: 2,500 runs, 2,400 asset events and 15,000 task instances. Import
`tests.airflow_home` first. If a scheduler works on the database, the runs that are active here do not stay so.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any

from airflow.models import DagModel, DagRun
from airflow.models.asset import AssetEvent, AssetModel
from airflow.models.dagbundle import DagBundleModel
from airflow.models.tasklog import LogTemplate
from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from growth_verticals.cadence import BUSINESS_ZONE, Cadence, OnDemand, Period
from growth_verticals.declarations import read_sources
from growth_verticals.operators.check import LOAD, REFUSE
from growth_verticals.operators.correct import DO_IT
from growth_verticals.operators.correct import REFUSE as REFUSE_CORRECTION
from growth_verticals.operators.failures import STEPS
from growth_verticals.operators.stage import REFUSE as REFUSE_FILE
from growth_verticals.operators.stage import STAGE_AGAIN
from growth_verticals.source import Source
from growth_verticals.status.facts import HeldPeriod
from tests.airflow_rows import HOUR, MINUTE, DeliveryRun, Rows, report

#: Names that a vendor could choose.
HOSTILE_NAMES = (
    "<img src=x onerror=alert(document.cookie)>.csv",
    "\"><script>alert('hostile')</script>.csv.gz",
    "' onmouseover='alert(1)' x='.csv",
    "javascript:alert(1)//.csv",
    "{{ 7 * 7 }}${7*7}.csv",
    "inv\u202egnp.csv",
    "two\nlines\tand\x1b[31m red.csv",
    "%2e%2e%2f..%00.csv",
    "Ünïcödé 人口 🙈.csv",
    "long-" + "x" * 240 + ".csv",
)


@dataclass(frozen=True, kw_only=True)
class History:
    """What was written.

    :param examples: state → source and period of an example. `waiting` is one only before the newest day is due.
    :param held: source → period → what its table would hold.
    """

    examples: Mapping[str, tuple[str, str]]
    held: Mapping[str, Mapping[str, HeldPeriod]]


def seed_history(session: Session, now: datetime, years: float = 3.0, seed: int = 0) -> History:
    """Write the history up to `now` (timezone-aware), and return what is in it. All other runs are removed."""
    sources = read_sources()
    add_dags(session, sources)
    session.execute(delete(AssetEvent))
    session.execute(delete(DagRun))  # and with it, its tasks and all that belongs to them
    newest = session.scalar(select(func.max(DagRun.id))) or 0
    template = session.scalar(select(func.max(LogTemplate.id)))
    rows = Rows(newest + 1, template, _assets(session, sources), random.Random(seed))
    story = Story(rows, sources, now.astimezone(UTC))
    for source in sources.values():
        for age, period in enumerate(_periods(source, now, years)):
            story.tell(source, period, age)
    _operations(rows, sources, story.now, story.examples["unexplained"])
    _corrections(rows, story)
    rows.insert(session)
    return History(examples=story.examples, held=_with_loads(rows, story.held))


def _with_loads(rows: Rows, changed: Mapping[str, Mapping[str, HeldPeriod]]) -> dict[str, dict[str, HeldPeriod]]:
    """Return what the tables hold: what was loaded, or what a person has changed later."""
    held: dict[str, dict[str, HeldPeriod]] = {}
    for event in rows.events:
        extra = event["extra"]
        period = HeldPeriod(period=extra["period"], rows=extra["rows_loaded"])
        held.setdefault(extra["source"], {})[period.period] = period
    return {name: held.get(name, {}) | dict(changed.get(name, {})) for name in held.keys() | changed.keys()}


class Story:
    """What happened: most periods are loaded on time, and the newest ones are examples of everything else."""

    def __init__(self, rows: Rows, sources: Mapping[str, Source], now: datetime) -> None:
        self.rows, self.sources, self.now = rows, sources, now
        self.examples: dict[str, tuple[str, str]] = {}
        self.held: dict[str, dict[str, HeldPeriod]] = {}
        self.script = {
            ("popsycle_campaign_ad_log", 0): self.waiting,
            ("popsycle_campaign_ad_log", 1): self.restated,
            ("popsycle_campaign_ad_log", 2): self.undone,
            ("popsycle_campaign_ad_log", 3): self.by_hand,
            ("popsycle_campaign_ad_log", 4): self.skipped,
            ("popsycle_campaign_ad_log", 5): self.already_loaded,
            ("popsycle_intent_triggers", 2): self.refused,
            ("popsycle_intent_triggers", 3): self.failed,
            ("popsycle_intent_triggers", 4): self.unexplained,
            ("popsycle_intent_triggers", 6): self.late_vendor,
            ("popsycle_intent_triggers", 8): self.missing,
            ("statara_digital_campaign", 1): self.late_pipeline,
            ("statara_political", 1): self.needs_approval,
            ("statara_political", 2): self.columns_changed,
            ("stirista_digital_campaign", 0): self.running,
            ("aiq_household", 0): self.many_files,
            ("aiq_household", 1): self.with_rejects,
            ("aiq_b2b", 0): self.drift,
            ("healthwise_consumer", 0): self.host_key_changed,
            ("aiq_zip4", 0): self.missing,
            ("aiq_zip4", 1): self.missing,
            ("causeway", 0): self.hostile_files,
            ("horace_mann", 0): self.by_hand_without_a_run,
        }

    def tell(self, source: Source, period: Period, age: int) -> None:
        """Add what happened to the period that was the newest one `age` periods ago."""
        tell = self.script.get((source.name, age))
        if tell is not None:
            self.examples.setdefault(tell.__name__, (source.name, period.key))
            tell(source, period)
        elif age > 10 and not isinstance(source.cadence, OnDemand) and self.rows.chance.random() < 0.01:
            self.late_then_loaded(source, period)
        else:
            self.usual(source, period)

    def start(self, source: Source, period: Period, at: datetime | None = None, **values: Any) -> DeliveryRun:
        """Add an active run for a period; `at` is when it was queued, by default when the period opened."""
        if isinstance(source.cadence, OnDemand):
            values = {"run_type": "manual", "conf": {"files": ["a.csv"]}, "triggering_user_name": "ana"} | values
        at = at or _opens(source.cadence, period, self.now)
        date = datetime.combine(period.first, time(), BUSINESS_ZONE).astimezone(UTC)
        return self.rows.run(source.name, period.key, at, state="running", partition_date=date, **values)

    def arrive(self, source: Source, period: Period, names: Sequence[str] = (), *, unit_files: int = 1) -> DeliveryRun:
        """Add a run whose delivery has arrived in time."""
        run = self.start(source, period)
        longest = max(MINUTE, _due(source.cadence, period, self.now) - run.at - 9 * HOUR)
        names = names or [f"{source.name}_{period.key}.csv.gz"]
        run.wait(longest * self.rows.chance.random(), names, unit_files=unit_files)
        return run

    def again(self, source: Source, period: Period, name: str) -> DeliveryRun:
        """Add a run that a person started an hour after the newest one has ended."""
        run = self.start(
            source, period, self.rows.runs[-1]["end_date"] + HOUR, run_type="manual", triggering_user_name="ana"
        )
        run.wait(MINUTE, [name])
        return run

    def usual(self, source: Source, period: Period) -> None:
        run = self.arrive(source, period)
        self._load(source, run)

    def late_then_loaded(self, source: Source, period: Period) -> None:
        self.late_vendor(source, period)
        self._load(source, self.again(source, period, f"{source.name}_{period.key}_late.csv.gz"))

    def waiting(self, source: Source, period: Period) -> None:
        self.start(source, period).task("await", state="deferred")

    def running(self, source: Source, period: Period) -> None:
        run = self.start(source, period, self.now - 2 * HOUR)
        run.wait(HOUR, ["a.csv.gz", "b.csv.gz"])
        run.task("land", index=0, rendered_map_index="a.csv.gz")
        run.task("land", state="running", index=1, rendered_map_index="b.csv.gz")

    def late_pipeline(self, source: Source, period: Period) -> None:
        run = self.start(source, period, self.now - 30 * HOUR)
        run.wait(20 * HOUR, ["a.csv.gz"])
        run.task("land", index=0, rendered_map_index="a.csv.gz")
        run.task("stage", state="running", index=0, rendered_map_index="a.csv.gz", try_number=3)

    def needs_approval(self, source: Source, period: Period) -> None:
        run = self.arrive(source, period)
        run.stage(70_000, 0)
        run.xcom("check", {"report": report(run, 70_000, 0), "restatement": None}, "evidence")
        fields = {"reason": {"value": "", "schema": {"type": "string"}}}
        run.ask("check", f"{source.name} {period}: is this delivery right?", [LOAD, REFUSE], fields)

    def columns_changed(self, source: Source, period: Period) -> None:
        run = self.arrive(source, period)
        refusal = {
            "fields": {},
            "message": f"{source.name}: {HOSTILE_NAMES[0]}: a column is missing.",
            "proposal": f"proposed:\n  {HOSTILE_NAMES[0]} is zip5: name similarity 0.93\n--- a/include/schemas/x.sql",
        }
        run.ask("stage", f"{source.name} {period}: the vendor changed its columns", [STAGE_AGAIN, REFUSE_FILE], {}, 0)
        run.xcom("stage", refusal, "refusal", 0)

    def restated(self, source: Source, period: Period) -> None:
        self.usual(source, period)
        run = self.again(source, period, f"{source.name}_{period.key}_v2.csv.gz")
        run.stage(8_500, 0)
        replaced = self.rows.events[-1]["extra"]["rows_loaded"]
        run.load(8_500, files_replaced=1, rows_replaced=replaced, by="ana", reason="the vendor sent a correction")
        self.rows.notes.append({"dag_run_id": run.row["id"], "content": "Corrected file, see the mail of Tuesday"})

    def undone(self, source: Source, period: Period) -> None:
        self.usual(source, period)
        self._change(source, period, 0, "undo", "wrong file")

    def by_hand(self, source: Source, period: Period) -> None:
        self.late_vendor(source, period)
        self._change(source, period, 8_123, "load", "the file came by mail")

    def by_hand_without_a_run(self, source: Source, period: Period) -> None:
        self.held.setdefault(source.name, {})[period.key] = HeldPeriod(period=period.key, rows=812)

    def skipped(self, source: Source, period: Period) -> None:
        run = self.start(source, period)
        for step in STEPS:
            run.task(step, timedelta(), state="skipped")
        run.end()

    def already_loaded(self, source: Source, period: Period) -> None:
        run = self.arrive(source, period)
        run.stage(0, 0)
        for step in STEPS[STEPS.index("check") :]:
            run.task(step)
        run.end()
        self.held.setdefault(source.name, {})[period.key] = HeldPeriod(period=period.key, rows=8_000)

    def refused(self, source: Source, period: Period) -> None:
        run = self.arrive(source, period, HOSTILE_NAMES[:2])
        run.stage(4_000, 2_500)
        name = HOSTILE_NAMES[0]
        message = f"{source.name}: {name}: 2,500 of 6,500 records were rejected; expected at most 1%."
        counts = {"rows_read": 6_500, "rows_rejected": 2_500}
        todo = {"next_step": "ask the vendor for a corrected delivery", "clear": "await"}
        run.fail("check", "refused", "DeliveryRefusedError", message, file=name, counts=counts, **todo)

    def drift(self, source: Source, period: Period) -> None:
        run = self.arrive(source, period)
        run.task("land", index=0, rendered_map_index="a.csv.gz")
        message = f"{source.name}: a.csv.gz: the columns are not as declared; expected 24 columns, found 25."
        run.fail("stage", "refused", "ColumnsRefusedError", message, index=0, next_step="run ./gv drift")

    def failed(self, source: Source, period: Period) -> None:
        run = self.arrive(source, period)
        run.stage(5_000, 0)
        run.task("check")
        run.fail("commit", "error", "ServiceError", f"{source.name}: S3 Tables did not answer.")

    def host_key_changed(self, source: Source, period: Period) -> None:
        run = self.start(source, period, self.now - 3 * HOUR)
        message = f"{source.name}: the server's host key is not the pinned one (connection 'sftp_x')."
        run.fail("await", "error", "HostKeyChangedError", message)

    def late_vendor(self, source: Source, period: Period) -> None:
        run = self.start(source, period)
        run.at = max(run.at, _due(source.cadence, period, self.now))
        message = f"{source.name}: no complete delivery of {period} arrived in time."
        run.fail("await", "late", "DeliveryLateError", message, next_step="ask the vendor for the delivery")

    def unexplained(self, source: Source, period: Period) -> None:
        self.usual(source, period)

    def missing(self, source: Source, period: Period) -> None:
        pass

    def many_files(self, source: Source, period: Period) -> None:
        run = self.arrive(source, period, [f"AIQ_HH_part{number:03}.txt.gz" for number in range(300)], unit_files=50)
        run.stage(300_000, 0)
        run.load(300_000)

    def with_rejects(self, source: Source, period: Period) -> None:
        run = self.arrive(source, period)
        run.stage(290_000, 500)
        run.load(290_000, 500)

    def hostile_files(self, source: Source, period: Period) -> None:
        run = self.arrive(source, period, HOSTILE_NAMES)
        run.stage(1_000, 10)
        run.load(1_000, 10)

    def _load(self, source: Source, run: DeliveryRun) -> None:
        rows = int(1_000 * (1 + len(source.name)) * self.rows.chance.uniform(0.9, 1.1))
        rejects = 500 if self.rows.chance.random() < 0.05 else 0
        run.stage(rows, rejects)
        run.load(rows, rejects)

    def _change(self, source: Source, period: Period, rows: int, action: str, reason: str) -> None:
        """Let a person change the table with ./gv an hour after the newest run has ended."""
        at = self.rows.runs[-1]["end_date"] + HOUR
        held = HeldPeriod(period=period.key, rows=rows, action=action, at=at, by="ben", tool="gv", reason=reason)
        self.held.setdefault(source.name, {})[period.key] = held


def add_dags(session: Session, sources: Mapping[str, Source]) -> None:
    """Add the DAGs that Airflow does not know yet, without their tasks. Those that are declared paused are paused."""
    known = set(session.scalars(select(DagModel.dag_id)))
    session.merge(DagBundleModel(name="dags-folder"))
    session.flush()
    for dag_id in {*sources, "delivery_audit", "retention", "table_maintenance", "correct"} - known:
        session.add(DagModel(dag_id=dag_id, bundle_name="dags-folder", is_stale=False, fileloc=dag_id))
    session.flush()
    paused = [source.name for source in sources.values() if source.paused]
    session.execute(update(DagModel).values(is_paused=DagModel.dag_id.in_(paused)))


def _assets(session: Session, sources: Mapping[str, Source]) -> dict[str, int]:
    known: dict[str, int] = dict(session.execute(select(AssetModel.name, AssetModel.id)).all())
    for source in sources.values():
        if source.table not in known:
            asset = AssetModel(name=source.table, uri=source.table, group="table", extra={})
            session.add(asset)
            session.flush()
            known[source.table] = asset.id
    return {source.name: known[source.table] for source in sources.values()}


def _periods(source: Source, now: datetime, years: float) -> Iterator[Period]:
    """Yield the periods that something happened to, the newest first."""
    if source.name == "cml_nurse":
        return  # a source without any history
    first = (now - timedelta(days=365 * years)).date()
    period = source.cadence.latest_open(now)
    while period.first >= first:
        yield period
        for _ in range(24 if isinstance(source.cadence, OnDemand) else 1):
            period = source.cadence.before(period)


def _opens(cadence: Cadence, period: Period, now: datetime) -> datetime:
    return min(cadence.opens(period), now - 10 * MINUTE).astimezone(UTC)


def _due(cadence: Cadence, period: Period, now: datetime) -> datetime:
    return min(cadence.due(period), now - 5 * MINUTE).astimezone(UTC)


def _operations(rows: Rows, sources: Mapping[str, Source], now: datetime, unexplained: tuple[str, str]) -> None:
    """Add a day of audits, and a week of table maintenance in which one table fails."""
    reason = "the table holds rows of files that were never landed: x.csv"
    differs = {"state": "differs", "action": "report", "reason": reason, "run": None, "files": {"unexplained": 1}}
    for age in reversed(range(24)):
        run = rows.run("delivery_audit", None, now - age * HOUR - 30 * MINUTE, state="running")
        run.task("list")
        for index, source in enumerate(sources):
            found = {unexplained[1]: differs} if source == unexplained[0] else {}
            state = "failed" if found else "success"
            run.task("source", state=state, index=index, rendered_map_index=source)
            run.xcom("source", {source: found}, "audited", index)
        run.end("failed")
    for age in reversed(range(7)):
        run = rows.run("table_maintenance", None, now - age * 24 * HOUR - 5 * HOUR, state="running")
        run.task("list")
        for index, declared in enumerate(sources.values()):
            fails = declared.name == "ls_corp"
            result = {"source": declared.name, "table": declared.table, "changes": []}
            result["jobs"] = {"icebergCompaction": "Failed" if fails else "Successful"}
            result["messages"] = {"icebergCompaction": "out of memory"} if fails else {}
            state = "failed" if fails else "success"
            run.task("table", state=state, index=index, rendered_map_index=declared.table)
            run.xcom("table", result, "maintained", index)
            if fails:
                message = f"maintenance of {declared.table} failed: icebergCompaction (out of memory)."
                fields = {"step": "table", "kind": "ServiceError", "outcome": "error", "message": message}
                run.xcom("table", fields, "failure", index)
        run.end("failed")


def _corrections(rows: Rows, story: Story) -> None:
    """Add two corrections of the restated period: one that was refused, and one that waits for an approval."""
    source, period = story.examples["restated"]
    file = {"name": HOSTILE_NAMES[1], "sha256": f"{7:064x}", "rows_loaded": 8_500, "rows_rejected": 0, "staged_at": [1]}
    plan = {"source": source, "table": source, "period": period, "action": "undo", "files": [file]}
    plan |= {"staged": [], "report": None, "rejects": []}
    for refused in (True, False):
        at = story.now - (2 if refused else 1) * HOUR
        conf = {"source": source, "period": period, "action": "undo", "reason": "wrong month", "files": None}
        run = rows.run("correct", None, at, state="running", run_type="manual", conf=conf, triggering_user_name="ana")
        run.task("evidence")
        run.xcom("evidence", plan)
        if refused:
            run.task("approve", state="failed")
            fields = {"step": "approve", "kind": "DeliveryRefusedError", "outcome": "refused"}
            run.xcom("approve", fields | {"message": "ben refused the correction."}, "failure")
            run.end("failed")
        else:
            run.ask("approve", f"undo {source} {period}: is this right?", [DO_IT, REFUSE_CORRECTION], {})
        run.xcom("approve", plan, "shown")
