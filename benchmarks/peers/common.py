"""Code that the peers' scripts share: the job, the catalog, schemas, the report. Runs in the peer's environment."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Job:
    """The task of a peer.

    :param path: the file or folder to load.
    :param table: `namespace.table`. The table exists and has the file's columns.
    :param columns: SQL types by column name.
    """

    path: Path
    table: str
    columns: dict[str, str]
    delimiter: str


def job() -> Job:
    values = json.loads(sys.argv[1])
    return Job(Path(values["path"]), values["table"], values["columns"], values["delimiter"])


def catalog_properties() -> dict[str, str]:
    region = os.environ["AWS_REGION"]
    return {
        "type": "rest",
        "uri": os.environ["GV_CATALOG_URI"],
        "warehouse": os.environ["GV_TABLE_BUCKET_ARN"],
        "rest.sigv4-enabled": "true",
        "rest.signing-name": "s3tables",
        "rest.signing-region": region,
        "client.region": region,
        "s3.region": region,
        "s3.endpoint": os.environ["AWS_ENDPOINT_URL_S3"],
        "s3.access-key-id": os.environ["AWS_ACCESS_KEY_ID"],
        "s3.secret-access-key": os.environ["AWS_SECRET_ACCESS_KEY"],
        "s3.force-virtual-addressing": "false",
    }


def open_catalog() -> Any:
    from pyiceberg.catalog import load_catalog

    return load_catalog("bench", **catalog_properties())


def polars_schema(columns: dict[str, str]) -> dict[str, Any]:
    import polars as pl

    types = {
        "BIGINT": pl.Int64,
        "INT": pl.Int32,
        "DOUBLE": pl.Float64,
        "BOOLEAN": pl.Boolean,
        "DATE": pl.Date,
        "TIMESTAMP": pl.Datetime("us"),
        "STRING": pl.String,
    }
    return {name: types.get(sql_type) or pl.Decimal(*_decimal(sql_type)) for name, sql_type in columns.items()}


def daft_schema(columns: dict[str, str]) -> dict[str, Any]:
    from daft import DataType

    types = {
        "BIGINT": DataType.int64(),
        "INT": DataType.int32(),
        "DOUBLE": DataType.float64(),
        "BOOLEAN": DataType.bool(),
        "DATE": DataType.date(),
        "TIMESTAMP": DataType.timestamp("us"),
        "STRING": DataType.string(),
    }
    return {name: types.get(sql_type) or DataType.decimal128(*_decimal(sql_type)) for name, sql_type in columns.items()}


def arrow_schema(columns: dict[str, str]) -> Any:
    import pyarrow as pa

    types = {
        "BIGINT": pa.int64(),
        "INT": pa.int32(),
        "DOUBLE": pa.float64(),
        "BOOLEAN": pa.bool_(),
        "DATE": pa.date32(),
        "TIMESTAMP": pa.timestamp("us"),
        "STRING": pa.string(),
    }
    return pa.schema(
        [(name, types.get(sql_type) or pa.decimal128(*_decimal(sql_type))) for name, sql_type in columns.items()]
    )


def arrow_csv_options(task: Job) -> dict[str, Any]:
    import pyarrow.csv as arrow_csv

    return {
        "parse_options": arrow_csv.ParseOptions(delimiter=task.delimiter),
        "convert_options": arrow_csv.ConvertOptions(column_types=arrow_schema(task.columns), strings_can_be_null=True),
    }


def report(inner: float, rows: int | None = None) -> None:
    """Print the report.

    :param inner: seconds that the load took.
    :param rows: number of loaded rows, if the peer does not write to the job's table.
    """
    print(json.dumps({"inner": inner, "rows": rows}))


def _decimal(sql_type: str) -> tuple[int, int]:
    """Return precision and scale."""
    precision, scale = sql_type.removeprefix("DECIMAL(").removesuffix(")").split(",")
    return int(precision), int(scale)
