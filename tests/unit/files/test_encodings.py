"""Text is decoded as declared, or the file is refused with the line of the first byte that does not decode."""

from __future__ import annotations

import contextlib
import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from growth_verticals.errors import FileRefusedError
from growth_verticals.files.delimited import DelimitedReader
from growth_verticals.source import Delimited
from tests.unit.files.reading import contract, drain, read, source

PEOPLE = contract(id="int!", name="string", zip5="string")


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "utf-16", "utf-16-le", "utf-16-be"])
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
        ("utf-8", b"id,name,zip5\r1,a,0\r2,Zo\xeb,0\r3,b,0\r", 3),
        ("utf-8", b"id,name,zip5\r\n1,a,0\r2,b,0\n3,Zo\xeb,0\r4,c,0\n", 4),
        ("cp1252", b"id,name,zip5\r1,a,0\r2,b\x81,0\r", 3),
        ("utf-16-le", "id,name,zip5\n1,a,0\n".encode("utf-16-le")[:-1], 2),
        ("utf-16-be", "id,name,zip5\n1,".encode("utf-16-be") + b"\xdc\x00\x00\n", 2),
        ("utf-16", "id,name,zip5\n1,a,0\n".encode("utf-16")[:-1], 2),
    ],
)
def test_bytes_outside_the_declared_encoding_refuse_the_file(encoding: str, data: bytes, line: int) -> None:
    with pytest.raises(FileRefusedError) as refused:
        read(data, PEOPLE, Delimited(encoding=encoding))
    assert refused.value.line == line


@pytest.mark.parametrize("declared", ["utf-16-le", "utf-16-be"])
def test_utf16_without_a_byte_order_mark_is_refused_unless_its_byte_order_is_declared(declared: str) -> None:
    data = "id,name,zip5\n1,Zoë,0\n".encode(declared)
    with pytest.raises(FileRefusedError, match=f"look like {declared}.*declare encoding") as refused:
        read(data, PEOPLE, Delimited(encoding="utf-16"))
    assert refused.value.line == 1
    assert read(data, PEOPLE, Delimited(encoding=declared)).column("name") == ["Zoë"]
    with_mark = "\ufeffid,name,zip5\n1,Zoë,0\n".encode(declared)
    assert read(with_mark, PEOPLE, Delimited(encoding=declared)).column("name") == ["Zoë"]
    assert read(with_mark, PEOPLE, Delimited(encoding="utf-16")).column("name") == ["Zoë"]


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1", "cp1252", "utf-16", "utf-16-le", "utf-16-be"])
@given(
    data=st.binary(max_size=60), options=st.sampled_from([{}, {"header": False}, {"skip_lines": 1}, {"escape": "#"}])
)
def test_any_bytes_are_read_or_refused_in_every_encoding(encoding: str, data: bytes, options: dict[str, Any]) -> None:
    with contextlib.suppress(FileRefusedError):
        read(data, PEOPLE, Delimited(encoding=encoding, **options))


def test_the_message_contains_no_value_of_a_row() -> None:
    with pytest.raises(FileRefusedError) as refused:
        read(b"id,name,zip5\n1,secretword\xff,0\n", PEOPLE)
    assert "secretword" not in str(refused.value)


@pytest.mark.parametrize("size", [1, 14, 2**20])
def test_a_byte_order_mark_in_the_middle_of_a_file_is_text_also_at_the_start_of_a_block(size: int) -> None:
    data, table = "name\na\n\ufeffb\n\ufeffc\n".encode(), contract(name="string")
    reader = DelimitedReader([("f", io.BytesIO(data))], source(), Delimited(), table, block_bytes=size)
    assert drain(reader).column("name") == ["a", "\ufeffb", "\ufeffc"]
