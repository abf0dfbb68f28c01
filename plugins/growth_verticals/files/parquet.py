"""Parquet files. Columns are matched by name, and cast only where no value can change.

A file is refused if a column's type could change values or lacks information (a double for a decimal, a timestamp
without a time zone for one with), if a page fails its checksum, and if its counts of rows disagree. A row is rejected
if one of its values does not fit the column.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

import pyarrow as pa

from growth_verticals.contract.schema import arrow_type
from growth_verticals.errors import FileRefusedError
from growth_verticals.files.arrow_values import (
    as_text,
    can_cast,
    can_print,
    cast_exactly,
    cast_or_bisect,
    json_value,
    reason_for,
    to_plain_type,
    value_type,
)
from growth_verticals.files.casts import Caster, as_map, declared_formats, nul_faults
from growth_verticals.files.headers import EXTRA, describe_expected, resolve_header
from growth_verticals.files.int96 import Int96Times, RowsAhead
from growth_verticals.files.members import CountedMembers
from growth_verticals.files.parquet_file import RowCounter, open_file, read_batches, split
from growth_verticals.files.parquet_plan import plan_reads, read_planned
from growth_verticals.files.rejects import Faults, Reason, split_rejects, true_rows
from growth_verticals.files.unpack.compression import as_seekable, sniff_content, unexpected_content_error
from growth_verticals.files.value_checks import out_of_range_mask
from growth_verticals.reader import NO_SUMS, Block, ParsedBlock

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    import pyarrow.parquet as pq

    from growth_verticals.contract.table import Column, TableContract
    from growth_verticals.files.headers import Layout
    from growth_verticals.files.unpack.compression import ByteStream
    from growth_verticals.source import Parquet, Source

BATCH_CELLS = 1_000_000
#: What Arrow says about a file that it cannot read → what we say.
_DAMAGES = {
    "magic bytes": "no footer at its end: it is truncated, or is not Parquet",
    "crc checksum": "a page whose checksum does not match its bytes",
    "not yet implemented": "an encoding that is not supported",
    "support for codec": "a compression that is not supported",
    "encrypt": "encrypted columns",
    "decrypt": "encrypted columns",
    "too deeply nested": "a schema that is nested deeper than 100 levels",
    "invalid utf8": "text that is not UTF-8, in a dictionary that Arrow cannot load",
    "different lengths": "columns of different lengths",
    "share a prefix": "long values that share a prefix, in several columns",
}


class ParquetReader:
    """Reads one Parquet file, or a zip archive's members. Row numbers start at 1 and continue from member to member.

    :param batch_cells: about this many cells are in a block. Memory: a block, one row group as it is stored, and what
        `parquet_file.MAX_NESTED_BYTES` allows for lists and structs.
    """

    def __init__(
        self,
        members: Iterable[tuple[str, ByteStream]],
        source: Source,
        form: Parquet,
        contract: TableContract,
        *,
        batch_cells: int = BATCH_CELLS,
    ) -> None:
        self._members = members
        self._source = source
        self._contract = contract
        self._batch_cells = batch_cells
        self._max_ratio = form.max_ratio
        formats = declared_formats(contract.columns, form)
        self._casters = {each.name: Caster(each, form, formats.get(each.name)) for each in contract.columns}
        self._expected = describe_expected(contract, formats)
        self.stated_sums = NO_SUMS

    def blocks(self) -> Iterator[Block]:
        """Yield blocks; see `Reader.blocks`. Raises `FileRefusedError` also for columns whose type cannot be cast."""
        row = 1
        members = CountedMembers(self._members, self._source.name)
        for name, stream in members:
            with as_seekable(stream) as raw:
                for rows in members.count(self._read_rows(name, raw)):
                    yield Block(rows, row)
                    row += rows.batch.num_rows

    def parse(self, block: Block) -> ParsedBlock:
        """Parse one block; see `Reader.parse`. A rejected row's raw record is the row as JSON."""
        data: _Rows = block.data
        layout, batch = data.layout, data.batch
        known, extras = data.plain(), data.extras()
        faults: dict[str, Faults] = {name: bad for name, (_, bad) in extras.items()}
        values = []
        for column in self._contract.columns:
            if column.name in known:
                array, faults[column.name] = self._cast(column, *known[column.name])
            elif column.name == EXTRA and layout.extras:
                array = as_map({name: text for name, (text, _) in extras.items()})
            else:
                array = pa.nulls(batch.num_rows, arrow_type(column))
            values.append(array)
        rows = pa.arange(block.first_row, block.first_row + batch.num_rows)
        return split_rejects(self._contract.columns, values, rows, faults, self._expected, data.raw_record)

    def _read_rows(self, name: str, raw: BinaryIO) -> Iterator[_Rows]:
        head = raw.read(64)
        raw.seek(0)
        if not head.startswith(b"PAR1"):
            found = "an encrypted Parquet file" if head.startswith(b"PARE") else sniff_content(head)
            raise unexpected_content_error(name, self._source.name, "Parquet", found)
        try:
            shared = pa.PythonFile(raw, mode="r")  # one, because all readers share its lock
            file = open_file(shared)
            schema = file.schema_arrow
            layout = resolve_header(schema.names, self._source, self._contract, name, line=None)
            self._check_types(name, layout, schema)
            names = zip(schema.names, layout.names, strict=True)
            fields = {field: column for field, column in names if column in layout.loaded}
            int96 = self._int96_fields(name, file, fields)
            rows = self._batch_cells // len(fields)
            plan = plan_reads(shared, file, list(fields), rows, source=self._source.name, name=name)
            exact = open_file(shared, file.metadata, int96_unit="ns") if int96 else file
            nanoseconds = RowsAhead(read_batches(exact, int96, plan.rows))
            counter = RowCounter(name, self._source.name, shared.size(), self._max_ratio)
            file = open_file(shared, file.metadata, dictionaries=plan.dictionaries)
            for batch in read_planned(file, list(fields), plan):
                counter.add(batch)
                for part in split(batch):
                    counter.check_size(part)
                    times = nanoseconds.pair(part, int96)
                    yield _Rows(layout, part, fields, times)
            counter.check(file, list(fields))
        except (pa.ArrowException, OSError, MemoryError, UnicodeDecodeError) as error:
            raise self._unreadable_error(name, error) from error

    def _unreadable_error(self, name: str, error: Exception) -> FileRefusedError:
        text = str(error).lower()
        damages = [damage for words, damage in _DAMAGES.items() if words in text]
        return FileRefusedError(
            "the Parquet file cannot be read",
            source=self._source.name,
            file=name,
            found=damages[0] if damages else f"damaged data ({type(error).__name__})",
            next_step="compare the size with the vendor's, and ask for the file again",
        )

    def _int96_fields(self, name: str, file: pq.ParquetFile, fields: Mapping[str, str]) -> list[str]:
        """Return the INT96 columns. Refuse a file that has one inside a list or struct, whose values Arrow changes."""
        columns = [file.schema.column(at) for at in range(len(file.schema))]
        flat = {field.name for field in file.schema_arrow if pa.types.is_timestamp(field.type)} & fields.keys()
        int96 = [column.path for column in columns if column.physical_type == "INT96"]
        for path in int96:
            if path not in flat and any(f"{path}.".startswith(f"{field}.") for field in fields):
                raise FileRefusedError(
                    "INT96 timestamps inside a list or struct cannot be read exactly",
                    source=self._source.name,
                    file=name,
                    column=path,
                    next_step='declare extra_columns="ignore", or ask the vendor for timestamps in microseconds',
                )
        return [path for path in int96 if path in flat]

    def _check_types(self, file: str, layout: Layout, schema: pa.Schema) -> None:
        columns = {column.name: column for column in self._contract.columns}
        for name, field in zip(layout.names, schema, strict=True):
            file_type = value_type(field.type)
            if name in layout.extras:
                fits, expected = can_print(field.type), "a type that can be written as text"
            elif name in layout.known:
                fits, expected = can_cast(file_type, arrow_type(columns[name])), columns[name].type
            else:
                continue
            if not fits:
                raise FileRefusedError(
                    "a cast from the file's column type could change values",
                    source=self._source.name,
                    file=file,
                    column=name,
                    expected=expected,
                    found=str(field.type),
                    next_step="change the column's type in the SQL file, or ask the vendor to change it in the file",
                )

    def _cast(self, column: Column, array: pa.Array, unreadable: Faults) -> tuple[pa.Array, Faults]:
        data_type = arrow_type(column)
        if pa.types.is_string(array.type):
            values, faults = self._casters[column.name](array)
            return values, faults | unreadable
        values, bad = cast_or_bisect(lambda cells: cast_exactly(cells, data_type), array, data_type)
        faults = {row: reason_for(array[row], data_type) for row in bad}
        out_of_range = out_of_range_mask(values)
        if out_of_range is not None:
            reason = Reason.NOT_A_NUMBER if pa.types.is_floating(data_type) else Reason.OUT_OF_RANGE
            faults |= dict.fromkeys(true_rows(out_of_range), reason)
        if pa.types.is_string(values.type):
            faults |= nul_faults(values)
        return values, faults | unreadable


class _Rows(NamedTuple):
    """Rows that are not parsed yet.

    :param batch: the loaded columns under the file's names.
    :param fields: the file's names → the contract's names.
    :param int96: the columns that are INT96 timestamps, by the file's names.
    """

    layout: Layout
    batch: pa.RecordBatch
    fields: dict[str, str]
    int96: dict[str, Int96Times]

    def plain(self) -> dict[str, tuple[pa.Array, Faults]]:
        """Return, by the contract's names, the known columns in plain types, and the cells that have no value."""
        return {
            name: self.int96[field].microseconds() if field in self.int96 else to_plain_type(self.batch.column(field))
            for field, name in self.fields.items()
            if name in self.layout.known
        }

    def extras(self) -> dict[str, tuple[pa.Array, Faults]]:
        """Return the unknown columns as text, and the cells that have no value."""
        return {
            name: (self.int96[field].text(), {}) if field in self.int96 else as_text(self.batch.column(field))
            for field, name in self.fields.items()
            if name in self.layout.extras
        }

    def raw_record(self, row: int) -> str:
        """Return a row as JSON."""
        cells = {
            field: self.int96[field].slice(row).text()[0].as_py()
            if field in self.int96
            else json_value(self.batch.column(field)[row], errors="backslashreplace")
            for field in self.fields
        }
        return json.dumps(cells, default=str, ensure_ascii=False)
