"""Write rows into Parquet files under a table's data location, in bounded memory.

The settings are measured (docs/performance.md): zstd level 1, dictionary encoding only where values repeat, row groups
limited by rows and by bytes, and multipart uploads whose parts are sent while the rest is not yet encoded.
"""

from __future__ import annotations

import uuid
from contextlib import suppress
from datetime import UTC, datetime, timedelta
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
from growth_verticals.catalog.upload_stream import UploadStream
from growth_verticals.contract.schema import arrow_schema
from growth_verticals.tables.dictionaries import constant_array, dictionary_columns, with_dictionary_types
from growth_verticals.tables.partition import split_by_partition
from growth_verticals.tables.sort_order import RowOrder

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyiceberg.table import Table
    from pyiceberg.typedef import Record

    from growth_verticals.contract.table import TableContract

ROW_GROUP_ROWS = 131_072
ROW_GROUP_BYTES = 48 * 2**20
#: The limit for tables with a sort order, because sorting holds the rows in memory twice.
SORTED_GROUP_BYTES = 32 * 2**20
#: Limits when the rows belong to several partitions: bytes buffered in memory, and open uploads.
MAX_BUFFERED_BYTES = 64 * 2**20
MAX_OPEN_UPLOADS = 4

_WRITE_BATCH_ROWS = 16_384
_FIELD_ID = b"PARQUET:field_id"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def provenance_values(period_key: str, file_name: str, sha256: str, staged_at: int) -> dict[str, Any]:
    """Return the provenance columns that are the same for all rows of one staging of a file, with their values.

    :param staged_at: microseconds since 1970, which names the staging.
    """
    return {
        "delivery_period": period_key,
        "source_file": file_name,
        "source_file_sha256": sha256,
        "staged_at": _EPOCH + timedelta(microseconds=staged_at),
    }


class DataFileWriter:
    """Writes batches of landed files' rows as data files of `table`. For one thread at a time.

    Rows are sorted within a row group by the table's sort order; a file with one row group is marked as sorted.
    Memory: one row group (48 MiB of Arrow data, or 32 MiB twice if sorted) and its encoded form. A table that is
    partitioned by more than provenance needs 64 MiB more, and four uploads of 10 MiB each. After a failure, the files
    that are already written remain in the store; no snapshot refers to them.
    """

    def __init__(self, table: Table, contract: TableContract) -> None:
        self._table = table
        self._order = RowOrder.of(table)
        self._arrow_schema = with_dictionary_types(arrow_schema(contract.all_columns), self._order)
        self._file_schema = _with_field_ids(self._arrow_schema, table)
        self._target_bytes: int = property_as_int(  # type: ignore[assignment] # the default is a number
            table.properties,
            TableProperties.WRITE_TARGET_FILE_SIZE_BYTES,
            TableProperties.WRITE_TARGET_FILE_SIZE_BYTES_DEFAULT,
        )
        self._batches: list[pa.Table] = []
        self._batch_rows = self._batch_bytes = 0
        self._buffers: dict[Record, list[pa.Table]] = {}
        self._open_files: dict[Record, _ParquetFile] = {}
        self._dictionary_columns: list[str] | bool | None = None
        self._data_files: list[DataFile] = []

    def write(self, batch: pa.RecordBatch, provenance: Mapping[str, Any]) -> None:
        """Add rows: the contract's own columns and `source_row`, by name. Raises `ServiceError` if the store fails.

        :param provenance: the provenance columns that are the same for every row of the batch, with their values.
        """
        self._batches.append(self._with_provenance(batch, provenance))
        self._batch_rows += batch.num_rows
        self._batch_bytes += batch.nbytes
        max_bytes = SORTED_GROUP_BYTES if self._order.keys else ROW_GROUP_BYTES
        if self._batch_rows >= ROW_GROUP_ROWS or self._batch_bytes >= max_bytes:
            self._flush_batches()

    def close(self) -> list[DataFile]:
        """Write the remaining rows, finish the uploads, and return the data files; an empty list without rows."""
        if self._batches:
            self._flush_batches()
        while self._buffers:
            self._write_largest_buffer()
        while self._open_files:
            self._close_file(next(iter(self._open_files)))
        return self._data_files

    def abort(self) -> list[str]:
        """End the open uploads, whatever their state, and return the URIs of all files written so far. Never raises.

        No snapshot refers to these files, so the table bucket's unreferenced file removal deletes them.
        """
        uris = [data_file.file_path for data_file in self._data_files]
        for file in self._open_files.values():
            file.abort()
            uris.append(file.location)
        self._open_files.clear()
        return uris

    def _flush_batches(self) -> None:
        partitions = self._buffer_by_partition()
        while self._buffers and (
            partitions == 1 or sum(map(_total_bytes, self._buffers.values())) > MAX_BUFFERED_BYTES
        ):
            self._write_largest_buffer()

    def _buffer_by_partition(self) -> int:
        """Move the batches' rows into the buffers of their partitions; return the number of partitions."""
        rows = pa.concat_tables(self._batches)
        self._batches, self._batch_rows, self._batch_bytes = [], 0, 0
        if self._dictionary_columns is None:
            self._dictionary_columns = dictionary_columns(rows)
        partitions = 0
        for partition, partition_rows in split_by_partition(rows, self._table.spec(), self._table.schema()):
            self._buffers.setdefault(partition, []).append(partition_rows)
            partitions += 1
        return partitions

    def _with_provenance(self, rows: pa.RecordBatch, provenance: Mapping[str, Any]) -> pa.Table:
        columns = [
            constant_array(provenance[field.name], field.type, rows.num_rows)
            if field.name in provenance
            else _as_type(rows.column(field.name), field.type)
            for field in self._arrow_schema
        ]
        return pa.Table.from_arrays(columns, schema=self._arrow_schema)

    def _write_largest_buffer(self) -> None:
        partition = next(iter(self._buffers))
        if len(self._buffers) > 1:
            partition = max(self._buffers, key=lambda key: _total_bytes(self._buffers[key]))
        rows = self._order.sorted(self._buffers.pop(partition)).unify_dictionaries().cast(self._file_schema)
        with service_errors(f"writing rows of {'.'.join(self._table.name())}", self._table.location()):
            file = self._open_files.pop(partition, None) or self._new_file(partition)
            self._open_files[partition] = file  # the last one is the most recently used
            file.write(rows)
            if file.bytes_written >= self._target_bytes:
                self._close_file(partition)
            elif len(self._open_files) > MAX_OPEN_UPLOADS:
                self._close_file(next(iter(self._open_files)))

    def _new_file(self, partition: Record) -> _ParquetFile:
        return _ParquetFile(self._table, partition, self._file_schema, self._dictionary_columns or [], self._order)

    def _close_file(self, partition: Record) -> None:
        with service_errors(f"finishing a data file of {'.'.join(self._table.name())}", self._table.location()):
            self._data_files.append(self._open_files[partition].close())
        del self._open_files[partition]


class _ParquetFile:
    """One data file while it is uploaded."""

    def __init__(
        self, table: Table, partition: Record, schema: pa.Schema, dictionary_columns: list[str] | bool, order: RowOrder
    ) -> None:
        self._table = table
        self._partition = partition
        self._order = order
        self._writes = 0
        name = f"{uuid.uuid4()}.parquet"
        if table.spec().fields:
            name = f"{table.spec().partition_to_path(partition, table.schema())}/{name}"
        self.location = table.location_provider().new_data_location(name)
        # The name has a UUID, so a check for an existing file of that name would be a wasted request.
        self._stream = table.io.new_output(self.location).create(overwrite=True)
        self._writer = pq.ParquetWriter(
            self._stream,
            schema,
            compression="zstd",
            compression_level=1,
            use_dictionary=dictionary_columns,
            store_decimal_as_integer=True,
            store_schema=False,
            write_batch_size=_WRITE_BATCH_ROWS,
        )

    @property
    def bytes_written(self) -> int:
        """Encoded bytes so far, without the footer."""
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
        for field_id in _fields_with_partial_bounds(metadata, table):
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

    def abort(self) -> None:
        if isinstance(self._stream, UploadStream):
            self._stream.abort()
        # With another FileIO, finish the file: maintenance does not see the parts of an unfinished upload.
        with suppress(Exception):
            self._writer.close()
        with suppress(Exception):
            self._stream.close()


def _fields_with_partial_bounds(metadata: pq.FileMetaData, table: Table) -> set[int]:
    """Return the field ids of columns that have values but no bounds in at least one row group.

    Parquet stores no bounds of a column chunk whose smallest or largest value is over 4 KiB, and pyiceberg ignores
    such a chunk. The file's bounds would come from its other row groups alone, and readers would skip matching rows.
    """
    ids = parquet_path_to_id_mapping(table.schema())
    partial = set()
    for group in range(metadata.num_row_groups):
        for position in range(metadata.num_columns):
            chunk = metadata.row_group(group).column(position)
            statistics = chunk.statistics
            if statistics and not statistics.has_min_max and statistics.num_values:
                partial.add(ids[chunk.path_in_schema])
    return partial


def _with_field_ids(schema: pa.Schema, table: Table) -> pa.Schema:
    """Return `schema` with the table's field ids, by which Iceberg finds a file's columns."""
    table_schema = schema_to_pyarrow(table.schema(), include_field_ids=True)
    return pa.schema([_with_id(field, table_schema.field(field.name)) for field in schema])


def _with_id(field: pa.Field, table_field: pa.Field) -> pa.Field:
    arrow_type, table_type = field.type, table_field.type
    if pa.types.is_map(arrow_type):
        arrow_type = pa.map_(
            _with_id(arrow_type.key_field, table_type.key_field),
            _with_id(arrow_type.item_field, table_type.item_field),
        )
    elif isinstance(table_type, pa.UuidType):
        arrow_type = table_type
    return pa.field(field.name, arrow_type, field.nullable, {_FIELD_ID: table_field.metadata[_FIELD_ID]})


def _total_bytes(tables: list[pa.Table]) -> int:
    return sum(table.nbytes for table in tables)


def _as_type(array: pa.Array, arrow_type: pa.DataType) -> pa.Array:
    if array.type == arrow_type:
        return array
    if isinstance(array.type, pa.ExtensionType):
        array = array.storage
    return array.cast(arrow_type)
