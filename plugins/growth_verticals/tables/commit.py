"""Commit all staged files of a delivery to the table, in one snapshot, exactly once by (period, sha256).

The table itself says which files it holds (`ledger.py`), and a commit succeeds only on the snapshot that was checked
(`commit_loop.py`). So neither a crash, nor a wrong response from the catalog, nor a concurrent load adds a row twice.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from growth_verticals.catalog.create import ensure_table
from growth_verticals.catalog.load_summary import LoadSummary
from growth_verticals.catalog.service_errors import service_errors
from growth_verticals.contract.table import rejects_contract
from growth_verticals.delivery import FileResult, LoadResult
from growth_verticals.errors import DeliveryRefusedError
from growth_verticals.tables.commit_loop import append_files, commit_with_retry
from growth_verticals.tables.counts import (
    count_records,
    require_expected,
    require_expected_by_file,
    require_few_rejects,
)
from growth_verticals.tables.ledger import loaded_digests
from growth_verticals.tables.rejects_sync import RejectsSync, unfinished_batches
from growth_verticals.tables.restated import RestatedRule, Restatements
from growth_verticals.tables.rewrite import without_rows
from growth_verticals.tables.staged import (
    StagedBatch,
    partially_committed,
    paths_of,
    read_batch,
    read_staged_manifest,
    split_into_batches,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from uuid import UUID

    from pyiceberg.catalog.rest import RestCatalog
    from pyiceberg.table import Table, Transaction

    from growth_verticals.cadence import Period
    from growth_verticals.contract.table import TableContract
    from growth_verticals.delivery import Actor, StagedFile

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
    restated: RestatedRule | None = None,
    gate: Callable[[], None] | None = None,
    actor: Actor | None = None,
) -> LoadResult:
    """Check the delivery's counts, commit its rejected records, then its rows. Calling it again is always safe.

    Files that the table already holds are skipped, and so is the second of two files with equal content. A retry
    after a crash between the two commits finds the rejects and does not add them again; rejects from another staging
    of a file are replaced. A retry after the rows were committed finds its own data files in the table, and returns
    the result that the first attempt would have returned.

    If loaded files of the period are replaced (restated.py), their rows leave in the snapshot in which the new rows
    come. Then their rejects leave in the snapshot in which the new rejects come.

    :param max_rejected: the largest share of the records, 0 to 1, that may be rejected.
    :param expected_rows: number of records in the whole delivery, rejected ones included. It is not checked when every
        file is already loaded.
    :param restated: what the declaration and a person say about restatements. Default: ask, by whole names.
    :param actor: who loads the delivery, for the snapshots' summaries.
    :param gate: called when everything else allows the delivery, before anything of it is committed. What it raises is
        raised unchanged. It is not called if every file is already loaded.

    Raises `DeliveryRefusedError` if counts disagree, if too many records were rejected (the rejects table keeps them),
    or if staged files were removed. Raises `RestatedError` if loaded files would be replaced and nobody agreed to that.
    Raises `CommitError` if nothing was committed or the outcome is unknown.
    """
    digests = {file.sha256 for file in staged}
    table = ensure_table(catalog, contract)
    rejects_table = ensure_table(catalog, rejects_contract(contract))
    with service_errors(f"looking for loaded files in {contract.identifier}", catalog.uri):
        loaded = loaded_digests(table, period.key, digests)
    batches = [
        read_batch(table, rejects_table, period, files, loaded, source_name) for files in split_into_batches(staged)
    ]
    pending = [file for batch in batches for file in batch.files if file.sha256 not in loaded]
    snapshot_id, committed = None, set[str]()
    restatements = Restatements(
        catalog=catalog,
        contract=contract,
        source_name=source_name,
        period=period,
        staged=staged,
        rule=restated or RestatedRule(),
        actor=actor,
    )
    restatements.require_one_release()
    unfinished = unfinished_batches(table, rejects_table, source_name, period, staged)
    rejects = RejectsSync(restatements=restatements, batches=[*batches, *unfinished])
    if pending:
        counts = count_records(table, rejects_table, period, pending, loaded)
        require_expected(period, counts, expected_rows, source_name)
        require_expected_by_file(pending, source_name)
        try:
            require_few_rejects(contract, period, counts, max_rejected, source_name)
        except DeliveryRefusedError:
            rejects.before_rows()
            rejects.after_refusal()
            raise
        if gate is not None:
            gate()
        is_replacing = bool(restatements.leaving(table, pending))
        if not is_replacing:
            rejects.before_rows()
        checked = _CheckedHead(_head(table), loaded)
        with rejects.following_rows():
            snapshot_id, committed = _commit_rows(
                catalog, contract, restatements, batches, checked, rejects_follow=is_replacing
            )
        committed |= {file.sha256 for file in pending if not file.rows_valid}
    else:
        rejects.after_rows()
    for sha256, earlier_id in _previously_committed(catalog, contract, staged, committed).items():
        snapshot_id, committed = snapshot_id or earlier_id, committed | {sha256}
    summary = _summary_of(catalog, contract, snapshot_id)
    result = LoadResult(
        source=source_name,
        table=contract.identifier,
        period=period.key,
        snapshot_id=snapshot_id,
        files=tuple(_results(staged, committed)),
        files_replaced=summary.files_replaced if summary else 0,
        rows_replaced=summary.rows_replaced if summary else 0,
    )
    logger.info("%s", result.summary())
    return result


def _summary_of(catalog: RestCatalog, contract: TableContract, snapshot_id: int | None) -> LoadSummary | None:
    """Return what the snapshot of this commit says about it; None without one. For the report only."""
    if snapshot_id is None:
        return None
    with service_errors(f"reading {contract.identifier}", catalog.uri):
        snapshot = catalog.load_table(contract.identifier).snapshot_by_id(snapshot_id)
    return LoadSummary.of_snapshot(snapshot) if snapshot is not None else None


def _previously_committed(
    catalog: RestCatalog, contract: TableContract, staged: Sequence[StagedFile], committed: set[str]
) -> dict[str, int]:
    """Return, by digest, the snapshot in which an earlier attempt of this commit added these same data files.

    Compaction replaces data files and keeps no trace of the old ones. A file whose data files were compacted counts as
    loaded by another load.

    :param committed: digests of the files that this attempt committed.
    """
    unknown = [file for file in staged if file.status == "staged" and file.manifest and file.sha256 not in committed]
    if not unknown:
        return {}
    table = catalog.load_table(contract.identifier)
    digests_by_path: dict[str, set[str]] = {}
    for files in split_into_batches(unknown):
        with suppress(DeliveryRefusedError):  # maintenance has removed the staged manifest
            paths = paths_of(read_staged_manifest(table, files[0].manifest, files[0].name))
            with_rows = {file.sha256 for file in files if file.rows_valid}
            digests_by_path |= dict.fromkeys(paths, with_rows)
    snapshot_ids: dict[str, int] = {}
    snapshot = table.current_snapshot()
    for manifest in snapshot.manifests(table.io) if snapshot and digests_by_path else ():
        for entry in manifest.fetch_manifest_entry(table.io):
            if entry.snapshot_id is not None:
                committed_here = digests_by_path.get(entry.data_file.file_path, ())
                snapshot_ids |= dict.fromkeys(committed_here, entry.snapshot_id)
    return snapshot_ids


def _results(staged: Sequence[StagedFile], committed: set[str]) -> Iterator[FileResult]:
    """Yield the result of each file. Of several files with equal content, the first counts as loaded."""
    remaining = set(committed)
    empty = {file.sha256 for file in staged if file.status == "staged" and not file.rows_read}
    for file in staged:
        if file.sha256 in remaining:
            remaining.remove(file.sha256)
            yield FileResult(
                name=file.name,
                sha256=file.sha256,
                status="empty" if file.sha256 in empty else "loaded",
                rows_read=file.rows_read,
                rows_loaded=file.rows_valid,
                rows_rejected=file.rows_rejected,
            )
        else:
            yield FileResult(
                name=file.name,
                sha256=file.sha256,
                status="empty" if file.sha256 in empty else "already_loaded",
                rows_read=0,
                rows_loaded=0,
                rows_rejected=0,
            )


# --- the commits --------------------------------------------------------------------------------------------------


class _CheckedHead(NamedTuple):
    """A head and the loaded digests that it holds. A snapshot never changes, so no head is checked twice."""

    head: tuple[UUID, int | None]
    loaded: set[str]


def _commit_rows(
    catalog: RestCatalog,
    contract: TableContract,
    restatements: Restatements,
    batches: Sequence[StagedBatch],
    checked_head: _CheckedHead,
    *,
    rejects_follow: bool,
) -> tuple[int | None, set[str]]:
    """Add the batches that the table does not hold yet, in the place of the files that they replace, in one snapshot.

    Return the snapshot that added them, and their digests.

    :param rejects_follow: whether the rejects are added after the rows. The snapshot then names them.
    """
    attempted: dict[int, set[str]] = {}
    source_name, period = restatements.source_name, restatements.period
    with_rows = [batch for batch in batches if batch.data_files]
    without = [batch for batch in batches if not batch.is_committed and not batch.digests_with_rows]
    digests = {sha256 for batch in with_rows for sha256 in batch.digests_with_rows}

    def change(table: Table) -> Callable[[Transaction], None] | None:
        unchanged = _head(table) == checked_head.head
        loaded = checked_head.loaded if unchanged else loaded_digests(table, period.key, digests)
        for batch in with_rows:
            missing_files = [file for file in batch.files if file.sha256 in batch.digests_with_rows - loaded]
            if missing_files and batch.digests_with_rows & loaded:
                raise partially_committed(contract.identifier, source_name, missing_files[0])
        missing = [batch for batch in with_rows if batch.digests_with_rows.isdisjoint(loaded)]
        comes = [file for batch in (*missing, *without) for file in batch.files]
        leaving = restatements.leaving(table, comes)
        if not missing and not leaving:
            return None

        def apply(transaction: Transaction) -> None:
            added = [data_file for batch in missing for data_file in batch.data_files]
            files = {sha256 for batch in missing for sha256 in batch.digests_with_rows}
            summary = restatements.summary(len(files), len(leaving))
            if not leaving:
                attempted[append_files(transaction, added, summary.to_properties())] = files
                return
            replacement = without_rows(table, contract, period.key, {file.sha256: None for file in leaving})
            replacement.added.extend(added)
            uris = [batch.files[0].rejects_manifest for batch in missing] if rejects_follow else []
            summary = replace(summary, rows_replaced=replacement.rows, rejects=tuple(filter(None, uris)))
            attempted[replacement.apply(transaction, summary.to_properties())] = files

        return apply

    metadata = commit_with_retry(catalog, contract.identifier, change).metadata
    for snapshot_id, added in attempted.items():
        if metadata.snapshot_by_id(snapshot_id) is not None:
            return snapshot_id, added
    return None, set()


def _head(table: Table) -> tuple[UUID, int | None]:
    return table.metadata.table_uuid, table.metadata.current_snapshot_id
