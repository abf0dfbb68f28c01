"""Signature Version 4 is checked end to end: by the gateway for the catalog, by the store for objects."""

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


def _with_keys(account: Account, **change: str) -> Account:
    return replace(account, credentials=replace(account.credentials, **change))


def _refusal(call, **parameters) -> tuple[int, str]:
    with pytest.raises(ClientError) as refused:
        call(**parameters)
    return refused.value.response["ResponseMetadata"]["HTTPStatusCode"], refused.value.response["Error"]["Code"]


def test_a_wrong_secret_is_refused(account, bucket) -> None:
    wrong = _with_keys(account, secret_key="wrong")
    assert _refusal(wrong.client("s3tables").get_table_bucket, **bucket) == (403, "InvalidSignatureException")
    assert _refusal(wrong.client("s3").list_objects_v2, Bucket="gv-landing") == (403, "SignatureDoesNotMatch")


def test_an_unknown_key_is_refused(account, bucket) -> None:
    wrong = _with_keys(account, access_key="GVLOCALNOBODY")
    assert _refusal(wrong.client("s3tables").get_table_bucket, **bucket) == (403, "UnrecognizedClientException")
    assert _refusal(wrong.client("s3").list_objects_v2, Bucket="gv-landing") == (403, "InvalidAccessKeyId")


def test_a_vendor_may_do_nothing_with_the_table_bucket(account, bucket, stand_in_environment) -> None:
    vendor = json.loads(stand_in_environment["AIRFLOW_CONN_S3_STATARA"])
    theirs = replace(account, credentials=Credentials(access_key=vendor["login"], secret_key=vendor["password"]))
    s3tables = theirs.client("s3tables")
    with pytest.raises(s3tables.exceptions.ForbiddenException):
        s3tables.get_table_bucket(**bucket)


def test_a_request_without_a_signature_is_refused(account) -> None:
    answer = httpx.get(f"{account.s3tables_endpoint}/buckets")
    assert (answer.status_code, answer.headers["x-amzn-ErrorType"]) == (403, "MissingAuthenticationTokenException")
    answer = httpx.get(f"{account.catalog_uri}/v1/config?warehouse={account.table_bucket_arn}")
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, 403)


@pytest.mark.parametrize("minutes", [-16, 16])
def test_a_request_that_was_signed_at_another_time_is_refused(account, bucket, monkeypatch, minutes) -> None:
    at_that_time = datetime.now(UTC) + timedelta(minutes=minutes)
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda: at_that_time)
    assert _refusal(account.client("s3tables").get_table_bucket, **bucket) == (403, "InvalidSignatureException")


@pytest.mark.parametrize(
    ("service", "region", "body", "status"),
    [
        ("s3tables", "us-east-1", b'{"namespace":["as_signed"]}', 200),
        ("s3tables", "us-east-1", b'{"namespace":["another"]}', 403),
        ("s3", "us-east-1", b'{"namespace":["as_signed"]}', 403),
        ("s3tables", "eu-west-1", b'{"namespace":["as_signed"]}', 403),
    ],
)
def test_service_region_and_body_are_signed(account, service, region, body, status) -> None:
    url = f"{account.catalog_uri}/v1/{quote(account.table_bucket_arn, safe='')}/namespaces"
    request = AWSRequest("POST", url, data=b'{"namespace":["as_signed"]}')
    keys = BotoCredentials(account.credentials.access_key, account.credentials.secret_key)
    SigV4Auth(keys, service, region).add_auth(request)
    answer = httpx.post(url, content=body, headers=dict(request.headers.items()))
    assert answer.status_code == status
