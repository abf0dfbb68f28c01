"""Signature Version 4 is verified: by the gateway for the catalog and S3 Tables, by the store for objects."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import botocore.auth
import httpx
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotoCredentials
from botocore.exceptions import ClientError

from growth_verticals.account import Account, Credentials


def _with_credentials(account: Account, **change: str) -> Account:
    return replace(account, credentials=replace(account.credentials, **change))


def _error_of(call, **parameters) -> tuple[int, str]:
    """Return the HTTP status and the error code with which the call fails."""
    with pytest.raises(ClientError) as error:
        call(**parameters)
    return error.value.response["ResponseMetadata"]["HTTPStatusCode"], error.value.response["Error"]["Code"]


def test_a_wrong_secret_key_is_refused(account, bucket) -> None:
    wrong = _with_credentials(account, secret_key="wrong")
    assert _error_of(wrong.client("s3tables").get_table_bucket, **bucket) == (403, "InvalidSignatureException")
    assert _error_of(wrong.client("s3").list_objects_v2, Bucket="gv-landing") == (403, "SignatureDoesNotMatch")


def test_an_unknown_access_key_is_refused(account, bucket) -> None:
    wrong = _with_credentials(account, access_key="GVLOCALNOBODY")
    assert _error_of(wrong.client("s3tables").get_table_bucket, **bucket) == (403, "UnrecognizedClientException")
    assert _error_of(wrong.client("s3").list_objects_v2, Bucket="gv-landing") == (403, "InvalidAccessKeyId")


def test_a_vendor_has_no_permissions_on_the_table_bucket(account, bucket, stand_in_environment) -> None:
    connection = json.loads(stand_in_environment["AIRFLOW_CONN_S3_STATARA"])
    keys = Credentials(access_key=connection["login"], secret_key=connection["password"])
    s3tables = replace(account, credentials=keys).client("s3tables")
    with pytest.raises(s3tables.exceptions.ForbiddenException):
        s3tables.get_table_bucket(**bucket)


def test_a_request_without_a_signature_is_refused(account) -> None:
    response = httpx.get(f"{account.s3tables_endpoint}/buckets")
    assert (response.status_code, response.headers["x-amzn-ErrorType"]) == (403, "MissingAuthenticationTokenException")
    response = httpx.get(f"{account.catalog_uri}/v1/config?warehouse={account.table_bucket_arn}")
    assert (response.status_code, response.json()["error"]["code"]) == (403, 403)


@pytest.mark.parametrize("minutes", [-16, 16])
def test_a_signature_more_than_15_minutes_off_is_refused(account, bucket, monkeypatch, minutes) -> None:
    signing_time = datetime.now(UTC) + timedelta(minutes=minutes)
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda: signing_time)
    assert _error_of(account.client("s3tables").get_table_bucket, **bucket) == (403, "InvalidSignatureException")


@pytest.mark.parametrize(
    ("service", "region", "body", "status"),
    [
        ("s3tables", "us-east-1", b'{"namespace":["as_signed"]}', 200),
        ("s3tables", "us-east-1", b'{"namespace":["another"]}', 403),
        ("s3", "us-east-1", b'{"namespace":["as_signed"]}', 403),
        ("s3tables", "eu-west-1", b'{"namespace":["as_signed"]}', 403),
    ],
)
def test_the_signature_covers_service_region_and_body(account, service, region, body, status) -> None:
    url = f"{account.catalog_uri}/v1/{quote(account.table_bucket_arn, safe='')}/namespaces"
    request = AWSRequest("POST", url, data=b'{"namespace":["as_signed"]}')
    keys = BotoCredentials(account.credentials.access_key, account.credentials.secret_key)
    SigV4Auth(keys, service, region).add_auth(request)
    response = httpx.post(url, content=body, headers=dict(request.headers.items()))
    assert response.status_code == status
