"""Properties of every file: each record is loaded exactly or rejected, with blocks of any size."""

from __future__ import annotations

import csv
import datetime as dt
import decimal
import html
import io
import json
import re
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from growth_verticals.errors import FileRefusedError
from growth_verticals.files import records
from growth_verticals.files.delimited import DelimitedReader
from growth_verticals.files.jsonlines import JsonLinesReader
from growth_verticals.files.records import Dialect, first_record_end, last_record_end, stray_quotes
from growth_verticals.source import Delimited, Excel, FixedWidth, JsonLines, Parquet
from tests.unit.files.reading import ReadResult, contract, drain, read, source
from tests.unit.files.test_excel import number as number_cell
from tests.unit.files.test_excel import text as text_cell
from tests.unit.files.test_excel import workbook

settings.register_profile("files", deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("files")

TYPED = contract(
    text="string",
    small="int",
    large="long",
    exact="decimal(9, 3)",
    real="double",
    day="date",
    moment="timestamp",
    flag="boolean",
)
#: Any character except NUL (rejected) and lone surrogates (not text).
TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=12)
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "text": st.none() | TEXT,
            "small": st.none() | st.integers(-(2**31), 2**31 - 1),
            "large": st.none() | st.integers(-(2**63), 2**63 - 1),
            "exact": st.none() | st.decimals(-999_999, 999_999, places=3, allow_nan=False, allow_infinity=False),
            "real": st.none() | st.floats(allow_nan=False, allow_infinity=False),
            "day": st.none() | st.dates(),
            "moment": st.none() | st.datetimes(),
            "flag": st.none() | st.booleans(),
        }
    ),
    max_size=20,
)


def written(rows: list[dict[str, Any]], delimiter: str = ",") -> str:
    """Write rows as a vendor would: NULL as an empty cell, and empty text in quotes."""

    def cell(value: Any) -> str:
        if value is None:
            return ""
        if isinstance(value, bool):
            return str(value).lower()
        if isinstance(value, str):
            return '"' + value.replace('"', '""') + '"'
        return str(value)

    lines = [delimiter.join(cell(row[column.name]) for column in TYPED.columns) for row in rows]
    return "\n".join([delimiter.join(column.name for column in TYPED.columns), *lines]) + "\n"


def values(got: ReadResult) -> list[dict[str, Any]]:
    return [{name: value for name, value in row.items() if name != "source_row"} for row in got.rows]


@given(ROWS, st.sampled_from(",|\t;"))
def test_typed_values_are_read_back_unchanged_from_delimited_text(rows: list[dict[str, Any]], delimiter: str) -> None:
    got = read(written(rows, delimiter), TYPED, Delimited(delimiter=delimiter))
    assert got.rejects == []
    assert values(got) == rows


@given(ROWS)
def test_typed_values_are_read_back_unchanged_from_json_lines(rows: list[dict[str, Any]]) -> None:
    def json_value(value: Any) -> Any:
        return value if isinstance(value, int | str | float | None) else str(value)

    lines = "".join(json.dumps({name: json_value(value) for name, value in row.items()}) + "\n" for row in rows)
    got = read(lines or "\n", TYPED, JsonLines())
    assert got.rejects == []
    assert values(got) == rows


@given(ROWS)
def test_typed_values_are_read_back_unchanged_from_parquet(rows: list[dict[str, Any]]) -> None:
    column_types = [pa.string(), pa.int64(), pa.int64(), pa.decimal128(20, 5), pa.float64(), pa.date32()]
    schema = pa.schema(
        zip([each.name for each in TYPED.columns], [*column_types, pa.timestamp("us"), pa.bool_()], strict=True)
    )
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), buffer)
    got = read(buffer.getvalue(), TYPED, Parquet())
    assert got.rejects == []
    assert values(got) == rows


INTEGER = re.compile(r"[ \t]*[+-]?[0-9]+[ \t]*", re.ASCII)
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
ISO_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
NUMBER_LIKE = st.text("0123456789.+-eExX \tnaif", max_size=8)
#: Numbers at the limits of what a double holds.
EXTREME = st.integers(2**53 - 3, 2**54 + 3).map(str) | st.from_regex(r"\A[0-9]\.?[0-9]?e-?3[0-9]{2}\Z")


def exactly(column_type: str, text: str) -> Any:
    """Return the value of a text in a column of a type, by Python's exact types; raise ValueError with the reason."""
    if column_type == "string":
        return text
    bare = text.strip(" \t")
    if column_type == "int":
        if not INTEGER.fullmatch(text):
            raise ValueError("not_an_integer")
        if not -(2**31) <= int(bare) < 2**31:
            raise ValueError("out_of_range")
        return int(bare)
    if column_type == "date":
        try:
            return dt.date.fromisoformat(ISO_DAY.fullmatch(bare)[0])  # type: ignore[index]
        except (TypeError, ValueError):
            raise ValueError("not_a_date") from None
    if not NUMBER.fullmatch(bare):
        raise ValueError("not_a_number" if column_type == "double" else "not_a_decimal")
    number = decimal.Decimal(bare)
    if column_type == "double":
        if float(number) in (float("inf"), float("-inf")) or (number and not float(number)):
            raise ValueError("out_of_range")
        if INTEGER.fullmatch(bare) and int(bare) != int(float(number)):
            raise ValueError("too_precise")
        return float(bare)
    if number and number.normalize().as_tuple().exponent < -2:  # type: ignore[operator] # it is finite
        raise ValueError("too_precise")
    if abs(number) >= 1_000:
        raise ValueError("out_of_range")
    return number


def in_delimited(column_type: str, cells: list[str]) -> tuple[ReadResult, list[str]]:
    buffer = io.StringIO()
    writer = csv.writer(buffer, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerows([["id", "value"], *enumerate(cells)])
    return read(buffer.getvalue(), contract(id="int", value=column_type)), cells


def in_json(column_type: str, cells: list[str]) -> tuple[ReadResult, list[str]]:
    lines = "".join(json.dumps({"id": number, "value": text}) + "\n" for number, text in enumerate(cells))
    return read(lines or "\n", contract(id="int", value=column_type), JsonLines()), cells


def in_parquet(column_type: str, cells: list[str]) -> tuple[ReadResult, list[str]]:
    buffer = io.BytesIO()
    ids, texts = pa.array(range(len(cells)), pa.int64()), pa.array(cells, pa.string())
    pq.write_table(pa.table({"id": ids, "value": texts}), buffer)
    return read(buffer.getvalue(), contract(id="int", value=column_type), Parquet()), cells


def in_fixed_width(column_type: str, cells: list[str]) -> tuple[ReadResult, list[str]]:
    padded = [re.sub(r"[\r\n]", "_", text)[:14].ljust(14) for text in cells]
    lines = "".join(f"{number:>4}{text}\n" for number, text in enumerate(padded))
    form = FixedWidth(columns={"id": 4, "value": 14}, trim=False)
    return read(lines or "\n", contract(id="int", value=column_type), form), padded


def in_excel(column_type: str, cells: list[str]) -> tuple[ReadResult, list[str]]:
    cells = [text for text in (re.sub(r"[^\x20-\ud7ff]", "", text) for text in cells) if text]
    rows = [[number_cell(str(number)), text_cell(html.escape(text))] for number, text in enumerate(cells)]
    data = workbook(People=[[text_cell("id"), text_cell("value")], *rows])
    return read(data, contract(id="int", value=column_type), Excel(), name="f.xlsx"), cells


@pytest.mark.parametrize("written_as", [in_delimited, in_json, in_parquet, in_fixed_width, in_excel])
@given(
    column_type=st.sampled_from(["string", "int", "decimal(5, 2)", "double", "date"]),
    cells=st.lists(
        TEXT
        | NUMBER_LIKE
        | EXTREME
        | st.dates().map(str)
        | st.from_regex(r"20[0-9]{2}-[0-3][0-9]-[0-3][0-9]", fullmatch=True)
    ),
)
def test_any_text_in_a_cell_is_loaded_exactly_or_rejected_with_the_right_reason(
    written_as: Callable[[str, list[str]], tuple[ReadResult, list[str]]], column_type: str, cells: list[str]
) -> None:
    got, cells = written_as(column_type, cells)
    loaded = {row["id"]: row["value"] for row in got.rows}
    reasons = dict(
        zip(sorted(set(range(len(cells))) - loaded.keys()), (each["reason"] for each in got.rejects), strict=True)
    )
    for number, text in enumerate(cells):
        try:
            means = exactly(column_type, text)
        except ValueError as reason:
            empty = text == "" and written_as is in_delimited
            assert reasons[number] == ("quoted_empty" if empty else str(reason))
        else:
            assert loaded[number] == means
    assert len(got.rows) + len(got.rejects) == len(cells)


COLUMN_TYPES = [
    "string",
    "int",
    "long",
    "decimal(5, 2)",
    "float",
    "double",
    "date",
    "timestamp",
    "timestamptz",
    "boolean",
]
TIME_LIKE = st.from_regex(
    r"\A[02][0-9]{3}-[01][0-9]-[0-3][0-9]([T ][0-2][0-9](:[0-5][0-9]){0,2}(\.[0-9]{1,8})?(Z|-05:?00)?)?\Z"
)


@given(
    st.sampled_from(COLUMN_TYPES),
    NUMBER_LIKE | EXTREME | TIME_LIKE | st.sampled_from(["true", "TRUE", " true", "NULL", ""]),
    st.booleans(),
)
def test_a_cell_has_the_same_value_whether_its_block_is_read_typed_or_as_text(
    column_type: str, text: str, quoted: bool
) -> None:
    table = contract(id="int", value=column_type)
    typed = "id,value\n1," + (f'"{text}"' if quoted else text) + "\n"
    as_text = typed + "2,\0\n"  # with a NUL in it, a block is read as text
    one, other = read(typed, table), read(as_text, table)
    assert (one.rows, one.rejects) == (other.rows, other.rejects[:-1])


#: Files with everything at once: quotes in and around text, all line ends, and short, long and bad records.
MESSY = st.lists(
    st.sampled_from(
        [
            "1,a",
            "2,b c",
            "x,d",
            "3",
            "4,e,f",
            "",
            '5,"g\nh"',
            '6,"i""j"',
            '7,k"l',
            '8,"\n\n"',
            '9,""',
            "10,\0",
            '"11",m',
        ]
    ),
    max_size=30,
).flatmap(lambda lines: st.sampled_from(["\n", "\r\n"]).map(lambda eol: "id,name" + eol + eol.join(lines)))


@given(MESSY, st.integers(1, 60))
def test_blocks_of_any_size_and_in_any_order_give_the_same_rows_and_rejects(text: str, size: int) -> None:
    table = contract(id="int!", name="string")
    data = text.encode()
    small = DelimitedReader([("f", io.BytesIO(data))], source(), Delimited(), table, block_bytes=size)
    whole = read(data, table)
    assert drain(small) == whole

    again = DelimitedReader([("f", io.BytesIO(data))], source(), Delimited(), table, block_bytes=size)
    backwards = [again.parse(block).rows.to_pylist() for block in reversed(list(again.blocks()))]
    assert [row for rows in reversed(backwards) for row in rows] == whole.rows


@given(
    st.lists(st.sampled_from(['{"id": 1}', '{"id": "2"}', '{"id": "x"}', "[]", "", '{"id":', "}"])), st.integers(1, 40)
)
def test_blocks_of_any_size_give_the_same_rows_of_json_lines(lines: list[str], size: int) -> None:
    data, table = ("\n".join(lines) + "\n").encode(), contract(id="int!")
    small = JsonLinesReader([("f", io.BytesIO(data))], source(), JsonLines(), table, block_bytes=size)
    got = drain(small)
    assert got == read(data, table, JsonLines())
    assert len(got.rows) + len(got.rejects) == sum(bool(line) for line in lines)


@pytest.mark.parametrize("few_quotes", [0, 1_000])
@given(body=st.text('a,"\n\r', max_size=60))
def test_both_ways_to_find_the_last_record_give_the_same_end(few_quotes: int, body: str) -> None:
    data = body.encode()
    dialect = Dialect(b",", b'"')
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(records, "_FEW_QUOTES", few_quotes)
        end, well_formed = last_record_end(data, dialect)
    ends, start = [0], 0
    while found := first_record_end(data[start:], dialect):
        start += found
        ends.append(start)
    assert end == ends[-1]
    if well_formed:
        assert stray_quotes(data[:end], dialect) == []


LONG = st.lists(
    st.sampled_from(['"', '""', ",", "\n", "\r\n", "n" * 7, '","', "x,y", '"\n"', "a,b\n"]), max_size=40
).map("".join)


@given(LONG, st.integers(1, 9), st.integers(5, 30))
def test_records_over_the_limit_do_not_change_the_other_rows(body: str, size: int, limit: int) -> None:
    table = contract(a="string", b="string")
    data = f"a,b\n{body}".encode()
    sizes = {"block_bytes": size, "max_record_bytes": limit}
    reader = DelimitedReader([("f", io.BytesIO(data))], source(), Delimited(), table, **sizes)
    try:
        everything = read(data, table)
    except FileRefusedError:
        return  # the limited reader refuses it too, or skips the quote with a record that is too long
    got = drain(reader)
    assert all(row in everything.rows for row in got.rows)
    source_rows = [{each["source_row"] for each in [*one.rows, *one.rejects]} for one in (got, everything)]
    assert source_rows[0] == source_rows[1]
