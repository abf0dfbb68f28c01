"""Daft: read_csv with a declared schema -> write_iceberg. Its CSV reader has only one decimal type, so casts follow."""

from __future__ import annotations

import time

import daft
from common import daft_schema, job, open_catalog, report

task = job()
table = open_catalog().load_table(task.table)
schema = daft_schema(task.columns)
decimals = {name: data_type for name, data_type in schema.items() if data_type.is_decimal128()}
read_as = schema | dict.fromkeys(decimals, daft.DataType.decimal128(38, 10))
started = time.perf_counter()
frame = daft.read_csv(str(task.path), infer_schema=False, schema=read_as, delimiter=task.delimiter)
frame = frame.with_columns({name: daft.col(name).cast(data_type) for name, data_type in decimals.items()})
frame.write_iceberg(table, mode="append")
report(time.perf_counter() - started)
