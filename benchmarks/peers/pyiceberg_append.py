"""pyiceberg, the simple way: read the whole file into memory with Arrow's reader (all threads), then `append`."""

from __future__ import annotations

import time

import pyarrow.csv as arrow_csv
from common import arrow_csv_options, job, open_catalog, report

task = job()
table = open_catalog().load_table(task.table)
options = arrow_csv_options(task)
started = time.perf_counter()
table.append(arrow_csv.read_csv(task.path, **options))
report(time.perf_counter() - started)
