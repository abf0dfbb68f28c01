"""Lines of a text file that are no records: those before the header, and the trailer that counts the records."""

from __future__ import annotations

import re
from threading import Lock
from typing import TYPE_CHECKING

from growth_verticals.errors import DeliveryRefusedError, FileRefusedError
from growth_verticals.files.blocks import TextBlock
from growth_verticals.files.records import NONCHARACTERS, count_line_ends
from growth_verticals.files.text import Utf8Stream

if TYPE_CHECKING:
    from collections.abc import Iterator

    from growth_verticals.files.blocks import BlockSplitter
    from growth_verticals.files.records import Escapes
    from growth_verticals.files.unpack.compression import ByteStream
    from growth_verticals.formats import Delimited, Text

_BREAK = re.compile(rb"\r\n|\n|\r")


class SkippingStream(Utf8Stream):
    """A text stream from which the lines that `form.skip_lines` counts are gone.

    `skipped` is their number. They are lines by their ends alone: a quote in them is plain text.
    """

    def __init__(self, stream: ByteStream, form: Text, source: str, file: str) -> None:
        super().__init__(stream, form.encoding, source, file)
        self.skipped = form.skip_lines
        self._to_skip = form.skip_lines
        self._waiting = b""

    def read(self, size: int) -> bytes:
        """Return what `Utf8Stream.read` returns, behind the skipped lines."""
        data = super().read(size)
        while self._to_skip and data:
            self._waiting += data
            found = _BREAK.search(self._waiting)
            if found and not (found.end() == len(self._waiting) and found[0] == b"\r"):  # which may go on with \n
                data, self._waiting = self._waiting[found.end() :], b""
                self._to_skip -= 1
                if data:
                    continue
            data = super().read(size)
        return data

    def decoded_before(self, error: UnicodeDecodeError) -> bytes:
        """Return what `read` would have returned up to the byte that failed."""
        data = self._waiting + super().decoded_before(error)
        for _ in range(self._to_skip):
            found = _BREAK.search(data)
            data = data[found.end() :] if found else b""
        return data


class EscapedStream(SkippingStream):
    """A text stream whose escaped characters are hidden."""

    def __init__(self, stream: ByteStream, form: Delimited, source: str, file: str, escapes: Escapes) -> None:
        super().__init__(stream, form, source, file)
        self._escapes = escapes
        self._held = self._before = b""

    def read(self, size: int) -> bytes:
        """Return what `SkippingStream.read` returns; an escape at the end waits for what it stands before."""
        while True:
            data = super().read(size)
            if any(mark in self._before + data for mark in NONCHARACTERS):
                file, source = self._where
                raise FileRefusedError(
                    "the file holds a code point that is no character (U+FDD0 to U+FDD2)",
                    source=source,
                    file=file,
                    next_step="ask the vendor what it stands for; without an escape declared, it is read as text",
                )
            self._before = data[-2:]
            whole = self._held + data
            escapes = len(whole) - len(whole.rstrip(self._escapes.escape))
            held = escapes % 2 if data else 0
            self._held = whole[len(whole) - held :]
            hidden = self._escapes.hide(whole[: len(whole) - held])
            if hidden or not data:
                return hidden

    def decoded_before(self, error: UnicodeDecodeError) -> bytes:
        """Return what `read` would have returned up to the byte that failed."""
        return self._held + super().decoded_before(error)


class TrailerCheck:
    """Counts the records of one file as its blocks are parsed, in any order and by any thread, against its trailer.

    The last of `finish` and the calls of `add` finds a difference and raises `DeliveryRefusedError`.
    """

    def __init__(self, form: Text, *, source: str, file: str) -> None:
        self.pattern = None if form.trailer is None else _pattern(form.trailer)
        self._form = form
        self._where = source, file
        self._lock = Lock()
        self._blocks: set[int] = set()
        self._waiting: set[int] = set()
        self._rows = 0
        self._trailer: tuple[int, int | None] | None = None

    def expect(self, block: int) -> None:
        """Note a block that will be parsed, by the line it starts at."""
        with self._lock:
            self._waiting.add(block)

    def add(self, block: int, rows: int) -> None:
        """Note a block's number of records, once."""
        if self.pattern is None:
            return
        with self._lock:
            if block in self._waiting:
                self._waiting.remove(block)
                self._rows += rows
            self._compare()

    def finish(self, line: int, trailer: str | None) -> None:
        """Note the trailer, which stands at `line` behind all blocks; None if the file has no last line."""
        source, file = self._where
        found = self.pattern.fullmatch(trailer) if self.pattern is not None and trailer is not None else None
        if found is None:
            raise FileRefusedError(
                "the file does not end with its trailer",
                source=source,
                file=file,
                line=line,
                expected=f"a line like {self._form.trailer}",
                found="another line, or none",
                next_step="compare the size with the vendor's: the file may be cut off; then ask for it again",
            )
        with self._lock:
            self._trailer = line, int(found["rows"]) if "rows" in found.groupdict() else None
            self._compare()

    def _compare(self) -> None:
        if self._trailer is None or self._waiting:
            return
        line, rows = self._trailer
        if rows is not None and rows != self._rows:
            source, file = self._where
            raise DeliveryRefusedError(
                "the trailer counts other records than were read",
                source=source,
                file=file,
                line=line,
                expected=f"{rows:,} records",
                found=f"{self._rows:,}",
                next_step="compare the size with the vendor's, and ask for the file again",
            )


def blocks_without_trailer(splitter: BlockSplitter, trailer: TrailerCheck) -> Iterator[TextBlock]:
    """Yield a file's blocks without its trailer, which goes to `trailer`. Keeps one block more than without a trailer.

    Raises `FileRefusedError` when the trailer is not there.
    """
    if trailer.pattern is None:
        yield from splitter.text_blocks()
        return
    held: TextBlock | None = None
    for text_block in splitter.text_blocks():
        if held is not None and (text_block.too_long or text_block.data.strip(b"\r\n")):
            trailer.expect(held.first_line)
            yield held
            held = None
        held = held or text_block
    if held is None or held.too_long:
        trailer.finish(splitter.line, None)
        return
    body = held.data.rstrip(b"\r\n")
    start = max(body.rfind(b"\n"), body.rfind(b"\r")) + 1
    line = held.first_line + count_line_ends(body[:start])
    if start:
        trailer.expect(held.first_line)
        yield TextBlock(body[:start], held.first_line, line - held.first_line)
    trailer.finish(line, body[start:].decode(errors="replace"))


def _pattern(trailer: str) -> re.Pattern[str]:
    parts = (re.escape(part).replace(re.escape("{rows}"), "(?P<rows>[0-9]{1,18})") for part in trailer.split("*"))
    return re.compile(".*".join(parts), re.DOTALL)
