"""Whatever ends retention, and whoever loads at the same time: no other row leaves, and the next one ends it."""

from __future__ import annotations

from collections import Counter

import pytest
from pyiceberg.catalog.rest import RestCatalog

from growth_verticals.contract.table import TableContract
from growth_verticals.tables.retention import OldRows, remove_old_rows
from tests.integration.tables.deliveries import EARLIER, PERIOD, SOURCE, SampleFile, load

from .fault_injector import (
    Fault,
    FaultInjector,
    Killed,
    dropped_after_commit,
    error_after_commit,
    interrupted_by,
    killed_after_commit,
    killed_before_commit,
)

FILE = SampleFile("a", good=10, bad=2)
LATE = SampleFile("b", good=4, bad=1)


def remove(catalog: RestCatalog, person: TableContract) -> OldRows:
    return remove_old_rows(catalog, person, SOURCE, lambda period: period == PERIOD.key, None)


def counts(catalog: RestCatalog, person: TableContract) -> list[dict[str, int]]:
    """Return how many rows and rejects the tables hold of each period."""
    tables = (catalog.load_table(person.identifier + suffix) for suffix in ("", "_rejects"))
    return [dict(Counter(table.scan().to_arrow().column("delivery_period").to_pylist())) for table in tables]


@pytest.fixture(autouse=True)
def _loaded(catalog: RestCatalog, person: TableContract) -> None:
    for period in (EARLIER, PERIOD):
        load(catalog, person, FILE, period=period)


@pytest.mark.parametrize(
    ("crash", "table", "left"),
    [
        (killed_before_commit, "person", [10, 2]),
        (killed_after_commit, "person", [0, 2]),
        (killed_before_commit, "person_rejects", [0, 2]),
        (killed_after_commit, "person_rejects", [0, 0]),
    ],
)
def test_a_crash_never_leaves_rows_without_their_rejects_and_a_retry_removes_what_is_left(
    catalog: RestCatalog,
    injector: FaultInjector,
    person: TableContract,
    crash: Fault,
    table: str,
    left: list[int],
):
    injector.inject(crash, table=table)
    with pytest.raises(Killed):
        remove(injector.catalog, person)
    assert [of_table.get(EARLIER.key, 0) for of_table in counts(catalog, person)] == left
    assert [of_table[PERIOD.key] for of_table in counts(catalog, person)] == [10, 2]
    remove(catalog, person)
    assert counts(catalog, person) == [{PERIOD.key: 10}, {PERIOD.key: 2}]


@pytest.mark.parametrize("table", ["person", "person_rejects"])
@pytest.mark.parametrize("fault", [error_after_commit(500), dropped_after_commit])
def test_a_commit_that_succeeded_and_seemed_to_fail_is_not_made_twice(
    catalog: RestCatalog, injector: FaultInjector, person: TableContract, fault: Fault, table: str
):
    injector.inject(fault, table=table)
    assert remove(injector.catalog, person) == OldRows(rows={EARLIER.key: 10}, rejects={EARLIER.key: 2})
    assert counts(catalog, person) == [{PERIOD.key: 10}, {PERIOD.key: 2}]


@pytest.mark.parametrize("table", ["person", "person_rejects"])
def test_a_load_between_its_check_and_its_commit_loses_nothing(
    catalog: RestCatalog, injector: FaultInjector, person: TableContract, table: str
):
    injector.inject(interrupted_by(lambda: load(catalog, person, LATE)), table=table)
    assert remove(injector.catalog, person).rows == {EARLIER.key: 10}
    assert counts(catalog, person) == [{PERIOD.key: 14}, {PERIOD.key: 3}]


@pytest.mark.parametrize("table", ["person", "person_rejects"])
def test_retention_between_a_load_s_check_and_its_commit_loses_nothing(
    catalog: RestCatalog, injector: FaultInjector, person: TableContract, table: str
):
    injector.inject(interrupted_by(lambda: remove(catalog, person)), table=table)
    assert load(injector.catalog, person, LATE).rows_loaded == 4
    assert counts(catalog, person) == [{PERIOD.key: 14}, {PERIOD.key: 3}]
