"""Text and tables on a terminal: in color, and folded to its width. Nothing is cut, whatever the width."""

from __future__ import annotations

import re
from itertools import zip_longest
from typing import TYPE_CHECKING

from rich.cells import cell_len, chop_cells
from rich.console import Console
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

_COLORS = {
    "Failed": "bold red", "Successful": "green", "Disabled": "yellow", "disabled": "yellow", "set": "cyan",
    "differs": "bold red", "late": "yellow", "complete": "green",
}  # fmt: skip
_GAP = 2
#: Only words that are longer than this are folded. The number is used that gives a table the fewest lines.
_LONG_WORDS = (1_000, 24, 20, 16)


def print_text(text: str, *, indent: int, style: str = "") -> None:
    """Print text that is wrapped at words. Each line after the first one is indented."""
    console = Console(highlight=False)
    _print_wrapped(console, Text(text[:indent] + _fold(text[indent:], console.width - indent), style), indent)


def print_table(header: Sequence[str], rows: Sequence[Sequence[str]], right: Collection[str]) -> None:
    """Print rows under a header.

    If that is too wide, the first cell of each group of rows becomes a heading; without groups, cells are folded. If it
    is still too wide, each row becomes a paragraph. A group begins with a row whose first cell is not empty.
    """
    console = Console(highlight=False)
    is_grouped = not all(row[0] for row in rows) and _width(_natural_widths(header, rows)) > console.width
    indent = _GAP if is_grouped else 0
    widths = _fit(header[is_grouped:], [row[is_grouped:] for row in rows], right, console.width - indent)
    if widths is None:
        for row in rows:
            _print_paragraph(console, header, row)
        return
    is_right = [name in right for name in header[is_grouped:]]
    _print_row(console, [Text(name, "bold") for name in header[is_grouped:]], widths, is_right, indent)
    for row in rows:
        if is_grouped and row[0]:
            print_text(row[0], indent=_GAP, style="bold")
        _print_row(console, [_colored(cell) for cell in row[is_grouped:]], widths, is_right, indent)


# --- widths -------------------------------------------------------------------------------------------------------


def _fit(
    header: Sequence[str], rows: Sequence[Sequence[str]], right: Collection[str], available: int
) -> list[int] | None:
    """Return the columns' widths with which all fit and the rows have the fewest lines; None if they cannot fit.

    Cells of the columns `right` are never folded, and others at words, or in long words.
    """
    fitting = []
    for long_word in _LONG_WORDS:
        least = [
            max(
                _longest_word(name),
                *(cell_len(cell) if name in right else min(_longest_word(cell), long_word) for cell in cells),
            )
            for name, *cells in zip(header, *rows, strict=True)
        ]
        if widths := _narrow(_natural_widths(header, rows), least, available):
            fitting.append(widths)
    return min(fitting, key=lambda widths: sum(_height(row, widths) for row in rows), default=None)


def _narrow(widths: list[int], least: Sequence[int], available: int) -> list[int] | None:
    """Return the widths, the widest ones reduced until all fit; None if they do not even with the least ones."""
    while _width(widths) > available:
        reducible = [column for column, width in enumerate(widths) if width > least[column]]
        if not reducible:
            return None
        widths[max(reducible, key=widths.__getitem__)] -= 1
    return widths


def _natural_widths(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[int]:
    return [max(map(cell_len, cells)) for cells in zip(header, *rows, strict=True)]


def _width(widths: Sequence[int]) -> int:
    return sum(widths) + _GAP * (len(widths) - 1)


def _height(row: Sequence[str], widths: Sequence[int]) -> int:
    """Return about how many lines a row has in columns of these widths."""
    return max(-(-cell_len(cell) // max(width, 1)) for cell, width in zip(row, widths, strict=True))


def _longest_word(text: str) -> int:
    """Return the width of the longest word. The blanks at the start of a cell belong to its first word."""
    return max(map(cell_len, re.findall(r"^\s*\S+|\S+", text)), default=0)


# --- lines --------------------------------------------------------------------------------------------------------


def _print_wrapped(console: Console, text: Text, indent: int) -> None:
    label, rest = text[:indent], text[indent:]
    for number, line in enumerate(rest.wrap(console, console.width - indent, overflow="fold")):
        line.rstrip()
        console.print(Text(" " * indent).append_text(line) if number else label + line, soft_wrap=True)


def _print_row(
    console: Console, cells: Sequence[Text], widths: Sequence[int], is_right: Sequence[bool], indent: int
) -> None:
    columns = [_wrap(console, cell, width) for cell, width in zip(cells, widths, strict=True)]
    for lines in zip_longest(*columns):
        text = Text(" " * indent)
        for line, width, right in zip(lines, widths, is_right, strict=True):
            cell = line or Text()
            cell.align("right" if right else "left", width)
            text.append_text(cell).append(" " * _GAP)
        text.rstrip()
        console.print(text, soft_wrap=True)


def _wrap(console: Console, cell: Text, width: int) -> list[Text]:
    """Return the lines of a cell. Those after the first one are indented like it."""
    blanks = len(cell.plain) - len(cell.plain.lstrip())
    folded = Text(_fold(cell.plain.lstrip(), width - blanks), cell.style)
    return [Text(" " * blanks).append_text(line) for line in folded.wrap(console, width - blanks)]


def _fold(text: str, width: int) -> str:
    """Return the text with line breaks in words that are too long, after a part of a name where that is possible."""
    return re.sub(r"\S+", lambda word: "\n".join(_folded(word[0], width)), text)


def _folded(word: str, width: int) -> Iterator[str]:
    line = ""
    for part in re.findall(r"[^._/:-]*[._/:-]|[^._/:-]+", word):  # aiq. household_ rejects
        if line and cell_len(line + part) > width:
            yield line
            line = ""
        *full, line = chop_cells(line + part, width)
        yield from full
    yield line


def _print_paragraph(console: Console, header: Sequence[str], row: Sequence[str]) -> None:
    """Print the first cell as a heading, and as many of the others on a line as fit, each with its name."""
    if row[0]:
        print_text(row[0], indent=_GAP, style="bold")
    line = Text(" " * _GAP)
    for name, cell in zip(header[1:], row[1:], strict=True):
        if not cell:
            continue
        folded = _fold(cell, console.width - 2 * _GAP)
        item = Text.assemble((f"{name} " if name else "", "dim"), _colored(folded))
        if line.cell_len > _GAP and line.cell_len + item.cell_len > console.width:
            _print_wrapped(console, line, 2 * _GAP)
            line = Text(" " * _GAP)
        line.append_text(item).append(" " * _GAP)
    _print_wrapped(console, line, 2 * _GAP)


def _colored(cell: str) -> Text:
    return Text(cell, style=_COLORS.get(cell.split(":")[0], ""))
