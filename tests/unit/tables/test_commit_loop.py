"""An error can be reported for a commit that succeeded: then nothing that the table needs may be deleted."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest
from pyiceberg.exceptions import CommitFailedException
from pyiceberg.table import Table, Transaction

from growth_verticals.contract.table import Column
from growth_verticals.tables import commit_loop
from growth_verticals.tables.commit_loop import append_files, commit_with_retry
from growth_verticals.tables.writer import DataFileWriter

from .conftest import MakeTable


def test_a_conflict_that_was_none_leaves_a_readable_table(make_table: MakeTable, monkeypatch: pytest.MonkeyPatch):
    """S3 Tables refuses to delete a table's files. This store does not, like other stores of Iceberg tables."""
    table, contract = make_table(Column(name="n", type="int"))
    writer = DataFileWriter(table, contract)
    rows = pa.record_batch({"n": pa.array([1, 2, 3], pa.int32()), "source_row": pa.array([2, 3, 4], pa.int64())})
    provenance = {"delivery_period": "2026Q4", "source_file": "toy.csv", "source_file_sha256": "a" * 64}
    writer.write(rows, {**provenance, "staged_at": datetime(2026, 11, 22, tzinfo=UTC)})
    data_files = writer.close()
    catalog, commit_table = table.catalog, table.catalog.commit_table

    def commit_and_report_a_conflict(*arguments: Any, **options: Any) -> None:
        monkeypatch.setattr(catalog, "commit_table", commit_table)
        commit_table(*arguments, **options)
        raise CommitFailedException("a conflict that was none")

    def change(current: Table) -> Callable[[Transaction], object] | None:
        return None if current.current_snapshot() else lambda transaction: append_files(transaction, data_files, {})

    monkeypatch.setattr(commit_loop, "FIRST_PAUSE_S", 0.001)
    monkeypatch.setattr(catalog, "uri", "sqlite", raising=False)
    monkeypatch.setattr(catalog, "commit_table", commit_and_report_a_conflict)
    committed = commit_with_retry(catalog, contract.identifier, change)  # type: ignore[arg-type]
    assert sorted(committed.scan().to_arrow().column("n").to_pylist()) == [1, 2, 3]
    assert len(committed.snapshots()) == 1
