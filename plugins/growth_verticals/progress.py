"""How far a step has come with a file, for somebody who watches it. In Airflow nobody does, and it costs nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from decimal import Decimal

    from growth_verticals.reader import Block, ParsedBlock, Reader


class Progress(Protocol):
    """Is told what was done with one file since the last call. Thread-safe, and returns at once."""

    def advance(self, size: int) -> None:
        """`size` more bytes of the file were read."""
        ...

    def rows(self, count: int) -> None:
        """`count` more of its records were parsed."""
        ...


class WatchedReader:
    """A reader that tells `progress` after each block how far it is.

    :param raw: the stream that the reader reads. Where it stands says how much was read, packed files included.
    :param size: of the file in bytes. All of them are reported at the end, also of a format that skips some.
    """

    def __init__(self, reader: Reader, raw: BinaryIO, size: int, progress: Progress) -> None:
        self._reader = reader
        self._raw = raw
        self._size = size
        self._progress = progress

    @property
    def stated_sums(self) -> Mapping[str, Decimal]:
        return self._reader.stated_sums

    def blocks(self) -> Iterator[Block]:
        read = 0
        for block in self._reader.blocks():
            before, read = read, max(read, self._raw.tell())  # archives and workbooks are not read in one direction
            self._progress.advance(read - before)
            yield block
        self._progress.advance(self._size - read)

    def parse(self, block: Block) -> ParsedBlock:
        parsed = self._reader.parse(block)
        self._progress.rows(parsed.rows_read)
        return parsed
