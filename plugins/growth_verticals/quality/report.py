"""The report of a delivery's checks, and whether it lets the delivery be committed.

Everything is made of JSON types, names and counts: a report is passed through XCom, shown to people and stored.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

from growth_verticals.errors import DeliveryRefusedError

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Mapping, Sequence

    from growth_verticals.delivery import Answer, StagedFile
    from growth_verticals.tables.rejected import Fault

#: What a check found, from best to worst. `info`: the check cannot say, for example without earlier periods.
FindingOutcome = Literal["pass", "info", "warn", "ask", "refuse"]
OUTCOMES: tuple[FindingOutcome, ...] = ("pass", "info", "warn", "ask", "refuse")


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What one check found. `expected` and `found` contain numbers and names, never a value of a row.

    :param check: the check's label, such as "rows against earlier periods".
    :param columns: the columns that the finding is about.
    """

    check: str
    outcome: FindingOutcome
    expected: str
    found: str
    columns: tuple[str, ...] = ()

    def sentence(self) -> str:
        """Return the finding as one line: `rows: expected at least 100, found 7`."""
        return f"{self.check}: expected {self.expected}, found {self.found}"


@dataclass(frozen=True, kw_only=True)
class CheckedFile:
    """A file of the delivery. `status` is that of its `StagedFile`; `staged_at` names its staging."""

    name: str
    sha256: str
    status: str
    rows_read: int
    rows_valid: int
    rows_rejected: int
    staged_at: int


@dataclass(frozen=True, kw_only=True)
class ColumnChange:
    """A column's share of NULL in the period after the load, and in the period before it, 0 to 1. None: not known."""

    column: str
    null_share: float | None
    null_share_before: float | None


@dataclass(frozen=True, kw_only=True)
class RejectedCount:
    """Rejected records that have a fault. `column` is None if the record as a whole is wrong."""

    column: str | None
    reason: str
    records: int


def rejected_counts(faults: Counter[Fault]) -> list[RejectedCount]:
    """Return the numbers of records by fault, the largest first."""
    return [
        RejectedCount(column=fault.column, reason=fault.reason, records=records)
        for fault, records in faults.most_common()
    ]


@dataclass(frozen=True, kw_only=True)
class CheckReport:
    """What is known about a delivery before it is committed.

    :param is_pending: whether there is something to commit. If the table holds all files, nothing is checked.
    :param rows: valid rows that the commit would add.
    :param rows_present: rows that the table holds for the period and keeps.
    :param period_before, rows_before: the newest earlier period, and its rows. None if there is none.
    """

    source: str
    table: str
    period: str
    files: tuple[CheckedFile, ...]
    is_pending: bool
    rows: int
    rows_rejected: int
    rows_present: int
    period_before: str | None
    rows_before: int | None
    columns: tuple[ColumnChange, ...]
    rejects: tuple[RejectedCount, ...]
    findings: tuple[Finding, ...]

    @property
    def outcome(self) -> FindingOutcome:
        """The worst outcome of all findings; `pass` without findings."""
        return max((finding.outcome for finding in self.findings), key=OUTCOMES.index, default="pass")

    @property
    def counts(self) -> dict[str, int]:
        """The numbers of records of the delivery's files."""
        return {
            "rows_read": sum(file.rows_read for file in self.files),
            "rows_rejected": self.rows_rejected,
        }

    def with_outcome(self, outcome: FindingOutcome) -> list[Finding]:
        """Return the findings that have this outcome."""
        return [finding for finding in self.findings if finding.outcome == outcome]

    def covers(self, staged: Sequence[StagedFile]) -> bool:
        """Whether the report is about exactly these stagings of these files."""
        checked = {(file.sha256, file.staged_at) for file in self.files}
        return checked == {(file.sha256, file.staged_at) for file in staged}

    def to_json(self) -> dict[str, Any]:
        """Return the report as JSON types, with its `outcome`."""
        return asdict(self) | {"outcome": self.outcome}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> CheckReport:
        """Return the report that `to_json` returned."""
        items = {
            "files": tuple(CheckedFile(**each) for each in values["files"]),
            "columns": tuple(ColumnChange(**each) for each in values["columns"]),
            "rejects": tuple(RejectedCount(**each) for each in values["rejects"]),
            "findings": tuple(Finding(**each | {"columns": tuple(each["columns"])}) for each in values["findings"]),
        }
        return cls(**{name: value for name, value in values.items() if name != "outcome"} | items)


def require_approved(report: CheckReport, staged: Sequence[StagedFile], answer: Answer | None) -> None:
    """Raise `DeliveryRefusedError` unless the report and the answer let these files be committed.

    A finding `refuse` cannot be approved. A finding `ask` needs an answer other than `refuse`.

    :param answer: what a person answered; None if nobody was asked, or nobody answered.
    """
    if not report.covers(staged):
        raise DeliveryRefusedError(
            f"the report of the checks for {report.period} is about other files, or about an earlier staging of them",
            source=report.source,
            next_step="run the checks again; in Airflow, clear the task check of this run",
        )
    if refusals := report.with_outcome("refuse"):
        raise DeliveryRefusedError(
            f"the checks refuse the delivery for {report.period}: {_sentences(refusals)}",
            source=report.source,
            next_step="nothing was loaded. Ask the vendor whether the delivery is right (docs/checks.md). If it is, "
            "change the check in the source's declaration and clear the task check of this run",
            counts=report.counts,
        )
    if answer is not None and answer.action == "refuse":
        raise DeliveryRefusedError(
            f"{answer.by} refused the delivery for {report.period}",
            source=report.source,
            next_step="nothing was loaded. Ask the vendor for a corrected delivery",
        )
    if (questions := report.with_outcome("ask")) and answer is None:
        raise DeliveryRefusedError(
            f"the checks ask for an approval of the delivery for {report.period}: {_sentences(questions)}",
            source=report.source,
            next_step="nothing was loaded. If the delivery is right, approve it with a reason: in Airflow's required "
            "action, or with `./gv load ... --approve REASON`",
        )


def _sentences(findings: Sequence[Finding]) -> str:
    return "; ".join(finding.sentence() for finding in findings)
