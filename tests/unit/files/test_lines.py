"""Lines that are no records: a preamble, and a trailer that counts; and files without a header."""

from __future__ import annotations

import io

import pytest

from growth_verticals.errors import DeclarationError, DeliveryRefusedError, FileRefusedError
from growth_verticals.files.delimited import DelimitedReader
from growth_verticals.source import Delimited
from tests.unit.files.reading import Read, contract, drain, read, source

PEOPLE = contract(id="int!", name="string")
COUNTED = Delimited(trailer="TRL|*|{rows}")


def small_blocks(text: str, form: Delimited, size: int) -> Read:
    return drain(DelimitedReader([("f", io.BytesIO(text.encode()))], source(form), form, PEOPLE, block_bytes=size))


@pytest.mark.parametrize("eol", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("size", [1, 2, 3, 2**20])
def test_lines_before_the_header_are_passed_over_and_counted(eol: str, size: int) -> None:
    text = eol.join(['made by "ACME', "", "id,name", "1,a", "x,b", ""])
    got = small_blocks(text, Delimited(skip_lines=2), size if eol != "\r" else 2**20)
    assert got.column("id") == [1]
    assert got.column("source_row") == [4]
    assert got.reasons == [(5, "id", "not_an_integer")]


def test_a_file_that_ends_before_its_header_is_empty() -> None:
    with pytest.raises(FileRefusedError, match="empty"):
        read("one line\n", PEOPLE, Delimited(skip_lines=2))


@pytest.mark.parametrize("eol", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("end", ["", "{eol}", "{eol}{eol}"])
@pytest.mark.parametrize("size", [1, 7, 2**20])
def test_the_trailer_is_no_record_and_its_count_is_the_files(eol: str, end: str, size: int) -> None:
    text = eol.join(["id,name", "1,a", "x,b", '3,"c', 'd"', "TRL|2026-11-22|003"]) + end.format(eol=eol)
    got = small_blocks(text, COUNTED, size if eol != "\r" else 2**20)
    assert got.column("id") == [1, 3]
    assert [row for row, _, _ in got.reasons] == [3]


@pytest.mark.parametrize("count", ["0", "1", "3", "20"])
def test_another_count_refuses_the_delivery_and_names_both(count: str) -> None:
    with pytest.raises(DeliveryRefusedError, match=rf"expected {count} records.*found 2") as refused:
        read(f"id,name\n1,a\nx,b\nTRL|x|{count}\n", PEOPLE, COUNTED)
    assert "f.txt" in str(refused.value)


@pytest.mark.parametrize("last", ["", "TRL|x|\n", "TRL|x|two\n", "1,a\n", "trl|x|1\n"])
def test_a_file_without_its_trailer_may_be_cut_off(last: str) -> None:
    with pytest.raises(FileRefusedError, match="does not end with its trailer"):
        read(f"id,name\n1,a\n{last}", PEOPLE, COUNTED)


def test_no_record_and_a_trailer_that_says_so() -> None:
    assert read("id,name\nTRL|x|0\n", PEOPLE, COUNTED).rows == []


def test_a_trailer_need_not_count() -> None:
    assert read("id,name\n1,a\nEND OF FILE\n", PEOPLE, Delimited(trailer="END OF FILE")).column("id") == [1]


def test_without_a_header_columns_are_in_the_sql_files_order_or_as_declared() -> None:
    assert read("1,a\n", PEOPLE, Delimited(header=False)).rows == [{"id": 1, "name": "a", "source_row": 1}]
    turned = Delimited(header=False, columns=("name", "Id"))
    assert read("a,1\nb,x\n", PEOPLE, turned).rows == [{"id": 1, "name": "a", "source_row": 1}]
    assert read("a,1\nb,x\n", PEOPLE, turned).reasons == [(2, "id", "not_an_integer")]


def test_a_short_record_of_a_file_without_a_header_is_rejected_the_first_too() -> None:
    assert read("1\n2,b\n", PEOPLE, Delimited(header=False)).reasons == [(1, None, "too_few_columns")]


@pytest.mark.parametrize("columns", [("id", "ID"), ("name",), ("id", "other")])
def test_declared_columns_that_cannot_be_are_told_before_a_file_is_read(columns: tuple[str, ...]) -> None:
    with pytest.raises(DeclarationError):
        read("1,a\n", PEOPLE, Delimited(header=False, columns=columns), extra_columns="refuse")


@pytest.mark.parametrize(
    "words",
    [
        {"skip_lines": -1},
        {"trailer": "*"},
        {"trailer": "{rows} of {rows}"},
        {"decimal": ",", "thousands": ","},
        {"columns": ("id",)},
        {"escape": '"'},
        {"escape": "\\\\"},
        {"escape": "\n"},
        {"delimiter": ",,"},
    ],
)
def test_declarations_that_contradict_themselves_are_refused(words: dict[str, object]) -> None:
    with pytest.raises(DeclarationError):
        Delimited(**words)
