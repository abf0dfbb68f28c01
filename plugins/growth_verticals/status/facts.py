"""The facts that a delivery's state is made from: names, counts and times of JSON types, never a row's value."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

#: `late`: the vendor's delivery did not arrive in time. `refused`: it arrived, and is not accepted. `error`: the
#: failure is on our side (a service, a setting, a bug).
Outcome = Literal["late", "refused", "error"]


@dataclass(frozen=True, kw_only=True)
class Failure:
    """Why a task failed, as it stored it in XCom under `failure`.

    :param step: the task's id.
    :param kind: name of the exception's class.
    :param message: one sentence with the cause, without the next step.
    :param next_step: what a person should do.
    :param clear: the task to clear when that is done; None if clearing a task does not help.
    :param counts: numbers that belong to the cause, such as `rows_read` and `rows_rejected`.
    :param file: the file's name, if the cause is about one.
    """

    step: str
    kind: str
    outcome: Outcome
    message: str
    next_step: str | None = None
    clear: str | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    file: str | None = None


@dataclass(frozen=True, kw_only=True)
class RejectCount:
    """Rejected records with one fault. `column` is None if the record as a whole is wrong."""

    column: str | None
    reason: str
    records: int


@dataclass(frozen=True, kw_only=True)
class LoadCounts:
    """What a run loaded, as its asset event says.

    :param snapshot_id: decimal digits in text, because it can exceed 2^53.
    :param files_replaced, rows_replaced: what left the table in a restatement.
    :param rejects: by column and reason, the largest first.
    :param by, reason: who approved it, and why; None if nobody was asked.
    """

    snapshot_id: str | None
    files: int
    rows_read: int
    rows_loaded: int
    rows_rejected: int
    files_replaced: int = 0
    rows_replaced: int = 0
    files_without_rows: int = 0
    rejects: tuple[RejectCount, ...] = ()
    by: str | None = None
    reason: str | None = None


@dataclass(frozen=True, kw_only=True)
class RunFacts:
    """A run of a source's DAG. Times are timezone-aware, UTC.

    :param state: `queued`, `running`, `success` or `failed`.
    :param kind: Airflow's run type: `scheduled`, `manual`, `backfill`, …
    :param started_by: the user who started it; None for the schedule.
    :param for_files: whether a person started it for single files.
    :param step: the task that is active, or that failed; None if the run is queued or has succeeded.
    :param arrived_at: when the task `await` found the delivery complete; None if it did not (yet).
    :param committed: whether the task `commit` succeeded, and when; `committed_at` is None if the run has no event.
    :param needs_answer: whether a required action waits for a person.
    :param load: None if the run added nothing to the table.
    """

    source: str
    run_id: str
    period: str
    state: str
    kind: str
    queued_at: datetime
    started_at: datetime | None = None
    ended_at: datetime | None = None
    started_by: str | None = None
    note: str | None = None
    for_files: bool = False
    step: str | None = None
    arrived_at: datetime | None = None
    committed: bool = False
    committed_at: datetime | None = None
    needs_answer: bool = False
    failure: Failure | None = None
    load: LoadCounts | None = None

    @property
    def is_active(self) -> bool:
        return self.state in ("queued", "running")


@dataclass(frozen=True, kw_only=True)
class HeldPeriod:
    """What a source's table holds for a period now, and the newest change to it that its snapshots still tell.

    :param rows: 0 if an undo removed them all.
    :param action: `load`, `replay`, `undo`, `reload`, `replace`, `replace_period` or `add`; None if no snapshot tells.
    :param tool: `airflow` or `gv`.
    """

    period: str
    rows: int
    action: str | None = None
    at: datetime | None = None
    by: str | None = None
    tool: str | None = None
    reason: str | None = None


@dataclass(frozen=True, kw_only=True)
class AuditFacts:
    """What the newest audit says about a period: `AuditedPeriod.state`, and what it did (`Decision`).

    :param run_id: of the run that it started or waits for.
    :param files: state of a file → how many files have it.
    :param at: when that audit ended; None if it is not known.
    """

    state: str
    action: str
    reason: str
    run_id: str | None = None
    files: Mapping[str, int] = field(default_factory=dict)
    at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class MaintenanceFacts:
    """The newest result of the DAG `table_maintenance` for a table.

    :param source: None if no source declares the table.
    :param failed: why it failed, one sentence; None if it succeeded.
    :param jobs: type of job → status, as AWS says it; `messages`: what AWS says about it.
    :param changes: settings that were applied.
    """

    table: str
    source: str | None
    at: datetime
    failed: str | None = None
    next_step: str | None = None
    run_id: str | None = None
    jobs: Mapping[str, str] = field(default_factory=dict)
    messages: Mapping[str, str] = field(default_factory=dict)
    changes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Step:
    """A task instance of a run.

    :param map_index: -1 for a task that is not mapped.
    :param state: Airflow's; None if it is not scheduled yet.
    :param tries: how often it was started.
    :param seconds: from the last start to the end, or until now; None if it has not started.
    :param name: of a mapped one: its unit's title.
    """

    task_id: str
    map_index: int
    state: str | None
    tries: int
    started_at: datetime | None
    ended_at: datetime | None
    seconds: float | None
    name: str | None


@dataclass(frozen=True, kw_only=True)
class RunDetail:
    """All that the page of a delivery needs of one run.

    :param steps: in the order of the pipeline, those of a mapped task by map index.
    :param xcoms: (task id, key) → map index → value, of JSON types. `("land", "return_value")[0]` is the first
        unit's.
    """

    run: RunFacts
    steps: tuple[Step, ...]
    xcoms: Mapping[tuple[str, str], Mapping[int, Any]]

    def value(self, task_id: str, key: str = "return_value") -> Any:
        """Return the XCom of a task that is not mapped; None if there is none."""
        return self.xcoms.get((task_id, key), {}).get(-1)

    def values(self, task_id: str, key: str = "return_value") -> list[Any]:
        """Return the XComs of a mapped task in the order of its map indexes."""
        return [value for _, value in sorted(self.xcoms.get((task_id, key), {}).items())]


def failure_from_json(values: Mapping[str, Any]) -> Failure:
    """Return the failure that a task stored; unknown fields are ignored."""
    known = {name: values[name] for name in Failure.__dataclass_fields__ if name in values}
    return Failure(**known)


_COUNTS = tuple(name for name in LoadCounts.__dataclass_fields__ if name != "rejects")


def load_from_json(extra: Mapping[str, Any]) -> LoadCounts:
    """Return the counts in an asset event's `extra`; fields that an older version did not write have their default."""
    rejects = tuple(RejectCount(**each) for each in extra.get("rejects") or ())
    known = {name: extra[name] for name in _COUNTS if name in extra}
    return LoadCounts(**{"snapshot_id": None, "files": 0, **known}, rejects=rejects)


def time_to_json(at: datetime | None) -> str | None:
    """Return a timezone-aware time in ISO 8601, UTC."""
    return at.astimezone(UTC).isoformat() if at else None


def time_from_json(text: str | None) -> datetime | None:
    """Return the time that `time_to_json` returned."""
    return datetime.fromisoformat(text) if text else None
