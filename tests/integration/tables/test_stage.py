"""Staging writes everything that a commit needs and changes nothing that a reader of the table can see."""

from __future__ import annotations

import pytest
from pyiceberg.catalog.rest import RestCatalog

from growth_verticals.contract.table import PartitionField, TableContract
from growth_verticals.errors import FileRefusedError, TableMismatchError
from growth_verticals.tables import stage as stage_module
from growth_verticals.tables.staged import read_staged_manifest

from .deliveries import EARLIER, PERIOD, SampleFile, commit, load, person_contract, stage


def test_counts_add_up_and_manifests_list_the_rows(catalog: RestCatalog, person: TableContract):
    staged = stage(catalog, person, SampleFile(good=100, bad=7))
    assert (staged.status, staged.rows_read, staged.rows_valid, staged.rows_rejected) == ("staged", 107, 100, 7)
    table, rejects = (catalog.load_table(person.identifier + suffix) for suffix in ("", "_rejects"))
    assert sum(file.record_count for file in read_staged_manifest(table, staged.manifest, "toy")) == 100
    assert sum(file.record_count for file in read_staged_manifest(rejects, staged.rejects_manifest, "toy")) == 7


def test_no_snapshot_refers_to_staged_files(catalog: RestCatalog, person: TableContract):
    stage(catalog, person, SampleFile(bad=1))
    for suffix in ("", "_rejects"):
        assert catalog.load_table(person.identifier + suffix).current_snapshot() is None


def test_a_file_without_records_has_no_manifest(catalog: RestCatalog, person: TableContract):
    staged = stage(catalog, person, SampleFile(good=0))
    assert (staged.status, staged.rows_read, staged.manifest, staged.rejects_manifest) == ("staged", 0, None, None)


def test_a_file_that_is_already_loaded_is_not_opened(catalog: RestCatalog, person: TableContract):
    file = SampleFile()
    load(catalog, person, file)
    assert file.opened == 1
    staged = stage(catalog, person, file)
    assert (staged.status, staged.rows_read, staged.manifest, file.opened) == ("already_loaded", 0, None, 1)


def test_content_that_is_loaded_for_another_period_is_staged(catalog: RestCatalog, person: TableContract):
    load(catalog, person, SampleFile(), period=EARLIER)
    assert stage(catalog, person, SampleFile(), PERIOD).status == "staged"


class Killed(BaseException):
    """Not an `Exception`, as Airflow's timeout."""


@pytest.mark.parametrize("error", [FileRefusedError("the archive ends early", file="toy.csv.gz"), Killed()])
@pytest.mark.parametrize("fails_at", [0, 15, 29])
def test_a_workers_exception_is_raised_unchanged_and_nothing_is_staged(
    catalog: RestCatalog,
    person: TableContract,
    error: BaseException,
    fails_at: int,
    caplog: pytest.LogCaptureFixture,
):
    with pytest.raises(type(error)) as raised:
        stage(catalog, person, SampleFile(good=30, fails_at=fails_at, error=error))
    assert raised.value is error
    assert "staging failed; no snapshot refers to the files that it wrote: " in caplog.text
    assert catalog.load_table(person.identifier).current_snapshot() is None
    result = load(catalog, person, SampleFile(good=30))
    assert (result.rows_loaded, catalog.load_table(person.identifier).scan().count()) == (30, 30)


def test_a_table_that_differs_from_its_contract_is_refused_before_a_file_is_opened(
    catalog: RestCatalog, person: TableContract
):
    load(catalog, person, SampleFile())
    other = SampleFile("other.csv")
    with pytest.raises(TableMismatchError):
        stage(catalog, person_contract(person.namespace, PartitionField(column="state")), other)
    assert other.opened == 0


def test_rows_of_all_workers_are_loaded(catalog: RestCatalog, person: TableContract, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(stage_module, "WORKERS", 5)
    result = load(catalog, person, SampleFile(good=500, bad=20, block_size=3))
    assert (result.rows_read, result.rows_loaded, result.rows_rejected) == (520, 500, 20)
    rows = catalog.load_table(person.identifier).scan().to_arrow().column("source_row").to_pylist()
    assert sorted(rows) == list(range(2, 502))


def test_all_rows_of_a_table_partitioned_by_its_data_are_loaded(catalog: RestCatalog, namespace: str):
    contract = person_contract(namespace, PartitionField(column="delivery_period"), PartitionField(column="state"))
    commit(catalog, contract, stage(catalog, contract, SampleFile(good=200, block_size=10)))
    table = catalog.load_table(contract.identifier)
    assert table.scan().count() == 200
    assert table.scan(row_filter="state = 'NY'").count() == 50
    assert table.scan(row_filter="state is null").count() == 50
    assert {task.file.partition[1] for task in table.scan().plan_files()} == {"NY", "OH", "TX", None}
