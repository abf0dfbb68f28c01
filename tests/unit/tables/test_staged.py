"""A staged manifest passes data files from one task to another, and is refused if it would break the table."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest
from pyiceberg.manifest import DataFile
from pyiceberg.table import Table
from pyiceberg.types import LongType

from growth_verticals.contract.table import Column
from growth_verticals.errors import DeliveryRefusedError
from growth_verticals.tables.staged import read_staged_manifest, write_staged_manifest
from growth_verticals.tables.writer import DataFileWriter

from .conftest import MakeTable


@pytest.fixture
def staged(make_table: MakeTable) -> tuple[Table, list[DataFile]]:
    table, contract = make_table(Column(name="n", type="int"), Column(name="m", type="map<string, string>"))
    maps = {"m": pa.array([None] * 3, pa.map_(pa.string(), pa.string()))}
    writer = DataFileWriter(table, contract)
    provenance = {
        "delivery_period": "2026Q4",
        "source_file": "toy.csv",
        "source_file_sha256": "a" * 64,
        "staged_at": datetime(2026, 11, 22, tzinfo=UTC),
    }
    numbers = {"n": pa.array([1, 2, None], pa.int32()), "source_row": pa.array([2, 3, 4])}
    writer.write(pa.record_batch({**numbers, **maps}), provenance)
    return table, writer.close()


def fields_of(data_file: DataFile) -> list[Any]:
    properties = [data_file.file_path, data_file.partition, data_file.record_count, data_file.file_size_in_bytes]
    counts = [data_file.column_sizes, data_file.value_counts, data_file.null_value_counts]
    return properties + [dict(values) for values in (*counts, data_file.lower_bounds, data_file.upper_bounds)]


def test_data_files_are_read_back_as_they_were_written(staged: tuple[Table, list[DataFile]]):
    table, written = staged
    uri = write_staged_manifest(table, written)
    assert uri is not None
    assert uri.startswith(f"{table.location()}/metadata/")
    read = read_staged_manifest(table, uri, "toy")
    assert [fields_of(data_file) for data_file in read] == [fields_of(data_file) for data_file in written]
    assert [data_file.spec_id for data_file in read] == [table.spec().spec_id]
    assert table.current_snapshot() is None


def test_without_data_files_there_is_no_manifest(staged: tuple[Table, list[DataFile]]):
    assert write_staged_manifest(staged[0], []) is None
    assert read_staged_manifest(staged[0], None, "toy") == []


@pytest.mark.parametrize("removed", ["manifest", "data file"])
def test_files_that_maintenance_removed_are_not_committed(staged: tuple[Table, list[DataFile]], removed: str):
    table, written = staged
    uri = write_staged_manifest(table, written)
    assert uri is not None
    table.io.delete(uri if removed == "manifest" else written[0].file_path)
    with pytest.raises(
        DeliveryRefusedError, match=f"staged {removed} does not exist any more.*Next: clear the stage task"
    ):
        read_staged_manifest(table, uri, "toy")


def test_files_staged_for_an_old_partition_spec_are_refused(staged: tuple[Table, list[DataFile]]):
    table, written = staged
    uri = write_staged_manifest(table, written)
    with table.update_spec() as update:
        update.add_identity("n")
    with pytest.raises(DeliveryRefusedError, match="repartitioned"):
        read_staged_manifest(table.refresh(), uri, "toy")


def test_files_staged_for_other_column_types_are_refused(staged: tuple[Table, list[DataFile]]):
    table, written = staged
    uri = write_staged_manifest(table, written)
    with table.update_schema(allow_incompatible_changes=True) as update:
        update.delete_column("n")
        update.add_column("n", LongType())
    with pytest.raises(DeliveryRefusedError, match=r"altered or repartitioned.*Next: clear"):
        read_staged_manifest(table.refresh(), uri, "toy")


def test_a_manifest_of_another_table_is_refused(staged: tuple[Table, list[DataFile]], make_table: MakeTable):
    uri = write_staged_manifest(*staged)
    other, _ = make_table(Column(name="n", type="int"))
    with pytest.raises(DeliveryRefusedError, match="was replaced"):
        read_staged_manifest(other, uri, "toy")
