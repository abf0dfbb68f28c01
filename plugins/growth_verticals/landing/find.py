"""Finds landed copies: one by its name and content, or all of a period."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import TYPE_CHECKING

from growth_verticals.landing.file_errors import object_errors
from growth_verticals.landing.receipts import RECEIPT_SUFFIX, read_receipt
from growth_verticals.landing.uris import s3_uri, split_s3_uri

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from growth_verticals.account import Account
    from growth_verticals.cadence import Period
    from growth_verticals.delivery import LandedFile
    from growth_verticals.landing.receipts import Receipt

#: Receipts that are read at the same time.
_MAX_CONCURRENT_READS = 8


def candidate_keys(prefix: str, name: str) -> Iterator[str]:
    """Yield the keys that copies of files with that name can have, the first copy's key first. Never ends.

    :param prefix: the delivery's folder, without a trailing slash.
    """
    yield f"{prefix}/{name}"
    for number in count(2):
        yield f"{prefix}/redelivery-{number}/{name}"


def find_landed(account: Account, source_name: str, period: Period, name: str, sha256: str) -> LandedFile | None:
    """Return the landed copy with that name and content.

    None if no receipt of the period describes one, or if retention has removed the copy.

    Sends one request per copy of that name. Trusts the receipt; `open_landed` checks the copy against it.
    """
    bucket, prefix = split_s3_uri(account.landing_prefix(source_name, period))
    client = account.client("s3")
    for key in candidate_keys(prefix, name):
        receipt = read_receipt(client, bucket, key)
        if receipt is None:
            return None
        if receipt.sha256 == sha256:
            return receipt.landed_file(s3_uri(bucket, key)) if receipt.removed_at is None else None
    raise AssertionError("candidate_keys never ends")


def list_receipts(account: Account, source_name: str, period: Period) -> list[Receipt]:
    """Return the receipts of a period's landed copies, sorted by name, then by the time of landing.

    Sends one request for 1,000 objects, and one for each receipt. Memory: the receipts. A copy without a receipt is not
    there: its landing has not ended.
    """
    bucket, prefix = split_s3_uri(account.landing_prefix(source_name, period))
    return _read_all(account, bucket, [key for key in list_keys(account, prefix) if key.endswith(RECEIPT_SUFFIX)])


def receipts_of_names(account: Account, source_name: str, names: Collection[str]) -> dict[str, list[Receipt]]:
    """Return, by period key, the receipts of files with these names. No names: the periods only, without receipts.

    Sends one request for 1,000 objects of the source, and one for each receipt. Memory: the receipts.
    """
    bucket, prefix = split_s3_uri(f"{account.landing_uri}/{source_name}")
    wanted: dict[str, list[str]] = {}
    for key in list_keys(account, prefix):
        period_key, _, rest = key.removeprefix(f"{prefix}/").partition("/")
        keys = wanted.setdefault(period_key, [])
        if rest.endswith(RECEIPT_SUFFIX) and rest.rpartition("/")[2].removesuffix(RECEIPT_SUFFIX) in names:
            keys.append(key)
    return {period_key: _read_all(account, bucket, keys) for period_key, keys in wanted.items()}


def list_keys(account: Account, prefix: str) -> Iterator[str]:
    """Yield the keys of all objects under a folder of the landing bucket."""
    bucket = split_s3_uri(account.landing_uri + "/")[0]
    client = account.client("s3")
    with object_errors(client, bucket, s3_uri(bucket, prefix)):
        for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"{prefix}/"):
            for entry in page.get("Contents", ()):
                yield entry["Key"]


def _read_all(account: Account, bucket: str, keys: Sequence[str]) -> list[Receipt]:
    client = account.client("s3")
    with ThreadPoolExecutor(_MAX_CONCURRENT_READS, "receipts") as pool:
        found = list(pool.map(lambda key: read_receipt(client, bucket, key.removesuffix(RECEIPT_SUFFIX)), keys))
    return sorted((each for each in found if each is not None), key=lambda each: (each.name, each.landed_at))
