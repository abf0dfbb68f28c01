"""`make demo`: every source's sample delivery through a real Airflow into real tables, counted by another engine."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Console
from rich.live import Live
from rich.table import Table

from local import standin, vendors
from local.airflow import Airflow
from local.readback import read_table

if TYPE_CHECKING:
    from collections.abc import Iterable

    from local.settings import Settings
    from local.vendors import Sample

_POLL_S = 1.0
_WITHIN_S = 900.0
_WIDTH = 128
_AT_WORK = ("running", "deferred", "up_for_retry", "restarting", "failed")
#: The files are there already, so the wait need not look once a minute.
_HASTE = {"GV_POLL_INTERVAL_S": "8", "GV_RETRY_DELAY_S": "5"}


@dataclass
class Run:
    """One source's run, as far as it has come."""

    sample: Sample
    run_id: str
    paused: bool
    state: str = "queued"
    seconds: float = 0.0
    result: dict[str, Any] | None = None
    rows_in_table: int | None = None

    @property
    def over(self) -> bool:
        return self.state in ("success", "failed")

    def count(self, key: str) -> int:
        """Return a count over the delivery's files."""
        return sum(file[key] for file in self.result["files"]) if self.result else 0

    @property
    def already_loaded(self) -> bool:
        return self.result is not None and all(file["status"] == "already_loaded" for file in self.result["files"])

    @property
    def complaint(self) -> str | None:
        """What is wrong with this run, None when all is as the sample says."""
        good = self.sample.rows_read - self.sample.rows_rejected
        if self.state != "success" or self.result is None:
            return f"the run ended as {self.state}"
        if self.rows_in_table != good:
            return f"the table has {self.rows_in_table} rows of this period, the sample has {good}"
        if self.already_loaded:
            return None
        counts = (self.count("rows_read"), self.count("rows_loaded"), self.count("rows_rejected"))
        expected = (self.sample.rows_read, good, self.sample.rows_rejected)
        return None if counts == expected else f"read, loaded, rejected are {counts}, the sample says {expected}"


def demo(settings: Settings) -> int:
    """Run the demo. 0 when every run succeeded and every count is right, else 1; everything is left running."""
    console = Console(soft_wrap=True, highlight=False)
    started = time.monotonic()
    standin.up(settings)
    console.print(f"stand-in is up: S3 {settings.s3_endpoint}, Iceberg REST {settings.gateway}/iceberg")
    airflow = Airflow.from_environment()
    airflow.up(standin.environment(settings) | _HASTE)
    console.print(f"Airflow is up: {airflow.url} ({time.monotonic() - started:.0f} s)")
    samples = vendors.samples()
    for sample in samples.values():
        vendors.deliver(settings, sample)
        airflow.wait_for_dag(sample.source)
    runs = [trigger(airflow, sample) for sample in samples.values()]
    watch(airflow, runs, console)
    for run in runs:
        finish(airflow, settings, run)
    console.print(overview(runs))
    wrong = [f"{run.sample.source}: {run.complaint}" for run in runs if run.complaint]
    for line in wrong:
        console.print(f"[red]{line}[/red]")
    if not wrong and all(run.already_loaded for run in runs):
        console.print("Every delivery is already loaded: nothing was loaded again.")
    user, password = airflow.login
    console.print(
        f"{len(runs) - len(wrong)} of {len(runs)} sources are right, after {time.monotonic() - started:.0f} s.\n"
        f"Airflow: {airflow.url}  login: {user}  password: {password}   (make stop ends all of this)"
    )
    return 1 if wrong else 0


def trigger(airflow: Airflow, sample: Sample) -> Run:
    """Start the run of one sample's period; a paused DAG is unpaused for it."""
    paused = bool(airflow.api("GET", f"dags/{sample.source}")["is_paused"])
    if paused:
        pause(airflow, sample.source, paused=False)
    conf = {"files": sample.inbox_names} if sample.inbox_names else {}
    run_id = airflow.trigger(sample.source, partition_key=sample.period, conf=conf)
    return Run(sample=sample, run_id=run_id, paused=paused)


def pause(airflow: Airflow, dag_id: str, *, paused: bool) -> None:
    """Pause or unpause a DAG."""
    airflow.api("PATCH", f"dags/{dag_id}", json={"is_paused": paused})


def watch(airflow: Airflow, runs: list[Run], console: Console) -> None:
    """Wait until every run is over, showing how far each has come."""
    until = time.monotonic() + _WITHIN_S
    with Live(console=console, refresh_per_second=2, transient=True) as live:
        while not all(run.over for run in runs) and time.monotonic() < until:
            for run in [run for run in runs if not run.over]:
                look(airflow, run)
                if run.over:
                    console.print(f"{run.sample.source} {run.sample.period}: {run.state}, {run.seconds:.0f} s")
            live.update(progress(runs))
            time.sleep(_POLL_S)


def look(airflow: Airflow, run: Run) -> None:
    """See how far a run has come: while it runs, its state is the task it is at."""
    seen = airflow.api("GET", f"dags/{run.sample.source}/dagRuns/{run.run_id}")
    run.state, run.seconds = seen["state"], seen["duration"] or 0.0
    if run.state == "running":
        tasks = airflow.tasks(run.sample.source, run.run_id)
        at_work = [task["task_id"] for task in tasks if task["state"] in _AT_WORK]
        run.state = ", ".join(dict.fromkeys(at_work)) or "between tasks"


def finish(airflow: Airflow, settings: Settings, run: Run) -> None:
    """Fetch what the run loaded, count its rows with the other engine, and pause again what was paused."""
    if run.state == "success":
        run.result = airflow.result(run.sample.source, run.run_id, "commit")
    if run.result is not None:
        sql = f"SELECT count(*) FROM t WHERE delivery_period = '{run.sample.period}'"  # noqa: S608 - a sample's own
        run.rows_in_table = int(read_table(settings, run.result["table"], sql)[0][0])
    if run.paused:
        pause(airflow, run.sample.source, paused=True)


def progress(runs: Iterable[Run]) -> Table:
    """Return the display of the wait."""
    table = Table(box=None, pad_edge=False)
    for title in ("source", "period", "state", "seconds"):
        table.add_column(title)
    for run in runs:
        table.add_row(run.sample.source, run.sample.period, run.state, f"{run.seconds:.0f}")
    return table


def overview(runs: Iterable[Run]) -> Table:
    """Return the table that the demo ends with."""
    table = Table(
        title="What was loaded; the last column is counted by DuckDB",
        title_justify="left",
        box=box.SIMPLE,
        width=_WIDTH,
    )
    for title in ("source", "period"):
        table.add_column(title, no_wrap=True)
    for title in ("files", "read", "loaded", "rejected", "snapshot", "seconds", "rows in table"):
        table.add_column(title, justify="right", no_wrap=True)
    for run in runs:
        files = run.result["files"] if run.result else []
        snapshot = "already loaded" if run.already_loaded else str((run.result or {}).get("snapshot_id"))
        counts = [f"{run.count(key):,}" for key in ("rows_read", "rows_loaded", "rows_rejected")]
        table.add_row(
            run.sample.source, run.sample.period, str(len(files)), *counts, snapshot, f"{run.seconds:.0f}",
            "-" if run.rows_in_table is None else f"{run.rows_in_table:,}",
        )  # fmt: skip
    return table
