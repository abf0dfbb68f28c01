"""Each role of basic-s3tables-role.yaml can do its job and nothing else."""

from __future__ import annotations

import re
from typing import Any

import pytest

from growth_verticals.declarations import read_sources
from tests.integration.cfn.deployment import ACCOUNT, REGION, TEMPLATES, client, role, role_names, run
from tests.integration.cfn.policies import Request, decide

SEED_COMMAND = """
aws cloudformation create-stack \\
    --stack-name s3table-buckets-roles-dev \\
    --template-body file://basic-s3tables-role.yaml \\
    --parameters ParameterKey=ProjectName,ParameterValue=analytics \\
                 ParameterKey=Environment,ParameterValue=dev \\
    --capabilities CAPABILITY_NAMED_IAM
"""
TEAM = ("reader", "loader", "creator", "maintainer", "admin")
BUCKET = f"arn:aws:s3tables:{REGION}:{ACCOUNT}:bucket/analytics-dev-tables"
LANDING = f"arn:aws:s3:::analytics-dev-landing-{ACCOUNT}"
WORKER = f"arn:aws:iam::{ACCOUNT}:role/airflow-worker"
EXTERNAL_ID = "acme-2f7c1d9e5b3a"

SEE = {"GetTableBucket", "ListNamespaces", "GetNamespace", "ListTables"}
READ = {"GetTable", "GetTableMetadataLocation", "GetTableData"}
LOAD = READ | {"PutTableData", "UpdateTableMetadataLocation"}
CREATE = {"CreateNamespace", "CreateTable"}
MAINTAIN_BUCKET = {"GetTableBucketMaintenanceConfiguration", "PutTableBucketMaintenanceConfiguration"}
MAINTAIN = MAINTAIN_BUCKET | {
    "GetTable",
    "GetTableMaintenanceConfiguration",
    "PutTableMaintenanceConfiguration",
    "GetTableMaintenanceJobStatus",
}
GRANT_BUCKET = {"GetTableBucketPolicy", "PutTableBucketPolicy"}
GRANT = GRANT_BUCKET | {"GetTablePolicy", "PutTablePolicy", "DeleteTablePolicy"}

MAY = {
    "reader": SEE | READ,
    "loader": SEE | LOAD,
    "creator": SEE | LOAD | CREATE,
    "maintainer": SEE | MAINTAIN,
    "admin": SEE | LOAD | CREATE | MAINTAIN | GRANT | {"ListTableBuckets"},
    "break-glass": SEE | {"GetTable", "DeleteNamespace", "DeleteTable", "RenameTable"},
    "vendor-acme": {"GetTableBucket", "GetNamespace", "ListTables"} | READ,
}

#: What is asked of the bucket as a whole, so that no namespace can limit it.
MAY_WITHOUT_NAMESPACE = {
    "reader": {"GetTableBucket", "ListNamespaces"},
    "loader": {"GetTableBucket", "ListNamespaces"},
    "creator": {"GetTableBucket", "ListNamespaces", "CreateNamespace"},
    "maintainer": {"GetTableBucket", "ListNamespaces", "ListTables"} | MAINTAIN_BUCKET,
    "admin": {"GetTableBucket", "ListNamespaces", "ListTables", "CreateNamespace", "ListTableBuckets"}
    | MAINTAIN_BUCKET
    | GRANT_BUCKET,
    "break-glass": {"GetTableBucket", "ListNamespaces", "ListTables"},
    "vendor-acme": {"GetTableBucket"},
}

#: What the Iceberg REST endpoint asks for (S3 user guide, "Accessing tables using the Iceberg REST endpoint").
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
    run(SEED_COMMAND)
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


def s3tables_actions() -> dict[str, Any]:
    """Return every action, and whether a table or the bucket is its resource.

    The API's operations from botocore, and the actions that are none; from the service authorization reference.
    """
    model = client("s3tables").meta.service_model
    of_table = {
        name: "name" in model.operation_model(name).input_shape.members and name != "CreateTable"
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
    """Return the s3tables actions that a role is allowed on the bucket or the table, each where AWS looks for it."""
    policies, actions = role(full_name(name)).policies, set()
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


@pytest.mark.parametrize("name", MAY)
def test_a_role_may_do_its_job_and_nothing_else(name: str) -> None:
    assert len(s3tables_actions()) > 50
    assert allowed(name) == MAY[name]


@pytest.mark.parametrize("name", MAY)
def test_another_namespace_is_out_of_reach(name: str) -> None:
    assert allowed(name, namespace="hr") == MAY_WITHOUT_NAMESPACE[name]
    assert allowed(name, namespace=None) == MAY_WITHOUT_NAMESPACE[name]


@pytest.mark.parametrize("name", MAY)
def test_plain_http_gets_nothing(name: str) -> None:
    assert allowed(name, tls="false") == set()


@pytest.mark.parametrize("name", MAY)
@pytest.mark.parametrize(
    "bucket",
    [
        BUCKET + "-2",
        BUCKET.replace("dev", "prod"),
        BUCKET.replace(ACCOUNT, "444455556666"),
        BUCKET.replace(REGION, "eu-west-1"),
    ],
)
def test_another_bucket_account_or_region_is_out_of_reach(name: str, bucket: str) -> None:
    assert allowed(name, bucket=bucket) <= {"ListTableBuckets"}  # which has no bucket; it shows names


@pytest.mark.parametrize("name", MAY)
def test_rejected_records_are_for_those_who_load(name: str) -> None:
    reads_rejects = "GetTableData" in allowed(name, table="household_rejects")
    assert reads_rejects is (name in {"loader", "creator", "admin"})


@pytest.mark.parametrize(
    ("name", "calls"),
    [
        ("reader", {"config", "loadTable", "HEAD table"}),
        ("loader", {"config", "loadTable", "HEAD table", "commit"}),
        ("creator", {"config", "loadTable", "HEAD table", "commit", "createTable"}),
        ("maintainer", {"config", "HEAD table"}),
        ("admin", {"config", "loadTable", "HEAD table", "commit", "createTable"}),
        ("break-glass", {"config", "HEAD table", "rename", "drop"}),
        ("vendor-acme", {"config", "loadTable", "HEAD table"}),
    ],
)
def test_the_catalog_answers_what_the_role_is_for(name: str, calls: set[str]) -> None:
    actions = allowed(name)
    assert {call for call, needed in REST_CALLS.items() if needed <= actions} == calls


@pytest.mark.parametrize("name", ["loader", "creator"])
def test_no_further_policy_lets_a_load_delete_grant_or_maintain(name: str) -> None:
    administrator = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    policies = [*role(full_name(name)).policies, administrator]
    never = {
        action
        for action in s3tables_actions()
        if re.match("Delete|Rename|Put.*(Policy|Maintenance|Expiration|BucketEncryption)", action)
    }
    assert len(never) >= 16
    for action in [f"s3tables:{action}" for action in sorted(never)] + ["s3:DeleteObject", "s3:DeleteObjectVersion"]:
        assert decide(policies, Request(action=action, resource=BUCKET)) == "denied", action


def test_the_admin_runs_the_doctor_in_a_namespace_of_its_own() -> None:
    needed = SEE | LOAD | {"CreateNamespace", "CreateTable", "DeleteTable"}
    assert needed <= allowed("admin", namespace="gv_doctor", table="probe_1")
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
        ("reader", "s3:GetObject", f"{LANDING}/aiq_b2b/2026Q3/part1.txt.gz", "not allowed"),
        ("reader", "s3:ListBucket", LANDING, "not allowed"),
        ("maintainer", "s3:GetObject", f"{LANDING}/aiq_b2b/2026Q3/part1.txt.gz", "not allowed"),
        ("vendor-acme", "s3:GetObject", f"{LANDING}/aiq_b2b/2026Q3/part1.txt.gz", "not allowed"),
        ("admin", "s3:GetObject", f"{LANDING}/aiq_b2b/2026Q3/part1.txt.gz", "not allowed"),
        ("admin", "s3:DeleteObject", f"{LANDING}/aiq_b2b/2026Q3/part1.txt.gz", "not allowed"),
        ("admin", "s3:DeleteObject", f"{LANDING}/gv_doctor/8c1f", "allowed"),
    ],
)
def test_raw_copies_are_for_those_who_load(name: str, action: str, resource: str, decision: str) -> None:
    policies = role(full_name(name)).policies
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
        ("admin", {"tables", "landing"}),
        ("vendor-acme", {"tables"}),
    ],
)
def test_a_role_may_use_the_keys_of_what_it_reads_or_writes(name: str, aliases: set[str]) -> None:
    def may(action: str, *held: str) -> bool:
        key = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1d2c"
        request = Request(action=action, resource=key, context={"kms:ResourceAliases": held})
        return decide(role(full_name(name)).policies, request) == "allowed"

    for alias in ("tables", "landing"):
        for action in ("kms:Decrypt", "kms:GenerateDataKey"):
            assert may(action, "alias/something", f"alias/analytics-dev-{alias}") is (alias in aliases)
        assert not may("kms:ScheduleKeyDeletion", f"alias/analytics-dev-{alias}")
        assert not may("kms:PutKeyPolicy", f"alias/analytics-dev-{alias}")
    assert not may("kms:Decrypt", "alias/analytics-prod-tables")
    assert not may("kms:Decrypt")


def may_assume(name: str, principal: str, **context: str) -> bool:
    request = Request(action="sts:AssumeRole", principal=("AWS", principal), context=context)
    return decide([role(name).trust], request) == "allowed"


@pytest.mark.parametrize("name", TEAM)
def test_unless_named_the_accounts_own_iam_says_who_becomes_a_role(name: str) -> None:
    assert may_assume(full_name(name), WORKER)
    assert not may_assume(full_name(name), "arn:aws:iam::444455556666:role/airflow-worker")


def test_whoever_is_named_and_nobody_else_becomes_a_role() -> None:
    assert may_assume("other-prod-s3tables-loader", WORKER)
    assert may_assume("other-prod-s3tables-creator", WORKER)
    assert not may_assume("other-prod-s3tables-loader", f"arn:aws:iam::{ACCOUNT}:user/ada")
    assert may_assume("other-prod-s3tables-break-glass", f"arn:aws:iam::{ACCOUNT}:user/grace")
    assert not may_assume("other-prod-s3tables-break-glass", WORKER)


def test_buckets_of_another_name_can_be_given() -> None:
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
def test_a_vendor_names_its_external_id(principal: str, context: dict[str, str], decision: bool) -> None:
    assert may_assume(full_name("vendor-acme"), principal, **context) is decision


def test_a_vendor_reads_its_own_namespaces_alone() -> None:
    assert "GetTableData" in allowed("vendor-acme", namespace="aiq")
    assert not READ & allowed("vendor-acme", namespace="statara")


def test_no_role_is_allowed_a_wildcard_or_an_action_that_does_not_exist() -> None:
    known = {f"s3tables:{action}" for action in s3tables_actions()}
    for name in MAY:
        for document in role(full_name(name)).policies:
            for statement in document["Statement"]:
                assert not [action for action in statement["Action"] if "*" in action]
                assert {action for action in statement["Action"] if action.startswith("s3tables:")} <= known


def test_the_roles_reach_the_namespace_of_every_source() -> None:
    (namespaces,) = [
        parameter["DefaultValue"]
        for parameter in client("cloudformation").get_template_summary(
            TemplateBody=(TEMPLATES / "basic-s3tables-role.yaml").read_text()
        )["Parameters"]
        if parameter["ParameterKey"] == "Namespaces"
    ]
    assert set(namespaces.split(",")) == {source.namespace for source in read_sources().values()}
