"""SFTP connections to vendors, with a pinned host key. Import this module inside functions, because it loads paramiko.

The Airflow provider's SFTPHook is not used. With a wrong pin, it still connects if the server's key is in the worker's
`~/.ssh/known_hosts`. It also searches `~/.ssh` for keys, and waits forever for a server that stalls.
"""

from __future__ import annotations

from base64 import b64decode
from contextlib import contextmanager
from io import StringIO
from typing import TYPE_CHECKING, Any

import paramiko
from paramiko.config import SSH_PORT
from paramiko.pkey import UnknownKeyType

from growth_verticals.errors import ConfigurationError, HostKeyChangedError, ServiceError
from growth_verticals.hooks.account import vendor_connection
from growth_verticals.landing.sftp_protocol import start_session

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow.sdk import Connection

_CONNECT_TIMEOUT_S = 20
#: A connection fails if the server sends nothing for this long.
_STALL_TIMEOUT_S = 60

#: Extras that make the provider's hook connect to a server whose identity it cannot verify.
_UNSAFE_EXTRAS = ("allow_host_key_change", "no_host_key_check", "ignore_hostkey_verification", "known_hosts")

#: What paramiko says of a server that stalls or hangs up during the login. It has no exception class for that.
_LOST_DURING_LOGIN = ("timeout", "EOF")

_KEY_TYPES: tuple[type[paramiko.PKey], ...] = (paramiko.Ed25519Key, paramiko.ECDSAKey, paramiko.RSAKey)


@contextmanager
def open_sftp(conn_id: str, source: str) -> Iterator[paramiko.SFTPClient]:
    """Connect to the server of an `sftp` connection, verify its host key, and close the connection at the end.

    Uses these fields of the connection: host, port, login, password, and the extras `host_key` ("ssh-ed25519 AAAA…",
    required), `private_key`, `private_key_passphrase` and `key_file`.

    Raises `ConfigurationError` for a connection that is missing, unpinned or unsafe and for a login that is refused,
    `HostKeyChangedError` for a server with a different host key; `ServiceError` if the server does not answer.

    :param source: the source's name, for messages.
    """
    connection = vendor_connection(conn_id, source)
    client = paramiko.SSHClient()
    try:
        _connect(client, connection, source)
        try:
            transport = client.get_transport()
            if transport is None:
                raise paramiko.SSHException("the connection is closed")
            sftp = start_session(transport, _CONNECT_TIMEOUT_S)
        except (paramiko.SSHException, OSError, EOFError) as error:
            raise _no_answer(connection, source, error) from error
        channel = sftp.get_channel()
        if channel is not None:
            channel.settimeout(_STALL_TIMEOUT_S)
        yield sftp
    finally:
        client.close()


def _connect(client: paramiko.SSHClient, connection: Connection, source: str) -> None:
    pinned = _pinned_key(connection, source)
    host, port = connection.host or "", connection.port or SSH_PORT
    client.get_host_keys().add(host if port == SSH_PORT else f"[{host}]:{port}", pinned.get_name(), pinned)
    client.set_missing_host_key_policy(paramiko.RejectPolicy())

    def refused(what: str, next_step: str, kind: type[ConfigurationError] = ConfigurationError) -> ConfigurationError:
        return kind(f"{what} (connection {connection.conn_id!r})", source=source, next_step=next_step)

    try:
        client.connect(
            host,
            port=port,
            username=connection.login,
            password=connection.password,
            pkey=_private_key(connection, source),
            key_filename=connection.extra_dejson.get("key_file"),
            allow_agent=False,
            look_for_keys=False,
            timeout=_CONNECT_TIMEOUT_S,
            banner_timeout=_CONNECT_TIMEOUT_S,
            auth_timeout=_CONNECT_TIMEOUT_S,
            channel_timeout=_CONNECT_TIMEOUT_S,
        )
    except paramiko.BadHostKeyException as error:
        raise refused(
            "the server's host key is not the pinned one",
            "before you change the connection, ask the vendor over another channel whether they changed the key",
            HostKeyChangedError,
        ) from error
    except paramiko.AuthenticationException as error:
        if any(text in str(error) for text in _LOST_DURING_LOGIN):
            raise _no_answer(connection, source, error) from error
        raise refused("the server refuses our login", "check the user and the key with the vendor") from error
    except FileNotFoundError as error:
        raise refused("the connection's key_file does not exist here", "correct the extra key_file") from error
    except (paramiko.SSHException, OSError, EOFError) as error:
        if "not found in known_hosts" in str(error):  # paramiko has no exception class for a key of another type
            raise refused(
                "the server has no host key of the pinned type",
                "ask the vendor for the host key that they use now",
                HostKeyChangedError,
            ) from error
        if "No authentication methods available" in str(error):
            raise refused("there is no password and no key for our login", "enter the extra private_key") from error
        raise _no_answer(connection, source, error) from error


def _no_answer(connection: Connection, source: str, error: Exception) -> ServiceError:
    return ServiceError(
        f"the SFTP server does not answer (connection {connection.conn_id!r})",
        source=source,
        found=type(error).__name__,
        next_step="if this continues, ask the vendor whether the server is up and allows our IP address",
    )


def _pinned_key(connection: Connection, source: str) -> paramiko.PKey:
    extra: dict[str, Any] = connection.extra_dejson
    unsafe = [name for name in _UNSAFE_EXTRAS if str(extra.get(name, "false")).lower() != "false"]
    if unsafe:
        raise ConfigurationError(
            f"the connection {connection.conn_id!r} would not verify the server: {', '.join(unsafe)}",
            source=source,
            next_step="remove these extras, and pin the vendor's key as host_key",
        )
    key_type, _, key = str(extra.get("host_key") or "").strip().partition(" ")
    try:
        return paramiko.PKey.from_type_string(key_type, b64decode(key.split()[0]))
    except (IndexError, ValueError, paramiko.SSHException, UnknownKeyType) as error:
        raise ConfigurationError(
            f"the connection {connection.conn_id!r} does not pin the server's key",
            source=source,
            expected='an extra "host_key", such as "ssh-ed25519 AAAA..."',
            next_step="ask the vendor for the key, and compare it with `ssh-keyscan -t ed25519 HOST`",
        ) from error


def _private_key(connection: Connection, source: str) -> paramiko.PKey | None:
    extra: dict[str, Any] = connection.extra_dejson
    text = extra.get("private_key")
    if not text:
        return None
    for key_type in _KEY_TYPES:
        try:
            return key_type.from_private_key(StringIO(text), password=extra.get("private_key_passphrase"))
        except (paramiko.SSHException, ValueError):
            continue
    raise ConfigurationError(
        f"the private key of connection {connection.conn_id!r} cannot be read",
        source=source,
        expected="an OpenSSH or PEM key (Ed25519, ECDSA or RSA) and its passphrase, if it has one",
        next_step="enter the key file's text as the extra private_key, with line endings as \\n",
    )
