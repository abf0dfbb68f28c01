"""Splits a text stream into blocks of whole records, in order, with one block in memory at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from growth_verticals.errors import FileRefusedError
from growth_verticals.files.records import (
    count_line_ends,
    ends_inside_quotes,
    first_record_end,
    last_quoted_span,
    last_record_end,
    quoted_spans,
)
from growth_verticals.files.text import check_utf8, wrong_encoding_error
from growth_verticals.files.unpack.compression import empty_file_error

if TYPE_CHECKING:
    from collections.abc import Iterator

    from growth_verticals.files.records import Dialect
    from growth_verticals.files.text import Utf8Stream

#: Smaller blocks spend more time on per-block work; larger ones do not fit the processor's cache (docs/performance.md).
BLOCK_BYTES = 2**21
#: A longer record is rejected without being held in memory.
MAX_RECORD_BYTES = 2**25
#: How much of such a record is kept.
HEAD_BYTES = 2**17


@dataclass(frozen=True)
class TextBlock:
    """Whole records as they are in the file, the last one with a line end.

    :param first_line: 1-based line of the first byte.
    :param lines: number of line ends in it.
    :param too_long: whether it is the beginning of one record that exceeds the maximum length.
    :param well_formed: whether it is known to have no stray quotes.
    """

    data: bytes
    first_line: int
    lines: int
    too_long: bool = False
    well_formed: bool = False

    @property
    def has_record(self) -> bool:
        """Whether it has more than blank lines."""
        return self.too_long or bool(self.data.strip(b"\r\n"))


class BlockSplitter:
    """Splits one stream. Raises `FileRefusedError` for an empty stream.

    :param first_line: the number of the stream's first line. Line numbers continue from one zip member to the next.
    """

    def __init__(
        self,
        stream: Utf8Stream,
        dialect: Dialect,
        *,
        source: str,
        file: str,
        first_line: int = 1,
        block_bytes: int = BLOCK_BYTES,
        max_record_bytes: int = MAX_RECORD_BYTES,
    ) -> None:
        self.line = first_line
        self.dialect = dialect
        self._stream = stream
        self._source = source
        self._file = file
        self._block_bytes = block_bytes
        self._max_record_bytes = max_record_bytes
        self._more = True
        self._buffer = b""
        self._fill()
        if not self._buffer and not self._more:
            raise empty_file_error(file, source)

    def first_record(self) -> bytes:
        """Consume and return the first record that is not a blank line, with its line end; no bytes if there is none.

        Afterwards `line` is the next line. Raises `FileRefusedError` for a quote that is not closed, a record that is
        too long, or bytes that are not UTF-8.
        """
        while True:
            if (end := first_record_end(self._buffer, self.dialect)) == 0:
                if self._more and len(self._buffer) <= self._max_record_bytes:
                    self._fill()
                    continue
                if len(self._buffer) > self._max_record_bytes:
                    raise FileRefusedError(
                        "the first line is too long for a header",
                        source=self._source,
                        file=self._file,
                        line=self.line,
                        next_step="check the file: it may be binary, or in another format than declared",
                    )
                self._check_closed()
                end = len(self._buffer)
            record = self._take(end)
            if record.strip(b"\r\n") or not record:
                check_utf8(record, self._source, self._file, self.line)
                self.line += count_line_ends(record)
                return record
            self.line += count_line_ends(record)

    def text_blocks(self) -> Iterator[TextBlock]:
        """Yield the rest of the stream as blocks. Raises `FileRefusedError` as `first_record` does."""
        while True:
            end, well_formed = last_record_end(self._buffer, self.dialect)
            if end and not self._starts_too_long():
                yield self._text_block(self._take(end), well_formed=well_formed)
            elif len(self._buffer) > self._max_record_bytes:
                yield self._skip_record()
            elif not self._more:
                break
            self._fill()
        if self._buffer:
            self._check_closed()
            yield self._text_block(self._take(len(self._buffer)) + b"\n")

    @property
    def unread(self) -> bytes:
        """The text that was read from the stream, and not returned."""
        return self._buffer

    def _starts_too_long(self) -> bool:
        """Whether the first record is too long, although it ends in the buffer."""
        is_long = len(self._buffer) > self._max_record_bytes
        return is_long and first_record_end(self._buffer, self.dialect) > self._max_record_bytes

    def _fill(self) -> None:
        if not self._more:
            return
        try:
            data = self._stream.read(self._block_bytes)
        except UnicodeDecodeError as error:
            before = self._buffer + self._stream.decoded_before(error)
            raise wrong_encoding_error(
                error.encoding, self._source, self._file, self.line + count_line_ends(before)
            ) from None
        self._more = bool(data)
        self._buffer += data

    def _take(self, end: int) -> bytes:
        data, self._buffer = self._buffer[:end], self._buffer[end:]
        return data

    def _text_block(self, data: bytes, *, well_formed: bool = False) -> TextBlock:
        lines = count_line_ends(data)
        self.line += lines
        return TextBlock(data, self.line - lines, lines, well_formed=well_formed)

    def _check_closed(self) -> None:
        if ends_inside_quotes(self._buffer, self.dialect):
            start, _ = last_quoted_span(self._buffer, self.dialect)
            raise unclosed_quote_error(self._source, self._file, self.line + count_line_ends(self._buffer[:start]))

    def _skip_record(self) -> TextBlock:
        """Skip a record that fills the buffer, and return its first `HEAD_BYTES`.

        Of the bytes skipped so far, only the last one stays in the buffer, or a synthetic opening quote while inside a
        quoted cell.
        """
        stop = first_record_end(self._buffer, self.dialect) or HEAD_BYTES
        head, first_line, quote = self._buffer[: min(stop, HEAD_BYTES)], self.line, self.dialect.quote or b"\0"
        opened: int | None = None  # the line where the current quoted cell starts
        while (end := first_record_end(self._buffer, self.dialect)) == 0 and self._more:
            if not self._buffer.endswith((quote, b"\r")):  # their meaning depends on the next byte
                inside = ends_inside_quotes(self._buffer, self.dialect)
                start, _ = last_quoted_span(self._buffer, self.dialect)
                if inside and (opened is None or start):
                    opened = self.line + count_line_ends(self._buffer[:start])
                opened = opened if inside else None
                self.line += count_line_ends(self._buffer)
                self._buffer = quote + b"." if inside else self._buffer[-1:]
            self._fill()
        if opened is not None:
            _, closed = next(quoted_spans(self._buffer, self.dialect))
            swallowed = self.line + count_line_ends(self._buffer[:closed]) > opened
            follows = self._buffer[closed : closed + 1]
            if closed > len(self._buffer) or (swallowed and follows not in (b"", self.dialect.delimiter, b"\r", b"\n")):
                raise unclosed_quote_error(self._source, self._file, opened)
        if end == 0:
            self._check_closed()
            end = len(self._buffer)
        self.line += count_line_ends(self._take(end))
        return TextBlock(head, first_line, self.line - first_line, too_long=True)


def unclosed_quote_error(source: str, file: str, line: int) -> FileRefusedError:
    """Return the error for a quote that swallows the text after it."""
    return FileRefusedError(
        "a quote is opened and not closed at the end of its cell, so the lines after it cannot be separated",
        source=source,
        file=file,
        line=line,
        next_step="ask the vendor to correct the line; declare quote=None if quotes are plain text in this source",
    )
