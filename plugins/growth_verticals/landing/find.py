"""Finding a landed copy again by what is in it."""

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


def landed_keys(prefix: str, name: str) -> Iterator[str]:
    """Yield the keys under which files of that name are landed, first copy first, without end.

    :param prefix: of the delivery's folder, without a slash at the end.
    """
    yield f"{prefix}/{name}"
    for number in count(2):
        yield f"{prefix}/redelivery-{number}/{name}"


def find_landed(account: Account, source_name: str, period: Period, name: str, sha256: str) -> LandedFile | None:
    """Return the landed copy of that name and content; None if no receipt of the period tells of one.

    One request a copy of that name. The receipt is believed; `open_landed` holds the copy to it.
    """
    bucket, prefix = split_s3_uri(account.landing_prefix(source_name, period))
    client = account.client("s3")
    for key in landed_keys(prefix, name):
        receipt = read_receipt(client, bucket, key)
        if receipt is None:
            return None
        if receipt.sha256 == sha256:
            return receipt.landed(s3_uri(bucket, key))
    raise AssertionError("the keys do not end")
