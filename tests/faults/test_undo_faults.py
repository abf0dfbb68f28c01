"""Whatever ends an undo, no row stays in the table without the rejects of its file, and the next undo ends it.

An undo removes rows first. In between, a file's rejects are there without its rows: it counts as not loaded.
"""

from __future__ import annotations

import pytest
from pyiceberg.catalog.rest import RestCatalog

from growth_verticals.contract.table import TableContract
from growth_verticals.tables.undo import undo_load
from tests.integration.tables.deliveries import PERIOD, SOURCE, SampleFile, commit, load, stage_together

from .fault_injector import Fault, FaultInjector, Killed, killed_after_commit, killed_before_commit

FILES = [SampleFile("a", good=10, bad=2), SampleFile("b", good=5, bad=1), SampleFile("c", good=3, bad=3)]
ALL = (18, 6)


def undo(catalog: RestCatalog, person: TableContract, *files: SampleFile) -> None:
    undo_load(catalog, person, SOURCE, PERIOD, {file.landed.sha256 for file in files})


def counts(catalog: RestCatalog, person: TableContract) -> tuple[int, int]:
    """Return how many rows and rejects the tables hold."""
    rows, rejects = (catalog.load_table(person.identifier + suffix).scan().count() for suffix in ("", "_rejects"))
    return rows, rejects


@pytest.mark.parametrize("together", [True, False], ids=["staged together", "staged alone"])
def test_an_undo_of_several_files_is_one_snapshot_per_table(
    catalog: RestCatalog, person: TableContract, together: bool
):
    if together:
        commit(catalog, person, *stage_together(catalog, person, *FILES))
    else:
        load(catalog, person, *FILES)
    tables = [person.identifier, f"{person.identifier}_rejects"]
    before = [len(catalog.load_table(table).snapshots()) for table in tables]
    undo(catalog, person, *FILES[:2])
    assert counts(catalog, person) == (3, 3)
    assert [len(catalog.load_table(table).snapshots()) for table in tables] == [count + 1 for count in before]


@pytest.mark.parametrize(
    ("crash", "table", "left"),
    [
        (killed_before_commit, "person", ALL),
        (killed_after_commit, "person", (0, 6)),
        (killed_before_commit, "person_rejects", (0, 6)),
        (killed_after_commit, "person_rejects", (0, 0)),
    ],
)
def test_a_crashed_undo_never_leaves_rows_without_their_rejects(
    catalog: RestCatalog,
    injector: FaultInjector,
    person: TableContract,
    crash: Fault,
    table: str,
    left: tuple[int, int],
):
    load(catalog, person, *FILES)
    injector.inject(crash, table=table)
    with pytest.raises(Killed):
        undo(injector.catalog, person, *FILES)
    assert counts(catalog, person) == left
    for _ in range(2):
        undo(catalog, person, *FILES)
        assert counts(catalog, person) == (0, 0)


def test_a_file_can_be_loaded_again_after_a_crashed_undo(
    catalog: RestCatalog, injector: FaultInjector, person: TableContract
):
    load(catalog, person, *FILES)
    injector.inject(killed_before_commit, table="person_rejects")
    with pytest.raises(Killed):
        undo(injector.catalog, person, *FILES)
    assert {file.status for file in load(catalog, person, *FILES).files} == {"loaded"}
    assert counts(catalog, person) == ALL
