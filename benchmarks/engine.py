"""One run of the engine in a process of its own: landed bytes, on local disk, into one snapshot.

    python -m benchmarks.engine SHAPE FILE-OR-FOLDER NAMESPACE

All that a load does but the raw copy: hash, validation, provenance, rejects, upload, commit. Prints JSON. A file's
digest stands in its receipt when it is staged; here it is made in a thread beside the staging, as landing makes it
beside the transfer, and must be the receipt's.
"""

from __future__ import annotations

import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from hashlib import sha256
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
    receipts = [_receipt(each) for each in paths]
    for each in (contract, rejects_contract(contract)):
        ensure_table(catalog, each)  # a peer finds its table too
    started, started_cpu = time.perf_counter(), time.process_time()
    with ThreadPoolExecutor(1) as pool:
        digests = pool.map(_digest, paths)
        files = [
            LandedFile(name=each.name, uri=str(each), size=each.stat().st_size, sha256=receipt, origin="bench", etag="")
            for each, receipt in zip(paths, receipts, strict=True)
        ]
        staged = stage_files(catalog, contract, source.name, period, files, open_landed)
        if list(digests) != receipts:
            raise AssertionError("the bytes are not what the receipts say")
    result = commit_delivery(catalog, contract, source.name, period, staged, max_rejected=0.05, expected_rows=None)
    inner, inner_cpu = time.perf_counter() - started, time.process_time() - started_cpu
    snapshots = len(catalog.load_table(contract.identifier).metadata.snapshots)
    said = {"inner": inner, "inner_cpu": inner_cpu, "rows": result.rows_read, "rejected": result.rows_rejected}
    print(json.dumps(said | {"snapshots": snapshots}))


def _receipt(path: Path) -> str:
    """Return the digest of a made-up file, as it was told when the file was first used."""
    receipt = path.with_name(f"{path.name}.sha256")
    if not receipt.exists():
        receipt.write_text(_digest(path))
    return receipt.read_text()


def _digest(path: Path) -> str:
    """Return a file's sha256, without a copy of its bytes: landing has them in memory when it makes the digest."""
    made = sha256()
    with path.open("rb") as raw, mmap(raw.fileno(), 0, access=ACCESS_READ) as mapped, memoryview(mapped) as data:
        for start in range(0, len(data), _MAPPED_BYTES):
            made.update(data[start : start + _MAPPED_BYTES])
            mapped.madvise(MADV_DONTNEED, start, min(_MAPPED_BYTES, len(data) - start))  # or it counts as memory
    return made.hexdigest()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), sys.argv[3])
