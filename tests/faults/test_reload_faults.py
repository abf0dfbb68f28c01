"""Whatever a reload meets, every snapshot of a table holds one staging of the file, at the end the new one.

The old rows leave in the snapshot in which the new ones come, and so do the rejects.
"""

from __future__ import annotations

import pytest
from pyiceberg.catalog.rest import RestCatalog

from growth_verticals.account import Account
from growth_verticals.catalog.load_summary import LoadSummary
from growth_verticals.contract.table import TableContract
from growth_verticals.delivery import Actor, StagedFile
from growth_verticals.errors import CommitError, DeliveryRefusedError
from growth_verticals.tables.reload import reload_files
from growth_verticals.tables.stage import stage_files
from growth_verticals.tables.undo import LoadedFile, find_loaded_files, undo_load
from tests.integration.tables.deliveries import PERIOD, SOURCE, SampleFile, commit, load, stage_together

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
from .test_restated_faults import contents, expected

#: The same bytes: under the declaration of today, two of the three rejects are valid.
BEFORE, AFTER = (SampleFile("a", good=good, bad=10 - good, content="the same bytes") for good in (7, 9))
WITHOUT_REJECTS = SampleFile("a", good=10, bad=0, content="the same bytes")
OTHER = SampleFile("b", good=3, bad=1)
ACTOR = Actor(by="ana", tool="airflow", reason="the declaration is fixed")
TABLES = ("person", "person_rejects")


def stage_again(catalog: RestCatalog, person: TableContract, file: SampleFile) -> list[StagedFile]:
    return stage_files(catalog, person, SOURCE, PERIOD, [file.landed], lambda _: file.open(), again=True)


def shown(catalog: RestCatalog, person: TableContract) -> list[LoadedFile]:
    """Return what a person sees of the file that is to be reloaded."""
    return [file for file in find_loaded_files(catalog, person, PERIOD) if file.name == "a"]


def reload(
    catalog: RestCatalog, person: TableContract, approved: list[LoadedFile], staged: list[StagedFile]
) -> int | None:
    return reload_files(catalog, person, SOURCE, PERIOD, approved, staged, actor=ACTOR)


def require_never_both_or_neither(catalog: RestCatalog, person: TableContract, after: SampleFile) -> None:
    for name in TABLES:
        old, new = (expected(file, OTHER, name=name) for file in (BEFORE, after))
        snapshots = contents(catalog, person, name)
        since = snapshots[snapshots.index(old) :]
        replaced = since.index(new)
        assert since == [old] * replaced + [new] * (len(since) - replaced)


@pytest.fixture(params=["alone", "staged together"])
def loaded(request: pytest.FixtureRequest, catalog: RestCatalog, person: TableContract) -> None:
    """The tables hold the file and another, in data files of their own or in one."""
    if request.param == "alone":
        load(catalog, person, OTHER, BEFORE)
    else:
        commit(catalog, person, *stage_together(catalog, person, OTHER, BEFORE))


@pytest.mark.usefixtures("loaded")
@pytest.mark.parametrize("after", [AFTER, WITHOUT_REJECTS], ids=["fewer rejects", "no rejects"])
@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("crash", [killed_before_commit, killed_after_commit])
def test_a_reload_is_finished_by_its_retry_after_a_crash_at_any_of_its_commits(
    account: Account, catalog: RestCatalog, injector: FaultInjector, person: TableContract,
    crash: Fault, table: str, after: SampleFile,
):  # fmt: skip
    approved, staged = shown(catalog, person), stage_again(catalog, person, after)
    injector.inject(crash, table=table)
    with pytest.raises(Killed):
        reload(injector.catalog, person, approved, staged)
    for _ in range(2):
        reload(catalog, person, approved, staged)
        require_exactly_once(account, person, OTHER, after)
    require_never_both_or_neither(catalog, person, after)


@pytest.mark.usefixtures("loaded")
@pytest.mark.parametrize("faults", FEW_FAULTS.values(), ids=FEW_FAULTS.keys())
def test_a_reload_succeeds_exactly_once_despite_faults_and_says_who_made_it(
    account: Account, injector: FaultInjector, person: TableContract, faults: list[Fault]
):
    approved, staged = shown(injector.catalog, person), stage_again(injector.catalog, person, AFTER)
    injector.inject(*faults)
    snapshot_id = reload(injector.catalog, person, approved, staged)
    require_exactly_once(account, person, OTHER, AFTER)
    assert snapshot_id is not None
    snapshot = injector.catalog.load_table(person.identifier).snapshot_by_id(snapshot_id)
    assert snapshot is not None
    summary = LoadSummary.of_snapshot(snapshot)
    assert summary is not None
    assert (summary.actor, summary.restated, summary.rows_replaced) == (ACTOR, "reload", BEFORE.good)


@pytest.mark.usefixtures("loaded")
def test_a_reload_that_never_succeeds_leaves_the_file_as_it_was(
    account: Account, injector: FaultInjector, person: TableContract
):
    approved, staged = shown(injector.catalog, person), stage_again(injector.catalog, person, AFTER)
    injector.inject(*[error_before_commit(409)] * 100)
    with pytest.raises(CommitError):
        reload(injector.catalog, person, approved, staged)
    require_exactly_once(account, person, OTHER, BEFORE)


@pytest.mark.usefixtures("loaded")
@pytest.mark.parametrize("when", ["before", "at the commit"])
@pytest.mark.parametrize("then", ["stays away", "is loaded again"])
def test_a_file_that_was_undone_after_it_was_shown_is_not_reloaded(
    account: Account, catalog: RestCatalog, injector: FaultInjector, person: TableContract, when: str, then: str
):
    approved, staged = shown(catalog, person), stage_again(catalog, person, AFTER)

    def change() -> None:
        undo_load(catalog, person, SOURCE, PERIOD, {BEFORE.landed.sha256})
        if then == "is loaded again":
            load(catalog, person, BEFORE)

    if when == "before":
        change()
    else:
        injector.inject(interrupted_by(change))
    with pytest.raises(DeliveryRefusedError, match="nothing was changed"):
        reload(injector.catalog, person, approved, staged)
    require_exactly_once(account, person, OTHER, *([BEFORE] if then == "is loaded again" else []))


@pytest.mark.usefixtures("loaded")
def test_an_undo_that_was_approved_leaves_a_later_load_of_the_file(
    account: Account, catalog: RestCatalog, person: TableContract
):
    approved = shown(catalog, person)
    undo_load(catalog, person, SOURCE, PERIOD, {BEFORE.landed.sha256})
    load(catalog, person, BEFORE)
    assert undo_load(catalog, person, SOURCE, PERIOD, {BEFORE.landed.sha256}, approved=approved) is None
    require_exactly_once(account, person, OTHER, BEFORE)


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("crash", [killed_before_commit, killed_after_commit])
def test_an_undo_that_was_approved_is_finished_by_its_retry(
    account: Account, catalog: RestCatalog, injector: FaultInjector, person: TableContract, crash: Fault, table: str
):
    load(catalog, person, OTHER, BEFORE)
    approved = shown(catalog, person)
    injector.inject(crash, table=table)
    with pytest.raises(Killed):
        undo_load(injector.catalog, person, SOURCE, PERIOD, {BEFORE.landed.sha256}, approved=approved)
    undo_load(catalog, person, SOURCE, PERIOD, {BEFORE.landed.sha256}, approved=approved)
    require_exactly_once(account, person, OTHER)
