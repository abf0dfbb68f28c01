"""A point in a compressed file from which it can be decompressed, and the content from there on."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

import pyarrow as pa
from isal import igzip

from growth_verticals.files.unpack.compression import CountingStream, PeekedStream
from growth_verticals.files.unpack.deflate import ResumedDeflate

if TYPE_CHECKING:
    from growth_verticals.files.unpack.compression import ByteStream

_CHUNK = 2**17
_GZIP_TRAILER_BYTES = 8


@dataclass(frozen=True, kw_only=True)
class ResumePoint:
    """A place in compressed data from which it can be decompressed.

    :param offset: of the first byte of content that it gives.
    :param compressed_offset: of the byte in the file with which to start.
    :param bit: how many low bits of that byte belong to what is before.
    :param window: where the 32 KiB of content before `offset` are among the file's windows, as (start, length): a gzip
        member is resumed in its middle, at the start of a deflate block. None: a gzip member or a frame starts here.
    """

    offset: int
    compressed_offset: int
    bit: int = 0
    window: tuple[int, int] | None = None

    @classmethod
    def from_fields(cls, fields: dict[str, Any] | None) -> ResumePoint | None:
        """Return the point of which `asdict` gave these fields, also after they were JSON."""
        if fields is None:
            return None
        window = fields["window"]
        return cls(**fields | {"window": None if window is None else (int(window[0]), int(window[1]))})


class Windows:
    """The windows of a file's resume points, one after the other, each compressed with zlib."""

    def __init__(self) -> None:
        self._packed: list[bytes] = []
        self._size = 0

    def add(self, window: bytes) -> tuple[int, int]:
        """Add a window, and return its place."""
        packed = zlib.compress(window, 9)
        self._packed.append(packed)
        self._size += len(packed)
        return self._size - len(packed), len(packed)

    def to_bytes(self) -> bytes:
        """Return all of them."""
        return b"".join(self._packed)


def window_at(windows: BinaryIO, place: tuple[int, int]) -> bytes:
    """Return one window of those that `Windows.to_bytes` returned. Raises `zlib.error` if it is damaged."""
    windows.seek(place[0])
    return zlib.decompress(windows.read(place[1]))


def content_from(
    raw: BinaryIO, suffix: str, point: ResumePoint | None = None, windows: BinaryIO | None = None
) -> ByteStream:
    """Return a file's content from a point on; from its start if there is no point.

    :param suffix: `gz`, `zst`, or anything else for a file that is not compressed.
    :param windows: what `Windows.to_bytes` returned, if the point has a window.
    """
    raw.seek(point.compressed_offset if point is not None else 0)
    if suffix == "gz":
        return _gzip_from(raw, point, windows)
    return pa.CompressedInputStream(CountingStream(raw), "zstd") if suffix == "zst" else raw


def _gzip_from(raw: BinaryIO, point: ResumePoint | None, windows: BinaryIO | None) -> ByteStream:
    if point is None or point.window is None:
        plain: ByteStream = igzip.GzipFile(fileobj=CountingStream(raw), mode="rb")  # type: ignore[no-untyped-call]
        return plain
    if windows is None:
        raise EOFError("the windows of the cut index are missing")
    window = window_at(windows, point.window)
    if not (first := raw.read(1)):
        raise EOFError("truncated")
    return _GzipFromBlock(raw, ResumedDeflate(first[0], point.bit, window))


class _GzipFromBlock:
    """The rest of a gzip member, and the members after it."""

    def __init__(self, raw: ByteStream, deflate: ResumedDeflate) -> None:
        self._raw = raw
        self._deflate = deflate
        self._members: ByteStream | None = None

    def read(self, size: int, /) -> bytes:
        while self._members is None:
            if self._deflate.eof:
                self._members = self._next_members()
                break
            data = self._raw.read(_CHUNK) if self._deflate.needs_input else b""
            if not data and self._deflate.needs_input:
                raise EOFError("truncated")
            if text := self._deflate.decompress(data, size):
                return text
        return self._members.read(size)

    def _next_members(self) -> ByteStream:
        rest = self._deflate.unused_data
        while len(rest) < _GZIP_TRAILER_BYTES and (data := self._raw.read(_CHUNK)):
            rest += data
        rest = rest[_GZIP_TRAILER_BYTES:]
        stream = CountingStream(PeekedStream(rest, self._raw))
        members: ByteStream = igzip.GzipFile(fileobj=stream, mode="rb")  # type: ignore[no-untyped-call]
        return members
