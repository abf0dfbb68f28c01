"""The files of a run: what each step of the delivery stored about them, put together."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from growth_verticals.quality.report import CheckReport

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from growth_verticals.web.airflow_db import RunDetail

_COUNTS = ("rows_read", "rows_rejected")
_WORDS = {"empty": "no rows", "already_loaded": "already loaded"}


@dataclass(frozen=True, kw_only=True)
class FileOfRun:
    """A file, as far as the run has come with it. Counts are None until it is staged.

    :param modified: at its origin, seconds since 1970.
    :param origin, landed: URIs of the file at its origin, and of its landed copy.
    :param rows_loaded: None until the commit.
    :param status: one or two words.
    """

    name: str
    size: int | None = None
    modified: float | None = None
    sha256: str | None = None
    origin: str | None = None
    landed: str | None = None
    landed_at: datetime | None = None
    rows_read: int | None = None
    rows_loaded: int | None = None
    rows_rejected: int | None = None
    rows_refused: int = 0
    status: str

    @property
    def adds_up(self) -> bool:
        """Whether read = loaded + rejected + refused, of a file that the commit has counted."""
        if self.rows_loaded is None:
            return True
        return self.rows_read == self.rows_loaded + (self.rows_rejected or 0) + self.rows_refused


def files_of_run(detail: RunDetail) -> list[FileOfRun]:
    """Return the files in the order in which they were listed. Empty until the delivery has arrived."""
    landed = detail.xcoms.get(("land", "return_value"), {})
    staged = _staged(detail)
    committed = {file["sha256"]: file for file in (detail.value("commit") or {}).get("files", ())}
    ended_at = {step.map_index: step.ended_at for step in detail.steps if step.task_id == "land"}
    failed = {task_id: _failed(detail, task_id) for task_id in ("land", "stage")}
    files = []
    for index, unit in enumerate(detail.value("await") or ()):
        listed = _files(unit)
        copies = {file.get("name"): file for file in _files(landed.get(index))}
        for file in listed:
            copy = copies.get(file.get("name"), {})
            row = staged.get(_key(copy)) or _StagedRow()
            result = committed.get(copy.get("sha256")) or {}
            counts: dict[str, Any] = {name: row.counts.get(name) for name in _COUNTS}
            if result:
                names = ("rows_read", "rows_loaded", "rows_rejected", "rows_refused")
                counts = {name: result.get(name, 0) for name in names}
            name = str(file.get("name", ""))
            of_units = (("stage", row.units), ("land", (index,)))
            fails = [task for task, units in of_units if any(failed[task](unit, name) for unit in units)]
            files.append(
                FileOfRun(
                    name=name,
                    size=copy.get("size", file.get("size")),
                    modified=file.get("modified"),
                    sha256=copy.get("sha256"),
                    origin=file.get("uri"),
                    landed=copy.get("uri"),
                    landed_at=ended_at.get(index) if copy else None,
                    status=_status(copy, row.counts, result, fails),
                    **counts,
                )
            )
    return files


@dataclass(frozen=True)
class _StagedRow:
    """What is known of the staging of a file: the map indexes of its units, and its `StagedFile` when it is staged.

    A file that is staged in pieces has several units. Its counts are those of the pieces that are staged.
    """

    units: tuple[int, ...] = ()
    counts: Mapping[str, Any] = field(default_factory=dict)

    def with_unit(self, index: int, staged: Mapping[str, Any]) -> _StagedRow:
        """Return the row with what was staged in one more unit."""
        sums = {name: self.counts.get(name, 0) + staged[name] for name in _COUNTS if name in staged}
        return _StagedRow((*self.units, index), {**self.counts, **staged, **sums})


def _files(value: Any) -> list[Mapping[str, Any]]:
    """Return the files in an XCom: a unit, or what was made of one. Before there were units, each was one file."""
    if isinstance(value, dict):
        value = value.get("files", [value])
    return list(value or ())


def _key(file: Mapping[str, Any]) -> tuple[Any, Any]:
    return file.get("name"), file.get("sha256")


def _staged(detail: RunDetail) -> dict[tuple[Any, Any], _StagedRow]:
    """Return (name, sha256) → how far the staging of each landed file has come."""
    results = detail.xcoms.get(("stage", "return_value"), {})
    units = detail.value("plan")
    if units is None:
        units = list(results.values())
    rows: dict[tuple[Any, Any], _StagedRow] = {}
    for index, unit in enumerate(units):
        counts = {_key(file): file for file in _files(results.get(index))}
        for key in map(_key, _files(unit)):
            rows[key] = rows.get(key, _StagedRow()).with_unit(index, counts.get(key, {}))
    return rows


def _failed(detail: RunDetail, task_id: str) -> Callable[[int, str], bool]:
    """Return what tells whether a task failed because of a file: the one that its failure names, or all of its unit."""
    units = {step.map_index for step in detail.steps if step.task_id == task_id and step.state == "failed"}
    failures = detail.xcoms.get((task_id, "failure"), {})
    causes = {index: (failures.get(index) or {}).get("file") for index in units}

    def failed(index: int, name: str) -> bool:
        cause = causes.get(index)
        is_cause = cause is None or cause == name or cause.startswith(f"{name}!")  # a member of an archive
        return index in units and is_cause

    return failed


def _status(copy: Mapping[str, Any], row: Mapping[str, Any], result: Mapping[str, Any], failed: Sequence[str]) -> str:
    if result:
        return _WORDS.get(result["status"], str(result["status"]))
    if failed:
        return f"{failed[0]} failed"
    if row:
        return _WORDS.get(row.get("status", ""), "staged")
    return "landed" if copy else "listed"


def check_report(detail: RunDetail) -> CheckReport | None:
    """Return the report of the run's checks, also while a person is asked about it; None if there is none."""
    stored = detail.value("check") or detail.value("check", "evidence") or {}
    return read_report(stored.get("report"))


def read_report(stored: Any) -> CheckReport | None:
    """Return a stored report; None if there is none, or if an older version of this code stored another kind."""
    try:
        return CheckReport.from_json(stored) if stored else None
    except (KeyError, TypeError):
        return None
