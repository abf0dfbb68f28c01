"""Retention of landed copies: find those that are older than declared, and remove every version of them.

The receipt of a removed copy stays and says so (`Receipt.removed_at`). Without it, the audit would take the file for
one that was never landed, and would start a run for it. The inbox is not a source's folder, so it is never touched.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby
from typing import TYPE_CHECKING, Any

from growth_verticals.errors import ServiceError
from growth_verticals.landing.cut_indexes import index_keys
from growth_verticals.landing.file_errors import object_errors
from growth_verticals.landing.find import list_keys
from growth_verticals.landing.receipts import RECEIPT_SUFFIX, read_receipt, write_receipt
from growth_verticals.landing.uris import s3_uri, split_s3_uri

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from growth_verticals.account import Account
    from growth_verticals.landing.receipts import Receipt

#: Receipts that are read at the same time.
_MAX_CONCURRENT_READS = 8
#: Versions that one request of S3 deletes (S3 API reference, DeleteObjects).
_MAX_DELETED = 1_000


@dataclass(frozen=True, kw_only=True)
class OldCopy:
    """A landed copy that is older than declared, with its period's key."""

    period: str
    bucket: str
    key: str
    receipt: Receipt


def old_copies(
    account: Account, source_name: str, is_old: Callable[[str], bool], landed_before: datetime
) -> Iterator[OldCopy]:
    """Yield a source's landed copies that are old, by period. An object without a receipt is not a landed copy (yet).

    Sends one request for 1,000 objects of the source, and one for each receipt of an old period whose copy is there.
    Memory: the keys of one period, and its receipts.

    :param is_old: whether a period, given its key, is old.
    :param landed_before: copies that were landed later are not old (timezone-aware).
    """
    bucket, prefix = split_s3_uri(f"{account.landing_uri}/{source_name}")
    client = account.client("s3")
    with ThreadPoolExecutor(_MAX_CONCURRENT_READS, "receipts") as pool:
        for period, listed in groupby(list_keys(account, prefix), lambda key: _period_of(key, prefix)):
            if not is_old(period):
                continue
            keys = set(listed)
            copies = sorted(key for key in keys if key + RECEIPT_SUFFIX in keys)
            receipts = pool.map(lambda key: read_receipt(client, bucket, key), copies)
            for key, receipt in zip(copies, receipts, strict=True):
                if receipt is not None and datetime.fromisoformat(receipt.landed_at) < landed_before:
                    yield OldCopy(period=period, bucket=bucket, key=key, receipt=receipt)


def remove_copy(account: Account, copy: OldCopy, now: datetime) -> int:
    """Remove every version of a landed copy and of its cut index, and let its receipt say so. Return their bytes.

    The receipt is written first. If this ends in between, the copy is still listed, and a retry removes it. A load of
    the same file that has found the copy in the meantime fails with `FileChangedError`, and its retry lands it again.

    Raises `ServiceError` if S3 keeps a version.
    """
    client = account.client("s3")
    if copy.receipt.removed_at is None:
        removed = replace(copy.receipt, removed_at=now.isoformat(timespec="seconds"))
        write_receipt(client, copy.bucket, copy.key, removed)
    with object_errors(client, copy.bucket, s3_uri(copy.bucket, copy.key)):
        keys = (copy.key, *index_keys(copy.key, copy.receipt.sha256))
        versions = [version for key in keys for version in _versions(client, copy.bucket, key)]
        for start in range(0, len(versions), _MAX_DELETED):
            part = versions[start : start + _MAX_DELETED]
            objects = [{"Key": version["Key"], "VersionId": version["VersionId"]} for version in part]
            answer = client.delete_objects(Bucket=copy.bucket, Delete={"Objects": objects, "Quiet": True})
            if answer.get("Errors"):
                raise ServiceError(
                    "S3 has not deleted all versions of a landed copy",
                    file=s3_uri(copy.bucket, copy.key),
                    found=str(answer["Errors"][0].get("Code")),
                    next_step="see that the role may s3:DeleteObjectVersion (docs/access.md), and run it again",
                )
    return sum(version.get("Size", 0) for version in versions)


def _versions(client: Any, bucket: str, key: str) -> Iterator[dict[str, Any]]:
    """Yield the versions and the delete markers of exactly this key."""
    pages = client.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=key)
    for page in pages:
        for version in (*page.get("Versions", ()), *page.get("DeleteMarkers", ())):
            if version["Key"] == key:
                yield version


def _period_of(key: str, prefix: str) -> str:
    return key.removeprefix(f"{prefix}/").partition("/")[0]
