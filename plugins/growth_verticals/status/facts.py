"""The facts that a delivery's state is made from: names, counts and times of JSON types, never a row's value."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

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
    :param committed: whether the task `commit` succeeded.
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
    """What the newest audit says about a period: `AuditedPeriod.state`, and what it did (`Decision`)."""

    state: str
    action: str
    reason: str


def failure_from_json(values: Mapping[str, Any]) -> Failure:
    """Return the failure that a task stored; unknown fields are ignored."""
    known = {name: values[name] for name in Failure.__dataclass_fields__ if name in values}
    return Failure(**known)


def load_from_json(extra: Mapping[str, Any]) -> LoadCounts:
    """Return the counts in an asset event's `extra`; fields that an older version did not write have their default."""
    rejects = tuple(RejectCount(**each) for each in extra.get("rejects") or ())
    names = set(LoadCounts.__dataclass_fields__) - {"rejects"}
    known = {name: extra[name] for name in names if name in extra}
    return LoadCounts(**{"snapshot_id": None, "files": 0, **known}, rejects=rejects)
