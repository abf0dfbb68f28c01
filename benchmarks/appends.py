"""Append small files to one table, one file per commit, and time each append. Runs in its own process.

    python -m benchmarks.appends FOLDER NAMESPACE

Prints JSON: the seconds of each append (staging and commit), and those of each commit alone.
"""

from __future__ import annotations

import json
import sys
import time
from contextlib import nullcontext
from hashlib import file_digest
from pathlib import Path


def main(folder: Path, namespace: str) -> None:
    from benchmarks.shapes import EVENTS
    from growth_verticals.account import Account
    from growth_verticals.cadence import OnDemand
    from growth_verticals.catalog.rest import open_catalog
    from growth_verticals.contract.ddl import read_ddl
    from growth_verticals.delivery import LandedFile
    from growth_verticals.files import open_reader
    from growth_verticals.source import Delimited, Inbox, Source
    from growth_verticals.tables.commit import commit_delivery
    from growth_verticals.tables.stage import stage_files

    source = Source(
        name="events", table=f"{namespace}.events", cadence=OnDemand(), delivery=Inbox(), format=Delimited()
    )
    contract = read_ddl(EVENTS.ddl(namespace))
    period = OnDemand().parse("2026-11-20")
    catalog = open_catalog(Account.from_environment())
    appends, commits = [], []
    for path in sorted(folder.glob("*.csv")):
        with path.open("rb") as raw:
            started = time.perf_counter()
            sha256 = file_digest(raw, "sha256").hexdigest()
            landed = LandedFile(
                name=path.name, uri=path.as_uri(), size=path.stat().st_size, sha256=sha256, origin="b", etag=""
            )
            reader = open_reader(raw, path.name, source, contract)
            staged = stage_files(
                catalog, contract, source.name, period, [landed], lambda _, reader=reader: nullcontext(reader)
            )
            commit_started = time.perf_counter()
            commit_delivery(catalog, contract, source.name, period, staged, max_rejected=0.0, expected_rows=None)
            ended = time.perf_counter()
        appends.append(ended - started)
        commits.append(ended - commit_started)
    print(json.dumps({"inner": sum(appends), "appends": appends, "commits": commits}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
