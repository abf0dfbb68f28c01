"""A number has the same value, or the same reason for its rejection, in every format."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from growth_verticals.source import Excel, FixedWidth, JsonLines, Parquet
from tests.unit.files.reading import ReadResult, contract, read
from tests.unit.files.test_excel import number as number_cell
from tests.unit.files.test_excel import text as text_cell
from tests.unit.files.test_excel import workbook


def delimited(column_type: str, number: str) -> ReadResult:
    return read(f"id,value\n1,{number}\n", contract(id="int", value=column_type))


def fixed_width(column_type: str, number: str) -> ReadResult:
    form = FixedWidth(columns={"id": 1, "value": 40})
    return read(f"1{number:>40}\n", contract(id="int", value=column_type), form)


def json_number(column_type: str, number: str) -> ReadResult:
    return read(f'{{"id": 1, "value": {number}}}\n', contract(id="int", value=column_type), JsonLines())


def json_text(column_type: str, number: str) -> ReadResult:
    return read(f'{{"id": 1, "value": "{number}"}}\n', contract(id="int", value=column_type), JsonLines())


def parquet_text(column_type: str, number: str) -> ReadResult:
    return in_parquet(column_type, pa.array([number]))


def parquet_integer(column_type: str, number: str) -> ReadResult:
    return in_parquet(column_type, pa.array([int(number)], pa.int64()))


def excel_number(column_type: str, number: str) -> ReadResult:
    sheet = [[text_cell("id"), text_cell("value")], [number_cell("1"), number_cell(number)]]
    return read(workbook(People=sheet), contract(id="int", value=column_type), Excel(), name="f.xlsx")


def excel_text(column_type: str, number: str) -> ReadResult:
    sheet = [[text_cell("id"), text_cell("value")], [number_cell("1"), text_cell(number)]]
    return read(workbook(People=sheet), contract(id="int", value=column_type), Excel(), name="f.xlsx")


def in_parquet(column_type: str, values: pa.Array) -> ReadResult:
    buffer = io.BytesIO()
    pq.write_table(pa.table({"id": pa.array([1]), "value": values}), buffer)
    return read(buffer.getvalue(), contract(id="int", value=column_type), Parquet())


TEXTS = [delimited, fixed_width, json_number, json_text, parquet_text, excel_text]
INTEGERS = [*TEXTS, parquet_integer]


def loaded(got: ReadResult) -> Any:
    return got.rows[0]["value"] if got.rows else f"<{got.rejects[0]['reason']}>"


@pytest.mark.parametrize("written", INTEGERS)
@pytest.mark.parametrize(
    ("column_type", "number", "value"),
    [
        ("double", "0", 0.0),
        ("double", "9007199254740992", 2.0**53),
        ("double", "9007199254740993", "<too_precise>"),
        ("double", "-9007199254740993", "<too_precise>"),
        ("double", "18014398509481984", 2.0**54),
        ("double", "9223372036854775807", "<too_precise>"),
        ("float", "16777216", 2.0**24),
        ("float", "16777217", "<too_precise>"),
        ("float", "33554432", 2.0**25),
    ],
)
def test_an_integer_is_exact_or_rejected(
    written: Callable[[str, str], ReadResult], column_type: str, number: str, value: object
) -> None:
    assert loaded(written(column_type, number)) == value


@pytest.mark.parametrize("written", TEXTS)
@pytest.mark.parametrize(
    ("column_type", "number", "value"),
    [
        ("double", "1e-400", "<out_of_range>"),
        ("double", "1e400", "<out_of_range>"),
        ("double", "5e-324", 5e-324),
        ("double", "0e-400", 0.0),
        ("double", "0.1", 0.1),
        ("float", "1e-50", "<out_of_range>"),
        ("float", "1e39", "<out_of_range>"),
        ("float", "0.5", 0.5),
    ],
)
def test_a_number_that_would_become_zero_or_infinite_is_rejected(
    written: Callable[[str, str], ReadResult], column_type: str, number: str, value: object
) -> None:
    assert loaded(written(column_type, number)) == value


def test_an_excel_number_is_exact_in_a_float_column_or_rejected() -> None:
    assert loaded(excel_number("float", "16777217")) == "<too_precise>"
    assert loaded(excel_number("double", "16777217")) == 16777217.0


def test_integers_in_one_parquet_column_are_judged_one_by_one() -> None:
    values = pa.array([2**53 + 1, None, 2**54, 1, -(2**53) - 1, 2**63 - 1], pa.int64())
    buffer = io.BytesIO()
    pq.write_table(pa.table({"id": pa.array(range(6)), "value": values}), buffer)
    got = read(buffer.getvalue(), contract(id="int", value="double"), Parquet())
    assert got.column("value") == [None, 2.0**54, 1.0]
    assert [reason for _, _, reason in got.reasons] == ["too_precise"] * 3
