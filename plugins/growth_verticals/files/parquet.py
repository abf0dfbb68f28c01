"""Parquet files. Columns are matched by name, and cast only where no value can change.

A file is refused if a column's type could change values or lacks information (a double for a decimal, a timestamp
without a time zone for one with). A row is rejected if one of its values does not fit the column.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from growth_verticals.contract.schema import arrow_type
from growth_verticals.errors import FileRefusedError
from growth_verticals.files.casts import Caster, as_map, declared_formats, nul_faults, reason_for_decimal
from growth_verticals.files.headers import EXTRA, describe_expected, resolve_header
from growth_verticals.files.rejects import Faults, Reason, split_rejects, true_rows
from growth_verticals.files.unpack.compression import as_seekable, sniff_content, unexpected_content_error
from growth_verticals.files.value_checks import bisect, out_of_range_mask, to_date
from growth_verticals.reader import Block, ParsedBlock

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from growth_verticals.contract.table import Column, TableContract
    from growth_verticals.files.headers import Layout
    from growth_verticals.files.unpack.compression import ByteStream
    from growth_verticals.source import Parquet, Source

BATCH_CELLS = 1_000_000


class ParquetReader:
    """Reads one Parquet file, or a zip archive's members. Row numbers start at 1 and continue from member to member.

    :param batch_cells: about this many cells are in a block. Memory: a block, and the pages of one row group.
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
        formats = declared_formats(contract.columns, form)
        self._casters = {each.name: Caster(each, form, formats.get(each.name)) for each in contract.columns}
        self._expected = describe_expected(contract, formats)

    def blocks(self) -> Iterator[Block]:
        """Yield blocks; see `Reader.blocks`. Raises `FileRefusedError` also for columns whose type cannot be cast."""
        row = 1
        for name, stream in self._members:
            with as_seekable(stream) as raw:
                for layout, batch in self._read_batches(name, raw):
                    yield Block((layout, batch), row)
                    row += batch.num_rows

    def parse(self, block: Block) -> ParsedBlock:
        """Parse one block; see `Reader.parse`. A rejected row's raw record is the row as JSON."""
        layout, batch = block.data
        names = [name for name in layout.names if name in layout.loaded]
        arrays = {name: _to_plain_type(array) for name, array in zip(names, batch.columns, strict=True)}
        values = []
        faults: dict[str, Faults] = {}
        for column in self._contract.columns:
            if column.name in layout.known:
                array, faults[column.name] = self._cast(column, arrays[column.name])
            elif column.name == EXTRA and layout.extras:
                array = as_map({extra: _as_text(arrays[extra]) for extra in layout.extras})
            else:
                array = pa.nulls(batch.num_rows, arrow_type(column))
            values.append(array)
        rows = pa.arange(block.first_row, block.first_row + batch.num_rows)

        def raw_record(row: int) -> str:
            columns = zip(batch.schema.names, batch.columns, strict=True)
            cells = {name: _json_value(array[row]) for name, array in columns}
            return json.dumps(cells, default=str, ensure_ascii=False)

        return split_rejects(self._contract.columns, values, rows, faults, self._expected, raw_record)

    def _read_batches(self, name: str, raw: BinaryIO) -> Iterator[tuple[Layout, pa.RecordBatch]]:
        head = raw.read(64)
        raw.seek(0)
        if not head.startswith(b"PAR1"):
            raise unexpected_content_error(name, self._source.name, "Parquet", sniff_content(head))
        try:
            file = pq.ParquetFile(raw)
            schema = file.schema_arrow
            layout = resolve_header(schema.names, self._source, self._contract, name, line=None)
            self._check_types(name, layout, schema)
            columns = [field for field, name in zip(schema.names, layout.names, strict=True) if name in layout.loaded]
            size = max(1, self._batch_cells // len(columns))
            for batch in file.iter_batches(batch_size=size, columns=columns, use_threads=False):
                yield layout, batch
        except (pa.ArrowInvalid, OSError) as error:
            raise self._unreadable_error(name, error) from error

    def _unreadable_error(self, name: str, error: Exception) -> FileRefusedError:
        return FileRefusedError(
            "the Parquet file cannot be read",
            source=self._source.name,
            file=name,
            found=type(error).__name__,
            next_step="compare the size with the vendor's, and ask for the file again",
        )

    def _check_types(self, file: str, layout: Layout, schema: pa.Schema) -> None:
        columns = {column.name: column for column in self._contract.columns}
        for name, field in zip(layout.names, schema, strict=True):
            if name in layout.known and not _can_cast(_value_type(field.type), arrow_type(columns[name])):
                raise FileRefusedError(
                    "a cast from the file's column type could change values",
                    source=self._source.name,
                    file=file,
                    column=name,
                    expected=columns[name].type,
                    found=str(field.type),
                    next_step="change the column's type in the SQL file, or ask the vendor to change it in the file",
                )

    def _cast(self, column: Column, array: pa.Array) -> tuple[pa.Array, Faults]:
        data_type = arrow_type(column)
        if pa.types.is_string(array.type):
            values, faults = self._casters[column.name](array)
            return values, faults
        try:
            values = _cast_exactly(array, data_type)
            bad: list[int] = []
        except pa.ArrowInvalid:
            values, bad = bisect(lambda cells: _cast_exactly(cells, data_type), array, data_type)
        faults = {row: _reason_for(array[row], data_type) for row in bad}
        out_of_range = out_of_range_mask(values)
        if out_of_range is not None:
            reason = Reason.NOT_A_NUMBER if pa.types.is_floating(data_type) else Reason.OUT_OF_RANGE
            faults |= dict.fromkeys(true_rows(out_of_range), reason)
        if pa.types.is_string(values.type):
            faults |= nul_faults(values)
        return values, faults


def _value_type(data_type: pa.DataType) -> pa.DataType:
    """Return the plain type of a column that can be dictionary-encoded or in another memory layout."""
    if pa.types.is_dictionary(data_type):
        return _value_type(data_type.value_type)
    if pa.types.is_large_string(data_type) or pa.types.is_string_view(data_type):
        return pa.string()
    if pa.types.is_large_binary(data_type) or pa.types.is_binary_view(data_type):
        return pa.binary()
    return data_type


def _to_plain_type(array: pa.Array) -> pa.Array:
    data_type = _value_type(array.type)
    return array if array.type.equals(data_type) else pc.cast(array, data_type)


def _can_cast(file_type: pa.DataType, column_type: pa.DataType) -> bool:
    """Whether a cast from the file's type keeps every value or detects the values that it cannot keep."""
    is_ = pa.types
    if file_type.equals(column_type) or is_.is_null(file_type):
        return True
    if is_.is_string(file_type):
        fits = not is_.is_nested(column_type)
    elif is_.is_integer(file_type):
        fits = (
            is_.is_integer(column_type)
            or is_.is_floating(column_type)
            or is_.is_decimal(column_type)
            or is_.is_string(column_type)
        )
    elif is_.is_floating(file_type):  # writers without nullable integers write such columns as doubles
        fits = is_.is_integer(column_type) or (
            is_.is_floating(column_type) and column_type.bit_width >= file_type.bit_width
        )
    elif is_.is_decimal(file_type):
        fits = is_.is_decimal(column_type) or is_.is_integer(column_type)
    elif is_.is_timestamp(file_type) and is_.is_timestamp(column_type) and column_type.tz is not None:
        fits = file_type.tz is not None
    elif is_.is_timestamp(file_type):
        fits = (is_.is_timestamp(column_type) or is_.is_date32(column_type)) and file_type.tz in (None, "UTC")
    elif is_.is_date(file_type):
        fits = is_.is_date32(column_type)
    else:
        fits = is_.is_binary(file_type) and is_.is_string(column_type)
    return bool(fits)


def _cast_exactly(array: pa.Array, data_type: pa.DataType) -> pa.Array:
    """Cast, or raise `pa.ArrowInvalid` if a value would change."""
    if pa.types.is_timestamp(array.type) and pa.types.is_date32(data_type):
        return to_date(array)
    if pa.types.is_integer(array.type) and pa.types.is_decimal(data_type):
        array = pc.cast(array, pa.decimal128(38, min(data_type.scale, 19)))
    return pc.cast(array, data_type)


def _reason_for(value: pa.Scalar, column_type: pa.DataType) -> Reason:
    """Return the reason why a value does not fit the column, after `_can_cast` has allowed its type."""
    if pa.types.is_decimal(column_type):
        return reason_for_decimal(str(value.as_py()), column_type.scale)
    if pa.types.is_integer(column_type):
        return Reason.OUT_OF_RANGE if pa.types.is_integer(value.type) else Reason.NOT_AN_INTEGER
    if pa.types.is_timestamp(value.type):
        return Reason.NOT_A_DATE if pa.types.is_date32(column_type) else Reason.TOO_PRECISE
    return Reason.TOO_PRECISE if pa.types.is_floating(column_type) else Reason.WRONG_TYPE


def _json_value(cell: pa.Scalar) -> object:
    """Return a value for `json.dumps`: a timestamp as text, because Python's type has no nanoseconds."""
    return (pc.cast(cell, pa.string()) if pa.types.is_timestamp(cell.type) else cell).as_py()


def _as_text(array: pa.Array) -> pa.Array:
    """Return an unknown column as text, with nested values as JSON."""
    if not pa.types.is_nested(array.type):
        return pc.cast(array, pa.string())
    cells = array.to_pylist()
    return pa.array([None if cell is None else json.dumps(cell, default=str) for cell in cells], pa.string())
