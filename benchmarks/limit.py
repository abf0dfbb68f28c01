"""The machine's limit: only Arrow's typed CSV parsing and Parquet encoding, on two threads, to local disk.

    python -m benchmarks.limit SHAPE FILE FOLDER

There is no hash, no value check, no rejects, no provenance and no server. Prints JSON.
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
    incomplete_record = b""

    def next_block() -> bytes:
        nonlocal incomplete_record
        with lock:
            data = file.read(_BLOCK_BYTES)
            end = data.rfind(b"\n") + 1
            block, incomplete_record = incomplete_record + data[:end], data[end:]
            return block

    def parse_and_encode(number: int) -> int:
        writer = None
        batches: list[pa.Table] = []
        rows = total = size = 0
        while True:
            data = next_block()
            if data:
                read = arrow_csv.ReadOptions(use_threads=False, block_size=len(data), column_names=schema.names)
                table = arrow_csv.read_csv(pa.BufferReader(data), read, parse, convert)
                batches.append(table)
                rows, size = rows + table.num_rows, size + table.nbytes
            if batches and (not data or rows >= _ROW_GROUP_ROWS or size >= _ROW_GROUP_BYTES):
                row_group = pa.concat_tables(batches)
                if writer is None:
                    sample = row_group.slice(0, _SAMPLE_ROWS)
                    dictionary_columns = [
                        name
                        for name in schema.names
                        if pc.count_distinct(sample.column(name)).as_py() < 0.3 * sample.num_rows
                    ]
                    writer = pq.ParquetWriter(
                        folder / f"{number}.parquet",
                        schema,
                        compression="zstd",
                        compression_level=1,
                        use_dictionary=dictionary_columns,
                        store_decimal_as_integer=True,
                    )
                writer.write_table(row_group, row_group_size=_ROW_GROUP_ROWS)
                total, rows, size, batches = total + rows, 0, 0, []
            if not data:
                if writer is not None:
                    writer.close()
                return total

    with ThreadPoolExecutor(2) as pool:
        rows = sum(pool.map(parse_and_encode, range(2)))
    inner, inner_cpu = time.perf_counter() - started, time.process_time() - started_cpu
    print(json.dumps({"inner": inner, "inner_cpu": inner_cpu, "rows": rows}))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
