"""One run of the engine in a process of its own: landed bytes, on local disk, into one snapshot.

    python -m benchmarks.engine SHAPE FILE-OR-FOLDER NAMESPACE

All that a load does but the raw copy: hash, validation, provenance, rejects, upload, commit. Prints JSON.
"""

from __future__ import annotations

import json
import sys
import time
from contextlib import contextmanager
from hashlib import file_digest
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from growth_verticals.reader import Reader


def main(shape_name: str, path: Path, namespace: str) -> None:
    from benchmarks.shapes import SHAPES
    from growth_verticals.account import Account
    from growth_verticals.cadence import OnDemand
    from growth_verticals.contract.ddl import read_ddl
    from growth_verticals.delivery import LandedFile
    from growth_verticals.files import open_reader
    from growth_verticals.source import Delimited, Inbox, JsonLines, Source
    from growth_verticals.tables.catalog import open_catalog
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

    def hashed(path: Path) -> LandedFile:
        with path.open("rb") as raw:
            sha256 = file_digest(raw, "sha256").hexdigest()
            size = raw.tell()
        return LandedFile(name=path.name, uri=str(path), size=size, sha256=sha256, origin="bench")

    started = time.perf_counter()
    files = [hashed(each) for each in (sorted(path.iterdir()) if path.is_dir() else [path])]
    staged = stage_files(catalog, contract, source.name, period, files, open_landed)
    result = commit_delivery(catalog, contract, source.name, period, staged, max_rejected=0.05, expected_rows=None)
    inner = time.perf_counter() - started
    print(json.dumps({"inner": inner, "rows": result.rows_read, "rejected": result.rows_rejected}))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), sys.argv[3])
