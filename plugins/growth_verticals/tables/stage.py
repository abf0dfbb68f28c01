"""Staging: landed files' rows as Parquet under the table's location, referenced by no snapshot yet.

Two workers take blocks from one reader after the other; each parses its block and writes its own Parquet file, which
is the fastest way on two cores (docs/performance.md).
"""

from __future__ import annotations

import ctypes
import logging
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Lock
from typing import TYPE_CHECKING, Any

from growth_verticals.catalog.create import ensure_table
from growth_verticals.catalog.service_errors import service_errors
from growth_verticals.contract.table import rejects_contract
from growth_verticals.delivery import StagedFile
from growth_verticals.tables.ledger import loaded_digests
from growth_verticals.tables.prefetch import readers
from growth_verticals.tables.staged import write_staged_manifest
from growth_verticals.tables.writer import DataFileWriter

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    from pyiceberg.catalog.rest import RestCatalog
    from pyiceberg.manifest import DataFile

    from growth_verticals.cadence import Period
    from growth_verticals.contract.table import TableContract
    from growth_verticals.delivery import LandedFile
    from growth_verticals.reader import Block, Reader

logger = logging.getLogger(__name__)

WORKERS = 2
#: glibc's numbers of two settings, from malloc.h, and what they are set to, bytes.
_TRIM_THRESHOLD, _MMAP_THRESHOLD = (-1, 2**28), (-3, 2**25)


def stage_files(
    catalog: RestCatalog,
    contract: TableContract,
    source_name: str,
    period: Period,
    landed: Sequence[LandedFile],
    open_reader: Callable[[LandedFile], AbstractContextManager[Reader]],
) -> list[StagedFile]:
    """Write landed files' rows, and their rejected records, as data files that a commit may adopt; in the same order.

    Creates the table and its rejects table if missing. A file whose (period, sha256) the table already holds is not
    read, and the second of two with equal content neither. Several files share data files, so that many small ones
    cost no more than a large one; they are committed together or not at all. Memory does not grow with the files: the
    process peaks at 400 MB, and at 700 MB for a table that is partitioned by its data. A retry stages anew; what the
    failed attempt wrote is never referenced.

    Raises what a reader raises, as itself; `TableMismatchError`; or `ServiceError`.
    """
    table = ensure_table(catalog, contract)
    rejects_table = ensure_table(catalog, rejects_contract(contract))
    with service_errors(f"looking for loaded files in {contract.identifier}", catalog.uri):
        loaded = loaded_digests(table, period.key, {file.sha256 for file in landed})
    _keep_freed_blocks()
    counting: dict[str, _Counted] = {}
    for file in landed:
        if file.sha256 not in loaded:
            counting.setdefault(file.sha256, _Counted(file, _constants(file, period)))
    sinks = [DataFileWriter(table, contract) for _ in range(WORKERS)]
    rejects = DataFileWriter(rejects_table, rejects_contract(contract))
    try:
        with closing(_blocks(list(counting.values()), open_reader)) as blocks:
            data_files, reject_files = _write_all(blocks, sinks, rejects)
    except BaseException:
        left = [uri for sink in (*sinks, rejects) for uri in sink.abandon()]
        logger.warning("%s %s: staging failed; referenced by nothing: %s", source_name, period.key, left or "no file")
        raise
    manifest = write_staged_manifest(table, data_files)
    rejects_manifest = write_staged_manifest(rejects_table, reject_files)
    staged = []
    for file in landed:
        counted = counting.pop(file.sha256, None)
        if counted is None:
            logger.info("%s %s: %s is already loaded", source_name, period.key, file.name)
            staged.append(StagedFile(name=file.name, sha256=file.sha256, status="already_loaded"))
            continue
        logger.info(
            "%s %s: staged %s: %d rows read = %d to load + %d rejected",
            *(source_name, period.key, file.name, counted.read, counted.loaded, counted.rejected),
        )
        staged.append(
            StagedFile(
                name=file.name,
                sha256=file.sha256,
                status="staged",
                rows_read=counted.read,
                rows_valid=counted.loaded,
                rows_rejected=counted.rejected,
                manifest=manifest,
                rejects_manifest=rejects_manifest,
            )
        )
    return staged


def _keep_freed_blocks() -> None:
    """Let the C library keep a freed block of text for the next one, for the rest of the process.

    It would give each back, and the kernel clear new pages for the next, which costs 5 % of a load.
    """
    with suppress(AttributeError):  # another C library than glibc
        for setting in (_TRIM_THRESHOLD, _MMAP_THRESHOLD):
            ctypes.CDLL(None).mallopt(*setting)


@dataclass
class _Counted:
    """A file that is being staged."""

    file: LandedFile
    constants: Mapping[str, Any]
    read: int = 0
    loaded: int = 0
    rejected: int = 0


def _constants(file: LandedFile, period: Period) -> dict[str, Any]:
    return {
        "delivery_period": period.key,
        "source_file": file.name,
        "source_file_sha256": file.sha256,
        "staged_at": datetime.now(UTC),
    }


def _blocks(
    files: Sequence[_Counted], open_reader: Callable[[LandedFile], AbstractContextManager[Reader]]
) -> Generator[tuple[_Counted, Reader, Block]]:
    """Yield the blocks of all files, one file after the other."""
    with closing(readers([counted.file for counted in files], open_reader)) as opened:
        for counted, entered in zip(files, opened, strict=True):
            with entered as reader:
                for block in reader.blocks():
                    yield counted, reader, block


class _Queue:
    """The files' blocks, for several threads to take from until one of them fails."""

    def __init__(self, blocks: Iterator[tuple[_Counted, Reader, Block]]) -> None:
        self._blocks = blocks
        self._lock = Lock()
        self.failure: BaseException | None = None

    def __iter__(self) -> _Queue:
        return self

    def __next__(self) -> tuple[_Counted, Reader, Block]:
        with self._lock:
            if self.failure is not None:
                raise StopIteration
            return next(self._blocks)

    def stop(self, failure: BaseException) -> None:
        """Hand out no more blocks. The first failure is the one that is kept."""
        self.failure = self.failure or failure


def _write_all(
    blocks: Iterator[tuple[_Counted, Reader, Block]], sinks: list[DataFileWriter], rejects: DataFileWriter
) -> tuple[list[DataFile], list[DataFile]]:
    """Run one worker a sink over the files' blocks. The first exception stops all and is raised as itself."""
    queue = _Queue(blocks)
    data_files: list[DataFile] = []
    lock = Lock()

    def work(sink: DataFileWriter) -> None:
        try:
            for counted, reader, block in queue:
                parsed = reader.parse(block)
                if parsed.rows.num_rows:
                    sink.write(parsed.rows, counted.constants)
                with lock:
                    counted.read += parsed.rows_read
                    counted.loaded += parsed.rows.num_rows
                    counted.rejected += parsed.rejects.num_rows
                    if parsed.rejects.num_rows:
                        rejects.write(parsed.rejects, counted.constants)
            if queue.failure is None:
                written = sink.close()
                with lock:
                    data_files.extend(written)
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
    return data_files, rejects.close()
