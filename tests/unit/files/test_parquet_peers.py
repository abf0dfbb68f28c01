"""Parquet files of many encodings: this reader, DuckDB and Arrow's own whole-table read find the same rows."""

from __future__ import annotations

import random
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from growth_verticals.files.parquet import ParquetReader
from growth_verticals.source import Parquet
from tests.unit.files.reading import contract, drain, source

if TYPE_CHECKING:
    from pathlib import Path

TYPES = {
    "id": "long",
    "small": "int",
    "name": "string",
    "born": "date",
    "seen": "timestamp",
    "amount": "decimal(12, 3)",
    "score": "double",
    "active": "boolean",
}
NAMES = ["Ada", "Zoë", "李", "", " two words ", 'quo"te', "line\nbreak", "x" * 300, "🙂"]
ENCODINGS = {
    "id": ["PLAIN", "DELTA_BINARY_PACKED"],
    "small": ["PLAIN", "DELTA_BINARY_PACKED"],
    "name": ["PLAIN", "DELTA_LENGTH_BYTE_ARRAY", "DELTA_BYTE_ARRAY"],
    "score": ["PLAIN", "BYTE_STREAM_SPLIT"],
    "active": ["PLAIN", "RLE"],
}


def random_table(chance: random.Random, rows: int) -> pa.Table:
    def column(make: Any, data_type: pa.DataType) -> pa.Array:
        share = chance.choice([0, 0.1, 1])
        return pa.array([None if chance.random() < share else make() for _ in range(rows)], data_type)

    start = datetime(1900, 1, 1)  # noqa: DTZ001
    name = column(lambda: chance.choice(NAMES), chance.choice([pa.string(), pa.large_string()]))
    return pa.table(
        {
            "id": column(lambda: chance.randrange(-(2**63), 2**63), pa.int64()),
            "small": column(lambda: chance.randrange(-128, 128), chance.choice([pa.int8(), pa.int32(), pa.int64()])),
            "name": chance.choice([name, name.cast(pa.string()).dictionary_encode()]),
            "born": column(lambda: date(1900, 1, 1) + timedelta(chance.randrange(60_000)), pa.date32()),
            "seen": column(lambda: start + timedelta(seconds=chance.randrange(10**10)), pa.timestamp("us")),
            "amount": column(lambda: Decimal(chance.randrange(-(10**12), 10**12)).scaleb(-3), pa.decimal128(12, 3)),
            "score": column(chance.random, pa.float64()),
            "active": column(lambda: chance.random() < 0.5, pa.bool_()),
        }
    )


def random_options(chance: random.Random) -> dict[str, Any]:
    encodings: dict[str, Any] = {"use_dictionary": True}
    if chance.random() < 0.6:
        chosen = {name: chance.choice(names) for name, names in ENCODINGS.items()}
        encodings = {"use_dictionary": False, "column_encoding": chosen}
    return encodings | {
        "compression": chance.choice(["none", "snappy", "zstd", "gzip", "brotli", "lz4"]),
        "data_page_version": chance.choice(["1.0", "2.0"]),
        "version": chance.choice(["1.0", "2.4", "2.6"]),
        "data_page_size": chance.choice([64, 2**20]),
        "row_group_size": chance.choice([5, 64, 10_000]),
        "store_schema": chance.random() < 0.5,
        "write_page_checksum": chance.random() < 0.5,
        "write_page_index": chance.random() < 0.5,
        "use_deprecated_int96_timestamps": chance.random() < 0.3,
    }


@pytest.mark.parametrize("seed", range(25))
def test_rows_are_those_that_other_readers_find(seed: int, tmp_path: Path) -> None:
    chance = random.Random(seed)
    table, options = random_table(chance, chance.choice([1, 30, 400])), random_options(chance)
    if "column_encoding" in options and pa.types.is_dictionary(table.schema.field("name").type):
        options["store_schema"] = False  # Arrow cannot read these encodings into a dictionary
    path = tmp_path / "people.parquet"
    pq.write_table(table, path, **options)
    with path.open("rb") as file:
        reader = ParquetReader(
            [("f", file)], source(Parquet()), Parquet(), contract(**TYPES), batch_cells=chance.choice([40, 10**6])
        )
        got = drain(reader)
    assert got.rejects == []
    rows = [tuple(row[name] for name in TYPES) for row in got.rows]
    assert rows == [tuple(row.values()) for row in pq.read_table(path).to_pylist()], options
    assert rows == duckdb.from_parquet(str(path)).fetchall(), options
    assert [row["source_row"] for row in got.rows] == list(range(1, table.num_rows + 1))
