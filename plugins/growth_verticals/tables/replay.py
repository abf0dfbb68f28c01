"""Replay: loading the rejected records that pass by the contract of now, exactly once, and nothing else.

The records are read again from their file, not from what the rejects table kept of them. Those that pass are appended
to the table under their old provenance; then the file's rejects are replaced by those that still do not pass.

    look ─> read again ─> append to the table ─> replace in the rejects table

A crash in between leaves records in both tables. The next replay asks the table which of the rejected records it
holds (period, sha256, source_row), appends the others and takes all of them out of the rejects table. Both commits
hold only on a head that was asked; a table that has become another one meanwhile ends the replay.
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
from growth_verticals.tables.ledger import file_filter, loaded_row_numbers
from growth_verticals.tables.rejected import rejected_rows
from growth_verticals.tables.rereading import Reread, Rereading
from growth_verticals.tables.staged import paths_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from contextlib import AbstractContextManager

    from pyiceberg.catalog.rest import RestCatalog
    from pyiceberg.table import Table, Transaction

    from growth_verticals.cadence import Period
    from growth_verticals.contract.table import TableContract
    from growth_verticals.reader import Reader
    from growth_verticals.tables.rejected import RejectedRows

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class ReplayedFile:
    """What became of a file's rejected records.

    :param status: `replayed`; `not_loaded` where the table holds no row of the file, which is to be loaded as a whole;
        `raw_copy_gone` where the file is not there to be read again.
    :param rows_loaded: records that left the rejects table for the table, also if an earlier replay appended them.
    :param rows_rejected: records that are rejected still.
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
) -> list[ReplayedFile]:
    """Read a period's rejected records again and load those that pass. One snapshot a table, or none.

    A retry finds what an earlier call appended and does not append it again, whatever became of that call. Two at once
    append once; the slower one may end in `CommitError`. A file is cut from its start to its end, and only the blocks
    that have rejected records are parsed. Memory: two blocks, two row groups, and a bit a record of the period at most.

    :param open_reader: given a file's name and sha256, returns a reader of its bytes by the contract and declaration
        of now; None where the bytes are gone.
    :param names: of the files to replay; all by default.

    Raises what the reader raises, and `DeliveryRefusedError` when a file's records do not start where they did when it
    was loaded; nothing is changed then. Raises `CommitError` when a head could not be moved, or a table was changed
    meanwhile; the same call again is safe.
    """
    table = ensure_table(catalog, contract)
    rejects_table = ensure_table(catalog, rejects_contract(contract))
    with service_errors(f"looking for rejected records of {contract.identifier}", catalog.uri):
        rejected = rejected_rows(rejects_table, period, names)
        loaded = loaded_row_numbers(table, period.key, rejected)
    results, files = [], []
    for sha256, file in sorted(rejected.items(), key=lambda item: item[1].name):
        if not loaded[sha256]:
            results.append(_left(file, sha256, "not_loaded"))
            continue
        with open_reader(file.name, sha256) as reader:
            if reader is None:
                results.append(_left(file, sha256, "raw_copy_gone"))
                continue
            reread = Rereading(table, rejects_table, contract, source_name, period, file, sha256).run(
                reader, loaded[sha256]
            )
        files.append(reread)
        results.append(
            ReplayedFile(
                name=file.name,
                sha256=sha256,
                status="replayed",
                rows_loaded=len(reread.held) + len(reread.passed),
                rows_rejected=len(reread.failed),
            )
        )
    _append_passed(catalog, contract, source_name, period, [file for file in files if file.passed])
    _replace_rejects(catalog, contract, source_name, period, [file for file in files if not file.same])
    for result in results:
        logger.info(
            "%s %s: %s: %s, %d rejected records loaded, %d rejected still",
            *(source_name, period.key, result.name, result.status, result.rows_loaded, result.rows_rejected),
        )
    return results


def _left(file: RejectedRows, sha256: str, status: Literal["not_loaded", "raw_copy_gone"]) -> ReplayedFile:
    return ReplayedFile(name=file.name, sha256=sha256, status=status, rows_loaded=0, rows_rejected=len(file.rows))


# --- the commits --------------------------------------------------------------------------------------------------


def _append_passed(
    catalog: RestCatalog, contract: TableContract, source_name: str, period: Period, files: list[Reread]
) -> None:
    """Append the rows that passed, on a head that holds their files and none of these rows."""

    def change(table: Table) -> Callable[[Transaction], None] | None:
        loaded = loaded_row_numbers(table, period.key, {file.sha256 for file in files})
        missing = [file for file in files if not file.passed & loaded[file.sha256]]
        for file in files:
            there = loaded[file.sha256]
            if not there or (file not in missing and not file.passed <= there):
                raise _changed(contract.identifier, "nothing of this call is in it")
        if not missing:
            return None

        def apply(transaction: Transaction) -> None:
            added = [part for file in missing for part in file.data_files]
            summary = LoadSummary(source=source_name, period=period.key, files=len(missing))
            append_files(transaction, added, summary.to_properties())

        return apply

    if files:
        commit_with_retry(catalog, contract.identifier, change)


def _replace_rejects(
    catalog: RestCatalog, contract: TableContract, source_name: str, period: Period, files: list[Reread]
) -> None:
    """Make the rejects table hold, of these files, the records that failed."""
    identifier = rejects_contract(contract).identifier
    names, ours = {file.name for file in files}, {file.sha256 for file in files}

    def change(table: Table) -> Callable[[Transaction], None] | None:
        held = rejected_rows(table, period, names)
        live = {task.file.file_path for task in table.scan(row_filter=file_filter(period.key, ours)).plan_files()}
        stale = []
        for file in files:
            now = held[file.sha256].rows if file.sha256 in held else BitMap64()
            if now == file.failed and (now != file.before or live.issuperset(paths_of(file.reject_files))):
                continue
            if now != file.before:
                raise _changed(identifier, f"the records that passed are in {contract.identifier} and may be in both")
            stale.append(file)
        if not stale:
            return None

        def apply(transaction: Transaction) -> None:
            summary = LoadSummary(source=source_name, period=period.key, files=len(stale)).to_properties()
            transaction.delete(file_filter(period.key, {file.sha256 for file in stale}), snapshot_properties=summary)
            if added := [part for file in stale for part in file.reject_files]:
                append_files(transaction, added, summary)

        return apply

    if files:
        commit_with_retry(catalog, identifier, change)


def _changed(identifier: str, state: str) -> CommitError:
    return CommitError(
        f"{identifier} was changed by another replay, load or undo while this one was reading; {state}",
        next_step="let one of them run at a time, and run the replay again: it asks both tables first",
    )
