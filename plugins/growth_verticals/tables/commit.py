"""Commit: every staged file of a delivery into the table, in one snapshot, exactly once by (period, sha256).

The table itself says which files it holds (`ledger.py`), and its head moves only from the snapshot that was asked
(`head.py`): what happens in between, to this process, to the catalog or by another loader, changes nothing twice.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from growth_verticals.contract.table import rejects_contract
from growth_verticals.delivery import FileResult, LoadResult
from growth_verticals.errors import DeliveryRefusedError
from growth_verticals.tables.create import ensure_table
from growth_verticals.tables.failures import service_errors
from growth_verticals.tables.head import append_files, move_head
from growth_verticals.tables.ledger import count_loaded_rows, loaded_files, rows_of
from growth_verticals.tables.manifest import read_staged_manifest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from pyiceberg.catalog.rest import RestCatalog
    from pyiceberg.manifest import DataFile
    from pyiceberg.table import Table, Transaction

    from growth_verticals.cadence import Period
    from growth_verticals.contract.table import TableContract
    from growth_verticals.delivery import StagedFile

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class _File:
    """A staged file that the table does not hold, with the data files that its manifests list."""

    staged: StagedFile
    data_files: list[DataFile]
    reject_files: list[DataFile]


def commit_delivery(
    catalog: RestCatalog,
    contract: TableContract,
    source_name: str,
    period: Period,
    staged: Sequence[StagedFile],
    *,
    max_rejected: float,
    expected_rows: int | None,
) -> LoadResult:
    """Check the delivery's counts, commit its rejected records, then its rows. Any part may be repeated at any time.

    Files that the table holds already are left out, and so is the second of two files of equal content. A retry after
    a crash between rejects and load finds the rejects and does not add them again; rejects that another staging of a
    file left are replaced. A retry after a crash behind the load finds its own data files in the table, and returns
    what the first attempt would have.

    :param max_rejected: share of the records read, 0 to 1, that may be rejected.
    :param expected_rows: records of the whole delivery, rejected ones included; compared unless every file is loaded.

    Raises `DeliveryRefusedError` (counts disagree; too many rejects, which are kept then; staged files gone) or
    `CommitError` (nothing landed, or its state is unknown: the same call again is safe either way).
    """
    digests = {file.sha256 for file in staged}
    table = ensure_table(catalog, contract)
    rejects_table = ensure_table(catalog, rejects_contract(contract))
    with service_errors(f"looking for loaded files in {contract.identifier}", catalog.uri):
        loaded = loaded_files(table, period.key, digests)
    files = [
        _open_staged(table, rejects_table, file, source_name)
        for file in {file.sha256: file for file in reversed(staged)}.values()
        if file.sha256 not in loaded
    ]
    snapshot_id, by_us = None, set[str]()
    if files:
        _require_expected(table, rejects_table, period, files, loaded, expected_rows, source_name)
        _commit_rejects(catalog, contract, source_name, period, files)
        _require_few_rejects(contract, period, files, max_rejected, source_name)
        snapshot_id, by_us = _commit_rows(catalog, contract, source_name, period, files)
    for sha256, earlier in _landed_before(catalog, contract, staged, by_us).items():
        snapshot_id, by_us = snapshot_id or earlier, by_us | {sha256}
    result = LoadResult(
        source=source_name,
        table=contract.identifier,
        period=period.key,
        snapshot_id=snapshot_id,
        files=tuple(_results(staged, by_us)),
    )
    logger.info("%s", result.summary())
    return result


def _landed_before(
    catalog: RestCatalog, contract: TableContract, staged: Sequence[StagedFile], by_us: set[str]
) -> dict[str, int]:
    """Return the snapshot that these very data files came in with, by digest: an earlier attempt of this commit.

    Compaction writes other files, and forgets it: the file counts as loaded by somebody then.
    """
    left = [file for file in staged if file.status == "staged" and file.manifest and file.sha256 not in by_us]
    if not left:
        return {}
    table = catalog.load_table(contract.identifier)
    digests: dict[str, str] = {}
    for file in left:
        with suppress(DeliveryRefusedError):  # a staged manifest that maintenance removed
            digests |= dict.fromkeys(_paths(read_staged_manifest(table, file.manifest, file.name)), file.sha256)
    found: dict[str, int] = {}
    snapshot = table.current_snapshot()
    for manifest in snapshot.manifests(table.io) if snapshot and digests else ():
        for entry in manifest.fetch_manifest_entry(table.io):
            if entry.data_file.file_path in digests and entry.snapshot_id is not None:
                found[digests[entry.data_file.file_path]] = entry.snapshot_id
    return found


def _results(staged: Sequence[StagedFile], by_us: set[str]) -> Iterator[FileResult]:
    """Yield what became of each file; the first of several with equal content counts as the loaded one."""
    left = set(by_us)
    for file in staged:
        if file.sha256 in left:
            left.remove(file.sha256)
            yield FileResult(
                name=file.name,
                sha256=file.sha256,
                status="loaded",
                rows_read=file.rows_read,
                rows_loaded=file.rows_loaded,
                rows_rejected=file.rows_rejected,
            )
        else:
            yield FileResult(
                name=file.name, sha256=file.sha256, status="already_loaded", rows_read=0, rows_loaded=0, rows_rejected=0
            )


# --- checks before anything moves ---------------------------------------------------------------------------------


def _open_staged(table: Table, rejects_table: Table, file: StagedFile, source_name: str) -> _File:
    """Read the file's manifests. Raises `DeliveryRefusedError` unless every count agrees with every other."""
    if file.status == "already_loaded":
        raise DeliveryRefusedError(
            f"{'.'.join(table.name())} held this file when it was staged, and does not now",
            source=source_name,
            file=file.name,
            next_step="find out who removed its rows; then clear the stage task of this run to load it again",
        )
    data_files = read_staged_manifest(table, file.manifest, source_name)
    reject_files = read_staged_manifest(rejects_table, file.rejects_manifest, source_name)
    in_files = (_rows(data_files), _rows(reject_files))
    if in_files != (file.rows_loaded, file.rows_rejected) or sum(in_files) != file.rows_read:
        raise DeliveryRefusedError(
            "the counts of a staged file disagree",
            source=source_name,
            file=file.name,
            expected=f"{file.rows_read:,} read = {file.rows_loaded:,} to load + {file.rows_rejected:,} rejected",
            found=f"{in_files[0]:,} and {in_files[1]:,} rows in its data files",
            next_step="clear the stage task of this run; if it happens again, the reader of this format miscounts",
        )
    return _File(file, data_files, reject_files)


def _require_expected(
    table: Table,
    rejects_table: Table,
    period: Period,
    files: Sequence[_File],
    loaded: set[str],
    expected_rows: int | None,
    source_name: str,
) -> None:
    if expected_rows is None:
        return
    found = sum(file.staged.rows_read for file in files)
    with service_errors("counting the rows of files loaded before", table.location()):
        found += count_loaded_rows(table, period.key, loaded) + count_loaded_rows(rejects_table, period.key, loaded)
    if found != expected_rows:
        raise DeliveryRefusedError(
            f"the delivery for {period.key} does not have the number of records that was given for it",
            source=source_name,
            expected=f"{expected_rows:,}",
            found=f"{found:,} in {len(files) + len(loaded)} file(s)",
            next_step="ask the sender which is right; nothing of this delivery was loaded by this run",
        )


def _require_few_rejects(
    contract: TableContract, period: Period, files: Sequence[_File], max_rejected: float, source_name: str
) -> None:
    read = sum(file.staged.rows_read for file in files)
    rejected = sum(file.staged.rows_rejected for file in files)
    if read and rejected / read > max_rejected:
        raise DeliveryRefusedError(
            f"{rejected:,} of {read:,} records were rejected, {rejected / read:.2%}; nothing was loaded",
            source=source_name,
            expected=f"at most {max_rejected:.2%} for {period.key}",
            next_step=f"look at {contract.identifier}_rejects where delivery_period is {period.key} (columns reason "
            "and column_name); ask the vendor for a corrected file, or raise max_rejected in the source's declaration "
            "and clear the commit task",
        )


# --- the commits --------------------------------------------------------------------------------------------------


def _commit_rejects(
    catalog: RestCatalog, contract: TableContract, source_name: str, period: Period, files: Sequence[_File]
) -> None:
    """Make the rejects table hold exactly these files' rejected records, among those of (period, sha256)."""
    ours = {file.staged.sha256: file.reject_files for file in files}

    def change(table: Table) -> Callable[[Transaction], None] | None:
        held = loaded_files(table, period.key, ours)
        live = {task.file.file_path for task in table.scan(row_filter=rows_of(period.key, ours)).plan_files()}
        done = {sha for sha, parts in ours.items() if (live.issuperset(_paths(parts)) if parts else sha not in held)}
        stale, added = held - done, [part for sha, parts in ours.items() if sha not in done for part in parts]
        if not stale and not added:
            return None

        def apply(transaction: Transaction) -> None:
            properties = _summary(source_name, period, len(ours) - len(done))
            if stale:
                transaction.delete(rows_of(period.key, stale), snapshot_properties=properties)
            if added:
                append_files(transaction, added, properties)

        return apply

    move_head(catalog, f"{contract.identifier}_rejects", change)


def _commit_rows(
    catalog: RestCatalog, contract: TableContract, source_name: str, period: Period, files: Sequence[_File]
) -> tuple[int | None, set[str]]:
    """Append the files that the table does not hold. Return the snapshot that did, and the digests it added."""
    attempted: dict[int, set[str]] = {}

    def change(table: Table) -> Callable[[Transaction], None] | None:
        held = loaded_files(table, period.key, with_rows)
        missing = {sha: parts for sha, parts in with_rows.items() if sha not in held}
        if not missing:
            return None

        def apply(transaction: Transaction) -> None:
            added = [part for parts in missing.values() for part in parts]
            attempted[append_files(transaction, added, _summary(source_name, period, len(missing)))] = set(missing)

        return apply

    with_rows = {file.staged.sha256: file.data_files for file in files if file.data_files}
    without_rows = {file.staged.sha256 for file in files if not file.data_files}
    if not with_rows:
        return None, without_rows
    metadata = move_head(catalog, contract.identifier, change).metadata
    for snapshot_id, digests in attempted.items():
        if metadata.snapshot_by_id(snapshot_id) is not None:
            return snapshot_id, digests | without_rows
    return None, without_rows


def _summary(source_name: str, period: Period, files: int) -> dict[str, str]:
    """For people who look at the table's history. Nothing reads it back: snapshots expire."""
    return {"gv.source": source_name, "gv.period": period.key, "gv.files": str(files)}


def _paths(data_files: Sequence[DataFile]) -> set[str]:
    return {data_file.file_path for data_file in data_files}


def _rows(data_files: Sequence[DataFile]) -> int:
    return sum(data_file.record_count for data_file in data_files)
