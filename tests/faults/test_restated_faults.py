"""Whatever a replacing load meets, every snapshot of a table holds one release of the file, at the end the new one.

The old file's rows leave in the snapshot in which the new ones come, and so do its rejects.
"""

from __future__ import annotations

import pytest
from pyiceberg.catalog.rest import RestCatalog

from growth_verticals.account import Account
from growth_verticals.contract.table import TableContract
from growth_verticals.errors import CommitError, RestatedError
from growth_verticals.tables.restated import RestatedRule
from growth_verticals.tables.undo import undo_load
from local.readback import read_table
from tests.integration.tables.deliveries import PERIOD, SOURCE, SampleFile, commit, load, stage

from .fault_injector import (
    Fault,
    FaultInjector,
    Killed,
    error_before_commit,
    interrupted_by,
    killed_after_commit,
    killed_before_commit,
)
from .test_commit_faults import FEW_FAULTS, require_exactly_once

OLD, NEW = SampleFile("a", good=10, bad=2), SampleFile("a", good=7, bad=3)
OTHER = SampleFile("b", good=3, bad=1)
REPLACE = RestatedRule(policy="replace")
TABLES = ("person", "person_rejects")


def contents(catalog: RestCatalog, person: TableContract, name: str) -> list[list[tuple[str, int]]]:
    """Return what each snapshot of a table holds, from the one with the old file on: digests and row numbers."""
    table = catalog.load_table(f"{person.namespace}.{name}")
    columns = ("source_file_sha256", "source_row")
    found = []
    for snapshot in table.snapshots():
        rows = table.scan(snapshot_id=snapshot.snapshot_id, selected_fields=columns).to_arrow()
        found.append(sorted(zip(*(rows.column(column).to_pylist() for column in columns), strict=True)))
    return found


def expected(*files: SampleFile, name: str) -> list[tuple[str, int]]:
    return sorted(
        (file.landed.sha256, number + 2)
        for file in files
        for number in (range(file.good, file.good + file.bad) if name == "person_rejects" else range(file.good))
    )


def require_never_both_or_neither(catalog: RestCatalog, person: TableContract) -> None:
    """Check every snapshot since the old files were loaded: it holds one release of the file, whole."""
    for name in TABLES:
        before, after = (expected(file, OTHER, name=name) for file in (OLD, NEW))
        snapshots = contents(catalog, person, name)
        since = snapshots[snapshots.index(before) :]
        replaced = since.index(after)
        assert since == [before] * replaced + [after] * (len(since) - replaced)


@pytest.fixture
def restated(catalog: RestCatalog, person: TableContract) -> None:
    """The tables hold the old file, in data files of its own, and another file."""
    load(catalog, person, OTHER, OLD)


@pytest.mark.usefixtures("restated")
@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("faults", FEW_FAULTS.values(), ids=FEW_FAULTS.keys())
def test_a_replacement_succeeds_exactly_once_despite_faults(
    account: Account, injector: FaultInjector, person: TableContract, faults: list[Fault], table: str
):
    staged = stage(injector.catalog, person, NEW)
    injector.inject(*faults, table=table)
    result = commit(injector.catalog, person, staged, restated=REPLACE)
    assert (result.files[0].status, result.files_replaced, result.rows_replaced) == ("loaded", 1, 10)
    require_exactly_once(account, person, OTHER, NEW)
    require_never_both_or_neither(injector.catalog, person)


@pytest.mark.usefixtures("restated")
@pytest.mark.parametrize("again", ["commit retried", "staged again"])
@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("crash", [killed_before_commit, killed_after_commit])
def test_a_replacement_is_finished_after_a_crash_at_any_of_its_commits(
    account: Account, catalog: RestCatalog, injector: FaultInjector, person: TableContract,
    crash: Fault, table: str, again: str,
):  # fmt: skip
    staged = stage(injector.catalog, person, NEW)
    injector.inject(crash, table=table)
    with pytest.raises(Killed):
        commit(injector.catalog, person, staged, restated=REPLACE)
    for _ in range(2):
        retried = staged if again == "commit retried" else stage(catalog, person, NEW)
        result = commit(catalog, person, retried, restated=REPLACE)
        require_exactly_once(account, person, OTHER, NEW)
    require_never_both_or_neither(catalog, person)
    assert again == "staged again" or (result.files_replaced, result.rows_replaced) == (1, 10)


@pytest.mark.usefixtures("restated")
def test_a_replacement_that_never_succeeds_leaves_the_old_file(
    account: Account, injector: FaultInjector, person: TableContract
):
    staged = stage(injector.catalog, person, NEW)
    injector.inject(*[error_before_commit(409)] * 100)
    with pytest.raises(CommitError):
        commit(injector.catalog, person, staged, restated=REPLACE)
    require_exactly_once(account, person, OTHER, OLD)


@pytest.mark.usefixtures("restated")
@pytest.mark.parametrize("first_wins", [True, False])
def test_of_two_replacements_at_once_the_one_that_was_staged_later_stays(
    account: Account, catalog: RestCatalog, injector: FaultInjector, person: TableContract, first_wins: bool
):
    newest = SampleFile("a", good=5, bad=1)
    first, second = stage(catalog, person, NEW), stage(catalog, person, newest)
    ours, theirs = (first, second) if first_wins else (second, first)
    injector.inject(interrupted_by(lambda: commit(catalog, person, theirs, restated=REPLACE)))
    if first_wins:
        with pytest.raises(RestatedError, match="has already replaced these files"):
            commit(injector.catalog, person, ours, restated=REPLACE)
    else:
        commit(injector.catalog, person, ours, restated=REPLACE)
    require_exactly_once(account, person, OTHER, newest)


def test_a_restatement_that_appears_between_the_check_and_the_commit_is_refused(
    account: Account, catalog: RestCatalog, injector: FaultInjector, person: TableContract
):
    staged = stage(injector.catalog, person, NEW)
    injector.inject(interrupted_by(lambda: load(catalog, person, OLD)))
    with pytest.raises(RestatedError):
        commit(injector.catalog, person, staged)
    require_exactly_once(account, person, OLD)


@pytest.mark.usefixtures("restated")
def test_an_undo_of_the_new_file_before_its_rejects_come_leaves_none_of_them(
    account: Account, catalog: RestCatalog, injector: FaultInjector, person: TableContract
):
    staged = stage(injector.catalog, person, NEW)
    undo = interrupted_by(lambda: undo_load(catalog, person, SOURCE, PERIOD, {NEW.landed.sha256}))
    injector.inject(undo, table="person_rejects")
    commit(injector.catalog, person, staged, restated=REPLACE)
    require_exactly_once(account, person, OTHER)


@pytest.mark.usefixtures("restated")
def test_rejects_of_an_undone_load_are_not_restored_by_the_next(
    account: Account, catalog: RestCatalog, injector: FaultInjector, person: TableContract
):
    injector.inject(killed_before_commit, table="person_rejects")
    with pytest.raises(Killed):
        commit(injector.catalog, person, stage(catalog, person, NEW), restated=REPLACE)
    undo_load(catalog, person, SOURCE, PERIOD, {NEW.landed.sha256})
    load(catalog, person, SampleFile("a", good=10, bad=0, content="a 7 3"), restated=REPLACE)
    sql = "SELECT count(*) FROM t WHERE source_file_sha256 = '" + NEW.landed.sha256 + "'"
    assert read_table(account, person.identifier, sql) == [(10,)]
    assert read_table(account, f"{person.identifier}_rejects", sql) == [(0,)]
