"""Delimited text: the rows, rejects and errors that each type of valid and invalid input gives."""

from __future__ import annotations

import io
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from growth_verticals.errors import ContractError, DeclarationError, FileRefusedError
from growth_verticals.files.delimited import DelimitedReader
from growth_verticals.files.value_checks import may_be_hexadecimal
from growth_verticals.source import Delimited
from tests.unit.files.reading import contract, drain, read, source

PEOPLE = contract(id="int!", name="string", zip5="string")


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
        ("int", '""', "<not_an_integer>"),
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
        ("float", "0.5", 0.5),
        ("float", "1e39", "<out_of_range>"),
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
        ("uuid", "1234", "<not_a_uuid>"),
        ("binary", "abc", b"abc"),
    ],
)
def test_a_cell_is_loaded_exactly_or_rejected_with_its_reason(column_type: str, text: str, loaded: object) -> None:
    assert cell(column_type, text) == loaded


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


@pytest.mark.parametrize("form", ["%Q", "%Y-%m", "%Y%Y%m%d", "%j %Y"])
def test_an_invalid_date_format_is_a_declaration_error(form: str) -> None:
    with pytest.raises(DeclarationError):
        cell("date", "x", Delimited(dates={"value": form}))


# --- records ------------------------------------------------------------------------------------------------------


def test_source_row_is_the_line_where_the_record_starts() -> None:
    got = read('id,name,zip5\n1,a,0\n\n2,"two\nlines",0\n\n\n3,c,0\n', PEOPLE)
    assert [(row["id"], row["source_row"]) for row in got.rows] == [(1, 2), (2, 4), (3, 8)]
    assert got.rows[1]["name"] == "two\nlines"


@pytest.mark.parametrize("eol", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("final", [True, False])
def test_all_line_ends_give_the_same_rows(eol: str, final: bool) -> None:
    text = eol.join(["id,name,zip5", "1,a,01234", "", '2,"b,c",x', "bad,d,e"]) + (eol if final else "")
    got = read(text, PEOPLE)
    assert got.rows == [
        {"id": 1, "name": "a", "zip5": "01234", "source_row": 2},
        {"id": 2, "name": "b,c", "zip5": "x", "source_row": 4},
    ]
    assert got.rejects[0] == {
        "source_row": 5,
        "column_name": "id",
        "reason": "not_an_integer",
        "expected": "int NOT NULL",
        "raw_record": "bad,d,e",
    }


def test_records_with_too_few_or_too_many_cells_are_rejected_with_their_line() -> None:
    got = read("id,name,zip5\n1,a\n2,b,c\n3,d,e,f\n", PEOPLE)
    assert got.column("id") == [2]
    assert got.reasons == [(2, None, "too_few_columns"), (4, None, "too_many_columns")]
    assert [each["raw_record"] for each in got.rejects] == ["1,a", "3,d,e,f"]


def test_several_bad_cells_make_one_rejected_record_in_column_order() -> None:
    table = contract(id="int!", born="date", score="decimal(5, 2)")
    got = read("score,id,born\n1.234,,2026-02-30\n1,1,2026-01-01\n", table)
    assert got.reasons == [(2, "id; born; score", "missing_required; not_a_date; too_precise")]
    assert got.rejects[0]["expected"] == "int NOT NULL; date; decimal(5, 2)"
    assert got.column("source_row") == [3]


def test_a_nul_byte_rejects_the_record_even_in_an_ignored_column() -> None:
    got = read("id,name,zip5,other\n1,a\0,0,x\n2,b,0,\0\n3,c,0,x\n", PEOPLE)
    assert got.column("id") == [3]
    assert got.reasons == [(2, "name", "nul_byte"), (3, "other", "nul_byte")]


def test_a_long_raw_record_is_truncated_and_marked() -> None:
    got = read("id,name,zip5\nx," + "n" * 20_000 + ",0\n", PEOPLE)
    assert got.rejects[0]["raw_record"] == "x," + "n" * 16_382 + " …[cut]"


@pytest.mark.parametrize("quote", ["", '"'])
def test_a_record_over_the_limit_is_rejected(quote: str) -> None:
    long = quote + "n" * 40_000_000 + quote
    got = read(f"id,name,zip5\n1,a,0\n2,{long},0\n3,c,0\n", PEOPLE)
    assert got.column("id") == [1, 3]
    assert got.column("source_row") == [2, 4]
    assert got.reasons == [(3, None, "too_long")]


@pytest.mark.parametrize(
    "text",
    [
        'id,name,zip5\n1,a,0\n2,"b,0\n3,c,0\n',
        'id,name,zip5\n1,a,0\n2,"b,0\n3,"c",0\n',
        'id,name,zip5\n1,a,0\n2,"b\n3,"c",0\n',
        'id,name,zip5\n1,a,0\n2,"b',
    ],
)
def test_an_unclosed_quote_refuses_the_file_and_names_its_line(text: str) -> None:
    with pytest.raises(FileRefusedError) as refused:
        read(text, PEOPLE)
    assert refused.value.line == 3


def test_quotes_are_text_if_no_quote_is_declared() -> None:
    got = read('id|name|zip5\n1|"a|0\n2|b"|0\n', PEOPLE, Delimited(delimiter="|", quote=None))
    assert got.column("name") == ['"a', 'b"']


# --- headers ------------------------------------------------------------------------------------------------------


def test_columns_are_matched_by_name_in_any_order_and_spelling() -> None:
    got = read("\ufeff Zip5 ,NAME,Id\n01234,a,1\n", PEOPLE)
    assert got.rows == [{"id": 1, "name": "a", "zip5": "01234", "source_row": 2}]


def test_an_alias_maps_a_vendors_column_name() -> None:
    got = read("Person Id,name,zip5\n1,a,0\n", PEOPLE, aliases={"Person ID": "id"})
    assert got.column("id") == [1]


def test_a_missing_nullable_column_is_null() -> None:
    assert read("id,name\n1,a\n", PEOPLE).rows[0]["zip5"] is None


@pytest.mark.parametrize(
    "header",
    [
        "name,zip5",  # a required column is missing
        "1,a,01234",  # no header where one is declared
        "id,name,Name",  # case collision
        "id,name,name",
        "id,na\u00efve,nai\u0308ve",  # the same name in two Unicode forms
        "id,name,postcode",  # renamed
    ],
)
def test_a_header_that_does_not_match_the_contract_refuses_the_file(header: str) -> None:
    with pytest.raises(FileRefusedError):
        read(f"{header}\n1,a,0\n", PEOPLE)


def test_extra_columns_follow_the_declared_policy() -> None:
    text = "id,name,zip5,Shoe Size,hat\n1,a,0,9.50,\n2,b,0,,7\n"
    assert read(text, PEOPLE, extra_columns="ignore").column("id") == [1, 2]
    with pytest.raises(FileRefusedError):
        read(text, PEOPLE, extra_columns="refuse")
    table = contract(id="int", name="string", zip5="string", extra="map<string, string>")
    assert read(text, table, extra_columns="keep").column("extra") == [[("shoe_size", "9.50")], [("hat", "7")]]
    with pytest.raises(ContractError):
        read(text, PEOPLE, extra_columns="keep")


# --- files --------------------------------------------------------------------------------------------------------


def test_a_file_with_only_a_header_has_no_rows() -> None:
    assert read("id,name,zip5\n", PEOPLE).rows == []
    assert read("id,name,zip5", PEOPLE).rows == []


@pytest.mark.parametrize("data", [b"", b"\xef\xbb\xbf", b"\n\n"])
def test_a_file_without_a_header_is_refused(data: bytes) -> None:
    with pytest.raises(FileRefusedError):
        read(data, PEOPLE)


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "utf-16"])
def test_a_declared_encoding_is_decoded(encoding: str) -> None:
    data = "id,name,zip5\n1,Zoë Müller,0\n".encode(encoding)
    assert read(data, PEOPLE, Delimited(encoding=encoding)).column("name") == ["Zoë Müller"]


@pytest.mark.parametrize(
    ("encoding", "data", "line"),
    [
        ("utf-8", b"id,name,zip5\n1,a,0\n2,Zo\xeb,0\n", 3),
        ("utf-8", b"id,n\xebme,zip5\n1,a,0\n", 1),
        ("utf-8", "id,name,zip5\n1,a,0\n".encode("utf-16"), 1),
        ("cp1252", b"id,name,zip5\n1,a,0\n2,b\x81,0\n", 3),
        ("utf-16", "id,name,zip5\n1,a,0\n".encode("utf-16")[:-1], 2),
    ],
)
def test_bytes_outside_the_declared_encoding_refuse_the_file(encoding: str, data: bytes, line: int) -> None:
    with pytest.raises(FileRefusedError) as refused:
        read(data, PEOPLE, Delimited(encoding=encoding))
    assert refused.value.line == line


def test_the_message_contains_no_value_of_a_row() -> None:
    with pytest.raises(FileRefusedError) as refused:
        read(b"id,name,zip5\n1,secretword\xff,0\n", PEOPLE)
    assert "secretword" not in str(refused.value)


def test_bad_cells_in_one_block_do_not_change_how_the_next_is_read() -> None:
    """Blocks of a few rows are clean, or have bad cells in one column, in several columns, or because of a NUL."""
    table = contract(id="int", a="int", b="date", c="double", d="boolean")
    good, lines, bad = "{},1,2026-01-01,0.5,true,x", [], []
    for number in range(200):
        cells = good.format(number).split(",")
        for index in {3: [1], 4: [1, 2], 5: [1, 2, 3, 4], 6: [5]}.get(number % 20, []):
            cells[index] = "\0" if index == 5 else "bad"
            bad.append(number)
        lines.append(",".join(cells))
    data = ("id,a,b,c,d,other\n" + "\n".join(lines)).encode()
    reader = DelimitedReader([("f", io.BytesIO(data))], source(), Delimited(), table, block_bytes=60)
    got = drain(reader)
    assert got.column("id") == [number for number in range(200) if number not in bad]
    assert got.reasons[:4] == [
        (5, "a", "not_an_integer"),
        (6, "a; b", "not_an_integer; not_a_date"),
        (7, "a; b; c; d", "not_an_integer; not_a_date; not_a_number; not_a_boolean"),
        (8, "other", "nul_byte"),
    ]
    assert got == read(data, table)


def test_an_unclosed_quote_in_a_record_over_the_limit_refuses_the_file() -> None:
    data = b'id,name,zip5\n1,a,0\n2,"b,0\n' + b"3,c,0\n" * 100 + b'4,"d",0\n5,e,0\n'
    sizes = {"block_bytes": 64, "max_record_bytes": 128}
    with pytest.raises(FileRefusedError) as refused:
        drain(DelimitedReader([("f", io.BytesIO(data))], source(), Delimited(), PEOPLE, **sizes))
    assert refused.value.line == 3


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
