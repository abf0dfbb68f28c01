"""The files of a run: what each step of the delivery stored about them, put together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from growth_verticals.quality.report import CheckReport

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from growth_verticals.web.airflow_db import RunDetail, Step

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
    listed: Sequence[Mapping[str, Any]] = detail.value("await") or ()
    landed = detail.xcoms.get(("land", "return_value"), {})
    staged = detail.xcoms.get(("stage", "return_value"), {})
    committed = {file["sha256"]: file for file in (detail.value("commit") or {}).get("files", ())}
    steps = {(step.task_id, step.map_index): step for step in detail.steps}
    files = []
    for index, file in enumerate(listed):
        copy, rows = landed.get(index) or {}, staged.get(index) or {}
        result = committed.get(copy.get("sha256")) or {}
        counts: dict[str, Any] = {"rows_read": rows.get("rows_read"), "rows_rejected": rows.get("rows_rejected")}
        if result:
            names = ("rows_read", "rows_loaded", "rows_rejected", "rows_refused")
            counts = {name: result.get(name, 0) for name in names}
        land = steps.get(("land", index))
        files.append(
            FileOfRun(
                name=str(file.get("name", "")),
                size=copy.get("size", file.get("size")),
                modified=file.get("modified"),
                sha256=copy.get("sha256"),
                origin=file.get("uri"),
                landed=copy.get("uri"),
                landed_at=land.ended_at if land and copy else None,
                status=_status(copy, rows, result, land, steps.get(("stage", index))),
                **counts,
            )
        )
    return files


def _status(
    copy: Mapping[str, Any], rows: Mapping[str, Any], result: Mapping[str, Any], land: Step | None, stage: Step | None
) -> str:
    if result:
        return _WORDS.get(result["status"], str(result["status"]))
    for step, what in ((stage, "stage"), (land, "land")):
        if step and step.state == "failed":
            return f"{what} failed"
    if rows:
        return _WORDS.get(rows.get("status", ""), "staged")
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
