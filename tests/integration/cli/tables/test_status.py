"""`gv tables status`, and that the settings that `gv tables configure` put take effect."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from pyiceberg.catalog.rest import RestCatalog

from growth_verticals.account import Account
from growth_verticals.bucket import status as status_module
from growth_verticals.bucket.maintenance import Job
from growth_verticals.bucket.settings import COMPACTION
from growth_verticals.bucket.status import table_statuses
from local.settings import Settings
from local.store import run_maintenance

from .conftest import Gv


def test_status_shows_settings_jobs_and_small_files_of_each_table(gv: Gv, census: str, append: Callable[..., None]):
    append(census, 3)
    gv("configure", "--table", census, "--target-file-size-mb", 64)
    result = gv("status", census)
    assert result.code == 0
    assert "unreferenced files: removed after 3 d, deleted 10 d later (default)" in result.out
    assert result.row("compaction") == (f"{census} compaction 64 MB, auto set Not_Yet_Run - 3 of 3 files below 64 MB")
    assert result.row("snapshots").startswith("snapshots keep 1, 120 h default Not_Yet_Run - next expiry in 4 d 23 h")
    assert result.row("storage", "replication") == "storage STANDARD replication none - 0 tag(s)"
    assert "storage class STANDARD, encryption AES256, request metrics " in result.out
    assert result.row("unreferenced", "set on") == "unreferenced set on the table bucket Not_Yet_Run -"


def test_many_small_files_are_compacted_if_compaction_is_enabled(
    gv: Gv, script: Gv, stand_in: Settings, catalog: RestCatalog, namespace: str, census: str,
    append: Callable[..., None],
):  # fmt: skip
    catalog.create_table(f"{namespace}.uncompacted", catalog.load_table(census).schema())
    for table in (census, f"{namespace}.uncompacted"):
        append(table, 6)
    assert gv("configure", "--table", census, "--target-file-size-mb", 128).code == 0
    assert gv("configure", "--table", f"{namespace}.uncompacted", "--disable", "compaction").code == 0

    assert run_maintenance(stand_in) >= 1

    shown = script("maintenance.sh", "-n", namespace)
    assert shown.code == 0
    assert shown.row(census, "compaction").startswith(f"{census} compaction 128 MB, auto set Successful ")
    assert shown.row(census, "compaction").endswith("1 of 1 files below 128 MB")
    assert f"{namespace}.uncompacted compaction 512 MB, auto disabled Disabled" in shown.row(
        "uncompacted", "compaction"
    )
    assert shown.row("uncompacted", "compaction").endswith("6 of 6 files below 512 MB")
    assert catalog.load_table(census).scan().to_arrow().num_rows == 12
    assert script("view-snapshots.sh", census).row("replace") is not None


def test_tables_with_failed_jobs_come_first_and_the_exit_code_is_1(
    gv: Gv, census: str, catalog: RestCatalog, namespace: str, monkeypatch: pytest.MonkeyPatch
):
    catalog.create_table(f"{namespace}.zoo", catalog.load_table(census).schema())
    real = status_module.maintenance_jobs

    def failing(account: Account, table: str) -> dict[str, Job]:
        jobs = real(account, table)
        if table.endswith(".zoo"):
            # The stand-in's jobs do not fail, so this answer follows the service model.
            jobs[COMPACTION.name] = replace(jobs[COMPACTION.name], status="Failed", message="KMS key is disabled")
        return jobs

    monkeypatch.setattr(status_module, "maintenance_jobs", failing)
    result = gv("status", "-n", namespace)
    assert result.code == 1
    assert "2 table(s), 1 with a failed job" in result.out
    assert result.out.index(f"{namespace}.zoo") < result.out.index(census)
    assert "Failed: KMS key is disabled" in result.row("zoo", "compaction")
    assert gv("status", "-n", namespace, "--json").json["failed"] == [f"{namespace}.zoo"]


def test_a_role_that_cannot_read_tables_sees_settings_and_jobs(account: Account, census: str):
    [status] = table_statuses(replace(account, catalog_uri="http://127.0.0.1:1/iceberg"), [census])
    assert status.settings[COMPACTION.name].enabled
    assert status.jobs[COMPACTION.name].status == "Not_Yet_Run"
    assert (status.files, status.small_files) == (None, None)
    assert status.problem is not None


def test_status_prints_warnings(gv: Gv, census: str, catalog: RestCatalog):
    with catalog.load_table(census).transaction() as transaction:
        transaction.set_properties({"history.expire.min-snapshots-to-keep": "5"})
    assert "warning: " in gv("status", census).out


def test_a_namespace_without_tables_is_not_an_error(gv: Gv, namespace: str):
    result = gv("status", "-n", namespace)
    assert (result.code, result.out.splitlines()[2]) == (0, "0 table(s), 0 with a failed job")
