"""`make demo`: load every source's sample through a real Airflow into real tables, and count the rows with DuckDB.

Then it starts what a team also meets: a late vendor, a refused file, an approval (`local/history.py`).
"""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Console
from rich.live import Live
from rich.table import Table

from local import history, standin, vendors
from local.airflow import Airflow
from local.readback import read_table
from local.settings import HOST

if TYPE_CHECKING:
    from collections.abc import Iterable

    from local.airflow_client import AirflowClient
    from local.history import Scene
    from local.settings import Settings
    from local.vendors import Sample

_POLL_S = 1.0
_TIMEOUT_S = 900.0
_SCENES_WITHIN_S = 300.0
_TABLE_WIDTH = 128
_ACTIVE_STATES = ("running", "deferred", "up_for_retry", "restarting", "failed")
#: Shorter than the defaults, because the demo's files are delivered before the runs start.
_INTERVALS = {"GV_POLL_INTERVAL_S": "8", "GV_RETRY_DELAY_S": "5", "GV_MAX_QUIET_S": "8", "GV_MIN_WAIT_S": "30"}


@dataclass
class Run:
    """One source's run, and its current state.

    :param paused: whether its DAG was paused, so that it must be paused again after the run.
    :param state: Airflow's state of the run. While it is running: the ids of its active tasks.
    :param result: the return value of the task `commit`.
    """

    sample: Sample
    run_id: str
    paused: bool
    state: str = "queued"
    seconds: float = 0.0
    result: dict[str, Any] | None = None
    rows_in_table: int | None = None

    @property
    def has_ended(self) -> bool:
        return self.state in ("success", "failed")

    def total(self, key: str) -> int:
        """Return the sum of a count over the delivery's files."""
        return sum(file[key] for file in self.result["files"]) if self.result else 0

    @property
    def already_loaded(self) -> bool:
        return self.result is not None and all(file["status"] == "already_loaded" for file in self.result["files"])

    @property
    def problem(self) -> str | None:
        """The difference from the sample's expected counts, or the state of a run that failed; None if all is right."""
        valid = self.sample.rows_read - self.sample.rows_rejected
        if self.state != "success" or self.result is None:
            return f"the run ended in state {self.state}"
        if self.rows_in_table != valid:
            return f"the table has {self.rows_in_table} rows for this period, expected {valid}"
        if self.already_loaded:
            return None
        counts = (self.total("rows_read"), self.total("rows_loaded"), self.total("rows_rejected"))
        expected = (self.sample.rows_read, valid, self.sample.rows_rejected)
        return None if counts == expected else f"rows read, loaded, rejected: {counts}, expected {expected}"


def demo(settings: Settings) -> int:
    """Run the demo. Return 0 if every run succeeded and every count is right, else 1. Leave everything running."""
    console = Console(soft_wrap=True, highlight=False)
    started = time.monotonic()
    standin.up(settings)
    console.print(f"stand-in is up: S3 {settings.s3_endpoint}, Iceberg REST {settings.gateway_url}/iceberg")
    airflow = Airflow.from_environment()
    airflow.up(standin.environment(settings) | _INTERVALS)
    console.print(f"Airflow is up: {airflow.url} ({time.monotonic() - started:.0f} s)")
    return _load(settings, airflow, console, started, airflow.url)


def demo_elsewhere(settings: Settings, airflow: AirflowClient, host: str) -> int:
    """Run the demo through an Airflow that runs elsewhere, as in `docker-compose.yaml`. Return as `demo` does.

    :param host: the name under which Airflow's workers reach the stand-in, which `./gv local serve` runs.
    """
    put_connections(airflow, settings, host)
    console = Console(soft_wrap=True, highlight=False)
    return _load(settings, airflow, console, time.monotonic(), os.environ.get("AIRFLOW_URL") or airflow.url)


def put_connections(airflow: AirflowClient, settings: Settings, host: str) -> None:
    """Create or replace the connections to the stand-in's account and vendors in Airflow's database."""
    connections = []
    for name, text in standin.environment(settings).items():
        if name.startswith("AIRFLOW_CONN_"):
            connection = json.loads(text.replace(HOST, host))
            connection["extra"] = json.dumps(connection["extra"])
            connections.append({"connection_id": name.removeprefix("AIRFLOW_CONN_").lower(), **connection})
    action = {"action": "create", "action_on_existence": "overwrite", "entities": connections}
    airflow.api("PATCH", "connections", json={"actions": [action]})


def _load(settings: Settings, airflow: AirflowClient, console: Console, started: float, pages_url: str) -> int:
    samples = vendors.samples()
    for sample in samples.values():
        vendors.deliver(settings, sample)
        airflow.wait_for_dag(sample.source)
    earlier = history.start_earlier_periods(settings, airflow, samples)
    runs = [start_run(airflow, sample) for sample in samples.values()]
    wait_for_runs(airflow, runs, console)
    for run in runs:
        complete_run(airflow, settings, run)
    unexpected = wait_for_scenes(airflow, earlier)
    exceptions = history.start_exceptions(settings, airflow, samples)
    history.load_by_hand(settings, samples)
    unexpected += wait_for_scenes(airflow, exceptions)
    console.print(result_table(runs))
    problems = [f"{run.sample.source}: {run.problem}" for run in runs if run.problem]
    for line in problems:
        console.print(f"[red]{line}[/red]")
    if not problems and all(run.already_loaded for run in runs):
        console.print("Every delivery was already loaded, so nothing was loaded again.")
    for line in unexpected:
        console.print(f"[red]{line}[/red]")
    console.print(
        f"{len(runs) - len(problems)} of {len(runs)} sources are right, after {time.monotonic() - started:.0f} s.\n"
        "The pages also show earlier periods, a load by hand, a late vendor, a refused file, and a corrected file\n"
        f"that waits for your approval: {pages_url}/plugin/deliveries\n"
        f"{_farewell(airflow)}"
    )
    return 1 if problems or unexpected else 0


def _farewell(airflow: AirflowClient) -> str:
    user, password = airflow.login
    if isinstance(airflow, Airflow):
        return f"Airflow: {airflow.url}  login: {user}  password: {password}   (make stop stops everything)"
    return f"Airflow's login: {user}, with the password ADMIN_PASSWORD in .env"


def start_run(airflow: AirflowClient, sample: Sample) -> Run:
    """Start a run for the sample's period. Unpause its DAG if it is paused."""
    paused = bool(airflow.api("GET", f"dags/{sample.source}")["is_paused"])
    if paused:
        set_paused(airflow, sample.source, paused=False)
    conf = {"files": sample.inbox_names} if sample.inbox_names else {}
    run_id = airflow.trigger(sample.source, partition_key=sample.period, conf=conf)
    return Run(sample=sample, run_id=run_id, paused=paused)


def set_paused(airflow: AirflowClient, dag_id: str, *, paused: bool) -> None:
    """Pause or unpause a DAG."""
    airflow.api("PATCH", f"dags/{dag_id}", json={"is_paused": paused})


def wait_for_runs(airflow: AirflowClient, runs: list[Run], console: Console) -> None:
    """Wait until every run has ended, or for 15 minutes. Show the progress of each."""
    deadline = time.monotonic() + _TIMEOUT_S
    with Live(console=console, refresh_per_second=2, transient=True) as live:
        while not all(run.has_ended for run in runs) and time.monotonic() < deadline:
            for run in [run for run in runs if not run.has_ended]:
                update_state(airflow, run)
                if run.has_ended:
                    console.print(f"{run.sample.source} {run.sample.period}: {run.state}, {run.seconds:.0f} s")
            live.update(progress_table(runs))
            time.sleep(_POLL_S)


def wait_for_scenes(airflow: AirflowClient, scenes: Iterable[Scene]) -> list[str]:
    """Wait until the new runs have their expected state, or 5 minutes. Return a text for each that does not have it."""
    waiting = {scene: "queued" for scene in scenes if scene.is_new}
    deadline = time.monotonic() + _SCENES_WITHIN_S
    while waiting and time.monotonic() < deadline:
        time.sleep(_POLL_S)
        waiting = {scene: state_of(airflow, scene) for scene in waiting}
        waiting = {scene: state for scene, state in waiting.items() if state != scene.expected}
        if all(state in ("success", "failed") for state in waiting.values()):
            break
    return [
        f"{scene.source} {scene.period}: the run {scene.run_id} is {state}, not {scene.expected}"
        for scene, state in waiting.items()
    ]


def state_of(airflow: AirflowClient, scene: Scene) -> str:
    """Return the run's state; `awaiting_input` while one of its tasks waits for a person."""
    state = str(airflow.api("GET", f"dags/{scene.source}/dagRuns/{scene.run_id}")["state"])
    tasks = airflow.tasks(scene.source, scene.run_id) if state == "running" else []
    return "awaiting_input" if any(task["state"] == "awaiting_input" for task in tasks) else state


def update_state(airflow: AirflowClient, run: Run) -> None:
    """Request a run's current state and duration from Airflow."""
    dag_run = airflow.api("GET", f"dags/{run.sample.source}/dagRuns/{run.run_id}")
    run.state, run.seconds = dag_run["state"], dag_run["duration"] or 0.0
    if run.state == "running":
        tasks = airflow.tasks(run.sample.source, run.run_id)
        active = [task["task_id"] for task in tasks if task["state"] in _ACTIVE_STATES]
        run.state = ", ".join(dict.fromkeys(active)) or "between tasks"


def complete_run(airflow: AirflowClient, settings: Settings, run: Run) -> None:
    """Add the run's result and the row count from DuckDB. Pause the DAG again if it was paused before."""
    if run.state == "success":
        run.result = airflow.result(run.sample.source, run.run_id, "commit")
    if run.result is not None:
        sql = f"SELECT count(*) FROM t WHERE delivery_period = '{run.sample.period}'"  # noqa: S608 - from our sample
        run.rows_in_table = int(read_table(settings, run.result["table"], sql)[0][0])
    if run.paused:
        set_paused(airflow, run.sample.source, paused=True)


def progress_table(runs: Iterable[Run]) -> Table:
    """Return the table that is shown during the wait."""
    table = Table(box=None, pad_edge=False)
    for title in ("source", "period", "state", "seconds"):
        table.add_column(title)
    for run in runs:
        table.add_row(run.sample.source, run.sample.period, run.state, f"{run.seconds:.0f}")
    return table


def result_table(runs: Iterable[Run]) -> Table:
    """Return the table that is printed at the end."""
    table = Table(
        title="Loaded deliveries. DuckDB counted the last column",
        title_justify="left",
        box=box.SIMPLE,
        width=_TABLE_WIDTH,
    )
    for title in ("source", "period"):
        table.add_column(title, no_wrap=True)
    for title in ("files", "read", "loaded", "rejected", "snapshot", "seconds", "rows in table"):
        table.add_column(title, justify="right", no_wrap=True)
    for run in runs:
        files = run.result["files"] if run.result else []
        snapshot = "already loaded" if run.already_loaded else str((run.result or {}).get("snapshot_id"))
        counts = [f"{run.total(key):,}" for key in ("rows_read", "rows_loaded", "rows_rejected")]
        table.add_row(
            run.sample.source, run.sample.period, str(len(files)), *counts, snapshot, f"{run.seconds:.0f}",
            "-" if run.rows_in_table is None else f"{run.rows_in_table:,}",
        )  # fmt: skip
    return table
