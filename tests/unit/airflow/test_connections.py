"""Which values are used from Airflow connections, and which connections are refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from growth_verticals.account import Account, Credentials
from growth_verticals.errors import ConfigurationError
from growth_verticals.hooks.account import account_from_connection, maintainer_account
from growth_verticals.hooks.origin import open_origin
from growth_verticals.hooks.pgp import key_finder_for
from growth_verticals.hooks.sftp import open_sftp
from growth_verticals.source import S3, Daily, Delimited, Inbox, OnDemand, Source

HOST_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJQ8M8ZbXtXgqyVZzdbLxkBUbP9xAoRd6v6gQq7lO5jS"
ACCOUNT = Account(
    region="us-east-1",
    table_bucket_arn="arn:aws:s3tables:us-east-1:000000000000:bucket/gv-tables",
    landing_uri="s3://gv-landing/zone",
    catalog_uri="http://127.0.0.1:1/iceberg",
    s3_endpoint="http://127.0.0.1:1",
    credentials=Credentials(access_key="account key", secret_key="account secret"),
)


def add_connection(monkeypatch: pytest.MonkeyPatch, conn_id: str, **connection: Any) -> None:
    monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps(connection))


@pytest.fixture(autouse=True)
def _account(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GV_TABLE_BUCKET_ARN", ACCOUNT.table_bucket_arn)
    monkeypatch.setenv("GV_LANDING_URI", ACCOUNT.landing_uri)
    monkeypatch.delenv("AIRFLOW_CONN_AWS_DEFAULT", raising=False)


# --- the account --------------------------------------------------------------------------------------------------


def test_the_connection_contains_the_access_key(monkeypatch: pytest.MonkeyPatch) -> None:
    extra = {"region_name": "eu-west-1", "aws_session_token": "for an hour"}
    add_connection(monkeypatch, "aws_default", conn_type="aws", login="AK", password="SK", extra=extra)
    expected = Credentials(access_key="AK", secret_key="SK", token="for an hour")
    assert account_from_connection().credentials == expected


def test_without_a_connection_the_default_credential_chain_is_used() -> None:
    assert account_from_connection().credentials is None


def test_a_connection_without_a_login_uses_the_default_credential_chain(monkeypatch: pytest.MonkeyPatch) -> None:
    add_connection(monkeypatch, "aws_default", conn_type="aws", extra={"region_name": "eu-west-1"})
    assert account_from_connection().credentials is None


def test_a_connection_without_a_secret_key_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    add_connection(monkeypatch, "aws_default", conn_type="aws", login="AK")
    with pytest.raises(ConfigurationError, match="no secret key"):
        account_from_connection()


def test_maintenance_uses_its_own_access_key_if_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    add_connection(monkeypatch, "aws_default", conn_type="aws", login="loader", password="SK")
    assert maintainer_account().credentials == Credentials(access_key="loader", secret_key="SK")
    add_connection(monkeypatch, "aws_maintainer", conn_type="aws", login="maintainer", password="SK")
    assert maintainer_account().credentials == Credentials(access_key="maintainer", secret_key="SK")


# --- the vendor's bucket and the inbox ----------------------------------------------------------------------------


def vendor_source(name: str = "feed") -> Source:
    delivery = S3(
        conn_id="s3_vendor", bucket="vendor-x", prefix="{period}/", pattern="*", also_from=("s3://other/in/",)
    )
    return Source(name=name, table="a.b", cadence=Daily(), delivery=delivery, format=Delimited())


def key_and_region(client: Any) -> tuple[str, str]:
    credentials = client._request_signer._credentials
    return credentials.access_key, client.meta.region_name


@pytest.mark.parametrize(
    ("uri", "bucket", "key", "region"),
    [
        (None, "vendor-x", "vendor key", "eu-west-1"),
        ("s3://vendor-x/2026-11-20/a#b?.gz", "vendor-x", "vendor key", "eu-west-1"),
        ("s3://other/in/a.gz", "other", "account key", "us-east-1"),
        ("s3://gv-landing/zone/inbox/feed/a.gz", "gv-landing", "account key", "us-east-1"),
    ],
)
def test_only_the_vendor_s_bucket_is_read_with_the_vendor_s_key(
    monkeypatch: pytest.MonkeyPatch, uri: str | None, bucket: str, key: str, region: str
) -> None:
    extra = {"region_name": "eu-west-1", "endpoint_url": "http://127.0.0.1:1"}
    add_connection(monkeypatch, "s3_vendor", conn_type="aws", login="vendor key", password="vendor secret", extra=extra)
    with open_origin(ACCOUNT, vendor_source(), uri) as origin:
        assert origin._bucket == bucket
        assert key_and_region(origin._client) == (key, region)


def test_the_inbox_is_in_the_landing_zone() -> None:
    source = Source(name="feed", table="a.b", cadence=OnDemand(), delivery=Inbox(), format=Delimited())
    with open_origin(ACCOUNT, source) as origin:
        assert origin._bucket == "gv-landing"


def test_an_error_names_the_missing_connection_and_how_to_add_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIRFLOW_CONN_S3_VENDOR", raising=False)
    with pytest.raises(ConfigurationError, match="AIRFLOW_CONN_S3_VENDOR"), open_origin(ACCOUNT, vendor_source()):
        pass


# --- a vendor's SFTP server: unsafe connections are refused before anything is sent (sockets are disabled here) -----


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        ({}, "does not pin"),
        ({"host_key": ""}, "does not pin"),
        ({"host_key": "AAAAC3Nza"}, "does not pin"),
        ({"host_key": "ssh-ed25519 not+base64"}, "does not pin"),
        ({"host_key": "ssh-dss AAAAB3NzaC1kc3M="}, "does not pin"),
        ({"host_key": HOST_KEY, "no_host_key_check": True}, "would not verify the server: no_host_key_check"),
        ({"host_key": HOST_KEY, "allow_host_key_change": "true"}, "would not verify the server: allow_host_key_change"),
        ({"host_key": HOST_KEY, "known_hosts": "none"}, "would not verify the server: known_hosts"),
        ({"host_key": HOST_KEY, "private_key": "no key"}, "private key of connection 'sftp_x' cannot be read"),
    ],
)
def test_a_connection_that_does_not_verify_the_server_or_has_no_valid_key_is_refused(
    monkeypatch: pytest.MonkeyPatch, extra: dict[str, Any], message: str
) -> None:
    add_connection(monkeypatch, "sftp_x", conn_type="sftp", host="127.0.0.1", port=9, login="u", extra=extra)
    with pytest.raises(ConfigurationError, match=message), open_sftp("sftp_x", "feed"):
        pass


# --- OpenPGP keys -------------------------------------------------------------------------------------------------


def test_a_connection_contains_a_key_and_its_passphrase(monkeypatch: pytest.MonkeyPatch) -> None:
    add_connection(monkeypatch, "pgp_ours", conn_type="generic", password="correct horse", extra={"key": "armored"})
    add_connection(monkeypatch, "pgp_vendor", conn_type="generic", extra={"key": "certificate"})
    find_key = key_finder_for("probe")
    assert (find_key("pgp_ours").data, find_key("pgp_ours").passphrase) == (b"armored", "correct horse")
    assert (find_key("pgp_vendor").data, find_key("pgp_vendor").passphrase) == (b"certificate", None)


def test_an_error_for_a_missing_key_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    add_connection(monkeypatch, "pgp_ours", conn_type="generic", password="correct horse")
    for name, message in (("pgp_ours", "contains no key"), ("pgp_missing", "AIRFLOW_CONN_PGP_MISSING")):
        with pytest.raises(ConfigurationError, match=message) as raised:
            key_finder_for("probe")(name)
        assert "correct horse" not in str(raised.value)
