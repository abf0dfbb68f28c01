"""Daft: read_csv with a declared schema -> write_iceberg. Its CSV reader knows one decimal type; casts do the rest."""

from __future__ import annotations

import time

import daft
from common import daft_schema, job, open_catalog, report

task = job()
table = open_catalog().load_table(task.table)
schema = daft_schema(task.columns)
decimals = {name: kind for name, kind in schema.items() if kind.is_decimal128()}
read_as = schema | dict.fromkeys(decimals, daft.DataType.decimal128(38, 10))
started = time.perf_counter()
frame = daft.read_csv(str(task.path), infer_schema=False, schema=read_as, delimiter=task.delimiter)
frame = frame.with_columns({name: daft.col(name).cast(kind) for name, kind in decimals.items()})
frame.write_iceberg(table, mode="append")
report(time.perf_counter() - started)
