"""Rows of clients: no role reads them but the client's own reader and those that load, keep and correct them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from growth_verticals.declarations import read_sources
from growth_verticals.source import Source
from local.gateway.iam import Document, Request, decide
from local.gateway.names import table_arn
from local.settings import ACCOUNT_ID, TABLE_BUCKET_ARN
from tests.integration.access.conftest import Deployed

#: Roles that read the rows of every source: they load, correct and check them, or remove old ones.
WORKING = {"loader", "creator", "admin", "retention"}
ADMINISTRATOR: Document = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}],
}
SOURCES = list(read_sources().values())
CLIENT_SOURCES = [source for source in SOURCES if source.client]


def principals(deployed: Deployed) -> Iterator[tuple[str, tuple[Document, ...], str]]:
    """Yield every role with its policies and ARN, and a person who may do everything in the account."""
    for name, policies in deployed.roles.items():
        yield name, policies, f"arn:aws:iam::{ACCOUNT_ID}:role/analytics-dev-s3tables-{name}"
    yield "administrator", (ADMINISTRATOR,), f"arn:aws:iam::{ACCOUNT_ID}:role/administrator"


def readers(deployed: Deployed, namespace: str, table: str, action: str = "s3tables:GetTableData") -> set[str]:
    context = {"aws:SecureTransport": "true", "aws:PrincipalIsAWSService": "false", "s3tables:namespace": namespace}
    return {
        name
        for name, policies, arn in principals(deployed)
        if decide(
            [*policies, deployed.bucket_policy],
            Request(
                action=action,
                resource=table_arn(namespace, table),
                principal=("AWS", arn),
                context=context | {"aws:PrincipalArn": arn, "s3tables:tableName": table},
            ),
        )
        == "allowed"
    }


def key_users(deployed: Deployed, key: str, action: str) -> set[str]:
    """Return who can use a key. The caller's policies and the key's must both allow it: the key's names the account."""
    users = set()
    for name, policies, arn in principals(deployed):
        alias = "alias/analytics-dev-tables" if key == "tables" else f"alias/analytics-dev-client-{key}"
        request = Request(
            action=action,
            resource=f"arn:aws:kms:us-east-1:{ACCOUNT_ID}:key/{key}",
            principal=("AWS", arn),
            context={
                "kms:ResourceAliases": (alias,),
                "aws:PrincipalArn": arn,
                "aws:PrincipalIsAWSService": "false",
            },
        )
        if decide(policies, request) == decide([deployed.key_policies[key]], request) == "allowed":
            users.add(name)
    return users


def test_there_are_two_clients_and_each_has_a_namespace_of_its_own() -> None:
    assert {source.namespace for source in CLIENT_SOURCES} == {"horace_mann", "platinum_dermatology"}
    for client in CLIENT_SOURCES:
        others = {source.namespace for source in SOURCES if source.client != client.client}
        assert client.namespace not in others


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.name)
def test_rows_are_read_by_the_roles_that_are_meant_to_and_nobody_else(deployed: Deployed, source: Source) -> None:
    name = source.table.split(".")[1]
    own = {f"client-{source.namespace}"} if source.client else {"reader", "administrator"}
    vendor = {"vendor-acme"} if source.namespace == "ls_corp" else set()
    assert readers(deployed, source.namespace, name) == WORKING | own | vendor
    rejects = source.rejects_table.split(".")[1]
    assert readers(deployed, source.namespace, rejects) == WORKING | (own & {"administrator"})


@pytest.mark.parametrize("source", CLIENT_SOURCES, ids=lambda source: source.name)
def test_rows_of_a_client_are_written_by_the_roles_that_load(deployed: Deployed, source: Source) -> None:
    name = source.table.split(".")[1]
    for action in ("s3tables:PutTableData", "s3tables:UpdateTableMetadataLocation"):
        assert readers(deployed, source.namespace, name, action) == WORKING


@pytest.mark.parametrize("action", ["kms:Decrypt", "kms:GenerateDataKey"])
@pytest.mark.parametrize("source", CLIENT_SOURCES, ids=lambda source: source.name)
def test_a_client_s_key_serves_only_the_roles_that_use_its_tables(
    deployed: Deployed, source: Source, action: str
) -> None:
    assert key_users(deployed, source.namespace, action) == WORKING | {f"client-{source.namespace}"}


@pytest.mark.parametrize("source", CLIENT_SOURCES, ids=lambda source: source.name)
def test_a_client_s_key_can_be_used_by_maintenance_and_repaired_by_administrators(
    deployed: Deployed, source: Source
) -> None:
    policy = deployed.key_policies[source.namespace]
    service = Request(
        action="kms:GenerateDataKey",
        principal=("Service", "maintenance.s3tables.amazonaws.com"),
        context={
            "kms:EncryptionContext:aws:s3:arn": f"{TABLE_BUCKET_ARN}/table/0b7a",
            "aws:PrincipalIsAWSService": "true",
        },
    )
    assert decide([policy], service) == "allowed"
    assert "administrator" in key_users(deployed, source.namespace, "kms:PutKeyPolicy")


@pytest.mark.parametrize("source", CLIENT_SOURCES, ids=lambda source: source.name)
@pytest.mark.parametrize(("key", "decision"), [(None, "denied"), ("arn:aws:kms:us-east-1:1:key/k", "allowed")])
def test_a_client_s_table_is_created_with_a_key_of_its_own_or_not_at_all(
    deployed: Deployed, source: Source, key: str | None, decision: str
) -> None:
    context = {"aws:SecureTransport": "true", "s3tables:namespace": source.namespace}
    request = Request(
        action="s3tables:CreateTable",
        resource=TABLE_BUCKET_ARN,
        principal=("AWS", f"arn:aws:iam::{ACCOUNT_ID}:role/analytics-dev-s3tables-creator"),
        context=context | ({"s3tables:KMSKeyArn": key} if key else {}),
    )
    assert decide([*deployed.roles["creator"], deployed.bucket_policy], request) == decision


def test_raw_copies_are_read_by_the_roles_that_load(deployed: Deployed) -> None:
    for source in SOURCES:
        request = Request(
            action="s3:GetObject",
            resource=f"arn:aws:s3:::gv-landing/{source.name}/2026-11-20/file.csv",
            context={"aws:SecureTransport": "true"},
        )
        allowed = {name for name, policies in deployed.roles.items() if decide(policies, request) == "allowed"}
        assert allowed == {"loader", "creator"}
