"""Commit on the snapshot that was checked, or not at all.

pyiceberg 0.12 often reports the wrong outcome of a commit: success as failure, and failure as an unknown state. Its
own retries also rebase an append onto a snapshot that nobody has checked for the files. So this module trusts no
exception. After each failure it reads the current metadata again and checks the table for the files. It appends the
missing ones on exactly that snapshot or not at all.
"""

from __future__ import annotations

import logging
import time
from secrets import SystemRandom
from typing import TYPE_CHECKING

from pyiceberg.table import Table, TableProperties, Transaction
from pyiceberg.table.update import AddSnapshotUpdate

from growth_verticals.catalog.file_io import NoDeleteFileIO
from growth_verticals.catalog.service_errors import translate_error
from growth_verticals.errors import CommitError, ConfigurationError, DeliveryRefusedError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pyiceberg.catalog.rest import RestCatalog
    from pyiceberg.manifest import DataFile
    from pyiceberg.table.update import TableUpdate

logger = logging.getLogger(__name__)

#: Attempts per commit. The pauses between attempts double from the first to the longest, each ± 50 %: about a minute
#: in total.
ATTEMPTS = 12
FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 8.0
#: A role without a right does not get it by waiting. A single refusal is checked like every other failure.
_MAX_REFUSALS = 2
#: A commit that brings a table to this many manifests merges them into one.
MIN_MANIFESTS_TO_MERGE = 15


def commit_with_retry(
    catalog: RestCatalog, identifier: str, change: Callable[[Table], Callable[[Transaction], None] | None]
) -> Table:
    """Commit `change` on the snapshot that it checked; retry until nothing is left to change. Return the table.

    :param change: given the current table, returns None if there is nothing to change, else a function that adds the
        change to a transaction. It is called before every attempt and once more if the last one fails. If
        it raises a `CommitError` or `DeliveryRefusedError`, there are no more attempts.

    A request of an earlier attempt may reach the catalog late. It either fails, because the snapshot is no longer
    current, or it succeeds and the next check sees it. Raises `CommitError` after `ATTEMPTS`. No snapshot refers to
    the files that failed attempts have written. Raises `ConfigurationError` if the catalog refuses twice in a row.
    """
    failure: Exception | None = None
    refusals = 0
    for attempt in range(1, ATTEMPTS + 2):
        try:
            table: Table = catalog.load_table(identifier)
            apply = change(table)
            if apply is None:
                return table
            if attempt > ATTEMPTS:
                raise _retries_exhausted(identifier, "nothing of this call was committed") from failure
            transaction = Transaction(_for_one_transaction(table))
            apply(transaction)
            _keep_time_order(transaction, table.metadata.last_updated_ms)
            return transaction.commit_transaction()
        except (CommitError, ConfigurationError, DeliveryRefusedError):
            raise
        except Exception as error:  # no type of exception says whether the commit succeeded
            name = type(error).__name__
            logger.warning("commit to %s, attempt %d: %s; checking the table again", identifier, attempt, name)
            failure = error
            refusal = translate_error(error, f"committing to {identifier}", catalog.uri)
            refusals = refusals + 1 if isinstance(refusal, ConfigurationError) else 0
            if refusal is not None and refusals == _MAX_REFUSALS:
                raise refusal from error
        if attempt <= ATTEMPTS:
            time.sleep(_pause_s(attempt))
    raise _retries_exhausted(
        identifier, "whether the last one succeeded is unknown, because the table cannot be read"
    ) from failure


def _for_one_transaction(table: Table) -> Table:
    """Return a copy of `table`, in memory only, for one transaction.

    - pyiceberg's retries, rebasing and deletes are off.
    - Manifests are merged: checking which files a table holds reads its manifests, so there must be few.
    - Only snapshots with a branch or tag are kept, and no logs: pyiceberg copies the whole metadata about fifteen times
      per commit, and the commit needs no more of it than that.
    """
    metadata = table.metadata
    properties = metadata.properties | {
        TableProperties.COMMIT_NUM_RETRIES: "0",
        TableProperties.MANIFEST_MERGE_ENABLED: "true",
        TableProperties.MANIFEST_MIN_MERGE_COUNT: str(MIN_MANIFESTS_TO_MERGE),
    }
    referenced = {ref.snapshot_id for ref in metadata.refs.values()}
    snapshots = [snapshot for snapshot in metadata.snapshots if snapshot.snapshot_id in referenced]
    reduced = {"properties": properties, "snapshots": snapshots, "snapshot_log": [], "metadata_log": []}
    io = NoDeleteFileIO(table.io)
    return Table(
        table.name(), metadata.model_copy(update=reduced), table.metadata_location, io, table.catalog, table.config
    )


def _keep_time_order(transaction: Transaction, last_updated_ms: int) -> None:
    """Give the transaction's snapshots the table's last time if this machine's clock shows an earlier one.

    A catalog refuses a snapshot that is more than a minute older than the table (Iceberg's TableMetadata.addSnapshot).
    So without this, one commit by a machine whose clock is ahead would stop all others until that time has passed.
    """

    def in_order(update: TableUpdate) -> TableUpdate:
        if not isinstance(update, AddSnapshotUpdate) or update.snapshot.timestamp_ms >= last_updated_ms:
            return update
        snapshot = update.snapshot.model_copy(update={"timestamp_ms": last_updated_ms})
        return update.model_copy(update={"snapshot": snapshot})

    updates = transaction._updates  # noqa: SLF001 - pyiceberg offers no other way
    transaction._updates = tuple(in_order(update) for update in updates)  # noqa: SLF001


def append_files(transaction: Transaction, data_files: Sequence[DataFile], properties: dict[str, str]) -> int:
    """Append existing data files in the transaction, as one snapshot. Return the snapshot's id."""
    with transaction.update_snapshot(snapshot_properties=properties).merge_append() as append:
        for data_file in data_files:
            append.append_data_file(data_file)
    return append.snapshot_id


def _retries_exhausted(identifier: str, state: str) -> CommitError:
    return CommitError(
        f"the commit to {identifier} did not succeed in {ATTEMPTS} attempts; {state}",
        next_step="run the commit again: it checks the table first and loads nothing twice. If it keeps failing, look "
        "for other writers to the table, and check the catalog (`./gv doctor`)",
    )


def _pause_s(attempt: int) -> float:
    pause: float = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** (attempt - 1))
    return pause * SystemRandom().uniform(0.5, 1.5)
