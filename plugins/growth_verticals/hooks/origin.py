"""Opens the origin of a source's files: the vendor's SFTP server, the vendor's bucket, or the inbox."""

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
    """Open the origin that `source` declares, or the origin of `uri` (a file that a person named).

    A bucket other than the vendor's is read with the account's own credentials. Raises `ConfigurationError` for a
    connection that is missing or unsafe, `ServiceError` for a server that does not answer.
    """
    from growth_verticals.landing.origins import S3Origin, SftpOrigin

    delivery = source.delivery
    scheme, server_or_bucket = urlsplit(uri or _declared_uri(account, delivery))[:2]
    if scheme == "sftp":
        from growth_verticals.hooks.sftp import open_sftp

        with open_sftp(server_or_bucket, source.name) as client:
            yield SftpOrigin(client, server_or_bucket)
    elif isinstance(delivery, S3) and server_or_bucket == delivery.bucket:
        yield S3Origin(_vendor_account(account, delivery.conn_id, source.name).client("s3"), server_or_bucket)
    else:
        yield S3Origin(account.client("s3"), server_or_bucket)


def _declared_uri(account: Account, delivery: Delivery) -> str:
    if isinstance(delivery, Sftp):
        return f"sftp://{delivery.conn_id}"
    return f"s3://{delivery.bucket}" if isinstance(delivery, S3) else account.landing_uri


def _vendor_account(account: Account, conn_id: str, source: str) -> Account:
    """Return `account` with the credentials of a vendor's connection, and its Region and endpoint if it has them."""
    connection = vendor_connection(conn_id, source)
    extra = connection.extra_dejson
    region = extra.get("region_name") or account.region
    return replace(
        account,
        credentials=credentials_of(connection, region),
        region=region,
        s3_endpoint=extra.get("endpoint_url") or account.s3_endpoint,
    )
