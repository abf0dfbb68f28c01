"""Commit: every staged file of a delivery into the table, in one snapshot, exactly once by (period, sha256).

The table itself says which files it holds (`ledger.py`), and its head moves only from the snapshot that was asked
(`head.py`): what happens in between, to this process, to the catalog or by another loader, changes nothing twice.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from growth_verticals.contract.table import rejects_contract
from growth_verticals.delivery import FileResult, LoadResult
from growth_verticals.errors import DeliveryRefusedError
from growth_verticals.tables.create import ensure_table
from growth_verticals.tables.failures import service_errors
from growth_verticals.tables.groups import Group, grouped, loaded_apart, open_staged, paths_of
from growth_verticals.tables.head import append_files, move_head
from growth_verticals.tables.ledger import count_loaded_rows, loaded_files, rows_of
from growth_verticals.tables.manifest import read_staged_manifest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from uuid import UUID

    from pyiceberg.catalog.rest import RestCatalog
    from pyiceberg.table import Table, Transaction

    from growth_verticals.cadence import Period
    from growth_verticals.contract.table import TableContract
    from growth_verticals.delivery import StagedFile

logger = logging.getLogger(__name__)


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
    groups = [open_staged(table, rejects_table, period, files, loaded, source_name) for files in grouped(staged)]
    left = [file for group in groups for file in group.files if file.sha256 not in loaded]
    snapshot_id, by_us = None, set[str]()
    if left:
        counts = _counted(table, rejects_table, period, left, loaded)
        _require_expected(period, counts, expected_rows, source_name)
        _commit_rejects(catalog, contract, source_name, period, groups)
        _require_few_rejects(contract, period, counts, max_rejected, source_name)
        asked = (_head(table), loaded)
        snapshot_id, by_us = _commit_rows(catalog, contract, source_name, period, groups, asked)
        by_us |= {file.sha256 for file in left if not file.rows_loaded}
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
    digests: dict[str, set[str]] = {}
    for files in grouped(left):
        with suppress(DeliveryRefusedError):  # a staged manifest that maintenance removed
            paths = paths_of(read_staged_manifest(table, files[0].manifest, files[0].name))
            with_rows = {file.sha256 for file in files if file.rows_loaded}
            digests |= dict.fromkeys(paths, with_rows)
    found: dict[str, int] = {}
    snapshot = table.current_snapshot()
    for manifest in snapshot.manifests(table.io) if snapshot and digests else ():
        for entry in manifest.fetch_manifest_entry(table.io):
            if entry.snapshot_id is not None:
                found |= dict.fromkeys(digests.get(entry.data_file.file_path, ()), entry.snapshot_id)
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


class _Counts(NamedTuple):
    """Records of a whole delivery, those loaded before included."""

    files: int
    read: int
    rejected: int


def _counted(
    table: Table, rejects_table: Table, period: Period, left: Sequence[StagedFile], loaded: set[str]
) -> _Counts:
    with service_errors("counting the rows of files loaded before", table.location()):
        rejected = count_loaded_rows(rejects_table, period.key, loaded)
        read = count_loaded_rows(table, period.key, loaded) + rejected
    return _Counts(
        len(left) + len(loaded),
        read + sum(file.rows_read for file in left),
        rejected + sum(file.rows_rejected for file in left),
    )


def _require_expected(period: Period, counts: _Counts, expected_rows: int | None, source_name: str) -> None:
    if expected_rows is not None and counts.read != expected_rows:
        raise DeliveryRefusedError(
            f"the delivery for {period.key} does not have the number of records that was given for it",
            source=source_name,
            expected=f"{expected_rows:,}",
            found=f"{counts.read:,} in {counts.files} file(s)",
            next_step="ask the sender which is right; nothing of this delivery was loaded by this run",
        )


def _require_few_rejects(
    contract: TableContract, period: Period, counts: _Counts, max_rejected: float, source_name: str
) -> None:
    _, read, rejected = counts
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
    catalog: RestCatalog, contract: TableContract, source_name: str, period: Period, groups: Sequence[Group]
) -> None:
    """Make the rejects table hold exactly these files' rejected records, among those of (period, sha256)."""
    ours = {group.digests: group.reject_files for group in groups if not group.is_done}
    digests = frozenset[str]().union(*ours)

    def change(table: Table) -> Callable[[Transaction], None] | None:
        held = loaded_files(table, period.key, digests)
        live = {task.file.file_path for task in table.scan(row_filter=rows_of(period.key, digests)).plan_files()}
        undone = {
            group: parts
            for group, parts in ours.items()
            if not (live.issuperset(paths_of(parts)) if parts else group.isdisjoint(held))
        }
        stale = held & frozenset[str]().union(*undone)
        added = [part for parts in undone.values() for part in parts]
        if not stale and not added:
            return None

        def apply(transaction: Transaction) -> None:
            properties = _summary(source_name, period, sum(map(len, undone)))
            if stale:
                transaction.delete(rows_of(period.key, stale), snapshot_properties=properties)
            if added:
                append_files(transaction, added, properties)

        return apply

    if digests:
        move_head(catalog, f"{contract.identifier}_rejects", change)


def _commit_rows(
    catalog: RestCatalog,
    contract: TableContract,
    source_name: str,
    period: Period,
    groups: Sequence[Group],
    asked: tuple[tuple[UUID, int | None], set[str]],
) -> tuple[int | None, set[str]]:
    """Append the groups that the table does not hold. Return the snapshot that did, and the digests it added.

    :param asked: a head that was asked, and its answer: a snapshot never changes, so it is not asked twice.
    """
    attempted: dict[int, set[str]] = {}
    with_rows = [group for group in groups if group.data_files]
    digests = {sha256 for group in with_rows for sha256 in group.with_rows}

    def change(table: Table) -> Callable[[Transaction], None] | None:
        held = asked[1] if _head(table) == asked[0] else loaded_files(table, period.key, digests)
        for group in with_rows:
            apart = [file for file in group.files if file.sha256 in group.with_rows - held]
            if apart and group.with_rows & held:
                raise loaded_apart(contract.identifier, source_name, apart[0])
        missing = [group for group in with_rows if group.with_rows.isdisjoint(held)]
        if not missing:
            return None

        def apply(transaction: Transaction) -> None:
            added = [part for group in missing for part in group.data_files]
            files = {sha256 for group in missing for sha256 in group.with_rows}
            attempted[append_files(transaction, added, _summary(source_name, period, len(files)))] = files

        return apply

    if not with_rows:
        return None, set()
    metadata = move_head(catalog, contract.identifier, change).metadata
    for snapshot_id, added in attempted.items():
        if metadata.snapshot_by_id(snapshot_id) is not None:
            return snapshot_id, added
    return None, set()


def _head(table: Table) -> tuple[UUID, int | None]:
    return table.metadata.table_uuid, table.metadata.current_snapshot_id


def _summary(source_name: str, period: Period, files: int) -> dict[str, str]:
    """For people who look at the table's history. Nothing reads it back: snapshots expire."""
    return {"gv.source": source_name, "gv.period": period.key, "gv.files": str(files)}
