"""Rows for Airflow's database: runs of sources with their tasks, XComs, asset events and questions."""

from __future__ import annotations

import random
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from airflow.models import DagRun, TaskInstance
from airflow.models.asset import AssetEvent
from airflow.models.dagrun import DagRunNote
from airflow.models.hitl import HITLDetail
from airflow.models.xcom import XComModel
from sqlalchemy import insert
from sqlalchemy.orm import Session

from growth_verticals.operators.failures import STEPS

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
_REJECTS = (
    {"column": "birth_date", "reason": "not_a_date", "records": 411},
    {"column": "zip", "reason": "too_long", "records": 73},
    {"column": None, "reason": "wrong_number_of_fields", "records": 16},
)
#: How the task SDK stores a tuple.
_EMPTY_TUPLE = {"__classname__": "builtins.tuple", "__version__": 1, "__data__": []}


@dataclass
class Rows:
    """Rows for Airflow's tables, not yet inserted."""

    first_run_id: int
    log_template_id: int | None
    assets: Mapping[str, int]
    chance: random.Random
    runs: list[dict[str, Any]] = field(default_factory=list)
    tasks: list[dict[str, Any]] = field(default_factory=list)
    xcoms: list[dict[str, Any]] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    notes: list[dict[str, Any]] = field(default_factory=list)
    questions: list[dict[str, Any]] = field(default_factory=list)

    def run(self, dag_id: str, key: str | None, at: datetime, *, state: str, **values: Any) -> DeliveryRun:
        """Add a run without tasks."""
        kind = values.pop("run_type", "scheduled")
        run_id = f"{kind}__{key or at.isoformat()}__{len(self.runs)}"
        row = {
            "id": self.first_run_id + len(self.runs), "dag_id": dag_id, "run_id": run_id, "run_type": kind,
            "state": state, "queued_at": at, "start_date": None if state == "queued" else at + MINUTE / 30,
            "end_date": None, "run_after": at, "triggering_user_name": None, "conf": {}, "partition_key": key,
            "partition_date": None, "clear_number": 0, "log_template_id": self.log_template_id,
            "span_status": "not_started", **values,
        }  # fmt: skip
        self.runs.append(row)
        return DeliveryRun(self, row, at + MINUTE / 30)

    def insert(self, session: Session) -> None:
        """Insert all rows."""
        tables = (DagRun, TaskInstance, XComModel, AssetEvent, DagRunNote, HITLDetail)
        rows = (self.runs, self.tasks, self.xcoms, self.events, self.notes, self.questions)
        for table, its_rows in zip(tables, rows, strict=True):
            for start in range(0, len(its_rows), 5_000):
                session.execute(insert(table.__table__), its_rows[start : start + 5_000])


class DeliveryRun:
    """A run whose tasks are added in the order of the pipeline.

    :param at: when the next task starts.
    """

    def __init__(self, rows: Rows, run: dict[str, Any], at: datetime) -> None:
        self.rows, self.row, self.at = rows, run, at
        self.files: list[dict[str, Any]] = []
        self.unit_files = 1
        self.staged: list[dict[str, Any]] = []

    def task(
        self, task_id: str, took: timedelta = MINUTE, *, state: str = "success", index: int = -1, **values: Any
    ) -> Any:
        """Add a task instance, and return its row. The next one starts at its end, unless it is mapped."""
        has_ended = state in ("success", "failed", "upstream_failed", "skipped")
        row = {
            "id": uuid.uuid4(), "dag_id": self.row["dag_id"], "run_id": self.row["run_id"], "task_id": task_id,
            "map_index": index, "state": state, "start_date": None if state == "upstream_failed" else self.at,
            "end_date": self.at + took if has_ended else None, "duration": took.total_seconds(), "try_number": 1,
            "max_tries": 4, "pool": "default_pool", "pool_slots": 1, "queue": "default", "priority_weight": 1,
            "operator": task_id, "rendered_map_index": None, "span_status": "not_started", **values,
        }  # fmt: skip
        self.rows.tasks.append(row)
        if index == -1:
            self.at += took
        return row

    def xcom(self, task_id: str, value: Any, key: str = "return_value", index: int = -1) -> None:
        """Add an XCom of a task."""
        row = {"dag_run_id": self.row["id"], "dag_id": self.row["dag_id"], "run_id": self.row["run_id"]}
        row |= {"task_id": task_id, "map_index": index, "key": key, "value": value, "timestamp": self.at}
        self.rows.xcoms.append(row)

    def wait(self, took: timedelta, names: Sequence[str], *, unit_files: int = 1) -> None:
        """Add the task `await`, which finds these files, and groups so many into each unit."""
        self.task("await", took)
        place, modified = f"s3://vendor-drop/{self.row['dag_id']}", self.at.timestamp() - 600
        self.files = [
            {"name": name, "uri": f"{place}/{name}", "size": 1_000_000 + 7 * number, "modified": modified}
            for number, name in enumerate(names)
        ]
        sums = {"expected_sums": _EMPTY_TUPLE}
        self.unit_files = unit_files
        self.xcom(
            "await", [{**unit, "files": [file | sums for file in unit["files"]]} for unit in self._units(self.files)]
        )

    def stage(self, rows: int, rejects: int) -> None:
        """Add the tasks `land`, `plan` and `stage` for all files."""
        landed = [
            {
                "name": file["name"], "size": file["size"], "uri": f"s3://landing/{file['name']}",
                "sha256": f"{self.row['id']:032x}{index:032x}", "origin": file["uri"], "etag": '"0"',
            }
            for index, file in enumerate(self.files)
        ]  # fmt: skip
        self.staged = [_staged(file, index, len(landed), rows, rejects) for index, file in enumerate(landed)]
        planned = self._units(landed)
        for step, took, files in (("land", 3 * MINUTE, landed), ("stage", 9 * MINUTE, self.staged)):
            for index, unit in enumerate(planned):
                self.task(step, took, index=index, rendered_map_index=unit["title"][:250])
                first = index * self.unit_files
                self.xcom(step, files[first : first + self.unit_files], index=index)
            self.at += took
            if step == "land":
                self.task("plan")
                self.xcom("plan", [{**unit, "piece": None} for unit in planned])

    def _units(self, files: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Return the files in units, which have the name of their only file, or the numbers of their files as title."""
        units, size = [], self.unit_files
        for start in range(0, len(files), size):
            members = list(files[start : start + size])
            numbers = f"files {start + 1:,}-{start + len(members):,} of {len(files):,}"
            units.append({"title": members[0]["name"] if size == 1 else numbers, "files": members})
        return units

    def fail(self, step: str, outcome: str, kind: str, message: str, *, index: int = -1, **failure: Any) -> None:
        """End the run: a task fails with a `Failure`, and those after it do not run."""
        self.task(step, 2 * MINUTE, state="failed", index=index)
        fields = {"step": step, "outcome": outcome, "kind": kind, "message": message, "next_step": None, "clear": step}
        self.xcom(step, {**fields, "counts": {}, "file": None, **failure}, "failure", index=index)
        for later in STEPS[STEPS.index(step) + 1 :]:
            self.task(later, timedelta(), state="upstream_failed")
        self.end("failed")

    def end(self, state: str = "success") -> None:
        """End the run."""
        self.row |= {"state": state, "end_date": self.at}

    def load(self, rows: int, rejects: int = 0, **counts: Any) -> None:
        """Add the tasks from `check` on, and the asset event of the load; end the run."""
        source, period = self.row["dag_id"], self.row["partition_key"]
        self.task("check")
        self.xcom("check", {"report": report(self, rows, rejects), "answer": None})
        self.task("commit")
        extra = {
            "source": source, "period": period, "snapshot_id": str(2**60 + self.row["id"]), "files": len(self.files),
            "rows_read": rows + rejects, "rows_loaded": rows, "rows_rejected": rejects,
            "rejects": _rejects(rejects), **counts,
        }  # fmt: skip
        event = {
            "asset_id": self.rows.assets[source], "extra": extra, "source_task_id": "commit", "source_dag_id": source,
            "source_run_id": self.row["run_id"], "source_map_index": -1, "timestamp": self.at, "partition_key": period,
        }  # fmt: skip
        self.rows.events.append(event)
        self.xcom("commit", {**extra, "table": source, "files": [_committed(file) for file in self.staged]})
        self.task("maintain")
        self.end()

    def ask(
        self, task_id: str, subject: str, options: Sequence[str], fields: Mapping[str, Any], index: int = -1
    ) -> None:
        """Let a task wait for a person."""
        row = self.task(task_id, state="awaiting_input", index=index)
        question = {
            "ti_id": row["id"], "options": list(options), "subject": subject, "body": f"**{subject}**",
            "defaults": None, "multiple": False, "params": fields, "assignees": None, "created_at": self.at,
            "params_input": {},
        }  # fmt: skip
        self.rows.questions.append(question)


def report(run: DeliveryRun, rows: int, rejects: int) -> dict[str, Any]:
    """Return a `CheckReport` about the run's files as a mapping."""
    return {
        "source": run.row["dag_id"], "table": run.row["dag_id"], "period": run.row["partition_key"], "files": [],
        "is_pending": True, "rows": rows, "rows_rejected": rejects, "rows_present": 0, "period_before": None,
        "rows_before": None, "columns": [], "rejects": _rejects(rejects), "outcome": "warn",
        "findings": [{"check": "rows", "outcome": "warn", "expected": "100,000", "found": f"{rows:,}", "columns": []}],
    }  # fmt: skip


def _staged(landed: Mapping[str, Any], index: int, files: int, rows: int, rejects: int) -> dict[str, Any]:
    valid, bad = (total // files + (index < total % files) for total in (rows, rejects))
    counts = {"rows_read": valid + bad, "rows_valid": valid, "rows_rejected": bad, "staged_at": 1}
    status = "staged" if rows or rejects else "already_loaded"
    same = {name: landed[name] for name in ("name", "sha256")}
    return {**same, "status": status, "manifest": None, "rejects_manifest": None, **counts}


def _committed(staged: Mapping[str, Any]) -> dict[str, Any]:
    same = {name: staged[name] for name in ("name", "sha256", "rows_read", "rows_rejected")}
    return {**same, "status": "loaded", "rows_loaded": staged["rows_valid"], "rows_refused": 0}


def _rejects(rejects: int) -> list[dict[str, Any]]:
    if rejects == 500:
        return [dict(each) for each in _REJECTS]
    return [{"column": None, "reason": "empty_record", "records": rejects}] if rejects else []
