"""Rows are removed exactly and in bounded memory: also from data files that hold other files' rows."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyiceberg.table import Table

from growth_verticals.contract.table import Column, TableContract
from growth_verticals.tables import writer as writer_module
from growth_verticals.tables.ledger import count_loaded_rows, loaded_stagings
from growth_verticals.tables.rewrite import without_rows
from growth_verticals.tables.writer import DataFileWriter, provenance_values

from .conftest import MakeTable

A, B = "a" * 64, "b" * 64
FIRST, SECOND = 1_795_000_000_000_000, 1_795_000_000_000_001
PERIOD = "2026Q4"
COLUMNS = (
    Column(name="name", type="string", required=True),
    Column(name="amount", type="decimal(9, 2)"),
    Column(name="born", type="date"),
    Column(name="key", type="uuid"),
    Column(name="extra", type="map<string, string>"),
)


def rows(count: int, start: int = 0) -> pa.RecordBatch:
    numbers = range(start, start + count)
    return pa.record_batch(
        {
            "name": pa.array([f"person {number}" for number in numbers], pa.string()),
            "amount": pa.array([Decimal(number) / 100 for number in numbers], pa.decimal128(9, 2)),
            "born": pa.array([date(1964, 2, 29) + timedelta(days=number) for number in numbers], pa.date32()),
            "key": pa.array([number.to_bytes(16, "big") for number in numbers], pa.binary(16)),
            "extra": pa.array([[("n", str(number))] for number in numbers], pa.map_(pa.string(), pa.string())),
            "source_row": pa.array(list(numbers), pa.int64()),
        }
    )


def append(table: Table, contract: TableContract, *parts: tuple[str, int, pa.RecordBatch]) -> None:
    """Append the parts (digest, staging, rows) in one data file."""
    writer = DataFileWriter(table, contract)
    for digest, staging, batch in parts:
        writer.write(batch, provenance_values(PERIOD, "a.csv", digest, staging))
    with table.transaction() as transaction, transaction.update_snapshot().fast_append() as fast_append:
        for data_file in writer.close():
            fast_append.append_data_file(data_file)
    table.refresh()


def remove(table: Table, contract: TableContract, stagings: dict[str, set[int] | None]) -> None:
    replacement = without_rows(table, contract, PERIOD, stagings)
    with table.transaction() as transaction:
        replacement.apply(transaction, {})
    table.refresh()


@pytest.fixture
def made(make_table: MakeTable) -> tuple[Table, TableContract]:
    return make_table(*COLUMNS)


def test_rows_of_one_file_leave_a_shared_data_file_and_the_others_keep_every_value(made: tuple[Table, TableContract]):
    table, contract = made
    append(table, contract, (B, FIRST, rows(3)))
    expected = table.scan().to_arrow().to_pylist()
    table.delete()
    append(table, contract, (A, FIRST, rows(5, start=50)), (B, FIRST, rows(3)))
    remove(table, contract, {A: None})
    assert table.scan().to_arrow().to_pylist() == expected
    assert len(list(table.scan().plan_files())) == 1


def test_only_the_rows_of_the_named_stagings_are_removed(made: tuple[Table, TableContract]):
    table, contract = made
    append(table, contract, (A, FIRST, rows(2)), (A, SECOND, rows(3)), (B, FIRST, rows(4)))
    remove(table, contract, {A: {FIRST}})
    assert loaded_stagings(table, PERIOD, {A, B}) == {A: {SECOND}, B: {FIRST}}
    assert count_loaded_rows(table, PERIOD, {A}) == 3


def test_a_data_file_without_such_rows_stays_and_one_with_nothing_else_is_dropped(made: tuple[Table, TableContract]):
    table, contract = made
    append(table, contract, (A, FIRST, rows(2)))
    append(table, contract, (B, FIRST, rows(2)))
    [kept] = [task.file.file_path for task in table.scan(row_filter=f"source_file_sha256 == '{B}'").plan_files()]
    replacement = without_rows(table, contract, PERIOD, {A: None})
    assert (len(replacement.removed), replacement.added) == (1, [])
    remove(table, contract, {A: None})
    assert [task.file.file_path for task in table.scan().plan_files()] == [kept]


def test_a_renamed_column_is_found_in_older_data_files(made: tuple[Table, TableContract]):
    table, contract = made
    append(table, contract, (A, FIRST, rows(2)), (B, SECOND, rows(2)))
    with table.update_schema() as update:
        update.rename_column("staged_at", "loaded_at")
    with table.update_schema() as update:
        update.rename_column("loaded_at", "staged_at")
    path = next(iter(table.scan().plan_files())).file.file_path.removeprefix("file://")
    renamed = pq.read_table(path).rename_columns(
        ["loaded_at" if name == "staged_at" else name for name in pq.read_schema(path).names]
    )
    pq.write_table(renamed.cast(_with_ids(renamed.schema, pq.read_schema(path))), path)
    assert loaded_stagings(table, PERIOD, {A, B}) == {A: {FIRST}, B: {SECOND}}


def _with_ids(schema: pa.Schema, ids: pa.Schema) -> pa.Schema:
    return pa.schema([field.with_metadata(with_id.metadata) for field, with_id in zip(schema, ids, strict=True)])


@pytest.fixture
def memory_pool() -> Iterator[pa.MemoryPool]:
    """Arrow's memory pool, which is put back after a test that sets another."""
    before = pa.default_memory_pool()
    yield before
    pa.set_memory_pool(before)


def test_memory_is_bounded_by_row_groups_not_by_the_data_file(
    make_table: MakeTable, monkeypatch: pytest.MonkeyPatch, memory_pool: pa.MemoryPool
):
    monkeypatch.setattr(writer_module, "ROW_GROUP_ROWS", 2_000)
    table, contract = make_table(*COLUMNS)
    batch = rows(2_000)
    append(table, contract, *((digest, FIRST, batch) for digest in (A, B) * 50))
    [task] = table.scan().plan_files()
    assert task.file.record_count == 200_000
    whole = batch.nbytes * 100
    pool = pa.proxy_memory_pool(memory_pool)  # its peak starts here
    pa.set_memory_pool(pool)
    replacement = without_rows(table, contract, PERIOD, {A: None})
    assert sum(data_file.record_count for data_file in replacement.added) == 100_000
    assert pool.max_memory() < whole / 4
