"""Where delimited records start and end, by the rule of RFC 4180 as Arrow's CSV reader has it.

A quote opens a cell only as the cell's first character, and closes it unless it is doubled; elsewhere it is text. A
newline outside quotes ends a record. Everything here works on bytes in UTF-8 (or any superset of ASCII).
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
#: Noncharacters, which Unicode keeps for use within a program: in a block each stands for an escaped character.
NONCHARACTERS = tuple(character.encode() for character in "\ufdd0\ufdd1\ufdd2")


class Escapes:
    r"""One source's escaped characters (`\"`, `\,`, `\\`): hidden in a block, and restored in cells and raw records.

    A hidden delimiter, quote or escape is a noncharacter, so that nothing takes it for a real one.
    """

    def __init__(self, form: Delimited) -> None:
        self.escape = (form.escape or "").encode()
        plain = [character.encode() for character in (form.delimiter, form.quote, form.escape) if character]
        self._hidden = dict(zip(plain, NONCHARACTERS, strict=False))
        self._pattern = re.compile(re.escape(self.escape) + b"([" + b"".join(map(re.escape, plain)) + b"])")

    def hide(self, data: bytes) -> bytes:
        """Return `data` with a noncharacter for each escaped character."""
        return self._pattern.sub(lambda found: self._hidden[found[1]], data) if self.escape in data else data

    def as_written(self, data: bytes) -> bytes:
        """Return `data` as the file has it."""
        for plain, hidden in self._hidden.items():
            data = data.replace(hidden, self.escape + plain)
        return data

    def cell(self, text: str) -> str:
        """Return what a cell means."""
        for plain, hidden in self._hidden.items():
            text = text.replace(hidden.decode(), plain.decode())
        return text

    def show(self, data: bytes, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Return a parsed block with what its text cells mean. `data` is the block."""
        hidden = {mark: plain for plain, mark in self._hidden.items() if mark in data}
        for place, kind in enumerate(batch.schema.types) if hidden else ():
            if pa.types.is_string(kind):
                cells = batch.column(place)
                for mark, plain in hidden.items():
                    cells = pc.replace_substring(cells, mark.decode(), plain.decode())
                batch = batch.set_column(place, batch.schema.names[place], cells)
        return batch


class Dialect(NamedTuple):
    """The bytes that matter. `eol` is what ends most lines: `\\n` (also of `\\r\\n`) or a lone `\\r`."""

    delimiter: bytes
    quote: bytes | None
    eol: bytes = b"\n"
    escapes: Escapes | None = None

    def as_written(self, data: bytes) -> str:
        """Return bytes of a block as the text that the file has; half a character at an end is left out."""
        return (self.escapes.as_written(data) if self.escapes else data).decode(errors="ignore")


class Records(NamedTuple):
    """The records of a block: the 0-based line where each starts, and its bytes without the line's end."""

    lines: Sequence[int]
    raws: list[bytes]


class UnclosedQuoteError(Exception):
    """A quote was opened and not closed where its cell ends. `line` is 0-based, within what was looked at."""

    def __init__(self, line: int) -> None:
        super().__init__(line)
        self.line = line


def quoted_spans(data: bytes, dialect: Dialect) -> list[tuple[int, int]]:
    """Return start and end of each quoted cell in `data`, which starts outside quotes.

    The last one's end is `len(data) + 1` when it is not closed.
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
    """Whether `data`, which starts outside quotes, ends inside."""
    spans = quoted_spans(data, dialect)
    return bool(spans) and spans[-1][1] > len(data)


def last_record_end(data: bytes, dialect: Dialect) -> int:
    """Return the place behind the last whole record in `data`, which starts a record; 0 if none is whole. Exact."""
    stop = len(data)
    for start, end in reversed(quoted_spans(data, dialect)):
        found = data.rfind(dialect.eol, end, stop)
        if found >= 0:
            return found + 1
        stop = start
    return data.rfind(dialect.eol, 0, stop) + 1


def first_record_end(data: bytes, dialect: Dialect) -> int:
    """Return the place behind the first record in `data`; 0 if it is not whole. Exact."""
    at = 0
    for start, end in quoted_spans(data, dialect):
        found = data.find(dialect.eol, at, start)
        if found >= 0:
            return found + 1
        at = end
    return data.find(dialect.eol, at) + 1


class BoundaryFinder:
    """Finds the last record's end in a buffer, exactly, and fast where quotes are many.

    Counting quotes is right unless an unquoted cell holds one. The first buffer that shows such a quote (an odd count
    before a newline that is outside) turns counting off for good. Where one does not show, a quoted newline at the
    cut may be taken for a record's end: the block then ends inside quotes, and `split_records` finds that.
    """

    #: So many quotes are walked one by one in no time; how many there are, the buffer's tail tells.
    FEW = 4_000
    TAIL = 2**16

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._walk = False

    def cut(self, data: bytes) -> int:
        """Return the place behind the last whole record in `data`, which starts a record; 0 if none is whole."""
        quote, eol = self._dialect.quote, self._dialect.eol
        last = data.rfind(eol) + 1
        if quote is None or not last or quote not in data:
            return last
        tail = max(0, last - self.TAIL)
        many = data.count(quote, tail, last) * last > self.FEW * (last - tail)
        if many and not self._walk:
            quotes = data.count(quote, 0, last)
            line = data[data.rfind(eol, 0, last - 1) + 1 : last]
            if quotes % 2 == 0 and not ends_inside_quotes(line, self._dialect):
                return last
            exact = last_record_end(data, self._dialect)
            self._walk = data.count(quote, 0, exact) % 2 == 1
            return exact
        return last_record_end(data, self._dialect)


def split_records(data: bytes, dialect: Dialect) -> Records:
    """Return the records of a block, in order; blank lines are none.

    Raises `UnclosedQuoteError` when a quoted cell with a newline in it is followed by something else than a
    delimiter or a line's end, or by nothing: an unclosed quote met the next one, and lines between are swallowed.
    """
    quote = dialect.quote
    if quote is None or quote not in data:
        lines = data.splitlines()
        if b"" not in lines:
            return Records(range(len(lines)), lines)
        filled = [number for number, line in enumerate(lines) if line]
        return Records(filled, [lines[number] for number in filled])
    starts: list[int] = []
    raws: list[bytes] = []
    inside, started = False, 0
    lines = data.splitlines(keepends=True)
    for number, line in enumerate(lines):
        if not inside:
            started = number
        if quote in line:
            # Inside, a made-up opening stands for the real one, some lines above.
            inside = ends_inside_quotes(quote + b"." + line if inside else line, dialect)
        if inside:
            continue
        record = line if number == started else b"".join(lines[started : number + 1])
        if number > started:
            _check_closed(record, dialect, started)
        if raw := record.rstrip(b"\r\n"):
            starts.append(started)
            raws.append(raw)
    if inside:
        _check_closed(b"".join(lines[started:]), dialect, started)
    return Records(starts, raws)


def _check_closed(record: bytes, dialect: Dialect, line: int) -> None:
    for start, end in quoted_spans(record, dialect):
        newline = b"\n" in record[start:end] or b"\r" in record[start:end]
        if end > len(record) or (newline and record[end : end + 1] not in (b"", dialect.delimiter, b"\r", b"\n")):
            raise UnclosedQuoteError(line + count_line_ends(record[:start]))


def count_line_ends(data: bytes) -> int:
    """Return how many lines end in `data`: at `\\n`, `\\r\\n` or a lone `\\r`."""
    if b"\r" not in data:
        octets = pa.Array.from_buffers(pa.uint8(), len(data), [None, pa.py_buffer(data)])
        return pc.sum(pc.equal(octets, _NEWLINE)).as_py() or 0  # in half the time of bytes.count
    return len(data.splitlines()) - (data[-1:] not in (b"", b"\n", b"\r"))
