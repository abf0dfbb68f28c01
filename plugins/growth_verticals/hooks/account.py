"""The account, with credentials from Airflow connections. All other values come from environment variables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from growth_verticals.account import Account, Credentials
from growth_verticals.errors import ConfigurationError

if TYPE_CHECKING:
    from airflow.sdk import Connection


def account_from_connection(aws_conn_id: str = "aws_default") -> Account:
    """Return the configured account.

    The connection's login and password are the access key and the secret key. Its extra `aws_session_token` is the
    session token. Endpoints and the Region come only from environment variables. If the connection does not exist or
    has no login, boto3's default credential chain (profile, role) is used.
    """
    connection = find_connection(aws_conn_id)
    return Account.from_environment(credentials=credentials_of(connection) if connection else None)


def maintainer_account() -> Account:
    """Return the account with the credentials of `aws_maintainer`, or of `aws_default` if there is no such connection.

    The loader's role has no permission for maintenance settings (docs/access.md), so on AWS these need a separate
    access key.
    """
    return account_from_connection("aws_maintainer" if find_connection("aws_maintainer") else "aws_default")


def credentials_of(connection: Connection) -> Credentials | None:
    """Return the access key of an AWS connection, or None if it contains none.

    Raises `ConfigurationError` if the connection has a `role_arn` to assume. Credentials of such a role would expire
    in the middle of a load; boto3 renews those of the worker's own role or of a profile.
    """
    extra: dict[str, Any] = connection.extra_dejson
    if "role_arn" in extra:
        raise ConfigurationError(
            f"the connection {connection.conn_id!r} has a role_arn, which is not supported",
            next_step="assume the role with the worker's own role or AWS_PROFILE, and remove role_arn",
        )
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
