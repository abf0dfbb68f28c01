"""The statements of a grant, how they merge into an existing policy, and the requests sent to the service."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from growth_verticals.account import Account
from growth_verticals.bucket.access import Grant, bucket_statements, principal_of, table_statements
from growth_verticals.bucket.policies import changed_policies, declared_grants, merged, put_policies, read_policy
from growth_verticals.bucket.settings import COMPACTION, UNREFERENCED, LiveSettings, put_settings
from growth_verticals.errors import ConfigurationError, DeclarationError

BUCKET = "arn:aws:s3tables:us-east-1:111122223333:bucket/analytics"
TABLE = f"{BUCKET}/table/0f2c0b5e-6ad6-4a37-9a0e-2a3b9c6f1d11"
ROLE = "arn:aws:iam::111122223333:role/analyst"
FOREIGN_STATEMENT = {
    "Sid": "AuditorsSee",
    "Effect": "Allow",
    "Principal": "*",
    "Action": "s3tables:GetTable",
    "Resource": "*",
}
README = Path(__file__).resolve().parents[3] / "include/policies/README.md"
ACCOUNT = Account(region="us-east-1", table_bucket_arn=BUCKET, landing_uri="", catalog_uri="")


def grant(level: str = "reader", namespace: str | None = "aiq", table: str | None = "household", principal: str = ROLE):
    return Grant(principal=principal, level=level, namespace=namespace, table=table)  # type: ignore[arg-type]


def actions(statements: list[dict[str, Any]], effect: str = "Allow") -> set[str]:
    return {action for each in statements if each["Effect"] == effect for action in each["Action"]}


# --- principals -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "arn"),
    [
        (ROLE, ROLE),
        ("role/analyst", ROLE),
        ("role/team/analyst", "arn:aws:iam::111122223333:role/team/analyst"),
        ("444455556666", "arn:aws:iam::444455556666:root"),
        ("arn:aws:iam::444455556666:root", "arn:aws:iam::444455556666:root"),
    ],
)
def test_a_principal_is_a_role_or_an_account(text: str, arn: str):
    assert principal_of(ACCOUNT, text) == arn


def test_a_principal_is_in_the_buckets_partition():
    govcloud = replace(ACCOUNT, table_bucket_arn=BUCKET.replace("arn:aws:", "arn:aws-us-gov:"))
    assert principal_of(govcloud, "role/analyst") == "arn:aws-us-gov:iam::111122223333:role/analyst"


@pytest.mark.parametrize(
    "text",
    ["*", "", "analyst", "1111222233334", "arn:aws:iam::111122223333:user/willow", "role/", "role/a b", "role/*",
     "arn:aws:sts::111122223333:assumed-role/analyst/session", f"{ROLE}\n"],
)  # fmt: skip
def test_everyone_users_and_sessions_are_refused_as_principals(text: str):
    with pytest.raises(DeclarationError):
        principal_of(ACCOUNT, text)


@pytest.mark.parametrize(
    "invalid",
    [{"level": "owner"}, {"namespace": None}, {"namespace": "a*"}, {"table": "House"}, {"principal": "*"}],
)
def test_an_invalid_grant_is_refused(invalid: dict[str, Any]):
    with pytest.raises(DeclarationError):
        grant(**invalid)


# --- statements -----------------------------------------------------------------------------------------------------


def test_a_grant_on_a_table_has_the_tables_own_arn_and_allows_opening_the_catalog():
    [use] = table_statements(grant(), TABLE)
    assert use["Resource"] == TABLE
    assert use["Action"] == ["s3tables:GetTable", "s3tables:GetTableMetadataLocation", "s3tables:GetTableData"]
    [enter] = bucket_statements(ACCOUNT, grant())
    assert (enter["Resource"], enter["Action"]) == (BUCKET, ["s3tables:GetTableBucket"])


def test_a_grant_on_a_namespace_is_a_condition_in_the_buckets_policy():
    statements = bucket_statements(ACCOUNT, grant(table=None))
    by_resource = {each["Resource"]: each for each in statements if "StringEquals" in each["Condition"]}
    assert set(by_resource) == {BUCKET, f"{BUCKET}/table/*"}
    assert {each["Condition"]["StringEquals"]["s3tables:namespace"] for each in by_resource.values()} == {"aiq"}
    [unconditional] = [each for each in statements if "StringEquals" not in each["Condition"]]
    assert unconditional["Action"] == ["s3tables:GetTableBucket", "s3tables:ListNamespaces"]
    assert table_statements(grant(table=None), TABLE) == []


def test_a_reader_of_a_namespace_or_bucket_cannot_read_rejects_tables():
    for each in (grant(table=None), grant(table=None, namespace=None)):
        [use] = [one for one in bucket_statements(ACCOUNT, each) if "s3tables:GetTableData" in one["Action"]]
        assert use["Condition"]["StringNotLike"] == {"s3tables:tableName": "*_rejects"}


@pytest.mark.parametrize("scope", [{}, {"table": None}, {"table": None, "namespace": None}])
@pytest.mark.parametrize("level", ["reader", "loader", "maintainer"])
def test_every_allow_requires_tls_and_lists_its_actions(level: str, scope: dict[str, Any]):
    each = grant(level, **scope)
    for statement in bucket_statements(ACCOUNT, each) + table_statements(each, TABLE):
        assert not [action for action in statement["Action"] if "*" in action]
        assert statement["Principal"] == {"AWS": ROLE}
        if statement["Effect"] == "Allow":
            assert statement["Condition"]["Bool"] == {"aws:SecureTransport": "true"}


def test_each_level_allows_exactly_its_actions():
    def allowed(level: str) -> set[str]:
        return actions(bucket_statements(ACCOUNT, grant(level, table=None, namespace=None)))

    browse = {f"s3tables:{name}" for name in ("GetTableBucket", "GetNamespace", "ListNamespaces", "ListTables")}
    read = {f"s3tables:{name}" for name in ("GetTable", "GetTableMetadataLocation", "GetTableData")}
    assert allowed("reader") == browse | read
    assert allowed("loader") == browse | read | {"s3tables:PutTableData", "s3tables:UpdateTableMetadataLocation"}
    assert allowed("maintainer") == browse | {
        f"s3tables:{name}"
        for name in (
            "GetTable", "GetTableMaintenanceConfiguration", "PutTableMaintenanceConfiguration",
            "GetTableMaintenanceJobStatus", "GetTableBucketMaintenanceConfiguration",
            "PutTableBucketMaintenanceConfiguration",
        )
    }  # fmt: skip


def test_a_loader_is_denied_deletes_policies_and_maintenance():
    of_bucket = bucket_statements(ACCOUNT, grant("loader", table=None, namespace=None))
    assert {"s3tables:DeleteTable", "s3tables:PutTableBucketPolicy", "s3tables:PutTableMaintenanceConfiguration",
            "s3tables:DeleteNamespace"} <= actions(of_bucket, "Deny")  # fmt: skip
    assert "s3tables:DeleteTable" in actions(table_statements(grant("loader"), TABLE), "Deny")


def test_an_account_is_denied_nothing_because_that_would_bind_its_administrators():
    account = "arn:aws:iam::111122223333:root"
    each = grant("loader", table=None, namespace=None, principal=account)
    assert actions(bucket_statements(ACCOUNT, each), "Deny") == set()


def test_sids_are_stable_and_different_for_every_grant():
    grants = [
        grant(level, namespace, table, principal)
        for level in ("reader", "loader")
        for namespace, table in ((None, None), ("aiq", None), ("aiq", "household"), ("aiq", "b2b"))
        for principal in (ROLE, f"{ROLE}2")
    ]
    sids = [each.sid("Use") for each in grants]
    assert len(set(sids)) == len(sids)
    assert sids == [each.sid("Use") for each in grants]
    assert all(sid.isalnum() for sid in sids)


# --- merging into an existing policy --------------------------------------------------------------------------------


def test_foreign_statements_keep_their_content_and_order():
    policy = {
        "Version": "2012-10-17",
        "Id": "kept",
        "Statement": [FOREIGN_STATEMENT, FOREIGN_STATEMENT | {"Sid": "Another"}],
    }
    [enter] = bucket_statements(ACCOUNT, grant())
    both = merged(policy, [enter])
    assert both == policy | {"Statement": [*policy["Statement"], enter]}
    assert merged(both, [enter]) == both
    assert merged(both, [], [enter["Sid"]]) == policy


def test_a_managed_statement_is_replaced_in_its_position():
    [enter] = bucket_statements(ACCOUNT, grant())
    stale = {"Version": "2012-10-17", "Statement": [enter | {"Action": "s3tables:*"}, FOREIGN_STATEMENT]}
    assert merged(stale, [enter])["Statement"] == [enter, FOREIGN_STATEMENT]


def test_a_statement_without_a_sid_is_foreign():
    without_sid = {key: value for key, value in FOREIGN_STATEMENT.items() if key != "Sid"}
    assert merged({"Statement": [without_sid]}, [], ["Sid"])["Statement"] == [without_sid]


# --- requests, checked by botocore's service model ------------------------------------------------------------------


class Stubbed(Account):
    """An account whose client answers from a list, and checks each request against the service model."""

    def client(self, service: str) -> Any:
        return _CLIENTS[id(self)]


_CLIENTS: dict[int, Any] = {}


@pytest.fixture
def stubbed():
    client = boto3.client("s3tables", "us-east-1", aws_access_key_id="made", aws_secret_access_key="up")
    account = Stubbed(region="us-east-1", table_bucket_arn=BUCKET, landing_uri="", catalog_uri="")
    _CLIENTS[id(account)] = client
    with Stubber(client) as stubber:
        yield account, stubber
        stubber.assert_no_pending_responses()
    del _CLIENTS[id(account)]


TABLE_PARAMS = {"tableBucketARN": BUCKET, "namespace": "aiq", "name": "household"}


def stub_table(stubber: Stubber) -> None:
    response = {"namespace": ["aiq"], "name": "household", "type": "customer", "tableARN": TABLE, "versionToken": "1",
             "warehouseLocation": "s3://made-up-bucket", "format": "ICEBERG"}  # fmt: skip
    response |= dict.fromkeys(("createdAt", "modifiedAt"), "2026-11-22T00:00:00Z")
    response |= dict.fromkeys(("createdBy", "modifiedBy", "ownerAccountId"), "111122223333")
    stubber.add_response("get_table", response, TABLE_PARAMS)


def test_a_grant_on_a_table_reads_both_policies_and_puts_those_that_change(stubbed: tuple[Account, Stubber]):
    account, stubber = stubbed
    stub_table(stubber)
    stubber.add_client_error(
        "get_table_policy", "NotFoundException", http_status_code=404, expected_params=TABLE_PARAMS
    )
    existing = {"Version": "2012-10-17", "Statement": [FOREIGN_STATEMENT]}
    stubber.add_response(
        "get_table_bucket_policy", {"resourcePolicy": json.dumps(existing)}, {"tableBucketARN": BUCKET}
    )
    policies = changed_policies(account, grant())
    assert policies["aiq.household"]["Statement"] == table_statements(grant(), TABLE)
    assert policies[None]["Statement"] == [FOREIGN_STATEMENT, *bucket_statements(ACCOUNT, grant())]
    text = {table: json.dumps(policy, separators=(",", ":")) for table, policy in policies.items()}
    stubber.add_response("put_table_policy", {}, TABLE_PARAMS | {"resourcePolicy": text["aiq.household"]})
    stubber.add_response("put_table_bucket_policy", {}, {"tableBucketARN": BUCKET, "resourcePolicy": text[None]})
    put_policies(account, policies)


def test_a_grant_that_the_service_returns_in_another_form_already_exists(stubbed: tuple[Account, Stubber]):
    account, stubber = stubbed
    bucket_grant = grant("reader", None, None)
    reformatted = [
        each | {"Action": each["Action"][::-1], "Principal": {"AWS": [ROLE]}, "Resource": [each["Resource"]]}
        for each in bucket_statements(ACCOUNT, bucket_grant)
    ]
    text = json.dumps({"Version": "2012-10-17", "Statement": reformatted})
    stubber.add_response("get_table_bucket_policy", {"resourcePolicy": text}, {"tableBucketARN": BUCKET})
    assert changed_policies(account, bucket_grant) == {}


def test_a_policy_whose_statement_is_not_in_a_list_is_read(stubbed: tuple[Account, Stubber]):
    account, stubber = stubbed
    text = json.dumps({"Version": "2012-10-17", "Statement": FOREIGN_STATEMENT})
    stubber.add_response("get_table_bucket_policy", {"resourcePolicy": text}, {"tableBucketARN": BUCKET})
    assert read_policy(account, None)["Statement"] == [FOREIGN_STATEMENT]


def test_a_policy_without_statements_is_deleted(stubbed: tuple[Account, Stubber]):
    account, stubber = stubbed
    stubber.add_response("delete_table_policy", {}, TABLE_PARAMS)
    stubber.add_response("delete_table_bucket_policy", {}, {"tableBucketARN": BUCKET})
    empty: dict[str, Any] = {"Version": "2012-10-17", "Statement": []}
    put_policies(account, {"aiq.household": empty, None: empty})


def test_a_policy_over_the_services_limit_is_refused_before_it_is_sent(stubbed: tuple[Account, Stubber]):
    account, _ = stubbed
    large = {"Version": "2012-10-17", "Statement": [FOREIGN_STATEMENT | {"Sid": f"S{number}"} for number in range(300)]}
    with pytest.raises(ConfigurationError, match="at most 20,480 bytes"):
        put_policies(account, {None: large})


def test_settings_are_put_in_the_form_of_the_service_model(stubbed: tuple[Account, Stubber]):
    account, stubber = stubbed
    values = {"targetFileSizeMB": 256, "strategy": "binpack"}
    value = {"status": "disabled", "settings": {"icebergCompaction": values}}
    stubber.add_response(
        "put_table_maintenance_configuration", {}, TABLE_PARAMS | {"type": "icebergCompaction", "value": value}
    )
    put_settings(account, "aiq.household", COMPACTION, LiveSettings(enabled=False, values=values))
    bucket = {"status": "enabled", "settings": {"icebergUnreferencedFileRemoval": dict(UNREFERENCED.defaults)}}
    stubber.add_response(
        "put_table_bucket_maintenance_configuration",
        {},
        {"tableBucketARN": BUCKET, "type": "icebergUnreferencedFileRemoval", "value": bucket},
    )
    put_settings(account, None, UNREFERENCED, LiveSettings(enabled=True, values=UNREFERENCED.defaults))


# --- declared grants ------------------------------------------------------------------------------------------------


def test_the_example_in_the_readme_of_the_policies_is_a_grant(tmp_path: Path):
    [example] = re.findall(r"```json\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    (tmp_path / "example.json").write_text(example, encoding="utf-8")
    role = "arn:aws:iam::111122223333:role/analytics-dev-analyst"
    assert declared_grants(tmp_path, ACCOUNT) == [grant(principal=role)]


def test_the_declared_grants_of_this_repository_can_be_read():
    assert all(isinstance(each, Grant) for each in declared_grants(README.parent, ACCOUNT))


@pytest.mark.parametrize(
    "text",
    ["", "[]", '"reader"', "{}", '{"principal": "role/a"}', '{"principal": "role/a", "as": "owner"}',
     '{"principal": "role/a", "as": "reader", "tables": "aiq.b2b"}',
     '{"principal": "role/a", "as": "reader", "table": "b2b"}',
     '{"principal": "role/a", "as": "reader", "table": "a.b.c"}',
     '{"principal": "role/a", "as": "reader", "table": "aiq.b2b", "namespace": "aiq"}',
     '{"principal": "role/a", "as": "reader", "namespace": ["aiq"]}',
     '{"principal": "role/a", "as": "reader", "namespace": "aiq.b2b"}',
     '{"principal": "role/a", "as": "reader", "table": ".b2b"}', '{"principal": "*", "as": "reader"}'],
)  # fmt: skip
def test_the_error_for_an_invalid_grant_file_names_the_file(tmp_path: Path, text: str):
    (tmp_path / "wrong.json").write_text(text, encoding="utf-8")
    with pytest.raises(DeclarationError, match=r"wrong\.json: "):
        declared_grants(tmp_path, ACCOUNT)
