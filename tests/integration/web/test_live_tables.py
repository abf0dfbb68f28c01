"""What the page of the tables says is what the catalog and S3 Tables say, and how that differs from the declaration."""

from __future__ import annotations

from dataclasses import replace

import pytest
from pyiceberg.catalog.rest import RestCatalog
from pyiceberg.types import StringType

from growth_verticals.account import Account
from growth_verticals.bucket.maintenance import apply_maintenance
from growth_verticals.contract.table import TableContract
from growth_verticals.source import Maintenance
from growth_verticals.web.live_tables import LiveTable, live_tables, read_tables
from tests.integration.tables.deliveries import SampleFile, commit, stage

MAINTENANCE = Maintenance(target_file_size_mb=256)


@pytest.fixture
def loaded(catalog: RestCatalog, person: TableContract) -> TableContract:
    """A contract whose tables have one load: 10 rows and 2 rejects."""
    commit(catalog, person, stage(catalog, person, SampleFile(good=10, bad=2)))
    return person


def read(account: Account, contract: TableContract, maintainer: Account | None = None) -> list[LiveTable]:
    return read_tables(contract, MAINTENANCE, account, maintainer or account)


def test_tables_that_are_as_declared(account: Account, catalog: RestCatalog, loaded: TableContract) -> None:
    apply_maintenance(account, loaded.identifier, MAINTENANCE)
    table, rejects = read(account, loaded)
    assert (table.name, rejects.name) == (loaded.identifier, f"{loaded.identifier}_rejects")
    assert (table.rows, table.files, table.snapshots) == (10, len(catalog.load_table(table.name).inspect.files()), 1)
    assert (rejects.rows, rejects.files) == (2, 1)
    assert table.bytes is not None
    assert table.bytes > 100
    assert table.newest is not None
    assert (table.newest.period, table.newest.source) == ("2026Q4", "toy_person")
    assert {name: job.status for name, job in table.jobs.items()} == {
        "compaction": "Not_Yet_Run", "snapshots": "Not_Yet_Run", "unreferenced": "Not_Yet_Run",
    }  # fmt: skip
    assert [(each.label, each.value, each.declared) for each in table.settings["compaction"]] == [
        ("target file size", "256 MB", None),
        ("strategy", "auto", None),
    ]
    assert (table.warnings, table.problems, rejects.warnings, rejects.problems) == ([], (), [], ())


def test_every_difference_is_a_warning(account: Account, catalog: RestCatalog, loaded: TableContract) -> None:
    account.client("s3tables").put_table_maintenance_configuration(
        tableBucketARN=account.table_bucket_arn,
        namespace=loaded.namespace,
        name=loaded.name,
        type="icebergSnapshotManagement",
        value={"status": "disabled"},
    )
    live = catalog.load_table(loaded.identifier)
    with live.update_schema() as update:
        update.add_column("surprise", StringType())
    with live.transaction() as transaction:
        transaction.set_properties({"history.expire.min-snapshots-to-keep": "5"})
    table, rejects = read(account, loaded)
    assert table.warnings[:3] == [
        "the settings of compaction are not the declared ones",
        "the settings of snapshots are not the declared ones",
        "not as in the SQL file: surprise is in the table, but not in the file",
    ]
    assert "history.expire.min-snapshots-to-keep does nothing" in table.warnings[3]
    assert [each.declared for each in table.settings["compaction"]] == ["256 MB", None]
    assert table.settings["snapshots"][-1].declared == "enabled"
    assert rejects.warnings == []


def test_tables_that_do_not_exist_are_no_problem(account: Account, person: TableContract) -> None:
    for table in read(account, person):
        assert (table.exists, table.rows, table.warnings, table.problems) == (False, None, (), ())


def test_what_one_role_may_not_read_the_other_still_shows(account: Account, loaded: TableContract) -> None:
    nowhere = "http://127.0.0.1:1"
    table, _ = read(replace(account, catalog_uri=f"{nowhere}/iceberg"), loaded, account)
    assert (table.exists, table.rows, len(table.problems)) == (None, None, 1)
    assert table.settings["compaction"]
    table, _ = read(account, loaded, replace(account, s3tables_endpoint=nowhere))
    assert (table.exists, table.rows, len(table.problems)) == (True, 10, 1)
    assert not table.settings


@pytest.fixture
def _environment(stand_in_environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in stand_in_environment.items():
        monkeypatch.setenv(name, value)


@pytest.mark.usefixtures("_environment")
def test_a_reload_within_a_minute_sends_no_request(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.monotonic", lambda: 6_000.0)
    first = live_tables("horace_mann")
    monkeypatch.setattr("time.monotonic", lambda: 6_059.0)
    assert live_tables("horace_mann") is first
    monkeypatch.setattr("time.monotonic", lambda: 6_060.0)
    assert live_tables("horace_mann") is not first
