"""Opens the table bucket's Iceberg REST catalog."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from pyiceberg.catalog.rest import RestCatalog
from pyiceberg.exceptions import RESTError

from growth_verticals.account import CONNECT_TIMEOUT_S, READ_TIMEOUT_S
from growth_verticals.catalog.file_io import SESSION
from growth_verticals.catalog.service_errors import service_errors
from growth_verticals.errors import ConfigurationError

if TYPE_CHECKING:
    import requests

    from growth_verticals.account import Account

_NO_SUCH_BUCKET = (400, 404)


class AccountCatalog(RestCatalog):
    """pyiceberg's REST catalog of one account.

    It has timeouts: without them it waits forever for a server that does not answer. The account's own session signs
    its requests: pyiceberg would make another one, which does not know a connection's role.
    """

    account: Account

    def _init_sigv4(self, session: requests.Session) -> None:
        super()._init_sigv4(session)
        adapter: Any = session.get_adapter(self.uri)
        adapter._boto_session = self.properties[SESSION]  # noqa: SLF001 - pyiceberg has no setting for it

    def _create_session(self) -> requests.Session:
        session = super()._create_session()
        session.request = partial(  # type: ignore[method-assign]
            session.request, timeout=(CONNECT_TIMEOUT_S, READ_TIMEOUT_S)
        )
        return session


def open_catalog(account: Account) -> RestCatalog:
    """Open the account's catalog with one request, which also checks the credentials, endpoint and table bucket.

    Raises `ConfigurationError` (no credentials, rejected credentials, no such table bucket) or `ServiceError` (the
    server is down).
    """
    find_credentials(account)
    with service_errors("opening the catalog", account.catalog_uri):
        try:
            catalog = AccountCatalog("growth_verticals", **_properties(account))
        except RESTError as error:
            if _status(error) in _NO_SUCH_BUCKET:
                raise ConfigurationError(
                    f"{account.catalog_uri} has no table bucket {account.table_bucket_arn}",
                    next_step="check GV_TABLE_BUCKET_ARN, its Region and GV_CATALOG_URI",
                ) from error
            raise
    catalog.account = account
    return catalog


def find_credentials(account: Account) -> str:
    """Return, as text, where the account's credentials come from. Raises `ConfigurationError` if there are none."""
    with service_errors("looking for AWS credentials", "AWS's default credential chain"):
        credentials = account.session().get_credentials()
    if credentials is None:
        raise ConfigurationError(
            "no AWS credentials",
            next_step="set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or use a role; for the "
            "stand-in, `./gv local env` prints them",
        )
    origin = "AWS's default credential chain" if account.credentials is None else "a connection"
    return f"{origin} ({credentials.method})"


def _properties(account: Account) -> dict[str, Any]:
    properties: dict[str, Any] = {
        "uri": account.catalog_uri,
        "warehouse": account.table_bucket_arn,
        "rest.sigv4-enabled": "true",
        "rest.signing-name": "s3tables",
        "rest.signing-region": account.region,
        # urllib3 retries GETs and requests that were never sent. pyiceberg's default of 10 retries hides a dead server.
        "rest.sigv4.max-retries": "2",
        SESSION: account.session(),
        "client.region": account.region,
        "s3.region": account.region,
        "s3.connect-timeout": str(CONNECT_TIMEOUT_S),
        "s3.request-timeout": str(READ_TIMEOUT_S),
        "py-io-impl": account.io_impl or "growth_verticals.catalog.file_io.PartRetryFileIO",
    }
    if account.s3_endpoint:
        properties["s3.endpoint"] = account.s3_endpoint
        properties["s3.force-virtual-addressing"] = "false"
    return properties


def _status(error: RESTError) -> int | None:
    """Return the HTTP status of the response that pyiceberg turned into `error`."""
    response = getattr(error.__cause__, "response", None)
    return None if response is None else int(response.status_code)
