"""The account, with credentials from Airflow connections. All other values come from environment variables."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from growth_verticals.account import Account, Credentials
from growth_verticals.errors import ConfigurationError

if TYPE_CHECKING:
    from airflow.sdk import Connection
    from boto3.session import Session

#: Extras with which the provider's hook gets a session that renews its keys.
_ROLE_EXTRAS = ("role_arn", "profile_name", "assume_role_method")


def account_from_connection(aws_conn_id: str = "aws_default") -> Account:
    """Return the configured account.

    The connection's login and password are the access key and the secret key, and its extra `aws_session_token` is the
    session token; or its extras name a role or a profile (`credentials_of`). Endpoints and the Region come only from
    environment variables. If the connection does not exist or has none of these, boto3's default credential chain
    (profile, role) is used.
    """
    account, connection = Account.from_environment(), find_connection(aws_conn_id)
    return replace(account, credentials=credentials_of(connection, account.region)) if connection else account


def maintainer_account() -> Account:
    """Return the account with the credentials of `aws_maintainer`, or of `aws_default` if there is no such connection.

    The loader's role has no permission for maintenance settings (docs/access.md), so on AWS these need a separate
    access key.
    """
    return _account_of_role("aws_maintainer")


def retention_account() -> Account:
    """Return the account with the credentials of `aws_retention`, or of `aws_default` if there is no such connection.

    The loader's role may not delete landed copies (docs/access.md).
    """
    return _account_of_role("aws_retention")


def _account_of_role(conn_id: str) -> Account:
    return account_from_connection(conn_id if find_connection(conn_id) else "aws_default")


def credentials_of(connection: Connection, region: str) -> Credentials | Session | None:
    """Return the credentials of an AWS connection, or None if it has none.

    A connection can have an access key, or what Airflow's Amazon provider offers instead: `role_arn` (with
    `external_id`), `profile_name`, or another `assume_role_method`. Keys of an assumed role are renewed while they are
    used, so a load can take longer than they are valid.

    :param region: where the role is assumed, if the connection has no `region_name`.
    """
    extra: dict[str, Any] = connection.extra_dejson
    if any(extra.get(name) for name in _ROLE_EXTRAS):
        return _session_of(connection.conn_id, connection.get_uri(), region)
    if not connection.login:
        return None
    if not connection.password:
        raise ConfigurationError(
            f"the connection {connection.conn_id!r} has an access key but no secret key",
            next_step="enter the secret access key as the connection's password",
        )
    return Credentials(
        access_key=connection.login, secret_key=connection.password, token=extra.get("aws_session_token")
    )


@lru_cache(maxsize=16)
def _session_of(conn_id: str, _uri: str, region: str) -> Session:
    """Return the session of a connection that assumes a role or names a profile, as long as the connection is the same.

    Raises `ConfigurationError` if the role cannot be assumed, `ServiceError` if AWS does not answer.
    """
    from airflow.providers.amazon.aws.hooks.base_aws import AwsBaseHook

    from growth_verticals.catalog.service_errors import service_errors

    with service_errors(f"getting the credentials of the connection {conn_id!r}", "AWS's STS"):
        session: Session = AwsBaseHook(aws_conn_id=conn_id, region_name=region).get_session(region_name=region)
        session.get_credentials().get_frozen_credentials()
    return session


def find_connection(conn_id: str) -> Connection | None:
    """Return the connection, or None if it does not exist."""
    from airflow.sdk import Connection
    from airflow.sdk.exceptions import AirflowNotFoundException

    try:
        connection: Connection = Connection.get(conn_id)
    except AirflowNotFoundException:
        return None
    return connection


def vendor_connection(conn_id: str, source: str) -> Connection:
    """Return the connection to a vendor. Raises `ConfigurationError` that says how to add a missing one."""
    connection = find_connection(conn_id)
    if connection is None:
        raise ConfigurationError(
            f"there is no Airflow connection {conn_id!r}",
            source=source,
            next_step=f"add it under Admin > Connections, or set AIRFLOW_CONN_{conn_id.upper()} in the environment",
        )
    return connection
