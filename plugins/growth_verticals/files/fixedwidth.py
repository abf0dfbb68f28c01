"""Fixed-width text: each column at its position on the line. Cells are cast with `casts`, as in delimited text.

format=FixedWidth(columns={"person_id": 10, "last_name": 30, "zip5": (61, 5)}, trailer="T*{rows}")
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from growth_verticals.contract.schema import arrow_type
from growth_verticals.files.blocks import BLOCK_BYTES, MAX_RECORD_BYTES, BlockSplitter
from growth_verticals.files.casts import Caster, as_map, declared_formats, nul_faults
from growth_verticals.files.headers import EXTRA, declared_layout, describe_expected
from growth_verticals.files.lines import TextPart, TrailerCheck, blocks_without_trailer, text_stream
from growth_verticals.files.members import CountedMembers
from growth_verticals.files.records import LINES
from growth_verticals.files.rejects import Faults, Reason, Rejected, split_rejects
from growth_verticals.files.text import check_utf8
from growth_verticals.reader import Block, ParsedBlock, PieceFacts

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from decimal import Decimal

    from growth_verticals.contract.table import TableContract
    from growth_verticals.files.unpack.compression import ByteStream
    from growth_verticals.source import FixedWidth, Source


@dataclass(frozen=True)
class _Member:
    name: str
    trailer: TrailerCheck


class FixedWidthReader:
    """Reads one file of fixed-width text, or a zip archive's members. Line numbers continue from member to member.

    A line that is longer or shorter than the layout is rejected. Parameters are those of `DelimitedReader`, with blocks
    of 2 MiB by default. Memory: about ten times the block's bytes.
    """

    def __init__(
        self,
        members: Iterable[tuple[str, ByteStream]],
        source: Source,
        form: FixedWidth,
        contract: TableContract,
        *,
        block_bytes: int = BLOCK_BYTES,
        max_record_bytes: int = MAX_RECORD_BYTES,
        part: TextPart | None = None,
    ) -> None:
        self._members = members
        self._source = source
        self._form = form
        self._contract = contract
        self._sizes = {"block_bytes": block_bytes, "max_record_bytes": max_record_bytes}
        self._layout = declared_layout(tuple(form.columns), source, contract)
        self._positions = dict(zip(self._layout.names, form.positions.values(), strict=True))
        self._width = max(end for _, end in self._positions.values())
        formats = declared_formats(contract.columns, form)
        self._casters = {each.name: Caster(each, form, formats.get(each.name)) for each in contract.columns}
        self._expected = describe_expected(contract, formats)
        self.stated_sums: dict[str, Decimal] = {}
        self._part = part
        self._trailer: TrailerCheck | None = None

    @property
    def facts(self) -> PieceFacts:
        """What a part of a file says about the whole file. Complete after the last block is parsed."""
        return PieceFacts(stated_rows=self._trailer.stated_rows if self._trailer is not None else None)

    def blocks(self) -> Iterator[Block]:
        """Yield blocks; see `Reader.blocks`."""
        part = self._part
        line = part.first_line if part is not None else 1
        members = CountedMembers(self._members, self._source.name)
        for name, stream in members:
            text = text_stream(stream, self._form, LINES, self._source.name, name, part)
            splitter = BlockSplitter(
                text, LINES, source=self._source.name, file=name, first_line=line + text.skipped, **self._sizes
            )
            self._trailer = trailer = TrailerCheck(
                self._form, self.stated_sums, source=self._source.name, file=name, part=part
            )
            for text_block in members.count_text(blocks_without_trailer(splitter, trailer)):
                yield Block((_Member(name, trailer), text_block), text_block.first_line)
            line = splitter.line

    def parse(self, block: Block) -> ParsedBlock:
        """Parse one block; see `Reader.parse`. Raises `DeliveryRefusedError` if the count in the trailer is wrong."""
        member, text_block = block.data
        if text_block.too_long:
            raw = text_block.data.decode(errors="ignore")
            parsed = self._cast_lines(
                [], [], [Rejected(text_block.first_line, None, Reason.TOO_LONG, "a shorter record", raw)]
            )
        else:
            check_utf8(text_block.data, self._source.name, member.name, text_block.first_line)
            parsed = self._parse_lines(text_block.data, text_block.first_line)
        member.trailer.add(text_block.first_line, parsed.rows_read)
        return parsed

    def _parse_lines(self, data: bytes, first_line: int) -> ParsedBlock:
        """Parse the lines of a block. Blank lines are not records."""
        numbers, lines, rejected = [], [], []
        expected = f"{self._width} characters"
        for number, line in enumerate(data.splitlines(), start=first_line):
            if not line:
                continue
            text = line.decode()
            if len(text) == self._width:
                numbers.append(number)
                lines.append(text)
            else:
                reason = Reason.TOO_FEW_COLUMNS if len(text) < self._width else Reason.TOO_MANY_COLUMNS
                rejected.append(Rejected(number, None, reason, expected, text))
        return self._cast_lines(numbers, lines, rejected)

    def _cast_lines(self, numbers: list[int], lines: list[str], rejected: list[Rejected]) -> ParsedBlock:
        cells = _LineCells(lines)
        values = []
        faults: dict[str, Faults] = {}
        for column in self._contract.columns:
            if column.name in self._layout.known:
                array, faults[column.name] = self._casters[column.name](cells[self._positions[column.name]])
            elif column.name == EXTRA and self._layout.extras:
                array = as_map({extra: cells[self._positions[extra]] for extra in self._layout.extras})
            else:
                array = pa.nulls(len(lines), arrow_type(column))
            values.append(array)
        for name in set(self._layout.names) - self._layout.known:
            faults[name] = nul_faults(cells[self._positions[name]])
        rows = pa.array(numbers, pa.int64())
        return split_rejects(self._contract.columns, values, rows, faults, self._expected, lines.__getitem__, rejected)


class _LineCells:
    """The cells of some lines, one column at a time. ASCII lines are sliced as bytes, which is much faster."""

    def __init__(self, lines: list[str]) -> None:
        self._parse_lines = lines
        self._bytes = pa.array(lines, pa.binary()) if all(map(str.isascii, lines)) else None

    def __getitem__(self, position: tuple[int, int]) -> pa.Array:
        """Return the column at a position: 1-based first and last character."""
        start, end = position
        if self._bytes is not None:
            return pc.cast(pc.binary_slice(self._bytes, start - 1, end), pa.string())
        return pa.array([line[start - 1 : end] for line in self._parse_lines], pa.string())
