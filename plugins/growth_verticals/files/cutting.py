"""Finds where a file can be cut, while its bytes pass by from start to end. `cuts.py` has the result.

The records are found by the streams and the splitter with which the readers find them, so that a piece starts and ends
where the reader of the whole file has the end of a block.
"""

from __future__ import annotations

import logging
from collections import deque
from dataclasses import dataclass
from queue import Queue
from threading import Thread
from typing import TYPE_CHECKING

from isal import isal_zlib

from growth_verticals.errors import FileRefusedError
from growth_verticals.files.blocks import BLOCK_BYTES, MAX_RECORD_BYTES, BlockSplitter
from growth_verticals.files.cuts import Cut, CutIndex, can_be_cut, dialect_of
from growth_verticals.files.lines import text_stream
from growth_verticals.files.records import LINES, Dialect
from growth_verticals.files.text import Utf8Stream
from growth_verticals.files.unpack.compression import (
    CONTENT_BY_SUFFIX,
    PeekedStream,
    sniff_content,
    unexpected_content_error,
)
from growth_verticals.files.unpack.gzip_points import GzipContent, PlainContent
from growth_verticals.files.unpack.zstd_frames import ZstandardContent
from growth_verticals.formats import Delimited, JsonLines, TextFormat

if TYPE_CHECKING:
    from growth_verticals.files.unpack.compression import ByteStream
    from growth_verticals.files.unpack.gzip_points import Content
    from growth_verticals.files.unpack.resume import ResumePoint
    from growth_verticals.formats import Format

logger = logging.getLogger(__name__)

_HEAD_BYTES = 64
#: Chunks that are fed and not looked at yet.
_CHUNKS_AHEAD = 2
#: Content that can start a record, and whose checksum is therefore not final: the longest record, and some blocks.
_OPEN_BYTES = MAX_RECORD_BYTES + 8 * BLOCK_BYTES
#: What people read about a layer that can only be read from its start.
_UNCUTTABLE_LAYERS = {
    "zip": "a zip archive's members can only be read from their start",
    "bz2": "bzip2 data can only be read from its start",
}
_READ_BYTES = 2**20


@dataclass(frozen=True)
class FoundCuts:
    """The cuts of a file, before its digest is known: `CutIndex` without the file's properties."""

    encoding: str = ""
    content_size: int = 0
    cuts: tuple[Cut, ...] = ()
    reason: str | None = None
    windows: bytes = b""

    def of_file(self, name: str, form: Format, *, size: int, sha256: str, etag: str) -> CutIndex:
        """Return the index of the file with these properties."""
        return CutIndex(
            name=name,
            size=size,
            sha256=sha256,
            etag=etag,
            dialect=dialect_of(form),
            encoding=self.encoding,
            content_size=self.content_size,
            cuts=self.cuts,
            reason=self.reason,
            windows=self.windows,
        )


def why_uncuttable(name: str, form: Format) -> str | None:
    """Return why no file of this name and format can be cut, in a sentence; None if one can."""
    if form.pgp is not None:
        return "an OpenPGP message can only be decrypted from its start"
    if not can_be_cut(form):
        return f"a file in the format {form.label} cannot be cut at a record"
    stem, _, suffix = name.lower().rpartition(".")
    if suffix in _UNCUTTABLE_LAYERS:
        return _UNCUTTABLE_LAYERS[suffix]
    if suffix in CONTENT_BY_SUFFIX and stem.rpartition(".")[2] in CONTENT_BY_SUFFIX:
        return "data that is compressed twice can only be read from its start"
    return None


def find_cuts(
    stream: ByteStream,
    name: str,
    form: TextFormat | JsonLines,
    source: str,
    *,
    spacing: int,
    block_bytes: int = BLOCK_BYTES,
    max_record_bytes: int = MAX_RECORD_BYTES,
) -> FoundCuts:
    """Read a file to its end, and return cuts about every `spacing` bytes of content.

    A file that its reader would refuse because of its bytes, quotes or lines has no cuts: as one unit, it is refused
    in the same way. Call it only if `why_uncuttable` returns None. Memory: 100 MB at most, usually 10 MB.
    """
    try:
        content = _open_content(stream, name, form, source, spacing)
        cuts = _Cuts(content, spacing)
        dialect = Dialect.of(form) if isinstance(form, Delimited) else LINES
        if isinstance(form, JsonLines):
            text, skipped = Utf8Stream(cuts, "utf-8", source, name), 0
        else:
            text, skipped = text_stream(cuts, form, dialect, source, name), form.skip_lines
        sizes = {"block_bytes": block_bytes, "max_record_bytes": max_record_bytes}
        splitter = BlockSplitter(text, dialect, source=source, file=name, first_line=1 + skipped, **sizes)
        if isinstance(form, Delimited) and form.header:
            splitter.first_record()
        for block in splitter.text_blocks():
            if cuts.is_unconfirmed and block.has_record:
                cuts.confirm()
            cuts.offer(text.offset_before(splitter.unread), splitter.line)
        return cuts.found(text.encoding, CONTENT_BY_SUFFIX.get(_suffix(name), ""))
    except FileRefusedError as error:
        return FoundCuts(reason=f"the file cannot be read to its end: {error.what}")


class CutFinder:
    """Finds the cuts of a file whose bytes are fed to it, in a thread of its own: a context manager.

    `feed` waits while the thread is two chunks behind. Memory: three chunks, and that of `find_cuts`.
    """

    def __init__(self, name: str, form: Format, source: str, *, spacing: int) -> None:
        self._name, self._form, self._source, self._spacing = name, form, source, spacing
        self._chunks: Queue[bytes] = Queue(_CHUNKS_AHEAD)
        self._found = FoundCuts(reason=why_uncuttable(name, form))
        self._thread = Thread(target=self._find, name=f"cut {name}", daemon=True) if not self._found.reason else None
        self._has_ended = False

    def __enter__(self) -> CutFinder:
        if self._thread is not None:
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes of the file."""
        if self._thread is not None and chunk:
            self._chunks.put(chunk)

    def finish(self, *, size: int, sha256: str, etag: str) -> CutIndex:
        """Return the index of the file, all of whose bytes were fed, and which has these properties."""
        self._end()
        return self._found.of_file(self._name, self._form, size=size, sha256=sha256, etag=etag)

    def _end(self) -> None:
        if self._thread is not None and not self._has_ended:
            self._has_ended = True
            self._chunks.put(b"")
            self._thread.join()

    def _find(self) -> None:
        stream = _FedStream(self._chunks)
        try:
            if isinstance(self._form, TextFormat | JsonLines):
                self._found = find_cuts(stream, self._name, self._form, self._source, spacing=self._spacing)
        except Exception as error:  # noqa: BLE001 - the file can be loaded without an index
            logger.warning("%s: %s: the file is not cut: %s", self._source, self._name, type(error).__name__)
            self._found = FoundCuts(reason=f"this program failed to cut it ({type(error).__name__})")
        while stream.read(_READ_BYTES):
            pass


class _FedStream:
    """The bytes in a queue, up to an empty chunk."""

    def __init__(self, chunks: Queue[bytes]) -> None:
        self._chunks = chunks
        self._chunk = memoryview(b"")
        self._has_ended = False

    def read(self, size: int, /) -> bytes:
        if not self._chunk and not self._has_ended:
            self._chunk = memoryview(self._chunks.get())
            self._has_ended = not self._chunk
        data, self._chunk = self._chunk[:size], self._chunk[size:]
        return bytes(data)


class _Cuts:
    """The content of a file, in which cuts are made as it is read."""

    def __init__(self, content: Content, spacing: int) -> None:
        self._content = content
        self._spacing = spacing
        self._cuts: list[_OpenCut] = [_OpenCut(0, 1)]
        self._next: _OpenCut | None = None  # only a cut if a record follows: the last piece has the trailer
        self._crc32_before_next = 0
        self._used_points = 0
        self._unsummed: deque[memoryview] = deque()
        self._summed = 0
        self._size = 0

    def read(self, size: int, /) -> bytes:
        """Return the next content."""
        data = self._content.read(size)
        self._unsummed.append(memoryview(data))
        self._size += len(data)
        if self._size - self._summed > _OPEN_BYTES:
            self._sum(self._size - _OPEN_BYTES // 2)
        return data

    @property
    def is_unconfirmed(self) -> bool:
        """Whether it is not known yet that a record follows the last offer."""
        return self._next is not None

    def confirm(self) -> None:
        """Note that a record follows the last offer."""
        if self._next is not None:
            self._cuts[-1].crc32 = self._crc32_before_next
            self._cuts.append(self._next)
            self._next = None

    def offer(self, offset: int, line: int) -> None:
        """Cut here, where a record of `line` can start, if it is far enough from the last cut."""
        if offset < self._summed:
            return  # inside of a record that is too long
        self._sum(offset)
        if self._next is not None:
            return
        if self._content.points is None:
            if offset >= self._cuts[-1].offset + self._spacing:
                self._next = _OpenCut(offset, line)
        elif (point := self._newest_point(offset)) is not None:
            self._next = _OpenCut(offset, line, point)
        self._crc32_before_next = self._cuts[-1].crc32

    def _newest_point(self, offset: int) -> ResumePoint | None:
        """Return the last point that no cut has and that is not after `offset`."""
        points = self._content.points or []
        stop = len(points)
        while stop > self._used_points and points[stop - 1].offset > offset:
            stop -= 1
        if stop == self._used_points:
            return None
        self._used_points = stop
        return points[stop - 1]

    def found(self, encoding: str, compression: str) -> FoundCuts:
        """Return the cuts, after the last byte."""
        self._sum(self._size)
        if len(self._cuts) == 1 and self._size >= 2 * self._spacing:
            return FoundCuts(reason=f"no place was found where reading its {compression or 'text'} can start")
        cuts = tuple(Cut(offset=cut.offset, line=cut.line, crc32=cut.crc32, resume=cut.point) for cut in self._cuts)
        windows = self._content.windows.to_bytes()
        return FoundCuts(encoding=encoding, content_size=self._size, cuts=cuts, windows=windows)

    def _sum(self, offset: int) -> None:
        """Add the content up to `offset` to the checksums."""
        while self._summed < offset:
            chunk = self._unsummed.popleft()
            now = chunk[: offset - self._summed]
            if len(now) < len(chunk):
                self._unsummed.appendleft(chunk[len(now) :])
            self._summed += len(now)
            for cut in (self._cuts[-1], self._next):
                if cut is not None:
                    cut.crc32 = isal_zlib.crc32(now, cut.crc32)


@dataclass
class _OpenCut:
    """A cut whose checksum is that of the content so far."""

    offset: int
    line: int
    point: ResumePoint | None = None
    crc32: int = 0


def _open_content(stream: ByteStream, name: str, form: Format, source: str, spacing: int) -> Content:
    suffix = _suffix(name)
    if (expected := CONTENT_BY_SUFFIX.get(suffix)) is None:
        return PlainContent(stream)
    head = b""
    while len(head) < _HEAD_BYTES and (data := stream.read(_HEAD_BYTES - len(head))):
        head += data
    if sniff_content(head) != expected:
        raise unexpected_content_error(name, source, expected, sniff_content(head))
    content = GzipContent if suffix == "gz" else ZstandardContent
    return content(PeekedStream(head, stream), name, source, form.max_ratio, spacing)


def _suffix(name: str) -> str:
    return name.rpartition(".")[2].lower()
