"""Excel against openpyxl: random workbooks that openpyxl writes, with as many bad cells as good ones."""

from __future__ import annotations

import datetime as dt
import io
import re
from typing import Any

import openpyxl
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl.utils.datetime import CALENDAR_MAC_1904, CALENDAR_WINDOWS_1900

from growth_verticals.source import Excel
from tests.unit.files.reading import contract, read

COLUMNS = ("id", "a", "b", "c")
TABLE = contract(id="int!", a="string", b="string", c="string")

words = st.text(
    st.characters(exclude_categories=["Cs", "Cn", "Cc", "Co"]) | st.sampled_from("\t\n &<>\"'_=#;|"), max_size=12
).filter(lambda text: not re.search(r"_x00[0-9A-Fa-f]{2}_", text) and not text.startswith("="))
numbers = (
    st.integers(-(10**20), 10**20)
    | st.integers(2**53 - 3, 2**53 + 3)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.decimals(-999_999, 999_999, places=2, allow_nan=False, allow_infinity=False)
)
days = st.dates(dt.date(1904, 1, 2), dt.date(9999, 12, 30))
times = st.datetimes(dt.datetime(1904, 1, 2), dt.datetime(9999, 12, 30)).map(lambda time: time.replace(microsecond=0))  # noqa: DTZ001
good_cell = st.none() | words | numbers | st.booleans() | days | times
bad_cell = st.sampled_from(["#N/A", "#DIV/0!", "#REF!", "=A1*2", '="x"&"y"', "=NOW()", "=SUM(B1:B9)"])
any_cell = good_cell | bad_cell


def as_workbook(rows: list[list[Any]], *, above: int, left: int, is_1904: bool) -> bytes:
    book = openpyxl.Workbook()
    book.epoch = CALENDAR_MAC_1904 if is_1904 else CALENDAR_WINDOWS_1900
    book.create_sheet("Notes")
    for number, row in enumerate([list(COLUMNS), *rows], start=1 + above):
        for column, value in enumerate(row, start=1 + left):
            book.worksheets[0].cell(number, column, value)
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def text_of(value: Any) -> Any:
    """What a text column holds for a value that openpyxl reads."""
    if value is None or value == "":
        return None
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dt.datetime):
        return str(value.date() if value.time() == dt.time() else value)
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    return value if isinstance(value, float) else str(value)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.lists(any_cell, min_size=3, max_size=3), max_size=12),
    st.integers(0, 3),
    st.integers(0, 2),
    st.booleans(),
)
def test_every_cell_is_what_openpyxl_reads_or_a_reject(
    rows: list[list[Any]], above: int, left: int, is_1904: bool
) -> None:
    data = as_workbook([[number, *row] for number, row in enumerate(rows)], above=above, left=left, is_1904=is_1904)
    got = read(data, TABLE, Excel(), "f.xlsx")
    loaded = {row["source_row"]: row for row in got.rows}
    rejects = {each["source_row"]: each for each in got.rejects}
    written = openpyxl.load_workbook(io.BytesIO(data)).worksheets[0]
    assert len(got.rows) + len(got.rejects) == len(rows)
    for index in range(len(rows)):
        line = above + 2 + index
        cells = dict(zip(COLUMNS, (written.cell(line, left + 1 + column) for column in range(4)), strict=True))
        bad = {name: cell for name, cell in cells.items() if cell.data_type in ("e", "f")}
        if bad:
            reasons = ["wrong_type" if cell.data_type == "e" else "not_calculated" for cell in bad.values()]
            assert rejects[line]["column_name"] == "; ".join(bad)
            assert rejects[line]["reason"] == "; ".join(reasons)
            continue
        for name in ("a", "b", "c"):
            expected, found = text_of(cells[name].value), loaded[line][name]
            assert (float(found) if isinstance(expected, float) else found) == expected


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(numbers, days, times, st.booleans()), min_size=1, max_size=10), st.booleans())
def test_typed_columns_hold_the_values_that_openpyxl_reads(rows: list[tuple[Any, ...]], is_1904: bool) -> None:
    table = contract(id="double", a="date", b="timestamp", c="boolean")
    data = as_workbook([list(row) for row in rows], above=0, left=0, is_1904=is_1904)
    got = read(data, table, Excel(), "f.xlsx")
    loaded = {row["source_row"]: row for row in got.rows}
    written = openpyxl.load_workbook(io.BytesIO(data)).worksheets[0]
    for line, (_, day, time, flag) in enumerate(rows, start=2):
        if line in loaded:
            assert loaded[line]["id"] == float(written.cell(line, 1).value)
            assert (loaded[line]["a"], loaded[line]["b"], loaded[line]["c"]) == (day, time, flag)
    assert {each["column_name"] for each in got.rejects} <= {"id"}  # an integer that a double does not hold
