"""JSON lines. Arrow reads a block if every value is valid and has its column's JSON type; Python reads the others.

Arrow's reader ignores the zone of a timestamp and cannot read dates, so those columns are read as text and cast.
It is strict about keys: a block with a key that was not seen before is read in parts, and Python reads such a part.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.json as arrow_json

from growth_verticals.contract.schema import arrow_type
from growth_verticals.errors import ColumnsRefusedError
from growth_verticals.files.blocks import BLOCK_BYTES, MAX_RECORD_BYTES, BlockSplitter, TextBlock
from growth_verticals.files.casts import Caster, declared_formats
from growth_verticals.files.headers import EXTRA, ColumnMapping, check_unique, describe_expected
from growth_verticals.files.jsonblocks import concat_parsed, is_blank, object_lines, split_block
from growth_verticals.files.jsonkeys import KeyCheck, UnknownKeys, is_finite
from growth_verticals.files.jsonpaths import NestedColumns
from growth_verticals.files.jsonvalues import MAX_DEPTH, as_text, parse_object
from growth_verticals.files.members import CountedMembers
from growth_verticals.files.records import LINES
from growth_verticals.files.rejects import Faults, Reason, Rejected, split_rejects
from growth_verticals.files.text import Utf8Stream, check_utf8
from growth_verticals.files.value_checks import may_differ_from_text, out_of_range_mask
from growth_verticals.reader import NO_SUMS, Block, ParsedBlock, PieceFacts

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from growth_verticals.contract.table import TableContract
    from growth_verticals.files.lines import TextPart
    from growth_verticals.files.unpack.compression import ByteStream
    from growth_verticals.source import JsonLines, Source

_SUBBLOCKS = 16
#: Most values in the columns of a block. A record can be as short as `{}`, and still has a value in every column.
_MAX_VALUES = 2**22
_EXPECTED_RECORD = f"one JSON object per line, with each key once, at most {MAX_DEPTH} levels deep"
_JSON_NATIVE_TYPES = ("int", "long", "float", "double", "decimal", "boolean", "string")


@dataclass(frozen=True)
class _Member:
    name: str
    keys: KeyCheck


class JsonLinesReader:
    """Reads one file of JSON lines, or a zip archive's members. Line numbers continue from member to member.

    A missing key is NULL. A number in a string column keeps its text in the file. A string in a column of another type
    is cast as a cell of delimited text. Parameters are those of `DelimitedReader`, with blocks of 2 MiB by default.
    """

    def __init__(
        self,
        members: Iterable[tuple[str, ByteStream]],
        source: Source,
        form: JsonLines,
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
        self._mapping = ColumnMapping(source, contract)
        self._nested = NestedColumns(self._mapping.paths)
        formats = declared_formats(contract.columns, form)
        self._casters = {each.name: Caster(each, form, formats.get(each.name)) for each in contract.columns}
        self._expected = describe_expected(contract, formats)
        self.stated_sums = NO_SUMS
        self._native_types = {
            each.name: arrow_type(each) for each in contract.columns if each.type.split("(")[0] in _JSON_NATIVE_TYPES
        }
        #: The columns whose key can be their own name. Others have an alias, or their name is another column's alias.
        self._own_names = frozenset(each for each in self._mapping.columns if self._mapping.column_for(each) == each)
        self._keys = {each: each for each in self._own_names} | {
            column: ".".join(path) for path, column in self._mapping.paths.items()
        }
        #: Columns of other types that had JSON strings in the last block. Any thread can replace this set.
        self._string_columns: frozenset[str] = frozenset()
        self._unknown_keys = UnknownKeys()
        self._part = part
        self._member: _Member | None = None

    @property
    def facts(self) -> PieceFacts:
        """What a part of a file says about the whole file. Complete after the last block is parsed."""
        return self._member.keys.facts if self._member is not None else PieceFacts()

    def blocks(self) -> Iterator[Block]:
        """Yield blocks; see `Reader.blocks`. At the end of a file, this or `parse` refuses keys that do not fit."""
        part = self._part
        line = part.first_line if part is not None else 1
        members = CountedMembers(self._members, self._source.name)
        for name, stream in members:
            member = _Member(name, KeyCheck(self._source, self._contract, name, is_whole_file=part is None))
            self._member = member
            continues = part is not None and not part.is_first
            text = Utf8Stream(stream, "utf-8", self._source.name, name, continues=continues)
            splitter = BlockSplitter(text, LINES, source=self._source.name, file=name, first_line=line, **self._sizes)
            for whole in members.count_text(splitter.text_blocks()):
                for text_block in split_block(whole, 1 + whole.lines * len(self._contract.columns) // _MAX_VALUES):
                    member.keys.expect(text_block.first_line)
                    yield Block((member, text_block), text_block.first_line)
            member.keys.finish()
            line = splitter.line

    def parse(self, block: Block) -> ParsedBlock:
        """Parse one block; see `Reader.parse`. Raises `ColumnsRefusedError` for an unknown key to be refused."""
        member, text_block = block.data
        parsed = self._parse(member, text_block)
        member.keys.add(text_block.first_line)
        return parsed

    def _parse(self, member: _Member, block: TextBlock) -> ParsedBlock:
        if not block.too_long:
            check_utf8(block.data, self._source.name, member.name, block.first_line)
            if (parsed := self._parse_with_arrow(member, block)) is not None:
                return parsed
            if block.lines > _SUBBLOCKS:
                # One bad line, or one new key, makes only its own small block slow.
                subblocks = split_block(block, _SUBBLOCKS)
                return concat_parsed(
                    [
                        self._parse_with_arrow(member, each) or self._parse_line_by_line(member, each)
                        for each in subblocks
                    ]
                )
        return self._parse_line_by_line(member, block)

    def _read_with_arrow(self, data: bytes, unknown: Mapping[str, pa.DataType]) -> pa.Table | None:
        """Read a block with Arrow. None if a value does not have its column's JSON type, or if there is a new key.

        A column is read as strings if all of its values are strings.
        """
        string_columns = self._string_columns
        own_names = sorted(self._own_names | set(self._mapping.paths.values()))
        while True:
            native_types = {
                name: data_type for name, data_type in self._native_types.items() if name not in string_columns
            }
            column_types = {name: native_types.get(name, pa.string()) for name in own_names}
            schema = pa.schema([*self._nested.arrow_fields(column_types), *unknown.items()])
            try:
                table = arrow_json.read_json(
                    pa.BufferReader(data),
                    read_options=arrow_json.ReadOptions(use_threads=False, block_size=len(data)),
                    parse_options=arrow_json.ParseOptions(
                        explicit_schema=schema, newlines_in_values=False, unexpected_field_behavior="error"
                    ),
                )
            except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
                change = re.search(r"Column\(/(\w+)\) changed from \w+ to (\w+)", str(error))
                if change is None or change[2] != "string" or change[1] not in native_types:
                    self._string_columns = string_columns - {change[1]} if change else string_columns
                    return None
                string_columns |= {change[1]}
            else:
                self._string_columns = string_columns
                return table

    def _parse_with_arrow(self, member: _Member, block: TextBlock) -> ParsedBlock | None:
        """Parse a block with Arrow if all of its values are valid; return None for any other block."""
        if self._source.extra_columns == "keep" or (b"\\" in block.data and b"\\u0000" in block.data):
            return None
        if block.lines * (len(self._contract.columns) + self._unknown_keys.width) > _MAX_VALUES:
            return None
        unknown = self._unknown_keys.types
        if not (lines := object_lines(block)):
            return None
        table = self._read_with_arrow(block.data, unknown)
        if table is None or table.num_rows != len(lines) or (table := self._nested.flatten(table)) is None:
            return None
        values, seen = [], {}
        for column in self._contract.columns:
            if column.name not in self._keys:
                values.append(pa.nulls(table.num_rows, arrow_type(column)))
                continue
            array = table[column.name].combine_chunks()
            faults: Faults = {}
            if column.name in member.keys.missing and array.null_count < len(array):
                seen[column.name] = self._keys[column.name]
            if pa.types.is_string(array.type):
                array, faults = self._casters[column.name](array)
            if faults or out_of_range_mask(array) is not None or (column.required and array.null_count):
                return None
            if may_differ_from_text(array, block.data):
                return None
            values.append(array)
        if not all(is_finite(table[key].combine_chunks()) for key in unknown):
            return None
        others = {key: key for key in unknown if table[key].null_count < table.num_rows}
        member.keys.saw(seen, others)
        self._look_for_nulls(member, block)
        return split_rejects(self._contract.columns, values, pa.array(lines, pa.int64()), {}, self._expected, str)

    def _look_for_nulls(self, member: _Member, block: TextBlock) -> None:
        """Find columns that have only been NULL: is their key in a record, or is it missing in all of them?"""
        for name in member.keys.missing & self._keys.keys():
            key = re.compile(rb'"%s"[ \t]*:' % re.escape(self._keys[name].rpartition(".")[2].encode()))
            for line in block.data.splitlines() if key.search(block.data) else ():
                seen: dict[str, str] = {}
                if key.search(line):
                    self._parse_line(line.decode(), member, block.first_line, seen, {})
                if name in seen:
                    member.keys.saw(seen, {})
                    break

    def _parse_line_by_line(self, member: _Member, block: TextBlock) -> ParsedBlock:
        """Parse a block line by line, with every value as text."""
        rejected: list[Rejected] = []
        records: list[dict[str, Any]] = []
        lines: list[int] = []
        texts: list[str] = []
        seen: dict[str, str] = {}
        unknown: dict[str, str] = {}
        for number, raw in enumerate([block.data] if block.too_long else block.data.splitlines(), block.first_line):
            if is_blank(raw):
                continue
            text = raw.decode(errors="ignore")
            record = None if block.too_long else self._parse_line(text, member, number, seen, unknown)
            if record is None:
                reason = Reason.TOO_LONG if block.too_long else Reason.NOT_JSON
                rejected.append(Rejected(number, None, reason, _EXPECTED_RECORD, text))
                continue
            records.append(record)
            lines.append(number)
            texts.append(text)
        if records:
            member.keys.saw(seen, unknown)
        values, faults = [], {}
        for column in self._contract.columns:
            array, faults[column.name] = self._cast_column(column.name, records)
            values.append(array)
        rows = pa.array(lines, pa.int64())
        return split_rejects(self._contract.columns, values, rows, faults, self._expected, texts.__getitem__, rejected)

    def _parse_line(
        self, text: str, member: _Member, line: int, seen: dict[str, str], unknown: dict[str, str]
    ) -> dict[str, Any] | None:
        """Return one line's values by column name, those of unknown columns in `extra`; None if it is not an object.

        Adds the keys of the record to `seen` and `unknown`; see `KeyCheck.saw`.
        """
        if (parsed := parse_object(text)) is None:
            return None
        try:
            values = list(self._nested.values_by_path(parsed))
        except KeyError:
            return None
        names = [
            self._mapping.paths.get(path)
            or (self._mapping.column_for(path[0]) if len(path) == 1 else ".".join(path))
            or path[0]
            for path, _ in values
        ]
        check_unique(names, self._source, member.name, line)
        record: dict[str, Any] = {}
        extra: list[tuple[str, str]] = []
        for name, (path, value) in zip(names, values, strict=True):
            if name in self._mapping.columns:
                record[name] = value
                seen[name] = ".".join(path)
                continue
            unknown[name] = ".".join(path)
            if self._source.extra_columns == "refuse":
                raise ColumnsRefusedError(
                    "unknown column",
                    source=self._source.name,
                    file=member.name,
                    line=line,
                    column=name,
                    expected="only columns of the SQL file",
                    next_step="declare an alias for a renamed column, or change the SQL file",
                )
            if self._source.extra_columns == "ignore" and len(path) == 1:
                self._unknown_keys.learn(path[0], value)
            elif self._source.extra_columns == "keep" and value is not None:
                extra.append((name, as_text(value)))
        if self._source.extra_columns == "keep":
            record[EXTRA] = extra
        return record

    def _cast_column(self, name: str, records: list[dict[str, Any]]) -> tuple[pa.Array, Faults]:
        """Cast one column of parsed lines; return its values and its bad cells."""
        caster = self._casters[name]
        cells = [record.get(name) for record in records]
        faults: Faults = {}
        if name not in self._mapping.columns:
            for row, pairs in enumerate(cells if name == EXTRA else ()):
                if any("\0" in text for pair in pairs or () for text in pair):
                    faults[row] = Reason.NUL_BYTE
            return pa.array(cells, caster.arrow_type), faults
        for row, cell in enumerate(cells):
            if isinstance(cell, bool):
                cells[row] = caster.boolean_text(cell)
            elif isinstance(cell, list):
                cells[row] = None
                faults[row] = Reason.WRONG_TYPE
        values, bad = caster(pa.array(cells, pa.string()))
        return values, bad | faults
