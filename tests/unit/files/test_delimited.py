"""Delimited text: the rows, rejects and errors that each kind of record, header and file gives."""

from __future__ import annotations

import csv
import io

import pytest

from growth_verticals.errors import ContractError, FileRefusedError
from growth_verticals.files.delimited import DelimitedReader
from growth_verticals.source import Alias, Delimited
from tests.unit.files.reading import contract, drain, read, source

PEOPLE = contract(id="int!", name="string", zip5="string")


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


@pytest.mark.parametrize(
    ("record", "columns"),
    [
        ('2,"Willow "Wil" Lake",0', "name"),
        ('2,"5" nails",0', "name"),
        ('2,"5"3,0', "name"),
        ('2,"a" ,0', "name"),
        ('2,""a,0', "name"),
        ('"2"3,"a"b,"0" ', "id; name; zip5"),
        ('2,"a ""b"" "c"",0', "name"),
    ],
)
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_a_quote_that_is_not_doubled_rejects_its_record(record: str, columns: str, line_end: str) -> None:
    others = ['1,"a, ""b""",0', '3,5" pipe,"0"', '4,"c\nd",0']
    text = line_end.join(["id,name,zip5", others[0], record, *others[1:], ""])
    got = read(text, PEOPLE)
    assert got.column("name") == ['a, "b"', '5" pipe', "c\nd"]
    assert [(each["source_row"], each["column_name"]) for each in got.rejects] == [(3, columns)]
    assert got.rejects[0]["reason"] == "; ".join(["stray_quote"] * len(columns.split("; ")))
    assert got.rejects[0]["raw_record"] == record


def test_a_stray_quote_is_the_reason_also_for_a_wrong_number_of_cells_and_in_ignored_columns() -> None:
    got = read('id,name,zip5,other\n1,"He said "hi, there"",0,x\n2,b,0,"x"y\n3,c,0,x\n', PEOPLE)
    assert got.reasons == [(2, None, "stray_quote"), (3, "other", "stray_quote")]
    assert got.column("id") == [3]


def test_a_stray_quote_among_thousands_of_quoted_cells_rejects_one_record() -> None:
    lines = [f'"{number}","Willow {number}","01234"' for number in range(3_000)]
    lines[1_500] = '"1500","Willow "1500"","01234"'
    got = read("\n".join(["id,name,zip5", *lines]), PEOPLE)
    assert got.reasons == [(1_502, "name", "stray_quote")]
    assert len(got.rows) == 2_999


def test_an_inch_mark_in_plain_text_and_newlines_in_quoted_text_are_text() -> None:
    records = [f'{number},"note {number}\nwith, ""two"" lines","0"' for number in range(40_000)]
    records[20_000] = '20000,0.5" pipe,0'
    data = "\n".join(["id,name,zip5", *records]).encode()
    for sizes in ({}, {"block_bytes": 100_000}):
        got = drain(DelimitedReader([("f", io.BytesIO(data))], source(), Delimited(), PEOPLE, **sizes))
        assert got.column("id") == list(range(40_000))
        assert got.rows[20_000]["name"] == '0.5" pipe'
        assert got.rejects == []


def test_a_quote_that_swallows_lines_is_named_by_its_own_line_among_quoted_cells() -> None:
    records = [f'{number},"Willow {number}","0"' for number in range(20_000)]
    records[15_000] = '15000,"Willow,0'
    with pytest.raises(FileRefusedError, match="not closed") as refused:
        read("\n".join(["id,name,zip5", *records]), PEOPLE)
    assert refused.value.line == 15_002


def test_quotes_are_text_if_no_quote_is_declared() -> None:
    got = read('id|name|zip5\n1|"a|0\n2|b"|0\n', PEOPLE, Delimited(delimiter="|", quote=None))
    assert got.column("name") == ['"a', 'b"']


# --- headers ------------------------------------------------------------------------------------------------------


def test_columns_are_matched_by_name_in_any_order_and_spelling() -> None:
    got = read("\ufeff Zip5 ,NAME,Id\n01234,a,1\n", PEOPLE)
    assert got.rows == [{"id": 1, "name": "a", "zip5": "01234", "source_row": 2}]


def test_an_alias_maps_a_vendors_column_name() -> None:
    got = read("Person Id,name,zip5\n1,a,0\n", PEOPLE, aliases=(Alias("Person ID", "id"),))
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


@pytest.mark.parametrize("quote", ['"', None])
@pytest.mark.parametrize("character", ["\v", "\f", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029"])
def test_only_newlines_and_carriage_returns_end_a_header(character: str, quote: str | None) -> None:
    got = read(f"id,name{character},zip5\n1,a{character}b,0\n", PEOPLE, Delimited(quote=quote))
    assert got.rows == [{"id": 1, "name": f"a{character}b", "zip5": "0", "source_row": 2}]


@pytest.mark.parametrize("header", ['id,"na"me,zip5', 'id,"name" ,zip5', f"id,name,{'z' * 200_000}"])
def test_a_header_that_is_not_one_well_formed_record_refuses_the_file(header: str) -> None:
    with pytest.raises(FileRefusedError, match="header is not one well-formed record") as refused:
        read(f"\n\n{header}\n1,a,0\n", PEOPLE)
    assert refused.value.line == 3


def test_a_quoted_header_can_contain_line_ends() -> None:
    got = read('id,"na\rme","zip5\r\n"\r1,a,0\r', PEOPLE, aliases=(Alias("na me", "name"),))
    assert got.column("source_row") == [4]


def test_a_file_with_too_many_columns_is_refused() -> None:
    with pytest.raises(FileRefusedError, match=r"at most 4,096, found 200,000"):
        read(",".join(f"column{number}" for number in range(200_000)) + "\n", PEOPLE)


def test_a_record_with_too_many_cells_is_one_reject() -> None:
    got = read("id,name,zip5\n1,a,0\n" + "1," * 20_000 + "\n2,b,0\n", PEOPLE)
    assert got.reasons == [(3, None, "too_many_columns")]
    assert got.column("id") == [1, 2]


@pytest.mark.parametrize("data", [b"", b"\xef\xbb\xbf", b"\n\n"])
def test_a_file_without_a_header_is_refused(data: bytes) -> None:
    with pytest.raises(FileRefusedError):
        read(data, PEOPLE)


@pytest.mark.parametrize(
    "text",
    [
        'id,name,zip5\r1,"a\nb",0\r2,c,0\r',  # the only newline is in a quoted cell
        'id,name,zip5\r1,"a\nb",0\r2,c,0',
        "id,name,zip5\r1,a,0\r2,c,0\n3,d,0\n4,e,0\n",
        "id,name,zip5\n1,a,0\r2,c,0\r\n3,d,0\r",
        "id,name,zip5\r\n1,a,0\r\r\n2,c,0\n\r3,d,0",
        'id,name,zip5\r1,"a\r\nb",0\r' + '2,"c",0\r' * 5 + "3,d,0\n",
    ],
)
@pytest.mark.parametrize("block_bytes", [1, 5, 30, 2**20])
def test_any_mix_of_line_ends_gives_every_row(text: str, block_bytes: int) -> None:
    reader = DelimitedReader([("f", io.BytesIO(text.encode()))], source(), Delimited(), PEOPLE, block_bytes=block_bytes)
    got = drain(reader)
    assert got == read(text, PEOPLE)
    assert [str(row["id"]) for row in got.rows] == [row[0] for row in csv.reader(io.StringIO(text, newline="")) if row][
        1:
    ]


def test_rows_that_end_in_a_carriage_return_are_not_one_long_record() -> None:
    text = 'id,name,zip5\r\n1,"a",0\r' + "2,b,0\r" * 200
    sizes = {"block_bytes": 64, "max_record_bytes": 128}
    got = drain(DelimitedReader([("f", io.BytesIO(text.encode()))], source(), Delimited(), PEOPLE, **sizes))
    assert got == read(text, PEOPLE)
    assert len(got.rows) == 201


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
