"""table-bucket.yaml and landing-bucket.yaml create the buckets as declared, with no access for outsiders."""

from __future__ import annotations

from typing import Any

import pytest

from growth_verticals.declarations import read_sources
from local.gateway.iam import Request, decide
from tests.integration.cfn.deployment import ACCOUNT, REGION, Stack, client, run

PARAMETERS = (
    "--parameters ParameterKey=ProjectName,ParameterValue=analytics ParameterKey=Environment,ParameterValue=dev"
)
TABLES = f"arn:aws:s3tables:{REGION}:{ACCOUNT}:bucket/analytics-dev-tables"
MAINTENANCE = ("Service", "maintenance.s3tables.amazonaws.com")
STRANGER = ("AWS", "arn:aws:iam::444455556666:user/eve")


@pytest.fixture(scope="module")
def tables(account: None) -> Stack:
    return run(
        f"aws cloudformation create-stack --stack-name tables --template-body file://table-bucket.yaml {PARAMETERS} "
        "ParameterKey=UnreferencedDays,ParameterValue=5"
    )


@pytest.fixture(scope="module")
def landing(account: None) -> Stack:
    return run(
        f"aws cloudformation create-stack --stack-name landing --template-body file://landing-bucket.yaml {PARAMETERS}"
    )


@pytest.fixture(scope="module")
def logs(account: None) -> Stack:
    return run(f"aws cloudformation create-stack --stack-name logs --template-body file://log-bucket.yaml {PARAMETERS}")


@pytest.mark.parametrize(
    ("stack", "resource"),
    [("tables", "TableBucket"), ("landing", "LandingBucket"), ("logs", "LogBucket")],
)
def test_buckets_are_tagged_for_costs(request: pytest.FixtureRequest, stack: str, resource: str) -> None:
    properties = request.getfixturevalue(stack).properties(resource)
    assert properties["Tags"] == [{"Key": "project", "Value": "analytics"}, {"Key": "environment", "Value": "dev"}]


def test_the_table_bucket_has_request_metrics_and_a_storage_class(tables: Stack) -> None:
    properties = tables.properties("TableBucket")
    assert properties["MetricsConfiguration"] == {"Status": "Enabled"}
    assert properties["StorageClassConfiguration"] == {"StorageClass": "STANDARD"}


def test_the_landing_bucket_has_request_metrics_only_if_somebody_pays_for_them(landing: Stack) -> None:
    assert "MetricsConfigurations" not in landing.properties("LandingBucket")


LOGGING = ("Service", "logging.s3.amazonaws.com")


@pytest.mark.parametrize(
    ("principal", "context", "decision"),
    [
        (LOGGING, {"aws:SecureTransport": "true", "aws:SourceAccount": ACCOUNT}, "allowed"),
        (LOGGING, {"aws:SecureTransport": "true", "aws:SourceAccount": "444455556666"}, "not allowed"),
        (LOGGING, {"aws:SecureTransport": "true"}, "not allowed"),
        (LOGGING, {"aws:SecureTransport": "false", "aws:SourceAccount": ACCOUNT}, "denied"),
        (STRANGER, {"aws:SecureTransport": "true", "aws:SourceAccount": ACCOUNT}, "not allowed"),
    ],
)
def test_only_s3_writes_logs_and_only_those_of_this_account(
    logs: Stack, principal: tuple[str, str], context: dict[str, str], decision: str
) -> None:
    policy = logs.properties("LogBucketPolicy")["PolicyDocument"]
    bucket = f"arn:aws:s3:::{logs.outputs['LogBucketName']}"
    for action in ("s3:PutObject", "s3:GetObject"):
        request = Request(action=action, resource=f"{bucket}/gv-tables/log", principal=principal, context=dict(context))
        expected = "not allowed" if action == "s3:GetObject" and decision == "allowed" else decision
        assert decide([policy], request) == expected


def test_the_log_bucket_can_take_the_log_of_a_table_bucket(logs: Stack) -> None:
    assert logs.outputs["LogBucketName"] == f"analytics-dev-logs-{ACCOUNT}"
    properties = logs.properties("LogBucket")
    [rule] = properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule == {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
    assert "ObjectLockEnabled" not in properties
    assert set(properties["PublicAccessBlockConfiguration"].values()) == {True}
    expiring = [rule for rule in properties["LifecycleConfiguration"]["Rules"] if "ExpirationInDays" in rule]
    assert [rule["ExpirationInDays"] for rule in expiring] == [400]


ROLE = f"arn:aws:iam::{ACCOUNT}:role/analytics-dev-s3tables-"
ANYTHING = {"Statement": [{"Effect": "Allow", "Action": "s3tables:*", "Resource": "*"}]}


@pytest.mark.parametrize(
    ("role", "namespace", "decision"),
    [
        ("loader", "horace_mann", "allowed"),
        ("creator", "platinum_dermatology", "allowed"),
        ("retention", "horace_mann", "allowed"),
        ("client-horace_mann", "horace_mann", "allowed"),
        ("reader", "horace_mann", "denied"),
        ("maintainer", "platinum_dermatology", "denied"),
        ("reader", "aiq", "allowed"),
    ],
)
def test_nobody_else_reads_a_client_s_rows_whatever_other_policies_allow(
    tables: Stack, role: str, namespace: str, decision: str
) -> None:
    policies = [tables.properties("TableBucketPolicy")["ResourcePolicy"], ANYTHING]
    request = Request(
        action="s3tables:GetTableData",
        resource=f"{TABLES}/table/0b7a",
        principal=("AWS", ROLE + role),
        context={
            "aws:SecureTransport": "true",
            "s3tables:namespace": namespace,
            "aws:PrincipalIsAWSService": "false",
            "aws:PrincipalArn": ROLE + role,
        },
    )
    assert decide(policies, request) == decision


def test_the_table_bucket_has_the_namespace_of_every_source(tables: Stack) -> None:
    assert tables.outputs["TableBucketArn"] == TABLES
    namespaces = client("s3tables").list_namespaces(tableBucketARN=TABLES)["namespaces"]
    assert {name for namespace in namespaces for name in namespace["namespace"]} == {
        source.namespace for source in read_sources().values()
    }


def test_unreferenced_files_are_removed_after_the_configured_days(tables: Stack) -> None:
    removal = tables.properties("TableBucket")["UnreferencedFileRemoval"]
    assert removal == {"Status": "Enabled", "UnreferencedDays": 5, "NoncurrentDays": 10}


def test_tables_are_encrypted_with_the_projects_own_key_which_is_rotated(tables: Stack) -> None:
    key = tables.outputs["TableKeyArn"]
    encryption = tables.properties("TableBucket")["EncryptionConfiguration"]
    assert encryption == {"SSEAlgorithm": "aws:kms", "KMSKeyArn": key}
    assert tables.properties("TableKey")["EnableKeyRotation"] is True
    aliases = {alias["AliasName"]: alias.get("TargetKeyId") for alias in client("kms").list_aliases()["Aliases"]}
    assert key.endswith(f"/{aliases['alias/analytics-dev-tables']}")


@pytest.mark.parametrize(
    ("principal", "action", "object_arn", "decision"),
    [
        (MAINTENANCE, "kms:GenerateDataKey", f"{TABLES}/table/0b7a", "allowed"),
        (MAINTENANCE, "kms:Decrypt", f"{TABLES}/table/0b7a", "allowed"),
        (MAINTENANCE, "kms:Decrypt", f"{TABLES}-2/table/0b7a", "not allowed"),
        (MAINTENANCE, "kms:Decrypt", f"{TABLES.replace(ACCOUNT, '444455556666')}/table/0b7a", "not allowed"),
        (MAINTENANCE, "kms:Decrypt", None, "not allowed"),
        (MAINTENANCE, "kms:CreateGrant", f"{TABLES}/table/0b7a", "not allowed"),
        (("Service", "s3.amazonaws.com"), "kms:Decrypt", f"{TABLES}/table/0b7a", "not allowed"),
        (STRANGER, "kms:Decrypt", f"{TABLES}/table/0b7a", "not allowed"),
    ],
)
def test_maintenance_can_use_the_key_for_this_bucket_only(
    tables: Stack, principal: tuple[str, str], action: str, object_arn: str | None, decision: str
) -> None:
    context: dict[str, Any] = {"kms:EncryptionContext:aws:s3:arn": object_arn} if object_arn else {}
    request = Request(action=action, principal=principal, context=context)
    assert decide([tables.properties("TableKey")["KeyPolicy"]], request) == decision


@pytest.mark.parametrize("resource", [TABLES, f"{TABLES}/table/0b7a"])
@pytest.mark.parametrize("action", ["s3tables:GetTableData", "s3tables:GetTableBucket", "s3tables:DeleteTable"])
def test_the_table_bucket_policy_denies_plain_http_and_grants_no_access(
    tables: Stack, action: str, resource: str
) -> None:
    policy = tables.properties("TableBucketPolicy")["ResourcePolicy"]
    for tls, decision in (("false", "denied"), ("true", "not allowed")):
        context = {"aws:SecureTransport": tls}
        request = Request(action=action, resource=resource, principal=STRANGER, context=context)
        assert decide([policy], request) == decision


def test_deleting_a_stack_deletes_nothing_that_contains_data(tables: Stack, landing: Stack, logs: Stack) -> None:
    deleted = {
        name
        for stack in (tables, landing, logs)
        for name, resource in stack.resources.items()
        if not resource.get("DeletionPolicy") == resource.get("UpdateReplacePolicy") == "Retain"
    }
    assert deleted == {"TableBucketPolicy", "LandingBucketPolicy", "LogBucketPolicy"}


def test_the_landing_bucket_is_versioned_encrypted_and_not_public(landing: Stack) -> None:
    bucket = landing.outputs["LandingUri"].removeprefix("s3://")
    assert bucket == f"analytics-dev-landing-{ACCOUNT}"
    (rule,) = client("s3").get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    assert rule["ApplyServerSideEncryptionByDefault"] == {
        "SSEAlgorithm": "aws:kms",
        "KMSMasterKeyID": landing.outputs["LandingKeyArn"],
    }
    properties = landing.properties("LandingBucket")
    assert properties["VersioningConfiguration"] == {"Status": "Enabled"}
    assert set(properties["PublicAccessBlockConfiguration"].values()) == {True}
    assert len(properties["PublicAccessBlockConfiguration"]) == 4
    assert properties["OwnershipControls"] == {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}


def test_the_lifecycle_moves_raw_copies_and_never_expires_them(landing: Stack) -> None:
    rules = landing.properties("LandingBucket")["LifecycleConfiguration"]["Rules"]
    expiring = {rule["Prefix"] for rule in rules if "ExpirationInDays" in rule}
    assert expiring == {"inbox/"}
    whole_bucket = {key: rule[key] for rule in rules if "Prefix" not in rule for key in rule.keys() - {"Id", "Status"}}
    assert whole_bucket == {
        "Transitions": [{"StorageClass": "GLACIER_IR", "TransitionInDays": 30}],
        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7},
        "NoncurrentVersionExpiration": {"NoncurrentDays": 30},
        "ExpiredObjectDeleteMarker": True,
    }
    assert {rule["Status"] for rule in rules} == {"Enabled"}


@pytest.mark.parametrize("action", ["s3:GetObject", "s3:PutObject", "s3:ListBucket"])
def test_the_landing_bucket_policy_denies_plain_http_and_grants_no_access(landing: Stack, action: str) -> None:
    policy = landing.properties("LandingBucketPolicy")["PolicyDocument"]
    bucket = f"arn:aws:s3:::analytics-dev-landing-{ACCOUNT}"
    resource = bucket if action == "s3:ListBucket" else f"{bucket}/aiq_b2b/2026Q3/part1.txt.gz"
    for tls, decision in (("false", "denied"), ("true", "not allowed")):
        context = {"aws:SecureTransport": tls}
        request = Request(action=action, resource=resource, principal=STRANGER, context=context)
        assert decide([policy], request) == decision
