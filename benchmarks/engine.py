"""Run the engine once in its own process: from landed bytes on local disk to one snapshot.

    python -m benchmarks.engine SHAPE FILE-OR-FOLDER NAMESPACE

Does everything that a load does except the raw copy: hash, validation, provenance, rejects, upload, commit. Prints
JSON. In a real load, landing computes a file's digest during the transfer, and the receipt has it before staging. Here
a thread computes the digest during staging, and it must equal the stored one.
"""

from __future__ import annotations

import hashlib
import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from mmap import ACCESS_READ, MADV_DONTNEED, mmap
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from growth_verticals.reader import Reader

_MAPPED_BYTES = 2**22


def main(shape_name: str, path: Path, namespace: str) -> None:
    from benchmarks.shapes import SHAPES
    from growth_verticals.account import Account
    from growth_verticals.cadence import OnDemand
    from growth_verticals.catalog.create import ensure_table
    from growth_verticals.catalog.rest import open_catalog
    from growth_verticals.contract.ddl import read_ddl
    from growth_verticals.contract.table import rejects_contract
    from growth_verticals.delivery import LandedFile
    from growth_verticals.files import open_reader
    from growth_verticals.source import Delimited, Inbox, JsonLines, Source
    from growth_verticals.tables.commit import commit_delivery
    from growth_verticals.tables.stage import stage_files

    shape = SHAPES[shape_name]
    source = Source(
        name=shape.name,
        table=f"{namespace}.{shape.name}",
        cadence=OnDemand(),
        delivery=Inbox(),
        format=JsonLines() if path.suffix == ".jsonl" else Delimited(delimiter=shape.delimiter, member="*"),
    )
    contract = read_ddl(shape.ddl(namespace))
    period = OnDemand().parse("2026-11-20")
    catalog = open_catalog(Account.from_environment())

    @contextmanager
    def open_landed(landed: LandedFile) -> Iterator[Reader]:
        with Path(landed.uri).open("rb") as raw:
            yield open_reader(raw, landed.name, source, contract)

    paths = sorted(path.glob("*.csv")) if path.is_dir() else [path]
    stored_digests = [_stored_digest(file) for file in paths]
    for table_contract in (contract, rejects_contract(contract)):
        ensure_table(catalog, table_contract)  # not timed, because a peer's table exists too when it starts
    started, started_cpu = time.perf_counter(), time.process_time()
    with ThreadPoolExecutor(1) as pool:
        digests = pool.map(_digest, paths)
        files = [
            LandedFile(name=file.name, uri=str(file), size=file.stat().st_size, sha256=sha256, origin="bench", etag="")
            for file, sha256 in zip(paths, stored_digests, strict=True)
        ]
        staged = stage_files(catalog, contract, source.name, period, files, open_landed)
        if list(digests) != stored_digests:
            raise AssertionError("the digests of the files differ from the stored digests")
    result = commit_delivery(catalog, contract, source.name, period, staged, max_rejected=0.05, expected_rows=None)
    inner, inner_cpu = time.perf_counter() - started, time.process_time() - started_cpu
    snapshots = len(catalog.load_table(contract.identifier).metadata.snapshots)
    report = {"inner": inner, "inner_cpu": inner_cpu, "rows": result.rows_read, "rejected": result.rows_rejected}
    print(json.dumps(report | {"snapshots": snapshots}))


def _stored_digest(path: Path) -> str:
    """Return the digest of a generated file. The first use of the file computes it and stores it next to the file."""
    stored = path.with_name(f"{path.name}.sha256")
    if not stored.exists():
        stored.write_text(_digest(path))
    return stored.read_text()


def _digest(path: Path) -> str:
    """Return a file's SHA-256 without copying its bytes, because landing computes it from bytes in memory."""
    digest = hashlib.sha256()
    with path.open("rb") as raw, mmap(raw.fileno(), 0, access=ACCESS_READ) as mapped, memoryview(mapped) as data:
        for start in range(0, len(data), _MAPPED_BYTES):
            digest.update(data[start : start + _MAPPED_BYTES])
            # Without this, the bytes that were read count as the process's memory.
            mapped.madvise(MADV_DONTNEED, start, min(_MAPPED_BYTES, len(data) - start))
    return digest.hexdigest()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), sys.argv[3])
