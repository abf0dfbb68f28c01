"""Files that are staged together share data files, and are loaded exactly once all the same."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from pyiceberg.catalog.rest import RestCatalog

from growth_verticals.contract.table import TableContract
from growth_verticals.errors import DeliveryRefusedError
from growth_verticals.tables.undo import undo_load

from .deliveries import PERIOD, Toy, commit, load, stage, stage_together

TOYS = [Toy(f"part-{number:02}.csv", good=number, bad=number % 2) for number in range(20)]


def rows_by_file(catalog: RestCatalog, person: TableContract) -> Counter[str]:
    rows = catalog.load_table(person.identifier).scan(selected_fields=("source_file",)).to_arrow()
    return Counter(rows.column("source_file").to_pylist())


def test_many_files_become_few_data_files_and_one_snapshot(catalog: RestCatalog, person: TableContract):
    staged = stage_together(catalog, person, *TOYS)
    assert [(file.name, file.rows_read) for file in staged] == [(toy.name, toy.good + toy.bad) for toy in TOYS]
    assert len({file.manifest for file in staged}) == 1
    result = commit(catalog, person, *staged, expected_rows=200)
    assert [file.status for file in result.files] == ["loaded"] * 20
    assert (result.rows_read, result.rows_loaded, result.rows_rejected) == (200, 190, 10)
    table = catalog.load_table(person.identifier)
    assert len(table.metadata.snapshots) == 1
    assert len(list(table.scan().plan_files())) <= 2
    assert rows_by_file(catalog, person) == {toy.name: toy.good for toy in TOYS if toy.good}


def test_a_commit_that_is_repeated_tells_the_same_and_changes_nothing(catalog: RestCatalog, person: TableContract):
    staged = stage_together(catalog, person, *TOYS)
    first, again = (commit(catalog, person, *staged, expected_rows=200) for _ in range(2))
    assert again == first
    assert len(catalog.load_table(person.identifier).metadata.snapshots) == 1
    assert catalog.load_table(f"{person.identifier}_rejects").scan().count() == 10


def test_what_is_loaded_or_there_twice_is_not_staged_with_the_others(catalog: RestCatalog, person: TableContract):
    load(catalog, person, TOYS[5])
    twin = Toy("twin.csv", good=7, bad=1, content=f"{TOYS[7].name} 7 1")
    staged = stage_together(catalog, person, *TOYS, twin)
    assert [file.name for file in staged if file.status == "already_loaded"] == [TOYS[5].name, "twin.csv"]
    result = commit(catalog, person, *staged, expected_rows=200)
    assert [file.name for file in result.files if file.status == "already_loaded"] == [TOYS[5].name, "twin.csv"]
    assert rows_by_file(catalog, person) == {toy.name: toy.good for toy in TOYS if toy.good}


def test_a_group_of_which_another_load_took_a_part_is_refused_and_staged_anew(
    catalog: RestCatalog, person: TableContract
):
    staged = stage_together(catalog, person, *TOYS)
    load(catalog, person, TOYS[5])
    with pytest.raises(DeliveryRefusedError, match="clear the stage task"):
        commit(catalog, person, *staged)
    assert rows_by_file(catalog, person) == {TOYS[5].name: 5}
    commit(catalog, person, *stage_together(catalog, person, *TOYS), expected_rows=200)
    assert rows_by_file(catalog, person) == {toy.name: toy.good for toy in TOYS if toy.good}
    assert catalog.load_table(f"{person.identifier}_rejects").scan().count() == 10


def test_one_file_of_a_group_can_be_undone_and_loaded_again(catalog: RestCatalog, person: TableContract):
    commit(catalog, person, *stage_together(catalog, person, *TOYS))
    undo_load(catalog, person, PERIOD, {TOYS[9].landed.sha256})
    assert rows_by_file(catalog, person) == {toy.name: toy.good for toy in TOYS if toy.good and toy is not TOYS[9]}
    commit(catalog, person, *stage_together(catalog, person, *TOYS), expected_rows=200)
    assert rows_by_file(catalog, person) == {toy.name: toy.good for toy in TOYS if toy.good}


@pytest.mark.parametrize("together", [True, False])
def test_a_file_of_rejects_alone_does_not_make_the_retry_of_a_good_delivery_fail(
    catalog: RestCatalog, person: TableContract, together: bool
):
    toys = [Toy("good.csv", good=99), Toy("bad.csv", good=0, bad=1)]
    for _ in range(2):
        staged = stage_together(catalog, person, *toys) if together else [stage(catalog, person, toy) for toy in toys]
        for _ in range(2):
            commit(catalog, person, *staged, max_rejected=0.01)
    assert rows_by_file(catalog, person) == {"good.csv": 99}
    assert catalog.load_table(f"{person.identifier}_rejects").scan().count() == 1


def test_counts_that_do_not_add_up_over_the_group_stop_the_load(catalog: RestCatalog, person: TableContract):
    first, *others = stage_together(catalog, person, *TOYS)
    wrong = replace(others[0], rows_read=others[0].rows_read + 1, rows_valid=others[0].rows_valid + 1)
    with pytest.raises(DeliveryRefusedError, match="counts of a staged file disagree"):
        commit(catalog, person, first, wrong, *others[1:])
    assert rows_by_file(catalog, person) == {}
