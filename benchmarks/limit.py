"""The local limit: Arrow's typed parse and Parquet encoding on two threads, to local disk, and nothing else.

    python -m benchmarks.limit SHAPE FILE FOLDER

No hash, no check of any value, no rejects, no provenance, no server. Prints JSON.
"""

from __future__ import annotations

import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Lock

_BLOCK_BYTES = 2**21
_ROW_GROUP_ROWS = 131_072
_ROW_GROUP_BYTES = 48 * 2**20
_SAMPLE_ROWS = 20_000


def main(shape_name: str, path: Path, folder: Path) -> None:
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.csv as arrow_csv
    import pyarrow.parquet as pq

    from benchmarks.shapes import SHAPES
    from growth_verticals.contract.ddl import read_ddl
    from growth_verticals.contract.schema import arrow_schema

    shape = SHAPES[shape_name]
    schema = arrow_schema(read_ddl(shape.ddl("bench")).columns)
    convert = arrow_csv.ConvertOptions(column_types=schema, strings_can_be_null=True, check_utf8=False)
    parse = arrow_csv.ParseOptions(delimiter=shape.delimiter, newlines_in_values=True)
    lock = Lock()
    started, started_cpu = time.perf_counter(), time.process_time()
    file = path.open("rb")
    file.readline()
    rest = b""

    def next_block() -> bytes:
        nonlocal rest
        with lock:
            data = file.read(_BLOCK_BYTES)
            end = data.rfind(b"\n") + 1
            block, rest = rest + data[:end], data[end:]
            return block

    def work(number: int) -> int:
        writer = None
        waiting: list[pa.Table] = []
        rows = total = size = 0
        while True:
            data = next_block()
            if data:
                read = arrow_csv.ReadOptions(use_threads=False, block_size=len(data), column_names=schema.names)
                table = arrow_csv.read_csv(pa.BufferReader(data), read, parse, convert)
                waiting.append(table)
                rows, size = rows + table.num_rows, size + table.nbytes
            if waiting and (not data or rows >= _ROW_GROUP_ROWS or size >= _ROW_GROUP_BYTES):
                group = pa.concat_tables(waiting)
                if writer is None:
                    sample = group.slice(0, _SAMPLE_ROWS)
                    repeating = [
                        name
                        for name in schema.names
                        if pc.count_distinct(sample.column(name)).as_py() < 0.3 * sample.num_rows
                    ]
                    writer = pq.ParquetWriter(
                        folder / f"{number}.parquet",
                        schema,
                        compression="zstd",
                        compression_level=1,
                        use_dictionary=repeating,
                        store_decimal_as_integer=True,
                    )
                writer.write_table(group, row_group_size=_ROW_GROUP_ROWS)
                total, rows, size, waiting = total + rows, 0, 0, []
            if not data:
                if writer is not None:
                    writer.close()
                return total

    with ThreadPoolExecutor(2) as pool:
        rows = sum(pool.map(work, range(2)))
    inner, inner_cpu = time.perf_counter() - started, time.process_time() - started_cpu
    print(json.dumps({"inner": inner, "inner_cpu": inner_cpu, "rows": rows}))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
