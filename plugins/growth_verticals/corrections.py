"""Corrections: undo, replay or reload what is loaded, exactly as a person has approved it.

    plan ─> a person approves ─> carry out

The plan names every file by its content and its staging, and has the numbers that the person is shown. If the tables
hold something else when it is carried out, nothing is changed.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from growth_verticals import steps
from growth_verticals.catalog.rest import open_catalog
from growth_verticals.contract.declared import contract_of
from growth_verticals.delivery import Answer, RestatedFile, Restatement, StagedFile
from growth_verticals.errors import DeliveryError, DeliveryRefusedError
from growth_verticals.landing.find import find_landed
from growth_verticals.quality.evidence import escape, files_table, markdown_table, to_markdown
from growth_verticals.quality.report import CheckReport, RejectedCount, rejected_counts, require_approved
from growth_verticals.quality.store import store_profile
from growth_verticals.tables.rejected import count_rejected
from growth_verticals.tables.reload import reload_files
from growth_verticals.tables.undo import LoadedFile, find_loaded_files, select_files, undo_load

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from pyiceberg.catalog.rest import RestCatalog

    from growth_verticals.account import Account
    from growth_verticals.cadence import Period
    from growth_verticals.delivery import Actor, LandedFile
    from growth_verticals.files.unpack.pgp import KeyFinder
    from growth_verticals.source import Source

Action = Literal["undo", "replay", "reload"]


@dataclass(frozen=True, kw_only=True)
class Correction:
    """What a person is asked to approve: names, digests and numbers, never a value of a row.

    :param files: the loaded files that leave, are reloaded, or whose rejected records are read again.
    :param staged: for a reload, the same files, staged again.
    :param report: for a reload, what the checks say about them.
    :param rejects: for a replay, why their records were rejected.
    """

    source: str
    table: str
    period: str
    action: Action
    files: tuple[LoadedFile, ...]
    staged: tuple[StagedFile, ...] = ()
    report: CheckReport | None = None
    rejects: tuple[RejectedCount, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the correction as JSON types."""
        return asdict(self) | {"report": self.report.to_json() if self.report else None}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Correction:
        """Return the correction that `to_json` returned."""
        items = {
            "files": tuple(LoadedFile(**each) for each in values["files"]),
            "staged": tuple(StagedFile(**each) for each in values["staged"]),
            "report": CheckReport.from_json(values["report"]) if values["report"] else None,
            "rejects": tuple(RejectedCount(**each) for each in values["rejects"]),
        }
        return cls(**{**values, **items})

    def describe(self, asked_by: str, reason: str) -> str:
        """Return the evidence as Markdown. All names and the reason are escaped."""
        leaves = [
            RestatedFile(name=file.name, sha256=file.sha256, rows=file.rows_loaded, rejects=file.rows_rejected)
            for file in self.files
        ]
        parts = [f"{escape(asked_by)} asks to **{self.action}** {escape(f'{self.source} {self.period}: {reason}')}"]
        if self.action == "undo":
            parts.append(files_table("Would leave the table and its rejects table", leaves))
        elif self.action == "replay":
            reasons = [(each.reason, each.column or "", f"{each.records:,}") for each in self.rejects]
            parts.append(
                files_table("Rejected records would be read again; those that are valid now are loaded", leaves)
            )
            parts.append(markdown_table("Rejected records", ("Reason", "Column", "Records"), reasons))
        elif self.report is not None:
            comes = [
                RestatedFile(name=file.name, sha256=file.sha256, rows=file.rows_valid, rejects=file.rows_rejected)
                for file in self.staged
            ]
            parts.append(to_markdown(self.report, Restatement(comes=tuple(comes), leaves=tuple(leaves))))
        rows, rejects = (sum(getattr(each, name) for each in leaves) for name in ("rows", "rejects"))
        parts.append(escape(f"In all {len(leaves):,} file(s) with {rows:,} rows and {rejects:,} rejects."))
        return "\n\n".join(part for part in parts if part)


@dataclass(frozen=True, kw_only=True)
class CorrectionResult:
    """What a correction did. A retry returns the same counts.

    :param snapshot_id: of the table; None if this attempt had nothing left to change in it, or for a replay.
    :param rows_removed, rejects_removed: that left their tables.
    :param rows_loaded, rows_rejected: that came; for a replay, the records that were loaded or are still rejected.
    """

    source: str
    table: str
    period: str
    action: Action
    files: int
    snapshot_id: int | None = None
    rows_removed: int = 0
    rejects_removed: int = 0
    rows_loaded: int = 0
    rows_rejected: int = 0


# --- the plan -----------------------------------------------------------------------------------------------------


def plan_correction(
    account: Account,
    source: Source,
    period: Period,
    action: Action,
    names: Collection[str] = (),
    keys: KeyFinder | None = None,
) -> Correction:
    """Return what a correction would do, with what a person must know to approve it. Changes nothing in the tables.

    For a reload, the landed copies are staged again under the declaration of today. Memory: as for `steps.stage`, and
    one entry per file.

    :param names: of the files; empty for all files of the period.

    Raises `DeliveryError` if there is nothing to correct or a landed copy is missing, and what staging raises. Raises
    `DeliveryRefusedError` if a reload has too many rejects, or a check refuses it.
    """
    source.require_kept(period, datetime.now(UTC))
    catalog, contract = open_catalog(account), contract_of(source)
    files = select_files(find_loaded_files(catalog, contract, period), names, source.name)
    if action == "replay":
        files = _require_replayable(source, period, files, names)
    if not files:
        what = "rejects of loaded files" if action == "replay" else "rows or rejects"
        raise DeliveryError(
            f"there is nothing to {action}: the tables hold no {what} for {period}",
            source=source.name,
            next_step=f"check the source and the period{_rejects_leave(source) if action == 'replay' else ''}",
        )
    landed = [] if action == "undo" else [_landed(account, source, period, file) for file in files]
    staged: Sequence[StagedFile] = ()
    report, rejects = None, []
    if action == "reload":
        staged = steps.stage(account, source, period, landed, keys, again=True)
        _require_few_rejects(source, period, staged)
        report = steps.check(account, source, period, staged, leaving={file.sha256 for file in files}, is_whole=False)
        require_approved(report, staged, Answer(action="load", by="", reason=""))  # what asks is shown to the person
    if action == "replay":
        digests = {file.sha256 for file in files}
        for file in count_rejected(catalog, contract, period, {file.name for file in files}):
            if file.sha256 in digests:
                rejects += rejected_counts(file.faults)
    return Correction(
        source=source.name,
        table=source.table,
        period=period.key,
        action=action,
        files=tuple(files),
        staged=tuple(staged),
        report=report,
        rejects=tuple(rejects),
    )


def _rejects_leave(source: Source) -> str:
    days = source.retention.rejects_days
    return f"; retention removes rejected records {days} days after they were staged" if days else ""


def _require_replayable(
    source: Source, period: Period, files: Sequence[LoadedFile], names: Collection[str]
) -> list[LoadedFile]:
    """Return the loaded files that have rejects. Raises `DeliveryError` if a person named another one."""
    found = [file for file in files if file.rows_loaded and file.rows_rejected]
    others = sorted({file.name for file in files} - {file.name for file in found})
    if names and others:
        raise DeliveryError(
            f"the file has no rejected records, or no row of it is loaded for {period}",
            source=source.name,
            file=others[0],
            next_step="leave it out; choose reload if no row of it is loaded",
        )
    return found


def _landed(account: Account, source: Source, period: Period, file: LoadedFile) -> LandedFile:
    landed = find_landed(account, source.name, period, file.name, file.sha256)
    if landed is None:
        raise DeliveryError(
            "the file's landed copy does not exist any more: somebody or retention has removed it",
            source=source.name,
            file=file.name,
            next_step=f"load the same file with ./gv load {source.name} FILE --period {period} to store it again",
        )
    return landed


def _require_few_rejects(source: Source, period: Period, staged: Sequence[StagedFile]) -> None:
    read, rejected = sum(file.rows_read for file in staged), sum(file.rows_rejected for file in staged)
    if read and rejected / read > source.max_rejected:
        raise DeliveryRefusedError(
            f"{rejected:,} of {read:,} records would be rejected, {rejected / read:.2%}; nothing was changed",
            source=source.name,
            expected=f"at most {source.max_rejected:.2%} for {period}",
            next_step="fix the SQL file or the declaration, or raise max_rejected; then start a new run",
        )


# --- carrying it out ----------------------------------------------------------------------------------------------


def carry_out(
    account: Account, source: Source, correction: Correction, actor: Actor, keys: KeyFinder | None = None
) -> CorrectionResult:
    """Do exactly what was approved, in one snapshot per table. A retry finishes what an earlier attempt has begun.

    :param actor: who asked and approved, for the snapshots' summaries.

    Raises `DeliveryRefusedError` if the tables hold other rows of these files than the plan says. Raises
    `CommitError`, `ServiceError`; the same call again is safe.
    """
    catalog, contract, period = open_catalog(account), contract_of(source), source.cadence.parse(correction.period)
    files, digests = correction.files, {file.sha256 for file in correction.files}
    removed = {
        "rows_removed": sum(file.rows_loaded for file in files),
        "rejects_removed": sum(file.rows_rejected for file in files),
    }
    snapshot_id, counts = None, removed
    if correction.action == "undo":
        snapshot_id = undo_load(catalog, contract, source.name, period, digests, actor=actor, approved=files)
    elif correction.action == "reload":
        snapshot_id = reload_files(catalog, contract, source.name, period, files, correction.staged, actor=actor)
        counts |= {
            "rows_loaded": sum(file.rows_valid for file in correction.staged),
            "rows_rejected": sum(file.rows_rejected for file in correction.staged),
        }
        if correction.report is not None:
            store_profile(account, catalog, contract, period, correction.report, correction.staged)
    else:
        counts = _replay(account, catalog, source, period, files, actor, keys)
    return CorrectionResult(
        source=source.name,
        table=source.table,
        period=period.key,
        action=correction.action,
        files=len(files),
        snapshot_id=snapshot_id,
        **counts,
    )


def _replay(
    account: Account,
    catalog: RestCatalog,
    source: Source,
    period: Period,
    files: Sequence[LoadedFile],
    actor: Actor,
    keys: KeyFinder | None,
) -> dict[str, int]:
    """Replay the files. Return the counts since the plan, which a retry returns too."""
    contract = contract_of(source)
    planned = {file.sha256: file for file in files}

    def loaded() -> list[LoadedFile]:
        return [file for file in find_loaded_files(catalog, contract, period) if file.sha256 in planned]

    now = loaded()
    same = all(set(file.stagings) <= set(planned[file.sha256].stagings) for file in now)
    if not same or {file.sha256 for file in now if file.rows_loaded} != set(planned):
        raise DeliveryRefusedError(
            f"one of these files was undone or loaded again for {period} since it was shown; nothing was changed",
            source=source.name,
            next_step="start a new run, which shows what is loaded now",
        )
    names = {file.name for file in files}
    results = steps.replay(account, source, period, names, sha256s=planned.keys(), actor=actor, keys=keys)
    skipped = [result for result in results if result.status != "replayed"]
    if skipped:
        raise DeliveryRefusedError(
            f"{len(skipped)} of {len(results)} files could not be replayed; the others were",
            source=source.name,
            file=skipped[0].name,
            found=skipped[0].status,
            next_step="start a new run, which shows what is loaded now",
        )
    now = loaded()
    return {
        "rows_loaded": sum(file.rows_loaded for file in now) - sum(file.rows_loaded for file in files),
        "rows_rejected": sum(file.rows_rejected for file in now),
    }
