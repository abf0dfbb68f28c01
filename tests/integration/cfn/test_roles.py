"""Each role of basic-s3tables-role.yaml can do its own work and nothing else."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Any

import pytest

from growth_verticals.declarations import read_sources
from local.gateway.iam import Request, decide
from tests.integration.cfn.deployment import ACCOUNT, REGION, TEMPLATES, client, role, role_names, run

CREATE_ROLES_COMMAND = """
aws cloudformation create-stack \\
    --stack-name s3table-buckets-roles-dev \\
    --template-body file://basic-s3tables-role.yaml \\
    --parameters ParameterKey=ProjectName,ParameterValue=analytics \\
                 ParameterKey=Environment,ParameterValue=dev \\
    --capabilities CAPABILITY_NAMED_IAM
"""
TEAM = ("reader", "loader", "creator", "maintainer", "retention", "admin")
BUCKET = f"arn:aws:s3tables:{REGION}:{ACCOUNT}:bucket/analytics-dev-tables"
LANDING = f"arn:aws:s3:::analytics-dev-landing-{ACCOUNT}"
WORKER = f"arn:aws:iam::{ACCOUNT}:role/airflow-worker"
EXTERNAL_ID = "acme-2f7c1d9e5b3a"

BROWSE = {"GetTableBucket", "ListNamespaces", "ListTables"}
READ = {"GetTable", "GetTableMetadataLocation", "GetTableData"}
LOAD = {"GetTableMetadataLocation", "GetTableData", "PutTableData", "UpdateTableMetadataLocation"}
CREATE = {"CreateNamespace", "GetNamespace", "CreateTable"}
MAINTAIN_BUCKET = {"GetTableBucketMaintenanceConfiguration", "PutTableBucketMaintenanceConfiguration"}
MAINTAIN = MAINTAIN_BUCKET | {
    "GetTable",
    "GetTableMaintenanceConfiguration",
    "PutTableMaintenanceConfiguration",
    "GetTableMaintenanceJobStatus",
}
GRANT_BUCKET = {"GetTableBucketPolicy", "PutTableBucketPolicy"}
GRANT = GRANT_BUCKET | {"GetTablePolicy", "PutTablePolicy", "DeleteTablePolicy"}

STATUS_BUCKET = {
    "GetTableBucketEncryption",
    "GetTableBucketLogging",
    "GetTableBucketMetricsConfiguration",
    "GetTableBucketReplication",
    "GetTableBucketStorageClass",
}
STATUS = STATUS_BUCKET | {"GetTableReplicationStatus", "GetTableStorageClass", "ListTagsForResource"}
SET_BUCKET = {
    "DeleteTableBucketMetricsConfiguration",
    "PutTableBucketLogging",
    "PutTableBucketMetricsConfiguration",
    "PutTableBucketStorageClass",
}

ALLOWED_ACTIONS = {
    "reader": BROWSE | READ | {"GetNamespace"},
    "loader": BROWSE | LOAD,
    "creator": BROWSE | LOAD | CREATE,
    "maintainer": BROWSE | MAINTAIN | STATUS,
    "retention": {"GetTableBucket"} | LOAD,
    "admin": BROWSE
    | LOAD
    | CREATE
    | MAINTAIN
    | STATUS
    | SET_BUCKET
    | GRANT
    | {"PutTableStorageClass", "TagResource", "ListTableBuckets"},
    "break-glass": BROWSE | {"GetNamespace", "GetTable", "DeleteNamespace", "DeleteTable", "RenameTable"},
    "vendor-acme": {"GetTableBucket", "GetNamespace", "ListTables"} | READ,
}

#: Actions on the bucket as a whole, which no namespace condition can limit.
ALLOWED_IN_ANY_NAMESPACE = {
    "reader": {"GetTableBucket", "ListNamespaces"},
    "loader": {"GetTableBucket", "ListNamespaces"},
    "creator": {"GetTableBucket", "ListNamespaces", "CreateNamespace"},
    "maintainer": {"GetTableBucket", "ListNamespaces", "ListTables", "ListTagsForResource"}
    | MAINTAIN_BUCKET
    | STATUS_BUCKET,
    "retention": {"GetTableBucket"},
    "admin": {"GetTableBucket", "ListNamespaces", "ListTables", "CreateNamespace", "ListTableBuckets"}
    | {"ListTagsForResource", "TagResource"}
    | MAINTAIN_BUCKET
    | STATUS_BUCKET
    | SET_BUCKET
    | GRANT_BUCKET,
    "break-glass": {"GetTableBucket", "ListNamespaces", "ListTables"},
    "vendor-acme": {"GetTableBucket"},
}

#: Actions that each Iceberg REST call requires (S3 user guide, "Accessing tables using the Iceberg REST endpoint").
REST_CALLS = {
    "config": {"GetTableBucket"},
    "loadTable": {"GetTableMetadataLocation", "GetTableData"},
    "HEAD table": {"GetTable"},
    "commit": {"UpdateTableMetadataLocation", "PutTableData", "GetTableData"},
    "createTable": {"CreateTable", "PutTableData"},
    "rename": {"RenameTable"},
    "drop": {"DeleteTable"},
}


@pytest.fixture(scope="module", autouse=True)
def _stacks(account: None) -> None:
    run(CREATE_ROLES_COMMAND)
    assert role_names() == {f"analytics-dev-s3tables-{name}" for name in TEAM}
    run(
        "aws cloudformation create-stack --stack-name vendor --template-body file://basic-s3tables-role.yaml "
        "--parameters ParameterKey=ProjectName,ParameterValue=analytics ParameterKey=Environment,ParameterValue=dev "
        "ParameterKey=TeamRoles,ParameterValue=false ParameterKey=VendorName,ParameterValue=acme "
        f"ParameterKey=VendorAccountId,ParameterValue=444455556666 ParameterKey=VendorNamespaces,ParameterValue=aiq "
        f"ParameterKey=VendorExternalId,ParameterValue={EXTERNAL_ID} --capabilities CAPABILITY_NAMED_IAM"
    )
    run(
        "aws cloudformation create-stack --stack-name prod --template-body file://basic-s3tables-role.yaml "
        "--parameters ParameterKey=ProjectName,ParameterValue=other ParameterKey=Environment,ParameterValue=prod "
        "ParameterKey=TableBucketName,ParameterValue=analytics-dev-tables "
        f"ParameterKey=LandingBucketName,ParameterValue=my-landing "
        f"ParameterKey=LoaderPrincipals,ParameterValue={WORKER} "
        f"ParameterKey=BreakGlassPrincipals,ParameterValue=arn:aws:iam::{ACCOUNT}:user/ada\\\\,"
        f"arn:aws:iam::{ACCOUNT}:user/grace --capabilities CAPABILITY_NAMED_IAM"
    )


def full_name(name: str) -> str:
    return f"other-prod-s3tables-{name}" if name == "break-glass" else f"analytics-dev-s3tables-{name}"


@cache
def policies_of(name: str) -> tuple[Mapping[str, Any], ...]:
    return role(full_name(name)).policies


@cache
def s3tables_actions() -> dict[str, Any]:
    """Return every action, and whether its resource is a table (or else the bucket).

    The API's operations come from botocore, the actions without an operation from the service authorization reference.
    """
    model = client("s3tables").meta.service_model
    of_table = {
        name: not {"name", "tableArn"}.isdisjoint(model.operation_model(name).input_shape.members)
        and name != "CreateTable"
        for name in model.operation_names
    }
    return of_table | dict.fromkeys(
        ("GetTableData", "PutTableData", "PutTableEncryption", "PutTableStorageClass"), True
    )


def allowed(
    name: str,
    *,
    namespace: str | None = "aiq",
    table: str = "household",
    bucket: str = BUCKET,
    tls: str = "true",
) -> set[str]:
    """Return the s3tables actions that a role is allowed, each checked on the resource that AWS uses for it."""
    policies, actions = policies_of(name), set()
    for action, of_table in s3tables_actions().items():
        context = {"aws:SecureTransport": tls}
        if namespace and (of_table or action in {"CreateTable", "GetNamespace", "DeleteNamespace", "ListTables"}):
            context["s3tables:namespace"] = namespace
        if of_table:
            context["s3tables:tableName"] = table
        resource = f"{bucket}/table/0b7a4c1e" if of_table else "*" if action == "ListTableBuckets" else bucket
        request = Request(action=f"s3tables:{action}", resource=resource, context=context)
        if decide(policies, request) == "allowed":
            actions.add(action)
    return actions


@pytest.mark.parametrize("name", ALLOWED_ACTIONS)
def test_a_role_can_do_its_own_work_and_nothing_else(name: str) -> None:
    assert len(s3tables_actions()) > 50
    assert allowed(name) == ALLOWED_ACTIONS[name]


@pytest.mark.parametrize("name", ALLOWED_ACTIONS)
def test_a_role_has_no_access_to_another_namespace(name: str) -> None:
    assert allowed(name, namespace="hr") == ALLOWED_IN_ANY_NAMESPACE[name]
    assert allowed(name, namespace=None) == ALLOWED_IN_ANY_NAMESPACE[name]


@pytest.mark.parametrize("name", ALLOWED_ACTIONS)
def test_plain_http_is_allowed_nothing(name: str) -> None:
    assert allowed(name, tls="false") == set()


@pytest.mark.parametrize("name", ALLOWED_ACTIONS)
@pytest.mark.parametrize(
    "bucket",
    [
        BUCKET + "-2",
        BUCKET.replace("dev", "prod"),
        BUCKET.replace(ACCOUNT, "444455556666"),
        BUCKET.replace(REGION, "eu-west-1"),
    ],
)
def test_a_role_has_no_access_to_another_bucket_account_or_region(name: str, bucket: str) -> None:
    assert allowed(name, bucket=bucket) <= {"ListTableBuckets"}  # has no bucket; it lists names


@pytest.mark.parametrize("name", ALLOWED_ACTIONS)
def test_only_roles_that_load_or_remove_rows_can_read_rejected_records(name: str) -> None:
    reads_rejects = "GetTableData" in allowed(name, table="household_rejects")
    assert reads_rejects is (name in {"loader", "creator", "retention", "admin"})


@pytest.mark.parametrize(
    ("name", "calls"),
    [
        ("reader", {"config", "loadTable", "HEAD table"}),
        ("loader", {"config", "loadTable", "commit"}),
        ("retention", {"config", "loadTable", "commit"}),
        ("creator", {"config", "loadTable", "commit", "createTable"}),
        ("maintainer", {"config", "HEAD table"}),
        ("admin", {"config", "loadTable", "HEAD table", "commit", "createTable"}),
        ("break-glass", {"config", "HEAD table", "rename", "drop"}),
        ("vendor-acme", {"config", "loadTable", "HEAD table"}),
    ],
)
def test_the_catalog_allows_the_calls_that_the_role_is_for(name: str, calls: set[str]) -> None:
    actions = allowed(name)
    assert {call for call, required in REST_CALLS.items() if required <= actions} == calls


@pytest.mark.parametrize("name", ["loader", "creator"])
def test_no_additional_policy_lets_a_loader_delete_grant_or_maintain(name: str) -> None:
    administrator = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    policies = [*policies_of(name), administrator]
    forbidden = {
        action
        for action in s3tables_actions()
        if re.match("Delete|Rename|Put.*(Policy|Maintenance|Expiration|BucketEncryption)", action)
    }
    assert len(forbidden) >= 16
    for action in [f"s3tables:{action}" for action in sorted(forbidden)] + [
        "s3:DeleteObject",
        "s3:DeleteObjectVersion",
    ]:
        assert decide(policies, Request(action=action, resource=BUCKET)) == "denied", action


def test_the_admin_can_run_the_doctor_in_its_own_namespace() -> None:
    required = BROWSE | LOAD | {"GetTable", "CreateNamespace", "CreateTable", "DeleteTable"}
    assert required <= allowed("admin", namespace="gv_doctor", table="probe_1")
    assert "DeleteTable" not in allowed("admin")
    for name in ("reader", "loader", "creator", "maintainer"):
        assert "DeleteTable" not in allowed(name, namespace="gv_doctor", table="probe_1")


@pytest.mark.parametrize(
    ("name", "action", "resource", "decision"),
    [
        ("loader", "s3:ListBucket", LANDING, "allowed"),
        ("loader", "s3:GetObject", f"{LANDING}/inbox/ls_corp/leads.csv", "allowed"),
        ("loader", "s3:PutObject", f"{LANDING}/aiq_b2b/2026Q3/part1.txt.gz", "allowed"),
        ("loader", "s3:AbortMultipartUpload", f"{LANDING}/aiq_b2b/2026Q3/part1.txt.gz", "allowed"),
        ("loader", "s3:DeleteObject", f"{LANDING}/aiq_b2b/2026Q3/part1.txt.gz", "denied"),
        ("loader", "s3:PutBucketPolicy", LANDING, "not allowed"),
        ("loader", "s3:PutObject", "arn:aws:s3:::elsewhere/a", "not allowed"),
        ("creator", "s3:PutObject", f"{LANDING}/aiq_b2b/2026Q3/part1.txt.gz", "allowed"),
        ("retention", "s3:ListBucketVersions", LANDING, "allowed"),
        ("retention", "s3:DeleteObjectVersion", f"{LANDING}/aiq_b2b/2026Q3/part1.txt.gz", "allowed"),
        ("retention", "s3:DeleteObject", f"{LANDING}/aiq_b2b/2026Q3/part1.txt.gz", "not allowed"),
        ("retention", "s3:DeleteObjectVersion", f"{LANDING}/aiq_b2b/2026Q3/part1.txt.gz.receipt.json", "denied"),
        ("retention", "s3:DeleteObjectVersion", f"{LANDING}/inbox/ls_corp/leads.csv", "denied"),
        ("retention", "s3:GetObject", f"{LANDING}/aiq_b2b/2026Q3/part1.txt.gz", "not allowed"),
        ("retention", "s3:GetObject", f"{LANDING}/aiq_b2b/2026Q3/part1.txt.gz.receipt.json", "allowed"),
        ("reader", "s3:GetObject", f"{LANDING}/aiq_b2b/2026Q3/part1.txt.gz", "not allowed"),
        ("reader", "s3:ListBucket", LANDING, "not allowed"),
        ("maintainer", "s3:GetObject", f"{LANDING}/aiq_b2b/2026Q3/part1.txt.gz", "not allowed"),
        ("vendor-acme", "s3:GetObject", f"{LANDING}/aiq_b2b/2026Q3/part1.txt.gz", "not allowed"),
        ("admin", "s3:GetObject", f"{LANDING}/aiq_b2b/2026Q3/part1.txt.gz", "not allowed"),
        ("admin", "s3:DeleteObject", f"{LANDING}/aiq_b2b/2026Q3/part1.txt.gz", "not allowed"),
        ("admin", "s3:DeleteObject", f"{LANDING}/gv_doctor/8c1f", "allowed"),
    ],
)
def test_only_roles_that_load_can_read_raw_copies(name: str, action: str, resource: str, decision: str) -> None:
    policies = policies_of(name)
    request = Request(action=action, resource=resource, context={"aws:SecureTransport": "true"})
    assert decide(policies, request) == decision
    plain = Request(action=action, resource=resource, context={"aws:SecureTransport": "false"})
    assert decide(policies, plain) != "allowed"


@pytest.mark.parametrize(
    ("name", "aliases"),
    [
        ("reader", {"tables"}),
        ("loader", {"tables", "landing"}),
        ("creator", {"tables", "landing"}),
        ("maintainer", set()),
        ("retention", {"tables", "landing"}),
        ("admin", {"tables", "landing"}),
        ("vendor-acme", {"tables"}),
    ],
)
def test_a_role_can_use_the_keys_of_the_buckets_that_it_reads_or_writes(name: str, aliases: set[str]) -> None:
    def can(action: str, *key_aliases: str) -> bool:
        key = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1d2c"
        request = Request(action=action, resource=key, context={"kms:ResourceAliases": key_aliases})
        return decide(policies_of(name), request) == "allowed"

    for alias in ("tables", "landing"):
        for action in ("kms:Decrypt", "kms:GenerateDataKey"):
            assert can(action, "alias/something", f"alias/analytics-dev-{alias}") is (alias in aliases)
        assert not can("kms:ScheduleKeyDeletion", f"alias/analytics-dev-{alias}")
        assert not can("kms:PutKeyPolicy", f"alias/analytics-dev-{alias}")
    assert not can("kms:Decrypt", "alias/analytics-prod-tables")
    assert not can("kms:Decrypt")


def can_assume(name: str, principal: str, **context: str) -> bool:
    request = Request(action="sts:AssumeRole", principal=("AWS", principal), context=context)
    return decide([role(name).trust], request) == "allowed"


@pytest.mark.parametrize("name", TEAM)
def test_by_default_the_accounts_own_iam_decides_who_can_assume_a_role(name: str) -> None:
    assert can_assume(full_name(name), WORKER)
    assert not can_assume(full_name(name), "arn:aws:iam::444455556666:role/airflow-worker")


def test_only_listed_principals_can_assume_a_role() -> None:
    assert can_assume("other-prod-s3tables-loader", WORKER)
    assert can_assume("other-prod-s3tables-creator", WORKER)
    assert not can_assume("other-prod-s3tables-loader", f"arn:aws:iam::{ACCOUNT}:user/ada")
    assert can_assume("other-prod-s3tables-break-glass", f"arn:aws:iam::{ACCOUNT}:user/grace")
    assert not can_assume("other-prod-s3tables-break-glass", WORKER)


def test_buckets_with_other_names_can_be_used() -> None:
    policies = role("other-prod-s3tables-loader").policies
    tls = {"aws:SecureTransport": "true"}
    assert decide(policies, Request(action="s3tables:GetTableBucket", resource=BUCKET, context=tls)) == "allowed"
    put = Request(action="s3:PutObject", resource="arn:aws:s3:::my-landing/a", context=tls)
    assert decide(policies, put) == "allowed"


@pytest.mark.parametrize(
    ("principal", "context", "decision"),
    [
        ("arn:aws:iam::444455556666:role/etl", {"sts:ExternalId": EXTERNAL_ID}, True),
        ("arn:aws:iam::444455556666:role/etl", {}, False),
        ("arn:aws:iam::444455556666:role/etl", {"sts:ExternalId": "another-vendors-id"}, False),
        ("arn:aws:iam::777788889999:role/etl", {"sts:ExternalId": EXTERNAL_ID}, False),
        (WORKER, {"sts:ExternalId": EXTERNAL_ID}, False),
    ],
)
def test_a_vendor_must_pass_its_external_id(principal: str, context: dict[str, str], decision: bool) -> None:
    assert can_assume(full_name("vendor-acme"), principal, **context) is decision


def test_a_vendor_reads_only_its_own_namespaces() -> None:
    assert "GetTableData" in allowed("vendor-acme", namespace="aiq")
    assert not READ & allowed("vendor-acme", namespace="statara")


def test_no_policy_has_a_wildcard_action_or_an_action_that_does_not_exist() -> None:
    existing = {f"s3tables:{action}" for action in s3tables_actions()}
    for name in ALLOWED_ACTIONS:
        for document in policies_of(name):
            for statement in document["Statement"]:
                assert not [action for action in statement["Action"] if "*" in action]
                assert {action for action in statement["Action"] if action.startswith("s3tables:")} <= existing


def test_the_roles_can_access_the_namespace_of_every_source() -> None:
    (namespaces,) = [
        parameter["DefaultValue"]
        for parameter in client("cloudformation").get_template_summary(
            TemplateBody=(TEMPLATES / "basic-s3tables-role.yaml").read_text()
        )["Parameters"]
        if parameter["ParameterKey"] == "Namespaces"
    ]
    assert set(namespaces.split(",")) == {source.namespace for source in read_sources().values()}
