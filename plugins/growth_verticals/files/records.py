"""Record boundaries of delimited text, by the rules of RFC 4180 as Arrow's CSV reader applies them.

A quote opens a quoted cell only as the cell's first character, and closes it unless it is doubled. Elsewhere it is
text. A line end outside quotes ends a record. All functions take bytes in UTF-8 (or another superset of ASCII).
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Sequence  # noqa: TC003 - a NamedTuple's types are looked up
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from collections.abc import Iterator

    from growth_verticals.formats import Delimited

_NEWLINE = pa.scalar(ord("\n"), pa.uint8())
#: Noncharacters, which Unicode reserves for use within a program. In a block, each replaces an escaped character.
NONCHARACTERS = tuple(character.encode() for character in "\ufdd0\ufdd1\ufdd2")
#: Up to this many quotes in a block, finding every quoted cell costs next to nothing. The block's tail gives the
#: estimate.
_FEW_QUOTES = 4_000
_TAIL_BYTES = 2**16
#: The last line ends of a block can be in a quoted cell: so many are tried before every quoted cell is found.
_TRIED_LINE_ENDS = 3


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
    """The bytes that structure a file. `\\n`, `\\r\\n` and a lone `\\r` all end a line, also mixed in one file."""

    delimiter: bytes
    quote: bytes | None
    escapes: Escapes | None = None

    @classmethod
    def of(cls, form: Delimited) -> Dialect:
        """Return the dialect of delimited text."""
        quote = form.quote.encode() if form.quote else None
        return cls(form.delimiter.encode(), quote, Escapes(form) if form.escape else None)

    def as_written(self, data: bytes) -> str:
        """Return bytes of a block as the text in the file, without a character that is cut at an end."""
        return (self.escapes.as_written(data) if self.escapes else data).decode(errors="ignore")


#: Every line is a record.
LINES = Dialect(b"", None)


class Records(NamedTuple):
    """The records of a block: the 0-based line where each starts, and its bytes without the line end."""

    lines: Sequence[int]
    raw_records: list[bytes]


class UnclosedQuoteError(Exception):
    """A quote is opened and not closed at the end of its cell. `line` is 0-based within the data that was checked."""

    def __init__(self, line: int) -> None:
        super().__init__(line)
        self.line = line


def quoted_spans(data: bytes, dialect: Dialect) -> Iterator[tuple[int, int]]:
    """Yield the start and end of each quoted cell in `data`, which starts outside quotes.

    If the last one is not closed, its end is `len(data) + 1`.
    """
    quote = dialect.quote
    if quote is None:
        return
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
            yield at, len(data) + 1
            return
        yield at, end + 1
        at = data.find(quote, end + 1)


def last_quoted_span(data: bytes, dialect: Dialect) -> tuple[int, int]:
    """Return the last quoted cell in `data`, as `quoted_spans` does; (0, 0) if there is none."""
    last = deque(quoted_spans(data, dialect), maxlen=1)
    return last[0] if last else (0, 0)


def ends_inside_quotes(data: bytes, dialect: Dialect) -> bool:
    """Whether `data`, which starts outside quotes, ends inside quotes."""
    return last_quoted_span(data, dialect)[1] > len(data)


def first_record_end(data: bytes, dialect: Dialect) -> int:
    """Return the end of the first record in `data`; 0 if it is not complete.

    A `\\r` at the end of `data` does not complete it, because a `\\n` can follow.
    """
    at = 0
    for start, end in quoted_spans(data, dialect):
        if found := _first_line_end(data, at, start):
            return found
        at = end
    return _first_line_end(data, at, len(data))


def last_record_end(data: bytes, dialect: Dialect) -> tuple[int, bool]:
    """Return the end of the last complete record in `data`, which starts with a record; 0 if none is complete. Exact.

    Also returns whether the records up to there are known to have no stray quotes (`stray_quotes`).
    """
    quote = dialect.quote
    end = _last_line_end(data, 0, len(data))
    if quote is None or not end or quote not in data:
        return end, True
    tail = max(0, end - _TAIL_BYTES)
    if data.count(quote, tail, end) * end > _FEW_QUOTES * (end - tail):
        tried = end
        for _ in range(_TRIED_LINE_ENDS):
            if tried and _is_well_formed(data, tried, dialect):
                return tried, True
            tried = _last_line_end(data, 0, tried - 1) if tried else 0
    stop = len(data)
    for start, after in reversed(list(quoted_spans(data, dialect))):
        if end := _last_line_end(data, after, stop):
            return end, False
        stop = start
    return _last_line_end(data, 0, stop), False


def _first_line_end(data: bytes, start: int, stop: int) -> int:
    """Return the end of the first line that ends in `data[start:stop]`, or 0. Without `\\r` at the end of `data`."""
    newline = data.find(b"\n", start, stop) + 1
    carriage_return = data.find(b"\r", start, newline or stop) + 1
    return newline if carriage_return in (0, newline - 1, len(data)) else carriage_return


def _last_line_end(data: bytes, start: int, stop: int) -> int:
    """Return the end of the last line that ends in `data[start:stop]`, or 0. Without `\\r` at the end of `data`."""
    newline = data.rfind(b"\n", start, stop) + 1
    while (carriage_return := data.rfind(b"\r", newline or start, stop) + 1) and (
        data[carriage_return : carriage_return + 1] in (b"", b"\n")
    ):
        stop = carriage_return - 1
    return carriage_return or newline


def _is_well_formed(data: bytes, end: int, dialect: Dialect) -> bool:
    """Whether whole records end at `end`, with every quoted cell followed by a delimiter or a line end. Exact."""
    offsets = pa.py_buffer(b"\0\0\0\0" + end.to_bytes(4, "little"))
    text = pa.Array.from_buffers(pa.binary(), 1, [None, offsets, pa.py_buffer(data)])
    pattern = _well_formed_pattern(dialect.delimiter, dialect.quote or b"")
    return bool(pc.match_substring_regex(text, pattern)[0].as_py())


@cache
def _well_formed_pattern(delimiter: bytes, quote: bytes) -> str:
    """Return a pattern that RE2 matches in one pass, at a multiple of the speed of a search for quotes in Python."""
    q, ends = f"\\x{quote.hex()}", f"\\x{delimiter.hex()}\\r\\n"
    return rf"\A(?:(?:[^{q}{ends}][^{ends}]*|{q}(?:[^{q}]|{q}{q})*{q})?[{ends}])*\z"


def stray_quotes(data: bytes, dialect: Dialect) -> list[int]:
    """Return where each quoted cell starts that is followed by text, so that one of its quotes is not doubled.

    Raises `UnclosedQuoteError` for a quoted cell that is not closed, and for such a cell that contains a line end: the
    quote that closes it belongs to a later cell, and the lines between were swallowed.
    """
    follows = (b"", dialect.delimiter, b"\r", b"\n")
    strays = []
    for start, end in quoted_spans(data, dialect):
        if end > len(data) or data[end : end + 1] not in follows:
            if end > len(data) or b"\n" in data[start:end] or b"\r" in data[start:end]:
                raise UnclosedQuoteError(count_line_ends(data[:start]))
            strays.append(start)
    return strays


def column_at(record: bytes, offset: int, dialect: Dialect) -> int:
    """Return the 0-based column of the cell that starts at `offset` in a record."""
    before = record[:offset]
    quoted = sum(before.count(dialect.delimiter, start, end) for start, end in quoted_spans(before, dialect))
    return before.count(dialect.delimiter) - quoted


def split_records(data: bytes, dialect: Dialect) -> Records:
    """Return the records of a block, in order, without blank lines."""
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
        if raw := record.rstrip(b"\r\n"):
            starts.append(started)
            raw_records.append(raw)
    return Records(starts, raw_records)


def count_line_ends(data: bytes) -> int:
    """Return the number of line ends in `data`: `\\n`, `\\r\\n` or a lone `\\r`."""
    if b"\r" not in data:
        octets = pa.Array.from_buffers(pa.uint8(), len(data), [None, pa.py_buffer(data)])
        return pc.sum(pc.equal(octets, _NEWLINE)).as_py() or 0  # takes half the time of bytes.count
    return len(data.splitlines()) - (data[-1:] not in (b"", b"\n", b"\r"))
