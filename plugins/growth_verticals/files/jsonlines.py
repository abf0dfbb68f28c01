"""JSON lines. Arrow reads a block whose values have the column's own JSON type; parts of any other are read by line.

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
from growth_verticals.files.headers import EXTRA, Names, check_unique, expected_texts
from growth_verticals.files.jsonpaths import Pairs, Paths
from growth_verticals.files.records import Dialect
from growth_verticals.files.rejects import Faults, Reason, Rejected, split_rejects
from growth_verticals.files.text import Utf8Stream, check_utf8
from growth_verticals.files.value_checks import out_of_range_mask
from growth_verticals.reader import Block, Parsed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from growth_verticals.contract.table import TableContract
    from growth_verticals.files.unpack.compression import ByteStream
    from growth_verticals.source import JsonLines, Source

_LINES = Dialect(b"", None)
_PARTS = 16
_NATIVE = ("int", "long", "float", "double", "decimal", "boolean", "string")


@dataclass(frozen=True)
class _Member:
    name: str


class JsonLinesReader:
    """One file of JSON lines, or the members of one zip archive, whose lines are numbered on.

    A key that is not there is NULL. A number in a string column keeps its literal text, and a string in a column of
    another type is read as a cell of delimited text would be. Parameters as for `DelimitedReader`.
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
        self._names = Names(source, contract)
        self._paths = Paths(self._names.paths)
        formats = declared_formats(contract.columns, form)
        self._casters = {each.name: Caster(each, form, formats.get(each.name)) for each in contract.columns}
        self._expected = expected_texts(contract, formats)
        self._native = {each.name: arrow_type(each) for each in contract.columns if each.type.split("(")[0] in _NATIVE}
        #: Columns of another type that came as JSON strings in the last block. Any thread may replace it.
        self._texts: frozenset[str] = frozenset()

    def blocks(self) -> Iterator[Block]:
        """Yield blocks; see `Reader.blocks`."""
        line = 1
        for name, stream in self._members:
            text = Utf8Stream(stream, "utf-8", self._source.name, name)
            splitter = BlockSplitter(text, _LINES, source=self._source.name, file=name, first_line=line, **self._sizes)
            for text_block in splitter.text_blocks():
                yield Block((_Member(name), text_block), text_block.first_line)
            line = splitter.line

    def parse(self, block: Block) -> Parsed:
        """Parse one block; see `Reader.parse`. Raises `FileRefusedError` for an unknown key if those are refused."""
        member, text_block = block.data
        if not text_block.too_long:
            check_utf8(text_block.data, self._source.name, member.name, text_block.first_line)
            if (parsed := self._by_arrow(text_block)) is not None:
                return parsed
            if text_block.lines > _PARTS:
                return _joined([self._by_arrow(each) or self._by_line(member, each) for each in _parts(text_block)])
        return self._by_line(member, text_block)

    def _table(self, data: bytes) -> pa.Table | None:
        """Read a block by Arrow; None if a value is not of its column's JSON type, strings in a whole column apart."""
        texts = self._texts
        while True:
            native = {name: kind for name, kind in self._native.items() if name not in texts}
            kinds = {name: native.get(name, pa.string()) for name in sorted(self._names.columns)}
            schema = pa.schema(self._paths.schema(kinds))
            try:
                table = arrow_json.read_json(
                    pa.BufferReader(data),
                    read_options=arrow_json.ReadOptions(use_threads=False, block_size=len(data)),
                    parse_options=arrow_json.ParseOptions(explicit_schema=schema, newlines_in_values=False),
                )
            except pa.ArrowInvalid as error:
                told = re.search(r"Column\(/(\w+)\) changed from \w+ to (\w+)", str(error))
                if told is None or told[2] != "string" or told[1] not in native:
                    self._texts = texts - {told[1]} if told else texts
                    return None
                texts |= {told[1]}
            else:
                self._texts = texts
                return table

    def _by_arrow(self, text_block: TextBlock) -> Parsed | None:
        """Return a block whose every value is good, as Arrow reads it; None for any other."""
        if self._source.extra_columns == "keep" or b"\\u0000" in text_block.data or not text_block.data.strip():
            return None
        if (table := self._table(text_block.data)) is None:
            return None
        table = self._paths.flattened(table)
        if table is None:
            return None
        unknown = set(table.column_names) - self._names.columns
        if any(self._names.ours(key) in self._names.columns for key in unknown):
            return None  # a known column under the vendor's spelling
        lines = _object_lines(text_block)
        if table.num_rows != len(lines) or (unknown and self._source.extra_columns == "refuse"):
            return None
        values = []
        for column in self._contract.columns:
            if column.name not in self._names.columns:
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

    def _by_line(self, member: _Member, text_block: TextBlock) -> Parsed:
        """Read a block line by line, every value as text."""
        whole: list[Rejected] = []
        records: list[dict[str, Any]] = []
        lines: list[int] = []
        texts: list[str] = []
        for number, raw in enumerate(
            [text_block.data] if text_block.too_long else text_block.data.splitlines(), text_block.first_line
        ):
            if not raw.strip():
                continue
            text = raw.decode(errors="ignore")
            record = None if text_block.too_long else self._record(text, member, number)
            if record is None:
                reason = Reason.TOO_LONG if text_block.too_long else Reason.NOT_JSON
                whole.append(Rejected(number, None, reason, "one JSON object a line", text))
                continue
            records.append(record)
            lines.append(number)
            texts.append(text)
        values, faults = [], {}
        for column in self._contract.columns:
            array, faults[column.name] = self._column(column.name, records)
            values.append(array)
        rows = pa.array(lines, pa.int64())
        return split_rejects(self._contract.columns, values, rows, faults, self._expected, texts.__getitem__, whole)

    def _record(self, text: str, member: _Member, line: int) -> dict[str, Any] | None:
        """Return one line's values by our column names, the unknown ones under `extra`; None if it is not an object."""
        try:
            pairs = json.loads(text, object_pairs_hook=Pairs, parse_int=_Literal, parse_float=_Literal,
                               parse_constant=_refuse_constant)  # fmt: skip
            text.encode() if "\\u" not in text else json.dumps(pairs, ensure_ascii=False).encode()
        except (ValueError, RecursionError):
            return None
        if not isinstance(pairs, Pairs):
            return None
        try:
            found = list(self._paths.walk(pairs))
        except KeyError:
            return None
        names = [
            self._names.paths.get(path)
            or (self._names.ours(path[0]) if len(path) == 1 else ".".join(path))
            or f"column_{place}"
            for place, (path, _) in enumerate(found, start=1)
        ]
        check_unique(names, self._source, member.name, line)
        record: dict[str, Any] = {}
        extra: list[tuple[str, str]] = []
        for name, (_, value) in zip(names, found, strict=True):
            if name in self._names.columns:
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
                extra.append((name, _text(value)))
        if self._source.extra_columns == "keep":
            record[EXTRA] = extra
        return record

    def _column(self, name: str, records: list[dict[str, Any]]) -> tuple[pa.Array, Faults]:
        """Return one column of parsed lines, cast, and its bad cells."""
        caster = self._casters[name]
        cells = [record.get(name) for record in records]
        if name not in self._names.columns:
            return pa.array(cells, caster.kind), {}
        faults: Faults = {}
        for row, cell in enumerate(cells):
            if isinstance(cell, bool):
                cells[row] = caster.spelled(cell)
            elif isinstance(cell, list):
                cells[row] = None
                faults[row] = Reason.WRONG_TYPE
        values, bad = caster(pa.array(cells, pa.string()))
        return values, bad | faults


def _parts(text_block: TextBlock) -> Iterator[TextBlock]:
    """Cut a block into some, so that one bad line costs but its part the slow way."""
    lines = text_block.data.splitlines(keepends=True)
    size = -(-len(lines) // _PARTS)
    for start in range(0, len(lines), size):
        part_of = lines[start : start + size]
        yield TextBlock(b"".join(part_of), text_block.first_line + start, len(part_of))


def _joined(parts: list[Parsed]) -> Parsed:
    return Parsed(
        pa.concat_batches([each.rows for each in parts]),
        pa.concat_batches([each.rejects for each in parts]),
        sum(each.rows_read for each in parts),
    )


def _object_lines(text_block: TextBlock) -> list[int]:
    """Return the numbers of the lines that are not blank, or nothing if one does not start and end as an object.

    Arrow's reader takes two objects on a line, and one on two lines. If it found as many as there are lines that look
    like objects, each is on a line of its own: no object goes on behind a `}` with a `{`.
    """
    numbers = []
    for number, line in enumerate(text_block.data.splitlines(), start=text_block.first_line):
        if line := line.strip():
            if not (line.startswith(b"{") and line.endswith(b"}")):
                return []
            numbers.append(number)
    return numbers


class _Literal(str):
    """A number as it stands in the file."""

    __slots__ = ()


def _text(value: Any) -> str:
    """Return a parsed value as text: a string itself, anything else as JSON with numbers as they stand in the file."""
    return value if isinstance(value, str) else _json(value)


def _json(value: Any) -> str:
    if isinstance(value, _Literal):
        return value
    if isinstance(value, Pairs):
        return "{" + ",".join(f"{_json(key)}:{_json(each)}" for key, each in value) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_json, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
