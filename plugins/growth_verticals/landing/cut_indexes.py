"""Stores the cut index of a landed copy in the landing zone, and reads it back.

    <folder of the copy>/cuts/<sha256>.json       where the file can be cut (`files/cuts.py`)
    <folder of the copy>/cuts/<sha256>.windows    pieces of its text, with which gzip data is resumed

An index is a help, and never needed: a file without one is read as one unit. Retention removes it with the copy.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any, BinaryIO

from botocore.exceptions import ClientError

from growth_verticals.catalog.service_errors import http_status
from growth_verticals.landing.file_errors import object_errors
from growth_verticals.landing.ranges import open_object
from growth_verticals.landing.uris import s3_uri, split_s3_uri

if TYPE_CHECKING:
    from growth_verticals.account import Account
    from growth_verticals.delivery import LandedFile


def index_keys(key: str, sha256: str) -> tuple[str, str]:
    """Return the keys of the index and of the windows of the landed copy `key`."""
    folder = f"{key.rpartition('/')[0]}/cuts/{sha256}"
    return f"{folder}.json", f"{folder}.windows"


def write_cut_index(account: Account, landed: LandedFile, index: bytes, windows: bytes) -> None:
    """Store the index of a landed copy. The windows come first: an index is only there when it can be used."""
    client = account.client("s3")
    bucket, key = split_s3_uri(landed.uri)
    index_key, windows_key = index_keys(key, landed.sha256)
    with object_errors(client, bucket, landed.uri):
        if windows:
            client.put_object(Bucket=bucket, Key=windows_key, Body=windows)
        client.put_object(Bucket=bucket, Key=index_key, Body=index, ContentType="application/json")


def read_cut_index(account: Account, landed: LandedFile) -> bytes | None:
    """Return the stored index of a landed copy; None if there is none. Memory: the index, a few MB at most."""
    client = account.client("s3")
    bucket, key = split_s3_uri(landed.uri)
    response = _get(client, bucket, index_keys(key, landed.sha256)[0])
    return None if response is None else bytes(response["Body"].read())


def open_windows(account: Account, landed: LandedFile) -> BinaryIO:
    """Return the windows of a landed copy as a seekable stream: a context manager. Empty if it has none."""
    client = account.client("s3")
    bucket, key = split_s3_uri(landed.uri)
    windows_key = index_keys(key, landed.sha256)[1]
    response = _get(client, bucket, windows_key)
    if response is None:
        return io.BytesIO()
    return open_object(client, bucket, windows_key, response["ContentLength"], response["ETag"], response["Body"])


def _get(client: Any, bucket: str, key: str) -> Any:
    with object_errors(client, bucket, s3_uri(bucket, key)):
        try:
            return client.get_object(Bucket=bucket, Key=key)
        except ClientError as error:
            if http_status(error) != 404:
                raise
            return None
