"""Parquet: columns are matched by name, and no cast changes a value."""

from __future__ import annotations

import gzip
import io
import json
import struct
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


def parquet(options: dict[str, Any] | None = None, /, **columns: pa.Array) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(pa.table(columns), buffer, **(options or {}))
    return buffer.getvalue()


def text(*cells: bytes | None) -> pa.Array:
    """Return a string array of any bytes. Neither Arrow nor its Parquet writer checks them."""
    data = pa.array(cells, pa.binary())
    return pa.Array.from_buffers(pa.string(), len(data), data.buffers())


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
        ("string", pa.array([b"\xff"]), "<not_utf8>"),
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
        ("string", text(b"caf\xe9"), "<not_utf8>"),
        ("int", text(b"\xff"), "<not_utf8>"),
        ("binary", pa.array([b"\xff"]), b"\xff"),
        ("double", pa.array([0.5], pa.float16()), 0.5),
        ("int", pa.array([7.0], pa.float16()), 7),
        ("long", pa.array([2.0**63]), "<not_an_integer>"),
        ("long", pa.array([2**64 - 1], pa.uint64()), "<out_of_range>"),
        ("decimal(20, 0)", pa.array([2**64 - 1], pa.uint64()), Decimal(2**64 - 1)),
        ("decimal(5, 2)", pa.array([Decimal("1.25")], pa.decimal256(60, 4)), Decimal("1.25")),
        ("decimal(5, 2)", pa.array([Decimal("1.255")], pa.decimal256(60, 4)), "<too_precise>"),
        ("date", pa.array([4_000_000], pa.date32()), "<out_of_range>"),
        ("timestamp", pa.array([2**53], pa.timestamp("ms")), "<out_of_range>"),
        ("timestamp", pa.array([2**60], pa.timestamp("us")), "<out_of_range>"),
        ("uuid", pa.array([bytes(range(16))], pa.uuid()), bytes(range(16))),
        ("uuid", pa.array(["00010203-0405-0607-0809-0a0b0c0d0e0f"]), bytes(range(16))),
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
        ("string", pa.array([5], pa.time64("ns"))),
        ("long", pa.array([5], pa.duration("us"))),
        ("timestamp", pa.array([5], pa.time64("us"))),
        ("string", pa.array([{"a": 1}])),
        ("binary", pa.array([b"ab"], pa.binary(2))),
        ("uuid", pa.array([b"ab"], pa.binary(2))),
        ("float", pa.array([1.5], pa.float64())),
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


BAD_TEXT = text(b"good", b"caf\xe9", None, b"caf\xc3\xa9", b"\xc3")


@pytest.mark.parametrize(
    "name",
    [
        BAD_TEXT,
        pa.DictionaryArray.from_arrays(pa.array([0, 1, None, 2, 3], pa.int32()), BAD_TEXT.drop_null()),
        BAD_TEXT.cast(pa.large_string()),
        BAD_TEXT.cast(pa.string_view()),
        BAD_TEXT.cast(pa.binary()),
    ],
    ids=["string", "dictionary", "large", "view", "binary"],
)
@pytest.mark.parametrize("options", [{}, {"use_dictionary": False}, {"store_schema": False}])
def test_text_that_is_not_utf8_is_rejected_wherever_it_is(name: pa.Array, options: dict[str, Any]) -> None:
    data = parquet(options, id=pa.array(range(5)), name=name)
    got = read(data, contract(id="int", name="string"), Parquet(), name="f.parquet")
    assert got.column("name") == ["good", None, "café"]
    assert got.reasons == [(2, "name", "not_utf8"), (5, "name", "not_utf8")]
    if not pa.types.is_binary(name.type):
        assert json.loads(got.rejects[0]["raw_record"]) == {"id": 1, "name": r"caf\xe9"}


def test_a_dictionary_that_arrow_cannot_load_refuses_the_file() -> None:
    name = pa.DictionaryArray.from_arrays(pa.array([0, 1], pa.int64()), BAD_TEXT.slice(0, 2))
    data = parquet(id=pa.array(range(2)), name=name)
    with pytest.raises(FileRefusedError, match="not UTF-8"):
        read(data, contract(id="int", name="string"), Parquet(), name="f.parquet")


@pytest.mark.parametrize(
    "size",
    [
        BAD_TEXT,
        BAD_TEXT.cast(pa.binary()),
        pa.ListArray.from_arrays(pa.array(range(6)), BAD_TEXT),
        pa.StructArray.from_arrays([BAD_TEXT], ["a"]),
        pa.MapArray.from_arrays(pa.array(range(6)), pa.array(list("abcde")), BAD_TEXT),
    ],
    ids=["string", "binary", "list", "struct", "map"],
)
def test_text_that_is_not_utf8_is_rejected_in_extra_columns_too(size: pa.Array) -> None:
    data = parquet(id=pa.array(range(5)), size=size)
    got = read(data, contract(id="int", extra="map<string, string>"), Parquet(), name="f", extra_columns="keep")
    assert got.column("id") == [0, 2, 3]
    assert got.reasons == [(2, "size", "not_utf8"), (5, "size", "not_utf8")]
    assert len(read(data, contract(id="int"), Parquet(), name="f", extra_columns="ignore").rows) == 5


def test_nested_extra_columns_of_any_type_are_text() -> None:
    nested = pa.array(
        [{"at": 1, "day": 4_000_000, "time": 5, "map": [("k", 7)], "list": [None, "x"]}],
        pa.struct(
            {
                "at": pa.timestamp("ns"),
                "day": pa.date32(),
                "time": pa.time64("ns"),
                "map": pa.map_(pa.string(), pa.int32()),
                "list": pa.list_(pa.string()),
            }
        ),
    )
    key = pa.array([bytes(range(16))], pa.uuid())
    data = parquet(id=pa.array([1]), nested=nested, key=key)
    table = contract(id="int", extra="map<string, string>")
    ((_, as_json), (_, as_uuid)) = read(data, table, Parquet(), name="f", extra_columns="keep").rows[0]["extra"]
    assert json.loads(as_json) == {
        "at": "1970-01-01 00:00:00.000000001",
        "day": "12921-08-18",
        "time": "00:00:00.000000005",
        "map": [["k", 7]],
        "list": [None, "x"],
    }
    assert as_uuid == "00010203-0405-0607-0809-0a0b0c0d0e0f"


def int96(*times: tuple[int, int]) -> bytes:
    """Return a file of INT96 times, each a Julian day and a nanosecond of it."""
    marks = [datetime(2026, 1, 1, 0, 0, number) for number in range(len(times))]  # noqa: DTZ001
    options = {"use_deprecated_int96_timestamps": True, "use_dictionary": False, "compression": "none"}
    data = parquet(options, id=pa.array(range(len(times))), at=pa.array(marks))
    for number, (day, nanosecond) in enumerate(times):
        written = struct.pack("<qI", number * 10**9, 2_461_042)  # the Julian day of 2026-01-01
        assert data.count(written) == 1
        data = data.replace(written, struct.pack("<qI", nanosecond, day))
    return data


EPOCH = 2_440_588  # the Julian day of 1970-01-01
FAR = 5_373_484  # of 9999-12-31


def test_int96_times_of_any_year_are_exact() -> None:
    data = int96((EPOCH, 1_000), (FAR, 86_399_999_999_000), (1_721_426, 0), (2_816_788, 0), (2_299_161, 0))
    for table in (contract(id="int", at="timestamp"), contract(at="timestamp")):
        got = read(data, table, Parquet(), name="f", extra_columns="ignore", min_known_columns=0)
        assert got.column("at") == [
            datetime(1970, 1, 1, 0, 0, 0, 1),  # noqa: DTZ001
            datetime(9999, 12, 31, 23, 59, 59, 999_999),  # noqa: DTZ001
            datetime(1, 1, 1),  # noqa: DTZ001
            datetime(3000, 1, 1),  # noqa: DTZ001
            datetime(1582, 10, 15),  # noqa: DTZ001
        ]


def test_an_int96_time_that_does_not_fit_is_rejected_with_its_true_value() -> None:
    wraps = EPOCH + 213_503_983  # in 64 bits of microseconds, that is 1970 again
    data = int96((EPOCH, 1), (FAR, 123_456_789), (FAR + 1, 0), (2**32 - 1, 0), (EPOCH, 0), (wraps, 0))
    got = read(data, contract(id="int", at="timestamp"), Parquet(), name="f.parquet")
    assert got.column("id") == [4]
    assert [(row, reason) for row, _, reason in got.reasons] == [
        (1, "too_precise"),
        (2, "too_precise"),
        (3, "out_of_range"),
        (4, "out_of_range"),
        (6, "out_of_range"),
    ]
    assert [json.loads(each["raw_record"])["at"] for each in got.rejects] == [
        "1970-01-01 00:00:00.000000001",
        "9999-12-31 00:00:00.123456789",
        "10000-01-01 00:00:00.000000000",
        "<value out of range: 370874307484800000>",
        "<value out of range: 18446744131200000>",
    ]


def test_int96_times_in_dates_extra_columns_and_many_blocks() -> None:
    days = int96((FAR, 0), (FAR, 1), (FAR, 1_000))
    got = read(days, contract(id="int", at="date"), Parquet(), name="f.parquet")
    assert got.column("at") == [date(9999, 12, 31)]
    assert [reason for _, _, reason in got.reasons] == ["too_precise", "not_a_date"]

    extra = contract(id="int", extra="map<string, string>")
    got = read(days, extra, Parquet(), name="f.parquet", extra_columns="keep")
    assert [dict(row["extra"])["at"][-10:] for row in got.rows] == [".000000000", ".000000001", ".000001000"]

    times = [datetime(2026, 1, 1, 0, 0, number % 60) if number % 7 else None for number in range(500)]  # noqa: DTZ001
    options = {"use_deprecated_int96_timestamps": True, "row_group_size": 33}
    data = parquet(options, id=pa.array(range(500)), at=pa.array(times, pa.timestamp("us")))
    table = contract(id="int", at="timestamp")
    reader = ParquetReader([("f", io.BytesIO(data))], source(Parquet()), Parquet(), table, batch_cells=14)
    assert drain(reader).column("at") == times


def test_int96_times_inside_a_list_refuse_the_file_unless_they_are_ignored() -> None:
    options = {"use_deprecated_int96_timestamps": True}
    data = parquet(options, id=pa.array([1]), visits=pa.array([[TS]]))
    table = contract(id="int", extra="map<string, string>")
    with pytest.raises(FileRefusedError, match="INT96"):
        read(data, table, Parquet(), name="f.parquet", extra_columns="keep")
    assert read(data, table, Parquet(), name="f.parquet", extra_columns="ignore").column("id") == [1]


def test_columns_whose_names_contain_dots_are_not_mixed_up() -> None:
    columns = {"id": pa.array([1]), "id.b": pa.array(["x"]), "name": pa.array(["Ada"]), "a": pa.array([{"b": "z"}])}
    data = parquet(**columns, **{"a.b": pa.array(["y"])})
    got = read(data, contract(id="int", name="string"), Parquet(), name="f.parquet", extra_columns="ignore")
    assert got.rows == [{"id": 1, "name": "Ada", "source_row": 1}]
    table = contract(id="int", name="string", extra="map<string, string>")
    got = read(data, table, Parquet(), name="f.parquet", extra_columns="keep")
    assert got.rows[0]["extra"] == [("id_b", "x"), ("a", '{"b": "z"}'), ("a_b", "y")]


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
