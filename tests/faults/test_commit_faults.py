"""Whatever a commit meets, the rows are in the table exactly once, and the table can be read.

Each row of the table in which pyiceberg's behaviour was recorded is a case here, on a real catalog. The last part
proves that these cases would find a loader that is wrong: mutants of it must fail them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

import pytest
from pyiceberg.catalog.rest import RestCatalog
from pyiceberg.table import Table

from growth_verticals.account import Account
from growth_verticals.catalog.rest import open_catalog
from growth_verticals.contract.table import TableContract
from growth_verticals.delivery import LoadResult
from growth_verticals.errors import CommitError
from growth_verticals.tables import commit as commit_module
from growth_verticals.tables import commit_loop
from local.readback import read_table
from tests.integration.tables.deliveries import EARLIER, Toy, commit, load, stage

from .spoiler import (
    Fault,
    Killed,
    Spoiler,
    after,
    before,
    cut_after,
    dropped_after,
    dropped_before,
    interrupted_by,
    killed_after,
    killed_before,
    timed_out_after,
)  # fmt: skip

TOY = Toy("a", good=10, bad=2)
BY_FILE = "SELECT source_file, count(*), count(DISTINCT source_row) FROM t GROUP BY 1 ORDER BY 1"

FAULTS: dict[str, list[Fault]] = {
    "none": [],
    "409 once": [before(409)],
    "409 six times": [before(409)] * 6,
    "409 after it landed": [after(409)],
    "409, then 409 after it landed": [before(409), after(409)],
    **{f"{status} before": [before(status)] for status in (400, 403, 429, 500, 502, 503, 504)},
    **{f"{status} after it landed": [after(status)] for status in (400, 403, 429, 500, 502, 503, 504)},
    "connection dropped before": [dropped_before],
    "connection dropped after it landed": [dropped_after],
    "no answer in time, and it landed": [timed_out_after],
    "answer cut off": [cut_after],
    "one after the other": [before(503), dropped_before, before(409), cut_after],
}


def require_exactly_once(account: Account, contract: TableContract, *toys: Toy) -> None:
    """Read both tables with another engine: each file's rows and rejects are there, each row once."""
    expected = {(toy.name, toy.good, toy.good) for toy in toys}
    assert set(read_table(account, contract.identifier, BY_FILE)) == expected
    rejected = {(toy.name, toy.bad, toy.bad) for toy in toys if toy.bad}
    assert set(read_table(account, f"{contract.identifier}_rejects", BY_FILE)) == rejected


@pytest.mark.parametrize("table", ["person", "person_rejects"])
@pytest.mark.parametrize("faults", FAULTS.values(), ids=FAULTS.keys())
def test_a_commit_lands_once_whatever_it_meets(
    account: Account, spoiler: Spoiler, person: TableContract, faults: list[Fault], table: str
):
    staged = stage(spoiler.catalog, person, TOY)
    spoiler.spoil(*faults, table=table)
    result = commit(spoiler.catalog, person, staged)
    assert [(file.status, file.rows_loaded, file.rows_rejected) for file in result.files] == [("loaded", 10, 2)]
    assert result.snapshot_id == spoiler.catalog.load_table(person.identifier).current_snapshot().snapshot_id
    require_exactly_once(account, person, TOY)


def test_a_commit_that_never_gets_through_says_so_and_can_be_repeated(
    account: Account, spoiler: Spoiler, person: TableContract
):
    staged = stage(spoiler.catalog, person, TOY)
    spoiler.spoil(*[before(409)] * 100)
    with pytest.raises(CommitError, match=r"12 attempts; nothing of this call was committed.*run the commit again"):
        commit(spoiler.catalog, person, staged)
    assert spoiler.catalog.load_table(person.identifier).current_snapshot() is None
    spoiler.spoil()
    assert commit(spoiler.catalog, person, staged).rows_loaded == 10
    require_exactly_once(account, person, TOY)


def test_the_last_attempt_is_asked_about_too(account: Account, spoiler: Spoiler, person: TableContract):
    staged = stage(spoiler.catalog, person, TOY)
    spoiler.spoil(*[before(409)] * (commit_loop.ATTEMPTS - 1), after(409))
    assert commit(spoiler.catalog, person, staged).files[0].status == "loaded"
    require_exactly_once(account, person, TOY)


def test_a_table_that_cannot_be_asked_leaves_the_state_unknown(
    spoiler: Spoiler, person: TableContract, monkeypatch: pytest.MonkeyPatch
):
    staged = stage(spoiler.catalog, person, Toy("a"))
    load_table, calls = spoiler.catalog.load_table, iter(range(1000))

    def down_after_the_first_looks(identifier: str) -> Table:
        if next(calls) >= 4:
            raise OSError("unreachable")
        return load_table(identifier)

    spoiler.spoil(dropped_after)
    monkeypatch.setattr(spoiler.catalog, "load_table", down_after_the_first_looks)
    with pytest.raises(CommitError, match="whether the last one succeeded is unknown"):
        commit(spoiler.catalog, person, staged)


# --- crashes ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("restaged", [False, True], ids=["commit retried", "staged again"])
@pytest.mark.parametrize("table", ["person_rejects", "person"])
@pytest.mark.parametrize("crash", [killed_before, killed_after])
def test_a_crash_at_a_commit_is_mended_by_a_retry(
    account: Account, spoiler: Spoiler, person: TableContract, crash: Fault, table: str, restaged: bool
):
    staged = stage(spoiler.catalog, person, TOY)
    spoiler.spoil(crash, table=table)
    with pytest.raises(Killed):
        commit(spoiler.catalog, person, staged)
    retried = stage(spoiler.catalog, person, TOY) if restaged else staged
    results = [commit(spoiler.catalog, person, retried) for _ in range(2)]
    require_exactly_once(account, person, TOY)
    landed = crash is killed_after and table == "person"
    assert [result.files[0].status for result in results] == ["already_loaded" if landed and restaged else "loaded"] * 2
    assert results[0] == results[1]


# --- others at the same time --------------------------------------------------------------------------------------


def test_another_loader_between_the_look_and_the_commit(
    account: Account, catalog: RestCatalog, spoiler: Spoiler, person: TableContract
):
    staged = stage(spoiler.catalog, person, TOY)
    theirs: list[LoadResult] = []
    spoiler.spoil(interrupted_by(lambda: theirs.append(load(catalog, person, TOY))))
    ours = commit(spoiler.catalog, person, staged)
    assert [theirs[0].files[0].status, ours.files[0].status] == ["loaded", "already_loaded"]
    assert ours.snapshot_id is None
    require_exactly_once(account, person, TOY)


def test_another_file_between_the_look_and_the_commit(
    account: Account, catalog: RestCatalog, spoiler: Spoiler, person: TableContract
):
    staged = stage(spoiler.catalog, person, TOY)
    spoiler.spoil(interrupted_by(lambda: load(catalog, person, Toy("b"))))
    assert commit(spoiler.catalog, person, staged).rows_loaded == 10
    require_exactly_once(account, person, TOY, Toy("b"))


def test_compaction_between_the_look_and_the_replacement_of_rejects(
    account: Account, catalog: RestCatalog, spoiler: Spoiler, person: TableContract
):
    load(catalog, person, Toy("b", bad=3))
    spoiler.spoil(killed_before)
    with pytest.raises(Killed):
        commit(spoiler.catalog, person, stage(spoiler.catalog, person, TOY))

    def compact() -> None:
        rejects = catalog.load_table(f"{person.identifier}_rejects")
        rejects.overwrite(rejects.scan().to_arrow())

    staged = stage(spoiler.catalog, person, TOY)
    spoiler.spoil(interrupted_by(compact), table="person_rejects")
    commit(spoiler.catalog, person, staged)
    require_exactly_once(account, person, TOY, Toy("b", bad=3))


def test_a_late_commit_does_not_land_behind_its_own_retry(account: Account, spoiler: Spoiler, person: TableContract):
    """A request that was given up on arrives after the retry has landed: the head it requires is gone."""
    staged = stage(spoiler.catalog, person, TOY)
    late: list[Callable[[], object]] = []

    def held_back(pass_on: Callable[[], object]) -> object:
        late.append(pass_on)
        return dropped_before(pass_on)  # type: ignore[arg-type]

    spoiler.spoil(held_back)  # type: ignore[arg-type]
    commit(spoiler.catalog, person, staged)
    assert late[0]().status_code == 409  # type: ignore[attr-defined]
    require_exactly_once(account, person, TOY)


@pytest.mark.parametrize("same_staging", [True, False], ids=["one staging", "a staging each"])
def test_loaders_of_one_file_at_the_same_time(account: Account, person: TableContract, same_staging: bool):
    catalogs = [open_catalog(account) for _ in range(4)]
    first = stage(catalogs[0], person, TOY)
    staged = [first if same_staging else stage(catalog, person, TOY) for catalog in catalogs]
    start = threading.Barrier(len(catalogs))

    def run(number: int) -> LoadResult:
        start.wait()
        return commit(catalogs[number], person, staged[number])

    with ThreadPoolExecutor(len(catalogs)) as pool:
        results = list(pool.map(run, range(len(catalogs))))
    others = "loaded" if same_staging else "already_loaded"
    assert sorted(result.files[0].status for result in results) == sorted(["loaded", *[others] * 3])
    assert len({result.snapshot_id for result in results if result.snapshot_id}) == 1
    require_exactly_once(account, person, TOY)


def test_loaders_of_different_files_at_the_same_time_all_get_through(account: Account, person: TableContract):
    catalogs = [open_catalog(account) for _ in range(6)]
    toys = [Toy(f"file_{number}", bad=1) for number in range(len(catalogs))]
    staged = [stage(catalog, person, toy) for catalog, toy in zip(catalogs, toys, strict=True)]
    start = threading.Barrier(len(catalogs))

    def run(number: int) -> LoadResult:
        start.wait()
        return commit(catalogs[number], person, staged[number])

    with ThreadPoolExecutor(len(catalogs)) as pool:
        results = list(pool.map(run, range(len(catalogs))))
    assert {result.files[0].status for result in results} == {"loaded"}
    require_exactly_once(account, person, *toys)


def test_expired_snapshots_do_not_make_a_file_new(account: Account, catalog: RestCatalog, person: TableContract):
    load_expire_and_load_again(catalog, person)
    require_exactly_once(account, person, TOY, Toy("b"))


def load_expire_and_load_again(catalog: RestCatalog, person: TableContract) -> None:
    staged = stage(catalog, person, TOY)
    first = commit(catalog, person, staged)
    load(catalog, person, Toy("b"), period=EARLIER)
    table = catalog.load_table(person.identifier)
    table.maintenance.expire_snapshots().by_id(int(first.snapshot_id or 0)).commit()
    commit(catalog, person, staged)


# --- mutants: what these tests would find -------------------------------------------------------------------------


def never_loaded(*_: object) -> set[str]:
    return set()


def in_a_summary(table: Table, period_key: str, digests: Iterable[str]) -> set[str]:
    summaries = [snapshot.summary for snapshot in table.metadata.snapshots if snapshot.summary is not None]
    return set(digests) if any(summary["gv.period"] == period_key for summary in summaries) else set()


def test_a_loader_that_does_not_ask_is_found(
    account: Account, spoiler: Spoiler, person: TableContract, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(commit_module, "loaded_digests", never_loaded)
    staged = stage(spoiler.catalog, person, TOY)
    spoiler.spoil(dropped_after)
    commit(spoiler.catalog, person, staged)
    with pytest.raises(AssertionError):
        require_exactly_once(account, person, TOY)


def test_a_loader_that_lets_pyiceberg_rebase_is_found(
    account: Account, catalog: RestCatalog, spoiler: Spoiler, person: TableContract, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(commit_loop, "_for_one_transaction", lambda table: table)
    staged = stage(spoiler.catalog, person, TOY)
    theirs = stage(catalog, person, TOY)
    spoiler.spoil(interrupted_by(lambda: commit(catalog, person, theirs)))
    commit(spoiler.catalog, person, staged)
    with pytest.raises(AssertionError):
        require_exactly_once(account, person, TOY)


def test_a_loader_that_trusts_the_summaries_is_found(
    account: Account, catalog: RestCatalog, person: TableContract, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(commit_module, "loaded_digests", in_a_summary)
    load_expire_and_load_again(catalog, person)
    with pytest.raises(AssertionError):
        require_exactly_once(account, person, TOY, Toy("b"))
