"""Fixed-width text: columns at their positions, padding removed, and all lines of the same length."""

from __future__ import annotations

import io
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from growth_verticals.errors import DeclarationError, DeliveryRefusedError, FileRefusedError
from growth_verticals.files.fixedwidth import FixedWidthReader
from growth_verticals.source import FixedWidth
from tests.unit.files.reading import ReadResult, contract, drain, read, source

PEOPLE = contract(id="int!", name="string", zip5="string", born="date", paid="decimal(7, 2)")
FORM = FixedWidth(
    columns={"id": 4, "name": 8, "zip5": 5, "born": (20, 8), "paid": 8}, dates={"born": "%Y%m%d"}, decimal=","
)
LINE = "   7Willow  01234  19620229 1234,50"


def test_columns_are_read_at_their_positions_and_cast() -> None:
    assert read(f"{LINE}\n", PEOPLE, FORM).reasons == [(1, "born", "not_a_date")]
    good = LINE.replace("1962", "1964")
    assert read(f"{good}\n", PEOPLE, FORM).rows == [
        {
            "id": 7,
            "name": "Willow",
            "zip5": "01234",
            "born": date(1964, 2, 29),
            "paid": Decimal("1234.50"),
            "source_row": 1,
        }
    ]


def test_widths_count_characters_not_bytes() -> None:
    form = FixedWidth(columns={"id": 2, "name": 4})
    assert read(" 1Zoë \n 2Anna\n", contract(id="int", name="string"), form).column("name") == ["Zoë", "Anna"]


def test_padding_is_kept_without_trim() -> None:
    form = FixedWidth(columns={"id": 2, "name": 4}, trim=False)
    assert read(" 1 ab \n", contract(id="int", name="string"), form).column("name") == [" ab "]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("12", "too_few_columns"),
        (" 1abcde", "too_many_columns"),
        (" xabcd", "not_an_integer"),
        ("  abcd", "missing_required"),
        (" 1a\0cd", "nul_byte"),
    ],
)
def test_a_bad_line_is_rejected_and_the_others_are_loaded(line: str, reason: str) -> None:
    form = FixedWidth(columns={"id": 2, "name": 4})
    got = read(f" 1abcd\n{line}\n\n 3abcd\n", contract(id="int!", name="string"), form)
    assert got.column("id") == [1, 3]
    assert got.column("source_row") == [1, 4]
    assert [each["reason"] for each in got.rejects] == [reason]
    assert [each["raw_record"] for each in got.rejects] == [line]


@pytest.mark.parametrize(
    "text", [" 1abcd\r 2efgh\n 3ijkl\r", " 1abcd\n 2efgh\r\r\n 3ijkl", "\r 1abcd\r 2efgh\r 3ijkl\n"]
)
@pytest.mark.parametrize("block_bytes", [1, 5, 2**20])
def test_any_mix_of_line_ends_gives_every_row(text: str, block_bytes: int) -> None:
    form = FixedWidth(columns={"id": 2, "name": 4})
    table = contract(id="int!", name="string")
    got = drain(
        FixedWidthReader([("f", io.BytesIO(text.encode()))], source(form), form, table, block_bytes=block_bytes)
    )
    assert got == read(text, table, form)
    assert got.column("id") == [1, 2, 3]


@pytest.mark.parametrize("character", ["\v", "\f", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029"])
def test_only_newlines_and_carriage_returns_end_a_line(character: str) -> None:
    form = FixedWidth(columns={"id": 2, "name": 4})
    assert read(f" 1a{character}bc\n", contract(id="int", name="string"), form).column("name") == [f"a{character}bc"]


def test_skipped_lines_and_the_trailer_are_not_records() -> None:
    form = FixedWidth(columns={"id": 2, "name": 4}, skip_lines=1, trailer="T{rows}")
    table = contract(id="int!", name="string")
    assert read("HEAD\n 1abcd\nT1\n", table, form).column("source_row") == [2]
    with pytest.raises(DeliveryRefusedError, match="trailer"):
        read("HEAD\n 1abcd\nT2\n", table, form)


def test_an_empty_file_and_bytes_in_another_encoding_are_refused() -> None:
    form = FixedWidth(columns={"id": 2, "name": 4})
    table = contract(id="int!", name="string")
    for data, message in ((b"", "empty"), (b" 1abcd\n 2ab\xe9d\n", "line 2")):
        with pytest.raises(FileRefusedError, match=message):
            read(data, table, form)
    latin = FixedWidth(columns={"id": 2, "name": 4}, encoding="latin-1")
    assert read(b" 2ab\xe9d\n", table, latin).column("name") == ["ab\u00e9d"]


@pytest.mark.parametrize("columns", [{}, {"id": 0}, {"id": (0, 3)}])
def test_impossible_column_positions_are_a_declaration_error(columns: dict[str, Any]) -> None:
    with pytest.raises(DeclarationError):
        FixedWidth(columns=columns)


CELLS = st.text(st.characters(exclude_characters="\0\r\n \t", exclude_categories=["Cs"]), max_size=6)


@given(st.lists(st.tuples(st.none() | st.integers(-99_999, 999_999), CELLS), max_size=12), st.integers(1, 50))
def test_typed_values_are_read_back_unchanged_with_blocks_of_any_size(
    rows: list[tuple[int | None, str]], size: int
) -> None:
    form = FixedWidth(columns={"number": 6, "text": 6})
    lines = "".join(f"{'' if number is None else number:>6}{text:<6}\n" for number, text in rows)
    table = contract(number="int", text="string")

    def got(block_bytes: int) -> ReadResult:
        stream = io.BytesIO(lines.encode())
        return drain(FixedWidthReader([("f", stream)], source(form), form, table, block_bytes=block_bytes))

    if not rows:
        return
    assert got(size) == got(2**20)
    assert got(size).rejects == []
    assert [(row["number"], row["text"] or "") for row in got(size).rows] == rows
