"""Rows into Parquet files under a table's data location, in bounded memory.

The settings are measured (docs/performance.md): zstd 1, dictionaries only where values repeat, row groups bounded by
rows and by bytes, parts uploaded while the rest is encoded.
"""

from __future__ import annotations

import uuid
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyiceberg.io.pyarrow import (
    compute_statistics_plan,
    data_file_statistics_from_parquet_metadata,
    parquet_path_to_id_mapping,
    schema_to_pyarrow,
)
from pyiceberg.manifest import DataFile, DataFileContent, FileFormat
from pyiceberg.table import TableProperties
from pyiceberg.utils.properties import property_as_int

from growth_verticals.catalog.service_errors import service_errors
from growth_verticals.contract.schema import arrow_schema
from growth_verticals.tables.dictionaries import repeat, repeating_columns, with_repeated
from growth_verticals.tables.partition import split_by_partition
from growth_verticals.tables.sort_order import RowOrder

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyiceberg.table import Table
    from pyiceberg.typedef import Record

    from growth_verticals.contract.table import TableContract

ROW_GROUP_ROWS = 131_072
ROW_GROUP_BYTES = 48 * 2**20
#: Where rows are sorted, for they are there twice then.
SORTED_GROUP_BYTES = 32 * 2**20
#: What partitions other than the one being written may hold in memory together, and how many of them upload at once.
WAITING_BYTES = 64 * 2**20
OPEN_FILES = 4

_WRITE_BATCH_ROWS = 16_384
_FIELD_ID = b"PARQUET:field_id"


class DataFileWriter:
    """Takes batches of landed files' rows and writes them as data files of `table`. One thread at a time.

    Rows are sorted within a row group by the table's sort order; a file of one row group says that it is sorted.
    Memory: one row group (48 MiB of Arrow data, or 32 twice where it is sorted) and its encoded form; for a table that
    is partitioned by more than provenance, 64 MiB more and four uploads of 10 MiB. Files that are written when
    something fails stay behind, referenced by nothing.
    """

    def __init__(self, table: Table, contract: TableContract) -> None:
        self._table = table
        self._order = RowOrder.of(table)
        self._arrow_schema = with_repeated(arrow_schema(contract.all_columns), self._order)
        self._file_schema = _with_field_ids(self._arrow_schema, table)
        self._target_bytes: int = property_as_int(  # type: ignore[assignment] # the default is a number
            table.properties,
            TableProperties.WRITE_TARGET_FILE_SIZE_BYTES,
            TableProperties.WRITE_TARGET_FILE_SIZE_BYTES_DEFAULT,
        )
        self._batches: list[pa.Table] = []
        self._batch_rows = self._batch_bytes = 0
        self._waiting: dict[Record, list[pa.Table]] = {}
        self._open: dict[Record, _ParquetFile] = {}
        self._repeating: list[str] | bool | None = None
        self._finished: list[DataFile] = []

    def write(self, batch: pa.RecordBatch, constants: Mapping[str, Any]) -> None:
        """Add rows: the contract's own columns and `source_row`, by name. Raises `ServiceError` if the store fails.

        :param constants: the provenance columns that are the same for every row of the batch, with their values.
        """
        self._batches.append(self._complete(batch, constants))
        self._batch_rows += batch.num_rows
        self._batch_bytes += batch.nbytes
        most_bytes = SORTED_GROUP_BYTES if self._order.keys else ROW_GROUP_BYTES
        if self._batch_rows >= ROW_GROUP_ROWS or self._batch_bytes >= most_bytes:
            self._split()

    def close(self) -> list[DataFile]:
        """Write what is left, finish the uploads, and return the data files; the empty list if there was no row."""
        if self._batches:
            self._split()
        while self._waiting:
            self._write_largest()
        while self._open:
            self._finish(next(iter(self._open)))
        return self._finished

    def abandon(self) -> list[str]:
        """End the uploads that are open, whatever state they are in; return the files that stay behind. Never raises.

        No snapshot refers to them, so the table bucket's unreferenced file removal takes them away.
        """
        left = [data_file.file_path for data_file in self._finished]
        for file in self._open.values():
            file.abandon()
            left.append(file.location)
        self._open.clear()
        return left

    def _split(self) -> None:
        parts = self._distribute()
        while self._waiting and (parts == 1 or sum(map(_bytes, self._waiting.values())) > WAITING_BYTES):
            self._write_largest()

    def _distribute(self) -> int:
        """Let all rows wait by partition, and return how many partitions they are of."""
        rows = pa.concat_tables(self._batches)
        self._batches, self._batch_rows, self._batch_bytes = [], 0, 0
        if self._repeating is None:
            self._repeating = repeating_columns(rows)
        parts = 0
        for partition, part in split_by_partition(rows, self._table.spec(), self._table.schema()):
            self._waiting.setdefault(partition, []).append(part)
            parts += 1
        return parts

    def _complete(self, rows: pa.RecordBatch, constants: Mapping[str, Any]) -> pa.Table:
        columns = [
            repeat(constants[field.name], field.type, rows.num_rows)
            if field.name in constants
            else rows.column(field.name)
            for field in self._arrow_schema
        ]
        return pa.Table.from_arrays(columns, schema=self._arrow_schema)

    def _write_largest(self) -> None:
        partition = next(iter(self._waiting))
        if len(self._waiting) > 1:
            partition = max(self._waiting, key=lambda key: _bytes(self._waiting[key]))
        rows = self._order.sorted(self._waiting.pop(partition)).unify_dictionaries().cast(self._file_schema)
        with service_errors(f"writing rows of {'.'.join(self._table.name())}", self._table.location()):
            file = self._open.pop(partition, None) or self._new_file(partition)
            self._open[partition] = file  # the last is the most recently used
            file.write(rows)
            if file.bytes_written >= self._target_bytes:
                self._finish(partition)
            elif len(self._open) > OPEN_FILES:
                self._finish(next(iter(self._open)))

    def _new_file(self, partition: Record) -> _ParquetFile:
        return _ParquetFile(self._table, partition, self._file_schema, self._repeating or [], self._order)

    def _finish(self, partition: Record) -> None:
        with service_errors(f"finishing a data file of {'.'.join(self._table.name())}", self._table.location()):
            self._finished.append(self._open[partition].close())
        del self._open[partition]


class _ParquetFile:
    """One data file that is being uploaded."""

    def __init__(
        self, table: Table, partition: Record, schema: pa.Schema, repeating: list[str] | bool, order: RowOrder
    ) -> None:
        self._table = table
        self._partition = partition
        self._order = order
        self._writes = 0
        name = f"{uuid.uuid4()}.parquet"
        if table.spec().fields:
            name = f"{table.spec().partition_to_path(partition, table.schema())}/{name}"
        self.location = table.location_provider().new_data_location(name)
        # A uuid in the name makes the look for an older file of that name a wasted request.
        self._stream = table.io.new_output(self.location).create(overwrite=True)
        self._writer = pq.ParquetWriter(
            self._stream,
            schema,
            compression="zstd",
            compression_level=1,
            use_dictionary=repeating,
            store_decimal_as_integer=True,
            store_schema=False,
            write_batch_size=_WRITE_BATCH_ROWS,
        )

    @property
    def bytes_written(self) -> int:
        """Encoded bytes so far, the footer not counted."""
        position: int = self._stream.tell()
        return position

    def write(self, rows: pa.Table) -> None:
        self._writes += 1
        self._writer.write_table(rows, row_group_size=ROW_GROUP_ROWS)

    def close(self) -> DataFile:
        self._writer.close()
        size = self.bytes_written
        self._stream.close()
        table = self._table
        metadata = self._writer.writer.metadata
        statistics = data_file_statistics_from_parquet_metadata(
            parquet_metadata=metadata,
            stats_columns=compute_statistics_plan(table.schema(), table.properties),
            parquet_column_mapping=parquet_path_to_id_mapping(table.schema()),
        )
        for field_id in _without_full_bounds(metadata, table):
            statistics.column_aggregates.pop(field_id, None)
        return DataFile.from_args(
            content=DataFileContent.DATA,
            file_path=self.location,
            file_format=FileFormat.PARQUET,
            partition=self._partition,
            file_size_in_bytes=size,
            sort_order_id=self._order.order_id if self._order.keys and self._writes == 1 else None,
            spec_id=table.spec().spec_id,
            equality_ids=None,
            key_metadata=None,
            **statistics.to_serialized_dict(),
        )

    def abandon(self) -> None:
        # Closed, not left open: the store keeps the parts of an unfinished upload out of maintenance's sight.
        with suppress(Exception):
            self._writer.close()
        with suppress(Exception):
            self._stream.close()


def _without_full_bounds(metadata: pq.FileMetaData, table: Table) -> set[int]:
    """Return the field ids of columns that have values in a row group without bounds.

    Parquet keeps no bounds of a chunk whose smallest or largest value is over 4 KiB, and pyiceberg passes over such a
    chunk: the file's bounds would be those of its other row groups, and readers would skip rows that match.
    """
    ids = parquet_path_to_id_mapping(table.schema())
    found = set()
    for group in range(metadata.num_row_groups):
        for position in range(metadata.num_columns):
            chunk = metadata.row_group(group).column(position)
            statistics = chunk.statistics
            if statistics and not statistics.has_min_max and statistics.num_values:
                found.add(ids[chunk.path_in_schema])
    return found


def _with_field_ids(schema: pa.Schema, table: Table) -> pa.Schema:
    """Return `schema` with the table's field ids, which is how Iceberg tells a file's columns."""
    live = schema_to_pyarrow(table.schema(), include_field_ids=True)
    return pa.schema([_with_id(field, live.field(field.name)) for field in schema])


def _with_id(field: pa.Field, live: pa.Field) -> pa.Field:
    kind = field.type
    if pa.types.is_map(kind):
        kind = pa.map_(_with_id(kind.key_field, live.type.key_field), _with_id(kind.item_field, live.type.item_field))
    elif isinstance(live.type, pa.UuidType):
        kind = live.type
    return pa.field(field.name, kind, field.nullable, {_FIELD_ID: live.metadata[_FIELD_ID]})


def _bytes(tables: list[pa.Table]) -> int:
    return sum(table.nbytes for table in tables)
