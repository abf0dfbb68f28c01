"""Whatever fault a commit meets, its rows are in the table exactly once and the table can be read.

Each fault for which pyiceberg's behavior was recorded is a case here, on a real catalog. `make mutants` shows that
these tests detect a wrong loader.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from pyiceberg.catalog.rest import RestCatalog
from pyiceberg.table import Table, snapshots

from growth_verticals.account import Account
from growth_verticals.catalog.rest import open_catalog
from growth_verticals.contract.table import TableContract
from growth_verticals.delivery import LoadResult
from growth_verticals.errors import CommitError, ConfigurationError, DeliveryRefusedError
from growth_verticals.tables import commit_loop
from growth_verticals.tables.undo import undo_load
from local.readback import read_table
from tests.integration.tables.deliveries import EARLIER, PERIOD, SOURCE, SampleFile, commit, load, stage, stage_together

from .fault_injector import (
    Fault,
    FaultInjector,
    Killed,
    dropped_after_commit,
    dropped_before_commit,
    error_after_commit,
    error_before_commit,
    interrupted_by,
    killed_after_commit,
    killed_before_commit,
    timed_out_after_commit,
    truncated_after_commit,
)

FILE = SampleFile("a", good=10, bad=2)
BY_FILE = "SELECT source_file, count(*), count(DISTINCT source_row) FROM t GROUP BY 1 ORDER BY 1"

FAULTS: dict[str, list[Fault]] = {
    "none": [],
    "409 once": [error_before_commit(409)],
    "409 six times": [error_before_commit(409)] * 6,
    "409 after the commit": [error_after_commit(409)],
    "409 before, then 409 after the commit": [error_before_commit(409), error_after_commit(409)],
    **{f"{status} before the commit": [error_before_commit(status)] for status in (400, 403, 429, 500, 502, 503, 504)},
    **{f"{status} after the commit": [error_after_commit(status)] for status in (400, 403, 429, 500, 502, 503, 504)},
    "connection dropped before the commit": [dropped_before_commit],
    "connection dropped after the commit": [dropped_after_commit],
    "timeout after the commit": [timed_out_after_commit],
    "response truncated after the commit": [truncated_after_commit],
    "several faults in turn": [
        error_before_commit(503),
        dropped_before_commit,
        error_before_commit(409),
        truncated_after_commit,
    ],
}

#: For other changes that commit in the same loop. `make faults FAULTS_N=…` runs all.
FEW_FAULTS = {
    name: faults
    for name, faults in FAULTS.items()
    if "FAULTS_N" in os.environ
    or name
    in (
        "none",
        "409 six times",
        "409 after the commit",
        "500 before the commit",
        "500 after the commit",
        "connection dropped after the commit",
        "response truncated after the commit",
        "several faults in turn",
    )
}


def require_exactly_once(account: Account, contract: TableContract, *files: SampleFile) -> None:
    """Check with another engine that the tables hold each file's rows and rejects, each row once."""
    expected = {(file.name, file.good, file.good) for file in files}
    assert set(read_table(account, contract.identifier, BY_FILE)) == expected
    rejected = {(file.name, file.bad, file.bad) for file in files if file.bad}
    assert set(read_table(account, f"{contract.identifier}_rejects", BY_FILE)) == rejected


def test_loads_go_on_after_a_commit_by_a_machine_whose_clock_is_a_day_ahead(
    account: Account, catalog: RestCatalog, person: TableContract, monkeypatch: pytest.MonkeyPatch
):
    now, early = time.time, SampleFile("early", good=3, bad=1)
    with monkeypatch.context() as ahead:
        ahead.setattr(snapshots.time, "time", lambda: now() + 86_400)
        load(catalog, person, early)
    load(catalog, person, FILE)
    undo_load(catalog, person, SOURCE, PERIOD, [early.landed.sha256])
    require_exactly_once(account, person, FILE)
    times = [snapshot.timestamp_ms for snapshot in catalog.load_table(person.identifier).snapshots()]
    assert len(times) == 3
    assert times == sorted(times)


@pytest.mark.parametrize("table", ["person", "person_rejects"])
@pytest.mark.parametrize("faults", FAULTS.values(), ids=FAULTS.keys())
def test_a_commit_succeeds_exactly_once_despite_faults(
    account: Account, injector: FaultInjector, person: TableContract, faults: list[Fault], table: str
):
    staged = stage(injector.catalog, person, FILE)
    injector.inject(*faults, table=table)
    result = commit(injector.catalog, person, staged)
    assert [(file.status, file.rows_loaded, file.rows_rejected) for file in result.files] == [("loaded", 10, 2)]
    assert result.snapshot_id == injector.catalog.load_table(person.identifier).current_snapshot().snapshot_id
    require_exactly_once(account, person, FILE)


def test_a_commit_that_never_succeeds_says_so_and_can_be_repeated(
    account: Account, injector: FaultInjector, person: TableContract
):
    staged = stage(injector.catalog, person, FILE)
    injector.inject(*[error_before_commit(409)] * 100)
    with pytest.raises(CommitError, match=r"12 attempts; nothing of this call was committed.*run the commit again"):
        commit(injector.catalog, person, staged)
    assert injector.catalog.load_table(person.identifier).current_snapshot() is None
    injector.inject()
    assert commit(injector.catalog, person, staged).rows_loaded == 10
    require_exactly_once(account, person, FILE)


def test_the_table_is_checked_after_the_last_attempt_too(
    account: Account, injector: FaultInjector, person: TableContract
):
    staged = stage(injector.catalog, person, FILE)
    injector.inject(*[error_before_commit(409)] * (commit_loop.ATTEMPTS - 1), error_after_commit(409))
    assert commit(injector.catalog, person, staged).files[0].status == "loaded"
    require_exactly_once(account, person, FILE)


def test_the_outcome_is_unknown_if_the_table_cannot_be_read(
    injector: FaultInjector, person: TableContract, monkeypatch: pytest.MonkeyPatch
):
    staged = stage(injector.catalog, person, SampleFile("a"))
    load_table, calls = injector.catalog.load_table, iter(range(1000))

    def unreachable_after_the_first_calls(identifier: str) -> Table:
        if next(calls) >= 4:
            raise OSError("unreachable")
        return load_table(identifier)

    injector.inject(dropped_after_commit)
    monkeypatch.setattr(injector.catalog, "load_table", unreachable_after_the_first_calls)
    with pytest.raises(CommitError, match="whether the last one succeeded is unknown"):
        commit(injector.catalog, person, staged)


#: pyiceberg itself repeats a request that was answered 401.
@pytest.mark.parametrize(("status", "requests"), [(401, 4), (403, 2)])
def test_a_catalog_that_refuses_ends_the_attempts_with_the_cause(
    injector: FaultInjector, person: TableContract, status: int, requests: int
):
    staged = stage(injector.catalog, person, FILE)
    attempts: list[int] = []

    def refuse(pass_on: Callable[[], object]) -> object:
        attempts.append(status)
        return error_before_commit(status)(pass_on)  # type: ignore[arg-type]

    injector.inject(*[refuse] * 100, table="person_rejects")  # type: ignore[list-item]
    with pytest.raises(ConfigurationError, match=r"committing to .* was refused by"):
        commit(injector.catalog, person, staged)
    assert len(attempts) == requests


# --- crashes ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("restaged", [False, True], ids=["commit retried", "staged again"])
@pytest.mark.parametrize("table", ["person_rejects", "person"])
@pytest.mark.parametrize("crash", [killed_before_commit, killed_after_commit])
def test_a_retry_recovers_from_a_crash_during_the_commit(
    account: Account, injector: FaultInjector, person: TableContract, crash: Fault, table: str, restaged: bool
):
    staged = stage(injector.catalog, person, FILE)
    injector.inject(crash, table=table)
    with pytest.raises(Killed):
        commit(injector.catalog, person, staged)
    retried = stage(injector.catalog, person, FILE) if restaged else staged
    results = [commit(injector.catalog, person, retried) for _ in range(2)]
    require_exactly_once(account, person, FILE)
    committed = crash is killed_after_commit and table == "person"
    expected = "already_loaded" if committed and restaged else "loaded"
    assert [result.files[0].status for result in results] == [expected] * 2
    assert results[0] == results[1]


# --- concurrent changes -------------------------------------------------------------------------------------------


def test_another_load_of_the_file_between_the_check_and_the_commit(
    account: Account, catalog: RestCatalog, injector: FaultInjector, person: TableContract
):
    staged = stage(injector.catalog, person, FILE)
    other_results: list[LoadResult] = []
    injector.inject(interrupted_by(lambda: other_results.append(load(catalog, person, FILE))))
    result = commit(injector.catalog, person, staged)
    assert [other_results[0].files[0].status, result.files[0].status] == ["loaded", "already_loaded"]
    assert result.snapshot_id is None
    require_exactly_once(account, person, FILE)


def test_a_load_of_another_file_between_the_check_and_the_commit(
    account: Account, catalog: RestCatalog, injector: FaultInjector, person: TableContract
):
    staged = stage(injector.catalog, person, FILE)
    injector.inject(interrupted_by(lambda: load(catalog, person, SampleFile("b"))))
    assert commit(injector.catalog, person, staged).rows_loaded == 10
    require_exactly_once(account, person, FILE, SampleFile("b"))


def test_a_load_of_one_file_of_a_batch_between_the_check_and_the_commit(
    account: Account, catalog: RestCatalog, injector: FaultInjector, person: TableContract
):
    other = SampleFile("b", good=3)
    staged = stage_together(injector.catalog, person, FILE, other)
    injector.inject(interrupted_by(lambda: load(catalog, person, FILE)))
    with pytest.raises(DeliveryRefusedError, match="holds some of the files that were staged together"):
        commit(injector.catalog, person, *staged)
    require_exactly_once(account, person, FILE)
    commit(catalog, person, *stage_together(catalog, person, FILE, other))
    require_exactly_once(account, person, FILE, other)


def test_compaction_between_the_check_and_the_replacement_of_rejects(
    account: Account, catalog: RestCatalog, injector: FaultInjector, person: TableContract
):
    load(catalog, person, SampleFile("b", bad=3))
    injector.inject(killed_before_commit)
    with pytest.raises(Killed):
        commit(injector.catalog, person, stage(injector.catalog, person, FILE))

    def compact() -> None:
        rejects = catalog.load_table(f"{person.identifier}_rejects")
        rejects.overwrite(rejects.scan().to_arrow())

    staged = stage(injector.catalog, person, FILE)
    injector.inject(interrupted_by(compact), table="person_rejects")
    commit(injector.catalog, person, staged)
    require_exactly_once(account, person, FILE, SampleFile("b", bad=3))


def test_a_late_commit_request_fails_after_its_own_retry_succeeded(
    account: Account, injector: FaultInjector, person: TableContract
):
    """A request that the client gave up on arrives after the retry: the head that it requires is no longer current."""
    staged = stage(injector.catalog, person, FILE)
    late_requests: list[Callable[[], object]] = []

    def delayed(forward: Callable[[], object]) -> object:
        late_requests.append(forward)
        return dropped_before_commit(forward)  # type: ignore[arg-type]

    injector.inject(delayed)  # type: ignore[arg-type]
    commit(injector.catalog, person, staged)
    assert late_requests[0]().status_code == 409  # type: ignore[attr-defined]
    require_exactly_once(account, person, FILE)


@pytest.mark.parametrize("same_staging", [True, False], ids=["staged once for all", "staged once for each"])
def test_concurrent_loads_of_one_file_add_it_once(account: Account, person: TableContract, same_staging: bool):
    catalogs = [open_catalog(account) for _ in range(4)]
    first = stage(catalogs[0], person, FILE)
    staged = [first if same_staging else stage(catalog, person, FILE) for catalog in catalogs]
    start = threading.Barrier(len(catalogs))

    def run(number: int) -> LoadResult:
        start.wait()
        return commit(catalogs[number], person, staged[number])

    with ThreadPoolExecutor(len(catalogs)) as pool:
        results = list(pool.map(run, range(len(catalogs))))
    others = "loaded" if same_staging else "already_loaded"
    assert sorted(result.files[0].status for result in results) == sorted(["loaded", *[others] * 3])
    assert len({result.snapshot_id for result in results if result.snapshot_id}) == 1
    require_exactly_once(account, person, FILE)


def test_concurrent_loads_of_different_files_all_succeed(account: Account, person: TableContract):
    catalogs = [open_catalog(account) for _ in range(6)]
    files = [SampleFile(f"file_{number}", bad=1) for number in range(len(catalogs))]
    staged = [stage(catalog, person, file) for catalog, file in zip(catalogs, files, strict=True)]
    start = threading.Barrier(len(catalogs))

    def run(number: int) -> LoadResult:
        start.wait()
        return commit(catalogs[number], person, staged[number])

    with ThreadPoolExecutor(len(catalogs)) as pool:
        results = list(pool.map(run, range(len(catalogs))))
    assert {result.files[0].status for result in results} == {"loaded"}
    require_exactly_once(account, person, *files)


def test_a_file_counts_as_loaded_after_its_snapshot_expired(
    account: Account, catalog: RestCatalog, person: TableContract
):
    staged = stage(catalog, person, FILE)
    first = commit(catalog, person, staged)
    load(catalog, person, SampleFile("b"), period=EARLIER)
    table = catalog.load_table(person.identifier)
    table.maintenance.expire_snapshots().by_id(int(first.snapshot_id or 0)).commit()
    commit(catalog, person, staged)
    require_exactly_once(account, person, FILE, SampleFile("b"))


def test_a_retry_restores_rejects_that_an_undo_removed_before_a_crash(
    account: Account, catalog: RestCatalog, injector: FaultInjector, person: TableContract
):
    staged = stage(injector.catalog, person, FILE)
    undo = interrupted_by(lambda: undo_load(catalog, person, SOURCE, PERIOD, {FILE.landed.sha256}))
    injector.inject(undo)
    commit_and_die = FaultInjector(injector.catalog)
    commit_and_die.inject(lambda forward: forward(), killed_before_commit, table="person_rejects")
    with pytest.raises(Killed):
        commit(injector.catalog, person, staged)
    assert commit(catalog, person, staged).files[0].status == "loaded"
    require_exactly_once(account, person, FILE)


def test_a_refused_batch_leaves_no_rejects_of_a_file_that_another_load_read_without_any(
    account: Account, catalog: RestCatalog, injector: FaultInjector, person: TableContract
):
    fixed = SampleFile("a", good=12, bad=0, content="a 10 2")  # the same bytes as FILE, by a fixed declaration
    other = SampleFile("b", good=3)
    staged = stage_together(injector.catalog, person, FILE, other)
    injector.inject(interrupted_by(lambda: load(catalog, person, fixed)), table="person_rejects")
    with pytest.raises(DeliveryRefusedError):
        commit(injector.catalog, person, *staged)
    commit(catalog, person, *stage_together(catalog, person, fixed, other))
    require_exactly_once(account, person, fixed, other)
