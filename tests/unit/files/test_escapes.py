"""Escaped characters are text wherever a block ends, and raw records keep their escapes."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from growth_verticals.errors import FileRefusedError
from growth_verticals.files.delimited import DelimitedReader
from growth_verticals.source import Delimited
from tests.unit.files.reading import contract, drain, read, source

NOTES = contract(id="int!", note="string")
ESCAPED = Delimited(escape="\\")


@pytest.mark.parametrize(
    ("written", "note"),
    [
        (r"a\,b", "a,b"),
        (r"\"a\"", '"a"'),
        (r'"a \"quoted\" word"', 'a "quoted" word'),
        (r'"a \"quoted\", and ""doubled"""', 'a "quoted", and "doubled"'),
        (r"a\\", "a\\"),
        (r'"a\\"', "a\\"),
        (r'"a\\\""', 'a\\"'),
        (r"C:\new", r"C:\new"),
        (r"\N", r"\N"),
        (r"caf\é", r"caf\é"),
    ],
)
def test_an_escaped_character_is_text(written: str, note: str) -> None:
    assert read(f"id,note\n1,{written}\n", NOTES, ESCAPED).column("note") == [note]


def test_a_declared_null_that_contains_an_escape_is_null() -> None:
    form = Delimited(escape="\\", nulls=(r"\N",))
    assert read("id,note\n1,\\N\n", NOTES, form).column("note") == [None]


def test_the_raw_record_keeps_its_escapes() -> None:
    got = read('id,note\nx,"a \\"b\\""\n1,a\\,b,c\n', NOTES, ESCAPED)
    assert [each["raw_record"] for each in got.rejects] == ['x,"a \\"b\\""', "1,a\\,b,c"]


def test_bytes_that_are_not_utf8_are_refused_with_their_line() -> None:
    with pytest.raises(FileRefusedError, match=r"line 3") as refused:
        read(b"id,note\n1,a\n2,\xff\n", NOTES, ESCAPED)
    assert "encoding" in str(refused.value)


@pytest.mark.parametrize("size", [7, 2**20])
def test_a_file_that_contains_a_placeholder_for_escapes_is_refused(size: int) -> None:
    data = io.BytesIO("id,note\n1,a\ufdd1\n".encode())
    with pytest.raises(FileRefusedError, match="Unicode noncharacter"):
        drain(DelimitedReader([("f", data)], source(ESCAPED), ESCAPED, NOTES, block_bytes=size))


@pytest.mark.parametrize("quote", ['"', None])
@given(notes=st.lists(st.text(st.sampled_from('a,"\\é '), max_size=8), max_size=6), size=st.integers(1, 12))
def test_any_text_that_a_vendor_escapes_is_read_back(quote: str | None, notes: list[str], size: int) -> None:
    def escaped(text: str) -> str:
        for character in filter(None, ("\\", ",", quote)):
            text = text.replace(character, f"\\{character}")
        return text

    lines = "".join(f"{number},{escaped(note)}\n" for number, note in enumerate(notes))
    form = Delimited(escape="\\", quote=quote)
    data = io.BytesIO(f"id,note\n{lines}".encode())
    got = drain(DelimitedReader([("f", data)], source(form), form, NOTES, block_bytes=size))
    assert got.rejects == []
    assert got.column("note") == [note or None for note in notes]
