"""Values of a query as text, CSV and JSON: exact, and harmless on a terminal and in a spreadsheet."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from growth_verticals.cli.values import cell, csv_value, is_number, plain_values
from growth_verticals.files.export import csv_line


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "NULL"),
        ("", "''"),
        ("a\x1b[2Jb\nc", "a\\x1b[2Jb\\nc"),
        (Decimal("1E+3"), "1000"),
        (Decimal("-0.10"), "-0.10"),
        (True, "true"),
        ({"k\x07": ["v", None]}, '{"k\\u0007": ["v", null]}'),
    ],
)
def test_a_cell_has_no_control_characters_and_tells_null_from_empty(value: Any, text: str):
    assert cell(value) == text


def test_floats_that_json_lacks_and_nanoseconds_are_text():
    assert plain_values(pa.array([math.nan, -math.inf, 1.5])) == ["nan", "-inf", 1.5]
    assert plain_values(pa.array([1], pa.timestamp("ns", "UTC"))) == ["1970-01-01 00:00:00+00:00"]
    assert plain_values(pa.array([[b"\xff", None]], pa.list_(pa.binary()))) == [["ff", None]]


def test_csv_escapes_formulas_but_not_negative_numbers():
    values = [-5, Decimal("-5.00"), "-5.00", "=1+1", None, {"k": "v"}]
    assert csv_line([csv_value(value) for value in values]) == ('"-5","-5.00","\'-5.00","\'=1+1",,"{""k"": ""v""}"\r\n')


@pytest.mark.parametrize(
    ("data_type", "right"), [(pa.int64(), True), (pa.decimal128(9, 2), True), (pa.string(), False)]
)
def test_numbers_are_right_aligned(data_type: pa.DataType, right: bool):
    assert is_number(data_type) is right
