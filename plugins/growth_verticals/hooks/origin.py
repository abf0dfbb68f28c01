"""Where a source's files come from, opened: the vendor's SFTP server, the vendor's bucket, or our inbox."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from growth_verticals.hooks.account import credentials_of, vendor_connection
from growth_verticals.source import S3, Sftp

if TYPE_CHECKING:
    from collections.abc import Iterator

    from growth_verticals.account import Account
    from growth_verticals.landing.origins import Origin
    from growth_verticals.source import Delivery, Source


@contextmanager
def open_origin(account: Account, source: Source, uri: str | None = None) -> Iterator[Origin]:
    """Open the place that `source` delivers to, or the one that holds `uri` (a file that a person named).

    `s3://` of any bucket but the vendor's is read with the account's own credentials. Raises `ConfigurationError`
    for a connection that is missing or unsafe, `ServiceError` for a server that does not answer.
    """
    from growth_verticals.landing.origins import S3Origin, SftpOrigin

    delivery = source.delivery
    scheme, place = urlsplit(uri or _home(account, delivery))[:2]
    if scheme == "sftp":
        from growth_verticals.hooks.sftp import open_sftp

        with open_sftp(place, source.name) as client:
            yield SftpOrigin(client, place)
    elif isinstance(delivery, S3) and place == delivery.bucket:
        yield S3Origin(_vendor_account(account, delivery.conn_id, source.name).client("s3"), place)
    else:
        yield S3Origin(account.client("s3"), place)


def _home(account: Account, delivery: Delivery) -> str:
    if isinstance(delivery, Sftp):
        return f"sftp://{delivery.conn_id}"
    return f"s3://{delivery.bucket}" if isinstance(delivery, S3) else account.landing_uri


def _vendor_account(account: Account, conn_id: str, source: str) -> Account:
    """Return `account` as seen with a vendor's connection: its keys, and its Region and endpoint where it has them."""
    connection = vendor_connection(conn_id, source)
    extra = connection.extra_dejson
    return replace(
        account,
        credentials=credentials_of(connection),
        region=extra.get("region_name") or account.region,
        s3_endpoint=extra.get("endpoint_url") or account.s3_endpoint,
    )
