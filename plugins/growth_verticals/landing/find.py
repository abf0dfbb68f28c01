"""Finds a landed copy by its name and content."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

from growth_verticals.landing.receipts import read_receipt
from growth_verticals.landing.uris import s3_uri, split_s3_uri

if TYPE_CHECKING:
    from collections.abc import Iterator

    from growth_verticals.account import Account
    from growth_verticals.cadence import Period
    from growth_verticals.delivery import LandedFile


def candidate_keys(prefix: str, name: str) -> Iterator[str]:
    """Yield the keys that copies of files with that name can have, the first copy's key first. Never ends.

    :param prefix: the delivery's folder, without a trailing slash.
    """
    yield f"{prefix}/{name}"
    for number in count(2):
        yield f"{prefix}/redelivery-{number}/{name}"


def find_landed(account: Account, source_name: str, period: Period, name: str, sha256: str) -> LandedFile | None:
    """Return the landed copy with that name and content, or None if no receipt of the period describes one.

    Sends one request per copy of that name. Trusts the receipt; `open_landed` checks the copy against it.
    """
    bucket, prefix = split_s3_uri(account.landing_prefix(source_name, period))
    client = account.client("s3")
    for key in candidate_keys(prefix, name):
        receipt = read_receipt(client, bucket, key)
        if receipt is None:
            return None
        if receipt.sha256 == sha256:
            return receipt.landed_file(s3_uri(bucket, key))
    raise AssertionError("candidate_keys never ends")
