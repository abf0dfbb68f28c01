"""Delimited text, parsed block by block with Arrow's CSV reader.

Arrow first converts a block to the column types. If a column fails, Arrow reads the block again with that column as
text, and `casts` finds the bad cells. If that fails too, Arrow reads all columns as text.

Columns that had bad cells in the last block are read as text from the start; if there were several, all columns are.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.csv as arrow_csv

from growth_verticals.contract.schema import arrow_type
from growth_verticals.errors import DeclarationError, FileRefusedError
from growth_verticals.files.blocks import BLOCK_BYTES, MAX_RECORD_BYTES, BlockSplitter, TextBlock, unclosed_quote_error
from growth_verticals.files.casts import NUMBER_TYPES, Caster, as_map, declared_formats, nul_faults, number_normalizer
from growth_verticals.files.headers import EXTRA, describe_expected, headerless_layout, resolve_header
from growth_verticals.files.lines import TextPart, TrailerCheck, blocks_without_trailer, text_stream
from growth_verticals.files.members import CountedMembers
from growth_verticals.files.records import Dialect, UnclosedQuoteError, count_line_ends
from growth_verticals.files.rejects import Reason, Rejected, split_rejects
from growth_verticals.files.row_locator import RowLocator
from growth_verticals.files.text import check_utf8
from growth_verticals.files.value_checks import may_be_hexadecimal, may_differ_from_text, out_of_range_mask
from growth_verticals.reader import Block, ParsedBlock, PieceFacts

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from decimal import Decimal

    from growth_verticals.contract.table import TableContract
    from growth_verticals.files.headers import Layout
    from growth_verticals.files.unpack.compression import ByteStream
    from growth_verticals.source import Delimited, Source

#: Types for which Arrow's CSV reader accepts what `casts` accepts, except out-of-range and hexadecimal values.
_ARROW_CONVERTED_TYPES = ("int", "long", "float", "double", "decimal", "boolean", "date", "timestamp", "timestamptz")
_MANY_SUSPECTS = 3
_MAX_CACHED_OPTIONS = 8


@dataclass(frozen=True)
class _Member:
    """A member of an archive (or the file itself), and how to read its blocks."""

    name: str
    layout: Layout
    dialect: Dialect
    trailer: TrailerCheck
    convert_options: dict[tuple[frozenset[str], bool], arrow_csv.ConvertOptions] = field(default_factory=dict)


class DelimitedReader:
    """Reads one file of delimited text, or a zip archive's members. Line numbers continue from member to member.

    :param members: name and bytes of each member.
    :param block_bytes: size of a block; by default 2 MiB, and 1 MiB more for every 100 columns.
    :param max_record_bytes: a longer record is rejected (`too_long`) without being held in memory.
    :param part: the part of the file that `members` has, if that is not the whole file.
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
        part: TextPart | None = None,
    ) -> None:
        if not (form.delimiter + (form.quote or "") + (form.escape or "")).isascii():
            raise DeclarationError("delimiter, quote and escape must be ASCII characters", source=source.name)
        self._members = members
        self._source = source
        self._form = form
        self._contract = contract
        # Every block has a cost per column, so the blocks of a wide table must have enough rows.
        block_bytes = block_bytes or BLOCK_BYTES + len(contract.columns) // 100 * 2**20
        self._sizes = {"block_bytes": block_bytes, "max_record_bytes": max_record_bytes}
        self._dialect = Dialect.of(form)
        self._escapes = self._dialect.escapes
        self._part = part
        self._trailer: TrailerCheck | None = None
        self._layout = None if form.header else headerless_layout(form.columns, source, contract)
        formats = declared_formats(contract.columns, form)
        self._casters = {each.name: Caster(each, form, formats.get(each.name)) for each in contract.columns}
        self._expected = describe_expected(contract, formats)
        typed = set(_ARROW_CONVERTED_TYPES) - set(NUMBER_TYPES if number_normalizer(form) else ())
        self._converted_types = {
            each.name: arrow_type(each)
            for each in contract.columns
            if each.type.split("(")[0] in typed and each.name not in formats and not form.trim
        }
        self._integer_columns = frozenset(each.name for each in contract.columns if each.type in ("int", "long"))
        #: The first header line with its line end. Empty until `blocks` has read it.
        self.header = ""
        self.stated_sums: dict[str, Decimal] = {}
        #: Columns that had bad cells in the last block: the next block reads them as text. Any thread can replace this
        #: set; a stale value costs time and does not change a result.
        self._suspects: frozenset[str] = frozenset()

    def blocks(self) -> Iterator[Block]:
        """Yield blocks; see `Reader.blocks`. Raises `FileRefusedError` also for a header that does not fit."""
        part = self._part
        line = part.first_line if part is not None else 1
        members = CountedMembers(self._members, self._source.name)
        for name, stream in members:
            layout = self._layout
            if layout is None and part is not None and not part.is_first:
                layout = self._read_header(self._split(part.open_head(), name, 1, None), name)
            splitter = self._split(stream, name, line, part)
            layout = layout or self._read_header(splitter, name)
            self._trailer = self._trailer_check(name)
            member = _Member(name, layout, splitter.dialect, self._trailer)
            for text_block in members.count_text(blocks_without_trailer(splitter, member.trailer)):
                yield Block((member, text_block), text_block.first_line)
            line = splitter.line

    @property
    def facts(self) -> PieceFacts:
        """What a part of a file says about the whole file. Complete after the last block is parsed."""
        return PieceFacts(stated_rows=self._trailer.stated_rows if self._trailer is not None else None)

    def _split(self, stream: ByteStream, name: str, line: int, part: TextPart | None) -> BlockSplitter:
        text = text_stream(stream, self._form, self._dialect, self._source.name, name, part)
        return BlockSplitter(
            text, self._dialect, source=self._source.name, file=name, first_line=line + text.skipped, **self._sizes
        )

    def _trailer_check(self, file: str) -> TrailerCheck:
        return TrailerCheck(self._form, self.stated_sums, source=self._source.name, file=file, part=self._part)

    def _read_header(self, splitter: BlockSplitter, name: str) -> Layout:
        """Consume the header line; return the layout that it defines."""
        header = splitter.first_record()
        line = splitter.line - count_line_ends(header)
        if not header:
            raise self._file_error("the file has no header line", name, line)
        self.header = self.header or splitter.dialect.as_written(header)
        return resolve_header(self._split_cells(header, name, line), self._source, self._contract, name, line)

    def parse(self, block: Block) -> ParsedBlock:
        """Parse one block; see `Reader.parse`. Memory: about five times the block's bytes.

        Raises `DeliveryRefusedError` if the count in the trailer is wrong.
        """
        member, text_block = block.data
        parsed = self._reject_too_long(member, text_block) if text_block.too_long else self._parse(member, text_block)
        member.trailer.add(text_block.first_line, parsed.rows_read)
        return parsed

    def _parse(self, member: _Member, block: TextBlock) -> ParsedBlock:
        check_utf8(block.data, self._source.name, member.name, block.first_line)
        nul = b"\0" in block.data
        hexadecimal = bool(self._integer_columns) and (self._form.delimiter.isalnum() or may_be_hexadecimal(block.data))
        batch, invalid_rows, as_text = self._read_typed(member, block.data, nul, hexadecimal)
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
        self._update_suspects({name for name in self._converted_types if faults.get(name)})
        try:
            rows = RowLocator(batch.num_rows, invalid_rows, block, member.dialect)
        except UnclosedQuoteError as unclosed:
            raise unclosed_quote_error(self._source.name, member.name, block.first_line + unclosed.line) from None
        for name, cells_with_strays in rows.stray_quote_faults(member.layout.names).items():
            faults[name] = faults.get(name, {}) | cells_with_strays
        return split_rejects(
            *(self._contract.columns, values, rows.source_rows(), faults, self._expected, rows.raw_record),
            unparsed=rows.wrong_length_records(len(member.layout.names)),
        )

    def _update_suspects(self, bad: set[str]) -> None:
        """Set the columns that the next block reads as text."""
        if bad or self._suspects:
            self._suspects = frozenset(bad if len(bad) < _MANY_SUSPECTS else self._converted_types)

    def _read_typed(
        self, member: _Member, data: bytes, nul: bool, hexadecimal: bool
    ) -> tuple[pa.RecordBatch, list[arrow_csv.InvalidRow], frozenset[str]]:
        """Return a block's cells, its records with a wrong number of cells, and the columns that were read as text."""
        all_columns = frozenset(member.layout.names)
        as_text = (
            all_columns if nul else all_columns - frozenset(self._converted_types) | (self._suspects & all_columns)
        )
        if hexadecimal:
            as_text |= self._integer_columns & all_columns
        for on_failure in ("read that column as text", "read all as text", "raise"):
            invalid_rows: list[arrow_csv.InvalidRow] = []
            failed: frozenset[str] = frozenset()
            try:
                batch = self._read_csv(member, data, as_text, nul, invalid_rows)
            except pa.ArrowInvalid as error:
                if on_failure == "raise":
                    raise
                if column := re.match(r"In CSV column #(\d+)", str(error)):
                    failed = frozenset({member.layout.names[int(column[1])]})
            else:
                if self._escapes is not None:
                    batch = self._escapes.unescape_batch(data, batch)
                typed = member.layout.known & self._converted_types.keys() - as_text
                checked = zip(batch.schema.names, batch.columns, strict=True)
                failed = frozenset(
                    name
                    for name, array in checked
                    if name in typed and (out_of_range_mask(array) is not None or may_differ_from_text(array, data))
                )
                if not failed:
                    return batch, invalid_rows, as_text
            as_text = as_text | failed if failed and on_failure == "read that column as text" else all_columns
        raise AssertionError("all columns as text cannot be out of range")

    def _read_csv(
        self, member: _Member, data: bytes, as_text: frozenset[str], nul: bool, invalid_rows: list[arrow_csv.InvalidRow]
    ) -> pa.RecordBatch:
        """Read a block with some columns as text; append records with a wrong number of cells to `invalid_rows`."""

        def skip(row: arrow_csv.InvalidRow) -> str:
            invalid_rows.append(row)
            return "skip"

        quote = member.dialect.quote
        if data.startswith(codecs.BOM_UTF8):
            data = b"\n" + data  # Arrow drops these bytes at the start of its data; here they are a cell's text
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
            convert_options=self._convert_options(member, as_text, nul),
        )
        batches = table.to_batches()  # one, because Arrow read one block; none if it has no rows
        return batches[0] if batches else pa.RecordBatch.from_pylist([], table.schema)

    def _convert_options(self, member: _Member, as_text: frozenset[str], nul: bool) -> arrow_csv.ConvertOptions:
        """Return the conversion options, cached: most blocks need the same, and a wide table's are slow to build."""
        if (options := member.convert_options.get((as_text, nul))) is None:
            columns = [name for name in member.layout.names if nul or name in member.layout.loaded]
            options = arrow_csv.ConvertOptions(
                check_utf8=False,  # `check_utf8` has checked the whole block at once
                include_columns=columns,
                column_types={
                    name: pa.string() if name in as_text else self._converted_types[name] for name in columns
                },
                null_values=["", *self._form.nulls],
                strings_can_be_null=True,
                quoted_strings_can_be_null=self._form.quoted_empty == "null",
                true_values=list(self._form.true),
                false_values=list(self._form.false),
            )
            if len(member.convert_options) < _MAX_CACHED_OPTIONS:
                member.convert_options[as_text, nul] = options
        return options

    def _reject_too_long(self, member: _Member, block: TextBlock) -> ParsedBlock:
        raw = member.dialect.as_written(block.data)
        rejected = Rejected(block.first_line, None, Reason.TOO_LONG, "a shorter record", raw)
        no_values = [pa.nulls(0, arrow_type(column)) for column in self._contract.columns]
        no_rows = pa.array([], pa.int64())
        return split_rejects(self._contract.columns, no_values, no_rows, {}, {}, str, unparsed=[rejected])

    def _split_cells(self, header: bytes, file: str, line: int) -> list[str]:
        """Return the cells of the header. Raises `FileRefusedError` if it is not exactly one well-formed record."""
        quote = self._form.quote
        rows = csv.reader(
            io.StringIO(header.decode().rstrip("\r\n"), newline=""),  # only \r and \n end a line, as in the rows
            delimiter=self._form.delimiter,
            quotechar=quote,
            quoting=csv.QUOTE_MINIMAL if quote else csv.QUOTE_NONE,
            strict=True,
        )
        try:
            (cells,) = rows
        except (csv.Error, ValueError):
            raise FileRefusedError(
                "the header is not one well-formed record",
                source=self._source.name,
                file=file,
                line=line,
                expected="column names, and each quote inside a quoted name doubled",
                next_step="check that the file is delimited text; ask the vendor to correct the header",
            ) from None
        return [self._escapes.unescape(cell) if self._escapes else cell for cell in cells]

    def _file_error(self, what: str, file: str, line: int | None) -> FileRefusedError:
        next_step = "ask the vendor to send the file again"
        return FileRefusedError(what, source=self._source.name, file=file, line=line, next_step=next_step)
