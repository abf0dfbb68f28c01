"""polars: scan_csv -> sink_iceberg. It does not capture bad rows and hashes nothing."""

from __future__ import annotations

import sys
import time

import polars as pl
from common import job, open_catalog, polars_schema, report

task = job()
table = open_catalog().load_table(task.table)
schema = polars_schema(task.columns)
started = time.perf_counter()
scan = pl.scan_csv if task.path.suffix != ".jsonl" else pl.scan_ndjson
options = {"separator": task.delimiter} if task.path.suffix != ".jsonl" else {}
scan(task.path, schema=schema, **options).sink_iceberg(table, mode="append")
report(time.perf_counter() - started)
sys.exit()
