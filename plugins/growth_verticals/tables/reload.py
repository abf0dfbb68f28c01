"""Reload: put the rows of loaded files, staged again, in the place of the rows that the table has of them.

The old rows leave in the snapshot in which the new ones come, and so do the rejects in their table. Until then nothing
is changed, so a reload that is refused leaves the table as it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from growth_verticals.catalog.create import ensure_table
from growth_verticals.catalog.load_summary import LoadSummary
from growth_verticals.catalog.service_errors import service_errors
from growth_verticals.contract.table import rejects_contract
from growth_verticals.errors import DeliveryRefusedError
from growth_verticals.tables.commit_loop import commit_with_retry
from growth_verticals.tables.ledger import loaded_stagings
from growth_verticals.tables.rejects_sync import RejectsSync
from growth_verticals.tables.restated import RestatedRule, Restatements
from growth_verticals.tables.rewrite import without_rows
from growth_verticals.tables.staged import StagedBatch, read_batch, split_into_batches
from growth_verticals.tables.undo import require_approved_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pyiceberg.catalog.rest import RestCatalog
    from pyiceberg.table import Table, Transaction

    from growth_verticals.cadence import Period
    from growth_verticals.contract.table import TableContract
    from growth_verticals.delivery import Actor, StagedFile
    from growth_verticals.tables.undo import LoadedFile


def reload_files(
    catalog: RestCatalog,
    contract: TableContract,
    source_name: str,
    period: Period,
    approved: Sequence[LoadedFile],
    staged: Sequence[StagedFile],
    *,
    actor: Actor | None = None,
) -> int | None:
    """Replace the rows and rejects of loaded files by those of their new staging. Calling it again is always safe.

    Return the id of the snapshot with the new rows; None if there is nothing to replace, for example in a retry. A
    retry after the rows were committed finds their staging in the table and only finishes the rejects. Memory: two row
    groups; data files that hold other files' rows too are written again without these.

    :param approved: the files as a person saw them.
    :param staged: the same files, staged with `again`. The caller has checked their counts.

    Raises `DeliveryRefusedError` if the table has other rows of these files than those that were approved, or if
    staged files were removed; then nothing is changed. Raises `CommitError`, `ServiceError`.
    """
    table, rejects_table = ensure_table(catalog, contract), ensure_table(catalog, rejects_contract(contract))
    seen = {file.sha256: set(file.stagings) for file in approved}
    wanted = {file.sha256: {file.staged_at} for file in staged if file.rows_valid}
    with service_errors(f"looking for loaded files in {contract.identifier}", catalog.uri):
        done = loaded_stagings(table, period.key, seen) == wanted
    batches = [
        StagedBatch(files, [], [], is_committed=True)
        if done
        else read_batch(table, rejects_table, period, files, set(), source_name)
        for files in split_into_batches(staged)
    ]
    made: list[int] = []

    def change(table: Table) -> Callable[[Transaction], None] | None:
        present = loaded_stagings(table, period.key, seen)
        if present == wanted:
            return None
        if any(not stagings <= seen[sha256] for sha256, stagings in present.items()):
            raise DeliveryRefusedError(
                f"one of these files was loaded again for {period.key} since it was shown; nothing was changed",
                source=source_name,
                next_step="start a new run, which shows what is loaded now",
            )

        def apply(transaction: Transaction) -> None:
            replacement = without_rows(table, contract, period.key, present)
            require_approved_rows(source_name, period, sum(file.rows_loaded for file in approved), replacement.rows)
            replacement.added.extend(data_file for batch in batches for data_file in batch.data_files)
            uris = [batch.files[0].rejects_manifest for batch in batches]
            summary = LoadSummary(
                source=source_name,
                period=period.key,
                files=len(wanted),
                restated="reload",
                files_replaced=len(present),
                rows_replaced=replacement.rows,
                actor=actor,
                rejects=tuple(filter(None, uris)),
            )
            made.append(replacement.apply(transaction, summary.to_properties()))

        return apply

    restatements = Restatements(
        catalog=catalog,
        contract=contract,
        source_name=source_name,
        period=period,
        staged=staged,
        rule=RestatedRule(policy="add"),  # no other file leaves
        actor=actor,
    )
    with RejectsSync(restatements=restatements, batches=batches).following_rows():
        metadata = commit_with_retry(catalog, contract.identifier, change).metadata
    return next((each for each in made if metadata.snapshot_by_id(each) is not None), None)
