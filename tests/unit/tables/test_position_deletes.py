"""Rows that another engine deleted by position are gone, for the ledger and for the counts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyiceberg.manifest import (
    DataFile,
    DataFileContent,
    FileFormat,
    ManifestContent,
    ManifestEntry,
    ManifestFile,
    ManifestWriterV2,
)
from pyiceberg.manifest import ManifestEntryStatus as Status
from pyiceberg.table import Table
from pyiceberg.table.update.snapshot import _FastAppendFiles

from growth_verticals.contract.table import Column, TableContract
from growth_verticals.tables.ledger import count_loaded_rows, loaded_digests, loaded_row_numbers, loaded_stagings
from growth_verticals.tables.writer import DataFileWriter

from .conftest import MakeTable

A, B = "a" * 64, "b" * 64
STAGED = datetime(2026, 11, 22, tzinfo=UTC)
STAGING = int(STAGED.timestamp() * 1_000_000)


@pytest.fixture
def ledger(make_table: MakeTable) -> tuple[Table, TableContract]:
    return make_table(
        Column(name="n", type="int"), properties={"write.metadata.metrics.column.source_file_sha256": "full"}
    )


def load(table: Table, contract: TableContract, *digests: str) -> None:
    """Append one data file with a row at the lines 2 and 3 of each file."""
    writer = DataFileWriter(table, contract)
    for digest in digests:
        provenance = {
            "delivery_period": "2026Q4", "source_file": "toy.csv", "source_file_sha256": digest, "staged_at": STAGED,
        }  # fmt: skip
        rows = {"n": pa.array([1, 2], pa.int32()), "source_row": pa.array([2, 3], pa.int64())}
        writer.write(pa.record_batch(rows), provenance)
    with table.transaction() as transaction, transaction.update_snapshot().fast_append() as append:
        [data_file] = writer.close()
        append.append_data_file(data_file)
    table.refresh()


class _DeleteManifestWriter(ManifestWriterV2):
    """pyiceberg writes manifests of data files only."""

    def content(self) -> ManifestContent:
        return ManifestContent.DELETES

    @property
    def _meta(self) -> dict[str, str]:
        return {**super()._meta, "content": "deletes"}


def delete_positions(table: Table, positions: Sequence[int]) -> None:
    """Delete rows of the table's only data file by position, as merge-on-read engines do."""
    [task] = table.scan().plan_files()
    location = f"{table.location()}/data/deletes-{positions[0]}.parquet"
    deletes = pa.table({"file_path": [task.file.file_path] * len(positions), "pos": pa.array(positions, pa.int64())})
    with table.io.new_output(location).create() as stream:
        pq.write_table(deletes, stream)
    delete_file = DataFile.from_args(
        content=DataFileContent.POSITION_DELETES,
        file_path=location,
        file_format=FileFormat.PARQUET,
        partition=task.file.partition,
        record_count=len(positions),
        file_size_in_bytes=len(table.io.new_input(location)),
    )
    delete_file.spec_id = table.spec().spec_id
    with table.transaction() as transaction:
        append = _FastAppendFiles("append", transaction, table.io)  # type: ignore[arg-type]
        existing = append._existing_manifests()

        def manifests() -> list[ManifestFile]:
            output = table.io.new_output(f"{table.location()}/metadata/deletes-{positions[0]}.avro")
            writer = _DeleteManifestWriter(table.spec(), table.schema(), output, append.snapshot_id, "deflate")
            with writer:
                writer.add(ManifestEntry.from_args(status=Status.ADDED, data_file=delete_file))
            return [writer.to_manifest_file(), *existing]

        append._manifests = manifests  # type: ignore[method-assign]
        append.commit()
    table.refresh()
    [task] = table.scan().plan_files()
    assert task.delete_files


def test_rows_that_another_engine_deleted_are_not_in_the_ledger(ledger: tuple[Table, TableContract]):
    table, contract = ledger
    load(table, contract, A)
    assert loaded_stagings(table, "2026Q4", {A}) == {A: {STAGING}}
    delete_positions(table, [1])
    assert loaded_digests(table, "2026Q4", {A}) == {A}
    assert loaded_stagings(table, "2026Q4", {A}) == {A: {STAGING}}
    assert count_loaded_rows(table, "2026Q4", {A}) == 1
    assert list(loaded_row_numbers(table, "2026Q4", {A})[A]) == [2]
    delete_positions(table, [0])
    assert loaded_digests(table, "2026Q4", {A}) == set()
    assert loaded_stagings(table, "2026Q4", {A}) == {}
    assert count_loaded_rows(table, "2026Q4", {A}) == 0


def test_the_other_files_of_a_data_file_stay_loaded(ledger: tuple[Table, TableContract]):
    table, contract = ledger
    load(table, contract, A, B)
    delete_positions(table, [0, 1])
    assert loaded_digests(table, "2026Q4", {A, B}) == {B}
    assert loaded_stagings(table, "2026Q4", {A, B}) == {B: {STAGING}}
