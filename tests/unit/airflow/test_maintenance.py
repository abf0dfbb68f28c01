"""Daily table bucket maintenance: which settings are applied, and which jobs fail a task."""

from __future__ import annotations

from typing import Any

import pytest

from growth_verticals.account import Account
from growth_verticals.bucket import declared, inventory
from growth_verticals.bucket import maintenance as library
from growth_verticals.bucket.declared import BucketDeclaration
from growth_verticals.bucket.maintenance import BucketMaintenance, Job
from growth_verticals.declarations import find_source
from growth_verticals.errors import ConfigurationError, ServiceError
from growth_verticals.operators import maintenance
from growth_verticals.operators.maintenance import MAINTAINED, ApplyBucketMaintenance, ListTables, MaintainTable
from growth_verticals.source import Maintenance
from tests.task_instance import TaskInstance

ACCOUNT = Account(
    region="us-east-1",
    table_bucket_arn="arn:aws:s3tables:us-east-1:000000000000:bucket/gv-tables",
    landing_uri="s3://gv-landing",
    catalog_uri="http://127.0.0.1:1/iceberg",
)
NO_FAILED_JOB = {
    "icebergCompaction": Job(status="Successful", message="", ran_at=None),
    "icebergSnapshotManagement": Job(status="Not_Yet_Run", message="", ran_at=None),
}


class FakeService:
    """Takes the place of the functions that call AWS. Contains the jobs by table, and records the applied settings."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.jobs: dict[str, dict[str, Job]] = {}
        self.applied: list[tuple[str | None, object]] = []
        monkeypatch.setattr(maintenance, "maintainer_account", lambda: ACCOUNT)
        monkeypatch.setattr(inventory, "table_names", lambda _: sorted(self.jobs))
        monkeypatch.setattr(library, "apply_maintenance", self.apply)
        monkeypatch.setattr(library, "apply_bucket_maintenance", lambda _, declared: self.apply(_, None, declared))
        monkeypatch.setattr(library, "maintenance_jobs", self.maintenance_jobs)

    def apply(self, _: Account, table: str | None, declared: object) -> list[str]:
        self.applied.append((table, declared))
        return [f"{table}: changed"]

    def maintenance_jobs(self, _: Account, table: str) -> dict[str, Job]:
        if not self.jobs[table]:
            raise ConfigurationError(f"reading the maintenance jobs of {table} was refused")
        return self.jobs[table]


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> FakeService:
    return FakeService(monkeypatch)


def maintain(source: str | None, table: str, ti: TaskInstance | None = None) -> dict[str, Any]:
    context: Any = {"ti": ti or TaskInstance()}
    return MaintainTable(task_id="table", table={"source": source, "table": table}).execute(context)


def test_every_table_is_listed_with_its_source(service: FakeService) -> None:
    service.jobs = dict.fromkeys(["ls_corp.contact_rejects", "default.users", "ls_corp.contact"], NO_FAILED_JOB)
    assert ListTables(task_id="list").execute({}) == [  # type: ignore[arg-type]
        {"source": None, "table": "default.users"},
        {"source": "ls_corp", "table": "ls_corp.contact"},
        {"source": "ls_corp", "table": "ls_corp.contact_rejects"},
    ]


def test_a_sources_table_gets_the_declared_settings_and_its_rejects_table_gets_awss_defaults(
    service: FakeService,
) -> None:
    declared = find_source("aiq_b2b")
    service.jobs = {declared.table: NO_FAILED_JOB, declared.rejects_table: NO_FAILED_JOB}
    ti = TaskInstance()
    result = maintain("aiq_b2b", declared.table, ti)
    assert ti.xcom[MAINTAINED] == result
    assert result == {
        "source": "aiq_b2b",
        "table": declared.table,
        "changes": [f"{declared.table}: changed"],
        "messages": {},
        "jobs": {"icebergCompaction": "Successful", "icebergSnapshotManagement": "Not_Yet_Run"},
    }
    maintain("aiq_b2b", declared.rejects_table)
    assert service.applied == [(declared.table, declared.maintenance), (declared.rejects_table, Maintenance())]
    assert declared.maintenance != Maintenance()


@pytest.mark.parametrize(("source", "table"), [("ls_corp", "ls_corp.contact"), (None, "default.users")])
def test_a_failed_job_fails_the_task_and_is_named_in_the_error(
    source: str | None, table: str, service: FakeService
) -> None:
    service.jobs = {
        table: NO_FAILED_JOB | {"icebergCompaction": Job(status="Failed", message="no access to the key", ran_at=None)}
    }
    ti = TaskInstance()
    with pytest.raises(ServiceError) as raised:
        maintain(source, table, ti)
    known = ti.xcom[MAINTAINED]
    assert known["jobs"]["icebergCompaction"] == "Failed"
    assert known["messages"] == {"icebergCompaction": "no access to the key"}
    assert len(known["changes"]) == (1 if source else 0)
    assert f"maintenance of {table} failed: icebergCompaction (no access to the key)" in str(raised.value)
    assert "Next: " in str(raised.value)


def test_the_settings_of_tables_without_a_source_are_not_changed(service: FakeService) -> None:
    service.jobs = {"default.users": NO_FAILED_JOB}
    assert maintain(None, "default.users")["changes"] == []
    assert service.applied == []


def test_a_table_that_this_role_cannot_read_is_skipped_only_if_it_has_no_source(service: FakeService) -> None:
    service.jobs = {"default.users": {}, "ls_corp.contact": {}}
    assert maintain(None, "default.users")["jobs"] == {}
    with pytest.raises(ConfigurationError, match="was refused"):
        maintain("ls_corp", "ls_corp.contact")


def test_the_table_bucket_gets_the_settings_that_are_declared_for_it(
    service: FakeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    declaration = BucketDeclaration(unreferenced_days=4, noncurrent_days=12)
    monkeypatch.setattr(declared, "read_declaration", lambda: declaration)
    assert ApplyBucketMaintenance(task_id="bucket").execute({}) == ["None: changed"]  # type: ignore[arg-type]
    assert service.applied == [(None, BucketMaintenance(unreferenced_days=4, non_current_days=12))]
