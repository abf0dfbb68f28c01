"""The tables of `tests/unit/tables`, with rows of several periods."""

from __future__ import annotations

import pyarrow as pa
import pytest
from pyiceberg.manifest import DataFile
from pyiceberg.table import Table

from growth_verticals.catalog.differences import PROVENANCE_PROPERTIES
from growth_verticals.contract.schema import arrow_schema
from growth_verticals.contract.table import Column, TableContract
from growth_verticals.tables.writer import DataFileWriter, provenance_values
from tests.unit.tables.conftest import MakeTable, make_table

__all__ = ["make_table"]

COLUMNS = (
    Column(name="person_id", type="string", required=True, pii="Q"),
    Column(name="email", type="string", pii="D"),
    Column(name="visits", type="int", pii="N"),
    Column(name="age", type="int", pii="Q"),
    Column(name="cost", type="decimal(9, 2)", pii="N"),
    Column(name="seen", type="date", pii="N"),
    Column(name="seen_at", type="timestamp", pii="N"),
    Column(name="city", type="string", pii="N"),
    Column(name="score", type="double"),
    Column(name="extra", type="map<string, string>", pii="N"),
)
A, B, C = "a" * 64, "b" * 64, "c" * 64


@pytest.fixture
def made(make_table: MakeTable) -> tuple[Table, TableContract]:
    return make_table(*COLUMNS, properties=PROVENANCE_PROPERTIES)


def batch_of(rows: list[dict[str, object]]) -> pa.RecordBatch:
    """Return rows with all columns; those that a row lacks are NULL."""
    schema = arrow_schema(COLUMNS).append(pa.field("source_row", pa.int64()))
    columns = {
        field.name: pa.array([row.get(field.name) for row in rows], field.type)
        for field in schema
        if field.name != "source_row"
    }
    return pa.record_batch([*columns.values(), pa.array(range(len(rows)), pa.int64())], names=schema.names)


def write(
    made: tuple[Table, TableContract], *batches: pa.RecordBatch, period: str = "2026Q4", sha256: str = A
) -> list[DataFile]:
    """Write each batch as data files, without a commit."""
    data_files = []
    for batch in batches:
        writer = DataFileWriter(*made)
        writer.write(batch, provenance_values(period, "a.csv", sha256, 1_795_000_000_000_000))
        data_files += writer.close()
    return data_files


def append(made: tuple[Table, TableContract], data_files: list[DataFile]) -> None:
    """Commit data files to the table."""
    table, _ = made
    with table.transaction() as transaction, transaction.update_snapshot().fast_append() as fast_append:
        for data_file in data_files:
            fast_append.append_data_file(data_file)
    table.refresh()


def people(count: int, start: int = 0, **values: object) -> pa.RecordBatch:
    return batch_of([{"person_id": f"P{number}"} | values for number in range(start, start + count)])
