"""Record boundaries of delimited text, by the rules of RFC 4180 as Arrow's CSV reader applies them.

A quote opens a quoted cell only as the cell's first character, and closes it unless it is doubled. Elsewhere it is
text. A newline outside quotes ends a record. All functions take bytes in UTF-8 (or another superset of ASCII).
"""

from __future__ import annotations

import re
from collections.abc import Sequence  # noqa: TC003 - a NamedTuple's types are looked up
from typing import TYPE_CHECKING, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from growth_verticals.formats import Delimited

_NEWLINE = pa.scalar(ord("\n"), pa.uint8())
#: Noncharacters, which Unicode reserves for use within a program. In a block, each replaces an escaped character.
NONCHARACTERS = tuple(character.encode() for character in "\ufdd0\ufdd1\ufdd2")


class Escapes:
    r"""Hides one source's escaped characters (`\"`, `\,`, `\\`) in blocks, and restores them in cells and raw records.

    A hidden delimiter, quote or escape is a noncharacter, so that no parser reads it as a real one.
    """

    def __init__(self, form: Delimited) -> None:
        self.escape = (form.escape or "").encode()
        plain = [character.encode() for character in (form.delimiter, form.quote, form.escape) if character]
        self._hidden = dict(zip(plain, NONCHARACTERS, strict=False))
        self._pattern = re.compile(re.escape(self.escape) + b"([" + b"".join(map(re.escape, plain)) + b"])")

    def hide(self, data: bytes) -> bytes:
        """Return `data` with each escape sequence replaced by a noncharacter."""
        return self._pattern.sub(lambda match: self._hidden[match[1]], data) if self.escape in data else data

    def as_written(self, data: bytes) -> bytes:
        """Return `data` with the escape sequences that the file has."""
        for plain, hidden in self._hidden.items():
            data = data.replace(hidden, self.escape + plain)
        return data

    def unescape(self, text: str) -> str:
        """Return a cell with the characters that its noncharacters stand for."""
        for plain, hidden in self._hidden.items():
            text = text.replace(hidden.decode(), plain.decode())
        return text

    def unescape_batch(self, data: bytes, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Return a parsed block with its text cells unescaped. `data` is the unparsed block."""
        hidden = {mark: plain for plain, mark in self._hidden.items() if mark in data}
        for index, data_type in enumerate(batch.schema.types) if hidden else ():
            if pa.types.is_string(data_type):
                cells = batch.column(index)
                for mark, plain in hidden.items():
                    cells = pc.replace_substring(cells, mark.decode(), plain.decode())
                batch = batch.set_column(index, batch.schema.names[index], cells)
        return batch


class Dialect(NamedTuple):
    """The bytes that structure a file. `eol` ends most lines: `\\n` (the end of `\\r\\n` too) or a lone `\\r`."""

    delimiter: bytes
    quote: bytes | None
    eol: bytes = b"\n"
    escapes: Escapes | None = None

    def as_written(self, data: bytes) -> str:
        """Return bytes of a block as the text in the file, without a character that is cut at an end."""
        return (self.escapes.as_written(data) if self.escapes else data).decode(errors="ignore")


class Records(NamedTuple):
    """The records of a block: the 0-based line where each starts, and its bytes without the line end."""

    lines: Sequence[int]
    raw_records: list[bytes]


class UnclosedQuoteError(Exception):
    """A quote is opened and not closed at the end of its cell. `line` is 0-based within the data that was checked."""

    def __init__(self, line: int) -> None:
        super().__init__(line)
        self.line = line


def quoted_spans(data: bytes, dialect: Dialect) -> list[tuple[int, int]]:
    """Return the start and end of each quoted cell in `data`, which starts outside quotes.

    If the last one is not closed, its end is `len(data) + 1`.
    """
    spans: list[tuple[int, int]] = []
    quote = dialect.quote
    if quote is None:
        return spans
    opens_after = dialect.delimiter + b"\r\n"
    at = data.find(quote)
    while at >= 0:
        if at and data[at - 1] not in opens_after:
            at = data.find(quote, at + 1)
            continue
        end = data.find(quote, at + 1)
        while end >= 0 and data[end + 1 : end + 2] == quote:
            end = data.find(quote, end + 2)
        if end < 0:
            return [*spans, (at, len(data) + 1)]
        spans.append((at, end + 1))
        at = data.find(quote, end + 1)
    return spans


def ends_inside_quotes(data: bytes, dialect: Dialect) -> bool:
    """Whether `data`, which starts outside quotes, ends inside quotes."""
    spans = quoted_spans(data, dialect)
    return bool(spans) and spans[-1][1] > len(data)


def last_record_end(data: bytes, dialect: Dialect) -> int:
    """Return the end offset of the last complete record in `data`, which starts with a record; 0 if none. Exact."""
    stop = len(data)
    for start, end in reversed(quoted_spans(data, dialect)):
        found = data.rfind(dialect.eol, end, stop)
        if found >= 0:
            return found + 1
        stop = start
    return data.rfind(dialect.eol, 0, stop) + 1


def first_record_end(data: bytes, dialect: Dialect) -> int:
    """Return the end offset of the first record in `data`; 0 if it is not complete. Exact."""
    at = 0
    for start, end in quoted_spans(data, dialect):
        found = data.find(dialect.eol, at, start)
        if found >= 0:
            return found + 1
        at = end
    return data.find(dialect.eol, at) + 1


class BoundaryFinder:
    """Finds the end of the last record in a buffer: exactly where quotes are few, by counting where they are many.

    Counting quotes is correct unless an unquoted cell contains one. The first buffer that reveals such a quote (an odd
    count before a newline outside quotes) turns counting off for the rest of the file. If no buffer reveals it, a
    quoted newline can be mistaken for the end of a record. The block then ends inside quotes, which `split_records`
    detects.
    """

    #: Up to this many quotes, finding every quoted cell costs next to nothing. The buffer's tail gives the estimate.
    FEW_QUOTES = 4_000
    TAIL_BYTES = 2**16

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._count_is_unreliable = False

    def find_last_end(self, data: bytes) -> int:
        """Return the end offset of the last complete record in `data`, which starts with a record; 0 if none."""
        quote, eol = self._dialect.quote, self._dialect.eol
        last = data.rfind(eol) + 1
        if quote is None or not last or quote not in data:
            return last
        tail = max(0, last - self.TAIL_BYTES)
        many = data.count(quote, tail, last) * last > self.FEW_QUOTES * (last - tail)
        if many and not self._count_is_unreliable:
            quotes = data.count(quote, 0, last)
            line = data[data.rfind(eol, 0, last - 1) + 1 : last]
            if quotes % 2 == 0 and not ends_inside_quotes(line, self._dialect):
                return last
            exact = last_record_end(data, self._dialect)
            self._count_is_unreliable = data.count(quote, 0, exact) % 2 == 1
            return exact
        return last_record_end(data, self._dialect)


def split_records(data: bytes, dialect: Dialect) -> Records:
    """Return the records of a block, in order, without blank lines.

    Raises `UnclosedQuoteError` if a quoted cell is never closed, or contains a newline and is not followed by a
    delimiter or a line end. In the second case the quote that closes it belongs to a later cell, and the lines between
    were swallowed.
    """
    quote = dialect.quote
    if quote is None or quote not in data:
        lines = data.splitlines()
        if b"" not in lines:
            return Records(range(len(lines)), lines)
        filled = [number for number, line in enumerate(lines) if line]
        return Records(filled, [lines[number] for number in filled])
    starts: list[int] = []
    raw_records: list[bytes] = []
    inside, started = False, 0
    lines = data.splitlines(keepends=True)
    for number, line in enumerate(lines):
        if not inside:
            started = number
        if quote in line:
            # A line inside a quoted cell is scanned after a synthetic opening quote: the real one is on a line before.
            inside = ends_inside_quotes(quote + b"." + line if inside else line, dialect)
        if inside:
            continue
        record = line if number == started else b"".join(lines[started : number + 1])
        if number > started:
            _check_closed(record, dialect, started)
        if raw := record.rstrip(b"\r\n"):
            starts.append(started)
            raw_records.append(raw)
    if inside:
        _check_closed(b"".join(lines[started:]), dialect, started)
    return Records(starts, raw_records)


def _check_closed(record: bytes, dialect: Dialect, line: int) -> None:
    for start, end in quoted_spans(record, dialect):
        newline = b"\n" in record[start:end] or b"\r" in record[start:end]
        if end > len(record) or (newline and record[end : end + 1] not in (b"", dialect.delimiter, b"\r", b"\n")):
            raise UnclosedQuoteError(line + count_line_ends(record[:start]))


def count_line_ends(data: bytes) -> int:
    """Return the number of line ends in `data`: `\\n`, `\\r\\n` or a lone `\\r`."""
    if b"\r" not in data:
        octets = pa.Array.from_buffers(pa.uint8(), len(data), [None, pa.py_buffer(data)])
        return pc.sum(pc.equal(octets, _NEWLINE)).as_py() or 0  # takes half the time of bytes.count
    return len(data.splitlines()) - (data[-1:] not in (b"", b"\n", b"\r"))
