"""What a grant is made of, how it meets a policy that stands, and what the service is asked."""

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
OTHERS = {"Sid": "AuditorsSee", "Effect": "Allow", "Principal": "*", "Action": "s3tables:GetTable", "Resource": "*"}
README = Path(__file__).resolve().parents[3] / "include/policies/README.md"
ACCOUNT = Account(region="us-east-1", table_bucket_arn=BUCKET, landing_uri="", catalog_uri="")


def grant(level: str = "reader", namespace: str | None = "aiq", table: str | None = "household", principal: str = ROLE):
    return Grant(principal=principal, level=level, namespace=namespace, table=table)  # type: ignore[arg-type]


def actions(statements: list[dict[str, Any]], effect: str = "Allow") -> set[str]:
    return {action for each in statements if each["Effect"] == effect for action in each["Action"]}


# --- who ----------------------------------------------------------------------------------------------------------


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


def test_a_principal_is_of_the_buckets_own_partition():
    govcloud = replace(ACCOUNT, table_bucket_arn=BUCKET.replace("arn:aws:", "arn:aws-us-gov:"))
    assert principal_of(govcloud, "role/analyst") == "arn:aws-us-gov:iam::111122223333:role/analyst"


@pytest.mark.parametrize(
    "text",
    ["*", "", "analyst", "1111222233334", "arn:aws:iam::111122223333:user/willow", "role/", "role/a b", "role/*",
     "arn:aws:sts::111122223333:assumed-role/analyst/session", f"{ROLE}\n"],
)  # fmt: skip
def test_everyone_users_and_sessions_are_no_principals(text: str):
    with pytest.raises(DeclarationError):
        principal_of(ACCOUNT, text)


@pytest.mark.parametrize(
    "wrong",
    [{"level": "owner"}, {"namespace": None}, {"namespace": "a*"}, {"table": "House"}, {"principal": "*"}],
)
def test_a_grant_that_says_something_else_is_none(wrong: dict[str, Any]):
    with pytest.raises(DeclarationError):
        grant(**wrong)


# --- what ---------------------------------------------------------------------------------------------------------


def test_a_tables_grant_names_the_tables_own_arn_and_lets_the_client_open_the_catalog():
    [use] = table_statements(grant(), TABLE)
    assert use["Resource"] == TABLE
    assert use["Action"] == ["s3tables:GetTable", "s3tables:GetTableMetadataLocation", "s3tables:GetTableData"]
    [enter] = bucket_statements(ACCOUNT, grant())
    assert (enter["Resource"], enter["Action"]) == (BUCKET, ["s3tables:GetTableBucket"])


def test_a_namespaces_grant_is_the_buckets_policy_by_condition():
    statements = bucket_statements(ACCOUNT, grant(table=None))
    by_resource = {each["Resource"]: each for each in statements if "StringEquals" in each["Condition"]}
    assert set(by_resource) == {BUCKET, f"{BUCKET}/table/*"}
    assert {each["Condition"]["StringEquals"]["s3tables:namespace"] for each in by_resource.values()} == {"aiq"}
    [free] = [each for each in statements if "StringEquals" not in each["Condition"]]
    assert free["Action"] == ["s3tables:GetTableBucket", "s3tables:ListNamespaces"]
    assert table_statements(grant(table=None), TABLE) == []


def test_a_reader_of_many_tables_does_not_see_rejected_records():
    for each in (grant(table=None), grant(table=None, namespace=None)):
        [use] = [one for one in bucket_statements(ACCOUNT, each) if "s3tables:GetTableData" in one["Action"]]
        assert use["Condition"]["StringNotLike"] == {"s3tables:tableName": "*_rejects"}


@pytest.mark.parametrize("scope", [{}, {"table": None}, {"table": None, "namespace": None}])
@pytest.mark.parametrize("level", ["reader", "loader", "maintainer"])
def test_every_allow_asks_for_tls_and_names_its_actions(level: str, scope: dict[str, Any]):
    each = grant(level, **scope)
    for statement in bucket_statements(ACCOUNT, each) + table_statements(each, TABLE):
        assert not [action for action in statement["Action"] if "*" in action]
        assert statement["Principal"] == {"AWS": ROLE}
        if statement["Effect"] == "Allow":
            assert statement["Condition"]["Bool"] == {"aws:SecureTransport": "true"}


def test_levels_allow_what_they_are_for_and_no_more():
    def of(level: str) -> set[str]:
        return actions(bucket_statements(ACCOUNT, grant(level, table=None, namespace=None)))

    browse = {f"s3tables:{name}" for name in ("GetTableBucket", "GetNamespace", "ListNamespaces", "ListTables")}
    read = {f"s3tables:{name}" for name in ("GetTable", "GetTableMetadataLocation", "GetTableData")}
    assert of("reader") == browse | read
    assert of("loader") == browse | read | {"s3tables:PutTableData", "s3tables:UpdateTableMetadataLocation"}
    assert of("maintainer") == browse | {
        f"s3tables:{name}"
        for name in (
            "GetTable", "GetTableMaintenanceConfiguration", "PutTableMaintenanceConfiguration",
            "GetTableMaintenanceJobStatus", "GetTableBucketMaintenanceConfiguration",
            "PutTableBucketMaintenanceConfiguration",
        )
    }  # fmt: skip


def test_a_loader_is_denied_deletes_policies_and_maintenance():
    whole = bucket_statements(ACCOUNT, grant("loader", table=None, namespace=None))
    assert {"s3tables:DeleteTable", "s3tables:PutTableBucketPolicy", "s3tables:PutTableMaintenanceConfiguration",
            "s3tables:DeleteNamespace"} <= actions(whole, "Deny")  # fmt: skip
    assert "s3tables:DeleteTable" in actions(table_statements(grant("loader"), TABLE), "Deny")


def test_an_account_is_denied_nothing_since_that_would_bind_its_administrators():
    account = "arn:aws:iam::111122223333:root"
    each = grant("loader", table=None, namespace=None, principal=account)
    assert actions(bucket_statements(ACCOUNT, each), "Deny") == set()


def test_another_grant_has_other_sids_and_the_same_one_the_same():
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


# --- merged into what stands --------------------------------------------------------------------------------------


def test_statements_of_others_stay_in_their_places():
    first = {"Version": "2012-10-17", "Id": "kept", "Statement": [OTHERS, OTHERS | {"Sid": "Another"}]}
    [enter] = bucket_statements(ACCOUNT, grant())
    both = merged(first, [enter])
    assert both == first | {"Statement": [*first["Statement"], enter]}
    assert merged(both, [enter]) == both
    assert merged(both, [], [enter["Sid"]]) == first


def test_ours_is_replaced_where_it_stands():
    [enter] = bucket_statements(ACCOUNT, grant())
    stale = {"Version": "2012-10-17", "Statement": [enter | {"Action": "s3tables:*"}, OTHERS]}
    assert merged(stale, [enter])["Statement"] == [enter, OTHERS]


def test_a_statement_without_a_sid_is_somebody_elses():
    bare = {key: value for key, value in OTHERS.items() if key != "Sid"}
    assert merged({"Statement": [bare]}, [], ["Sid"])["Statement"] == [bare]


# --- asked of the service, by botocore's model --------------------------------------------------------------------


class Stubbed(Account):
    """An account whose client answers from a list, and holds each request to the service model."""

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


WHERE = {"tableBucketARN": BUCKET, "namespace": "aiq", "name": "household"}


def stub_table(stubber: Stubber) -> None:
    found = {"namespace": ["aiq"], "name": "household", "type": "customer", "tableARN": TABLE, "versionToken": "1",
             "warehouseLocation": "s3://made-up-bucket", "format": "ICEBERG"}  # fmt: skip
    found |= dict.fromkeys(("createdAt", "modifiedAt"), "2026-11-22T00:00:00Z")
    found |= dict.fromkeys(("createdBy", "modifiedBy", "ownerAccountId"), "111122223333")
    stubber.add_response("get_table", found, WHERE)


def test_a_tables_grant_reads_both_policies_and_puts_what_changed(stubbed: tuple[Account, Stubber]):
    account, stubber = stubbed
    stub_table(stubber)
    stubber.add_client_error("get_table_policy", "NotFoundException", http_status_code=404, expected_params=WHERE)
    standing = {"Version": "2012-10-17", "Statement": [OTHERS]}
    stubber.add_response(
        "get_table_bucket_policy", {"resourcePolicy": json.dumps(standing)}, {"tableBucketARN": BUCKET}
    )
    policies = changed_policies(account, grant())
    assert policies["aiq.household"]["Statement"] == table_statements(grant(), TABLE)
    assert policies[None]["Statement"] == [OTHERS, *bucket_statements(ACCOUNT, grant())]
    text = {table: json.dumps(policy, separators=(",", ":")) for table, policy in policies.items()}
    stubber.add_response("put_table_policy", {}, WHERE | {"resourcePolicy": text["aiq.household"]})
    stubber.add_response("put_table_bucket_policy", {}, {"tableBucketARN": BUCKET, "resourcePolicy": text[None]})
    put_policies(account, policies)


def test_what_the_service_wrote_in_another_form_stands_already(stubbed: tuple[Account, Stubber]):
    account, stubber = stubbed
    whole = grant("reader", None, None)
    given = [
        each | {"Action": each["Action"][::-1], "Principal": {"AWS": [ROLE]}, "Resource": [each["Resource"]]}
        for each in bucket_statements(ACCOUNT, whole)
    ]
    text = json.dumps({"Version": "2012-10-17", "Statement": given})
    stubber.add_response("get_table_bucket_policy", {"resourcePolicy": text}, {"tableBucketARN": BUCKET})
    assert changed_policies(account, whole) == {}


def test_a_policy_of_one_bare_statement_is_read(stubbed: tuple[Account, Stubber]):
    account, stubber = stubbed
    text = json.dumps({"Version": "2012-10-17", "Statement": OTHERS})
    stubber.add_response("get_table_bucket_policy", {"resourcePolicy": text}, {"tableBucketARN": BUCKET})
    assert read_policy(account, None)["Statement"] == [OTHERS]


def test_the_last_statement_takes_the_policy_with_it(stubbed: tuple[Account, Stubber]):
    account, stubber = stubbed
    stubber.add_response("delete_table_policy", {}, WHERE)
    stubber.add_response("delete_table_bucket_policy", {}, {"tableBucketARN": BUCKET})
    empty: dict[str, Any] = {"Version": "2012-10-17", "Statement": []}
    put_policies(account, {"aiq.household": empty, None: empty})


def test_a_policy_over_the_services_limit_is_refused_before_it_is_sent(stubbed: tuple[Account, Stubber]):
    account, _ = stubbed
    large = {"Version": "2012-10-17", "Statement": [OTHERS | {"Sid": f"S{number}"} for number in range(300)]}
    with pytest.raises(ConfigurationError, match="at most 20,480 bytes"):
        put_policies(account, {None: large})


def test_settings_are_put_as_the_service_model_has_them(stubbed: tuple[Account, Stubber]):
    account, stubber = stubbed
    values = {"targetFileSizeMB": 256, "strategy": "binpack"}
    value = {"status": "disabled", "settings": {"icebergCompaction": values}}
    stubber.add_response(
        "put_table_maintenance_configuration", {}, WHERE | {"type": "icebergCompaction", "value": value}
    )
    put_settings(account, "aiq.household", COMPACTION, LiveSettings(enabled=False, values=values))
    bucket = {"status": "enabled", "settings": {"icebergUnreferencedFileRemoval": dict(UNREFERENCED.defaults)}}
    stubber.add_response(
        "put_table_bucket_maintenance_configuration",
        {},
        {"tableBucketARN": BUCKET, "type": "icebergUnreferencedFileRemoval", "value": bucket},
    )
    put_settings(account, None, UNREFERENCED, LiveSettings(enabled=True, values=UNREFERENCED.defaults))


# --- declared -----------------------------------------------------------------------------------------------------


def test_the_example_of_the_folders_readme_is_a_grant(tmp_path: Path):
    [example] = re.findall(r"```json\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    (tmp_path / "example.json").write_text(example, encoding="utf-8")
    role = "arn:aws:iam::111122223333:role/analytics-dev-analyst"
    assert declared_grants(tmp_path, ACCOUNT) == [grant(principal=role)]


def test_the_folder_itself_can_be_read():
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
def test_a_file_that_declares_no_grant_is_named(tmp_path: Path, text: str):
    (tmp_path / "wrong.json").write_text(text, encoding="utf-8")
    with pytest.raises(DeclarationError, match=r"wrong\.json: "):
        declared_grants(tmp_path, ACCOUNT)
