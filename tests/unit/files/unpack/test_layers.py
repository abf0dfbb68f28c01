"""What vendors pack around a file, in any order that they really use, and nothing deeper."""

from __future__ import annotations

import bz2
import gzip
import io

import pyarrow as pa
import pytest

from growth_verticals.errors import FileRefusedError
from growth_verticals.files import open_reader
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


@pytest.mark.parametrize("kind", PACKED)
def test_a_packed_file_is_read_alone_in_a_zip_and_around_one(kind: str) -> None:
    pack = {"gz": gzip.compress, "bz2": bz2.compress, "zst": zstd}[kind]
    for name, data in (
        (f"p.csv.{kind}", PACKED[kind]),
        ("p.zip", archive((f"p.csv.{kind}", PACKED[kind]))),
        (f"p.zip.{kind}", pack(archive(("p.csv", PLAIN)))),
    ):
        assert read(data, PEOPLE, name=name).column("id") == list(range(5_000)), name


@pytest.mark.parametrize("kind", PACKED)
def test_several_frames_are_read_one_after_the_other(kind: str) -> None:
    pack = {"gz": gzip.compress, "bz2": bz2.compress, "zst": zstd}[kind]
    assert len(read(pack(PLAIN[:8]) + pack(PLAIN[8:]), PEOPLE, name=f"p.csv.{kind}").rows) == 5_000


@pytest.mark.parametrize("kind", PACKED)
def test_damage_a_cut_end_and_garbage_behind_it_are_refused(kind: str) -> None:
    data = PACKED[kind]
    changed = bytearray(data)
    changed[len(data) // 2] ^= 1
    broken_files = [data[:-1], data[: len(data) // 2], data + b"garbage", b"id,name\n1,a\n"]
    if kind != "zst":  # Arrow writes no checksum, which the zstd program does
        broken_files.append(bytes(changed))
    for broken in broken_files:
        with pytest.raises(FileRefusedError):
            read(broken, PEOPLE, name=f"p.csv.{kind}")


@pytest.mark.parametrize("kind", PACKED)
def test_a_bomb_is_refused_before_it_fills_memory(kind: str) -> None:
    pack = {"gz": gzip.compress, "bz2": bz2.compress, "zst": zstd}[kind]
    with pytest.raises(FileRefusedError, match="not safe"):
        read(pack(b"id,name\n" + b" " * 200_000_000), PEOPLE, name=f"p.csv.{kind}")


def test_packing_twice_in_one_kind_or_three_deep_is_refused() -> None:
    twice = gzip.compress(gzip.compress(PLAIN))
    nested = archive(("inner.zip", archive(("p.csv", PLAIN))))
    deep = gzip.compress(archive(("p.csv.bz2", bz2.compress(PLAIN))))
    for name, data in (("p.csv.gz.gz", twice), ("p.zip", nested), ("p.zip.gz", deep)):
        with pytest.raises(FileRefusedError, match="packed once more"):
            read(data, PEOPLE, name=name)


def test_a_name_is_no_proof_of_what_is_inside() -> None:
    for name in ("p.csv.zst", "p.csv.bz2", "p.zip"):
        with pytest.raises(FileRefusedError, match="not what"):
            read(PACKED["gz"], PEOPLE, name=name)


def test_an_empty_layer_is_an_empty_file() -> None:
    for name, data in (("p.csv.gz", b""), ("p.zip.gz", gzip.compress(b"")), ("p.csv.gz", gzip.compress(b""))):
        with pytest.raises(FileRefusedError, match="empty"):
            drain(open_reader(io.BytesIO(data), name, source(), PEOPLE))
