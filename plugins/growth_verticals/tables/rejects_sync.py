"""The rejects table follows the table: a file's rejects come from the staging whose rows the table holds.

Two tables cannot be committed together, so rows decide. A load writes its rejects first and its rows next; then it
looks again. Whoever won, the rejects of each file are made those of the winner: the winner removes what other
stagings left and restores its own if they were removed meanwhile, and a loser removes its own. What a replay has
moved to the table since is not restored.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from growth_verticals.catalog.load_summary import LoadSummary
from growth_verticals.contract.table import rejects_contract
from growth_verticals.tables.commit_loop import commit_with_retry
from growth_verticals.tables.ledger import loaded_row_numbers, loaded_stagings
from growth_verticals.tables.rewrite import rows_of_files, without_rows
from growth_verticals.tables.writer import DataFileWriter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from pyiceberg.catalog.rest import RestCatalog
    from pyiceberg.manifest import DataFile
    from pyiceberg.table import Table, Transaction

    from growth_verticals.cadence import Period
    from growth_verticals.contract.table import TableContract
    from growth_verticals.tables.staged import StagedBatch


@dataclass(frozen=True, kw_only=True)
class RejectsSync:
    """Makes the rejects of staged files follow the table. Any call may be repeated."""

    catalog: RestCatalog
    contract: TableContract
    source_name: str
    period: Period
    batches: Sequence[StagedBatch]

    def before_rows(self) -> None:
        """Write the batches' rejects, in place of those of other stagings of files that are not loaded."""
        self._sync(rows_committed=False)

    def after_rows(self) -> None:
        """Make each file's rejects those of the staging that the table holds, and make it last.

        For a batch that won, this always adds a snapshot to the rejects table: a change that others are about to
        commit, and that they checked before the rows were committed, then fails and is checked again.
        """
        self._sync(rows_committed=True)

    def _sync(self, *, rows_committed: bool) -> None:
        contract = rejects_contract(self.contract)
        batches = [batch for batch in self.batches if not batch.is_committed]

        def change(rejects: Table) -> Callable[[Transaction], None] | None:
            # Read after the rejects table: if the rejects are changed meanwhile, this commit fails and is tried again.
            table = self.catalog.load_table(self.contract.identifier)
            digests = {sha256 for batch in batches for sha256 in batch.digests}
            loaded = loaded_stagings(table, self.period.key, digests)
            present = loaded_stagings(rejects, self.period.key, digests)
            removed: dict[str, Iterable[int] | None] = {}
            missing: list[tuple[StagedBatch, set[str]]] = []
            fence = False
            for batch in batches:
                won = any(batch.staged_at in loaded.get(sha256, ()) for sha256 in batch.digests)
                lost = not won and (
                    (rows_committed and bool(batch.digests_with_rows)) or bool(batch.digests & loaded.keys())
                )
                for sha256 in batch.digests & present.keys():
                    unwanted = {batch.staged_at} & present[sha256] if lost else present[sha256] - {batch.staged_at}
                    if unwanted:
                        removed[sha256] = unwanted
                absent = {
                    file.sha256
                    for file in batch.files
                    if file.rows_rejected and batch.staged_at not in present.get(file.sha256, ())
                }
                if absent and not lost:
                    missing.append((batch, absent))
                fence |= rows_committed and won and bool(batch.reject_files)
            added = [
                data_file for batch, absent in missing for data_file in self._rejects_of(batch, absent, table, rejects)
            ]
            if not removed and not added and not fence:
                return None

            def apply(transaction: Transaction) -> None:
                replacement = without_rows(rejects, contract, self.period.key, removed)
                replacement.added.extend(added)
                summary = LoadSummary(source=self.source_name, period=self.period.key, files=len(digests))
                replacement.apply(transaction, summary.to_properties())

            return apply

        if batches:
            commit_with_retry(self.catalog, contract.identifier, change)

    def _rejects_of(self, batch: StagedBatch, absent: set[str], table: Table, rejects: Table) -> Sequence[DataFile]:
        """Return data files with the rejects of some files of a batch, without those that a replay has loaded."""
        loaded = loaded_row_numbers(table, self.period.key, absent)
        every_file = absent == {file.sha256 for file in batch.files if file.rows_rejected}
        if every_file and not any(loaded.values()):
            return batch.reject_files
        contract = rejects_contract(self.contract)
        writer = DataFileWriter(rejects, contract)
        for rows in rows_of_files(rejects, contract, batch.reject_files):
            digests = rows.column("source_file_sha256").cast(pa.string())
            for sha256 in absent:
                of_file = rows.filter(pc.equal(digests, sha256))
                is_loaded = pc.is_in(of_file.column("source_row"), value_set=pa.array(loaded[sha256], pa.int64()))
                left = of_file.filter(pc.invert(is_loaded))
                if left.num_rows:
                    writer.write(left, {})
        return writer.close()
