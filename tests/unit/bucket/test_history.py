"""Snapshots and data files are counted without keeping them: four times the files need no more memory."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.manifest import DataFile, DataFileContent, FileFormat
from pyiceberg.schema import Schema
from pyiceberg.table import Table
from pyiceberg.typedef import Record
from pyiceberg.types import LongType, NestedField

from growth_verticals.bucket.history import data_files, last_load, snapshot_history, totals
from growth_verticals.bucket.settings import COMPACTION, SNAPSHOTS, LiveSettings
from growth_verticals.bucket.status import _count_files
from tests.unit.peak_memory import peak_memory

FILES = 60


def data_file(number: int) -> DataFile:
    """Return the entry of a data file, which does not exist."""
    bound = number.to_bytes(8, "little")
    file = DataFile.from_args(
        content=DataFileContent.DATA,
        file_path=f"memory://toy/{uuid.uuid4()}.parquet",
        file_format=FileFormat.PARQUET,
        partition=Record(),
        record_count=10,
        file_size_in_bytes=2**20,
        lower_bounds={1: bound},
        upper_bounds={1: bound},
    )
    file.spec_id = 0
    return file


def table_with(tmp_path: Path, manifests: int) -> Table:
    folder = tmp_path / f"{manifests}"
    folder.mkdir()
    catalog = SqlCatalog("unit", uri=f"sqlite:///{folder}/catalog.db", warehouse=f"file://{folder}")
    catalog.create_namespace("toy")
    properties = {"commit.manifest-merge.enabled": "false"}
    table = catalog.create_table("toy.t", Schema(NestedField(1, "n", LongType())), properties=properties)
    for _ in range(manifests):
        with table.transaction() as transaction, transaction.update_snapshot().fast_append() as append:
            for number in range(FILES):
                append.append_data_file(data_file(number))
    return table


def test_four_times_the_files_need_no_more_memory(tmp_path: Path) -> None:
    peaks = []
    compaction = LiveSettings(enabled=True, values=COMPACTION.defaults)
    for manifests in (3, 12):
        table = table_with(tmp_path, manifests)
        with peak_memory(python=True) as peak:
            assert _count_files(table, compaction) == (manifests * FILES, manifests * FILES)
            assert sum(file.rows for file in data_files(table)) == manifests * FILES * 10
            assert last_load(table) is None
        peaks.append(peak.python)
    assert peaks[1] < 1.5 * peaks[0]


def test_snapshots_are_read_from_the_metadata_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = table_with(tmp_path, 3)
    monkeypatch.setattr(table, "io", None)
    snapshots = snapshot_history(table, LiveSettings(enabled=True, values=SNAPSHOTS.defaults))
    assert [each.files for each in snapshots] == [3 * FILES, 2 * FILES, FILES]
    assert totals(table) == (3 * FILES * 10, 3 * FILES, 3 * FILES * 2**20)
