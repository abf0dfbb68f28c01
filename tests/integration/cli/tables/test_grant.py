"""`gv tables grant` and `revoke`, and declared grants, on policies that the stand-in stores but does not evaluate."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from pyiceberg.catalog.rest import RestCatalog

from growth_verticals.account import Account
from growth_verticals.bucket.access import Grant
from growth_verticals.bucket.policies import apply_grants, grant_differences, read_policy

from .conftest import Gv

ROLE = "arn:aws:iam::000000000000:role/analyst"
FOREIGN_STATEMENT = {
    "Sid": "AuditorsSee",
    "Effect": "Allow",
    "Principal": {"AWS": "arn:aws:iam::444455556666:root"},
    "Action": "s3tables:GetTableBucket",
    "Resource": "*",
}


@pytest.fixture(autouse=True)
def bucket_policy(account: Account, namespace: str) -> Iterator[None]:
    """Each test starts with a policy that gv did not write; afterwards all policies are deleted."""
    client, bucket = account.client("s3tables"), {"tableBucketARN": account.table_bucket_arn}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [FOREIGN_STATEMENT]})
    client.put_table_bucket_policy(**bucket, resourcePolicy=policy)
    yield
    client.delete_table_bucket_policy(**bucket)
    for table in client.list_tables(**bucket, namespace=namespace)["tables"]:
        client.delete_table_policy(**bucket, namespace=namespace, name=table["name"])


def statements(account: Account, table: str | None = None) -> list[dict[str, Any]]:
    return list(read_policy(account, table)["Statement"])


def test_a_grant_on_a_table_uses_its_id_and_can_be_revoked(
    gv: Gv, account: Account, table_params: dict[str, str], census: str
):
    arn = account.client("s3tables").get_table(**table_params)["tableARN"]
    assert "census" not in arn
    result = gv("grant", census, "--as", "reader", "--to", "role/analyst")
    assert result.code == 0
    assert result.out == f"reader of {census} for {ROLE}: granted; changed the policy of {census} and table bucket\n"
    [use] = statements(account, census)
    assert (use["Resource"], use["Principal"]) == (arn, {"AWS": ROLE})
    assert statements(account)[0] == FOREIGN_STATEMENT
    assert statements(account)[1]["Action"] == ["s3tables:GetTableBucket"]

    assert gv("revoke", census, "--as", "reader", "--from", ROLE).code == 0
    assert statements(account) == [FOREIGN_STATEMENT]
    with pytest.raises(account.client("s3tables").exceptions.ClientError, match="NotFound"):
        account.client("s3tables").get_table_policy(**table_params)


def test_granting_again_changes_nothing(gv: Gv, account: Account, census: str):
    gv("grant", census, "--as", "loader", "--to", ROLE)
    before = statements(account), statements(account, census)
    again = gv("grant", census, "--as", "loader", "--to", "role/analyst")
    assert (again.code, "already granted, nothing to change" in again.out) == (0, True)
    assert (statements(account), statements(account, census)) == before
    assert "not granted" in gv("revoke", census, "--as", "reader", "--from", ROLE).out
    assert (statements(account), statements(account, census)) == before


def test_the_whole_bucket_must_be_named_explicitly(gv: Gv, account: Account):
    assert gv("grant", "--as", "maintainer", "--to", "444455556666").code == 2
    assert gv("grant", "--whole-bucket", "-n", "aiq", "--as", "maintainer", "--to", "444455556666").code == 2
    assert gv("grant", "--whole-bucket", "--as", "maintainer", "--to", "444455556666").code == 0
    assert {each["Resource"] for each in statements(account)[1:]} == {
        account.table_bucket_arn, f"{account.table_bucket_arn}/table/*",
    }  # fmt: skip
    assert gv("revoke", "--whole-bucket", "--from", "444455556666").code == 0
    assert statements(account) == [FOREIGN_STATEMENT]


def test_grants_are_independent_and_each_is_revoked_alone(gv: Gv, account: Account, namespace: str):
    gv("grant", "-n", namespace, "--as", "reader", "--to", ROLE)
    first = statements(account)
    gv("grant", "-n", namespace, "--as", "loader", "--to", "role/loader")
    gv("grant", "-n", "other", "--as", "reader", "--to", ROLE)
    assert len(statements(account)) == len(first) + 4 + 3
    gv("revoke", "-n", namespace, "--from", "role/loader")
    gv("revoke", "-n", "other", "--from", ROLE)
    assert statements(account) == first


def test_a_dry_run_prints_the_policy_and_changes_nothing(gv: Gv, account: Account, namespace: str):
    arguments = ("-n", namespace, "--as", "reader", "--to", ROLE)
    dry_run = gv("grant", *arguments, "--dry-run")
    assert dry_run.code == 0
    heading, _, text = dry_run.out.partition("\n")
    assert heading == f"new policy of table bucket for reader of namespace {namespace} for {ROLE}:"
    assert statements(account) == [FOREIGN_STATEMENT]
    gv("grant", *arguments)
    assert read_policy(account, None) == json.loads(text)
    revoked = gv("revoke", "-n", namespace, "--from", ROLE, "--dry-run", "--json").json
    [policy] = [each["table bucket"] for each in revoked["policies"].values() if each]
    assert (revoked["changed"], policy["Statement"]) == (False, [FOREIGN_STATEMENT])


@pytest.mark.parametrize("principal", ["*", "willow", "arn:aws:iam::000000000000:user/willow", "12345"])
def test_an_invalid_principal_is_refused(gv: Gv, account: Account, principal: str):
    result = gv("grant", "--whole-bucket", "--as", "reader", "--to", principal)
    assert result.code == 2
    assert "access is granted to a role or an account" in result.err
    assert statements(account) == [FOREIGN_STATEMENT]


def test_a_loader_cannot_also_be_maintainer(gv: Gv, account: Account, namespace: str):
    gv("grant", "-n", namespace, "--as", "loader", "--to", ROLE)
    before = statements(account)
    result = gv("grant", "-n", namespace, "--as", "maintainer", "--to", ROLE)
    assert result.code == 1
    assert "is already loader in this policy, and a loader is denied maintenance" in result.err
    assert statements(account) == before


def test_a_grant_on_a_missing_table_is_refused(gv: Gv, account: Account, namespace: str):
    result = gv("grant", f"{namespace}.none", "--as", "reader", "--to", ROLE)
    assert result.code == 1
    assert f"looking up the table {namespace}.none failed" in result.err
    assert statements(account) == [FOREIGN_STATEMENT]


def test_a_grant_on_a_dropped_table_can_be_revoked(gv: Gv, account: Account, catalog: RestCatalog, census: str):
    gv("grant", census, "--as", "reader", "--to", ROLE)
    catalog.purge_table(census)
    assert gv("revoke", census, "--from", ROLE).code == 0
    assert statements(account) == [FOREIGN_STATEMENT]


def test_declared_grants_are_compared_granted_and_revoked(account: Account, census: str, namespace: str):
    reader = Grant(principal=ROLE, level="reader", namespace=namespace, table="census")
    loader = Grant(principal=ROLE, level="loader", namespace=namespace)

    def differences(*grants: Grant) -> list[tuple[str | None, str]]:
        return [(each.table, each.action) for each in grant_differences(account, grants)]

    assert differences() == []
    assert differences(reader) == [(None, "grant"), (census, "grant")]
    assert [str(each) for each in apply_grants(account, [reader])] == [
        f"table bucket: grant Allow s3tables:GetTableBucket for {ROLE}",
        f"{census}: grant Allow s3tables:GetTable, s3tables:GetTableMetadataLocation, s3tables:GetTableData for {ROLE}",
    ]
    assert differences(reader) == []
    assert apply_grants(account, [reader]) == []

    changed = statements(account, census)[0] | {"Action": ["s3tables:GetTable"]}
    account.client("s3tables").put_table_policy(
        tableBucketARN=account.table_bucket_arn, namespace=namespace, name="census",
        resourcePolicy=json.dumps({"Version": "2012-10-17", "Statement": [changed]}),
    )  # fmt: skip
    assert differences(reader) == [(census, "change")]
    assert set(differences(loader)) == {(None, "grant"), (None, "revoke"), (census, "revoke")}

    apply_grants(account, [loader])
    assert set(differences(loader)) == {(None, "revoke"), (census, "revoke")}
    apply_grants(account, [], revoke=True)
    assert differences() == []
    assert statements(account) == [FOREIGN_STATEMENT]


def test_a_table_that_does_not_exist_yet_lacks_its_grant(account: Account, namespace: str):
    grant = Grant(principal=ROLE, level="reader", namespace=namespace, table="soon")
    assert (f"{namespace}.soon", "grant") in [(each.table, each.action) for each in grant_differences(account, [grant])]
