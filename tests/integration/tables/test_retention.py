"""Retention removes exactly the rows that are too old, in one snapshot per table, whatever data files they are in."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from pyiceberg.catalog.rest import RestCatalog

from growth_verticals.cadence import Quarterly
from growth_verticals.contract.table import PartitionField, TableContract
from growth_verticals.delivery import Actor
from growth_verticals.tables import retention, rewrite
from growth_verticals.tables.retention import OldRows, find_old_rows, remove_old_rows
from tests.integration.tables.deliveries import EARLIER, PERIOD, SOURCE, SampleFile, load, person_contract

FIRST = Quarterly().parse("2026Q2")
OLD, NEW = SampleFile("old.csv", good=7, bad=2), SampleFile("new.csv", good=5, bad=1)


def since(first: str) -> Callable[[str], bool]:
    return lambda period: period >= first


def held(catalog: RestCatalog, person: TableContract) -> tuple[dict[str, int], dict[str, int]]:
    """Return how many rows and rejects the tables hold of each period."""
    tables = (catalog.load_table(person.identifier + suffix) for suffix in ("", "_rejects"))
    rows, rejects = (dict(Counter(table.scan().to_arrow().column("delivery_period").to_pylist())) for table in tables)
    return rows, rejects


@pytest.fixture(params=["a partition for each period", "periods share data files"])
def loaded(request: pytest.FixtureRequest, catalog: RestCatalog, namespace: str) -> TableContract:
    """The contract of a table with three periods, and rejects of each."""
    by = PartitionField(column="state" if "share" in request.param else "delivery_period")
    person = person_contract(namespace, by)
    for period in (FIRST, EARLIER):
        load(catalog, person, OLD, period=period)
    load(catalog, person, NEW)
    if "share" in request.param:
        table = catalog.load_table(person.identifier)
        table.overwrite(table.scan().to_arrow())  # as compaction does
    return person


def test_periods_that_are_not_kept_leave_with_their_rejects(catalog: RestCatalog, loaded: TableContract):
    old = find_old_rows(catalog, loaded, since("2026Q4"), None)
    assert old == OldRows(rows={"2026Q2": 7, "2026Q3": 7}, rejects={"2026Q2": 2, "2026Q3": 2})
    before = [len(catalog.load_table(loaded.identifier + suffix).snapshots()) for suffix in ("", "_rejects")]
    actor = Actor(by="schedule", tool="airflow")
    assert remove_old_rows(catalog, loaded, SOURCE, since("2026Q4"), None, actor=actor) == old
    assert held(catalog, loaded) == ({"2026Q4": 5}, {"2026Q4": 1})
    for suffix, count in zip(("", "_rejects"), before, strict=True):
        table = catalog.load_table(loaded.identifier + suffix)
        assert len(table.snapshots()) == count + 1
        summary = table.current_snapshot().summary.additional_properties
        assert summary["gv.action"] == "retention"
        assert (summary["gv.period"], summary["gv.source"], summary["gv.by"]) == ("2026Q2..2026Q3", SOURCE, "schedule")


def test_a_second_time_there_is_nothing_to_remove_and_no_snapshot_is_made(catalog: RestCatalog, loaded: TableContract):
    remove_old_rows(catalog, loaded, SOURCE, since("2026Q3"), None)
    snapshot = catalog.load_table(loaded.identifier).metadata.current_snapshot_id
    assert find_old_rows(catalog, loaded, since("2026Q3"), None) == OldRows()
    assert remove_old_rows(catalog, loaded, SOURCE, since("2026Q3"), None) == OldRows()
    assert catalog.load_table(loaded.identifier).metadata.current_snapshot_id == snapshot
    assert held(catalog, loaded)[0] == {"2026Q3": 7, "2026Q4": 5}


def test_rejects_leave_by_the_time_of_their_staging_and_rows_stay(catalog: RestCatalog, person: TableContract):
    load(catalog, person, OLD)
    time.sleep(0.01)
    between = datetime.now(UTC)
    load(catalog, person, NEW)
    table = catalog.load_table(f"{person.identifier}_rejects")
    table.overwrite(table.scan().to_arrow())  # both stagings in one data file, as after compaction
    assert find_old_rows(catalog, person, None, between) == OldRows(rejects={"2026Q4": 2})
    assert remove_old_rows(catalog, person, SOURCE, None, between) == OldRows(rejects={"2026Q4": 2})
    assert held(catalog, person) == ({"2026Q4": 12}, {"2026Q4": 1})
    [left] = {*catalog.load_table(table.name()).scan().to_arrow().column("source_file").to_pylist()}
    assert left == NEW.name


def test_a_data_file_of_one_old_period_is_dropped_unread(
    catalog: RestCatalog, person: TableContract, monkeypatch: pytest.MonkeyPatch
):
    for period in (EARLIER, PERIOD):
        load(catalog, person, OLD, period=period)

    def read(*_: object) -> None:
        raise AssertionError("a data file is read")

    for module in (retention, rewrite):
        monkeypatch.setattr(module, "read_columns", read)
    removed = remove_old_rows(catalog, person, SOURCE, since("2026Q4"), None)
    assert removed == OldRows(rows={"2026Q3": 7}, rejects={"2026Q3": 2})


def test_without_limits_nothing_is_looked_at(catalog: RestCatalog, loaded: TableContract):
    assert find_old_rows(catalog, loaded, None, None) == OldRows()
    assert remove_old_rows(catalog, loaded, SOURCE, None, None) == OldRows()


def test_old_rejects_and_old_periods_leave_the_rejects_table_in_one_snapshot(
    catalog: RestCatalog, person: TableContract
):
    for period in (EARLIER, PERIOD):
        load(catalog, person, OLD, period=period)
    between = datetime.now(UTC)
    load(catalog, person, NEW)
    before = len(catalog.load_table(f"{person.identifier}_rejects").snapshots())
    removed = remove_old_rows(catalog, person, SOURCE, since("2026Q4"), between)
    assert removed == OldRows(rows={"2026Q3": 7}, rejects={"2026Q3": 2, "2026Q4": 2})
    assert held(catalog, person) == ({"2026Q4": 12}, {"2026Q4": 1})
    assert len(catalog.load_table(f"{person.identifier}_rejects").snapshots()) == before + 1


def test_many_periods_leave_in_several_snapshots(
    catalog: RestCatalog, loaded: TableContract, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(retention, "MAX_PERIODS", 1)
    old = remove_old_rows(catalog, loaded, SOURCE, since("2026Q4"), None)
    assert old == OldRows(rows={"2026Q2": 7, "2026Q3": 7}, rejects={"2026Q2": 2, "2026Q3": 2})
    assert held(catalog, loaded) == ({"2026Q4": 5}, {"2026Q4": 1})


def test_a_table_that_does_not_exist_is_not_created(catalog: RestCatalog, person: TableContract):
    assert find_old_rows(catalog, person, since("2026Q4"), None) == OldRows()
    assert remove_old_rows(catalog, person, SOURCE, since("2026Q4"), None) == OldRows()
    assert not catalog.table_exists(person.identifier)
