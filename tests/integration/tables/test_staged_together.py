"""Files that are staged together share data files, and are still loaded exactly once."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from pyiceberg.catalog.rest import RestCatalog

from growth_verticals.contract.table import TableContract
from growth_verticals.errors import DeliveryRefusedError
from growth_verticals.tables.undo import undo_load

from .deliveries import PERIOD, SOURCE, SampleFile, commit, load, stage, stage_together

FILES = [SampleFile(f"part-{number:02}.csv", good=number, bad=number % 2) for number in range(20)]


def rows_by_file(catalog: RestCatalog, person: TableContract) -> Counter[str]:
    rows = catalog.load_table(person.identifier).scan(selected_fields=("source_file",)).to_arrow()
    return Counter(rows.column("source_file").to_pylist())


def test_many_files_become_few_data_files_in_one_snapshot(catalog: RestCatalog, person: TableContract):
    staged = stage_together(catalog, person, *FILES)
    assert [(file.name, file.rows_read) for file in staged] == [
        (sample.name, sample.good + sample.bad) for sample in FILES
    ]
    assert len({file.manifest for file in staged}) == 1
    result = commit(catalog, person, *staged, expected_rows=200)
    assert [file.status for file in result.files] == ["empty", *["loaded"] * 19]  # the first has no record
    assert (result.rows_read, result.rows_loaded, result.rows_rejected) == (200, 190, 10)
    table = catalog.load_table(person.identifier)
    assert len(table.metadata.snapshots) == 1
    assert len(list(table.scan().plan_files())) <= 2
    assert rows_by_file(catalog, person) == {file.name: file.good for file in FILES if file.good}


def test_a_repeated_commit_returns_the_same_result_and_changes_nothing(catalog: RestCatalog, person: TableContract):
    staged = stage_together(catalog, person, *FILES)
    first, again = (commit(catalog, person, *staged, expected_rows=200) for _ in range(2))
    assert again == first
    assert len(catalog.load_table(person.identifier).metadata.snapshots) == 1
    assert catalog.load_table(f"{person.identifier}_rejects").scan().count() == 10


def test_files_that_are_loaded_or_have_equal_content_are_not_staged_again(catalog: RestCatalog, person: TableContract):
    load(catalog, person, FILES[5])
    twin = SampleFile("twin.csv", good=7, bad=1, content=f"{FILES[7].name} 7 1")
    staged = stage_together(catalog, person, *FILES, twin)
    assert [file.name for file in staged if file.status == "already_loaded"] == [FILES[5].name, "twin.csv"]
    result = commit(catalog, person, *staged, expected_rows=200)
    assert [file.name for file in result.files if file.status == "already_loaded"] == [FILES[5].name, "twin.csv"]
    assert rows_by_file(catalog, person) == {file.name: file.good for file in FILES if file.good}


def test_a_batch_that_another_load_partially_committed_is_refused_and_can_be_staged_again(
    catalog: RestCatalog, person: TableContract
):
    staged = stage_together(catalog, person, *FILES)
    load(catalog, person, FILES[5])
    with pytest.raises(DeliveryRefusedError, match="clear the stage task"):
        commit(catalog, person, *staged)
    assert rows_by_file(catalog, person) == {FILES[5].name: 5}
    commit(catalog, person, *stage_together(catalog, person, *FILES), expected_rows=200)
    assert rows_by_file(catalog, person) == {file.name: file.good for file in FILES if file.good}
    assert catalog.load_table(f"{person.identifier}_rejects").scan().count() == 10


def test_one_file_of_a_batch_can_be_undone_and_loaded_again(catalog: RestCatalog, person: TableContract):
    commit(catalog, person, *stage_together(catalog, person, *FILES))
    undo_load(catalog, person, SOURCE, PERIOD, {FILES[9].landed.sha256})
    assert rows_by_file(catalog, person) == {
        file.name: file.good for file in FILES if file.good and file is not FILES[9]
    }
    commit(catalog, person, *stage_together(catalog, person, *FILES), expected_rows=200)
    assert rows_by_file(catalog, person) == {file.name: file.good for file in FILES if file.good}


@pytest.mark.parametrize("together", [True, False])
def test_a_retry_succeeds_if_all_records_of_one_file_were_rejected(
    catalog: RestCatalog, person: TableContract, together: bool
):
    files = [SampleFile("good.csv", good=99), SampleFile("bad.csv", good=0, bad=1)]
    for _ in range(2):
        staged = (
            stage_together(catalog, person, *files) if together else [stage(catalog, person, file) for file in files]
        )
        for _ in range(2):
            commit(catalog, person, *staged, max_rejected=0.01)
    assert rows_by_file(catalog, person) == {"good.csv": 99}
    assert catalog.load_table(f"{person.identifier}_rejects").scan().count() == 1


def test_the_rejects_of_every_file_count_towards_the_limit(catalog: RestCatalog, person: TableContract):
    files = [SampleFile("good.csv", good=80), SampleFile("bad.csv", good=10, bad=5), SampleFile("worse.csv", bad=5)]
    staged = stage_together(catalog, person, *files)
    with pytest.raises(DeliveryRefusedError, match="10 of 110 records were rejected") as raised:
        commit(catalog, person, *staged, max_rejected=0.09)
    assert raised.value.counts == {"rows_read": 110, "rows_rejected": 10}
    assert rows_by_file(catalog, person) == {}
    result = commit(catalog, person, *staged, max_rejected=0.1, expected_rows=110)
    assert [file.rows_rejected for file in result.files] == [0, 5, 5]


def test_a_batch_whose_counts_do_not_add_up_is_refused(catalog: RestCatalog, person: TableContract):
    first, *others = stage_together(catalog, person, *FILES)
    wrong = replace(others[0], rows_read=others[0].rows_read + 1, rows_valid=others[0].rows_valid + 1)
    with pytest.raises(DeliveryRefusedError, match="counts of a staged file disagree"):
        commit(catalog, person, first, wrong, *others[1:])
    assert rows_by_file(catalog, person) == {}
