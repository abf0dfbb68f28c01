"""A delivery is committed as a whole, in one snapshot, exactly once, and another engine reads back the same rows."""

from __future__ import annotations

from dataclasses import asdict, replace

import pytest
from pyiceberg.catalog.rest import RestCatalog

from growth_verticals.account import Account
from growth_verticals.contract.table import TableContract
from growth_verticals.delivery import StagedFile
from growth_verticals.errors import DeliveryRefusedError
from growth_verticals.tables import commit_loop
from local.readback import read_table

from .deliveries import EARLIER, SampleFile, commit, load, stage

BY_FILE = "SELECT delivery_period, source_file, count(*), count(DISTINCT source_row) FROM t GROUP BY 1, 2 ORDER BY 1, 2"


def snapshots(catalog: RestCatalog, identifier: str) -> int:
    return len(catalog.load_table(identifier).metadata.snapshots)


def test_another_engine_reads_the_loaded_rows(account: Account, catalog: RestCatalog, person: TableContract):
    load(catalog, person, SampleFile(good=9, bad=2))
    assert read_table(
        account,
        person.identifier,
        "SELECT person_id, state, amount::VARCHAR, extra['n'], delivery_period, source_file, source_row FROM t "
        "WHERE source_row IN (2, 4, 10) ORDER BY source_row",
    ) == [
        ("P0000000", "NY", "0.00", "0", "2026Q4", "toy.csv", 2),
        ("P0000002", None, "0.02", "2", "2026Q4", "toy.csv", 4),
        ("P0000008", "NY", "0.08", "8", "2026Q4", "toy.csv", 10),
    ]
    assert read_table(
        account,
        f"{person.identifier}_rejects",
        "SELECT source_row, column_name, reason, expected, raw_record, delivery_period, source_file FROM t ORDER BY 1",
    ) == [
        (11, "amount", "not_a_number", "decimal(9, 2)", "P0000009,NY,x", "2026Q4", "toy.csv"),
        (12, "amount", "not_a_number", "decimal(9, 2)", "P0000010,NY,x", "2026Q4", "toy.csv"),
    ]


def test_a_delivery_of_several_files_is_one_snapshot(account: Account, catalog: RestCatalog, person: TableContract):
    result = load(catalog, person, SampleFile("a", good=30), SampleFile("b", good=5, bad=1), SampleFile("c", good=0))
    table = catalog.load_table(person.identifier)
    assert [snapshot.snapshot_id for snapshot in table.metadata.snapshots] == [result.snapshot_id]
    assert [(file.name, file.status, file.rows_loaded) for file in result.files] == [
        ("a", "loaded", 30), ("b", "loaded", 5), ("c", "empty", 0),
    ]  # fmt: skip
    assert read_table(account, person.identifier, BY_FILE) == [("2026Q4", "a", 30, 30), ("2026Q4", "b", 5, 5)]
    summary = table.current_snapshot().summary
    assert [summary[f"gv.{name}"] for name in ("source", "period", "files")] == ["toy_person", "2026Q4", "2"]


def test_commits_keep_the_tables_history_and_tags(account: Account, catalog: RestCatalog, person: TableContract):
    first = load(catalog, person, SampleFile("a"))
    assert first.snapshot_id is not None
    catalog.load_table(person.identifier).manage_snapshots().create_tag(first.snapshot_id, "before_b").commit()
    later = [load(catalog, person, SampleFile("b")).snapshot_id, load(catalog, person, SampleFile("c")).snapshot_id]
    table = catalog.load_table(person.identifier)
    assert [snapshot.snapshot_id for snapshot in table.snapshots()] == [first.snapshot_id, *later]
    assert [entry.snapshot_id for entry in table.history()] == [first.snapshot_id, *later]
    assert table.snapshot_by_name("before_b").snapshot_id == first.snapshot_id
    assert table.scan(snapshot_id=first.snapshot_id).count() == 10


def test_committing_or_loading_a_delivery_again_changes_nothing(
    account: Account, catalog: RestCatalog, person: TableContract
):
    staged = [stage(catalog, person, file) for file in (SampleFile("a", bad=2), SampleFile("b"))]
    first = commit(catalog, person, *staged)
    before = [catalog.load_table(person.identifier + suffix).metadata_location for suffix in ("", "_rejects")]
    assert commit(catalog, person, *staged) == first
    restaged = load(catalog, person, SampleFile("a", bad=2), SampleFile("b"))
    assert {file.status for file in restaged.files} == {"already_loaded"}
    assert (restaged.snapshot_id, restaged.rows_read) == (None, 0)
    after = [catalog.load_table(person.identifier + suffix).metadata_location for suffix in ("", "_rejects")]
    assert after == before
    assert read_table(account, person.identifier, BY_FILE) == [("2026Q4", "a", 10, 10), ("2026Q4", "b", 10, 10)]


def test_a_staged_file_can_be_passed_between_tasks_as_a_dict(catalog: RestCatalog, person: TableContract):
    staged = stage(catalog, person, SampleFile(bad=1))
    assert commit(catalog, person, StagedFile(**asdict(staged))).rows_loaded == 10


def test_equal_content_twice_in_a_delivery_is_loaded_once(
    account: Account, catalog: RestCatalog, person: TableContract
):
    first = stage(catalog, person, SampleFile("a", bad=1))
    second = replace(stage(catalog, person, SampleFile("a", bad=1)), name="a_copy")
    result = commit(catalog, person, first, second, expected_rows=11)
    assert [(file.name, file.status) for file in result.files] == [("a", "loaded"), ("a_copy", "already_loaded")]
    assert read_table(account, person.identifier, BY_FILE) == [("2026Q4", "a", 10, 10)]
    assert read_table(account, f"{person.identifier}_rejects", BY_FILE) == [("2026Q4", "a", 1, 1)]


def test_a_file_added_to_a_loaded_delivery_is_loaded(account: Account, catalog: RestCatalog, person: TableContract):
    load(catalog, person, SampleFile("a", bad=1))
    staged = [stage(catalog, person, file) for file in (SampleFile("a", bad=1), SampleFile("b", good=4, bad=2))]
    result = commit(catalog, person, *staged, expected_rows=17)
    assert [file.status for file in result.files] == ["already_loaded", "loaded"]
    assert read_table(account, person.identifier, BY_FILE) == [("2026Q4", "a", 10, 10), ("2026Q4", "b", 4, 4)]


def test_equal_content_is_loaded_once_per_period(account: Account, catalog: RestCatalog, person: TableContract):
    load(catalog, person, SampleFile("a"), period=EARLIER)
    load(catalog, person, SampleFile("a"))
    assert read_table(account, person.identifier, BY_FILE) == [("2026Q3", "a", 10, 10), ("2026Q4", "a", 10, 10)]


# --- refusals -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "counts", [{"rows_read": 12}, {"rows_valid": 9, "rows_read": 10}, {"rows_rejected": 0, "rows_read": 10}]
)
def test_a_delivery_whose_counts_disagree_is_refused(
    catalog: RestCatalog, person: TableContract, counts: dict[str, int]
):
    staged = stage(catalog, person, SampleFile(good=10, bad=1))
    with pytest.raises(DeliveryRefusedError, match="counts of a staged file disagree"):
        commit(catalog, person, replace(staged, **counts))
    assert snapshots(catalog, person.identifier) == snapshots(catalog, f"{person.identifier}_rejects") == 0


def test_a_file_without_the_number_of_records_of_the_manifest_is_refused(catalog: RestCatalog, person: TableContract):
    files = [SampleFile("a", good=10, bad=1, expected_rows=11), SampleFile("b", good=3, expected_rows=4)]
    staged = [stage(catalog, person, file) for file in files]
    with pytest.raises(
        DeliveryRefusedError, match=r"toy_person: b: the file does not have .* expected 4, found 3\. Next: "
    ):
        commit(catalog, person, *staged)
    assert snapshots(catalog, person.identifier) == snapshots(catalog, f"{person.identifier}_rejects") == 0
    corrected = [staged[0], replace(staged[1], expected_rows=3)]
    loaded = commit(catalog, person, *corrected)
    assert loaded.rows_read == 14
    # Every file is loaded now, so the numbers are not checked.
    assert commit(catalog, person, *staged) == loaded


def test_a_delivery_without_the_expected_number_of_records_is_refused(catalog: RestCatalog, person: TableContract):
    staged = [stage(catalog, person, SampleFile("a", good=10, bad=1)), stage(catalog, person, SampleFile("b", good=3))]
    with pytest.raises(DeliveryRefusedError, match=r"expected 15, found 14 in 2 file.*clear the task await"):
        commit(catalog, person, *staged, expected_rows=15)
    assert snapshots(catalog, person.identifier) == snapshots(catalog, f"{person.identifier}_rejects") == 0
    loaded = commit(catalog, person, *staged, expected_rows=14)
    # Every file is loaded now, so the number is not checked.
    assert commit(catalog, person, *staged, expected_rows=15) == loaded


def test_a_delivery_with_too_many_rejects_is_refused_and_its_rejects_are_kept(
    account: Account, catalog: RestCatalog, person: TableContract
):
    staged = [
        stage(catalog, person, SampleFile("a", good=90, bad=10)),
        stage(catalog, person, SampleFile("b", good=100)),
    ]
    for _ in range(2):
        with pytest.raises(DeliveryRefusedError) as raised:
            commit(catalog, person, *staged, max_rejected=0.049)
    message = str(raised.value)
    for text in ("10 of 200 records", "5.00%", "at most 4.90%", f"{person.identifier}_rejects", "2026Q4"):
        assert text in message
    assert "await when the vendor has sent a corrected file, stage after a fix" in message
    assert snapshots(catalog, person.identifier) == 0
    assert read_table(account, f"{person.identifier}_rejects", BY_FILE) == [("2026Q4", "a", 10, 10)]
    assert commit(catalog, person, *staged, max_rejected=0.05).rows_loaded == 190
    assert read_table(account, f"{person.identifier}_rejects", BY_FILE) == [("2026Q4", "a", 10, 10)]


def test_a_share_of_rejects_equal_to_the_limit_is_allowed(catalog: RestCatalog, person: TableContract):
    # 0.29 * 100 is a little less than 29 in binary; 29 of 100 is 29 %.
    staged = stage(catalog, person, SampleFile(good=71, bad=29))
    assert commit(catalog, person, staged, max_rejected=0.29).rows_loaded == 71


def test_a_file_whose_rows_were_removed_after_staging_is_not_reported_as_loaded(
    catalog: RestCatalog, person: TableContract
):
    load(catalog, person, SampleFile("a"), SampleFile("b"))
    staged = stage(catalog, person, SampleFile("a"))
    catalog.load_table(person.identifier).delete("source_file = 'a'")
    with pytest.raises(DeliveryRefusedError, match="held this file when it was staged, but does not hold it now"):
        commit(catalog, person, staged)
    assert load(catalog, person, SampleFile("a")).rows_loaded == 10


# --- rejects ------------------------------------------------------------------------------------------------------


def test_rejects_of_an_earlier_staging_are_replaced(account: Account, catalog: RestCatalog, person: TableContract):
    load(catalog, person, SampleFile("other", bad=3))
    for _ in range(2):  # staged twice, committed twice, refused twice
        with pytest.raises(DeliveryRefusedError):
            commit(catalog, person, stage(catalog, person, SampleFile("a", bad=2)), max_rejected=0)
    load(catalog, person, SampleFile("a", bad=2))
    rejects = f"{person.identifier}_rejects"
    assert read_table(account, rejects, BY_FILE) == [("2026Q4", "a", 2, 2), ("2026Q4", "other", 3, 3)]


def test_rejects_that_were_compacted_in_the_meantime_are_neither_lost_nor_duplicated(
    account: Account, catalog: RestCatalog, person: TableContract
):
    staged = stage(catalog, person, SampleFile("a", bad=2))
    with pytest.raises(DeliveryRefusedError):
        commit(catalog, person, staged, max_rejected=0)
    load(catalog, person, SampleFile("other", bad=3))
    rejects = catalog.load_table(f"{person.identifier}_rejects")
    rejects.overwrite(rejects.scan().to_arrow())
    commit(catalog, person, staged)
    assert read_table(account, f"{person.identifier}_rejects", BY_FILE) == [
        ("2026Q4", "a", 2, 2), ("2026Q4", "other", 3, 3),
    ]  # fmt: skip


def test_rejects_that_are_valid_in_a_new_staging_are_removed(
    account: Account, catalog: RestCatalog, person: TableContract
):
    with pytest.raises(DeliveryRefusedError):
        commit(catalog, person, stage(catalog, person, SampleFile("a", good=8, bad=2, content="x")), max_rejected=0)
    load(catalog, person, SampleFile("a", good=10, content="x"))  # read again, with a corrected declaration
    assert read_table(account, person.identifier, BY_FILE) == [("2026Q4", "a", 10, 10)]
    assert read_table(account, f"{person.identifier}_rejects", BY_FILE) == []


def test_many_commits_leave_few_manifests_and_each_row_once(
    account: Account, catalog: RestCatalog, person: TableContract, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(commit_loop, "MIN_MANIFESTS_TO_MERGE", 4)
    files = [SampleFile(f"{number}.csv", good=2, block_size=4) for number in range(12)]
    snapshots = {file.name: load(catalog, person, file).snapshot_id for file in files}
    table = catalog.load_table(person.identifier)
    assert len(table.current_snapshot().manifests(table.io)) <= 4
    expected = sorted(("2026Q4", file.name, 2, 2) for file in files)
    assert sorted(read_table(account, person.identifier, BY_FILE)) == expected
    again = [load(catalog, person, file) for file in files]
    assert {result.files[0].status for result in again} == {"already_loaded"}
    found = {entry.data_file.file_path: entry.snapshot_id
             for manifest in table.current_snapshot().manifests(table.io)
             for entry in manifest.fetch_manifest_entry(table.io)}  # fmt: skip
    assert sorted(found.values()) == sorted(snapshots.values())
