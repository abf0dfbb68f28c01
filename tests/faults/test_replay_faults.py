"""Whatever a replay meets, each record is in the table or in its rejects table, once; the next replay mends the rest.

Between the append and the removal a record is in both. That is the only state of that kind, and a replay ends it.
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
from pyroaring import BitMap64

from growth_verticals.account import Account
from growth_verticals.catalog.rest import open_catalog
from growth_verticals.contract.table import TableContract
from growth_verticals.errors import CommitError, DeliveryRefusedError
from growth_verticals.reader import Block, Parsed
from growth_verticals.tables import replay as replay_module
from growth_verticals.tables.replay import ReplayedFile, replay_rejected
from growth_verticals.tables.undo import undo_load
from local.readback import read_table
from tests.integration.tables.deliveries import PERIOD, SOURCE, Toy, commit, load, stage

from .spoiler import Fault, Killed, Spoiler, interrupted_by, killed_after, killed_before
from .test_commit_faults import FAULTS as ALL_FAULTS

#: Its bad records start in lines 12 to 15.
TOY = Toy("a", good=10, bad=4)
BAD = range(12, 16)
TABLES = ("person", "person_rejects")
#: The head is moved as a commit moves it, which meets all the others.
FAULTS = {name: ALL_FAULTS[name] for name in ("409 after it landed", "answer cut off", "one after the other")}


@dataclass
class Fixed:
    """The reader of a toy after a fix: the bad records in the lines `passes` pass, the others have a new reason."""

    toy: Toy
    passes: tuple[int, ...]
    reason: str = "out_of_range"

    def blocks(self) -> Iterator[Block]:
        return self.toy.blocks()

    def parse(self, block: Block) -> Parsed:
        were, good = self.toy.parse(block), replace(self.toy, good=self.toy.good + self.toy.bad, bad=0).parse(block)
        passing = pa.array([*were.rows.column("source_row").to_pylist(), *self.passes], pa.int64())
        rows = good.rows.filter(pc.is_in(good.rows.column("source_row"), value_set=passing))
        rejects = were.rejects.filter(pc.invert(pc.is_in(were.rejects.column("source_row"), value_set=passing)))
        place = rejects.schema.get_field_index("reason")
        rejects = rejects.set_column(place, "reason", pa.array([self.reason] * rejects.num_rows, pa.string()))
        return Parsed(rows, rejects, were.rows_read)


def replay(
    catalog: RestCatalog, contract: TableContract, *passes: int, toy: Toy = TOY, meanwhile: Callable[[], object] = int
) -> list[ReplayedFile]:
    @contextmanager
    def reader(name: str, sha256: str) -> Iterator[Fixed]:
        assert (name, sha256) == (toy.name, toy.landed.sha256)
        yield Fixed(toy, passes)
        meanwhile()

    return replay_rejected(catalog, contract, SOURCE, PERIOD, reader)


def rows_in(account: Account, contract: TableContract, table: str) -> list[int]:
    sql = "SELECT source_row FROM t WHERE source_row >= 12 ORDER BY 1"
    identifier = f"{contract.namespace}.{table}"
    return [row for (row,) in read_table(account, identifier, sql)]


def require_once(account: Account, contract: TableContract, *passed: int) -> None:
    """Read both tables with another engine: these bad records are in the table, the others are rejected."""
    assert rows_in(account, contract, "person") == list(passed)
    assert rows_in(account, contract, "person_rejects") == [row for row in BAD if row not in passed]
    assert read_table(account, contract.identifier, "SELECT count(*) FROM t WHERE source_row < 12") == [(10,)]


# --- answers ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("faults", FAULTS.values(), ids=FAULTS.keys())
def test_a_replay_lands_once_whatever_it_meets(
    account: Account, catalog: RestCatalog, spoiler: Spoiler, person: TableContract, faults: list[Fault], table: str
):
    load(catalog, person, TOY)
    spoiler.spoil(*faults, table=table)
    [replayed] = replay(spoiler.catalog, person, 12, 14)
    assert (replayed.status, replayed.rows_loaded, replayed.rows_rejected) == ("replayed", 2, 2)
    require_once(account, person, 12, 14)


# --- crashes ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("then", [(12, 14), (12, 13, 14), (12, 13, 14, 15)], ids=["as before", "more pass", "all pass"])
@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("crash", [killed_before, killed_after])
def test_a_crash_is_mended_by_the_next_replay(
    account: Account, spoiler: Spoiler, person: TableContract, crash: Fault, table: str, then: tuple[int, ...]
):
    load(spoiler.catalog, person, TOY)
    spoiler.spoil(crash, table=table)
    with pytest.raises(Killed):
        replay(spoiler.catalog, person, 12, 14)
    for _ in range(2):
        replay(spoiler.catalog, person, *then)
        require_once(account, person, *then)


def test_what_a_crashed_replay_appended_stays_even_if_it_would_not_pass_any_more(
    account: Account, spoiler: Spoiler, person: TableContract
):
    load(spoiler.catalog, person, TOY)
    spoiler.spoil(killed_before, table="person_rejects")
    with pytest.raises(Killed):
        replay(spoiler.catalog, person, 12, 14)
    assert rows_in(account, person, "person") == [12, 14]
    assert rows_in(account, person, "person_rejects") == [*BAD]
    assert [file.rows_loaded for file in replay(spoiler.catalog, person)] == [2]
    require_once(account, person, 12, 14)


def test_a_load_of_the_file_after_a_crash_changes_nothing(account: Account, spoiler: Spoiler, person: TableContract):
    load(spoiler.catalog, person, TOY)
    spoiler.spoil(killed_before, table="person_rejects")
    with pytest.raises(Killed):
        replay(spoiler.catalog, person, 12, 14)
    assert load(spoiler.catalog, person, TOY).files[0].status == "already_loaded"
    replay(spoiler.catalog, person, 12, 14)
    require_once(account, person, 12, 14)


# --- others at the same time --------------------------------------------------------------------------------------


@pytest.mark.parametrize("table", TABLES)
def test_the_same_replay_between_the_look_and_the_commit(
    account: Account, catalog: RestCatalog, spoiler: Spoiler, person: TableContract, table: str
):
    load(catalog, person, TOY)
    spoiler.spoil(interrupted_by(lambda: replay(catalog, person, 12, 14)), table=table)
    replay(spoiler.catalog, person, 12, 14)
    require_once(account, person, 12, 14)


@pytest.mark.parametrize("theirs", [(12,), (12, 13, 14, 15), (15,)], ids=["fewer", "more", "others"])
@pytest.mark.parametrize("table", TABLES)
def test_a_replay_by_another_contract_between_the_look_and_the_commit(
    account: Account,
    catalog: RestCatalog,
    spoiler: Spoiler,
    person: TableContract,
    table: str,
    theirs: tuple[int, ...],
):
    load(catalog, person, TOY)
    spoiler.spoil(interrupted_by(lambda: replay(catalog, person, *theirs)), table=table)
    try:
        replay(spoiler.catalog, person, 12, 14)
    except CommitError as error:
        assert "was changed by another replay, load or undo" in str(error)
    assert len(rows_in(account, person, "person")) == len(set(rows_in(account, person, "person")))
    replay(catalog, person, 12, 14)
    require_once(account, person, *sorted({12, 14, *theirs}))


def test_another_files_load_between_the_look_and_the_commits(
    account: Account, catalog: RestCatalog, spoiler: Spoiler, person: TableContract
):
    load(catalog, person, TOY)
    other = Toy("b", good=3, bad=1)
    spoiler.spoil(interrupted_by(lambda: load(catalog, person, other)))
    replay(spoiler.catalog, person, 12, 14)
    require_only = "SELECT source_file, count(*), count(DISTINCT source_row) FROM t GROUP BY 1 ORDER BY 1"
    assert read_table(account, person.identifier, require_only) == [("a", 12, 12), ("b", 3, 3)]
    assert read_table(account, f"{person.identifier}_rejects", require_only) == [("a", 2, 2), ("b", 1, 1)]


@pytest.mark.parametrize("table", TABLES)
def test_an_undo_meanwhile_is_not_undone(
    account: Account, catalog: RestCatalog, spoiler: Spoiler, person: TableContract, table: str
):
    load(catalog, person, TOY)
    spoiler.spoil(interrupted_by(lambda: undo_load(catalog, person, PERIOD, {TOY.landed.sha256})), table=table)
    with pytest.raises(CommitError, match="was changed by another replay, load or undo"):
        replay(spoiler.catalog, person, 12, 14)
    for name in TABLES:
        assert read_table(account, f"{person.namespace}.{name}", "SELECT count(*) FROM t") == [(0,)]
    assert load(catalog, person, TOY).files[0].status == "loaded"


@pytest.mark.parametrize("table", TABLES)
def test_compaction_between_the_look_and_the_commit(
    account: Account, catalog: RestCatalog, spoiler: Spoiler, person: TableContract, table: str
):
    load(catalog, person, TOY)

    def compact() -> None:
        live = catalog.load_table(f"{person.namespace}.{table}")
        live.overwrite(live.scan().to_arrow())

    spoiler.spoil(interrupted_by(compact), table=table)
    replay(spoiler.catalog, person, 12, 14)
    require_once(account, person, 12, 14)


def test_replays_at_the_same_time_append_once(account: Account, person: TableContract):
    catalogs = [open_catalog(account) for _ in range(3)]
    load(catalogs[0], person, TOY)
    start = threading.Barrier(len(catalogs))
    with ThreadPoolExecutor(len(catalogs)) as pool:
        for done in [pool.submit(replay, catalog, person, 12, 14, meanwhile=start.wait) for catalog in catalogs]:
            done.result()
    require_once(account, person, 12, 14)


# --- what no replay may take --------------------------------------------------------------------------------------


def test_a_file_without_a_row_in_the_table_is_left(account: Account, catalog: RestCatalog, person: TableContract):
    staged = stage(catalog, person, TOY)
    with pytest.raises(DeliveryRefusedError):
        commit(catalog, person, staged, max_rejected=0.1)
    [left] = replay(catalog, person, 12, 14)
    assert (left.status, left.rows_loaded, left.rows_rejected) == ("not_loaded", 0, 4)
    assert rows_in(account, person, "person_rejects") == [*BAD]
    assert commit(catalog, person, staged).files[0].status == "loaded"


@pytest.mark.parametrize(
    "other", [Toy("a", good=9, bad=4), Toy("a", good=10, bad=5)], ids=["one record less", "one record more"]
)
def test_other_records_than_those_that_were_loaded_are_refused(
    account: Account, catalog: RestCatalog, person: TableContract, other: Toy
):
    load(catalog, person, TOY)
    other.content = "a 10 4"  # as if another declaration had parted the same bytes
    with pytest.raises(DeliveryRefusedError, match="do not start in the lines where they started"):
        replay(catalog, person, *BAD, toy=other)
    require_once(account, person)


# --- mutants: what these tests would find -------------------------------------------------------------------------


def test_a_replay_that_does_not_ask_the_table_is_found(
    account: Account, spoiler: Spoiler, person: TableContract, monkeypatch: pytest.MonkeyPatch
):
    load(spoiler.catalog, person, TOY)
    spoiler.spoil(killed_before, table="person_rejects")
    with pytest.raises(Killed):
        replay(spoiler.catalog, person, 12, 14)
    sha256 = TOY.landed.sha256
    monkeypatch.setattr(replay_module, "loaded_row_numbers", lambda *_: {sha256: BitMap64(range(2, 12))})
    replay(spoiler.catalog, person, 12, 14)
    with pytest.raises(AssertionError):
        require_once(account, person, 12, 14)
