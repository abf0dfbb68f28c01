"""The rejects table follows the table: a file's rejects come from the staging whose rows the table holds.

Two tables cannot be committed together, so the rows decide. A load adds its rejects, commits its rows, and then checks
which staging the table holds. The winner removes the rejects of other stagings, and restores its own if somebody
removed them in the meantime. A loser removes its own. Records that a replay has loaded since are not restored.

A load that replaces files adds its rejects after its rows, in the snapshot in which the rejects of the old files leave.
If it ends in between, its retry or the next load of the same file adds them.
"""

from __future__ import annotations

from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import pyarrow as pa
import pyarrow.compute as pc
from pyiceberg.table import FileScanTask

from growth_verticals.catalog.load_summary import LoadSummary
from growth_verticals.contract.table import rejects_contract
from growth_verticals.delivery import StagedFile
from growth_verticals.errors import DeliveryRefusedError, GrowthVerticalsError
from growth_verticals.tables.commit_loop import commit_with_retry
from growth_verticals.tables.ledger import loaded_row_numbers, loaded_stagings, staging_numbers
from growth_verticals.tables.rewrite import rows_of_files, without_rows
from growth_verticals.tables.scan import read_columns
from growth_verticals.tables.staged import StagedBatch, read_staged_manifest
from growth_verticals.tables.writer import DataFileWriter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from pyiceberg.manifest import DataFile
    from pyiceberg.table import Table, Transaction

    from growth_verticals.cadence import Period
    from growth_verticals.contract.table import TableContract
    from growth_verticals.tables.restated import Restatements

    Stagings = Mapping[str, set[int]]
    _Phase = Literal["before rows", "after refusal", "after rows", "after failure", "check"]


@dataclass(frozen=True)
class _BatchState:
    """What is to be done for one batch.

    :param unwanted: by digest, the stagings whose rejects are to be removed.
    :param absent: the digests whose rejects of this staging are missing.
    """

    batch: StagedBatch
    has_won: bool
    unwanted: dict[str, set[int]]
    absent: set[str]


@dataclass(frozen=True, kw_only=True)
class RejectsSync:
    """Makes the rejects of staged batches follow the table. Each call can be repeated at any time."""

    restatements: Restatements
    batches: Sequence[StagedBatch]

    @property
    def contract(self) -> TableContract:
        return self.restatements.contract

    @property
    def period(self) -> Period:
        return self.restatements.period

    @property
    def source_name(self) -> str:
        return self.restatements.source_name

    @contextmanager
    def following_rows(self) -> Iterator[None]:
        """Make the rejects follow the commit of the rows in this `with` statement, also if it fails."""
        try:
            yield
        except GrowthVerticalsError:
            with suppress(GrowthVerticalsError):  # the first error says more
                self.after_failure()
            raise
        self.after_rows()

    def before_rows(self) -> None:
        """Add the batches' rejects. Rejects of other stagings stay, because one of these can still win."""
        self._sync("before rows")

    def after_refusal(self) -> None:
        """For a delivery with too many rejects: keep these rejects, and remove those of other stagings."""
        self._sync("after refusal")

    def after_rows(self) -> None:
        """Make each file's rejects those of the staging that the table holds, whatever others do at the same time.

        Removes the rejects of the files that this delivery has replaced. For a batch that has won, this always adds a
        snapshot to the rejects table. A change of the rejects that was checked before the rows were committed then
        fails, and its next check sees the rows.
        """
        if self._sync("after rows"):
            self._sync("check")  # an undo that removed the rows in the meantime did not see these rejects

    def after_failure(self) -> None:
        """The same after a commit of the rows that failed, or whose outcome is unknown: replaces and adds nothing."""
        self._sync("after failure")

    def _sync(self, phase: _Phase) -> bool:
        """Make one commit if it is necessary. Return whether it added rejects."""
        contract = rejects_contract(self.contract)
        before = phase in ("before rows", "after refusal")
        batches = [batch for batch in self.batches if batch.staged_at and not (before and batch.is_committed)]
        digests = {sha256 for batch in batches for sha256 in batch.digests}
        staged_at = {sha256: batch.staged_at for batch in batches for sha256 in batch.digests}
        has_added = False

        def change(rejects: Table) -> Callable[[Transaction], None] | None:
            present = loaded_stagings(rejects, self.period.key, digests)
            # Read after the rejects table: if the rejects change in the meantime, this commit fails and is tried again.
            table = self.restatements.catalog.load_table(self.contract.identifier)
            loaded = loaded_stagings(table, self.period.key, digests)
            states = [_state_of(batch, loaded, present, phase) for batch in batches]
            unwanted = {sha256: each for state in states for sha256, each in state.unwanted.items()}
            added = [data_file for state in states for data_file in self._rejects_of(state, table, rejects)]
            must_fence = phase == "after rows" and any(state.has_won and state.batch.reject_files for state in states)
            if phase in ("after rows", "check"):
                unwanted |= self.restatements.left(rejects, table, staged_at)
            if not (must_fence or unwanted or added):
                return None

            def apply(transaction: Transaction) -> None:
                nonlocal has_added
                has_added = has_added or bool(added)
                replacement = without_rows(rejects, contract, self.period.key, unwanted)
                replacement.added.extend(added)
                summary = LoadSummary(
                    source=self.source_name,
                    period=self.period.key,
                    files=len(digests),
                    actor=self.restatements.made_by,
                )
                replacement.apply(transaction, summary.to_properties())

            return apply

        if batches:
            commit_with_retry(self.restatements.catalog, contract.identifier, change)
        return has_added

    def _rejects_of(self, state: _BatchState, table: Table, rejects: Table) -> Sequence[DataFile]:
        """Return data files with the missing rejects of a batch, without the records that a replay has loaded."""
        batch, absent = state.batch, state.absent
        if not absent:
            return []
        reject_files = batch.reject_files
        if batch.is_committed:  # by an earlier attempt, which may have ended before it restored its rejects
            with suppress(DeliveryRefusedError):  # maintenance has removed the staged manifest
                reject_files = read_staged_manifest(rejects, batch.files[0].rejects_manifest, self.source_name)
        loaded = loaded_row_numbers(table, self.period.key, absent)
        if absent == _with_rejects(batch) and not batch.is_committed and not any(loaded.values()):
            return reject_files
        contract = rejects_contract(self.contract)
        writer = DataFileWriter(rejects, contract)
        try:
            for rows in rows_of_files(rejects, contract, reject_files):
                digests = rows.column("source_file_sha256").cast(pa.string())
                for sha256 in absent:
                    of_file = rows.filter(pc.equal(digests, sha256))
                    is_loaded = pc.is_in(of_file.column("source_row"), value_set=pa.array(loaded[sha256], pa.int64()))
                    if (missing := of_file.filter(pc.invert(is_loaded))).num_rows:
                        writer.write(missing, {})
            return writer.close()
        except BaseException:
            writer.abort()
            raise


def _state_of(batch: StagedBatch, loaded: Stagings, present: Stagings, phase: _Phase) -> _BatchState:
    """Compare a batch with what the table (`loaded`) and the rejects table (`present`) hold."""
    staging = batch.staged_at
    has_won = any(staging in loaded.get(sha256, ()) for sha256 in batch.digests)
    is_after = phase in ("after rows", "after failure", "check")
    was_committed = is_after and bool(batch.digests_with_rows)
    has_lost = not has_won and (was_committed or not batch.digests.isdisjoint(loaded))
    unwanted: dict[str, set[int]] = {}
    for sha256 in batch.digests & present.keys():
        others = set() if phase == "before rows" else present[sha256] - {staging}
        if stagings := present[sha256] & {staging} if has_lost else others:
            unwanted[sha256] = stagings
    absent = {sha256 for sha256 in _with_rejects(batch) if staging not in present.get(sha256, ())}
    adds_nothing = has_lost or (phase == "after failure" and not has_won)
    return _BatchState(batch, has_won, unwanted, set() if adds_nothing else absent)


def unfinished_batches(
    table: Table, rejects: Table, source_name: str, period: Period, staged: Sequence[StagedFile]
) -> list[StagedBatch]:
    """Return the batches of loaded files whose load replaced others and ended before it added its rejects.

    The summary of its snapshot names them until the snapshot expires. That is a second chance: the first is the retry
    of the commit, which knows its batches.
    """
    names = {file.sha256: file.name for file in staged if file.status == "already_loaded"}
    summaries = [LoadSummary.of_snapshot(snapshot) for snapshot in table.snapshots()] if names else []
    uris = [uri for summary in summaries if summary and summary.period == period.key for uri in summary.rejects]
    if not uris:
        return []
    loaded, present = (loaded_stagings(each, period.key, names) for each in (table, rejects))
    batches = []
    for uri in uris:
        with suppress(DeliveryRefusedError):  # maintenance has removed the staged manifest
            found = _stagings_of(rejects, read_staged_manifest(rejects, uri, source_name))
            files = [
                StagedFile(
                    name=names[sha256],
                    sha256=sha256,
                    status="staged",
                    rows_valid=1,
                    rows_rejected=1,
                    rejects_manifest=uri,
                    staged_at=staging,
                )
                for sha256, staging in sorted(found)
                if staging in loaded.get(sha256, ()) and staging not in present.get(sha256, ())
            ]
            if files:
                batches.append(StagedBatch(files, [], [], is_committed=True))
    return batches


def _stagings_of(table: Table, data_files: Sequence[DataFile]) -> set[tuple[str, int]]:
    """Return digest and staging of the rows of staged data files."""
    found: set[tuple[str, int]] = set()
    for data_file in data_files:
        for batch in read_columns(table, FileScanTask(data_file), ("source_file_sha256", "staged_at")):
            digests, staged_at = batch.column(0).cast(pa.string()).to_pylist(), staging_numbers(batch).to_pylist()
            found |= set(zip(digests, staged_at, strict=True))
    return found


def _with_rejects(batch: StagedBatch) -> set[str]:
    return {file.sha256 for file in batch.files if file.rows_rejected}
