"""Compressed files: damaged and unsafe ones are refused, and all bytes of the others are read."""

from __future__ import annotations

import gzip
import io
import stat
import struct
import zipfile

import pytest

from growth_verticals.errors import FileRefusedError
from growth_verticals.source import Delimited
from tests.unit.files.reading import contract, read

PEOPLE = contract(id="int!", name="string")
HEADER = b"id,name\n"
ROWS = b"".join(b"%d,name %d\n" % (number, number) for number in range(5_000))
GZ = gzip.compress(HEADER + ROWS)


def archive(*members: tuple[str | zipfile.ZipInfo, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as made_archive:
        for name, data in members:
            made_archive.writestr(name, data, compress_type=method)
    return buffer.getvalue()


def refusal(data: bytes, name: str, form: Delimited | None = None) -> FileRefusedError:
    with pytest.raises(FileRefusedError) as refused:
        read(data, PEOPLE, form, name=name)
    return refused.value


@pytest.mark.parametrize(
    "data",
    [
        GZ,
        gzip.compress(HEADER) + gzip.compress(ROWS[:1_000]) + gzip.compress(ROWS[1_000:]),
        GZ + bytes(512),  # padding, which gzip itself ignores
        gzip.compress(b"") * 1_000 + GZ,
    ],
)
def test_every_member_of_a_gzip_file_is_read(data: bytes) -> None:
    assert read(data, PEOPLE, name="f.csv.GZ").column("id") == list(range(5_000))


def flipped(data: bytes, index: int) -> bytes:
    changed = bytearray(data)
    changed[index] ^= 1
    return bytes(changed)


@pytest.mark.parametrize(
    "data",
    [
        GZ[:-3],
        GZ[: len(GZ) // 2],
        GZ[:12],
        GZ + gzip.compress(b"9,x\n")[:-2],
        GZ + b"trailing garbage",
        flipped(GZ, -6),  # the checksum
        flipped(GZ, -1),  # the length
        flipped(GZ, len(GZ) // 2),
    ],
    ids=["truncated", "half", "header only", "second member truncated", "garbage", "checksum", "length", "middle"],
)
def test_a_damaged_gzip_file_is_refused(data: bytes) -> None:
    error = refusal(data, "f.csv.gz")
    assert error.file == "f.csv.gz"
    assert "b'" not in str(error), "the message shows bytes of the file"


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED])
def test_archive_members_are_read_in_name_order_with_continuous_line_numbers(method: int) -> None:
    data = archive(
        ("b.csv", b"name,id\nb,2\n"), ("a/a.csv", HEADER + b"1,a\n"), ("__MACOSX/._b.csv", b"\0"), method=method
    )
    got = read(data, PEOPLE, name="f.zip")
    assert got.rows == [{"id": 1, "name": "a", "source_row": 2}, {"id": 2, "name": "b", "source_row": 4}]


def test_members_are_selected_by_pattern() -> None:
    data = archive(("readme.md", b"# hello"), ("people.csv", HEADER + ROWS))
    assert len(read(data, PEOPLE, Delimited(member="*.csv"), name="f.zip").rows) == 5_000
    assert "people.csv" in str(refusal(data, "f.zip", Delimited(member="*.txt")))


def link() -> zipfile.ZipInfo:
    info = zipfile.ZipInfo("people.csv")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    return info


def encrypted() -> bytes:
    data = bytearray(archive(("a.csv", HEADER)))
    data[6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    return bytes(data)


def twice() -> bytes:
    with pytest.warns(UserWarning, match="Duplicate"):
        return archive(("a.csv", HEADER), ("a.csv", HEADER))


def overlapping() -> bytes:
    """Return an archive with two directory entries for the bytes of one member."""
    data = bytearray(archive(("a.csv", HEADER), ("b.csv", HEADER)))
    second = data.rindex(b"PK\x01\x02")
    data[second + 42 : second + 46] = struct.pack("<I", 10)
    return bytes(data)


@pytest.mark.parametrize(
    "data",
    [
        archive(("../people.csv", HEADER)),
        archive(("/people.csv", HEADER)),
        archive(("c:\\people.csv", HEADER)),
        archive((link(), b"/etc/passwd")),
        encrypted(),
        twice(),
        overlapping(),
        archive(("bomb.csv", HEADER + bytes(20_000_000))),
    ],
    ids=["parent", "absolute", "drive", "link", "encrypted", "twice", "overlapping", "bomb"],
)
def test_an_unsafe_archive_is_refused(data: bytes) -> None:
    assert "not safe" in str(refusal(data, "f.zip"))


ZIP = archive(("people.csv", HEADER + ROWS))


@pytest.mark.parametrize(
    "data",
    [ZIP[:-30], ZIP[: len(ZIP) // 2], flipped(ZIP, 4_000), flipped(ZIP, ZIP.index(b"PK\x01\x02") + 16), archive()],
    ids=["truncated directory", "half", "data", "checksum", "no member"],
)
def test_a_damaged_archive_is_refused(data: bytes) -> None:
    refusal(data, "f.zip")


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("f.csv.gz", HEADER + ROWS),
        ("f.csv.gz", ZIP),
        ("f.zip", GZ),
        ("f.zip", HEADER + ROWS),
        ("f.csv", GZ),
        ("f.csv", ZIP),
        ("f.csv", b"%PDF-1.7\n"),
        ("f.csv", b"<!DOCTYPE html><html>"),
        ("f.csv", b"PAR1"),
        ("f.csv.gz", gzip.compress(GZ)),
        ("f.zip", archive(("inner.zip", ZIP))),
    ],
)
def test_a_file_that_is_not_what_its_name_says_is_refused(name: str, data: bytes) -> None:
    assert "not what its name or declaration says" in str(refusal(data, name))


@pytest.mark.parametrize(("name", "data"), [("f.csv.gz", gzip.compress(b"")), ("f.zip", archive(("a.csv", b"")))])
def test_an_empty_file_inside_is_refused(name: str, data: bytes) -> None:
    assert "empty" in str(refusal(data, name))
