"""Delimited text is read as Python's csv module reads it, except what is refused or rejected by the engine's rules."""

from __future__ import annotations

import csv
import io
import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from growth_verticals.errors import FileRefusedError
from growth_verticals.files.delimited import DelimitedReader
from growth_verticals.source import Delimited
from tests.unit.files.counting import delimited_records
from tests.unit.files.reading import ReadResult, contract, drain, read, source

TABLE = contract(a="string", b="string", c="string")
FILES = 600
WORDS = ("willow", "lake", "", " ", "5", "=", "#", "''", "\t ", "0.5", "a-b")
#: Characters at which `str.splitlines` ends a line, and that are text in every format.
NOT_LINE_ENDS = ("\v", "\f", "\x1c", "\x1d", "\x1e", "\x85")
ENCODINGS = {
    "utf-8": ("é", "\u2028", "\u2029", "\U0001f332", *NOT_LINE_ENDS),
    "latin-1": ("é", *NOT_LINE_ENDS),
    "cp1252": ("é", "€", *NOT_LINE_ENDS[:-1]),
    "utf-16": ("é", "\u2028", "ਊ", *NOT_LINE_ENDS),  # U+0A0A has the bytes of two newlines
    "utf-16-le": ("é", "\u2029", "ഊ", *NOT_LINE_ENDS),
    "utf-16-be": ("é", "\u2028", "਍", *NOT_LINE_ENDS),
}


def a_file(chance: random.Random, *, good: bool) -> tuple[str, Delimited]:
    """Return a file of three columns with a header. A good one has no record that should be rejected."""
    quote = chance.choice('"""\'')
    form = Delimited(
        delimiter=chance.choice(",;|\t"), quote=quote, encoding=chance.choice(list(ENCODINGS)),  # type: ignore[arg-type]
    )  # fmt: skip
    line_ends = chance.choice([["\n"], ["\r\n"], ["\r"], ["\n", "\r\n", "\r"]])
    plain = [*WORDS, *ENCODINGS[form.encoding]]
    special = [form.delimiter, quote, quote, "\n", "\r\n", "\r"]

    def cell() -> str:
        parts = chance.choices(plain, k=chance.randint(0, 3))
        if chance.random() < 0.4:
            parts += chance.choices(special, k=chance.randint(1, 3))
            chance.shuffle(parts)
        text = "".join(parts)
        if not set(text) & {form.delimiter, "\r", "\n"} and not text.startswith(quote) and chance.random() < 0.6:
            return text  # a quote in it is plain text
        return quote + text.replace(quote, quote * 2) + quote

    records = [form.delimiter.join(cell() for _ in range(3)) for _ in range(chance.randint(0, 12))]
    body = "".join(record + chance.choice(line_ends) * chance.choice([1, 1, 1, 2]) for record in records)
    body = body if chance.random() < 0.7 else body.rstrip("\r\n")
    for _ in range(0 if good else chance.randint(1, 4)):
        at = chance.randint(0, len(body))
        body = body[:at] + chance.choice([*special, "x"]) + body[at + chance.randint(0, 1) :]
    return form.delimiter.join("abc") + chance.choice(line_ends) + body, form


def outcome(text: str, form: Delimited, block_bytes: int | None = None) -> ReadResult | None:
    """Return what the engine reads, or None if it refuses the file."""
    data = text.encode(form.encoding)
    try:
        if block_bytes is None:
            return read(data, TABLE, form)
        stream = io.BytesIO(data)
        return drain(DelimitedReader([("f", stream)], source(form), form, TABLE, block_bytes=block_bytes))
    except FileRefusedError:
        return None


def check(text: str, form: Delimited, block_bytes: int | None = None) -> str:
    """Compare the engine with Python's csv module; return what became of the file."""
    records = list(delimited_records(text, form))[1:]
    got = outcome(text, form, block_bytes)
    assert (got is None) == any(record.swallows_lines for record in records)
    if got is None:
        return "refused"
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=form.delimiter, quotechar=form.quote)
    rows = [row for row in reader if row][1:]
    assert rows == [[cell.text for cell in record.cells] for record in records]
    good = [
        row for row, record in zip(rows, records, strict=True) if len(row) == 3 and not record.has_stray_quote
    ]  # fmt: skip
    assert [[row[name] or "" for name in "abc"] for row in got.rows] == good
    assert [each["raw_record"] for each in got.rejects] == [
        record.written for record in records if len(record.cells) != 3 or record.has_stray_quote
    ]
    stray = sum(record.has_stray_quote for record in records)
    assert sum("stray_quote" in each["reason"] for each in got.rejects) == stray
    return "rejects" if got.rejects else "good"


def test_files_of_all_kinds_are_read_as_by_the_csv_module() -> None:
    chance = random.Random(20_260_814)
    outcomes = Counter[str]()
    for number in range(FILES):
        text, form = a_file(chance, good=number % 2 == 0)
        block_bytes = chance.choice([None, None, 1, 3, 17, 64])
        outcomes[check(text, form, block_bytes)] += 1
        if number % 2 == 0:
            assert outcome(text, form) is not None
    assert outcomes["good"] >= FILES / 2
    assert outcomes["refused"] >= FILES / 50
    assert outcomes["rejects"] >= FILES / 20


@pytest.mark.parametrize("quote", ['"', "'"])
@given(body=st.text("a,\"'\n\r\x85\f", max_size=40), size=st.none() | st.integers(1, 12))
def test_any_use_of_quotes_and_line_ends_is_read_as_by_the_csv_module(quote: str, body: str, size: int | None) -> None:
    check("a,b,c\n" + body, Delimited(quote=quote), size)
