"""Each policy for restatements, with every row compared by another engine."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import pytest
from pyiceberg.catalog.rest import RestCatalog

from growth_verticals.account import Account
from growth_verticals.catalog.load_summary import LoadSummary
from growth_verticals.contract.table import TableContract
from growth_verticals.delivery import Actor, Answer, Restatement
from growth_verticals.errors import DeliveryRefusedError, RestatedError
from growth_verticals.tables import writer as writer_module
from growth_verticals.tables.restated import RestatedRule, find_restatement
from growth_verticals.tables.undo import undo_load
from local.readback import read_table

from .deliveries import EARLIER, PERIOD, SOURCE, SampleFile, commit, load, stage, stage_together

OLD = SampleFile("a.csv", good=10, bad=2)
NEW = SampleFile("a.csv", good=7, bad=3)
OTHER = SampleFile("b.csv", good=4, bad=1)
REPLACE = RestatedRule(policy="replace")
RECORDS = "SELECT source_file_sha256, source_row FROM t ORDER BY ALL"


def records(*files: SampleFile, rejected: bool = False) -> list[tuple[str, int]]:
    """Return the digest and row number of each row, or of each reject, that the tables must hold for these files."""
    return sorted(
        (file.landed.sha256, number + 2)
        for file in files
        for number in (range(file.good, file.good + file.bad) if rejected else range(file.good))
    )


def require(account: Account, person: TableContract, *files: SampleFile) -> None:
    """Check with another engine that the tables hold the rows and rejects of these files, each once."""
    assert read_table(account, person.identifier, RECORDS) == records(*files)
    assert read_table(account, f"{person.identifier}_rejects", RECORDS) == records(*files, rejected=True)


def snapshots(catalog: RestCatalog, person: TableContract) -> list[int]:
    return [len(catalog.load_table(person.identifier + suffix).snapshots()) for suffix in ("", "_rejects")]


def answered(action: str, *removes: SampleFile) -> RestatedRule:
    digests = tuple(file.landed.sha256 for file in removes)
    return RestatedRule(answer=Answer(action=action, by="ana", reason="corrected file", removes=digests))  # type: ignore[arg-type]


def summary(catalog: RestCatalog, person: TableContract) -> LoadSummary | None:
    return LoadSummary.of_snapshot(catalog.load_table(person.identifier).current_snapshot())  # type: ignore[arg-type]


# --- the policies -------------------------------------------------------------------------------------------------


def test_replace_takes_the_old_file_out_and_the_new_one_in_with_one_snapshot_per_table(
    account: Account, catalog: RestCatalog, person: TableContract
):
    load(catalog, person, OLD, OTHER)
    load(catalog, person, OLD, period=EARLIER)
    before = snapshots(catalog, person)
    staged = stage(catalog, person, NEW)
    result = commit(catalog, person, staged, restated=REPLACE)
    assert snapshots(catalog, person) == [count + 1 for count in before]
    assert (result.rows_loaded, result.files_replaced, result.rows_replaced) == (7, 1, 10)
    assert "replaced 1 file(s) with 10 rows" in result.summary()
    found = summary(catalog, person)
    assert (found.restated, found.files, found.files_replaced, found.rows_replaced) == ("replace", 1, 1, 10)
    for suffix, rejected in (("", False), ("_rejects", True)):
        of_period = "SELECT source_file_sha256, source_row FROM t WHERE delivery_period = '2026Q{}' ORDER BY ALL"
        table = person.identifier + suffix
        assert read_table(account, table, of_period.format(4)) == records(NEW, OTHER, rejected=rejected)
        assert read_table(account, table, of_period.format(3)) == records(OLD, rejected=rejected)
    assert commit(catalog, person, staged, restated=REPLACE) == result
    assert load(catalog, person, NEW, restated=REPLACE).files[0].status == "already_loaded"


def test_ask_loads_nothing_until_a_person_has_answered(account: Account, catalog: RestCatalog, person: TableContract):
    load(catalog, person, OLD, OTHER)
    staged = stage(catalog, person, NEW), stage(catalog, person, SampleFile("c.csv"))
    before = snapshots(catalog, person)
    with pytest.raises(RestatedError, match=r"a\.csv \(10 rows, 2 rejects\) would leave") as refused:
        commit(catalog, person, *staged)
    [leaves] = refused.value.restatement.leaves
    assert (leaves.name, leaves.sha256, leaves.rows, leaves.rejects) == ("a.csv", OLD.landed.sha256, 10, 2)
    assert snapshots(catalog, person) == before
    result = commit(catalog, person, *staged, restated=answered("replace", OLD))
    require(account, person, NEW, OTHER, SampleFile("c.csv"))
    assert (result.files_replaced, result.rows_replaced) == (1, 10)
    found = summary(catalog, person)
    assert (found.restated, found.actor) == ("replace", Actor(by="ana", reason="corrected file"))


def test_an_answer_is_not_valid_if_other_files_would_leave(
    account: Account, catalog: RestCatalog, person: TableContract
):
    load(catalog, person, OLD)
    staged = stage(catalog, person, SampleFile("a.csv", good=1))
    load(catalog, person, NEW, restated=REPLACE)
    with pytest.raises(RestatedError, match="other files would leave than those that the answer agrees to"):
        commit(catalog, person, staged, restated=answered("replace", OLD))
    require(account, person, NEW)


def test_replace_period_takes_out_what_the_delivery_does_not_contain(
    account: Account, catalog: RestCatalog, person: TableContract
):
    gone = SampleFile("c.csv", good=0, bad=2)
    load(catalog, person, OLD, OTHER)
    commit(catalog, person, stage(catalog, person, gone), max_rejected=1)
    rule = RestatedRule(policy="replace_period")
    renamed = SampleFile("second release.csv", good=5, bad=1)
    result = load(catalog, person, OLD, renamed, restated=rule)
    require(account, person, OLD, renamed)
    assert (result.files_replaced, result.rows_replaced) == (1, 4)
    load(catalog, person, OLD, restated=rule)
    require(account, person, OLD, renamed)  # nothing new came, so nothing leaves


def test_a_full_snapshot_of_which_a_person_named_files_takes_nothing_out_without_an_answer(
    account: Account, catalog: RestCatalog, person: TableContract
):
    load(catalog, person, OLD)
    rule = RestatedRule(policy="replace_period", is_whole=False)
    load(catalog, person, OTHER, restated=rule)
    with pytest.raises(RestatedError):
        load(catalog, person, NEW, restated=rule)
    require(account, person, OLD, OTHER)
    load(catalog, person, NEW, restated=answered("replace_period", OLD, OTHER))
    require(account, person, NEW)


@pytest.mark.parametrize("rule", [RestatedRule(policy="add"), answered("add")], ids=["declared", "answered"])
def test_add_loads_both(account: Account, catalog: RestCatalog, person: TableContract, rule: RestatedRule):
    load(catalog, person, OLD)
    load(catalog, person, NEW, restated=rule)
    require(account, person, OLD, NEW)


@pytest.mark.parametrize("rule", [RestatedRule(policy="refuse"), answered("refuse")], ids=["declared", "answered"])
def test_refuse_changes_nothing(account: Account, catalog: RestCatalog, person: TableContract, rule: RestatedRule):
    load(catalog, person, OLD)
    before = snapshots(catalog, person)
    with pytest.raises(DeliveryRefusedError):
        load(catalog, person, NEW, restated=rule)
    assert snapshots(catalog, person) == before
    require(account, person, OLD)


# --- what is a restatement ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("names", [("log_v1.csv", "log_v2.csv"), ("a name over 16_v1.csv", "a name over 16_v2.csv")])
@pytest.mark.parametrize("together", [False, True], ids=["staged alone", "staged together"])
def test_a_release_is_no_part_of_the_identity(
    account: Account, catalog: RestCatalog, person: TableContract, names: tuple[str, str], together: bool
):
    old, new = SampleFile(names[0], good=5, bad=1), SampleFile(names[1], good=6, bad=2)
    if together:
        commit(catalog, person, *stage_together(catalog, person, OTHER, old))
    else:
        load(catalog, person, OTHER, old)
    load(catalog, person, new, restated=RestatedRule(policy="replace", pattern="*_v{release}.csv"))
    require(account, person, OTHER, new)


def test_two_releases_in_one_delivery_are_refused_unless_they_add(
    account: Account, catalog: RestCatalog, person: TableContract
):
    staged = stage(catalog, person, OLD), stage(catalog, person, NEW)
    for policy in ("ask", "replace", "replace_period", "refuse"):
        with pytest.raises(DeliveryRefusedError, match="two releases of one file"):
            commit(catalog, person, *staged, restated=RestatedRule(policy=policy))  # type: ignore[arg-type]
    commit(catalog, person, *staged, restated=RestatedRule(policy="add"))
    require(account, person, OLD, NEW)


def test_rejects_of_a_refused_file_give_way_to_the_corrected_file_without_a_question(
    account: Account, catalog: RestCatalog, person: TableContract
):
    bad = SampleFile("a.csv", good=1, bad=9)
    with pytest.raises(DeliveryRefusedError, match="records were rejected"):
        load(catalog, person, bad, OTHER)
    load(catalog, person, OLD)
    assert read_table(account, f"{person.identifier}_rejects", RECORDS) == records(OLD, OTHER, rejected=True)


def test_a_refused_restatement_with_too_many_rejects_leaves_the_loaded_file(
    account: Account, catalog: RestCatalog, person: TableContract
):
    load(catalog, person, OLD)
    bad = SampleFile("a.csv", good=1, bad=9)
    with pytest.raises(DeliveryRefusedError, match="records were rejected"):
        load(catalog, person, bad, restated=REPLACE)
    assert read_table(account, person.identifier, RECORDS) == records(OLD)
    assert read_table(account, f"{person.identifier}_rejects", RECORDS) == records(OLD, bad, rejected=True)


@pytest.mark.parametrize("empty", [SampleFile("a.csv", good=0), SampleFile("a.csv", good=0, bad=3)])
def test_a_file_without_a_valid_row_takes_rows_out_only_if_a_person_agrees(
    account: Account, catalog: RestCatalog, person: TableContract, empty: SampleFile
):
    load(catalog, person, OLD, OTHER)
    staged = stage(catalog, person, empty)
    for policy in ("replace", "ask"):
        with pytest.raises(RestatedError):
            commit(catalog, person, staged, restated=RestatedRule(policy=policy), max_rejected=1)  # type: ignore[arg-type]
    require(account, person, OLD, OTHER)
    for _ in range(2):
        commit(catalog, person, staged, restated=answered("replace", OLD), max_rejected=1)
        require(account, person, empty, OTHER)


# --- order --------------------------------------------------------------------------------------------------------


def test_a_late_retry_does_not_bring_the_old_content_back(
    account: Account, catalog: RestCatalog, person: TableContract
):
    old = stage(catalog, person, OLD)
    commit(catalog, person, old)
    load(catalog, person, NEW, restated=REPLACE)
    with pytest.raises(RestatedError, match="has already replaced these files"):
        commit(catalog, person, old, restated=REPLACE)
    require(account, person, NEW)
    load(catalog, person, OLD, restated=REPLACE)  # on purpose: staged again
    require(account, person, OLD)


def test_after_an_undo_of_the_old_file_the_new_one_is_no_restatement(
    account: Account, catalog: RestCatalog, person: TableContract
):
    load(catalog, person, OLD)
    undo_load(catalog, person, SOURCE, PERIOD, {OLD.landed.sha256})
    load(catalog, person, NEW, restated=RestatedRule(policy="refuse"))
    require(account, person, NEW)


# --- evidence, and memory -----------------------------------------------------------------------------------------


def find(catalog: RestCatalog, person: TableContract, rule: RestatedRule, *files: SampleFile) -> Restatement | None:
    staged = [stage(catalog, person, file) for file in files]
    return find_restatement(catalog, person, SOURCE, PERIOD, staged, rule)


def test_the_evidence_names_what_would_leave_and_come(catalog: RestCatalog, person: TableContract):
    assert find(catalog, person, RestatedRule(), OLD) is None
    load(catalog, person, OLD, OTHER)
    assert find(catalog, person, RestatedRule(), OLD, OTHER) is None
    for rule, leaving, asks in (
        (RestatedRule(), {OLD.landed.sha256: (10, 2)}, True),
        (REPLACE, {OLD.landed.sha256: (10, 2)}, False),
        (RestatedRule(policy="replace_period"), {OLD.landed.sha256: (10, 2), OTHER.landed.sha256: (4, 1)}, False),
    ):
        found = find(catalog, person, rule, NEW)
        assert found is not None
        assert {file.sha256: (file.rows, file.rejects) for file in found.leaves} == leaving
        assert [(file.name, file.rows, file.rejects) for file in found.comes] == [("a.csv", 7, 3)]
        assert found.asks is asks
        assert found.action == ("replace_period" if len(leaving) == 2 else "replace")
    assert find(catalog, person, RestatedRule(policy="add"), NEW) is None


@pytest.fixture
def memory_pool() -> Iterator[pa.MemoryPool]:
    """Arrow's memory pool, which is put back after a test that sets another."""
    before = pa.default_memory_pool()
    yield before
    pa.set_memory_pool(before)


def test_memory_does_not_grow_with_the_compacted_file_that_holds_the_old_rows(
    catalog: RestCatalog, person: TableContract, monkeypatch: pytest.MonkeyPatch, memory_pool: pa.MemoryPool
):
    monkeypatch.setattr(writer_module, "ROW_GROUP_ROWS", 2_000)
    large = [SampleFile(name, good=60_000, block_size=2_000) for name in ("a.csv", "b.csv")]
    commit(catalog, person, *stage_together(catalog, person, *large))
    table = catalog.load_table(person.identifier)
    with table.transaction() as transaction:
        transaction.set_properties({"write.parquet.row-group-limit": "2000"})
    table.overwrite(table.scan().to_arrow().sort_by("source_row"))
    [task] = catalog.load_table(person.identifier).scan().plan_files()
    whole = catalog.load_table(person.identifier).scan().to_arrow().nbytes
    assert task.file.record_count == 120_000
    staged = stage(catalog, person, NEW)
    pool = pa.proxy_memory_pool(memory_pool)  # its peak starts here
    pa.set_memory_pool(pool)
    result = commit(catalog, person, staged, restated=REPLACE)
    assert pool.max_memory() < whole / 4
    assert (result.files_replaced, result.rows_replaced) == (1, 60_000)
    assert catalog.load_table(person.identifier).scan().count() == 60_007
