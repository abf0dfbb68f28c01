"""JSON lines. Arrow reads a block if every value is valid and has its column's JSON type; Python reads the others.

Arrow's reader ignores the zone of a timestamp and cannot read dates, so those columns are read as text and cast.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.json as arrow_json

from growth_verticals.contract.schema import arrow_type
from growth_verticals.errors import FileRefusedError
from growth_verticals.files.blocks import BLOCK_BYTES, MAX_RECORD_BYTES, BlockSplitter, TextBlock
from growth_verticals.files.casts import Caster, declared_formats
from growth_verticals.files.headers import EXTRA, ColumnMapping, check_unique, describe_expected
from growth_verticals.files.jsonpaths import JsonObject, NestedColumns
from growth_verticals.files.records import Dialect
from growth_verticals.files.rejects import Faults, Reason, Rejected, split_rejects
from growth_verticals.files.text import Utf8Stream, check_utf8
from growth_verticals.files.value_checks import out_of_range_mask
from growth_verticals.reader import Block, ParsedBlock

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from growth_verticals.contract.table import TableContract
    from growth_verticals.files.unpack.compression import ByteStream
    from growth_verticals.source import JsonLines, Source

_DIALECT = Dialect(b"", None)
_SUBBLOCKS = 16
_JSON_NATIVE_TYPES = ("int", "long", "float", "double", "decimal", "boolean", "string")


@dataclass(frozen=True)
class _Member:
    name: str


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
        self._native_types = {
            each.name: arrow_type(each) for each in contract.columns if each.type.split("(")[0] in _JSON_NATIVE_TYPES
        }
        #: Columns of other types that had JSON strings in the last block. Any thread can replace this set.
        self._string_columns: frozenset[str] = frozenset()

    def blocks(self) -> Iterator[Block]:
        """Yield blocks; see `Reader.blocks`."""
        line = 1
        for name, stream in self._members:
            text = Utf8Stream(stream, "utf-8", self._source.name, name)
            splitter = BlockSplitter(
                text, _DIALECT, source=self._source.name, file=name, first_line=line, **self._sizes
            )
            for text_block in splitter.text_blocks():
                yield Block((_Member(name), text_block), text_block.first_line)
            line = splitter.line

    def parse(self, block: Block) -> ParsedBlock:
        """Parse one block; see `Reader.parse`. Raises `FileRefusedError` for unknown keys if the policy is `refuse`."""
        member, text_block = block.data
        if not text_block.too_long:
            check_utf8(text_block.data, self._source.name, member.name, text_block.first_line)
            if (parsed := self._parse_with_arrow(text_block)) is not None:
                return parsed
            if text_block.lines > _SUBBLOCKS:
                subblocks = _split(text_block)
                return _concat(
                    [self._parse_with_arrow(each) or self._parse_line_by_line(member, each) for each in subblocks]
                )
        return self._parse_line_by_line(member, text_block)

    def _read_with_arrow(self, data: bytes) -> pa.Table | None:
        """Read a block with Arrow. None if a value does not have its column's JSON type.

        A column is read as strings if all of its values are strings.
        """
        string_columns = self._string_columns
        while True:
            native_types = {
                name: data_type for name, data_type in self._native_types.items() if name not in string_columns
            }
            column_types = {name: native_types.get(name, pa.string()) for name in sorted(self._mapping.columns)}
            schema = pa.schema(self._nested.arrow_fields(column_types))
            try:
                table = arrow_json.read_json(
                    pa.BufferReader(data),
                    read_options=arrow_json.ReadOptions(use_threads=False, block_size=len(data)),
                    parse_options=arrow_json.ParseOptions(explicit_schema=schema, newlines_in_values=False),
                )
            except pa.ArrowInvalid as error:
                change = re.search(r"Column\(/(\w+)\) changed from \w+ to (\w+)", str(error))
                if change is None or change[2] != "string" or change[1] not in native_types:
                    self._string_columns = string_columns - {change[1]} if change else string_columns
                    return None
                string_columns |= {change[1]}
            else:
                self._string_columns = string_columns
                return table

    def _parse_with_arrow(self, block: TextBlock) -> ParsedBlock | None:
        """Parse a block with Arrow if all of its values are valid; return None for any other block."""
        if self._source.extra_columns == "keep" or b"\\u0000" in block.data or not block.data.strip():
            return None
        if (table := self._read_with_arrow(block.data)) is None:
            return None
        table = self._nested.flatten(table)
        if table is None:
            return None
        unknown = set(table.column_names) - self._mapping.columns
        if any(self._mapping.column_for(key) in self._mapping.columns for key in unknown):
            return None  # a column of the contract by the vendor's spelling, which Arrow does not map
        lines = _object_lines(block)
        if table.num_rows != len(lines) or (unknown and self._source.extra_columns == "refuse"):
            return None
        values = []
        for column in self._contract.columns:
            if column.name not in self._mapping.columns:
                values.append(pa.nulls(table.num_rows, arrow_type(column)))
                continue
            array = table[column.name].combine_chunks()
            faults: Faults = {}
            if pa.types.is_string(array.type):
                array, faults = self._casters[column.name](array)
            if faults or out_of_range_mask(array) is not None or (column.required and array.null_count):
                return None
            values.append(array)
        return split_rejects(self._contract.columns, values, pa.array(lines, pa.int64()), {}, self._expected, str)

    def _parse_line_by_line(self, member: _Member, block: TextBlock) -> ParsedBlock:
        """Parse a block line by line, with every value as text."""
        rejected: list[Rejected] = []
        records: list[dict[str, Any]] = []
        lines: list[int] = []
        texts: list[str] = []
        for number, raw in enumerate([block.data] if block.too_long else block.data.splitlines(), block.first_line):
            if not raw.strip():
                continue
            text = raw.decode(errors="ignore")
            record = None if block.too_long else self._parse_line(text, member, number)
            if record is None:
                reason = Reason.TOO_LONG if block.too_long else Reason.NOT_JSON
                rejected.append(Rejected(number, None, reason, "one JSON object per line", text))
                continue
            records.append(record)
            lines.append(number)
            texts.append(text)
        values, faults = [], {}
        for column in self._contract.columns:
            array, faults[column.name] = self._cast_column(column.name, records)
            values.append(array)
        rows = pa.array(lines, pa.int64())
        return split_rejects(self._contract.columns, values, rows, faults, self._expected, texts.__getitem__, rejected)

    def _parse_line(self, text: str, member: _Member, line: int) -> dict[str, Any] | None:
        """Return one line's values by column name, those of unknown columns in `extra`; None if it is not an object."""
        try:
            parsed = json.loads(text, object_pairs_hook=JsonObject, parse_int=_NumberLiteral,
                                parse_float=_NumberLiteral, parse_constant=_refuse_constant)  # fmt: skip
            text.encode() if "\\u" not in text else json.dumps(parsed, ensure_ascii=False).encode()
        except (ValueError, RecursionError):
            return None
        if not isinstance(parsed, JsonObject):
            return None
        try:
            values = list(self._nested.values_by_path(parsed))
        except KeyError:
            return None
        names = [
            self._mapping.paths.get(path)
            or (self._mapping.column_for(path[0]) if len(path) == 1 else ".".join(path))
            or f"column_{number}"
            for number, (path, _) in enumerate(values, start=1)
        ]
        check_unique(names, self._source, member.name, line)
        record: dict[str, Any] = {}
        extra: list[tuple[str, str]] = []
        for name, (_, value) in zip(names, values, strict=True):
            if name in self._mapping.columns:
                record[name] = value
            elif self._source.extra_columns == "refuse":
                raise FileRefusedError(
                    "unknown column",
                    source=self._source.name,
                    file=member.name,
                    line=line,
                    column=name,
                    expected="only columns of the SQL file",
                    next_step="declare an alias for a renamed column, or change the SQL file",
                )
            elif self._source.extra_columns == "keep" and value is not None:
                extra.append((name, _as_text(value)))
        if self._source.extra_columns == "keep":
            record[EXTRA] = extra
        return record

    def _cast_column(self, name: str, records: list[dict[str, Any]]) -> tuple[pa.Array, Faults]:
        """Cast one column of parsed lines; return its values and its bad cells."""
        caster = self._casters[name]
        cells = [record.get(name) for record in records]
        if name not in self._mapping.columns:
            return pa.array(cells, caster.arrow_type), {}
        faults: Faults = {}
        for row, cell in enumerate(cells):
            if isinstance(cell, bool):
                cells[row] = caster.boolean_text(cell)
            elif isinstance(cell, list):
                cells[row] = None
                faults[row] = Reason.WRONG_TYPE
        values, bad = caster(pa.array(cells, pa.string()))
        return values, bad | faults


def _split(block: TextBlock) -> Iterator[TextBlock]:
    """Split a block into smaller ones, so that one bad line makes only its own small block slow."""
    lines = block.data.splitlines(keepends=True)
    size = -(-len(lines) // _SUBBLOCKS)
    for start in range(0, len(lines), size):
        chunk = lines[start : start + size]
        yield TextBlock(b"".join(chunk), block.first_line + start, len(chunk))


def _concat(parsed: list[ParsedBlock]) -> ParsedBlock:
    return ParsedBlock(
        pa.concat_batches([each.rows for each in parsed]),
        pa.concat_batches([each.rejects for each in parsed]),
        sum(each.rows_read for each in parsed),
    )


def _object_lines(block: TextBlock) -> list[int]:
    """Return the numbers of the lines that are not blank; an empty list if one does not start and end as an object.

    Arrow's reader accepts two objects on one line, and one object on two lines. If it found as many objects as there
    are lines that start with `{` and end with `}`, each line has one object: no object continues with `{` after a `}`.
    """
    numbers = []
    for number, line in enumerate(block.data.splitlines(), start=block.first_line):
        if line := line.strip():
            if not (line.startswith(b"{") and line.endswith(b"}")):
                return []
            numbers.append(number)
    return numbers


class _NumberLiteral(str):
    """The text of a number in the file."""

    __slots__ = ()


def _as_text(value: Any) -> str:
    """Return a parsed value as text: a string unchanged, anything else as JSON with numbers as they are in the file."""
    return value if isinstance(value, str) else _to_json(value)


def _to_json(value: Any) -> str:
    if isinstance(value, _NumberLiteral):
        return value
    if isinstance(value, JsonObject):
        return "{" + ",".join(f"{_to_json(key)}:{_to_json(each)}" for key, each in value) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_to_json, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
