"""dlt, reading a folder of CSV files as in its documentation: `filesystem() | read_csv()`, through pandas and rows.

The destination is the same as in `dlt_load.py`.
"""

from __future__ import annotations

import dlt
from common import job
from dlt.sources.filesystem import filesystem, read_csv
from dlt_load import run

_TYPES = {"BIGINT": "bigint", "INT": "bigint", "DOUBLE": "double", "BOOLEAN": "bool", "TIMESTAMP": "timestamp"}

if __name__ == "__main__":
    task = job()
    namespace, name = task.table.split(".")
    files = filesystem(bucket_url=task.path.as_uri(), file_glob="*.csv") | read_csv()
    hints = {column: {"data_type": _TYPES.get(sql_type, "text")} for column, sql_type in task.columns.items()}
    run(
        dlt.resource(files.with_name(name), write_disposition="append", table_format="iceberg", columns=hints),
        namespace,
        name,
    )
