"""DuckDB: read_csv with declared types, and INSERT through its iceberg extension and the proxy in `signing.py`.

The extensions are installed as packages; nothing is downloaded.
"""

from __future__ import annotations

import os
import time
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

import duckdb
from common import job, report
from signing import start_signing_proxy


def extension(name: str) -> Path:
    package = find_spec(f"duckdb_extension_{name}")
    return next(Path(package.origin).parent.glob(f"extensions/*/{name}.duckdb_extension"))


task = job()
engine = duckdb.connect(config={"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"})
for name in ("avro", "httpfs", "iceberg"):
    engine.execute(f"LOAD '{extension(name)}'")
engine.execute("SET preserve_insertion_order = false")
engine.execute(
    f"""CREATE SECRET (TYPE s3, KEY_ID '{os.environ["AWS_ACCESS_KEY_ID"]}', REGION '{os.environ["AWS_REGION"]}',
    SECRET '{os.environ["AWS_SECRET_ACCESS_KEY"]}', URL_STYLE 'path', USE_SSL false,
    ENDPOINT '{urlsplit(os.environ["AWS_ENDPOINT_URL_S3"]).netloc}')"""
)
engine.execute(
    f"""ATTACH '{os.environ["GV_TABLE_BUCKET_ARN"]}' AS lake
    (TYPE iceberg, ENDPOINT '{start_signing_proxy()}', AUTHORIZATION_TYPE 'none', ACCESS_DELEGATION_MODE 'none')"""
)
started = time.perf_counter()
engine.execute(
    f"INSERT INTO lake.{task.table} SELECT * FROM read_csv($path, delim=$delimiter, header=true, columns=$columns)",
    {"path": str(task.path), "delimiter": task.delimiter, "columns": task.columns},
)
report(time.perf_counter() - started)
