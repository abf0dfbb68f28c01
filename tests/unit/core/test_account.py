"""The account's settings are read from environment variables, and an error names the one that is missing."""

from __future__ import annotations

import pytest

from growth_verticals.account import Account, Credentials
from growth_verticals.cadence import Quarterly
from growth_verticals.errors import ConfigurationError

ENVIRONMENT = {
    "GV_TABLE_BUCKET_ARN": "arn:aws:s3tables:us-west-2:111122223333:bucket/lake",
    "GV_LANDING_URI": "s3://landing/raw/",
}


def test_without_endpoint_variables_the_endpoints_of_the_region_are_used():
    account = Account.from_environment(ENVIRONMENT)
    assert account.region == "us-west-2"
    assert account.catalog_uri == "https://s3tables.us-west-2.amazonaws.com/iceberg"
    assert account.s3_endpoint is None
    assert account.s3tables_endpoint is None


def test_environment_variables_set_other_endpoints():
    account = Account.from_environment(
        ENVIRONMENT
        | {
            "AWS_REGION": "eu-west-1",
            "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:1",
            "AWS_ENDPOINT_URL_S3TABLES": "http://127.0.0.1:2",
            "GV_CATALOG_URI": "http://127.0.0.1:2/iceberg",
        }
    )
    assert (account.region, account.s3_endpoint, account.s3tables_endpoint, account.catalog_uri) == (
        "eu-west-1",
        "http://127.0.0.1:1",
        "http://127.0.0.1:2",
        "http://127.0.0.1:2/iceberg",
    )


def test_landed_copies_and_the_inbox_are_in_the_landing_zone():
    account = Account.from_environment(ENVIRONMENT)
    assert account.landing_prefix("aiq_b2b", Quarterly().parse("2026Q3")) == "s3://landing/raw/aiq_b2b/2026Q3"
    assert account.inbox_prefix("ls_corp") == "s3://landing/raw/inbox/ls_corp"


def test_the_keys_of_clients_are_known_by_namespace():
    one, two = (f"arn:aws:kms:us-west-2:111122223333:key/{number}" for number in (1, 2))
    account = Account.from_environment(ENVIRONMENT | {"GV_CLIENT_KEYS": f"horace_mann={one}, platinum={two}"})
    assert [account.client_key(name) for name in ("horace_mann", "platinum", "aiq")] == [one, two, None]


@pytest.mark.parametrize("name", ENVIRONMENT)
def test_an_error_names_the_missing_setting_and_the_next_step(name: str):
    with pytest.raises(ConfigurationError, match=rf"{name} is not set\. Next: "):
        Account.from_environment({key: value for key, value in ENVIRONMENT.items() if key != name})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("GV_TABLE_BUCKET_ARN", "arn:aws:s3:::lake"),
        ("GV_TABLE_BUCKET_ARN", "arn:aws:s3tables:us-west-2:111122223333:bucket/Lake"),
        ("GV_LANDING_URI", "landing"),
        ("GV_LANDING_URI", "s3://"),
        ("GV_CLIENT_KEYS", "horace_mann"),
        ("GV_CLIENT_KEYS", "horace_mann=alias/horace-mann"),
    ],
)
def test_an_invalid_setting_is_refused(name: str, value: str):
    with pytest.raises(ConfigurationError, match=name):
        Account.from_environment(ENVIRONMENT | {name: value})


def test_repr_contains_no_secret():
    account = Account.from_environment(ENVIRONMENT, Credentials(access_key="AK", secret_key="hush", token="quiet"))
    assert "hush" not in repr(account)
    assert "quiet" not in repr(account)
