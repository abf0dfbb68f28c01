"""A staged manifest carries data files from one task to another, and is refused where it would break the table."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest
from pyiceberg.manifest import DataFile
from pyiceberg.table import Table

from growth_verticals.contract.table import Column
from growth_verticals.errors import DeliveryRefusedError
from growth_verticals.tables.staged import read_staged_manifest, write_staged_manifest
from growth_verticals.tables.writer import DataFileWriter

from .conftest import MakeTable


@pytest.fixture
def staged(make_table: MakeTable) -> tuple[Table, list[DataFile]]:
    table, contract = make_table(Column(name="n", type="int"), Column(name="m", type="map<string, string>"))
    maps = {"m": pa.array([None] * 3, pa.map_(pa.string(), pa.string()))}
    sink = DataFileWriter(table, contract)
    constants = {
        "delivery_period": "2026Q4",
        "source_file": "toy.csv",
        "source_file_sha256": "a" * 64,
        "staged_at": datetime(2026, 11, 22, tzinfo=UTC),
    }
    numbers = {"n": pa.array([1, 2, None], pa.int32()), "source_row": pa.array([2, 3, 4])}
    sink.write(pa.record_batch({**numbers, **maps}), constants)
    return table, sink.close()


def contents(data_file: DataFile) -> list[Any]:
    facts = [data_file.file_path, data_file.partition, data_file.record_count, data_file.file_size_in_bytes]
    counts = [data_file.column_sizes, data_file.value_counts, data_file.null_value_counts]
    return facts + [dict(values) for values in (*counts, data_file.lower_bounds, data_file.upper_bounds)]


def test_data_files_come_back_as_they_were_written(staged: tuple[Table, list[DataFile]]):
    table, written = staged
    uri = write_staged_manifest(table, written)
    assert uri is not None
    assert uri.startswith(f"{table.location()}/metadata/")
    read = read_staged_manifest(table, uri, "toy")
    assert [contents(data_file) for data_file in read] == [contents(data_file) for data_file in written]
    assert [data_file.spec_id for data_file in read] == [table.spec().spec_id]
    assert table.current_snapshot() is None


def test_no_data_file_makes_no_manifest(staged: tuple[Table, list[DataFile]]):
    assert write_staged_manifest(staged[0], []) is None
    assert read_staged_manifest(staged[0], None, "toy") == []


@pytest.mark.parametrize("gone", ["manifest", "data file"])
def test_what_maintenance_removed_is_not_committed(staged: tuple[Table, list[DataFile]], gone: str):
    table, written = staged
    uri = write_staged_manifest(table, written)
    assert uri is not None
    table.io.delete(uri if gone == "manifest" else written[0].file_path)
    with pytest.raises(
        DeliveryRefusedError, match=f"staged {gone} does not exist any more.*Next: clear the stage task"
    ):
        read_staged_manifest(table, uri, "toy")


def test_a_table_partitioned_anew_is_not_given_files_of_the_old_partitioning(staged: tuple[Table, list[DataFile]]):
    table, written = staged
    uri = write_staged_manifest(table, written)
    with table.update_spec() as update:
        update.add_identity("n")
    with pytest.raises(DeliveryRefusedError, match="repartitioned"):
        read_staged_manifest(table.refresh(), uri, "toy")


def test_a_manifest_of_another_table_is_refused(staged: tuple[Table, list[DataFile]], make_table: MakeTable):
    uri = write_staged_manifest(*staged)
    other, _ = make_table(Column(name="n", type="int"))
    with pytest.raises(DeliveryRefusedError, match="was replaced"):
        read_staged_manifest(other, uri, "toy")
