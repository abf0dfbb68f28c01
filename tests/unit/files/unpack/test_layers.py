"""Layers of compression around a file: the combinations that vendors use are read, and deeper ones are refused."""

from __future__ import annotations

import bz2
import gzip
import io
import struct

import pyarrow as pa
import pytest

from growth_verticals.errors import FileRefusedError
from growth_verticals.files import open_reader
from growth_verticals.source import Delimited
from tests.unit.files.reading import contract, drain, read, source
from tests.unit.files.unpack.test_compression import archive

PEOPLE = contract(id="int!", name="string")
PLAIN = b"id,name\n" + b"".join(b"%d,name %d\n" % (number, number) for number in range(5_000))


def zstd(data: bytes) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as out:
        out.write(data)
    return sink.getvalue().to_pybytes()


PACKED = {"gz": gzip.compress(PLAIN), "bz2": bz2.compress(PLAIN), "zst": zstd(PLAIN)}


@pytest.mark.parametrize("suffix", PACKED)
def test_a_compressed_file_is_read_alone_inside_a_zip_and_around_one(suffix: str) -> None:
    compress = {"gz": gzip.compress, "bz2": bz2.compress, "zst": zstd}[suffix]
    for name, data in (
        (f"p.csv.{suffix}", PACKED[suffix]),
        ("p.zip", archive((f"p.csv.{suffix}", PACKED[suffix]))),
        (f"p.zip.{suffix}", compress(archive(("p.csv", PLAIN)))),
    ):
        assert read(data, PEOPLE, name=name).column("id") == list(range(5_000)), name


@pytest.mark.parametrize("suffix", PACKED)
def test_all_frames_of_a_compressed_file_are_read(suffix: str) -> None:
    compress = {"gz": gzip.compress, "bz2": bz2.compress, "zst": zstd}[suffix]
    assert len(read(compress(PLAIN[:8]) + compress(PLAIN[8:]), PEOPLE, name=f"p.csv.{suffix}").rows) == 5_000


@pytest.mark.parametrize("suffix", PACKED)
def test_empty_frames_and_many_frames_are_read(suffix: str) -> None:
    compress = {"gz": gzip.compress, "bz2": bz2.compress, "zst": zstd}[suffix]
    frames = [PLAIN[start : start + 100] for start in range(0, len(PLAIN), 100)]
    data = compress(b"") * 3 + b"".join(map(compress, frames)) + compress(b"") * 3
    assert read(data, PEOPLE, name=f"p.csv.{suffix}").column("id") == list(range(5_000))


@pytest.mark.parametrize("number", [0, 7, 15])
def test_a_zstandard_file_can_begin_with_a_skippable_frame(number: int) -> None:
    skippable = struct.pack("<II", 0x184D2A50 + number, 5) + b"notes"
    for data in (skippable + PACKED["zst"], PACKED["zst"] + skippable, skippable * 2 + PACKED["zst"] + skippable):
        assert len(read(data, PEOPLE, name="p.csv.zst").rows) == 5_000
    with pytest.raises(FileRefusedError, match="truncated"):
        read(skippable[:-1], PEOPLE, name="p.csv.zst")


def window(bits: int) -> bytes:
    """Return a Zstandard frame of one stored block that asks for a window of this many bits."""
    block = struct.pack("<I", len(PLAIN) << 3 | 1)[:3] + PLAIN
    return struct.pack("<IBB", 0xFD2FB528, 0, (bits - 10) << 3) + block


def test_a_refused_zstandard_file_says_why() -> None:
    assert len(read(window(27), PEOPLE, name="p.csv.zst").rows) == 5_000
    needs_dictionary = b"\x28\xb5\x2f\xfd\x21\x05\x05" + b"\x29\x00\x00hello"
    for data, reason in (
        (window(28), "a window of more than 128 MB.*--long"),
        (PACKED["zst"][:-1], "found truncated data"),
        (PACKED["zst"] + bytes(10), "extra bytes after it"),
        (PACKED["zst"] + b"id", "extra bytes after it"),
        (needs_dictionary, "a dictionary"),
    ):
        with pytest.raises(FileRefusedError, match=reason):
            read(data, PEOPLE, name="p.csv.zst")


@pytest.mark.parametrize("suffix", PACKED)
def test_a_sparse_file_is_read_if_the_source_declares_its_ratio(suffix: str) -> None:
    compress = {"gz": gzip.compress, "bz2": bz2.compress, "zst": zstd}[suffix]
    data = compress(b"id,name\n" + b"".join(b"%d,%s\n" % (number, b" " * 20_000) for number in range(500)))
    with pytest.raises(FileRefusedError, match=r"100 times at most.*declare a higher max_ratio"):
        read(data, PEOPLE, name=f"p.csv.{suffix}")
    assert len(read(data, PEOPLE, Delimited(max_ratio=1_000_000), name=f"p.csv.{suffix}").rows) == 500


@pytest.mark.parametrize("suffix", PACKED)
def test_damaged_truncated_and_extended_files_are_refused(suffix: str) -> None:
    data = PACKED[suffix]
    changed = bytearray(data)
    changed[len(data) // 2] ^= 1
    broken_files = [data[:-1], data[: len(data) // 2], data + b"garbage", b"id,name\n1,a\n"]
    if suffix != "zst":  # unlike the zstd program, Arrow writes no checksum
        broken_files.append(bytes(changed))
    for broken in broken_files:
        with pytest.raises(FileRefusedError):
            read(broken, PEOPLE, name=f"p.csv.{suffix}")


@pytest.mark.parametrize("suffix", PACKED)
def test_a_decompression_bomb_is_refused(suffix: str) -> None:
    compress = {"gz": gzip.compress, "bz2": bz2.compress, "zst": zstd}[suffix]
    with pytest.raises(FileRefusedError, match="not safe"):
        read(compress(b"id,name\n" + b" " * 200_000_000), PEOPLE, name=f"p.csv.{suffix}")


def test_the_same_compression_twice_and_three_layers_are_refused() -> None:
    twice = gzip.compress(gzip.compress(PLAIN))
    nested = archive(("inner.zip", archive(("p.csv", PLAIN))))
    deep = gzip.compress(archive(("p.csv.bz2", bz2.compress(PLAIN))))
    for name, data in (("p.csv.gz.gz", twice), ("p.zip", nested), ("p.zip.gz", deep)):
        with pytest.raises(FileRefusedError, match="packed again"):
            read(data, PEOPLE, name=name)


def test_content_must_match_the_suffix() -> None:
    for name in ("p.csv.zst", "p.csv.bz2", "p.zip"):
        with pytest.raises(FileRefusedError, match="not what"):
            read(PACKED["gz"], PEOPLE, name=name)


def test_an_empty_layer_is_an_empty_file() -> None:
    for name, data in (("p.csv.gz", b""), ("p.zip.gz", gzip.compress(b"")), ("p.csv.gz", gzip.compress(b""))):
        with pytest.raises(FileRefusedError, match="empty"):
            drain(open_reader(io.BytesIO(data), name, source(), PEOPLE))
