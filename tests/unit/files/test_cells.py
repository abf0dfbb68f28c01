"""Cells of delimited text: the value or the reason that each type of valid and invalid text gives."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from growth_verticals.errors import DeclarationError
from growth_verticals.files.value_checks import may_be_hexadecimal
from growth_verticals.source import Delimited
from tests.unit.files.reading import contract, read


def cell(column_type: str, text: str, form: Delimited | None = None) -> object:
    """Return the value loaded from a file with one cell, or the reason for its rejection in angle brackets."""
    got = read(f"id,value\n1,{text}\n", contract(id="int", value=column_type), form)
    return got.rows[0]["value"] if got.rows else f"<{got.rejects[0]['reason']}>"


@pytest.mark.parametrize(
    ("column_type", "text", "loaded"),
    [
        ("string", "01234", "01234"),
        ("string", " spaces kept ", " spaces kept "),
        ("string", "", None),
        ("string", '""', ""),
        ("string", "NULL", "NULL"),
        ("string", '"a ""quoted"" word"', 'a "quoted" word'),
        ("string", '5" pipe', '5" pipe'),
        ("string", "=1+1", "=1+1"),
        ("int", "12", 12),
        ("int", "007", 7),
        ("int", "+5", 5),
        ("int", "-0", 0),
        ("int", " 12 ", 12),
        ("int", "", None),
        ("int", '""', "<quoted_empty>"),
        ("int", "12.0", "<not_an_integer>"),
        ("int", "1E5", "<not_an_integer>"),
        ("int", "0x1F", "<not_an_integer>"),
        ("int", "1,5".replace(",", "_"), "<not_an_integer>"),
        ("int", "N/A", "<not_an_integer>"),
        ("int", "2147483647", 2147483647),
        ("int", "2147483648", "<out_of_range>"),
        ("long", "-9223372036854775808", -9223372036854775808),
        ("long", "9223372036854775808", "<out_of_range>"),
        ("decimal(5, 2)", "12.30", Decimal("12.30")),
        ("decimal(5, 2)", "12.300", Decimal("12.30")),
        ("decimal(5, 2)", "+1.5", Decimal("1.50")),
        ("decimal(5, 2)", "12.345", "<too_precise>"),
        ("decimal(5, 2)", "1234.5", "<out_of_range>"),
        ("decimal(5, 2)", "999.99", Decimal("999.99")),
        ("decimal(5, 2)", "1e400000000000000000000", "<out_of_range>"),
        ("decimal(5, 2)", "NaN", "<not_a_decimal>"),
        ("decimal(38, 0)", "9" * 38, Decimal("9" * 38)),
        ("decimal(38, 0)", "1" + "0" * 38, "<out_of_range>"),
        ("double", "1e5", 100000.0),
        ("double", ".5", 0.5),
        ("double", "nan", "<not_a_number>"),
        ("double", "-Infinity", "<not_a_number>"),
        ("double", "1e999", "<out_of_range>"),
        ("double", "abc", "<not_a_number>"),
        ("double", "1e-400", "<out_of_range>"),
        ("double", "-10E-617", "<out_of_range>"),
        ("double", "0." + "0" * 330 + "1", "<out_of_range>"),
        ("double", "0e-400", 0.0),
        ("double", "0", 0.0),
        ("double", "5e-324", 5e-324),
        ("double", "9007199254740992", 9007199254740992.0),
        ("double", "9007199254740993", "<too_precise>"),
        ("double", " -9007199254740993 ", "<too_precise>"),
        ("double", "18014398509481984", 18014398509481984.0),
        ("double", "9007199254740993.0", 9007199254740992.0),
        ("double", "1" + "0" * 400, "<out_of_range>"),
        ("double", "1" + "0" * 5000, "<out_of_range>"),
        ("float", "0.5", 0.5),
        ("float", "1e39", "<out_of_range>"),
        ("float", "1e-50", "<out_of_range>"),
        ("float", "16777216", 16777216.0),
        ("float", "16777217", "<too_precise>"),
        ("float", "4" + "0" * 38, "<out_of_range>"),
        ("decimal(5, 2)", "0E100", Decimal(0)),
        ("date", "2026-11-22", date(2026, 11, 22)),
        ("date", "0001-01-01", date(1, 1, 1)),
        ("date", "9999-12-31", date(9999, 12, 31)),
        ("date", "2026-02-30", "<not_a_date>"),
        ("date", "0000-00-00", "<not_a_date>"),
        ("date", "0000-01-01", "<not_a_date>"),
        ("date", "11/22/2026", "<not_a_date>"),
        ("date", "20261122", "<not_a_date>"),
        ("date", "2026-11-22 10:00:00", "<not_a_date>"),
        ("timestamp", "2026-11-22T10:00:00", datetime(2026, 11, 22, 10)),  # noqa: DTZ001
        ("timestamp", "2026-11-22 10:00:00.123456", datetime(2026, 11, 22, 10, 0, 0, 123456)),  # noqa: DTZ001
        ("timestamp", "2026-11-22 10:00:00.1234560", datetime(2026, 11, 22, 10, 0, 0, 123456)),  # noqa: DTZ001
        ("timestamp", "2026-11-22 10:00:00.1234567", "<too_precise>"),
        ("timestamp", "0001-01-01 00:00:00", datetime(1, 1, 1)),  # noqa: DTZ001
        ("timestamp", "9999-12-31 23:59:59.999999", datetime(9999, 12, 31, 23, 59, 59, 999999)),  # noqa: DTZ001
        ("timestamp", "2026-11-22 25:00:00", "<not_a_timestamp>"),
        ("timestamp", "2026-11-22 10:00:00Z", "<not_a_timestamp>"),
        ("timestamp", "noon", "<not_a_timestamp>"),
        ("timestamptz", "2026-11-22T10:00:00Z", datetime(2026, 11, 22, 10, tzinfo=UTC)),
        ("timestamptz", "2026-11-22 10:00:00-05:00", datetime(2026, 11, 22, 15, tzinfo=UTC)),
        ("timestamptz", "2026-11-22 10:00:00", "<not_a_timestamp>"),
        ("timestamptz", "9999-12-31T23:59:59-05:00", "<not_a_timestamp>"),
        ("boolean", "true", True),
        ("boolean", "false", False),
        ("boolean", "", None),
        ("boolean", "TRUE", "<not_a_boolean>"),
        ("boolean", "Y", "<not_a_boolean>"),
        ("boolean", "1", "<not_a_boolean>"),
        ("uuid", "12345678-1234-5678-1234-567812345678", bytes.fromhex("12345678123456781234567812345678")),
        ("uuid", "12345678123456781234567812345678", bytes.fromhex("12345678123456781234567812345678")),
        ("uuid", "ABCDEF78-1234-5678-1234-56781234abcd", bytes.fromhex("abcdef7812345678123456781234abcd")),
        ("uuid", "", None),
        ("uuid", "1234", "<not_a_uuid>"),
        ("uuid", "0x345678123456781234567812345678", "<not_a_uuid>"),
        ("uuid", " 2345678-1234-5678-1234-567812345678", "<not_a_uuid>"),
        ("uuid", "+2345678-1234-5678-1234-567812345678", "<not_a_uuid>"),
        ("uuid", "1-2345678-1234-5678-1234-56781234567-8", "<not_a_uuid>"),
        ("uuid", "1234567812345678-12345678-12345678", "<not_a_uuid>"),
        ("uuid", "{12345678-1234-5678-1234-567812345678}", "<not_a_uuid>"),
        ("uuid", "urn:uuid:12345678-1234-5678-1234-567812345678", "<not_a_uuid>"),
        ("uuid", "12345678-1234-5678-1234-56781234567\uff18", "<not_a_uuid>"),
        ("uuid", '""', "<quoted_empty>"),
        ("binary", "abc", b"abc"),
    ],
)
def test_a_cell_is_loaded_exactly_or_rejected_with_its_reason(column_type: str, text: str, loaded: object) -> None:
    assert cell(column_type, text) == loaded


@pytest.mark.parametrize("column_type", ["int", "decimal(5, 2)", "double", "date", "timestamp", "boolean", "uuid"])
@pytest.mark.parametrize("in_the_block", ["", "3,\0\n", "3,bad\n"])
def test_an_empty_quoted_cell_is_null_where_the_source_says_so(column_type: str, in_the_block: str) -> None:
    table = contract(id="int", value=column_type)
    text = f'"id","value"\n"1",""\n2,\n{in_the_block}'
    assert read(text, table).reasons[0] == (2, "value", "quoted_empty")
    got = read(text, table, Delimited(quoted_empty="null"))
    assert got.column("value") == [None, None]
    assert {row for row, _, _ in got.reasons} <= {4}


def test_an_empty_quoted_cell_declared_as_null_is_null_in_a_text_column_too() -> None:
    text = 'id,value\n1,""\n2,"a"\n'
    assert read(text, contract(id="int", value="string"), Delimited(quoted_empty="null")).column("value") == [None, "a"]
    required = contract(id="int", value="string!")
    assert read(text, required, Delimited(quoted_empty="null")).reasons == [(2, "value", "missing_required")]


@pytest.mark.parametrize("tiny", ["1e-400", "0." + "0" * 350 + "1"])
def test_a_number_too_small_for_its_column_is_found_among_others(tiny: str) -> None:
    table = contract(id="int", a="double", b="float", note="string")
    lines = "".join(f"{number},{number}.5,0,re-use\n" for number in range(50))
    got = read(f"id,a,b,note\n{lines}50,{tiny},1,x\n51,0,{tiny},x\n52,0.0,0e-9,x\n", table)
    assert got.reasons == [(52, "a", "out_of_range"), (53, "b", "out_of_range")]
    assert got.rows[-1]["a"] == got.rows[-1]["b"] == 0


DECLARED = Delimited(
    nulls=("NULL", "N/A", " "),
    true=("Y", "1"),
    false=("N", "0"),
    dates={"*": "%m/%d/%Y"},
    timestamps={"value": "%m/%d/%Y %I:%M:%S %p"},
)


@pytest.mark.parametrize(
    ("column_type", "text", "loaded"),
    [
        ("string", "NULL", None),
        ("string", '"N/A"', None),
        ("string", " ", None),
        ("string", '""', ""),
        ("int", "N/A", None),
        ("int", '"NULL"', None),
        ("int", "n/a", "<not_an_integer>"),
        ("boolean", "Y", True),
        ("boolean", "0", False),
        ("boolean", '"1"', True),
        ("boolean", "true", "<not_a_boolean>"),
        ("date", "02/03/2026", date(2026, 2, 3)),
        ("date", "2/3/2026", date(2026, 2, 3)),
        ("date", "N/A", None),
        ("date", "02/30/2026", "<not_a_date>"),
        ("date", "02/29/2023", "<not_a_date>"),
        ("date", "13/01/2026", "<not_a_date>"),
        ("date", "02/03/26", "<not_a_date>"),
        ("date", "2026-02-03", "<not_a_date>"),
        ("timestamp", "02/03/2026 12:05:09 AM", datetime(2026, 2, 3, 0, 5, 9)),  # noqa: DTZ001
        ("timestamp", "2/3/2026 1:05:09 pm", datetime(2026, 2, 3, 13, 5, 9)),  # noqa: DTZ001
        ("timestamp", "02/03/2026 13:05:09 PM", "<not_a_timestamp>"),
        ("timestamp", "2026-02-03 13:05:09", "<not_a_timestamp>"),
    ],
)
def test_only_declared_spellings_and_formats_are_accepted(column_type: str, text: str, loaded: object) -> None:
    assert cell(column_type, text, DECLARED) == loaded


@pytest.mark.parametrize(
    ("form", "text", "loaded"),
    [
        ("%Y%m%d", "20260203", date(2026, 2, 3)),
        ("%Y%m%d", "00010101", date(1, 1, 1)),
        ("%Y%m%d", "2026203", "<not_a_date>"),
        ("%Y%m%d", "20260230", "<not_a_date>"),
        ("%m%d%y", "020368", date(2068, 2, 3)),
        ("%m%d%y", "020369", date(1969, 2, 3)),
        ("%d-%b-%Y", "03-FEB-2026", date(2026, 2, 3)),
        ("%d-%b-%Y", "03-FEX-2026", "<not_a_date>"),
        ("%B %d, %Y", '"February 3, 2026"', date(2026, 2, 3)),
        ("%Y%m%d %H:%M", "20260203 00:00", date(2026, 2, 3)),
        ("%Y%m%d %H:%M", "20260203 10:00", "<not_a_date>"),
    ],
)
def test_a_declared_date_format_is_parsed_exactly(form: str, text: str, loaded: object) -> None:
    assert cell("date", text, Delimited(dates={"value": form})) == loaded


@pytest.mark.parametrize(
    ("pivot", "text", "loaded"),
    [
        (27, "02/03/26", date(2026, 2, 3)),
        (27, "02/03/27", date(1927, 2, 3)),
        (27, "02/03/45", date(1945, 2, 3)),
        (0, "02/03/00", date(1900, 2, 3)),
        (100, "02/03/99", date(2099, 2, 3)),
        ({"value": 27}, "02/03/45", date(1945, 2, 3)),
        ({"id": 27}, "02/03/45", date(2045, 2, 3)),
        ({"id": 90, "*": 27}, "02/03/45", date(1945, 2, 3)),
        (27, "02/29/00", date(2000, 2, 29)),
        (0, "02/29/00", "<not_a_date>"),  # 1900 is no leap year
        (27, "02/03/2045", "<not_a_date>"),
    ],
)
def test_two_digit_years_turn_at_the_declared_pivot(pivot: int | dict[str, int], text: str, loaded: object) -> None:
    assert cell("date", text, Delimited(dates={"*": "%m/%d/%y"}, pivot_year=pivot)) == loaded
    form = Delimited(timestamps={"*": "%m/%d/%y %H:%M"}, pivot_year=pivot)
    moment = cell("timestamp", f"{text} 00:00", form)
    assert (moment.date() if isinstance(moment, datetime) else moment) in (loaded, "<not_a_timestamp>")


@pytest.mark.parametrize("form", ["%Q", "%Y-%m", "%Y%Y%m%d", "%j %Y"])
def test_an_invalid_date_format_is_a_declaration_error(form: str) -> None:
    with pytest.raises(DeclarationError):
        cell("date", "x", Delimited(dates={"value": form}))


@pytest.mark.parametrize(
    ("column_type", "text", "loaded"),
    [
        ("string", "  Willow ", "Willow"),
        ("string", "   ", None),
        ("string", '""', ""),
        ("int", "   ", None),
        ("int", " 7", 7),
        ("date", " 19081209", date(1908, 12, 9)),
        ("date", " ", None),
        ("boolean", " true ", True),
        ("int!", " ", "<missing_required>"),
    ],
)
def test_trim_removes_spaces_around_cells(column_type: str, text: str, loaded: object):
    assert cell(column_type, text, Delimited(trim=True, dates={"*": "%Y%m%d"})) == loaded


def test_spaces_around_a_date_in_a_declared_format_are_ignored():
    assert cell("date", " 19081209 ", Delimited(dates={"*": "%Y%m%d"})) == date(1908, 12, 9)


@pytest.mark.parametrize(
    ("column_type", "text", "loaded"),
    [
        ("decimal(9, 2)", "1234,5", Decimal("1234.50")),
        ("decimal(9, 2)", "1.234,5", Decimal("1234.50")),
        ("decimal(9, 2)", "-1.234.567,25", Decimal("-1234567.25")),
        ("decimal(9, 2)", " 12,5 ", Decimal("12.50")),
        ("decimal(9, 2)", "1234.5", "<not_a_decimal>"),
        ("decimal(9, 2)", "12.34,5", "<not_a_decimal>"),
        ("decimal(9, 2)", "1,2,3", "<not_a_decimal>"),
        ("decimal(9, 2)", "1,234", "<too_precise>"),
        ("int", "1.234", 1234),
        ("int", "1234", 1234),
        ("int", "1,5", "<not_an_integer>"),
        ("int", "3.000.000.000", "<out_of_range>"),
        ("double", "1.234,5e1", 12345.0),
        ("string", "1.234,5", "1.234,5"),
    ],
)
def test_numbers_are_read_only_with_the_declared_separators(column_type: str, text: str, loaded: object) -> None:
    form = Delimited(delimiter="|", decimal=",", thousands=".")
    got = read(f"id|value\n1|{text}\n", contract(id="int", value=column_type), form)
    assert (got.rows[0]["value"] if got.rows else f"<{got.rejects[0]['reason']}>") == loaded


def test_a_decimal_comma_without_a_thousands_separator_rejects_a_point() -> None:
    form = Delimited(delimiter=";", decimal=",")
    got = read("id;value\n1;1.000\n2;1,5\n", contract(id="int", value="decimal(9, 2)"), form)
    assert got.column("value") == [Decimal("1.50")]
    assert got.reasons == [(2, "value", "not_a_decimal")]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"0x1F", True),
        (b"a,0X1f", True),
        (b"ab,-0x1", True),
        (b"ab,c,0x", True),
        (b"size 10x12", False),
        (b"a0x", False),
        (b"box,0 x,0-x", False),
        (b"0", False),
        (b"", False),
    ],
)
def test_hexadecimal_is_detected_wherever_a_cell_can_start(data: bytes, expected: bool) -> None:
    assert may_be_hexadecimal(data) is expected
    assert may_be_hexadecimal(b"," + data) is expected
