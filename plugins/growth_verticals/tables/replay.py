"""Replay: load the rejected records that are valid under the current contract, exactly once, and nothing else.

The records are read again from the landed copy, not from the rejects table. Valid ones are appended to the table with
the period, file and row number that they had. Then the file's rejects are replaced by those that are still not valid.

    check both tables ─> read again ─> append to the table ─> replace in the rejects table

A crash between the two commits leaves records in both tables. The next replay checks which of the rejected records
the table holds (period, sha256, source_row), appends the other valid ones and removes all of these from the rejects
table. Each commit succeeds only on the snapshot that was checked. If another process has changed the files' records
otherwise in the meantime, the replay stops with an error.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pyroaring import BitMap64

from growth_verticals.catalog.create import ensure_table
from growth_verticals.catalog.load_summary import LoadSummary
from growth_verticals.catalog.service_errors import service_errors
from growth_verticals.contract.table import rejects_contract
from growth_verticals.errors import CommitError
from growth_verticals.tables.commit_loop import append_files, commit_with_retry
from growth_verticals.tables.ledger import file_filter, rows_and_stagings
from growth_verticals.tables.rejected import rejected_rows
from growth_verticals.tables.rereading import FileRereader, RereadFile
from growth_verticals.tables.rewrite import without_rows
from growth_verticals.tables.staged import paths_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from contextlib import AbstractContextManager

    from pyiceberg.catalog.rest import RestCatalog
    from pyiceberg.table import Table, Transaction

    from growth_verticals.cadence import Period
    from growth_verticals.contract.table import TableContract
    from growth_verticals.delivery import Actor
    from growth_verticals.reader import Reader
    from growth_verticals.tables.rejected import RejectedRows

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class ReplayedFile:
    """The result of a replay for one file's rejected records.

    :param status: `replayed`; `not_loaded` if the table holds no row of the file, so that the whole file must be
        loaded; `raw_copy_gone` if the landed copy does not exist any more.
    :param rows_loaded: records moved from the rejects table to the table, including those that an earlier replay
        appended.
    :param rows_rejected: records that are still rejected.
    """

    name: str
    sha256: str
    status: Literal["replayed", "not_loaded", "raw_copy_gone"]
    rows_loaded: int
    rows_rejected: int


def replay_rejected(
    catalog: RestCatalog,
    contract: TableContract,
    source_name: str,
    period: Period,
    open_reader: Callable[[str, str], AbstractContextManager[Reader | None]],
    names: Collection[str] | None = None,
    *,
    sha256s: Collection[str] | None = None,
    actor: Actor | None = None,
) -> list[ReplayedFile]:
    """Read a period's rejected records again and load those that are valid now. Makes at most one snapshot per table.

    A retry finds the rows that an earlier call appended and does not append them again, however that call ended. Two
    concurrent replays append the rows once; the slower one may end in `CommitError`. Each file is split into blocks
    from start to end, but only blocks with rejected records are parsed. Memory: two blocks, two row groups, and at
    most one bit per record of the period.

    :param open_reader: given a file's name and sha256, returns a reader of its landed copy under the current contract
        and declaration; None if the copy does not exist any more.
    :param names: the files to replay; all by default.
    :param sha256s: of these files, only those with these digests. Default: all.
    :param actor: who replays them, for the snapshots' summaries.

    Raises the reader's exceptions. Raises `DeliveryRefusedError` if a file's records do not start at the same lines as
    when it was loaded. In either case nothing is changed. Raises `CommitError` if a commit did not succeed or a table
    was changed in the meantime; the same call again is safe.
    """
    table = ensure_table(catalog, contract)
    rejects_table = ensure_table(catalog, rejects_contract(contract))
    with service_errors(f"looking for rejected records of {contract.identifier}", catalog.uri):
        rejected = {
            sha256: file
            for sha256, file in rejected_rows(rejects_table, period, names).items()
            if sha256s is None or sha256 in sha256s
        }
        loaded, stagings = rows_and_stagings(table, period.key, rejected)
    results, files = [], []
    for sha256, file in sorted(rejected.items(), key=lambda item: item[1].name):
        if not loaded[sha256]:
            results.append(_skipped(file, sha256, "not_loaded"))
            continue
        with open_reader(file.name, sha256) as reader:
            if reader is None:
                results.append(_skipped(file, sha256, "raw_copy_gone"))
                continue
            staging = max(stagings[sha256])
            rereader = FileRereader(table, rejects_table, contract, source_name, period, file, sha256, staging)
            reread = rereader.run(reader, loaded[sha256])
        files.append(reread)
        results.append(
            ReplayedFile(
                name=file.name,
                sha256=sha256,
                status="replayed",
                rows_loaded=len(reread.already_loaded) + len(reread.now_valid),
                rows_rejected=len(reread.still_rejected),
            )
        )
    _append_valid_rows(catalog, contract, source_name, period, [file for file in files if file.now_valid], actor)
    _replace_rejects(catalog, contract, source_name, period, [file for file in files if not file.is_unchanged], actor)
    for result in results:
        logger.info(
            "%s %s: %s: %s, %d rejected records loaded, %d still rejected",
            *(source_name, period.key, result.name, result.status, result.rows_loaded, result.rows_rejected),
        )
    return results


def _skipped(file: RejectedRows, sha256: str, status: Literal["not_loaded", "raw_copy_gone"]) -> ReplayedFile:
    return ReplayedFile(name=file.name, sha256=sha256, status=status, rows_loaded=0, rows_rejected=len(file.rows))


# --- the commits --------------------------------------------------------------------------------------------------


def _append_valid_rows(
    catalog: RestCatalog,
    contract: TableContract,
    source_name: str,
    period: Period,
    files: list[RereadFile],
    actor: Actor | None,
) -> None:
    """Append the rows that are valid now, on a snapshot that holds their files and none of these rows."""

    def change(table: Table) -> Callable[[Transaction], None] | None:
        digests = {file.sha256 for file in files}
        loaded, stagings = rows_and_stagings(table, period.key, digests)
        missing = [file for file in files if not file.now_valid & loaded[file.sha256]]
        for file in files:
            loaded_rows = loaded[file.sha256]
            same_load = file.staged_at in stagings.get(file.sha256, ())
            if not same_load or (file not in missing and not file.now_valid <= loaded_rows):
                raise _concurrent_change(contract.identifier, "this replay changed nothing in it")
        if not missing:
            return None

        def apply(transaction: Transaction) -> None:
            added = [data_file for file in missing for data_file in file.data_files]
            summary = LoadSummary(
                source=source_name, period=period.key, files=len(missing), action="replay", actor=actor
            )
            append_files(transaction, added, summary.to_properties())

        return apply

    if files:
        commit_with_retry(catalog, contract.identifier, change)


def _replace_rejects(
    catalog: RestCatalog,
    contract: TableContract,
    source_name: str,
    period: Period,
    files: list[RereadFile],
    actor: Actor | None,
) -> None:
    """Make the rejects table hold, for these files, exactly the records that are still rejected."""
    identifier = rejects_contract(contract).identifier
    names, digests = {file.name for file in files}, {file.sha256 for file in files}

    def change(rejects: Table) -> Callable[[Transaction], None] | None:
        rejected = rejected_rows(rejects, period, names)
        tasks = rejects.scan(row_filter=file_filter(period.key, digests)).plan_files()
        live_paths = {task.file.file_path for task in tasks}
        # Read after the rejects table: an undo or another load of the file since then ends the replay.
        table = catalog.load_table(contract.identifier)
        loaded, stagings = rows_and_stagings(table, period.key, digests)
        stale = []
        for file in files:
            rows = rejected[file.sha256].rows if file.sha256 in rejected else BitMap64()
            if rows == file.still_rejected and (
                rows != file.rejected_before or live_paths.issuperset(paths_of(file.reject_files))
            ):
                continue
            same_load = file.staged_at in stagings.get(file.sha256, ())
            moved = file.now_valid | file.already_loaded
            if rows != file.rejected_before or not same_load or not moved <= loaded[file.sha256]:
                state = f"the records that are valid now are in {contract.identifier} and may be in both tables"
                raise _concurrent_change(identifier, state)
            stale.append(file)
        if not stale:
            return None

        def apply(transaction: Transaction) -> None:
            summary = LoadSummary(source=source_name, period=period.key, files=len(stale), action="replay", actor=actor)
            removed = dict.fromkeys(file.sha256 for file in stale)
            replacement = without_rows(rejects, rejects_contract(contract), period.key, removed)
            replacement.added.extend(data_file for file in stale for data_file in file.reject_files)
            replacement.apply(transaction, summary.to_properties())

        return apply

    if files:
        commit_with_retry(catalog, identifier, change)


def _concurrent_change(identifier: str, state: str) -> CommitError:
    return CommitError(
        f"{identifier} was changed by another replay, load or undo during this replay; {state}",
        next_step="run only one of them at a time, and run the replay again: it checks both tables first",
    )
