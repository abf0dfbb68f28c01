"""pyiceberg's streaming `append` of a RecordBatchReader, which is Arrow's incremental CSV reader."""

from __future__ import annotations

import time

import pyarrow.csv as arrow_csv
from common import arrow_csv_options, job, open_catalog, report

task = job()
table = open_catalog().load_table(task.table)
options = arrow_csv_options(task)
started = time.perf_counter()
with arrow_csv.open_csv(task.path, **options) as reader:
    table.append(reader)
report(time.perf_counter() - started)
