"""Parquet: columns by name, cast only where no value can change.

A type that could change values, or that says too little (a double for a decimal, a time without a zone for one
with), refuses the file; a value that does not fit refuses its row.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from growth_verticals.contract.schema import arrow_type
from growth_verticals.errors import FileRefusedError
from growth_verticals.files.casts import Caster, as_map, declared_formats, nul_faults, why_no_decimal
from growth_verticals.files.headers import EXTRA, expected_texts, resolve
from growth_verticals.files.rejects import Faults, Reason, split_rejects, true_rows
from growth_verticals.files.unpack.compression import looks_like, seekable, unexpected_content
from growth_verticals.files.value_checks import bisect, out_of_range_mask, to_date
from growth_verticals.reader import Block, Parsed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from growth_verticals.contract.table import Column, TableContract
    from growth_verticals.files.headers import Layout
    from growth_verticals.files.unpack.compression import ByteStream
    from growth_verticals.source import Parquet, Source

BATCH_CELLS = 1_000_000


class ParquetReader:
    """One Parquet file, or the members of one zip archive, whose rows are numbered on from 1.

    :param batch_cells: a block holds about this many cells. Memory: that, and the pages of one row group.
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
        self._expected = expected_texts(contract, formats)

    def blocks(self) -> Iterator[Block]:
        """Yield blocks; see `Reader.blocks`. Raises `FileRefusedError` also for columns whose type cannot be cast."""
        row = 1
        for name, stream in self._members:
            with seekable(stream) as raw:
                for layout, batch in self._batches(name, raw):
                    yield Block((layout, batch), row)
                    row += batch.num_rows

    def parse(self, block: Block) -> Parsed:
        """Parse one block; see `Reader.parse`. A rejected row's raw record is the row as JSON."""
        layout, batch = block.data
        ours = [each for each in layout.names if each in layout.read]
        arrays = {each: _plain(array) for each, array in zip(ours, batch.columns, strict=True)}
        values = []
        faults: dict[str, Faults] = {}
        for column in self._contract.columns:
            if column.name in layout.known:
                array, faults[column.name] = self._cast(column, arrays[column.name])
            elif column.name == EXTRA and layout.extras:
                array = as_map({extra: _texts(arrays[extra]) for extra in layout.extras})
            else:
                array = pa.nulls(batch.num_rows, arrow_type(column))
            values.append(array)
        rows = pa.arange(block.first_row, block.first_row + batch.num_rows)

        def raw(row: int) -> str:
            cells = {name: _shown(array[row]) for name, array in zip(batch.schema.names, batch.columns, strict=True)}
            return json.dumps(cells, default=str, ensure_ascii=False)

        return split_rejects(self._contract.columns, values, rows, faults, self._expected, raw)

    def _batches(self, name: str, raw: BinaryIO) -> Iterator[tuple[Layout, pa.RecordBatch]]:
        head = raw.read(64)
        raw.seek(0)
        if not head.startswith(b"PAR1"):
            raise unexpected_content(name, self._source.name, "Parquet", looks_like(head))
        try:
            file = pq.ParquetFile(raw)
            schema = file.schema_arrow
            layout = resolve(schema.names, self._source, self._contract, name, line=None)
            self._check_types(name, layout, schema)
            wanted = [name for name, ours in zip(schema.names, layout.names, strict=True) if ours in layout.read]
            size = max(1, self._batch_cells // len(wanted))
            for batch in file.iter_batches(batch_size=size, columns=wanted, use_threads=False):
                yield layout, batch
        except (pa.ArrowInvalid, OSError) as error:
            raise self._unreadable(name, error) from error

    def _unreadable(self, name: str, error: Exception) -> FileRefusedError:
        return FileRefusedError(
            "the Parquet file cannot be read",
            source=self._source.name,
            file=name,
            found=type(error).__name__,
            next_step="compare the size with the vendor's, and ask for the file again",
        )

    def _check_types(self, file: str, layout: Layout, schema: pa.Schema) -> None:
        columns = {column.name: column for column in self._contract.columns}
        for ours, field in zip(layout.names, schema, strict=True):
            if ours in layout.known and not _castable(_value_type(field.type), arrow_type(columns[ours])):
                raise FileRefusedError(
                    "a column's type could change values on the way into the table",
                    source=self._source.name,
                    file=file,
                    column=ours,
                    expected=columns[ours].type,
                    found=str(field.type),
                    next_step="change the column's type in the SQL file, or ask the vendor to",
                )

    def _cast(self, column: Column, array: pa.Array) -> tuple[pa.Array, Faults]:
        kind = arrow_type(column)
        if pa.types.is_string(array.type):
            values, faults = self._casters[column.name](array)
            return values, faults
        try:
            values = _exact(array, kind)
            bad: list[int] = []
        except pa.ArrowInvalid:
            values, bad = bisect(lambda part: _exact(part, kind), array, kind)
        faults = {row: _why(array[row], kind) for row in bad}
        far = out_of_range_mask(values)
        if far is not None:
            not_a_number = pa.types.is_floating(kind)
            reason = Reason.NOT_A_NUMBER if not_a_number else Reason.OUT_OF_RANGE
            faults |= dict.fromkeys(true_rows(far), reason)
        if pa.types.is_string(values.type):
            faults |= nul_faults(values)
        return values, faults


def _value_type(kind: pa.DataType) -> pa.DataType:
    """Return the plain type of values that may be dictionary-encoded or in another memory layout."""
    if pa.types.is_dictionary(kind):
        return _value_type(kind.value_type)
    if pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return pa.string()
    if pa.types.is_large_binary(kind) or pa.types.is_binary_view(kind):
        return pa.binary()
    return kind


def _plain(array: pa.Array) -> pa.Array:
    kind = _value_type(array.type)
    return array if array.type.equals(kind) else pc.cast(array, kind)


def _castable(theirs: pa.DataType, ours: pa.DataType) -> bool:
    """Whether each value of one type is the same value in the other, or can be told not to be."""
    is_ = pa.types
    if theirs.equals(ours) or is_.is_null(theirs):
        return True
    if is_.is_string(theirs):
        fits = not is_.is_nested(ours)
    elif is_.is_integer(theirs):
        fits = is_.is_integer(ours) or is_.is_floating(ours) or is_.is_decimal(ours) or is_.is_string(ours)
    elif is_.is_floating(theirs):  # writers that know no missing integer make doubles of them
        fits = is_.is_integer(ours) or (is_.is_floating(ours) and ours.bit_width >= theirs.bit_width)
    elif is_.is_decimal(theirs):
        fits = is_.is_decimal(ours) or is_.is_integer(ours)
    elif is_.is_timestamp(theirs) and is_.is_timestamp(ours) and ours.tz is not None:
        fits = theirs.tz is not None
    elif is_.is_timestamp(theirs):
        fits = (is_.is_timestamp(ours) or is_.is_date32(ours)) and theirs.tz in (None, "UTC")
    elif is_.is_date(theirs):
        fits = is_.is_date32(ours)
    else:
        fits = is_.is_binary(theirs) and is_.is_string(ours)
    return bool(fits)


def _exact(array: pa.Array, kind: pa.DataType) -> pa.Array:
    """Cast, or raise `pa.ArrowInvalid` if a value would change."""
    if pa.types.is_timestamp(array.type) and pa.types.is_date32(kind):
        return to_date(array)
    if pa.types.is_integer(array.type) and pa.types.is_decimal(kind):
        array = pc.cast(array, pa.decimal128(38, min(kind.scale, 19)))
    return pc.cast(array, kind)


def _why(value: pa.Scalar, ours: pa.DataType) -> Reason:
    """Say why a value of a castable type does not fit."""
    if pa.types.is_decimal(ours):
        return why_no_decimal(str(value.as_py()), ours.scale)
    if pa.types.is_integer(ours):
        return Reason.OUT_OF_RANGE if pa.types.is_integer(value.type) else Reason.NOT_AN_INTEGER
    if pa.types.is_timestamp(value.type):
        return Reason.NOT_A_DATE if pa.types.is_date32(ours) else Reason.TOO_PRECISE
    return Reason.TOO_PRECISE if pa.types.is_floating(ours) else Reason.WRONG_TYPE


def _shown(cell: pa.Scalar) -> object:
    """Return a value for `json.dumps`; times as text, for Python's have no nanoseconds."""
    return (pc.cast(cell, pa.string()) if pa.types.is_timestamp(cell.type) else cell).as_py()


def _texts(array: pa.Array) -> pa.Array:
    """Return an unknown column as text: JSON where it is nested."""
    if not pa.types.is_nested(array.type):
        return pc.cast(array, pa.string())
    cells = array.to_pylist()
    return pa.array([None if cell is None else json.dumps(cell, default=str) for cell in cells], pa.string())
