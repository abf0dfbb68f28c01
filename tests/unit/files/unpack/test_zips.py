"""Zip archives: members that match are read, others are named, and hostile or mangled archives are refused."""

from __future__ import annotations

import io
import logging
import struct
import zipfile

import pytest

from growth_verticals.errors import DeclarationError, FileRefusedError
from growth_verticals.files.unpack import zips
from growth_verticals.source import Delimited
from tests.unit.files.reading import contract, read
from tests.unit.files.unpack.test_compression import archive, refusal

PEOPLE = contract(id="int!", name="string")


def person(number: int) -> bytes:
    return b"id,name\n%d,name %d\n" % (number, number)


def ids(data: bytes, member: str = "*.csv") -> list[int]:
    return read(data, PEOPLE, Delimited(member=member), name="f.zip").column("id")  # type: ignore[return-value]


@pytest.mark.parametrize("member", ["*.csv", "*.CSV", "people_?.csv", "2026/people_[ab].csv"])
def test_members_match_without_regard_to_case(member: str, caplog: pytest.LogCaptureFixture) -> None:
    data = archive(("2026/people_a.csv", person(1)), ("2026/PEOPLE_B.CSV", person(2)), ("2026/", b""))
    assert sorted(ids(data, member)) == [1, 2]
    assert caplog.records == []


def test_members_that_are_skipped_are_named_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    data = archive(
        ("a.csv", person(1)), ("B.CSV.bak", person(2)), ("read me.txt", b"hello"), ("__MACOSX/._a.csv", b"\0")
    )
    with caplog.at_level(logging.WARNING):
        assert ids(data) == [1]
    (message,) = caplog.messages
    assert message == "probe: f.zip: 2 members do not match *.csv, skipped: B.CSV.bak, read me.txt"
    many = archive(("a.csv", person(1)), *((f"{number:03}.txt", b"") for number in range(500)))
    ids(many)
    assert "500 members" in caplog.messages[-1]
    assert caplog.messages[-1].endswith("099.txt, ...")


def test_names_that_differ_in_case_only_are_two_members() -> None:
    assert sorted(ids(archive(("a.csv", person(1)), ("A.csv", person(2))))) == [1, 2]


@pytest.mark.parametrize(
    ("method", "name"), [(zipfile.ZIP_BZIP2, "bzip2"), (zipfile.ZIP_LZMA, "LZMA"), (9, "deflate64")]
)
def test_a_method_that_is_not_supported_is_named(method: int, name: str) -> None:
    plain = method if method != 9 else zipfile.ZIP_DEFLATED
    data = bytearray(archive(("a.csv", person(1) * 100), method=plain))
    struct.pack_into("<H", data, data.index(b"PK\x01\x02") + 10, method)
    found = str(refusal(bytes(data), "f.zip"))
    assert f"found {name}." in found
    assert "deflate" in found


def test_a_method_that_is_not_supported_does_not_matter_in_a_member_that_is_skipped() -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as made:
        made.writestr("a.csv", person(1))
        made.writestr("photo.jpg", b"\xff\xd8", compress_type=zipfile.ZIP_LZMA)
    assert ids(buffer.getvalue()) == [1]


class Unseekable(io.BytesIO):
    def seekable(self) -> bool:
        return False

    def seek(self, offset: int, whence: int = 0, /) -> int:
        raise io.UnsupportedOperation


def streamed() -> bytes:
    """Return an archive whose sizes follow each member, because its writer could not go back."""
    buffer = Unseekable()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("a.csv", person(1))
        made.writestr("b.csv", person(2))
    return buffer.getvalue()


def zip64() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as made:
        for number in (1, 2):
            with made.open(f"{number}.csv", "w", force_zip64=True) as member:
                member.write(person(number))
    return buffer.getvalue()


def with_comment(text: bytes) -> bytes:
    buffer = io.BytesIO(archive(("a.csv", person(1)), ("b.csv", person(2))))
    with zipfile.ZipFile(buffer, "a") as made:
        made.comment = text
    return buffer.getvalue()


def not_ascii() -> bytes:
    return archive(("zoë.csv", person(1)), ("李.csv", person(2)))


@pytest.mark.parametrize(
    "data",
    [streamed(), zip64(), with_comment(b"made by hand"), with_comment(b"x" * 65_535), with_comment(b"") + bytes(100)],
    ids=["streamed", "zip64", "comment", "long comment", "zeros after it"],
)
def test_archives_of_many_writers_are_read(data: bytes) -> None:
    assert ids(data) == [1, 2]
    assert sorted(ids(not_ascii())) == [1, 2]


TWO = archive(("a.csv", person(1))), archive(("b.csv", person(2)))


@pytest.mark.parametrize(
    ("data", "place"),
    [
        (TWO[0] + TWO[1], "before"),
        (TWO[0] + TWO[1][:-25], "after"),
        (TWO[0] + b"garbage", "after"),
    ],
    ids=["two archives", "the second is cut", "garbage"],
)
def test_bytes_around_an_archive_are_never_ignored(data: bytes, place: str) -> None:
    assert f"extra bytes {place} the archive" in str(refusal(data, "f.zip"))


def test_a_program_that_unpacks_itself_is_refused_as_one() -> None:
    assert "a Windows program" in str(refusal(b"MZ\x90\x00" + bytes(500) + TWO[0], "f.zip"))


def test_a_member_whose_two_names_differ_is_refused() -> None:
    data = bytearray(TWO[0])
    data[data.index(b"a.csv")] = ord("x")
    assert "cannot be read" in str(refusal(bytes(data), "f.zip"))


def test_an_archive_of_too_many_members_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    data = archive(*((f"{number}.csv", b"") for number in range(50)))
    monkeypatch.setattr(zips, "MAX_MEMBERS", 49)
    assert "more than 49 members" in str(refusal(data, "f.zip"))
    monkeypatch.setattr(zips, "MAX_DIRECTORY_BYTES", 1_000)
    assert "a directory of more than 1,000 bytes" in str(refusal(data, "f.zip"))


def test_an_empty_member_is_an_empty_file() -> None:
    assert "empty" in str(refusal(archive(("a.csv", person(1)), ("b.csv", b"")), "f.zip"))


def test_a_sparse_file_is_read_if_the_source_declares_its_ratio() -> None:
    sparse = b"id,name\n" + b"".join(b"%d,%s\n" % (number, b" " * 5_000) for number in range(1_000))
    data = archive(("a.csv", sparse))
    assert len(sparse) / len(data) > 200
    found = str(refusal(data, "f.zip"))
    assert "expands 100 times at most" in found
    assert "max_ratio" in found
    assert len(read(data, PEOPLE, Delimited(max_ratio=1_000), name="f.zip").rows) == 1_000
    with pytest.raises(FileRefusedError, match="10 times"):
        read(data, PEOPLE, Delimited(max_ratio=10), name="f.zip")
    with pytest.raises(DeclarationError, match="max_ratio"):
        Delimited(max_ratio=0)
