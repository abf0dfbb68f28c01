"""Blocks of JSON lines: whether Arrow's reader can be trusted with one, and smaller ones.

Arrow's reader crashes on some input and misreads other input. It reads a block only if `object_lines` finds none of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from growth_verticals.files.blocks import TextBlock
from growth_verticals.reader import ParsedBlock

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_SPACE = b" \t\r\n"


def is_blank(line: bytes) -> bool:
    """Whether a line has nothing but JSON's spaces. Others, such as a form feed, make it a bad record."""
    return not line.strip(_SPACE)


def object_lines(block: TextBlock) -> Sequence[int]:
    """Return the numbers of the lines that are not blank; none if Arrow's reader must not see the block.

    It crashes on a line `null` before the first object, and takes a NUL for the end of the data. It accepts two objects
    on one line, and one object on two lines. If it finds as many objects as there are lines that start with `{` and end
    with `}`, each line has one object: no object continues with `{` after a `}`.
    """
    data, first = block.data, block.first_line
    if b"\0" in data:
        return ()
    line_end = b"\r\n" if data.endswith(b"\r\n") else b"\n"
    between = b"}" + line_end + b"{"
    if data[:1] == b"{" and data.endswith(between[:-1]) and data.count(between) == block.lines - 1:
        return range(first, first + block.lines)
    numbers = []
    for number, line in enumerate(data.splitlines(), start=first):
        if line := line.strip(_SPACE):
            if not (line.startswith(b"{") and line.endswith(b"}")):
                return ()
            numbers.append(number)
    return numbers


def split_block(block: TextBlock, parts: int) -> Iterator[TextBlock]:
    """Split a block into smaller ones of whole lines."""
    if parts == 1 or block.too_long:
        yield block
        return
    lines = block.data.splitlines(keepends=True)
    size = -(-len(lines) // parts)
    for start in range(0, len(lines), size):
        chunk = lines[start : start + size]
        yield TextBlock(b"".join(chunk), block.first_line + start, len(chunk))


def concat_parsed(parsed: list[ParsedBlock]) -> ParsedBlock:
    """Return the rows and rejects of a block that was parsed in parts."""
    return ParsedBlock(
        pa.concat_batches([each.rows for each in parsed]),
        pa.concat_batches([each.rejects for each in parsed]),
        sum(each.rows_read for each in parsed),
    )
