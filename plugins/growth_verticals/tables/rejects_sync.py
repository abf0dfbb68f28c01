"""The rejects table follows the table: a file's rejects come from the staging whose rows the table holds.

Two tables cannot be committed together, so the rows decide. A load adds its rejects, commits its rows, and then checks
which staging the table holds. The winner removes the rejects of other stagings, and restores its own if somebody
removed them in the meantime. A loser removes its own. Records that a replay has loaded since are not restored.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import pyarrow as pa
import pyarrow.compute as pc

from growth_verticals.catalog.load_summary import LoadSummary
from growth_verticals.contract.table import rejects_contract
from growth_verticals.errors import DeliveryRefusedError
from growth_verticals.tables.commit_loop import commit_with_retry
from growth_verticals.tables.ledger import loaded_row_numbers, loaded_stagings
from growth_verticals.tables.rewrite import rows_of_files, without_rows
from growth_verticals.tables.staged import read_staged_manifest
from growth_verticals.tables.writer import DataFileWriter

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pyiceberg.catalog.rest import RestCatalog
    from pyiceberg.manifest import DataFile
    from pyiceberg.table import Table, Transaction

    from growth_verticals.cadence import Period
    from growth_verticals.contract.table import TableContract
    from growth_verticals.tables.staged import StagedBatch

    Stagings = Mapping[str, set[int]]
    _Phase = Literal["before rows", "after refusal", "after rows"]


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

    catalog: RestCatalog
    contract: TableContract
    source_name: str
    period: Period
    batches: Sequence[StagedBatch]

    def before_rows(self) -> None:
        """Add the batches' rejects. Rejects of other stagings stay, because one of these can still win."""
        self._sync("before rows")

    def after_refusal(self) -> None:
        """For a delivery with too many rejects: keep these rejects, and remove those of other stagings."""
        self._sync("after refusal")

    def after_rows(self) -> None:
        """Make each file's rejects those of the staging that the table holds, whatever others do at the same time.

        For a batch that has won, this always adds a snapshot to the rejects table. A change of the rejects that was
        checked before the rows were committed then fails, and its next check sees the rows.
        """
        self._sync("after rows")

    def _sync(self, phase: _Phase) -> None:
        contract = rejects_contract(self.contract)
        batches = [
            batch for batch in self.batches if batch.staged_at and (phase == "after rows" or not batch.is_committed)
        ]
        digests = {sha256 for batch in batches for sha256 in batch.digests}

        def change(rejects: Table) -> Callable[[Transaction], None] | None:
            present = loaded_stagings(rejects, self.period.key, digests)
            # Read after the rejects table: if the rejects change in the meantime, this commit fails and is tried again.
            table = self.catalog.load_table(self.contract.identifier)
            loaded = loaded_stagings(table, self.period.key, digests)
            states = [_state_of(batch, loaded, present, phase) for batch in batches]
            unwanted = {sha256: each for state in states for sha256, each in state.unwanted.items()}
            added = [data_file for state in states for data_file in self._rejects_of(state, table, rejects)]
            must_fence = phase == "after rows" and any(state.has_won and state.batch.reject_files for state in states)
            if not (must_fence or unwanted or added):
                return None

            def apply(transaction: Transaction) -> None:
                replacement = without_rows(rejects, contract, self.period.key, unwanted)
                replacement.added.extend(added)
                summary = LoadSummary(source=self.source_name, period=self.period.key, files=len(digests))
                replacement.apply(transaction, summary.to_properties())

            return apply

        if batches:
            commit_with_retry(self.catalog, contract.identifier, change)

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
        if absent == _with_rejects(batch) and not any(loaded.values()):
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
    was_committed = phase == "after rows" and bool(batch.digests_with_rows)
    has_lost = not has_won and (was_committed or not batch.digests.isdisjoint(loaded))
    unwanted: dict[str, set[int]] = {}
    for sha256 in batch.digests & present.keys():
        others = set() if phase == "before rows" else present[sha256] - {staging}
        if stagings := present[sha256] & {staging} if has_lost else others:
            unwanted[sha256] = stagings
    absent = {sha256 for sha256 in _with_rejects(batch) if staging not in present.get(sha256, ())}
    return _BatchState(batch, has_won, unwanted, set() if has_lost else absent)


def _with_rejects(batch: StagedBatch) -> set[str]:
    return {file.sha256 for file in batch.files if file.rows_rejected}
