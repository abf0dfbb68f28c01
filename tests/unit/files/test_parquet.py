"""Parquet: columns are matched by name, and no cast changes a value."""

from __future__ import annotations

import gzip
import io
import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from growth_verticals.errors import FileRefusedError
from growth_verticals.files.parquet import ParquetReader
from growth_verticals.source import Parquet
from tests.unit.files.reading import contract, drain, read, source

TS = datetime(2026, 11, 22, 10, 0, 0, 123456)  # noqa: DTZ001


def parquet(**columns: pa.Array) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(pa.table(columns), buffer)
    return buffer.getvalue()


def value(column_type: str, array: pa.Array) -> Any:
    """Return the value loaded from a file with one value, or the reason for its rejection in angle brackets."""
    table = contract(id="int", value=column_type)
    got = read(parquet(id=pa.array([1]), value=array), table, Parquet(), name="f.parquet")
    return got.rows[0]["value"] if got.rows else f"<{got.rejects[0]['reason']}>"


@pytest.mark.parametrize(
    ("column_type", "array", "loaded"),
    [
        ("string", pa.array(["01234"]), "01234"),
        ("string", pa.array([""]), ""),
        ("string", pa.array(["a"]).dictionary_encode(), "a"),
        ("string", pa.array(["a"], pa.large_string()), "a"),
        ("string", pa.array(["a\0"]), "<nul_byte>"),
        ("string", pa.array([b"a"]), "a"),
        ("string", pa.array([b"\xff"]), "<wrong_type>"),
        ("string", pa.array([None], pa.null()), None),
        ("string", pa.array([123]), "123"),
        ("int", pa.array([12], pa.int64()), 12),
        ("int", pa.array([2**31], pa.int64()), "<out_of_range>"),
        ("int", pa.array([12.0]), 12),
        ("int", pa.array([12.5]), "<not_an_integer>"),
        ("int", pa.array([float("nan")]), "<not_an_integer>"),
        ("int", pa.array(["12"]), 12),
        ("int", pa.array(["1E5"]), "<not_an_integer>"),
        ("int", pa.array([Decimal("1.50")]), "<not_an_integer>"),
        ("double", pa.array([0.5], pa.float32()), 0.5),
        ("double", pa.array([float("inf")]), "<not_a_number>"),
        ("double", pa.array([2**53 + 1]), "<too_precise>"),
        ("decimal(5, 2)", pa.array([Decimal("1.500")]), Decimal("1.50")),
        ("decimal(5, 2)", pa.array([Decimal("1.505")]), "<too_precise>"),
        ("decimal(5, 2)", pa.array([Decimal("1000.00")]), "<out_of_range>"),
        ("decimal(5, 2)", pa.array([7]), Decimal("7.00")),
        ("decimal(5, 2)", pa.array([1_000]), "<out_of_range>"),
        ("date", pa.array([date(2026, 11, 22)]), date(2026, 11, 22)),
        ("date", pa.array([datetime(2026, 11, 22)]), date(2026, 11, 22)),  # noqa: DTZ001
        ("date", pa.array([TS]), "<not_a_date>"),
        ("timestamp", pa.array([TS]), TS),
        ("timestamp", pa.array([TS.replace(tzinfo=UTC)]), TS),
        ("timestamp", pa.array([1_000], pa.timestamp("ns")), datetime(1970, 1, 1, 0, 0, 0, 1)),  # noqa: DTZ001
        ("timestamp", pa.array([1], pa.timestamp("ns")), "<too_precise>"),
        ("timestamptz", pa.array([TS.replace(tzinfo=UTC)]), TS.replace(tzinfo=UTC)),
        ("boolean", pa.array([True]), True),
    ],
)
def test_a_value_is_loaded_exactly_or_rejected_with_its_reason(column_type: str, array: pa.Array, loaded: Any) -> None:
    assert value(column_type, array) == loaded


@pytest.mark.parametrize(
    ("column_type", "array"),
    [
        ("decimal(5, 2)", pa.array([0.1])),
        ("float", pa.array([0.1])),
        ("string", pa.array([0.1])),
        ("string", pa.array([["a"]])),
        ("boolean", pa.array([1])),
        ("timestamptz", pa.array([TS])),
        ("timestamp", pa.array([TS], pa.timestamp("us", "America/New_York"))),
        ("date", pa.array([20261122])),
    ],
)
def test_a_type_that_could_change_values_refuses_the_file(column_type: str, array: pa.Array) -> None:
    with pytest.raises(FileRefusedError) as refused:
        value(column_type, array)
    assert refused.value.column == "value"


def test_columns_are_matched_by_name_and_extra_columns_are_kept() -> None:
    table = contract(id="int!", name="string", extra="map<string, string>")
    data = parquet(Name=pa.array(["a", "b"]), ID=pa.array([1, None]), size=pa.array([9.5, None]))
    got = read(data, table, Parquet(), extra_columns="keep")
    assert got.rows == [{"id": 1, "name": "a", "extra": [("size", "9.5")], "source_row": 1}]
    assert got.reasons == [(2, "id", "missing_required")]
    assert json.loads(got.rejects[0]["raw_record"]) == {"Name": "b", "ID": None, "size": None}


def test_blocks_of_any_size_give_the_same_rows() -> None:
    data = parquet(id=pa.array(range(100)), name=pa.array([f"n{n}" for n in range(100)]))
    table = contract(id="int", name="string")
    reader = ParquetReader([("f", io.BytesIO(data))], source(Parquet()), Parquet(), table, batch_cells=14)
    assert drain(reader) == read(data, table, Parquet())


@pytest.mark.parametrize("data", [b"", b"id,name\n1,a\n", parquet(id=pa.array([1]))[:-6], b"PAR1" + bytes(100)])
def test_anything_but_a_complete_parquet_file_is_refused(data: bytes) -> None:
    with pytest.raises(FileRefusedError):
        read(data, contract(id="int"), Parquet(), name="f.parquet")


def test_parquet_inside_gzip_is_read() -> None:
    data = gzip.compress(parquet(id=pa.array([1])))
    assert read(data, contract(id="int"), Parquet(), name="f.parquet.gz").column("id") == [1]
