"""Committing on the snapshot that was checked, or not at all.

pyiceberg 0.12 often reports the wrong outcome: a commit that succeeded as failed, and one that failed as of unknown
state. Its own retries also move an append onto a snapshot that nobody has checked for the files. So no exception is
trusted here. After each failure the current metadata is read again, the table is checked for the files, and what is
missing is appended on exactly that snapshot or not at all.
"""

from __future__ import annotations

import logging
import time
from secrets import SystemRandom
from typing import TYPE_CHECKING

from pyiceberg.table import Table, TableProperties, Transaction

from growth_verticals.catalog.file_io import NoDeleteFileIO
from growth_verticals.errors import CommitError, DeliveryRefusedError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pyiceberg.catalog.rest import RestCatalog
    from pyiceberg.manifest import DataFile

logger = logging.getLogger(__name__)

#: Attempts per commit. The pauses between them double from the first to the longest, each ± half: a minute in all.
ATTEMPTS = 12
FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 8.0
#: When a commit adds a manifest to this many, they are merged into one.
MIN_MANIFESTS_TO_MERGE = 15


def commit_with_retry(
    catalog: RestCatalog, identifier: str, change: Callable[[Table], Callable[[Transaction], None] | None]
) -> Table:
    """Commit `change` on the snapshot that it checked, until it has nothing left to change. Return that table.

    :param change: given the current table, returns None if nothing is to be changed, else a function that fills a
        transaction. It is called before every attempt and once after the last. A `DeliveryRefusedError` that it
        raises ends the attempts.

    A late request of an earlier attempt either fails, because the snapshot is no longer current, or succeeds and is
    seen by the next check. Raises `CommitError` after `ATTEMPTS`; no snapshot refers to the files that failed
    attempts have written.
    """
    failure: Exception | None = None
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
            return transaction.commit_transaction()
        except (CommitError, DeliveryRefusedError):
            raise
        except Exception as error:  # noqa: BLE001 - the type does not tell whether the commit succeeded
            name = type(error).__name__
            logger.warning("commit to %s, attempt %d: %s; checking the table again", identifier, attempt, name)
            failure = error
        if attempt <= ATTEMPTS:
            time.sleep(_pause_s(attempt))
    raise _retries_exhausted(
        identifier, "whether the last one succeeded is unknown, because the table cannot be read"
    ) from failure


def _for_one_transaction(table: Table) -> Table:
    """Return a copy of `table`, in memory only, for one transaction.

    - pyiceberg's retries, rebasing and deletes are off.
    - Manifests are merged: checking which files a table holds reads its manifests, so there must be few.
    - Of the snapshots only those with a branch or tag are kept, and no log: pyiceberg copies the whole metadata about
      fifteen times per commit, and the commit needs nothing else of it.
    """
    metadata = table.metadata
    properties = metadata.properties | {
        TableProperties.COMMIT_NUM_RETRIES: "0",
        TableProperties.MANIFEST_MERGE_ENABLED: "true",
        TableProperties.MANIFEST_MIN_MERGE_COUNT: str(MIN_MANIFESTS_TO_MERGE),
    }
    named = {ref.snapshot_id for ref in metadata.refs.values()}
    snapshots = [snapshot for snapshot in metadata.snapshots if snapshot.snapshot_id in named]
    reduced = {"properties": properties, "snapshots": snapshots, "snapshot_log": [], "metadata_log": []}
    io = NoDeleteFileIO(table.io)
    return Table(
        table.name(), metadata.model_copy(update=reduced), table.metadata_location, io, table.catalog, table.config
    )


def append_files(transaction: Transaction, data_files: Sequence[DataFile], properties: dict[str, str]) -> int:
    """Add to the transaction a snapshot with data files that are already written; return the snapshot's id."""
    with transaction.update_snapshot(snapshot_properties=properties).merge_append() as append:
        for data_file in data_files:
            append.append_data_file(data_file)
    return append.snapshot_id


def _retries_exhausted(identifier: str, state: str) -> CommitError:
    return CommitError(
        f"the commit to {identifier} did not succeed in {ATTEMPTS} attempts; {state}",
        next_step="run the commit again: it checks the table first and loads nothing twice. If it keeps failing, look "
        "for other writers of the table, and check the catalog (`./gv doctor`)",
    )


def _pause_s(attempt: int) -> float:
    pause: float = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** (attempt - 1))
    return pause * SystemRandom().uniform(0.5, 1.5)
