"""The stand-in decides about each request of a role by the role's policies and by those of the bucket and the table."""

from __future__ import annotations

import json
from collections.abc import Iterator

import httpx
import pytest
from botocore.exceptions import ClientError
from pyiceberg.exceptions import ForbiddenError

from growth_verticals.account import Account
from growth_verticals.bucket.access import Grant
from growth_verticals.bucket.policies import apply_grants
from growth_verticals.catalog.rest import open_catalog
from tests.integration.access.conftest import Acting, read_trail

ARN = "arn:aws:iam::000000000000:role/analytics-dev-s3tables-{}"


@pytest.fixture
def _without_policies(acting: Acting) -> Iterator[None]:
    yield
    apply_grants(acting.as_role("platform"), [], revoke=True)


def error_of(account: Account, operation: str, **parameters: object) -> str:
    """Return AWS's message for a refused call of the S3 Tables API."""
    with pytest.raises(ClientError) as raised:
        getattr(account.client("s3tables"), operation)(tableBucketARN=account.table_bucket_arn, **parameters)
    response = raised.value.response
    assert (response["ResponseMetadata"]["HTTPStatusCode"], response["Error"]["Code"]) == (403, "ForbiddenException")
    return str(response["Error"]["Message"])


def can_read_object(account: Account, namespace: str) -> bool:
    try:
        account.client("s3").get_object(Bucket="gv-tables", Key=f"{namespace}/x/data/1.parquet")
    except ClientError as error:
        assert error.response["Error"]["Code"] == "AccessDenied"
        return False
    return True


def test_a_call_without_the_right_is_refused_with_the_action_and_the_resource(acting: Acting) -> None:
    reader = acting.as_role("reader")
    message = error_of(reader, "create_namespace", namespace=["new"])
    assert message.startswith("User: arn:aws:sts::000000000000:assumed-role/analytics-dev-s3tables-reader/")
    assert f"not authorized to perform: s3tables:CreateNamespace on resource: {reader.table_bucket_arn} " in message
    assert "s3tables:DeleteTable on resource" in error_of(reader, "delete_table", namespace="aiq", name="sample")


def test_an_explicit_deny_is_named(acting: Acting) -> None:
    message = error_of(acting.as_role("loader"), "delete_table", namespace="aiq", name="sample")
    assert message.endswith("with an explicit deny")


def test_the_catalog_asks_for_the_same_rights(acting: Acting) -> None:
    catalog = open_catalog(acting.as_role("reader"))
    assert catalog.load_table("aiq.sample").name() == ("aiq", "sample")
    for refused, action in (
        (lambda: catalog.create_namespace("new"), "CreateNamespace"),
        (lambda: catalog.load_table("aiq.sample_rejects"), "GetTableMetadataLocation"),
        (lambda: catalog.list_tables("unknown"), "ListTables"),
        (lambda: catalog.load_table("aiq.sample").transaction().set_properties(a="b").commit_transaction(),
         "UpdateTableMetadataLocation"),
        (lambda: catalog.purge_table("aiq.sample"), "DeleteTable"),
        (lambda: catalog.rename_table("aiq.sample", "aiq.samples"), "RenameTable"),
    ):  # fmt: skip
        with pytest.raises(ForbiddenError, match=f"not authorized to perform: s3tables:{action} on resource"):
            refused()


def test_each_decision_is_recorded(acting: Acting) -> None:
    before = len(read_trail(acting.settings))
    open_catalog(acting.as_role("client-horace_mann")).load_table("horace_mann.sample")
    assert [(each["role"], each["action"], each["table"], each["decision"]) for each in
            read_trail(acting.settings)[before:]] == [
        ("analytics-dev-s3tables-client-horace_mann", "GetTableBucket", None, "allowed"),
        ("analytics-dev-s3tables-client-horace_mann", "GetTableMetadataLocation", "sample", "allowed"),
        ("analytics-dev-s3tables-client-horace_mann", "GetTableData", "sample", "allowed"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("role", "readable"),
    [
        ("reader", {"aiq", "cml"}),
        ("loader", {"aiq", "cml", "horace_mann"}),
        ("client-horace_mann", {"horace_mann"}),
        ("client-platinum_dermatology", set()),
        ("maintainer", set()),
        ("break-glass", set()),
    ],
)
def test_the_store_gives_a_role_the_objects_of_its_namespaces(acting: Acting, role: str, readable: set[str]) -> None:
    account = acting.as_role(role)
    assert {each for each in ("aiq", "cml", "horace_mann") if can_read_object(account, each)} == readable


def test_a_reader_writes_no_object_and_no_role_lists_or_deletes_one(acting: Acting) -> None:
    target = {"Bucket": "gv-tables", "Key": "aiq/x/data/1.parquet"}
    for role, operations in (
        ("reader", ("put_object", "delete_object", "list_objects_v2")),
        ("loader", ("delete_object", "list_objects_v2")),
    ):
        s3 = acting.as_role(role).client("s3")
        for operation in operations:
            with pytest.raises(ClientError, match="AccessDenied"):
                getattr(s3, operation)(**{"Bucket": "gv-tables"} if operation == "list_objects_v2" else target)


def test_an_unsigned_request_reads_and_writes_nothing(acting: Acting) -> None:
    account = acting.as_role("platform")
    for path in ("gv-tables/aiq/x/data/1.parquet", "gv-landing/inbox/a.csv"):
        for method in ("GET", "HEAD", "PUT", "DELETE"):
            assert httpx.request(method, f"{account.s3_endpoint}/{path}").status_code == 403, (method, path)


@pytest.mark.usefixtures("_without_policies")
def test_a_grant_gives_a_role_rights_that_its_own_policies_lack(acting: Acting) -> None:
    maintainer = Grant(principal=ARN.format("maintainer"), level="reader", namespace="cml")
    assert "GetTableMetadataLocation" in error_of(
        acting.as_role("maintainer"), "get_table_metadata_location", namespace="cml", name="sample"
    )
    apply_grants(acting.as_role("platform"), [maintainer])
    catalog = open_catalog(acting.as_role("maintainer"))
    assert catalog.load_table("cml.sample").name() == ("cml", "sample")
    for table in ("aiq.sample", "cml.sample_rejects"):
        with pytest.raises(ForbiddenError):
            catalog.load_table(table)


@pytest.mark.usefixtures("_without_policies")
def test_the_policy_of_a_table_is_evaluated_too(acting: Acting) -> None:
    grant = Grant(principal=ARN.format("maintainer"), level="reader", namespace="aiq", table="sample")
    apply_grants(acting.as_role("platform"), [grant])
    catalog = open_catalog(acting.as_role("maintainer"))
    assert catalog.load_table("aiq.sample").name() == ("aiq", "sample")
    with pytest.raises(ForbiddenError):
        catalog.load_table("cml.sample")


def test_a_deny_of_the_bucket_s_policy_overrides_a_role_s_policies(acting: Acting) -> None:
    account = acting.as_role("platform")
    client, bucket = account.client("s3tables"), {"tableBucketARN": account.table_bucket_arn}
    deny = {
        "Effect": "Deny",
        "Principal": {"AWS": ARN.format("loader")},
        "Action": "s3tables:Get*",
        "Resource": f"{account.table_bucket_arn}/table/*",
        "Condition": {"StringEquals": {"s3tables:tableName": "sample"}},
    }
    client.put_table_bucket_policy(**bucket, resourcePolicy=json.dumps({"Version": "2012-10-17", "Statement": [deny]}))
    try:
        catalog = open_catalog(acting.as_role("loader"))
        with pytest.raises(ForbiddenError, match="explicit deny"):
            catalog.load_table("aiq.sample")
        assert catalog.load_table("aiq.sample_rejects").name() == ("aiq", "sample_rejects")
        assert open_catalog(acting.as_role("reader")).load_table("aiq.sample").name() == ("aiq", "sample")
    finally:
        client.delete_table_bucket_policy(**bucket)
