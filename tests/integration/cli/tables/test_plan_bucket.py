"""`./gv tables plan` and `apply` of the table bucket's own settings, of tags and of storage classes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest

from growth_verticals.account import Account
from growth_verticals.bucket.declared import BucketDeclaration
from growth_verticals.bucket.plan import check_bucket, check_table
from growth_verticals.bucket.storage import BucketState, read_bucket, read_table
from growth_verticals.bucket.tags import read_tags
from growth_verticals.catalog.rest import open_catalog
from growth_verticals.contract.table import TableContract
from growth_verticals.source import Maintenance, StorageClass
from tests.integration.tables.deliveries import person_contract

DECLARED = BucketDeclaration(
    unreferenced_days=5, noncurrent_days=12, storage_class="INTELLIGENT_TIERING", request_metrics=True
)
TAGS = {"source": "toy", "client": "acme", "pii": "D"}


@pytest.fixture
def bucket(account: Account) -> Iterator[dict[str, str]]:
    """The table bucket's parameter. Its settings are AWS's defaults before and after the test."""
    params = {"tableBucketARN": account.table_bucket_arn}
    _reset(account, params)
    account.client("s3tables").tag_resource(resourceArn=account.table_bucket_arn, tags={"aws-like": "theirs"})
    yield params
    _reset(account, params)


def _reset(account: Account, params: dict[str, str]) -> None:
    client = account.client("s3tables")
    client.put_table_bucket_storage_class(**params, storageClassConfiguration={"storageClass": "STANDARD"})
    client.delete_table_bucket_metrics_configuration(**params)
    client.put_table_bucket_logging(**params, tableBucketLoggingStatus={})
    client.untag_resource(resourceArn=account.table_bucket_arn, tagKeys=["environment", "aws-like"])
    settings = {"unreferencedDays": 3, "nonCurrentDays": 10}
    client.put_table_bucket_maintenance_configuration(
        **params,
        type="icebergUnreferencedFileRemoval",
        value={"status": "enabled", "settings": {"icebergUnreferencedFileRemoval": settings}},
    )


def test_drift_of_the_bucket_is_described_applied_once_and_gone(account: Account, bucket: dict[str, str]):
    [step] = check_bucket(account, DECLARED, "prod", "log-bucket")
    assert [change.description for change in step.changes] == [
        "set icebergUnreferencedFileRemoval.unreferencedDays from 3 to 5",
        "set icebergUnreferencedFileRemoval.nonCurrentDays from 10 to 12",
        "set the storage class of new tables from STANDARD to INTELLIGENT_TIERING",
        "turn request metrics on",
        "write the access log to log-bucket instead of nowhere",
        "set the tag environment to prod",
    ]
    assert (step.target, step.warnings) == ("table bucket gv-tables", ())
    for _ in range(2):
        step.apply()
    assert check_bucket(account, DECLARED, "prod", "log-bucket") == []
    live = read_bucket(account)
    assert live == BucketState(
        storage_class="INTELLIGENT_TIERING",
        encryption="AES256",
        request_metrics=True,
        log_bucket="log-bucket",
        tags={"aws-like": "theirs", "environment": "prod"},
    )
    logging = account.client("s3tables").get_table_bucket_logging(**bucket)["tableBucketLoggingStatus"]
    assert logging["loggingEnabled"] == {
        "targetBucket": "log-bucket",
        "targetPrefix": "gv-tables/",
        "targetObjectKeyFormat": {"partitionedPrefix": {"partitionDateSource": "EventTime"}},
    }


def test_what_is_not_set_in_the_environment_is_not_managed(account: Account, bucket: dict[str, str]):
    [step] = check_bucket(account, DECLARED, "prod", "log-bucket")
    step.apply()
    assert check_bucket(account, DECLARED, None, None) == []


def test_encryption_is_compared_and_never_changed(account: Account, bucket: dict[str, str]):
    [step] = check_bucket(account, BucketDeclaration(encryption="aws:kms"), None, None)
    assert step.changes == ()
    [warning] = step.warnings
    assert warning.startswith("encryption is AES256, declared is aws:kms; change it in the template")
    step.apply()
    assert read_bucket(account).encryption == "AES256"


# --- tables -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def person(namespace: str) -> TableContract:
    return person_contract(namespace)


def check(
    account: Account, catalog: Any, contract: TableContract, storage_class: StorageClass | None = None
) -> list[Any]:
    return check_table(account, catalog, contract, Maintenance(), TAGS, storage_class)


def test_a_new_table_gets_its_tags_and_other_tags_stay(account: Account, person: TableContract):
    with closing(open_catalog(account)) as catalog:
        create, tag = check(account, catalog, person)
        assert "storage class" not in create.changes[0].description
        assert [change.description for change in tag.changes] == [
            "set the tag source to toy",
            "set the tag client to acme",
            "set the tag pii to D",
        ]
        create.apply()
        arn = read_table(account, person.identifier).arn
        account.client("s3tables").tag_resource(resourceArn=arn, tags={"CostCenter": "42", "client": "somebody"})
        [tag] = check(account, catalog, person)
        assert [change.description for change in tag.changes][1] == "set the tag client to acme"
        tag.apply()
        assert read_tags(account, arn) == TAGS | {"CostCenter": "42"}
        assert check(account, catalog, person) == []


def test_a_declared_storage_class_is_set_when_the_table_is_created_and_only_then(
    account: Account, person: TableContract
):
    with closing(open_catalog(account)) as catalog:
        create, _ = check(account, catalog, person, "INTELLIGENT_TIERING")
        assert create.changes[0].description.endswith(
            "storage class INTELLIGENT_TIERING (compaction leaves files alone that nobody has read for 30 days)"
        )
        for _ in range(2):
            create.apply()
        live = catalog.load_table(person.identifier)
        assert [field.name for field in live.schema().fields][:2] == ["person_id", "state"]
        assert live.sort_order().fields
        assert read_table(account, person.identifier).storage_class == "INTELLIGENT_TIERING"
        assert not any(step.warnings for step in check(account, catalog, person, "INTELLIGENT_TIERING"))
        [step] = [step for step in check(account, catalog, person, "STANDARD") if step.warnings]
        assert step.warnings == (
            "its storage class is INTELLIGENT_TIERING, declared is STANDARD; AWS sets it only when a table is created",
        )
        plain = replace(person, name="plain")
        check(account, catalog, plain)[0].apply()
        assert read_table(account, plain.identifier).storage_class == "STANDARD"
