"""Files that are staged together share data files, and are still loaded exactly once."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import chain

import pytest
from pyiceberg.catalog.rest import RestCatalog

from growth_verticals.contract.table import TableContract
from growth_verticals.declarations import find_source
from growth_verticals.delivery import StagedFile
from growth_verticals.errors import DeliveryRefusedError
from growth_verticals.tables.restated import RestatedRule
from growth_verticals.tables.undo import undo_load
from growth_verticals.units import stage_units

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


# --- work units ---------------------------------------------------------------------------------------------------


def stage_in_units(catalog: RestCatalog, person: TableContract, *files: SampleFile) -> list[list[StagedFile]]:
    """Stage the files as tasks of the DAG do: two in each unit."""
    by_name = {file.name: file for file in files}
    units = stage_units(replace(find_source("ls_corp"), unit_gb=2e-9), [file.landed for file in files])
    return [stage_together(catalog, person, *(by_name[file.name] for file in unit.files)) for unit in units]


def test_equal_files_of_a_delivery_are_in_one_unit_and_are_loaded_once(catalog: RestCatalog, person: TableContract):
    twins = [SampleFile(f"twin-{number}.csv", good=5, bad=1, content="the same") for number in range(3)]
    files = [twins[0], *FILES[2:5], twins[1], FILES[5], twins[2]]
    staged = stage_in_units(catalog, person, *files)
    assert [[file.name for file in unit] for unit in staged] == [
        ["twin-0.csv", "twin-1.csv", "twin-2.csv", "part-02.csv"],
        ["part-03.csv", "part-04.csv"],
        ["part-05.csv"],
    ]
    result = commit(catalog, person, *(file for unit in staged for file in unit))
    assert [file.name for file in result.files if file.status == "already_loaded"] == ["twin-1.csv", "twin-2.csv"]
    assert rows_by_file(catalog, person) == {"twin-0.csv": 5, **{file.name: file.good for file in FILES[2:6]}}


def test_units_with_loaded_and_restated_files_add_and_replace_what_is_new_in_one_snapshot(
    catalog: RestCatalog, person: TableContract
):
    load(catalog, person, *FILES[5:9])
    restated = SampleFile(FILES[6].name, good=60)
    staged = stage_in_units(catalog, person, FILES[5], restated, FILES[7], FILES[8], FILES[9], FILES[10])
    assert [[file.status for file in unit] for unit in staged] == [
        ["already_loaded", "staged"],
        ["already_loaded", "already_loaded"],
        ["staged", "staged"],
    ]
    before = len(catalog.load_table(person.identifier).metadata.snapshots)
    for _ in range(2):  # the second commit is a retry
        result = commit(catalog, person, *chain(*staged), restated=RestatedRule(policy="replace"))
        assert (result.files_replaced, result.rows_replaced) == (1, 6)
        assert len(catalog.load_table(person.identifier).metadata.snapshots) == before + 1
    assert rows_by_file(catalog, person) == {file.name: file.good for file in FILES[5:11]} | {restated.name: 60}


def test_a_unit_that_is_staged_again_leaves_nothing_of_its_first_attempt(catalog: RestCatalog, person: TableContract):
    staged = stage_in_units(catalog, person, *FILES[1:7])
    staged[1] = stage_in_units(catalog, person, *FILES[3:5])[0]
    commit(catalog, person, *chain(*staged), expected_rows=24)
    assert rows_by_file(catalog, person) == {file.name: file.good for file in FILES[1:7]}
