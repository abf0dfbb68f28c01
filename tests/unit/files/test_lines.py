"""Lines that are not records (before the header, and the trailer), and files without a header."""

from __future__ import annotations

import io
from decimal import Decimal

import pytest

from growth_verticals.errors import DeclarationError, DeliveryRefusedError, FileRefusedError
from growth_verticals.files.delimited import DelimitedReader
from growth_verticals.files.fixedwidth import FixedWidthReader
from growth_verticals.source import ControlSum, Delimited, FixedWidth
from tests.unit.files.reading import ReadResult, contract, drain, read, source

PEOPLE = contract(id="int!", name="string")
WITH_TRAILER = Delimited(trailer="TRL|*|{rows}")


def small_blocks(text: str, form: Delimited, size: int) -> ReadResult:
    return drain(DelimitedReader([("f", io.BytesIO(text.encode()))], source(form), form, PEOPLE, block_bytes=size))


@pytest.mark.parametrize("eol", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("size", [1, 2, 3, 2**20])
def test_lines_before_the_header_are_skipped_and_counted(eol: str, size: int) -> None:
    text = eol.join(['made by "ACME', "", "id,name", "1,a", "x,b", ""])
    got = small_blocks(text, Delimited(skip_lines=2), size)
    assert got.column("id") == [1]
    assert got.column("source_row") == [4]
    assert got.reasons == [(5, "id", "not_an_integer")]


def test_a_file_that_ends_before_its_header_is_empty() -> None:
    with pytest.raises(FileRefusedError, match="empty"):
        read("one line\n", PEOPLE, Delimited(skip_lines=2))


@pytest.mark.parametrize("eol", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("end", ["", "{eol}", "{eol}{eol}"])
@pytest.mark.parametrize("size", [1, 7, 2**20])
def test_the_trailer_is_not_a_record_and_its_count_is_checked(eol: str, end: str, size: int) -> None:
    text = eol.join(["id,name", "1,a", "x,b", '3,"c', 'd"', "TRL|2026-11-22|003"]) + end.format(eol=eol)
    got = small_blocks(text, WITH_TRAILER, size)
    assert got.column("id") == [1, 3]
    assert [row for row, _, _ in got.reasons] == [3]


@pytest.mark.parametrize("count", ["0", "1", "3", "20"])
def test_a_wrong_count_refuses_the_delivery_and_names_both_counts(count: str) -> None:
    with pytest.raises(DeliveryRefusedError, match=rf"expected {count} records.*found 2") as refused:
        read(f"id,name\n1,a\nx,b\nTRL|x|{count}\n", PEOPLE, WITH_TRAILER)
    assert "f.txt" in str(refused.value)


@pytest.mark.parametrize("last", ["", "TRL|x|\n", "TRL|x|two\n", "1,a\n", "trl|x|1\n"])
def test_a_file_without_its_trailer_is_refused(last: str) -> None:
    with pytest.raises(FileRefusedError, match="does not end with its trailer"):
        read(f"id,name\n1,a\n{last}", PEOPLE, WITH_TRAILER)


@pytest.mark.parametrize("size", [1, 7, 2**20])
def test_a_quote_that_a_trailer_would_close_refuses_the_file(size: int) -> None:
    with pytest.raises(FileRefusedError, match="not closed"):
        small_blocks('id,name\n1,"a\nTRL|"|1\n', WITH_TRAILER, size)


def test_a_trailer_can_count_zero_records() -> None:
    assert read("id,name\nTRL|x|0\n", PEOPLE, WITH_TRAILER).rows == []


def test_a_trailer_does_not_need_a_count() -> None:
    assert read("id,name\n1,a\nEND OF FILE\n", PEOPLE, Delimited(trailer="END OF FILE")).column("id") == [1]


def sums_of(text: str, form: Delimited | FixedWidth, size: int = 2**20) -> dict[str, Decimal]:
    columns = contract(id="int!", amount="decimal(9, 2)")
    member = [("f", io.BytesIO(text.encode()))]
    checked = source(form, checks=(ControlSum(column="amount"), ControlSum(column="id")))
    reader = (
        DelimitedReader(member, checked, form, columns, block_bytes=size)
        if isinstance(form, Delimited)
        else FixedWidthReader(member, checked, form, columns, block_bytes=size)
    )
    drain(reader)
    return dict(reader.stated_sums)


@pytest.mark.parametrize("size", [1, 7, 2**20])
@pytest.mark.parametrize("stated", ["2.50", "0000002.5", "+2.5", "-17", "1234567890123456789012345678901234567890.5"])
def test_a_trailer_states_sums_of_columns(stated: str, size: int) -> None:
    form = Delimited(trailer="TRL|{rows}|{sum:id}|{sum:amount}")
    text = f"id,amount\n1,1.25\n2,1.25\nTRL|2|3|{stated}\n"
    assert sums_of(text, form, size) == {"id": 3, "amount": Decimal(stated)}


def test_a_sum_has_the_declared_decimal_separator() -> None:
    form = Delimited(delimiter=";", decimal=",", trailer="T{sum:amount}")
    assert sums_of("id;amount\n1;1,25\nT1,25\n", form) == {"amount": Decimal("1.25")}


def test_a_fixed_width_trailer_states_sums() -> None:
    form = FixedWidth(columns={"id": 2, "amount": 5}, trailer="T{sum:amount} *")
    assert sums_of("01 1.25\nT000125.50 of ACME\n", form) == {"amount": Decimal("125.5")}


@pytest.mark.parametrize("stated", ["", "x", "1,5", "1.5.5", "1e3", "--1", "\u0661"])
def test_a_sum_that_is_not_a_number_is_no_trailer(stated: str) -> None:
    with pytest.raises(FileRefusedError, match="does not end with its trailer"):
        sums_of(f"id,amount\n1,1.25\nT|{stated}|\n", Delimited(trailer="T|{sum:amount}|"))


def test_without_a_header_columns_are_in_the_declared_order_or_the_sql_files() -> None:
    assert read("1,a\n", PEOPLE, Delimited(header=False)).rows == [{"id": 1, "name": "a", "source_row": 1}]
    declared = Delimited(header=False, columns=("name", "Id"))
    assert read("a,1\nb,x\n", PEOPLE, declared).rows == [{"id": 1, "name": "a", "source_row": 1}]
    assert read("a,1\nb,x\n", PEOPLE, declared).reasons == [(2, "id", "not_an_integer")]


def test_without_a_header_even_a_short_first_record_is_rejected() -> None:
    assert read("1\n2,b\n", PEOPLE, Delimited(header=False)).reasons == [(1, None, "too_few_columns")]


@pytest.mark.parametrize("columns", [("id", "ID"), ("name",), ("id", "other")])
def test_impossible_declared_columns_are_a_declaration_error(columns: tuple[str, ...]) -> None:
    with pytest.raises(DeclarationError):
        read("1,a\n", PEOPLE, Delimited(header=False, columns=columns), extra_columns="refuse")


@pytest.mark.parametrize(
    "options",
    [
        {"skip_lines": -1},
        {"trailer": "*"},
        {"trailer": "{rows} of {rows}"},
        {"trailer": "T {sum:amount} {sum:amount}"},
        {"trailer": "T {sum:Amount}"},
        {"trailer": "T {sum:}"},
        {"decimal": ",", "thousands": ","},
        {"columns": ("id",)},
        {"escape": '"'},
        {"escape": "\\\\"},
        {"escape": "\n"},
        {"delimiter": ",,"},
        {"quoted_empty": "NULL"},
        {"encoding": "utf-32"},
        {"pivot_year": 101},
        {"pivot_year": {"born": -1}},
    ],
)
def test_contradictory_options_are_a_declaration_error(options: dict[str, object]) -> None:
    with pytest.raises(DeclarationError):
        Delimited(**options)


def test_a_sum_that_no_check_compares_is_a_declaration_error() -> None:
    form = Delimited(trailer="T{sum:amount}")
    with pytest.raises(DeclarationError, match="no check compares"):
        source(form, checks=(ControlSum(column="id"),))
    assert source(form, checks=(ControlSum(column="amount"),)).format is form
