"""The content of Zstandard data, with the frames from which it can be read again."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pyarrow as pa

from growth_verticals.files.unpack.compression import CONTENT_BY_SUFFIX, refuse_if_bomb, refuse_if_damaged
from growth_verticals.files.unpack.resume import ResumePoint, Windows

if TYPE_CHECKING:
    from collections.abc import Iterator

    from growth_verticals.files.unpack.compression import ByteStream

_CHUNK = 2**17
_ZSTANDARD_MAGIC = b"\x28\xb5\x2f\xfd"
#: The first of 16: the low half of the first byte can be anything.
_SKIPPABLE_MAGIC = b"\x50\x2a\x4d\x18"


class ZstandardContent:
    """The text of a Zstandard stream, all of its frames, with a point at a frame about every `spacing` bytes of text.

    `read` raises `FileRefusedError` for everything that `DecompressedStream` refuses. Memory: the window of the data,
    128 MB at most.
    """

    def __init__(self, stream: ByteStream, name: str, source: str, max_ratio: int, spacing: int) -> None:
        self.points: list[ResumePoint] = []
        self.windows = Windows()
        self._name_and_source = name, source
        self._max_ratio = max_ratio
        self._spacing = self._due = spacing
        self._compressed = _Exactly(stream)
        self._frame: ByteStream | None = None
        self._size = 0

    def read(self, size: int, /) -> bytes:
        container = CONTENT_BY_SUFFIX["zst"]
        with refuse_if_damaged(*self._name_and_source, container):
            while (data := self._frame.read(size) if self._frame is not None else b"") == b"":
                at = self._compressed.count
                if not (magic := self._compressed.read(4, may_end=True)):
                    return b""
                self._frame = _frame_text(magic, self._compressed)
                if self._frame is not None and self._size >= self._due:
                    self.points.append(ResumePoint(offset=self._size, compressed_offset=at))
                    self._due = self._size + self._spacing
        self._size += len(data)
        refuse_if_bomb(self._size, self._compressed.count, self._max_ratio, *self._name_and_source, container)
        return data


def _frame_text(magic: bytes, compressed: _Exactly) -> ByteStream | None:
    """Return the text of the frame that starts with `magic`; None after passing over a skippable frame."""
    if magic != _ZSTANDARD_MAGIC:
        if magic[1:] != _SKIPPABLE_MAGIC[1:] or magic[0] & 0xF0 != _SKIPPABLE_MAGIC[0]:
            raise EOFError("extra bytes")
        for _ in _in_chunks(int.from_bytes(compressed.read(4), "little"), compressed):
            pass
        return None
    frame: ByteStream = pa.CompressedInputStream(_Frame(_frame_bytes(magic, compressed)), "zstd")
    return frame


def _frame_bytes(magic: bytes, compressed: _Exactly) -> Iterator[bytes]:
    """Yield the bytes of one frame (RFC 8878, 3.1.1)."""
    (descriptor,) = head = compressed.read(1)
    single_segment = descriptor >> 5 & 1
    content_size_bytes = (single_segment, 2, 4, 8)[descriptor >> 6]
    yield magic + head + compressed.read(1 - single_segment + (0, 1, 2, 4)[descriptor & 3] + content_size_bytes)
    is_last = False
    while not is_last:
        head = compressed.read(3)
        field = int.from_bytes(head, "little")
        is_last = bool(field & 1)
        is_run = field >> 1 & 3 == 1
        yield head
        yield from _in_chunks(1 if is_run else field >> 3, compressed)
    if descriptor >> 2 & 1:
        yield compressed.read(4)


def _in_chunks(size: int, compressed: _Exactly) -> Iterator[bytes]:
    while size:
        data = compressed.read(min(size, _CHUNK))
        size -= len(data)
        yield data


class _Exactly:
    """Reads exactly as many bytes as asked for."""

    def __init__(self, stream: ByteStream) -> None:
        self.count = 0
        self._stream = stream
        self._buffer = b""

    def read(self, size: int, *, may_end: bool = False) -> bytes:
        while len(self._buffer) < size:
            more = self._stream.read(_CHUNK)
            if not more and not (may_end and not self._buffer):
                raise EOFError("truncated")
            if not more:
                return b""
            self._buffer += more
        data, self._buffer = self._buffer[:size], self._buffer[size:]
        self.count += size
        return data


class _Frame(io.RawIOBase):
    """The bytes of one frame, as the file that Arrow's decompressor reads."""

    def __init__(self, parts: Iterator[bytes]) -> None:
        self._parts = parts
        self._data = b""

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1, /) -> bytes:
        while not self._data and (part := next(self._parts, None)) is not None:
            self._data = part
        size = len(self._data) if size < 0 else size
        data, self._data = self._data[:size], self._data[size:]
        return data
