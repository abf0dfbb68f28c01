"""Delimited text, read by Arrow's CSV reader block by block.

Typed first: a block that converts is done. If a column does not, the block is read again with that column as text,
and `casts` finds the culprits; if a second one does not, with all columns as text. Columns that just had bad cells
are read as text at once, for as long as they keep having them; if several did, all are.
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.csv as arrow_csv

from growth_verticals.contract.schema import arrow_type
from growth_verticals.errors import DeclarationError, FileRefusedError
from growth_verticals.files.blocks import BLOCK_BYTES, MAX_RECORD_BYTES, BlockSplitter, TextBlock, unclosed_quote
from growth_verticals.files.casts import NUMBERS, Caster, as_map, declared_formats, notation, nul_faults
from growth_verticals.files.headers import EXTRA, declared_layout, expected_texts, resolve
from growth_verticals.files.lines import EscapedStream, SkippingStream, TrailerCheck, blocks_without_trailer
from growth_verticals.files.records import Dialect, Escapes, UnclosedQuoteError
from growth_verticals.files.rejects import Reason, Rejected, split_rejects
from growth_verticals.files.rows import BlockRows
from growth_verticals.files.text import check_utf8
from growth_verticals.files.value_checks import may_be_hexadecimal, out_of_range_mask
from growth_verticals.reader import Block, Parsed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from growth_verticals.contract.table import TableContract
    from growth_verticals.files.headers import Layout
    from growth_verticals.files.unpack.compression import ByteStream
    from growth_verticals.source import Delimited, Source

#: Types that Arrow's CSV reader converts by the grammar of `casts`, except for what is out of range or hexadecimal.
_TYPED = ("int", "long", "float", "double", "decimal", "boolean", "date", "timestamp", "timestamptz")
_SEVERAL = 3
_KEPT = 8


@dataclass(frozen=True)
class _Member:
    """A file of the archive (or the file itself), and how its blocks are to be read."""

    name: str
    layout: Layout
    dialect: Dialect
    trailer: TrailerCheck
    options: dict[tuple[frozenset[str], bool], arrow_csv.ConvertOptions] = field(default_factory=dict)


class DelimitedReader:
    """One file of delimited text, or the members of one zip archive, whose lines are numbered on.

    :param members: name and bytes of each.
    :param block_bytes: size of a block of whole records, by default 2 MiB, and 1 more for every 100 columns.
    :param max_record_bytes: a longer record is rejected (`too_long`) without being held.
    """

    def __init__(
        self,
        members: Iterable[tuple[str, ByteStream]],
        source: Source,
        form: Delimited,
        contract: TableContract,
        *,
        block_bytes: int | None = None,
        max_record_bytes: int = MAX_RECORD_BYTES,
    ) -> None:
        if not (form.delimiter + (form.quote or "") + (form.escape or "")).isascii():
            raise DeclarationError("a delimiter, a quote and an escape are ASCII characters", source=source.name)
        self._members = members
        self._source = source
        self._form = form
        self._contract = contract
        # Each column costs each block: a wide table's blocks must have rows enough.
        block_bytes = block_bytes or BLOCK_BYTES + len(contract.columns) // 100 * 2**20
        self._sizes = {"block_bytes": block_bytes, "max_record_bytes": max_record_bytes}
        self._escapes = Escapes(form) if form.escape else None
        self._layout: Layout | None = None
        if not form.header:
            columns = form.columns or tuple(each.name for each in contract.columns if not each.type.startswith("map<"))
            self._layout = declared_layout(columns, source, contract)
        formats = declared_formats(contract.columns, form)
        self._casters = {each.name: Caster(each, form, formats.get(each.name)) for each in contract.columns}
        self._expected = expected_texts(contract, formats)
        typed = set(_TYPED) - set(NUMBERS if notation(form) else ())
        self._typed = {
            each.name: arrow_type(each)
            for each in contract.columns
            if each.type.split("(")[0] in typed and each.name not in formats and not form.trim
        }
        self._integers = frozenset(each.name for each in contract.columns if each.type in ("int", "long"))
        #: The first header line with its line end, as soon as there is a block.
        self.header = ""
        #: Columns with bad cells in a block just seen: read as text at once. Any thread may replace it; a stale value
        #: costs time, not correctness.
        self._suspects: frozenset[str] = frozenset()

    def blocks(self) -> Iterator[Block]:
        """Yield blocks; see `Reader.blocks`. Raises `FileRefusedError` also for a header that does not fit."""
        line = 1
        form, quote = self._form, self._form.quote
        dialect = Dialect(form.delimiter.encode(), quote.encode() if quote else None, escapes=self._escapes)
        for name, stream in self._members:
            if self._escapes is None:
                text = SkippingStream(stream, form, self._source.name, name)
            else:
                text = EscapedStream(stream, form, self._source.name, name, self._escapes)
            splitter = BlockSplitter(
                text, dialect, source=self._source.name, file=name, first_line=line + text.skipped, **self._sizes
            )
            layout = self._layout or self._header(splitter, name)
            member = _Member(name, layout, splitter.dialect, TrailerCheck(form, source=self._source.name, file=name))
            for text_block in blocks_without_trailer(splitter, member.trailer):
                yield Block((member, text_block), text_block.first_line)
            line = splitter.line

    def _header(self, splitter: BlockSplitter, name: str) -> Layout:
        """Take the header line; return the layout that it tells."""
        line = splitter.line
        header = splitter.first_record()
        if not header:
            raise self._refusal("the file has no header line", name, line)
        self.header = self.header or splitter.dialect.as_written(header)
        return resolve(self._cells(header), self._source, self._contract, name, line)

    def parse(self, block: Block) -> Parsed:
        """Parse one block; see `Reader.parse`. Memory: about five times the block's bytes.

        Raises `DeliveryRefusedError` if the count in a trailer proves wrong.
        """
        member, text_block = block.data
        parsed = self._too_long(member, text_block) if text_block.too_long else self._parse(member, text_block)
        member.trailer.add(text_block.first_line, parsed.rows_read)
        return parsed

    def _parse(self, member: _Member, text_block: TextBlock) -> Parsed:
        check_utf8(text_block.data, self._source.name, member.name, text_block.first_line)
        nul = b"\0" in text_block.data
        hexadecimal = bool(self._integers) and (self._form.delimiter.isalnum() or may_be_hexadecimal(text_block.data))
        batch, short, as_text = self._read(member, text_block.data, nul, hexadecimal)
        cells = dict(zip(batch.schema.names, batch.columns, strict=True))
        values, faults = [], {}
        for column in self._contract.columns:
            name = column.name
            if name in as_text & member.layout.known:
                array, faults[name] = self._casters[name](cells[name], nul=nul, hexadecimal=hexadecimal)
            elif name in member.layout.known:
                array = cells[name]
            elif name == EXTRA and member.layout.extras:
                array = as_map({extra: cells[extra] for extra in member.layout.extras})
            else:
                array = pa.nulls(batch.num_rows, arrow_type(column))
            values.append(array)
        if nul:
            others = set(member.layout.names) - member.layout.known
            faults |= {name: nul_faults(cells[name]) for name in others}
        self._remember({name for name in self._typed if faults.get(name)})
        rows = BlockRows(batch.num_rows, short, text_block, member.dialect)
        try:
            return split_rejects(
                *(self._contract.columns, values, rows.lines(), faults, self._expected, rows.raw),
                whole=rows.wrong_length(len(member.layout.names)),
            )
        except UnclosedQuoteError as unclosed:
            raise unclosed_quote(self._source.name, member.name, text_block.first_line + unclosed.line) from None

    def _remember(self, bad: set[str]) -> None:
        """Choose what the next block is to be read as text at once."""
        if bad or self._suspects:
            self._suspects = frozenset(bad if len(bad) < _SEVERAL else self._typed)

    def _read(
        self, member: _Member, data: bytes, nul: bool, hexadecimal: bool
    ) -> tuple[pa.RecordBatch, list[arrow_csv.InvalidRow], frozenset[str]]:
        """Return a block's cells, its records of wrong length, and the columns that came as text."""
        everything = frozenset(member.layout.names)
        as_text = everything if nul else everything - frozenset(self._typed) | (self._suspects & everything)
        if hexadecimal:
            as_text |= self._integers & everything
        for then in ("that column as text", "all as text", "nothing"):
            short: list[arrow_csv.InvalidRow] = []
            failed: frozenset[str] = frozenset()
            try:
                batch = self._read_as(member, data, as_text, nul, short)
            except pa.ArrowInvalid as error:
                if then == "nothing":
                    raise
                if column := re.match(r"In CSV column #(\d+)", str(error)):
                    failed = frozenset({member.layout.names[int(column[1])]})
            else:
                if self._escapes is not None:
                    batch = self._escapes.show(data, batch)
                typed = member.layout.known & self._typed.keys() - as_text
                checked = zip(batch.schema.names, batch.columns, strict=True)
                failed = frozenset(
                    name for name, array in checked if name in typed and out_of_range_mask(array) is not None
                )
                if not failed:
                    return batch, short, as_text
            as_text = as_text | failed if failed and then == "that column as text" else everything
        raise AssertionError("text can always be read")

    def _read_as(
        self, member: _Member, data: bytes, as_text: frozenset[str], nul: bool, short: list[arrow_csv.InvalidRow]
    ) -> pa.RecordBatch:
        """Read a block with some columns as text; append records of wrong length to `short`."""

        def skip(row: arrow_csv.InvalidRow) -> str:
            short.append(row)
            return "skip"

        quote = member.dialect.quote
        table = arrow_csv.read_csv(
            pa.BufferReader(data),
            read_options=arrow_csv.ReadOptions(
                use_threads=False, block_size=len(data), column_names=list(member.layout.names)
            ),
            parse_options=arrow_csv.ParseOptions(
                delimiter=self._form.delimiter,
                quote_char=quote.decode() if quote else False,
                newlines_in_values=quote is not None,
                invalid_row_handler=skip,
            ),
            convert_options=self._options(member, as_text, nul),
        )
        batches = table.to_batches()  # one, for it is one block; none without a row
        return batches[0] if batches else pa.RecordBatch.from_pylist([], table.schema)

    def _options(self, member: _Member, as_text: frozenset[str], nul: bool) -> arrow_csv.ConvertOptions:
        """Return how to convert. Kept, for most blocks are read alike and a wide table's take long to make."""
        if (options := member.options.get((as_text, nul))) is None:
            wanted = [name for name in member.layout.names if nul or name in member.layout.read]
            options = arrow_csv.ConvertOptions(
                check_utf8=False,  # the whole block was checked at once
                include_columns=wanted,
                column_types={name: pa.string() if name in as_text else self._typed[name] for name in wanted},
                null_values=["", *self._form.nulls],
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
                true_values=list(self._form.true),
                false_values=list(self._form.false),
            )
            if len(member.options) < _KEPT:
                member.options[as_text, nul] = options
        return options

    def _too_long(self, member: _Member, text_block: TextBlock) -> Parsed:
        raw = member.dialect.as_written(text_block.data)
        rejected = Rejected(text_block.first_line, None, Reason.TOO_LONG, "a shorter record", raw)
        nothing = [pa.nulls(0, arrow_type(column)) for column in self._contract.columns]
        return split_rejects(self._contract.columns, nothing, pa.array([], pa.int64()), {}, {}, str, whole=[rejected])

    def _cells(self, record: bytes) -> list[str]:
        """Return the cells of one record."""
        quote = self._form.quote
        text = record.decode().rstrip("\r\n")
        cells = csv.reader(
            text.splitlines(keepends=True),
            delimiter=self._form.delimiter,
            quotechar=quote,
            quoting=csv.QUOTE_MINIMAL if quote else csv.QUOTE_NONE,
        )
        return [self._escapes.cell(cell) if self._escapes else cell for cell in next(cells)]

    def _refusal(self, what: str, file: str, line: int | None) -> FileRefusedError:
        next_step = "ask the vendor to send the file again"
        return FileRefusedError(what, source=self._source.name, file=file, line=line, next_step=next_step)
