"""Moving a table's head: from the snapshot that was looked at, or not at all.

pyiceberg 0.12 reports a commit that landed as failed, and one that failed as of unknown state, in most of the ways in
which a server can answer badly; its own retries move an append onto a head that nobody has asked about the files. So
no exception is believed: whatever happens, the current metadata is read again, the table is asked which files it
holds, and the rest is appended on that very head or not at all.
"""

from __future__ import annotations

import logging
import time
from secrets import SystemRandom
from typing import TYPE_CHECKING

from pyiceberg.table import Table, TableProperties, Transaction

from growth_verticals.errors import CommitError, DeliveryRefusedError
from growth_verticals.tables.file_io import KeepingFileIO

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pyiceberg.catalog.rest import RestCatalog
    from pyiceberg.manifest import DataFile

logger = logging.getLogger(__name__)

#: How often the head is tried. The pauses between double from the first to the longest, each ± half: a minute in all.
ATTEMPTS = 12
FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 8.0
#: So many manifests of a table become one when a commit adds another.
MANIFESTS_MERGED_AT = 15


def move_head(
    catalog: RestCatalog, identifier: str, change: Callable[[Table], Callable[[Transaction], None] | None]
) -> Table:
    """Commit what `change` asks for, on the head that it looked at, until it asks for nothing. Return that table.

    :param change: given the current table, returns None if all is as it should be, else what fills a transaction on
        it. It is called anew before every attempt and once after the last. What it raises as `DeliveryRefusedError`
        ends the attempts.

    A late request of an attempt that was given up either finds its head gone, or landed and is seen by the next look.
    Raises `CommitError` after `ATTEMPTS`; the files written by failed attempts stay, referenced by nothing.
    """
    failure: Exception | None = None
    for attempt in range(1, ATTEMPTS + 2):
        try:
            table: Table = catalog.load_table(identifier)
            apply = change(table)
            if apply is None:
                return table
            if attempt > ATTEMPTS:
                raise _gave_up(identifier, "nothing of this call was committed") from failure
            transaction = Transaction(_detached(table))
            apply(transaction)
            return transaction.commit_transaction()
        except (CommitError, DeliveryRefusedError):
            raise
        except Exception as error:  # noqa: BLE001 - by its type nobody can tell whether the commit landed
            name = type(error).__name__
            logger.warning("commit to %s, attempt %d: %s; asking the table again", identifier, attempt, name)
            failure = error
        if attempt <= ATTEMPTS:
            time.sleep(_pause_s(attempt))
    raise _gave_up(identifier, "whether it landed is unknown, for the table could not be read") from failure


def _detached(table: Table) -> Table:
    """Return `table` for one transaction, in memory alone.

    pyiceberg's retries, rebasing and deletes are off. Merging of manifests is on: to ask which files a table holds is
    to read its manifests, so there must be few. Of its history there is what a branch or tag names, and no log:
    pyiceberg copies the metadata whole some fifteen times a commit, and a commit needs nothing else of it.
    """
    metadata = table.metadata
    properties = metadata.properties | {
        TableProperties.COMMIT_NUM_RETRIES: "0",
        TableProperties.MANIFEST_MERGE_ENABLED: "true",
        TableProperties.MANIFEST_MIN_MERGE_COUNT: str(MANIFESTS_MERGED_AT),
    }
    named = {ref.snapshot_id for ref in metadata.refs.values()}
    snapshots = [snapshot for snapshot in metadata.snapshots if snapshot.snapshot_id in named]
    reduced = {"properties": properties, "snapshots": snapshots, "snapshot_log": [], "metadata_log": []}
    io = KeepingFileIO(table.io)
    return Table(
        table.name(), metadata.model_copy(update=reduced), table.metadata_location, io, table.catalog, table.config
    )


def append_files(transaction: Transaction, data_files: Sequence[DataFile], properties: dict[str, str]) -> int:
    """Add a snapshot of data files that are already written to the transaction; return the snapshot's id."""
    with transaction.update_snapshot(snapshot_properties=properties).merge_append() as append:
        for data_file in data_files:
            append.append_data_file(data_file)
    return append.snapshot_id


def _gave_up(identifier: str, state: str) -> CommitError:
    return CommitError(
        f"the head of {identifier} could not be moved in {ATTEMPTS} attempts; {state}",
        next_step="run the commit again: it asks the table first and loads nothing twice. If it keeps failing, look "
        "for other writers of the table and at the catalog (`./gv doctor`)",
    )


def _pause_s(attempt: int) -> float:
    pause: float = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** (attempt - 1))
    return pause * SystemRandom().uniform(0.5, 1.5)
