"""Commands that read tables need the same memory for four times the rows, in a data file as in one row group."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.table import Table

from growth_verticals.cadence import Period, Quarterly
from growth_verticals.contract.schema import iceberg_schema, partition_spec
from growth_verticals.contract.table import Column, PartitionField, TableContract, rejects_contract
from growth_verticals.files.export import export_rejects
from growth_verticals.source import Delimited
from growth_verticals.tables import scan
from growth_verticals.tables import writer as writer_module
from growth_verticals.tables.ledger import loaded_row_numbers
from growth_verticals.tables.rejected import count_rejected, read_rejected, rejected_rows
from growth_verticals.tables.undo import find_loaded_files
from growth_verticals.tables.writer import DataFileWriter, provenance_values
from tests.unit.peak_memory import Peak, peak_memory

DIGEST = "a" * 64
STAGING = 1_795_000_000_000_000
CONTRACT = TableContract(
    namespace="toy",
    name="person",
    columns=(Column(name="id", type="int"),),
    partition_by=(PartitionField(column="delivery_period"),),
)
REJECTS = rejects_contract(CONTRACT)
#: Rows of the smaller table, and bytes of a raw record.
ROWS, RAW = 1_500, 4_000


class Tables(SqlCatalog):
    """A catalog without a server, as the functions under test use one."""

    uri = "sqlite"


@pytest.fixture
def period() -> Period:
    return Quarterly(due_business_day=5).parse("2026Q4")


def rejects(start: int, rows: int) -> pa.RecordBatch:
    numbers = range(start, start + rows)
    return pa.record_batch(
        {
            "column_name": pa.array(["id"] * rows, pa.string()),
            "reason": pa.array(["not_an_integer"] * rows, pa.string()),
            "expected": pa.array(["an integer"] * rows, pa.string()),
            "raw_record": pa.array([f"{number},=x,".ljust(RAW, "y") for number in numbers], pa.string()),
            "source_row": pa.array(numbers, pa.int64()),
        }
    )


def add(table: Table, contract: TableContract, rows: int, make: Callable[[int, int], pa.RecordBatch]) -> None:
    """Add one data file."""
    writer = DataFileWriter(table, contract)
    for start in range(0, rows, 500):
        writer.write(make(start, 500), provenance_values("2026Q4", "people.csv", DIGEST, STAGING))
    with table.transaction() as transaction, transaction.update_snapshot().fast_append() as append:
        for data_file in writer.close():
            append.append_data_file(data_file)


@pytest.fixture(scope="module", params=["small row groups", "one row group"])
def catalogs(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> list[Tables]:
    """Two catalogs. The tables of the second one have four times the rows of the first one's."""
    made = []
    for rows in (ROWS, 4 * ROWS):
        folder = tmp_path_factory.mktemp("tables")
        catalog = Tables("unit", uri=f"sqlite:///{folder}/catalog.db", warehouse=f"file://{folder}")
        catalog.create_namespace("toy")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(writer_module, "ROW_GROUP_ROWS", 500 if request.param == "small row groups" else 10**6)
            patch.setattr(writer_module, "ROW_GROUP_BYTES", 2**40)
            for contract, make in ((CONTRACT, people), (REJECTS, rejects)):
                schema = iceberg_schema(contract)
                spec = partition_spec(contract, schema)
                table = catalog.create_table(contract.identifier, schema, partition_spec=spec)
                add(table, contract, rows, make)
        [path] = Path(folder).rglob(f"*{REJECTS.name}*/**/*.parquet")
        assert pq.ParquetFile(path).num_row_groups == (1 if request.param == "one row group" else rows / 500)
        made.append(catalog)
    return made


def people(start: int, rows: int) -> pa.RecordBatch:
    numbers = pa.array(range(start, start + rows), pa.int64())
    return pa.record_batch({"id": numbers.cast(pa.int32()), "source_row": numbers})


def lists_what_undo_removes(catalog: Tables, period: Period) -> None:
    assert len(find_loaded_files(catalog, CONTRACT, period)) == 1  # type: ignore[arg-type]


def counts_rejects(catalog: Tables, period: Period) -> None:
    assert len(count_rejected(catalog, CONTRACT, period)) == 1  # type: ignore[arg-type]


def lists_rejects(catalog: Tables, period: Period) -> None:
    deque(read_rejected(catalog, CONTRACT, period), maxlen=0)  # type: ignore[arg-type]


def exports_rejects(catalog: Tables, period: Period) -> None:
    with Path("/dev/null").open("w") as out:
        records = read_rejected(catalog, CONTRACT, period, raw=True)  # type: ignore[arg-type]
        export_rejects(out, lambda: (record.raw_record or "" for record in records), Delimited())


def finds_what_to_replay(catalog: Tables, period: Period) -> None:
    rejected = rejected_rows(catalog.load_table(REJECTS.identifier), period)
    assert loaded_row_numbers(catalog.load_table(CONTRACT.identifier), period.key, rejected)[DIGEST] is not None


COMMANDS = [lists_what_undo_removes, counts_rejects, lists_rejects, exports_rejects, finds_what_to_replay]


@pytest.mark.parametrize("command", COMMANDS)
def test_four_times_the_rows_need_no_more_memory(
    command: Callable[[Tables, Period], None], catalogs: list[Tables], period: Period, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scan, "BATCH_ROWS", 500)
    command(catalogs[0], period)  # what is loaded once is not counted
    peaks: list[Peak] = []
    for catalog in catalogs:
        with peak_memory(python=True) as peak:
            command(catalog, period)
        peaks.append(peak)
    small, large = peaks
    assert large.arrow < 1.5 * small.arrow + 100_000
    assert large.python < 1.5 * small.python + 100_000
    assert large.arrow < 4 * ROWS * RAW / 2
