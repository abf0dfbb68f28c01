"""The content of a file, with the points from which it can be read again: deflate blocks and members of gzip data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from isal import igzip_lib

from growth_verticals.files.unpack.compression import (
    CONTENT_BY_SUFFIX,
    CountingStream,
    refuse_if_bomb,
    refuse_if_damaged,
)
from growth_verticals.files.unpack.deflate import WINDOW_BYTES, ResumedDeflate, find_block
from growth_verticals.files.unpack.resume import ResumePoint, Windows

if TYPE_CHECKING:
    from growth_verticals.files.unpack.compression import ByteStream

#: Compressed bytes that are read at once. Most have the start of a deflate block, which has 20 to 60 kB.
_CHUNK = 2**17
#: Chunks in which a block's start is searched, 0.1 s each, before the stream waits for two spacings, then four.
_SEARCHED_CHUNKS = 4
#: So much text must follow a block's start as the stream has it, before the start is trusted.
_CONFIRMED_BYTES = 2**18
#: Most text from one chunk that is held.
_MAX_TEXT = 2**24


class Content(Protocol):
    """The content of a file, from its start."""

    @property
    def points(self) -> list[ResumePoint] | None:
        """The points from which it can be read again, so far; None if that is from any byte."""
        ...

    @property
    def windows(self) -> Windows:
        """What the points need to be resumed."""
        ...

    def read(self, size: int, /) -> bytes: ...


class PlainContent:
    """A file that is not compressed."""

    points = None

    def __init__(self, stream: ByteStream) -> None:
        self.windows = Windows()
        self._stream = stream

    def read(self, size: int, /) -> bytes:
        return self._stream.read(size)


class GzipContent:
    """The text of a gzip stream, all of its members, with a point about every `spacing` bytes of text.

    A point is the start of a member, or of a deflate block. `read` raises `FileRefusedError` for everything that
    `DecompressedStream` refuses. Memory: 40 MB at most, usually 2 MB, and 14 kB per point.
    """

    def __init__(self, stream: ByteStream, name: str, source: str, max_ratio: int, spacing: int) -> None:
        self.points: list[ResumePoint] = []
        self.windows = Windows()
        self._name_and_source = name, source
        self._max_ratio = max_ratio
        self._spacing = self._due = self._search_from = spacing
        self._compressed = CountingStream(stream)
        self._member = _new_member()
        self._pending = b""  # compressed bytes that are read and not given to the member
        self._window = b""
        self._text = b""
        self._size = 0
        self._searched = self._misses = 0
        self._found: tuple[ResumePoint, ResumedDeflate, int] | None = None

    def read(self, size: int, /) -> bytes:
        if not self._text:
            container = CONTENT_BY_SUFFIX["gz"]
            with refuse_if_damaged(*self._name_and_source, container):
                self._text = self._next_text()
            refuse_if_bomb(self._size, self._compressed.count, self._max_ratio, *self._name_and_source, container)
        data, self._text = self._text[:size], self._text[size:]
        return data

    def _next_text(self) -> bytes:
        """Return the next text; none at the end."""
        while True:
            if self._member.eof and not self._start_member():
                return b""
            waits = self._member.needs_input
            if waits and not self._pending and not self._read_compressed():
                raise EOFError("truncated")
            at, data = self._compressed.count - len(self._pending), self._pending if waits else b""
            self._pending = self._pending[len(data) :]
            text = self._member.decompress(data, _MAX_TEXT)
            self._confirm(data, text)
            is_due = self._found is None and self._size + len(text) >= self._search_from
            if is_due and waits and self._member.needs_input:
                self._search(data, at, text)
            self._size += len(text)
            self._window = (self._window + text)[-WINDOW_BYTES:] if len(text) < WINDOW_BYTES else text[-WINDOW_BYTES:]
            if text:
                return text

    def _read_compressed(self) -> bool:
        parts = []
        missing = _CHUNK
        while missing and (part := self._compressed.read(missing)):
            parts.append(part)
            missing -= len(part)
        self._pending = b"".join(parts)
        return bool(parts)

    def _start_member(self) -> bool:
        """Start the next member; False at the end. There can be zeros between members."""
        self._pending = self._member.unused_data
        while not (pending := self._pending.lstrip(b"\0")):
            if not self._read_compressed():
                return False
        self._pending = pending
        self._member = _new_member()
        self._window = b""
        if self._size >= self._due:
            self._add(ResumePoint(offset=self._size, compressed_offset=self._compressed.count - len(pending)))
        return True

    def _add(self, point: ResumePoint) -> None:
        self.points.append(point)
        self._due = self._search_from = point.offset + self._spacing
        self._searched = self._misses = 0

    def _search(self, data: bytes, at: int, text: bytes) -> None:
        """Look for the start of a block in `data`, which starts at the byte `at` and expands to `text`."""
        if block := find_block(data, self._window, text):
            byte, bit, inflate, start = block
            window = (self._window + text[:start])[-WINDOW_BYTES:]
            place = self.windows.add(window)
            point = ResumePoint(offset=self._size + start, compressed_offset=at + byte, bit=bit, window=place)
            self._found = point, inflate, self._size + start + _CONFIRMED_BYTES
            return
        self._searched += 1
        if self._searched == _SEARCHED_CHUNKS:
            self._misses += 1  # some programs write one block, in which nothing will ever be found
            self._search_from, self._searched = self._size + (self._spacing << self._misses), 0

    def _confirm(self, data: bytes, text: bytes) -> None:
        """Compare the text that follows a block's start with the text of the stream."""
        if self._found is None:
            return
        point, inflate, until = self._found
        try:
            same = inflate.decompress(data, _MAX_TEXT) == text and inflate.eof == self._member.eof
        except igzip_lib.IsalError:  # type: ignore[misc]  # the stub declares an instance
            same = False
        if not same or self._member.eof or self._size + len(text) >= until:
            self._found = None
            if same:
                self._add(point)


def _new_member() -> igzip_lib.IgzipDecompressor:
    return igzip_lib.IgzipDecompressor(flag=igzip_lib.DECOMP_GZIP)
