"""`DataFileWriter` writes the files that Iceberg readers expect, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyiceberg.conversions import from_bytes
from pyiceberg.manifest import DataFile
from pyiceberg.table import Table
from pyiceberg.typedef import Record

from growth_verticals.contract.table import Column, TableContract
from growth_verticals.tables import dictionaries, writer
from growth_verticals.tables.writer import DataFileWriter

from .conftest import MakeTable

SHA = "5e" * 32
FILE_COLUMNS = ("source_file", "source_file_sha256", "delivery_period")
PROVENANCE = {
    "delivery_period": "2026Q4",
    "source_file": "toy.csv",
    "source_file_sha256": SHA,
    "staged_at": datetime(2026, 11, 22, 12, tzinfo=UTC),
}


def batch(**columns: pa.Array) -> pa.RecordBatch:
    rows = len(next(iter(columns.values())))
    return pa.record_batch({**columns, "source_row": pa.array(range(2, rows + 2), pa.int64())})


def strings(values: list[str | None]) -> pa.Array:
    return pa.array(values, pa.string())


def write(table: Table, contract: TableContract, *batches: pa.RecordBatch) -> list[DataFile]:
    file_writer = DataFileWriter(table, contract)
    for rows in batches:
        file_writer.write(rows, PROVENANCE)
    return file_writer.close()


def append(table: Table, data_files: list[DataFile]) -> list[dict[str, Any]]:
    """Append the files to the table and return its rows as pyiceberg reads them."""
    with table.transaction() as transaction, transaction.update_snapshot().fast_append() as snapshot:
        for data_file in data_files:
            snapshot.append_data_file(data_file)
    return table.refresh().scan().to_arrow().to_pylist()


def bounds(table: Table, data_file: DataFile, column: str) -> tuple[Any, Any] | None:
    field = table.schema().find_field(column)
    if field.field_id not in data_file.lower_bounds:
        return None
    lower, upper = data_file.lower_bounds[field.field_id], data_file.upper_bounds[field.field_id]
    return from_bytes(field.field_type, lower), from_bytes(field.field_type, upper)


def test_values_of_every_type_are_read_back_unchanged(make_table: MakeTable):
    values: dict[str, tuple[str, pa.DataType, Any]] = {
        "a_string": ("string", pa.string(), "01234"),
        "an_int": ("int", pa.int32(), -(2**31)),
        "a_long": ("long", pa.int64(), 2**63 - 1),
        "a_float": ("float", pa.float32(), 0.5),
        "a_double": ("double", pa.float64(), 1e300),
        "a_boolean": ("boolean", pa.bool_(), True),
        "a_date": ("date", pa.date32(), date(1, 1, 1)),
        "a_timestamp": ("timestamp", pa.timestamp("us"), datetime.max),  # noqa: DTZ901
        "an_instant": ("timestamptz", pa.timestamp("us", "UTC"), datetime(1, 1, 1, tzinfo=UTC)),
        "a_binary": ("binary", pa.binary(), b"\x00\xff"),
        "a_small_decimal": ("decimal(9, 2)", pa.decimal128(9, 2), Decimal("-1234567.89")),
        "a_large_decimal": ("decimal(38, 4)", pa.decimal128(38, 4), Decimal("-" + "9" * 34 + ".0001")),
        "a_map": ("map<string, string>", pa.map_(pa.string(), pa.string()), [("key", "value"), ("none", None)]),
    }
    columns = [Column(name=name, type=iceberg_type) for name, (iceberg_type, _, _) in values.items()]
    table, contract = make_table(*columns)
    rows = batch(**{name: pa.array([value, None], arrow_type) for name, (_, arrow_type, value) in values.items()})
    [data_file] = write(table, contract, rows)
    first, second = append(table, [data_file])
    assert {name: first[name] for name in values} == {name: value for name, (_, _, value) in values.items()}
    assert all(second[name] is None for name in values)
    assert {name: second[name] for name in PROVENANCE} == PROVENANCE
    assert (first["source_row"], second["source_row"]) == (2, 3)


def test_a_uuid_column_is_read_back_as_uuids(make_table: MakeTable):
    table, contract = make_table(Column(name="id", type="uuid"))
    [data_file] = write(table, contract, batch(id=pa.array([b"\x01" * 16], pa.binary(16))))
    assert [str(row["id"]) for row in append(table, [data_file])] == ["01010101-0101-0101-0101-010101010101"]


def test_a_data_file_has_counts_bounds_and_its_partition(make_table: MakeTable):
    full = {"write.metadata.metrics.column.source_file_sha256": "full"}
    table, contract = make_table(Column(name="state", type="string"), Column(name="n", type="int"), properties=full)
    rows = batch(state=strings(["NY", None, "OH"]), n=pa.array([3, -1, 2], pa.int32()))
    [data_file] = write(table, contract, rows)
    ids = {field.name: field.field_id for field in table.schema().fields}
    assert data_file.record_count == 3
    assert data_file.partition == Record("2026Q4")
    assert data_file.null_value_counts[ids["state"]] == 1
    assert bounds(table, data_file, "state") == ("NY", "OH")
    assert bounds(table, data_file, "n") == (-1, 3)
    assert bounds(table, data_file, "source_file_sha256") == (SHA, SHA)
    assert data_file.file_size_in_bytes == len(table.io.new_input(data_file.file_path))
    assert "/delivery_period=2026Q4/" in data_file.file_path


def test_columns_have_the_tables_field_ids(make_table: MakeTable):
    table, contract = make_table(Column(name="state", type="string"), Column(name="m", type="map<string, string>"))
    maps = pa.array([[("a", "b")]], pa.map_(pa.string(), pa.string()))
    [data_file] = write(table, contract, batch(state=strings(["NY"]), m=maps))
    with table.io.new_input(data_file.file_path).open() as stream:
        schema = pq.ParquetFile(stream).schema_arrow
    field_ids = {field.name: int(field.metadata[b"PARQUET:field_id"]) for field in schema}
    assert field_ids == {field.name: field.field_id for field in table.schema().fields}
    key = schema.field("m").type.key_field
    assert int(key.metadata[b"PARQUET:field_id"]) == table.schema().find_field("m.key").field_id


def test_a_column_with_a_value_too_long_for_parquet_statistics_has_no_bounds(
    make_table: MakeTable, monkeypatch: pytest.MonkeyPatch
):
    # Row group 1 has bounds and row group 2 has none, so the bounds of row group 1 are not those of the file.
    monkeypatch.setattr(writer, "ROW_GROUP_ROWS", 1)
    table, contract = make_table(Column(name="text", type="string"), Column(name="other", type="string"))
    [data_file] = write(
        table,
        contract,
        batch(text=strings(["m"]), other=strings(["m"])),
        batch(text=strings(["z" * 5000]), other=strings([None])),
    )
    assert bounds(table, data_file, "text") is None
    assert bounds(table, data_file, "other") == ("m", "m")
    append(table, [data_file])
    assert table.scan(row_filter=f"text = '{'z' * 5000}'").to_arrow().num_rows == 1


def test_without_rows_there_is_no_file(make_table: MakeTable):
    table, contract = make_table(Column(name="state", type="string"))
    assert write(table, contract) == []


def test_a_new_file_starts_when_one_reaches_the_target_size(make_table: MakeTable, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(writer, "ROW_GROUP_ROWS", 10)
    table, contract = make_table(Column(name="state", type="string"), properties={"write.target-file-size-bytes": "1"})
    data_files = write(table, contract, *(batch(state=strings(["NY"] * 10)) for _ in range(3)))
    assert [data_file.record_count for data_file in data_files] == [10, 10, 10]
    assert len(append(table, data_files)) == 30


def test_row_groups_are_limited_by_bytes(make_table: MakeTable, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(writer, "ROW_GROUP_BYTES", 4000)
    table, contract = make_table(Column(name="text", type="string"))
    [data_file] = write(table, contract, *(batch(text=strings(["x" * 1000] * 2)) for _ in range(6)))
    with table.io.new_input(data_file.file_path).open() as stream:
        metadata = pq.ParquetFile(stream).metadata
    assert [metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)] == [4, 4, 4]


def read_back(table: Table, data_file: DataFile, column: str) -> list[list[Any]]:
    """Return a column's values, row group by row group."""
    with table.io.new_input(data_file.file_path).open() as stream:
        file = pq.ParquetFile(stream)
        return [file.read_row_group(group).column(column).to_pylist() for group in range(file.num_row_groups)]


def test_rows_are_sorted_within_a_row_group_and_a_file_with_one_row_group_is_marked_as_sorted(
    make_table: MakeTable, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(writer, "ROW_GROUP_ROWS", 4)
    columns = (Column(name="state", type="string"), Column(name="n", type="int"))
    table, contract = make_table(*columns, sort_by=("state", "n"))
    first = batch(state=strings(["TX", None, "NY", "NY"]), n=pa.array([1, 2, 4, 3], pa.int32()))
    [one] = write(table, contract, first)
    assert read_back(table, one, "state") == [["NY", "NY", "TX", None]]
    assert read_back(table, one, "n") == [[3, 4, 1, 2]]
    assert read_back(table, one, "source_row") == [[5, 4, 2, 3]]
    assert one.sort_order_id == table.sort_order().order_id
    [two] = write(table, contract, first, first)
    assert read_back(table, two, "state") == [["NY", "NY", "TX", None]] * 2
    assert two.sort_order_id is None


@pytest.mark.parametrize(
    ("partition_by", "sort_by"),
    [
        ((), ()),
        (("delivery_period",), ("state",)),
        (("delivery_period",), ("source_file", "state")),
        (("source_file",), ()),
        (("state",), ("source_file",)),
    ],
)
def test_rows_of_several_files_in_one_row_group_keep_their_provenance(
    make_table: MakeTable, partition_by: tuple[str, ...], sort_by: tuple[str, ...]
):
    table, contract = make_table(Column(name="state", type="string"), partition_by=partition_by, sort_by=sort_by)
    file_writer = DataFileWriter(table, contract)
    rows = batch(state=strings(["TX", "NY"]))
    for number in (3, 1, 2, 1):
        file_writer.write(
            rows, PROVENANCE | {"source_file": f"toy-{number}.csv", "source_file_sha256": f"{number}e" * 32}
        )
    found = append(table, file_writer.close())
    expected = sorted((f"toy-{n}.csv", f"{n}e" * 32, "2026Q4", state) for n in (1, 1, 2, 3) for state in ("NY", "TX"))
    assert sorted(tuple(row[n] for n in (*FILE_COLUMNS, "state")) for row in found) == expected
    if sort_by[:1] == ("source_file",) and partition_by == ("delivery_period",):
        assert [(row["source_file"], row["state"]) for row in found] == [
            (file, state) for file, _, _, state in expected
        ]


def test_a_table_without_a_sort_order_keeps_the_order_of_its_rows(make_table: MakeTable):
    table, contract = make_table(Column(name="state", type="string"))
    [data_file] = write(table, contract, batch(state=strings(["TX", None, "NY"])))
    assert read_back(table, data_file, "state") == [["TX", None, "NY"]]
    assert data_file.sort_order_id is None


@pytest.mark.parametrize(("sample_rows", "unique_has_dictionary"), [(100, False), (101, True)])
def test_columns_with_repeated_values_are_dictionary_encoded_and_in_small_files_all_columns(
    make_table: MakeTable, monkeypatch: pytest.MonkeyPatch, sample_rows: int, unique_has_dictionary: bool
):
    monkeypatch.setattr(dictionaries, "_SAMPLE_ROWS", sample_rows)
    table, contract = make_table(Column(name="state", type="string"), Column(name="person_id", type="string"))
    rows = batch(state=strings(["NY", "OH"] * 50), person_id=strings([f"P{n}" for n in range(100)]))
    [data_file] = write(table, contract, rows)
    with table.io.new_input(data_file.file_path).open() as stream:
        group = pq.ParquetFile(stream).metadata.row_group(0)
    has_dictionary = {
        group.column(n).path_in_schema: group.column(n).has_dictionary_page for n in range(group.num_columns)
    }
    assert (has_dictionary["state"], has_dictionary["person_id"]) == (True, unique_has_dictionary)
    assert has_dictionary["source_file_sha256"]


@pytest.fixture
def low_limits(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(writer, "ROW_GROUP_ROWS", 100)
    monkeypatch.setattr(writer, "MAX_BUFFERED_BYTES", 2000)
    monkeypatch.setattr(writer, "MAX_OPEN_UPLOADS", 2)


@pytest.mark.usefixtures("low_limits")
def test_many_partitions_keep_few_files_open_and_lose_no_row(make_table: MakeTable):
    table, contract = make_table(Column(name="state", type="string"), partition_by=("delivery_period", "state"))
    file_writer, most_open = DataFileWriter(table, contract), 0
    for block in range(20):
        file_writer.write(batch(state=strings([f"S{(block + n) % 12}" for n in range(60)])), PROVENANCE)
        most_open = max(most_open, len(file_writer._open_files))
    data_files = file_writer.close()
    assert most_open == 2
    rows = append(table, data_files)
    assert len(rows) == 20 * 60
    assert {data_file.partition for data_file in data_files} == {Record("2026Q4", f"S{n}") for n in range(12)}
    # A read of one partition returns exactly its rows: no row is in another partition's file.
    for state in ("S0", "S11"):
        found = table.scan(row_filter=f"state = '{state}'").to_arrow().num_rows
        assert found == sum(row["state"] == state for row in rows) > 0


def test_aborted_uploads_leave_no_open_file(make_table: MakeTable, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(writer, "ROW_GROUP_ROWS", 1)
    table, contract = make_table(Column(name="state", type="string"))
    file_writer = DataFileWriter(table, contract)
    file_writer.write(batch(state=strings(["NY"])), PROVENANCE)
    [file] = file_writer._open_files.values()
    assert file_writer.abort() == [file.location]
    assert file._stream.closed
    assert file_writer.abort() == []


@pytest.mark.parametrize("partition_by", [("delivery_period",), ("delivery_period", "state")])
def test_memory_does_not_grow_with_the_number_of_rows(
    make_table: MakeTable, monkeypatch: pytest.MonkeyPatch, partition_by: tuple[str, ...]
):
    monkeypatch.setattr(writer, "ROW_GROUP_BYTES", 2**20)
    monkeypatch.setattr(writer, "MAX_BUFFERED_BYTES", 2**20)
    table, contract = make_table(
        Column(name="state", type="string"), Column(name="text", type="string"), partition_by=partition_by
    )
    rows = batch(state=strings([f"S{n % 30}" for n in range(500)]), text=strings([f"{n:01000}" for n in range(500)]))
    pool, measured_pool = pa.default_memory_pool(), pa.proxy_memory_pool(pa.default_memory_pool())
    pa.set_memory_pool(measured_pool)
    try:
        data_files = write(table, contract, *[rows] * 100)
    finally:
        pa.set_memory_pool(pool)
    assert sum(data_file.record_count for data_file in data_files) == 50_000
    assert 2**20 < measured_pool.max_memory() < 15 * 2**20 < 100 * rows.nbytes  # 50 MB were written
