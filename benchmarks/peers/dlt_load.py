"""dlt: Arrow batches through the filesystem destination with table format iceberg. A folder is read file by file.

dlt has its own catalog for this destination, so its commit sends no request to the REST catalog.
"""

from __future__ import annotations

import os
import tempfile
import time
from typing import TYPE_CHECKING, Any

import dlt
import pyarrow.csv as arrow_csv
from common import Job, arrow_csv_options, job, report
from dlt.destinations import filesystem

if TYPE_CHECKING:
    from collections.abc import Iterator


def run(source: Any, namespace: str, name: str) -> None:
    """Load one resource, and print the report."""
    destination = filesystem(
        bucket_url=f"{os.environ['GV_LANDING_URI']}/dlt",
        credentials={
            "aws_access_key_id": os.environ["AWS_ACCESS_KEY_ID"],
            "aws_secret_access_key": os.environ["AWS_SECRET_ACCESS_KEY"],
            "endpoint_url": os.environ["AWS_ENDPOINT_URL_S3"],
            "region_name": os.environ["AWS_REGION"],
        },
    )
    with tempfile.TemporaryDirectory(dir=".") as folder:
        pipeline = dlt.pipeline("bench", pipelines_dir=folder, destination=destination, dataset_name=namespace)
        started = time.perf_counter()
        pipeline.run(source, loader_file_format="parquet")
        inner = time.perf_counter() - started
        report(inner, pipeline.last_trace.last_normalize_info.row_counts[name])


def batches(task: Job) -> Iterator[Any]:
    """Yield the rows of the file, or of each file of the folder."""
    options = arrow_csv_options(task)
    for path in sorted(task.path.glob("*.csv")) if task.path.is_dir() else [task.path]:
        with arrow_csv.open_csv(path, **options) as reader:
            yield from reader


if __name__ == "__main__":
    task = job()
    namespace, name = task.table.split(".")
    rows = dlt.resource(batches, name=name, write_disposition="append", table_format="iceberg")
    run(rows(task), namespace, name)
