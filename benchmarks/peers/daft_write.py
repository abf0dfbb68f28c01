"""Daft: read_csv with a declared schema -> write_iceberg."""

from __future__ import annotations

import time

import daft
from common import daft_schema, job, open_catalog, report

task = job()
table = open_catalog().load_table(task.table)
schema = daft_schema(task.columns)
started = time.perf_counter()
frame = daft.read_csv(str(task.path), infer_schema=False, schema=schema, delimiter=task.delimiter)
frame.write_iceberg(table, mode="append")
report(time.perf_counter() - started)
