"""Compares the three lists of a period: what the vendor has, what was landed, and what the table holds.

It sends no requests. A listed file is the landed one if a receipt lists it (`Receipt.lists`); a landed file is the
loaded one if their SHA-256 is equal.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from growth_verticals.audit.report import SETTLED, TO_LAND, AuditedFile, AuditedPeriod
from growth_verticals.patterns import identity_of
from growth_verticals.source import S3, Sftp

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from growth_verticals.audit.report import FileState, PeriodState
    from growth_verticals.delivery import RemoteFile
    from growth_verticals.landing.complete import Verdict
    from growth_verticals.landing.receipts import Receipt
    from growth_verticals.source import Delivery, Source


@dataclass(frozen=True, kw_only=True)
class Lists:
    """The three lists of a period, and what is known about earlier commits.

    :param vendor: the files at the vendor; None if the vendor was not asked, or did not answer.
    :param skipped: names of files at the vendor that are known and skipped (`ignore`).
    :param receipts: of the landed copies.
    :param loaded, rejected: SHA-256 → name, of the files with rows in the table and in the rejects table.
    :param committed: SHA-256 → number of records, of the files that were ever committed, as far as profiles say it.
    :param valid: SHA-256 → number of valid records, of the same files.
    """

    vendor: Sequence[RemoteFile] | None = None
    skipped: Sequence[str] = ()
    receipts: Sequence[Receipt] = ()
    loaded: Mapping[str, str] = field(default_factory=dict)
    rejected: Mapping[str, str] = field(default_factory=dict)
    committed: Mapping[str, int] = field(default_factory=dict)
    valid: Mapping[str, int] = field(default_factory=dict)


def reconcile(source: Source, lists: Lists) -> tuple[AuditedFile, ...]:
    """Return every file of the period with its state, sorted by name. Memory: the lists."""
    files = [*_landed(source, lists), *_at_the_vendor_only(source, lists)]
    known = {receipt.sha256 for receipt in lists.receipts}
    held = dict(lists.rejected) | dict(lists.loaded)
    files += [
        AuditedFile(name=name, state="unexplained", sha256=sha256)
        for sha256, name in held.items()
        if sha256 not in known
    ]
    files += [AuditedFile(name=name, state="ignored") for name in lists.skipped]
    return tuple(sorted(files, key=lambda file: (file.name, file.landed_at or "", file.sha256 or "")))


def period_state(
    files: Iterable[AuditedFile], vendor: Verdict | None, *, unreachable: bool, is_due: bool
) -> PeriodState:
    """Return the state of a period, as far as files tell it: whether it has a run is not known here.

    :param vendor: what the source's rules say about the vendor's files; None if they are not known.
    :param unreachable: whether the vendor was asked, and did not answer.
    """
    states = {file.state for file in files} - {"ignored"}
    has_arrived = bool(states - TO_LAND)
    if states - SETTLED - TO_LAND or (has_arrived and states & TO_LAND):
        return "differs"
    if unreachable:
        return "vendor unreachable"
    if has_arrived:
        return "complete"
    if vendor is not None and vendor.complete:
        return "differs" if is_due else "waiting"  # a run that waits takes it within two polls
    return "late" if is_due else "waiting"


def audited_period(
    source: Source, period_key: str, lists: Lists, vendor: Verdict | None, *, unreachable: str | None, is_due: bool
) -> AuditedPeriod:
    """Return the period with the states of its files.

    :param unreachable: why the vendor did not answer; None if it did, or was not asked.
    """
    files = reconcile(source, lists)
    return AuditedPeriod(
        source=source.name,
        period=period_key,
        state=period_state(files, vendor, unreachable=unreachable is not None, is_due=is_due),
        files=files,
        is_ready=vendor is not None and vendor.complete,
        found=unreachable or (vendor.found if vendor else "the vendor was not asked"),
    )


def _landed(source: Source, lists: Lists) -> Iterable[AuditedFile]:
    """Yield the landed files, and those of them that the vendor has."""
    by_name = {file.name: file for file in lists.vendor or ()}
    for receipt in lists.receipts:
        listed = by_name.get(receipt.name)
        now = listed if listed is not None and receipt.lists(listed) else None
        by_hand = not receipt.origin.startswith(_place(source.delivery))
        is_gone = lists.vendor is not None and listed is None and not by_hand
        yield AuditedFile(
            name=receipt.name,
            state=_state_of(source, lists, receipt, is_gone=is_gone),
            sha256=receipt.sha256,
            size=now.size if now else None,
            modified=now.modified if now else None,
            version=now.version if now else None,
            landed_at=receipt.landed_at,
            by_hand=by_hand,
        )


def _state_of(source: Source, lists: Lists, receipt: Receipt, *, is_gone: bool) -> FileState:
    if receipt.sha256 in lists.loaded:
        return "loaded, vendor has removed it" if is_gone else "loaded"
    if receipt.sha256 in lists.rejected:
        return "rejects only"
    if lists.committed.get(receipt.sha256) == 0:
        return "empty"
    if _is_replaced(source, lists, receipt):
        return "replaced"
    if lists.valid.get(receipt.sha256) == 0:
        return "rejects only"  # which retention has removed
    return "undone" if receipt.sha256 in lists.committed else "landed, not loaded"


def _is_replaced(source: Source, lists: Lists, receipt: Receipt) -> bool:
    """Whether another release of the file is loaded instead of it.

    If it was never committed, only one that was landed later counts: before that, the other was loaded already, and
    this one was refused. A full snapshot that was landed later replaces every file that was committed.
    """
    pattern, was_committed = source.delivery.pattern, receipt.sha256 in lists.committed
    identity = identity_of(receipt.name, pattern)
    for other in lists.receipts:
        if other.sha256 in lists.loaded and other.sha256 != receipt.sha256:
            is_later = other.landed_at > receipt.landed_at
            if (was_committed or is_later) and identity_of(other.name, pattern) == identity:
                return True
            if was_committed and is_later and source.restated == "replace_period":
                return True
    return False


def _at_the_vendor_only(source: Source, lists: Lists) -> Iterable[AuditedFile]:
    """Yield the files at the vendor that no receipt lists."""
    pattern = source.delivery.pattern
    identities = {identity_of(receipt.name, pattern) for receipt in lists.receipts}
    by_name: dict[str, list[Receipt]] = {}
    for receipt in lists.receipts:
        by_name.setdefault(receipt.name, []).append(receipt)
    for file in lists.vendor or ():
        if not any(receipt.lists(file) for receipt in by_name.get(file.name, ())):
            is_restated = identity_of(file.name, pattern) in identities
            yield AuditedFile(
                name=file.name,
                state="restated" if is_restated else "not landed",
                size=file.size,
                modified=file.modified,
                version=file.version,
            )


def _place(delivery: Delivery) -> str:
    """Return the start of the URIs of the vendor's files."""
    if isinstance(delivery, Sftp):
        return f"sftp://{delivery.conn_id}/"
    return f"s3://{delivery.bucket}/" if isinstance(delivery, S3) else "inbox:"
