"""A watched reader reports every byte of its file once, and every record."""

from __future__ import annotations

import io
from collections.abc import Iterator
from decimal import Decimal

import pyarrow as pa
import pytest

from growth_verticals.progress import WatchedReader
from growth_verticals.reader import Block, ParsedBlock

EMPTY = pa.record_batch([], names=[])


class Steps:
    """A reader whose stream stands at `positions` after its blocks, each of which has ten records."""

    def __init__(self, raw: io.BytesIO, positions: list[int]) -> None:
        self.stated_sums = {"amount": Decimal(1)}
        self.raw = raw
        self.positions = positions

    def blocks(self) -> Iterator[Block]:
        for position in self.positions:
            self.raw.seek(position)
            yield Block(None, 1)

    def parse(self, block: Block) -> ParsedBlock:
        return ParsedBlock(EMPTY, EMPTY, 10)


class Told:
    def __init__(self) -> None:
        self.sizes: list[int] = []
        self.records = 0

    def advance(self, size: int) -> None:
        self.sizes.append(size)

    def rows(self, count: int) -> None:
        self.records += count


@pytest.mark.parametrize(
    ("positions", "told"),
    [
        ([40, 80, 100], [40, 40, 20, 0]),
        ([40, 80], [40, 40, 20]),  # it does not need the end of the file
        ([90, 30, 95], [90, 0, 5, 5]),  # it does not read in one direction
        ([], [100]),
    ],
)
def test_bytes_are_told_by_block_and_sum_to_the_file(positions: list[int], told: list[int]):
    raw, progress = io.BytesIO(b"x" * 100), Told()
    watched = WatchedReader(Steps(raw, positions), raw, 100, progress)
    assert sum(watched.parse(block).rows_read for block in watched.blocks()) == progress.records == 10 * len(positions)
    assert progress.sizes == told
    assert watched.stated_sums == {"amount": Decimal(1)}
