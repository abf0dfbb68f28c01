"""Lines of a text file that are not records: lines before the header, and the trailer with count and sums."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from decimal import Context, Decimal
from threading import Lock
from typing import TYPE_CHECKING

from growth_verticals.errors import DeliveryRefusedError, FileRefusedError
from growth_verticals.files.blocks import TextBlock
from growth_verticals.files.records import NONCHARACTERS, count_line_ends
from growth_verticals.files.text import Utf8Stream
from growth_verticals.formats import Delimited, Excel, trailer_sums

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from growth_verticals.files.blocks import BlockSplitter
    from growth_verticals.files.records import Dialect, Escapes
    from growth_verticals.files.unpack.compression import ByteStream
    from growth_verticals.formats import Encoding, TextFormat
    from growth_verticals.reader import StatedRows

#: Sums of up to 40 digits before and 40 after the point, of any number of members.
_EXACT = Context(prec=100)
_LINE_END = re.compile(rb"\r\n|\n|\r")


@dataclass(frozen=True, kw_only=True)
class TextPart:
    """Which part of a text file a reader reads, if that is not the whole file.

    :param first_line: 1-based line at which the part starts.
    :param encoding: of the text, with its byte order.
    :param is_first: whether it has the lines to skip and the header.
    :param is_last: whether it has the trailer.
    :param open_head: opens the file's content from its start. Call it before the part is read: they share a stream.
    """

    first_line: int
    encoding: Encoding
    is_first: bool
    is_last: bool
    open_head: Callable[[], ByteStream]


class SkippingStream(Utf8Stream):
    """A text stream without its first `form.skip_lines` lines.

    `skipped` is their number. Only line ends separate them: a quote in them is plain text.
    """

    def __init__(
        self, stream: ByteStream, form: TextFormat, source: str, file: str, *, continues: bool = False
    ) -> None:
        super().__init__(stream, form.encoding, source, file, continues=continues)
        self.skipped = form.skip_lines
        self._to_skip = form.skip_lines
        self._unfinished_line = b""

    def read(self, size: int) -> bytes:
        """Return what `Utf8Stream.read` returns, starting after the skipped lines."""
        data = super().read(size)
        while self._to_skip and data:
            self._unfinished_line += data
            line_end = _LINE_END.search(self._unfinished_line)
            # After \r at the end of the data, \n can follow.
            if line_end and not (line_end.end() == len(self._unfinished_line) and line_end[0] == b"\r"):
                data, self._unfinished_line = self._unfinished_line[line_end.end() :], b""
                self._to_skip -= 1
                if data:
                    continue
            data = super().read(size)
        return data

    def decoded_before(self, error: UnicodeDecodeError) -> bytes:
        """Return what `read` would have returned up to the byte that does not decode."""
        data = self._unfinished_line + super().decoded_before(error)
        for _ in range(self._to_skip):
            line_end = _LINE_END.search(data)
            data = data[line_end.end() :] if line_end else b""
        return data


class EscapedStream(SkippingStream):
    """A text stream in which `Escapes` has hidden the escaped characters."""

    def __init__(
        self,
        stream: ByteStream,
        form: Delimited,
        source: str,
        file: str,
        escapes: Escapes,
        *,
        continues: bool = False,
    ) -> None:
        super().__init__(stream, form, source, file, continues=continues)
        self._escapes = escapes
        self._pending_escape = self._last_bytes = b""

    def read(self, size: int) -> bytes:
        """Return what `SkippingStream.read` returns; an escape at the end waits for the character after it."""
        while True:
            data = super().read(size)
            if any(mark in self._last_bytes + data for mark in NONCHARACTERS):
                file, source = self._file_and_source
                raise FileRefusedError(
                    "the file contains a Unicode noncharacter (U+FDD0 to U+FDD2)",
                    source=source,
                    file=file,
                    next_step="ask the vendor what it stands for; without an escape declared, it is read as text",
                )
            self._last_bytes = data[-2:]
            text = self._pending_escape + data
            escapes = len(text) - len(text.rstrip(self._escapes.escape))
            pending = escapes % 2 if data else 0
            self._pending_escape = text[len(text) - pending :]
            hidden = self._escapes.hide(text[: len(text) - pending])
            if hidden or not data:
                return hidden

    def decoded_before(self, error: UnicodeDecodeError) -> bytes:
        """Return what `read` would have returned up to the byte that does not decode."""
        return self._pending_escape + super().decoded_before(error)

    def offset_before(self, text: bytes) -> int:
        """Return the offset in the stream at which `text` starts, which is the end of all text that was read."""
        return super().offset_before(self._escapes.as_written(text) + self._pending_escape)


def text_stream(
    stream: ByteStream, form: TextFormat, dialect: Dialect, source: str, file: str, part: TextPart | None = None
) -> SkippingStream:
    """Return the text of a file, or of a part of it, without the lines to skip."""
    continues = part is not None and not part.is_first
    if part is not None and continues:
        form = replace(form, skip_lines=0, encoding=part.encoding)
    if dialect.escapes is not None and isinstance(form, Delimited):
        return EscapedStream(stream, form, source, file, dialect.escapes, continues=continues)
    return SkippingStream(stream, form, source, file, continues=continues)


class TrailerCheck:
    """Compares the count in a file's trailer with the records parsed, block by block, in any order and any thread.

    The last call of `add` or `finish` compares, and raises `DeliveryRefusedError` if the counts differ.

    :param sums: column → sum, to which the sums in the trailer are added.
    :param part: the part of the file that is read. The count is then not compared, and is in `stated_rows`.
    """

    def __init__(
        self,
        form: TextFormat | Excel,
        sums: dict[str, Decimal],
        *,
        source: str,
        file: str,
        part: TextPart | None = None,
    ) -> None:
        self._decimal = "." if isinstance(form, Excel) else form.decimal
        self._columns = () if form.trailer is None else trailer_sums(form.trailer)
        self.pattern = None if form.trailer is None else _trailer_pattern(form.trailer, self._columns, self._decimal)
        self._sums = sums
        self._form = form
        self._source_and_file = source, file
        self._lock = Lock()
        self._unparsed: set[int] = set()
        self._records = 0
        self._trailer: tuple[int, int | None] | None = None
        if part is not None and not part.is_last:
            self.pattern = None
        self._compares = part is None

    def expect(self, first_line: int) -> None:
        """Register a block that will be parsed, by its first line."""
        with self._lock:
            self._unparsed.add(first_line)

    def add(self, first_line: int, records: int) -> None:
        """Add a block's number of records. Each block counts once."""
        if self.pattern is None:
            return
        with self._lock:
            if first_line in self._unparsed:
                self._unparsed.remove(first_line)
                self._records += records
            self._compare()

    def finish(self, line: int, trailer: str | None) -> None:
        """Set the trailer, which is at `line`, after all blocks; None if the file has no last line.

        Raises `FileRefusedError` unless it matches the declared trailer.
        """
        source, file = self._source_and_file
        found = self.pattern.fullmatch(trailer) if self.pattern is not None and trailer is not None else None
        if found is None:
            raise FileRefusedError(
                "the file does not end with its trailer",
                source=source,
                file=file,
                line=line,
                expected=f"a line like {self._form.trailer}",
                found="another line, or none",
                next_step="compare the size with the vendor's (the file may be truncated), and ask for the file again",
            )
        for number, column in enumerate(self._columns):
            stated = Decimal(found[f"sum{number}"].replace(self._decimal, "."))
            self._sums[column] = _EXACT.add(self._sums.get(column, Decimal(0)), stated)
        with self._lock:
            self._trailer = line, int(found["rows"]) if "rows" in found.groupdict() else None
            self._compare()

    @property
    def stated_rows(self) -> StatedRows | None:
        """The line of the trailer and its count, after `finish`; None if it states none."""
        line, count = self._trailer or (0, None)
        return None if count is None else (line, count)

    def _compare(self) -> None:
        if self._compares and not self._unparsed and (stated := self.stated_rows) is not None:
            check_stated_rows(stated, self._records, *self._source_and_file)


def check_stated_rows(stated: StatedRows, records: int, source: str, file: str) -> None:
    """Raise `DeliveryRefusedError` if a trailer's count is not the number of a file's records."""
    line, count = stated
    if count != records:
        raise DeliveryRefusedError(
            "the count in the trailer is not the number of records read",
            source=source,
            file=file,
            line=line,
            expected=f"{count:,} records",
            found=f"{records:,}",
            next_step="compare the size with the vendor's, and ask for the file again",
        )


def blocks_without_trailer(splitter: BlockSplitter, trailer: TrailerCheck) -> Iterator[TextBlock]:
    """Yield a file's blocks without its trailer, and pass the trailer to `trailer.finish`.

    Holds one block more in memory than a file without a trailer does. Raises what `finish` raises.
    """
    if trailer.pattern is None:
        yield from splitter.text_blocks()
        return
    last: TextBlock | None = None
    for block in splitter.text_blocks():
        if last is not None and (block.too_long or block.data.strip(b"\r\n")):
            trailer.expect(last.first_line)
            yield last
            last = None
        last = last or block
    if last is None or last.too_long:
        trailer.finish(splitter.line, None)
        return
    body = last.data.rstrip(b"\r\n")
    start = max(body.rfind(b"\n"), body.rfind(b"\r")) + 1
    line = last.first_line + count_line_ends(body[:start])
    if start:
        trailer.expect(last.first_line)
        yield TextBlock(body[:start], last.first_line, line - last.first_line)
    trailer.finish(line, body[start:].decode(errors="replace"))


def _trailer_pattern(trailer: str, columns: Sequence[str], decimal: str) -> re.Pattern[str]:
    pattern = ".*".join(re.escape(text) for text in trailer.split("*"))
    pattern = pattern.replace(re.escape("{rows}"), "(?P<rows>[0-9]{1,18})")
    for number, column in enumerate(columns):
        digits = rf"[+-]?[0-9]{{1,40}}(?:{re.escape(decimal)}[0-9]{{1,40}})?"
        pattern = pattern.replace(re.escape(f"{{sum:{column}}}"), f"(?P<sum{number}>{digits})")
    return re.compile(pattern, re.DOTALL)
