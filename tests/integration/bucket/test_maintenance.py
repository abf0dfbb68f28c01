"""Declared maintenance settings are put only where the live ones differ; `./gv doctor` checks an account's access."""

from __future__ import annotations

from dataclasses import replace

import pytest
import requests
from pyiceberg.catalog.rest import RestCatalog

from growth_verticals.account import Account, Credentials
from growth_verticals.bucket.maintenance import (
    BucketMaintenance,
    apply_bucket_maintenance,
    apply_maintenance,
    maintenance_jobs,
    retention_warnings,
)
from growth_verticals.bucket.probe import probe_account
from growth_verticals.bucket.settings import UNREFERENCED, read_settings
from growth_verticals.catalog.create import ensure_table
from growth_verticals.contract.table import TableContract
from growth_verticals.errors import ConfigurationError, DeclarationError, ServiceError
from growth_verticals.source import Maintenance

DEFAULTS = Maintenance()


def test_a_new_table_has_the_default_settings(account: Account, catalog: RestCatalog, person: TableContract):
    ensure_table(catalog, person)
    assert apply_maintenance(account, person.identifier, DEFAULTS) == []


def test_only_differing_settings_are_put_and_reported(account: Account, catalog: RestCatalog, person: TableContract):
    ensure_table(catalog, person)
    declared = Maintenance(target_file_size_mb=256, strategy="sort", min_snapshots_to_keep=3)
    assert apply_maintenance(account, person.identifier, declared) == [
        f"{person.identifier}: icebergCompaction.targetFileSizeMB from 512 to 256",
        f"{person.identifier}: icebergCompaction.strategy from auto to sort",
        f"{person.identifier}: icebergSnapshotManagement.minSnapshotsToKeep from 1 to 3",
    ]
    assert apply_maintenance(account, person.identifier, declared) == []
    assert len(apply_maintenance(account, person.identifier, DEFAULTS)) == 3


def test_disabled_maintenance_is_enabled_again(account: Account, catalog: RestCatalog, person: TableContract):
    ensure_table(catalog, person)
    account.client("s3tables").put_table_maintenance_configuration(
        tableBucketARN=account.table_bucket_arn,
        namespace=person.namespace,
        name=person.name,
        type="icebergSnapshotManagement",
        value={"status": "disabled"},
    )
    [change] = apply_maintenance(account, person.identifier, DEFAULTS)
    assert change == f"{person.identifier}: icebergSnapshotManagement from disabled to enabled"
    assert apply_maintenance(account, person.identifier, DEFAULTS) == []


def test_a_table_that_does_not_exist_is_a_configuration_error(account: Account, namespace: str):
    with pytest.raises(ConfigurationError, match=f"maintenance settings of {namespace}.none failed.*NotFound"):
        apply_maintenance(account, f"{namespace}.none", DEFAULTS)
    with pytest.raises(ConfigurationError, match=f"maintenance jobs of {namespace}.none failed.*NotFound"):
        maintenance_jobs(account, f"{namespace}.none")


def test_a_service_that_is_down_is_a_service_error(account: Account):
    with pytest.raises(ServiceError, match=r"127\.0\.0\.1:1 does not answer"):
        read_settings(replace(account, s3tables_endpoint="http://127.0.0.1:1"), None)


def test_sorting_a_table_without_a_sort_order_is_refused(account: Account, catalog: RestCatalog, person: TableContract):
    ensure_table(catalog, replace(person, sort_by=()))
    with pytest.raises(ConfigurationError, match="icebergCompaction"):
        apply_maintenance(account, person.identifier, Maintenance(strategy="sort"))


def days(account: Account) -> tuple[object, object]:
    """Return the bucket's live settings: unreferenced and noncurrent days."""
    live = read_settings(account, None)[UNREFERENCED.name]
    assert live.enabled
    return live.values["unreferencedDays"], live.values["nonCurrentDays"]


def test_the_buckets_settings_are_put_where_they_differ(account: Account):
    apply_bucket_maintenance(account, BucketMaintenance())
    declared = BucketMaintenance(unreferenced_days=5)
    try:
        assert apply_bucket_maintenance(account, declared) == [
            "table bucket: icebergUnreferencedFileRemoval.unreferencedDays from 3 to 5"
        ]
        assert days(account) == (5, 10)
        assert apply_bucket_maintenance(account, declared) == []
    finally:
        apply_bucket_maintenance(account, BucketMaintenance())
    assert days(account) == (3, 10)


def test_days_below_one_are_refused():
    with pytest.raises(DeclarationError):
        BucketMaintenance(non_current_days=0)


def test_jobs_are_returned_by_type(account: Account, catalog: RestCatalog, person: TableContract):
    ensure_table(catalog, person)
    jobs = maintenance_jobs(account, person.identifier)
    assert {"icebergCompaction", "icebergSnapshotManagement"} <= set(jobs)
    assert {job.status for job in jobs.values()} <= {"Not_Yet_Run", "Successful", "Disabled"}


def test_a_retention_property_of_the_table_gives_a_warning(catalog: RestCatalog, person: TableContract):
    table = ensure_table(catalog, person)
    assert retention_warnings(table) == []
    with table.transaction() as transaction:
        transaction.set_properties({"history.expire.min-snapshots-to-keep": "5"})
    [warning] = retention_warnings(catalog.load_table(person.identifier))
    assert "history.expire.min-snapshots-to-keep does nothing" in warning


def test_every_doctor_check_succeeds_on_the_stand_in(account: Account, catalog: RestCatalog):
    checks = list(probe_account(account))
    assert [check.name for check in checks] == [
        *("credentials", "landing bucket", "multipart upload", "table bucket", "catalog"),
        *("maintenance", "grants", "table", "queries"),
    ]
    assert [check.detail for check in checks if not check.ok] == []
    assert catalog.list_tables("gv_doctor") == []


def test_the_doctor_continues_after_a_failed_check(account: Account):
    checks = {check.name: check for check in probe_account(replace(account, landing_uri="s3://gv-nobodys/zone"))}
    assert {name for name, check in checks.items() if not check.ok} == {"landing bucket", "multipart upload"}
    assert all("arn:aws:s3:::gv-nobodys" in right.resource for right in checks["landing bucket"].missing)


def test_the_doctor_reports_what_a_wrong_key_is_refused(account: Account):
    assert account.credentials is not None
    wrong = Credentials(access_key=account.credentials.access_key, secret_key="wrong")
    checks = list(probe_account(replace(account, credentials=wrong)))
    assert {check.name for check in checks if check.ok} == {"credentials", "queries"}
    assert all("refused" in check.detail and not check.missing for check in checks if not check.ok)


def test_the_doctor_explains_a_lost_connection_to_the_catalog(account: Account, monkeypatch: pytest.MonkeyPatch):
    def fail(_: RestCatalog) -> None:
        raise requests.ConnectionError("reset by peer")

    monkeypatch.setattr(RestCatalog, "list_namespaces", fail)
    checks = {check.name: check for check in probe_account(account)}
    assert "listing the namespaces failed" in checks["catalog"].detail
    assert "Next:" in checks["catalog"].detail
