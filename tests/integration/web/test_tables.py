"""What the pages say a table holds is what its snapshots and data files say, whoever changed it and with which tool."""

from __future__ import annotations

import getpass
from contextlib import closing
from pathlib import Path

import pytest

from growth_verticals.account import Account
from growth_verticals.catalog.rest import open_catalog
from growth_verticals.corrections import Action, carry_out, plan_correction
from growth_verticals.declarations import find_source
from growth_verticals.delivery import Actor
from growth_verticals.errors import ConfigurationError
from growth_verticals.status.facts import HeldPeriod
from growth_verticals.web import tables
from tests.integration.cli.conftest import Acme, acme

__all__ = ["acme"]

PERIOD, LATER = "2026-11-20", "2026-11-21"
ACTOR = Actor(by="ana, approved by bo", tool="airflow", reason="the declaration was wrong")


def held(period: str = PERIOD) -> HeldPeriod | None:
    return tables.held_periods(Account.from_environment(), find_source("acme")).get(period)


def told(period: str = PERIOD) -> tuple[int, str | None, str | None, str | None, str | None]:
    found = held(period)
    assert found is not None
    return found.rows, found.action, found.tool, found.by, found.reason


def load(acme: Acme, path: Path, period: str, *rows: str) -> None:
    path.write_text("Person Id,Born,Visits,Note\n" + "\n".join(rows) + "\n")
    assert acme.gv("load", "acme", path, "--period", period).returncode == 0


def correct(action: Action) -> None:
    source, account = find_source("acme"), Account.from_environment()
    carry_out(account, source, plan_correction(account, source, source.cadence.parse(PERIOD), action, ()), ACTOR)


def test_every_change_is_told_by_whom_it_was_made(acme: Acme, tmp_path: Path) -> None:
    assert held() is None  # there is no table yet
    good = [f"P{number},1970-01-02,{number},ok" for number in range(8)]
    load(acme, tmp_path / "people.csv", PERIOD, *good, "B1,1970-01-02,n/a,")
    assert told() == (8, "load", "gv", getpass.getuser(), None)
    acme.declare("Delimited(nulls=('n/a',))")
    correct("replay")
    assert told() == (9, "replay", "airflow", ACTOR.by, ACTOR.reason)
    correct("reload")
    assert told() == (9, "reload", "airflow", ACTOR.by, ACTOR.reason)
    load(acme, tmp_path / "later.csv", LATER, *good[:3])
    correct("undo")
    assert told() == (0, "undo", "airflow", ACTOR.by, ACTOR.reason)
    assert told(LATER) == (3, "load", "gv", getpass.getuser(), None)
    changes = tables.period_changes(Account.from_environment(), find_source("acme"), PERIOD)
    assert [(each.load.action, each.rows_added, each.rows_removed) for each in changes] == [
        ("undo", None, 9),
        ("reload", 9, 9),
        ("replay", 1, None),
        ("load", 8, None),
    ]
    assert tables.period_changes(Account.from_environment(), find_source("acme"), "2026-01-01") == []


def test_without_its_snapshot_the_rows_tell_when_they_were_staged(acme: Acme, tmp_path: Path) -> None:
    load(acme, tmp_path / "people.csv", PERIOD, "P1,1970-01-02,1,ok")
    loaded = held()
    load(acme, tmp_path / "later.csv", LATER, "P2,1970-01-02,1,ok")
    with closing(open_catalog(Account.from_environment())) as catalog:
        table = catalog.load_table(acme.table)
        first = min(table.metadata.snapshots, key=lambda snapshot: snapshot.timestamp_ms)
        table.maintenance.expire_snapshots().by_id(first.snapshot_id).commit()
    found = held()
    assert loaded is not None
    assert loaded.at is not None
    assert found is not None
    assert found.at is not None
    assert (found.rows, found.action, found.tool, found.by) == (1, None, None, None)
    assert found.at <= loaded.at


def test_manifests_are_read_again_only_if_the_table_has_changed(
    acme: Acme, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    data_files = tables.data_files
    monkeypatch.setattr(tables, "data_files", lambda table: read.append(table.metadata_location) or data_files(table))
    load(acme, tmp_path / "people.csv", PERIOD, "P1,1970-01-02,1,ok")
    assert held() == held()
    assert len(read) == 1
    load(acme, tmp_path / "later.csv", LATER, "P2,1970-01-02,1,ok")
    assert told(LATER)[0] == 1
    assert len(read) == 2


def test_a_table_that_is_not_partitioned_by_period_cannot_tell(acme: Acme, tmp_path: Path) -> None:
    ddl = acme.folder / "acme.sql"
    ddl.write_text(ddl.read_text().replace("PARTITIONED BY (delivery_period)", "PARTITIONED BY (month(born))"))
    load(acme, tmp_path / "people.csv", PERIOD, "P1,1970-01-02,1,ok")
    with pytest.raises(ConfigurationError, match="is not partitioned by delivery_period"):
        held()
