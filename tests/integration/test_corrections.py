"""Corrections do exactly what a person was shown, and their retries change nothing more."""

from __future__ import annotations

import getpass
import json
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from growth_verticals.account import Account
from growth_verticals.catalog.load_summary import LoadSummary
from growth_verticals.catalog.rest import open_catalog
from growth_verticals.corrections import Action, Correction, CorrectionResult, carry_out, plan_correction
from growth_verticals.declarations import find_source
from growth_verticals.delivery import Actor
from growth_verticals.errors import DeliveryError, DeliveryRefusedError

from .cli.conftest import Acme, acme

__all__ = ["acme"]

PERIOD = "2026-11-20"
ROWS = [f"P{number},1970-01-02,{number},ok" for number in range(8)] + ["B1,1970-01-02,n/a,", "B2,soon,1,"]
FIXED = "Delimited(nulls=('n/a',))"
ACTOR = Actor(by="ana, approved by bo", tool="airflow", reason="the declaration | is *fixed*")


@pytest.fixture
def people(acme: Acme, tmp_path: Path) -> Path:
    """Two loaded files, each with eight rows and two rejects. They were staged together, so they share data files."""
    paths = [tmp_path / name for name in ("people.csv", "others.csv")]
    for path, prefix in zip(paths, ("", "X"), strict=True):
        path.write_text("Person Id,Born,Visits,Note\n" + "".join(f"{prefix}{row}\n" for row in ROWS))
    assert acme.gv("load", "acme", *paths, "--period", PERIOD).returncode == 0
    assert acme.counts() == [16, 4]
    return paths[0]


def plan(action: Action, *names: str) -> Correction:
    source = find_source("acme")
    planned = plan_correction(Account.from_environment(), source, source.cadence.parse(PERIOD), action, names)
    return Correction.from_json(json.loads(json.dumps(planned.to_json())))


def carry(correction: Correction) -> CorrectionResult:
    return carry_out(Account.from_environment(), find_source("acme"), correction, ACTOR)


def actors(table: str) -> list[Actor | None]:
    """Return who made each of the table's snapshots, oldest first."""
    with closing(open_catalog(Account.from_environment())) as catalog:
        found = [LoadSummary.of_snapshot(snapshot) for snapshot in catalog.load_table(table).snapshots()]
    return [each.actor if each else None for each in found]


@pytest.mark.usefixtures("people")
def test_an_undo_removes_what_was_shown_and_says_who_and_why(acme: Acme) -> None:
    correction = plan("undo", "people.csv")
    evidence = correction.describe("ana", "sent | twice")
    assert "| people\\.csv | 8 | 2 |" in evidence
    assert "sent \\| twice" in evidence
    assert "others" not in evidence
    first, again = carry(correction), carry(correction)
    assert (first.rows_removed, first.rejects_removed, first.files) == (8, 2, 1)
    assert first.snapshot_id is not None
    assert again == replace(first, snapshot_id=None)
    assert acme.counts() == [8, 2]
    loaded_by = Actor(by=getpass.getuser(), tool="gv")
    for table in (acme.table, f"{acme.table}_rejects"):
        assert [actors(table)[0], actors(table)[-1]] == [loaded_by, ACTOR]


def test_a_reload_takes_rows_as_the_declaration_of_today_says(acme: Acme, people: Path) -> None:
    acme.declare(FIXED)
    correction = plan("reload", people.name)
    assert acme.counts() == [16, 4]  # a plan changes nothing
    evidence = correction.describe("ana", "fixed")
    assert evidence.count("| people\\.csv | 8 | 2 |") == 1
    assert evidence.count("| people\\.csv | 9 | 1 |") == 1
    first, again = carry(correction), carry(correction)
    assert (first.rows_removed, first.rows_loaded, first.rows_rejected) == (8, 9, 1)
    assert again == replace(first, snapshot_id=None)
    assert acme.counts() == [17, 3]
    assert acme.read("SELECT count(*) FROM t WHERE source_file = 'people.csv' AND person_id = 'B1'") == [(1,)]
    assert acme.read("SELECT count(*) FROM t WHERE source_file = 'others.csv'") == [(8,)]


@pytest.mark.usefixtures("people")
def test_a_replay_loads_what_is_valid_now_of_the_named_file(acme: Acme) -> None:
    acme.declare(FIXED)
    correction = plan("replay", "people.csv")
    assert sorted((each.column, each.records) for each in correction.rejects) == [("born", 1), ("visits", 1)]
    assert "| born | 1 |" in correction.describe("ana", "fixed")
    first, again = carry(correction), carry(correction)
    assert (first.rows_loaded, first.rows_rejected) == (1, 1)
    assert again == first
    assert acme.counts() == [17, 3]
    assert actors(acme.table)[-1] == ACTOR


@pytest.mark.usefixtures("people")
@pytest.mark.parametrize("action", ["undo", "replay", "reload"])
def test_nothing_is_changed_if_the_file_was_replayed_or_undone_since_it_was_shown(acme: Acme, action: Action) -> None:
    acme.declare(FIXED)
    correction = plan(action, "people.csv")
    if action == "replay":
        assert acme.gv("undo", "acme", "--period", PERIOD, "--file", "people.csv", "--yes", "--reason", "x")[0] == 0
    else:
        assert acme.gv("replay", "acme", "--period", PERIOD, "--file", "people.csv").returncode == 0
    before = acme.counts()
    with pytest.raises(DeliveryRefusedError, match="nothing was changed"):
        carry(correction)
    assert acme.counts() == before


def test_a_reload_with_too_many_rejects_changes_nothing(acme: Acme, people: Path) -> None:
    acme.declare("Delimited(nulls=('ok',))", max_rejected=0.05)
    with pytest.raises(DeliveryRefusedError, match="nothing was changed"):
        plan("reload", people.name)
    assert acme.counts() == [16, 4]


@pytest.mark.usefixtures("people")
@pytest.mark.parametrize("action", ["undo", "replay", "reload"])
def test_a_file_that_is_not_loaded_is_refused(action: Action) -> None:
    with pytest.raises(DeliveryError, match="no such file is loaded"):
        plan(action, "none.csv")


@pytest.mark.usefixtures("acme")
@pytest.mark.parametrize("action", ["undo", "replay", "reload"])
def test_a_period_without_files_has_nothing_to_correct(action: Action) -> None:
    with pytest.raises(DeliveryError, match=f"there is nothing to {action}"):
        plan(action)
