"""Lines of a text file that are no records: those before the header, and the trailer that counts the records."""

from __future__ import annotations

import re
from threading import Lock
from typing import TYPE_CHECKING

from growth_verticals.errors import DeliveryRefusedError, FileRefusedError
from growth_verticals.files.cutting import Piece
from growth_verticals.files.records import breaks
from growth_verticals.files.text import Utf8Stream

if TYPE_CHECKING:
    from collections.abc import Iterator

    from growth_verticals.files.compression import ByteStream
    from growth_verticals.files.cutting import Cutting
    from growth_verticals.formats import Text

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


class Count:
    """Counts the records of one file as its blocks are parsed, in any order and by any thread, against its trailer.

    The last of `finished` and the calls of `parsed` finds a difference and raises `DeliveryRefusedError`.
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

    def handed_out(self, block: int) -> None:
        """Note a block that will be parsed, by the line it starts at."""
        with self._lock:
            self._waiting.add(block)

    def parsed(self, block: int, rows: int) -> None:
        """Note a block's number of records, once."""
        if self.pattern is None:
            return
        with self._lock:
            if block in self._waiting:
                self._waiting.remove(block)
                self._rows += rows
            self._compare()

    def finished(self, line: int, trailer: str | None) -> None:
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


def without_trailer(cutting: Cutting, count: Count) -> Iterator[Piece]:
    """Yield the pieces of a file without its trailer, which goes to `count`. Holds one piece more than without one.

    Raises `FileRefusedError` when the trailer is not there.
    """
    if count.pattern is None:
        yield from cutting.pieces()
        return
    held: Piece | None = None
    for piece in cutting.pieces():
        if held is not None and (piece.too_long or piece.data.strip(b"\r\n")):
            count.handed_out(held.first_line)
            yield held
            held = None
        held = held or piece
    if held is None or held.too_long:
        count.finished(cutting.line, None)
        return
    body = held.data.rstrip(b"\r\n")
    start = max(body.rfind(b"\n"), body.rfind(b"\r")) + 1
    line = held.first_line + breaks(body[:start])
    if start:
        count.handed_out(held.first_line)
        yield Piece(body[:start], held.first_line, line - held.first_line)
    count.finished(line, body[start:].decode(errors="replace"))


def _pattern(trailer: str) -> re.Pattern[str]:
    parts = (re.escape(part).replace(re.escape("{rows}"), "(?P<rows>[0-9]{1,18})") for part in trailer.split("*"))
    return re.compile(".*".join(parts), re.DOTALL)
