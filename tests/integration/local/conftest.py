from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from pyiceberg.catalog import Catalog, load_catalog
from pyiceberg.schema import Schema
from pyiceberg.types import LongType, NestedField, StringType

from growth_verticals.account import Account

Call = Callable[..., httpx.Response]


@pytest.fixture
def schema() -> Schema:
    return Schema(
        NestedField(1, "state", StringType(), required=True),
        NestedField(2, "people", LongType(), required=False, doc="How many"),
    )


@pytest.fixture
def s3tables(account: Account) -> Any:
    return account.client("s3tables")


@pytest.fixture
def bucket(account: Account) -> dict[str, str]:
    return {"tableBucketARN": account.table_bucket_arn}


@pytest.fixture
def catalog(account: Account) -> Catalog:
    keys = account.credentials
    return load_catalog(
        "stand_in",
        type="rest",
        uri=account.catalog_uri,
        warehouse=account.table_bucket_arn,
        **{
            "rest.sigv4-enabled": "true",
            "rest.signing-name": "s3tables",
            "rest.signing-region": account.region,
            "client.region": account.region,
            "client.access-key-id": keys.access_key,
            "client.secret-access-key": keys.secret_key,
            "s3.endpoint": account.s3_endpoint,
        },
    )


@pytest.fixture
def rest(account: Account) -> Call:
    """Send a signed request to the Iceberg REST catalog, with a path after the table bucket's prefix."""
    prefix = quote(account.table_bucket_arn, safe="")

    def call(method: str, path: str, document: object = None) -> httpx.Response:
        url = f"{account.catalog_uri}/v1/{prefix}/{path}"
        return send_signed(account, method, url, json.dumps(document).encode() if document is not None else b"")

    return call


@pytest.fixture
def send(account: Account) -> Call:
    """Send a signed request to any URL."""

    def call(method: str, url: str, body: bytes = b"") -> httpx.Response:
        return send_signed(account, method, url, body)

    return call


def send_signed(account: Account, method: str, url: str, body: bytes) -> httpx.Response:
    request = AWSRequest(method, url, data=body, headers={"Content-Type": "application/json"})
    keys = Credentials(account.credentials.access_key, account.credentials.secret_key)
    SigV4Auth(keys, "s3tables", account.region).add_auth(request)
    return httpx.request(method, url, content=body, headers=dict(request.headers.items()))
