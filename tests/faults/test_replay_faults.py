"""Whatever fault a replay meets, after the next replay each record is in exactly one of the two tables, once.

Between the append and the removal a record is in both tables. There is no other such state, and a replay ends it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from pyiceberg.catalog.rest import RestCatalog

from growth_verticals.account import Account
from growth_verticals.catalog.rest import open_catalog
from growth_verticals.contract.table import TableContract
from growth_verticals.errors import CommitError, DeliveryRefusedError
from growth_verticals.reader import NO_SUMS, Block, ParsedBlock
from growth_verticals.tables.replay import ReplayedFile, replay_rejected
from growth_verticals.tables.undo import undo_load
from local.readback import read_table
from tests.integration.tables.deliveries import PERIOD, SOURCE, SampleFile, commit, load, stage

from .fault_injector import Fault, FaultInjector, Killed, interrupted_by, killed_after_commit, killed_before_commit
from .test_commit_faults import FAULTS as ALL_FAULTS

#: The file's bad records start at lines 12 to 15.
FILE = SampleFile("a", good=10, bad=4)
BAD = range(12, 16)
TABLES = ("person", "person_rejects")
#: A replay commits with the same code as a load, which is tested with the other faults too.
FAULTS = {
    name: ALL_FAULTS[name]
    for name in ("409 after the commit", "response truncated after the commit", "several faults in turn")
}


@dataclass
class FixedReader:
    """Reads a file after a fix: bad records at the lines `now_valid` are valid, the others have a new reason."""

    file: SampleFile
    now_valid: tuple[int, ...]
    reason: str = "out_of_range"

    stated_sums = NO_SUMS

    def blocks(self) -> Iterator[Block]:
        return self.file.blocks()

    def parse(self, block: Block) -> ParsedBlock:
        before = self.file.parse(block)
        all_good = replace(self.file, good=self.file.good + self.file.bad, bad=0).parse(block)
        valid = pa.array([*before.rows.column("source_row").to_pylist(), *self.now_valid], pa.int64())
        rows = all_good.rows.filter(pc.is_in(all_good.rows.column("source_row"), value_set=valid))
        rejects = before.rejects.filter(pc.invert(pc.is_in(before.rejects.column("source_row"), value_set=valid)))
        index = rejects.schema.get_field_index("reason")
        rejects = rejects.set_column(index, "reason", pa.array([self.reason] * rejects.num_rows, pa.string()))
        return ParsedBlock(rows, rejects, before.rows_read)


def replay(
    catalog: RestCatalog,
    contract: TableContract,
    *now_valid: int,
    file: SampleFile = FILE,
    before_commit: Callable[[], object] = int,
) -> list[ReplayedFile]:
    @contextmanager
    def reader(name: str, sha256: str) -> Iterator[FixedReader]:
        assert (name, sha256) == (file.name, file.landed.sha256)
        yield FixedReader(file, now_valid)
        before_commit()

    return replay_rejected(catalog, contract, SOURCE, PERIOD, reader)


def rows_in(account: Account, contract: TableContract, table: str) -> list[int]:
    sql = "SELECT source_row FROM t WHERE source_row >= 12 ORDER BY 1"
    identifier = f"{contract.namespace}.{table}"
    return [row for (row,) in read_table(account, identifier, sql)]


def require_once(account: Account, contract: TableContract, *loaded: int) -> None:
    """Check with another engine that these bad records are in the table, and the others in the rejects table."""
    assert rows_in(account, contract, "person") == list(loaded)
    assert rows_in(account, contract, "person_rejects") == [row for row in BAD if row not in loaded]
    assert read_table(account, contract.identifier, "SELECT count(*) FROM t WHERE source_row < 12") == [(10,)]


# --- faults -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("faults", FAULTS.values(), ids=FAULTS.keys())
def test_a_replay_loads_each_record_once_despite_faults(
    account: Account,
    catalog: RestCatalog,
    injector: FaultInjector,
    person: TableContract,
    faults: list[Fault],
    table: str,
):
    load(catalog, person, FILE)
    injector.inject(*faults, table=table)
    [replayed] = replay(injector.catalog, person, 12, 14)
    assert (replayed.status, replayed.rows_loaded, replayed.rows_rejected) == ("replayed", 2, 2)
    require_once(account, person, 12, 14)


# --- crashes ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "now_valid", [(12, 14), (12, 13, 14), (12, 13, 14, 15)], ids=["same valid", "more valid", "all valid"]
)
@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("crash", [killed_before_commit, killed_after_commit])
def test_the_next_replay_recovers_from_a_crash(
    account: Account,
    injector: FaultInjector,
    person: TableContract,
    crash: Fault,
    table: str,
    now_valid: tuple[int, ...],
):
    load(injector.catalog, person, FILE)
    injector.inject(crash, table=table)
    with pytest.raises(Killed):
        replay(injector.catalog, person, 12, 14)
    for _ in range(2):
        replay(injector.catalog, person, *now_valid)
        require_once(account, person, *now_valid)


def test_rows_that_a_crashed_replay_appended_stay_even_if_they_are_no_longer_valid(
    account: Account, injector: FaultInjector, person: TableContract
):
    load(injector.catalog, person, FILE)
    injector.inject(killed_before_commit, table="person_rejects")
    with pytest.raises(Killed):
        replay(injector.catalog, person, 12, 14)
    assert rows_in(account, person, "person") == [12, 14]
    assert rows_in(account, person, "person_rejects") == [*BAD]
    assert [file.rows_loaded for file in replay(injector.catalog, person)] == [2]
    require_once(account, person, 12, 14)


def test_a_load_of_the_file_after_a_crashed_replay_changes_nothing(
    account: Account, injector: FaultInjector, person: TableContract
):
    load(injector.catalog, person, FILE)
    injector.inject(killed_before_commit, table="person_rejects")
    with pytest.raises(Killed):
        replay(injector.catalog, person, 12, 14)
    assert load(injector.catalog, person, FILE).files[0].status == "already_loaded"
    replay(injector.catalog, person, 12, 14)
    require_once(account, person, 12, 14)


# --- concurrent changes -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("table", TABLES)
def test_the_same_replay_between_the_check_and_the_commit(
    account: Account, catalog: RestCatalog, injector: FaultInjector, person: TableContract, table: str
):
    load(catalog, person, FILE)
    injector.inject(interrupted_by(lambda: replay(catalog, person, 12, 14)), table=table)
    replay(injector.catalog, person, 12, 14)
    require_once(account, person, 12, 14)


@pytest.mark.parametrize("other_valid", [(12,), (12, 13, 14, 15), (15,)], ids=["fewer", "more", "others"])
@pytest.mark.parametrize("table", TABLES)
def test_a_replay_with_another_contract_between_the_check_and_the_commit(
    account: Account,
    catalog: RestCatalog,
    injector: FaultInjector,
    person: TableContract,
    table: str,
    other_valid: tuple[int, ...],
):
    load(catalog, person, FILE)
    injector.inject(interrupted_by(lambda: replay(catalog, person, *other_valid)), table=table)
    try:
        replay(injector.catalog, person, 12, 14)
    except CommitError as error:
        assert "was changed by another replay, load or undo" in str(error)
    assert len(rows_in(account, person, "person")) == len(set(rows_in(account, person, "person")))
    replay(catalog, person, 12, 14)
    require_once(account, person, *sorted({12, 14, *other_valid}))


def test_a_load_of_another_file_between_the_check_and_the_commits(
    account: Account, catalog: RestCatalog, injector: FaultInjector, person: TableContract
):
    load(catalog, person, FILE)
    other = SampleFile("b", good=3, bad=1)
    injector.inject(interrupted_by(lambda: load(catalog, person, other)))
    replay(injector.catalog, person, 12, 14)
    by_file = "SELECT source_file, count(*), count(DISTINCT source_row) FROM t GROUP BY 1 ORDER BY 1"
    assert read_table(account, person.identifier, by_file) == [("a", 12, 12), ("b", 3, 3)]
    assert read_table(account, f"{person.identifier}_rejects", by_file) == [("a", 2, 2), ("b", 1, 1)]


@pytest.mark.parametrize("table", TABLES)
def test_an_undo_between_the_check_and_the_commit_is_not_reverted(
    account: Account, catalog: RestCatalog, injector: FaultInjector, person: TableContract, table: str
):
    load(catalog, person, FILE)
    undo = interrupted_by(lambda: undo_load(catalog, person, SOURCE, PERIOD, {FILE.landed.sha256}))
    injector.inject(undo, table=table)
    with pytest.raises(CommitError, match="was changed by another replay, load or undo"):
        replay(injector.catalog, person, 12, 14)
    for name in TABLES:
        assert read_table(account, f"{person.namespace}.{name}", "SELECT count(*) FROM t") == [(0,)]
    assert load(catalog, person, FILE).files[0].status == "loaded"


@pytest.mark.parametrize("table", TABLES)
def test_compaction_between_the_check_and_the_commit(
    account: Account, catalog: RestCatalog, injector: FaultInjector, person: TableContract, table: str
):
    load(catalog, person, FILE)

    def compact() -> None:
        live = catalog.load_table(f"{person.namespace}.{table}")
        live.overwrite(live.scan().to_arrow())

    injector.inject(interrupted_by(compact), table=table)
    replay(injector.catalog, person, 12, 14)
    require_once(account, person, 12, 14)


def test_concurrent_replays_append_once(account: Account, person: TableContract):
    catalogs = [open_catalog(account) for _ in range(3)]
    load(catalogs[0], person, FILE)
    start = threading.Barrier(len(catalogs))
    with ThreadPoolExecutor(len(catalogs)) as pool:
        for future in [pool.submit(replay, catalog, person, 12, 14, before_commit=start.wait) for catalog in catalogs]:
            future.result()
    require_once(account, person, 12, 14)


# --- files that cannot be replayed --------------------------------------------------------------------------------


def test_a_file_without_a_row_in_the_table_is_skipped(account: Account, catalog: RestCatalog, person: TableContract):
    staged = stage(catalog, person, FILE)
    with pytest.raises(DeliveryRefusedError):
        commit(catalog, person, staged, max_rejected=0.1)
    [skipped] = replay(catalog, person, 12, 14)
    assert (skipped.status, skipped.rows_loaded, skipped.rows_rejected) == ("not_loaded", 0, 4)
    assert rows_in(account, person, "person_rejects") == [*BAD]
    assert commit(catalog, person, staged).files[0].status == "loaded"


@pytest.mark.parametrize(
    "other",
    [SampleFile("a", good=9, bad=4), SampleFile("a", good=10, bad=5)],
    ids=["one record less", "one record more"],
)
def test_a_file_whose_records_start_at_other_lines_is_refused(
    account: Account, catalog: RestCatalog, person: TableContract, other: SampleFile
):
    load(catalog, person, FILE)
    other.content = "a 10 4"  # as if another declaration split the same bytes into other records
    with pytest.raises(DeliveryRefusedError, match="do not start at the same lines as when it was loaded"):
        replay(catalog, person, *BAD, file=other)
    require_once(account, person)
