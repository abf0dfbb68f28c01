"""Staging: a landed file's rows as Parquet under the table's location, referenced by no snapshot yet.

Two workers take blocks from one reader; each parses its block and writes its own Parquet file, which is the fastest
way on two cores (docs/performance.md).
"""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import Lock
from typing import TYPE_CHECKING

from growth_verticals.contract.table import rejects_contract
from growth_verticals.delivery import StagedFile
from growth_verticals.tables.create import ensure_table
from growth_verticals.tables.failures import service_errors
from growth_verticals.tables.ledger import loaded_files
from growth_verticals.tables.manifest import write_staged_manifest
from growth_verticals.tables.parquet import RowSink

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pyiceberg.catalog.rest import RestCatalog
    from pyiceberg.manifest import DataFile

    from growth_verticals.cadence import Period
    from growth_verticals.contract.table import TableContract
    from growth_verticals.delivery import LandedFile
    from growth_verticals.reader import Block, Reader

logger = logging.getLogger(__name__)

WORKERS = 2


def stage_file(
    catalog: RestCatalog,
    contract: TableContract,
    source_name: str,
    period: Period,
    landed: LandedFile,
    open_reader: Callable[[], Reader],
) -> StagedFile:
    """Write one landed file's rows, and its rejected records, as data files that a commit may adopt.

    Creates the table and its rejects table if missing. If the table already holds this (period, sha256), nothing is
    read. Memory does not grow with the file: the process peaks at 400 MB, and at 700 MB for a table that is
    partitioned by its data. A retry stages anew; what the failed attempt wrote is never referenced.

    Raises what the reader raises, as itself; `TableMismatchError`; or `ServiceError`.
    """
    table = ensure_table(catalog, contract)
    rejects_table = ensure_table(catalog, rejects_contract(contract))
    with service_errors(f"looking for loaded files in {contract.identifier}", catalog.uri):
        if loaded_files(table, period.key, {landed.sha256}):
            logger.info("%s %s: %s is already loaded", source_name, period.key, landed.name)
            return StagedFile(name=landed.name, sha256=landed.sha256, status="already_loaded")
    constants = {
        "delivery_period": period.key,
        "source_file": landed.name,
        "source_file_sha256": landed.sha256,
        "loaded_at": datetime.now(UTC),
    }
    sinks = [RowSink(table, contract, constants) for _ in range(WORKERS)]
    rejects = RowSink(rejects_table, rejects_contract(contract), constants)
    try:
        written = _write_all(open_reader(), sinks, rejects)
    except BaseException:
        for sink in (*sinks, rejects):
            sink.abandon()
        raise
    staged = StagedFile(
        name=landed.name,
        sha256=landed.sha256,
        status="staged",
        rows_read=written.rows_read,
        rows_loaded=_rows(written.data_files),
        rows_rejected=_rows(written.reject_files),
        manifest=write_staged_manifest(table, written.data_files),
        rejects_manifest=write_staged_manifest(rejects_table, written.reject_files),
    )
    logger.info(
        "%s %s: staged %s: %d rows read = %d to load + %d rejected, in %d data file(s)",
        *(source_name, period.key, landed.name, staged.rows_read, staged.rows_loaded, staged.rows_rejected),
        len(written.data_files),
    )
    return staged


@dataclass
class _Written:
    rows_read: int = 0
    data_files: list[DataFile] = field(default_factory=list)
    reject_files: list[DataFile] = field(default_factory=list)


class _Queue:
    """A reader's blocks, for several threads to take from until one of them fails."""

    def __init__(self, blocks: Iterator[Block]) -> None:
        self._blocks = blocks
        self._lock = Lock()
        self.failure: BaseException | None = None

    def __iter__(self) -> _Queue:
        return self

    def __next__(self) -> Block:
        with self._lock:
            if self.failure is not None:
                raise StopIteration
            return next(self._blocks)

    def stop(self, failure: BaseException) -> None:
        """Hand out no more blocks. The first failure is the one that is kept."""
        self.failure = self.failure or failure


def _write_all(reader: Reader, sinks: list[RowSink], rejects: RowSink) -> _Written:
    """Run one worker a sink over the reader's blocks. The first exception stops all and is raised as itself."""
    queue = _Queue(iter(reader.blocks()))
    written = _Written()
    lock = Lock()

    def work(sink: RowSink) -> None:
        try:
            for block in queue:
                parsed = reader.parse(block)
                if parsed.rows.num_rows:
                    sink.write(parsed.rows)
                with lock:
                    written.rows_read += parsed.rows_read
                    if parsed.rejects.num_rows:
                        rejects.write(parsed.rejects)
            if queue.failure is None:
                data_files = sink.close()
                with lock:
                    written.data_files += data_files
        except BaseException as failure:  # noqa: BLE001 - kept, and raised by the thread that waits
            queue.stop(failure)

    with ThreadPoolExecutor(max_workers=len(sinks), thread_name_prefix="stage") as pool:
        try:
            for done in [pool.submit(work, sink) for sink in sinks]:
                done.result()
        except BaseException as interrupt:
            # A time-out or a signal reaches this thread: let the workers end after their block.
            queue.stop(interrupt)
            raise
    if queue.failure is not None:
        raise queue.failure
    written.reject_files = rejects.close()
    return written


def _rows(data_files: list[DataFile]) -> int:
    return sum(data_file.record_count for data_file in data_files)
