"""A table's rows show which files it holds, regardless of compaction, snapshot expiry and truncated bounds."""

from __future__ import annotations

from datetime import UTC, datetime

import pyarrow as pa
import pytest
from pyiceberg.table import Table

from growth_verticals.contract.table import Column, TableContract
from growth_verticals.tables.ledger import (
    NamedFile,
    count_loaded_rows,
    loaded_digests,
    loaded_files,
    loaded_row_numbers,
    loaded_stagings,
    row_numbers,
    rows_and_stagings,
)
from growth_verticals.tables.writer import DataFileWriter

from .conftest import MakeTable

A, B, C = ("a" * 64, "b" * 64, "c" * 64)
#: Equal in the first 16 characters, which are all that manifests keep of a string by default. MIDDLE is between them.
TWIN, MIDDLE, OTHER_TWIN = ("5e" * 8 + tail * 48 for tail in "059")


def load(
    table: Table, contract: TableContract, period: str, *digests: str, rows: int = 3, name: str = "toy.csv"
) -> None:
    """Append one data file per digest, as a commit does."""
    with table.transaction() as transaction, transaction.update_snapshot().fast_append() as append:
        for digest in digests:
            provenance = {
                "delivery_period": period,
                "source_file": name,
                "source_file_sha256": digest,
                "staged_at": datetime(2026, 11, 22, tzinfo=UTC),
            }
            writer = DataFileWriter(table, contract)
            writer.write(
                pa.record_batch(
                    {"n": pa.array(range(rows), pa.int32()), "source_row": pa.array(range(rows), pa.int64())}
                ),
                provenance,
            )
            for data_file in writer.close():
                append.append_data_file(data_file)
    table.refresh()


def compact(table: Table) -> None:
    """Rewrite all data files as one, as managed compaction does."""
    table.overwrite(table.scan().to_arrow().sort_by("n"))
    table.refresh()


@pytest.fixture(params=["whole digests in the manifests", "digests truncated to 16 characters"])
def ledger(make_table: MakeTable, request: pytest.FixtureRequest) -> tuple[Table, TableContract]:
    mode = "full" if request.param.startswith("whole") else "truncate(16)"
    return make_table(
        Column(name="n", type="int"), properties={"write.metadata.metrics.column.source_file_sha256": mode}
    )


Ledger = tuple[Table, TableContract]


def test_a_table_without_a_snapshot_holds_nothing(ledger: Ledger):
    assert loaded_digests(ledger[0], "2026Q4", {A}) == set()


def test_an_empty_request_finds_no_loaded_files(ledger: Ledger):
    load(*ledger, "2026Q4", A)
    assert loaded_digests(ledger[0], "2026Q4", set()) == set()


def test_files_are_identified_by_period_and_digest(ledger: Ledger):
    load(*ledger, "2026Q4", A, B)
    load(*ledger, "2026Q3", C)
    assert loaded_digests(ledger[0], "2026Q4", {A, B, C}) == {A, B}
    assert loaded_digests(ledger[0], "2026Q3", {A, B, C}) == {C}
    assert loaded_digests(ledger[0], "2026Q2", {A, B, C}) == set()


def test_digests_with_the_same_prefix_are_different_files(ledger: Ledger):
    load(*ledger, "2026Q4", TWIN, OTHER_TWIN)
    assert loaded_digests(ledger[0], "2026Q4", {TWIN, MIDDLE, OTHER_TWIN}) == {TWIN, OTHER_TWIN}
    assert loaded_digests(ledger[0], "2026Q4", {MIDDLE}) == set()


def test_compaction_changes_no_result(ledger: Ledger):
    load(*ledger, "2026Q4", A, TWIN, OTHER_TWIN)
    load(*ledger, "2026Q3", C)
    compact(ledger[0])
    assert loaded_digests(ledger[0], "2026Q4", {A, B, C, TWIN, MIDDLE, OTHER_TWIN}) == {A, TWIN, OTHER_TWIN}
    assert loaded_digests(ledger[0], "2026Q4", {B, C, MIDDLE}) == set()
    assert count_loaded_rows(ledger[0], "2026Q4", {A, B, C, MIDDLE}) == 3


def test_snapshot_expiry_changes_no_result(ledger: Ledger):
    load(*ledger, "2026Q4", A)
    first = ledger[0].current_snapshot()
    load(*ledger, "2026Q4", B)
    assert first is not None
    ledger[0].maintenance.expire_snapshots().by_id(first.snapshot_id).commit()
    ledger[0].refresh()
    assert [snapshot.snapshot_id for snapshot in ledger[0].snapshots()] != [first.snapshot_id]
    assert loaded_digests(ledger[0], "2026Q4", {A, B}) == {A, B}


def test_deleted_rows_do_not_count_as_loaded(ledger: Ledger):
    load(*ledger, "2026Q4", A, B)
    ledger[0].delete(f"source_file_sha256 = '{A}'")
    assert loaded_digests(ledger[0].refresh(), "2026Q4", {A, B}) == {B}


def test_a_table_that_is_not_partitioned_by_period_is_a_ledger_too(make_table: MakeTable):
    table, contract = make_table(Column(name="n", type="int"), partition_by=())
    load(table, contract, "2026Q4", A)
    load(table, contract, "2026Q3", B)
    compact(table)
    assert loaded_digests(table, "2026Q4", {A, B}) == {A}
    assert count_loaded_rows(table, "2026Q3", {A, B}) == 3


def test_rows_are_counted(ledger: Ledger):
    load(*ledger, "2026Q4", A, rows=5)
    load(*ledger, "2026Q4", B, rows=2)
    assert count_loaded_rows(ledger[0], "2026Q4", {A, B}) == 7
    assert count_loaded_rows(ledger[0], "2026Q4", {B, C}) == 2
    assert count_loaded_rows(ledger[0], "2026Q4", set()) == 0


def test_the_row_numbers_of_each_file_are_found(ledger: Ledger):
    load(*ledger, "2026Q4", A, TWIN, OTHER_TWIN, rows=5)
    load(*ledger, "2026Q3", B, rows=2)
    for _ in range(2):
        rows = loaded_row_numbers(ledger[0], "2026Q4", {A, B, TWIN, MIDDLE})
        assert {sha256: list(numbers) for sha256, numbers in rows.items()} == {
            A: [0, 1, 2, 3, 4], B: [], TWIN: [0, 1, 2, 3, 4], MIDDLE: [],
        }  # fmt: skip
        compact(ledger[0])


def test_one_scan_finds_the_row_numbers_and_the_stagings(ledger: Ledger):
    load(*ledger, "2026Q4", A, TWIN, OTHER_TWIN, rows=5)
    load(*ledger, "2026Q3", B, rows=2)
    digests = {A, B, TWIN, MIDDLE}
    for _ in range(2):
        rows, stagings = rows_and_stagings(ledger[0], "2026Q4", digests)
        assert rows == loaded_row_numbers(ledger[0], "2026Q4", digests)
        assert stagings == loaded_stagings(ledger[0], "2026Q4", digests)
        assert stagings.keys() == {A, TWIN}
        compact(ledger[0])
    assert rows_and_stagings(ledger[0], "2026Q4", set()) == ({}, {})


@pytest.mark.parametrize("numbers", [[], [1], [3, 2, 2**40]])
def test_row_numbers_of_a_slice_are_those_of_the_slice_alone(numbers: list[int]):
    sliced = pa.array([7, *numbers, 9], pa.int64()).slice(1, len(numbers))
    assert list(row_numbers(sliced)) == numbers


#: Equal in the first 16 characters.
LONG, TWIN_NAME = "a name that is cut, 1.csv", "a name that is cut, 2.csv"
STAGED_AT = 1_795_305_600_000_000


@pytest.mark.parametrize("compacted", [False, True])
@pytest.mark.parametrize("mode", ["full", "truncate(16)"])
def test_the_files_of_a_period_have_their_whole_names(make_table: MakeTable, mode: str, compacted: bool):
    names = ("source_file", "source_file_sha256")
    properties = {f"write.metadata.metrics.column.{name}": mode for name in names}
    ledger = make_table(Column(name="n", type="int"), properties=properties)
    for name, digest in ((LONG, A), (TWIN_NAME, B), ("short.csv", C)):
        load(*ledger, "2026Q4", digest, name=name)
    load(*ledger, "2026Q3", A, name="other.csv")
    if compacted:
        compact(ledger[0])
    files = {
        NamedFile(LONG, A): {STAGED_AT},
        NamedFile(TWIN_NAME, B): {STAGED_AT},
        NamedFile("short.csv", C): {STAGED_AT},
    }
    assert loaded_files(ledger[0], "2026Q4") == files
    assert loaded_files(ledger[0], "2026Q4", {LONG, "other.csv"}) == {NamedFile(LONG, A): {STAGED_AT}}
    assert loaded_files(ledger[0], "2026Q4", set()) == {}
