"""A second reader of text records, one character at a time. Tests compare the engine's records with it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from growth_verticals.source import Delimited, FixedWidth

if TYPE_CHECKING:
    from collections.abc import Iterator

    from growth_verticals.formats import TextFormat

LINE_END = re.compile(r"\r\n|\n|\r")


@dataclass
class CountedCell:
    """A cell's text; whether text follows its closing quote; whether its quotes contain a line end, and are closed."""

    text: str = ""
    stray: bool = False
    spans_lines: bool = False
    closed: bool = True


@dataclass
class CountedRecord:
    cells: list[CountedCell] = field(default_factory=lambda: [CountedCell()])
    written: str = ""

    @property
    def has_stray_quote(self) -> bool:
        return any(cell.stray for cell in self.cells)

    @property
    def swallows_lines(self) -> bool:
        return any(not cell.closed or (cell.stray and cell.spans_lines) for cell in self.cells)


def delimited_records(text: str, form: Delimited) -> Iterator[CountedRecord]:
    """Yield the records of delimited text by the rules of RFC 4180, without blank lines. A header is one of them."""
    record, state, at = CountedRecord(), "start", 0
    while at < len(text):
        character, cell = text[at], record.cells[-1]
        following = text[at + 1 : at + 2]
        length = 1
        if form.escape and character == form.escape and following in {form.delimiter, form.quote, form.escape} - {""}:
            cell.text += following
            cell.stray |= state == "after"
            state = "plain" if state == "start" else state
            length = 2
        elif state == "quoted":
            if character != form.quote:
                cell.text += character
                cell.spans_lines |= character in "\r\n"
            elif following == form.quote:
                cell.text += character
                length = 2
            else:
                cell.closed = True
                state = "after"
        elif character == form.delimiter:
            record.cells.append(CountedCell())
            state = "start"
        elif character in "\r\n":
            length = len(LINE_END.match(text, at)[0])  # type: ignore[index]
            if record.written:
                yield record
            record, state, at = CountedRecord(), "start", at + length
            continue
        elif character == form.quote and state == "start":
            cell.closed = False
            state = "quoted"
        else:
            cell.text += character
            cell.stray |= state == "after"
            state = "plain" if state == "start" else state
        record.written += text[at : at + length]
        at += length
    if record.written:
        yield record


def count_records(data: bytes, form: TextFormat) -> int:
    """Return how many records a delimited or fixed-width file has, without its header and its trailer."""
    text = data.decode(form.encoding).removeprefix("\ufeff")
    for _ in range(form.skip_lines):
        text = text[LINE_END.search(text).end() :]  # type: ignore[union-attr]
    if form.trailer is not None:
        text = _without_last_line(text)
    if isinstance(form, FixedWidth):
        return sum(bool(line) for line in LINE_END.split(text))
    assert isinstance(form, Delimited)
    return sum(1 for _ in delimited_records(text, form)) - form.header


def _without_last_line(text: str) -> str:
    text = text.rstrip("\r\n")
    return text[: max(text.rfind("\n"), text.rfind("\r")) + 1]
