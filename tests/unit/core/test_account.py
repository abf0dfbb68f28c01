"""The account's settings come from the environment, and a missing one is named."""

from __future__ import annotations

import pytest

from growth_verticals.account import Account, Credentials
from growth_verticals.cadence import Quarterly
from growth_verticals.errors import ConfigurationError

ENVIRONMENT = {
    "GV_TABLE_BUCKET_ARN": "arn:aws:s3tables:us-west-2:111122223333:bucket/lake",
    "GV_LANDING_URI": "s3://landing/raw/",
}


def test_on_aws_the_regions_own_endpoints_are_used():
    account = Account.from_environment(ENVIRONMENT)
    assert account.region == "us-west-2"
    assert account.catalog_uri == "https://s3tables.us-west-2.amazonaws.com/iceberg"
    assert account.s3_endpoint is None
    assert account.s3tables_endpoint is None


def test_aws_variables_name_other_endpoints():
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


def test_raw_copies_and_the_inbox_lie_under_the_landing_zone():
    account = Account.from_environment(ENVIRONMENT)
    assert account.landing_prefix("aiq_b2b", Quarterly().parse("2026Q3")) == "s3://landing/raw/aiq_b2b/2026Q3"
    assert account.inbox_prefix("ls_corp") == "s3://landing/raw/inbox/ls_corp"


@pytest.mark.parametrize("name", ENVIRONMENT)
def test_a_missing_setting_is_named_with_the_next_step(name: str):
    with pytest.raises(ConfigurationError, match=rf"{name} is not set\. Next: "):
        Account.from_environment({key: value for key, value in ENVIRONMENT.items() if key != name})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("GV_TABLE_BUCKET_ARN", "arn:aws:s3:::lake"),
        ("GV_TABLE_BUCKET_ARN", "arn:aws:s3tables:us-west-2:111122223333:bucket/Lake"),
        ("GV_LANDING_URI", "landing"),
        ("GV_LANDING_URI", "s3://"),
    ],
)
def test_a_setting_of_another_form_is_refused(name: str, value: str):
    with pytest.raises(ConfigurationError, match=name):
        Account.from_environment(ENVIRONMENT | {name: value})


def test_no_secret_is_shown():
    account = Account.from_environment(ENVIRONMENT, Credentials(access_key="AK", secret_key="hush", token="quiet"))
    assert "hush" not in repr(account)
    assert "quiet" not in repr(account)
