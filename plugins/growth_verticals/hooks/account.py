"""The account, with credentials from Airflow's connections. Everything else about it is settings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from growth_verticals.account import Account, Credentials
from growth_verticals.errors import ConfigurationError

if TYPE_CHECKING:
    from airflow.sdk import Connection


def account_from_connection(aws_conn_id: str = "aws_default") -> Account:
    """Return the configured account.

    The connection's login and password are the key pair, and its extra `aws_session_token` the token; endpoints and
    the Region come from the environment alone. Without the connection, or without a login in it, AWS's own chain
    (profile, role) is asked.
    """
    connection = find_connection(aws_conn_id)
    return Account.from_environment(credentials=credentials_of(connection) if connection else None)


def maintainer_account() -> Account:
    """Return the account as the connection `aws_maintainer` sees it, or `aws_default` where there is none.

    The loader's role is refused maintenance settings (docs/access.md), so on AWS these need a key pair of their own.
    """
    return account_from_connection("aws_maintainer" if find_connection("aws_maintainer") else "aws_default")


def credentials_of(connection: Connection) -> Credentials | None:
    """Return the key pair that an AWS connection holds, None when it holds none.

    Raises `ConfigurationError` when it asks for a role to be assumed: those keys would expire in the middle of a
    load, where a role that the worker itself has, or a profile, is renewed.
    """
    extra: dict[str, Any] = connection.extra_dejson
    if "role_arn" in extra:
        raise ConfigurationError(
            f"the connection {connection.conn_id!r} asks for a role to be assumed",
            next_step="let the worker's own role or AWS_PROFILE assume it, and remove role_arn from the connection",
        )
    if not connection.login:
        return None
    if not connection.password:
        raise ConfigurationError(
            f"the connection {connection.conn_id!r} has an access key and no secret key",
            next_step="put the secret access key into the connection's password",
        )
    return Credentials(
        access_key=connection.login, secret_key=connection.password, token=extra.get("aws_session_token")
    )


def find_connection(conn_id: str) -> Connection | None:
    """Return the connection, None when there is none of that id."""
    from airflow.sdk import Connection
    from airflow.sdk.exceptions import AirflowNotFoundException

    try:
        connection: Connection = Connection.get(conn_id)
    except AirflowNotFoundException:
        return None
    return connection


def vendor_connection(conn_id: str, source: str) -> Connection:
    """Return the connection to a vendor. Raises `ConfigurationError` that says how to make a missing one."""
    connection = find_connection(conn_id)
    if connection is None:
        raise ConfigurationError(
            f"there is no Airflow connection {conn_id!r}",
            source=source,
            next_step=f"add it under Admin, Connections, or as the environment variable AIRFLOW_CONN_{conn_id.upper()}",
        )
    return connection
