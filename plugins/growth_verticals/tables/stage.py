"""Stage landed files: write their rows as Parquet under the table's location. No snapshot refers to them yet.

Files are read one after the other. Two workers take the blocks; each parses its blocks and writes its own Parquet
file, which is the fastest way on two cores (docs/performance.md).
"""

from __future__ import annotations

import ctypes
import logging
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace
from decimal import Decimal
from threading import Lock
from typing import TYPE_CHECKING, Any

from growth_verticals.catalog.create import ensure_table
from growth_verticals.catalog.service_errors import service_errors
from growth_verticals.contract.table import rejects_contract
from growth_verticals.delivery import StagedFile
from growth_verticals.errors import DeliveryRefusedError
from growth_verticals.tables.ledger import loaded_digests
from growth_verticals.tables.prefetch import open_ahead
from growth_verticals.tables.staged import write_staged_manifest
from growth_verticals.tables.writer import DataFileWriter, provenance_values

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
#: Two settings of glibc's malloc: the parameter's number in malloc.h, and the value to set, in bytes.
_TRIM_THRESHOLD, _MMAP_THRESHOLD = (-1, 2**28), (-3, 2**25)


def stage_files(
    catalog: RestCatalog,
    contract: TableContract,
    source_name: str,
    period: Period,
    landed: Sequence[LandedFile],
    open_reader: Callable[[LandedFile], AbstractContextManager[Reader]],
    *,
    again: bool = False,
    staged_at: int | None = None,
) -> list[StagedFile]:
    """Write landed files' rows and rejects as data files for a later commit. Return the staged files, in order.

    Creates the table and its rejects table if missing. A file is not read if the table already holds its
    (period, sha256), unless `again`, nor if an earlier file of the call has equal content. Files that are staged
    together share data files, so that many small files cost no more than one large file; they are committed together
    or not at all.
    Memory does not grow with the files: the process peaks at 400 MB, or at 700 MB for a table that is partitioned by
    its data. A retry stages the files again; no snapshot ever refers to what the failed attempt wrote.

    Raises a reader's exception unchanged, `TableMismatchError`, `ServiceError`, or `DeliveryRefusedError` if a file's
    trailer and the manifest state different sums.
    """
    table = ensure_table(catalog, contract)
    rejects_table = ensure_table(catalog, rejects_contract(contract))
    with service_errors(f"looking for loaded files in {contract.identifier}", catalog.uri):
        loaded = set() if again else loaded_digests(table, period.key, {file.sha256 for file in landed})
    _keep_freed_memory()
    pending: dict[str, _FileProgress] = {}
    staged_at = staged_at or time.time_ns() // 1000
    for file in landed:
        if file.sha256 not in loaded:
            provenance = provenance_values(period.key, file.name, file.sha256, staged_at)
            pending.setdefault(file.sha256, _FileProgress(file, provenance))
    writers = [DataFileWriter(table, contract) for _ in range(WORKERS)]
    rejects_writer = DataFileWriter(rejects_table, rejects_contract(contract))
    try:
        with closing(_blocks(list(pending.values()), open_reader)) as blocks:
            data_files, reject_files = _write_all(blocks, writers, rejects_writer)
    except BaseException:
        uris = [uri for writer in (*writers, rejects_writer) for uri in writer.abort()]
        logger.warning(
            "%s %s: staging failed; no snapshot refers to the files that it wrote: %s",
            *(source_name, period.key, uris or "none"),
        )
        raise
    manifests: dict[str, Any] = {
        "manifest": write_staged_manifest(table, data_files),
        "rejects_manifest": write_staged_manifest(rejects_table, reject_files),
    }
    staged = []
    for file in landed:
        progress = pending.pop(file.sha256, None)
        result = StagedFile(
            name=file.name,
            sha256=file.sha256,
            status="already_loaded",
            uri=file.uri,
            expected_rows=file.expected_rows,
            expected_sums=file.expected_sums,
        )
        if progress is not None:
            result = replace(result, staged_at=staged_at, **manifests, **progress.results(source_name))
        logger.info("%s %s: %s", source_name, period.key, result.describe())
        staged.append(result)
    return staged


def _keep_freed_memory() -> None:
    """Make the C library keep the memory of a freed block for the next block, for the rest of the process.

    By default it returns each block to the kernel, which then clears new pages for the next: 5 % of a load's CPU time.
    """
    with suppress(AttributeError):  # the C library is not glibc
        for setting in (_TRIM_THRESHOLD, _MMAP_THRESHOLD):
            ctypes.CDLL(None).mallopt(*setting)


@dataclass
class _FileProgress:
    """A file that is being staged, and its counts so far."""

    file: LandedFile
    provenance: Mapping[str, Any]
    rows_read: int = 0
    rows_valid: int = 0
    rows_rejected: int = 0
    stated_sums: Mapping[str, Decimal] = field(default_factory=dict)

    def results(self, source_name: str) -> dict[str, Any]:
        """Return what is known of a `StagedFile` after its last block. Raises as `expected_sums`."""
        return {
            "status": "staged",
            "rows_read": self.rows_read,
            "rows_valid": self.rows_valid,
            "rows_rejected": self.rows_rejected,
            "expected_sums": self.expected_sums(source_name),
        }

    def expected_sums(self, source_name: str) -> tuple[tuple[str, str], ...]:
        """Return the sums of the manifest and of the trailers. Raises `DeliveryRefusedError` if they differ."""
        stated = {column: f"{total:f}" for column, total in self.stated_sums.items()}
        for column, total in self.file.expected_sums:
            if Decimal(total) != Decimal(stated.setdefault(column, total)):
                raise DeliveryRefusedError(
                    "the manifest and the file's trailer state different sums",
                    source=source_name,
                    file=self.file.name,
                    column=column,
                    next_step="ask the vendor which of them is right",
                )
        return tuple(stated.items())


def _blocks(
    files: Sequence[_FileProgress], open_reader: Callable[[LandedFile], AbstractContextManager[Reader]]
) -> Generator[tuple[_FileProgress, Reader, Block]]:
    """Yield the blocks of all files, one file after the other."""
    with closing(open_ahead([progress.file for progress in files], open_reader)) as opened_files:
        for progress, opened in zip(files, opened_files, strict=True):
            with opened as reader:
                for block in reader.blocks():
                    yield progress, reader, block
                progress.stated_sums = reader.stated_sums


class _Queue:
    """The blocks of all files. Several threads take from it until one of them fails."""

    def __init__(self, blocks: Iterator[tuple[_FileProgress, Reader, Block]]) -> None:
        self._blocks = blocks
        self._lock = Lock()
        self.failure: BaseException | None = None

    def __iter__(self) -> _Queue:
        return self

    def __next__(self) -> tuple[_FileProgress, Reader, Block]:
        with self._lock:
            if self.failure is not None:
                raise StopIteration
            return next(self._blocks)

    def stop(self, failure: BaseException) -> None:
        """Hand out no more blocks. Only the first failure is kept."""
        self.failure = self.failure or failure


def _write_all(
    blocks: Iterator[tuple[_FileProgress, Reader, Block]], writers: list[DataFileWriter], rejects_writer: DataFileWriter
) -> tuple[list[DataFile], list[DataFile]]:
    """Run one worker per writer over the blocks. The first exception stops all workers and is raised unchanged."""
    queue = _Queue(blocks)
    data_files: list[DataFile] = []
    lock = Lock()

    def work(writer: DataFileWriter) -> None:
        try:
            for progress, reader, block in queue:
                parsed = reader.parse(block)
                if parsed.rows.num_rows:
                    writer.write(parsed.rows, progress.provenance)
                with lock:
                    progress.rows_read += parsed.rows_read
                    progress.rows_valid += parsed.rows.num_rows
                    progress.rows_rejected += parsed.rejects.num_rows
                    if parsed.rejects.num_rows:
                        rejects_writer.write(parsed.rejects, progress.provenance)
            if queue.failure is None:
                written = writer.close()
                with lock:
                    data_files.extend(written)
        except BaseException as failure:  # noqa: BLE001 - kept in the queue, and raised by the calling thread
            queue.stop(failure)

    with ThreadPoolExecutor(max_workers=len(writers), thread_name_prefix="stage") as pool:
        try:
            for worker in [pool.submit(work, writer) for writer in writers]:
                worker.result()
        except BaseException as interrupt:
            # A timeout or a signal interrupts this thread only: the workers stop after their current block.
            queue.stop(interrupt)
            raise
    if queue.failure is not None:
        raise queue.failure
    return data_files, rejects_writer.close()
