"""SFTP to a vendor whose host key is pinned. Import it inside functions: it loads paramiko.

The provider's SFTPHook is not used: with a wrong pin it connects all the same when the server's key stands in the
worker's `~/.ssh/known_hosts`, it looks for keys in `~/.ssh`, and it waits for ever on a server that stalls.
"""

from __future__ import annotations

from base64 import b64decode
from contextlib import contextmanager
from io import StringIO
from typing import TYPE_CHECKING, Any

import paramiko
from paramiko.config import SSH_PORT
from paramiko.pkey import UnknownKeyType

from growth_verticals.errors import ConfigurationError, ServiceError
from growth_verticals.hooks.account import vendor_connection

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow.sdk import Connection

_CONNECT_TIMEOUT_S = 20
#: A server that sends nothing for this long is given up.
_STALL_TIMEOUT_S = 60

#: Extras with which the provider's hook talks to a server that it cannot identify.
_UNSAFE_EXTRAS = ("allow_host_key_change", "no_host_key_check", "ignore_hostkey_verification", "known_hosts")

_KEY_KINDS: tuple[type[paramiko.PKey], ...] = (paramiko.Ed25519Key, paramiko.ECDSAKey, paramiko.RSAKey)


@contextmanager
def open_sftp(conn_id: str, source: str) -> Iterator[paramiko.SFTPClient]:
    """Connect to the server of an `sftp` connection, and to no other; close everything at the end.

    Of the connection: host, port, login, password; extras `host_key` ("ssh-ed25519 AAAA…", required), `private_key`,
    `private_key_passphrase`, `key_file`. `source` is for messages.

    Raises `ConfigurationError` for a connection that is missing, unpinned or unsafe, for a server with another key and
    for a login that is refused; `ServiceError` when the server does not answer.
    """
    connection = vendor_connection(conn_id, source)
    client = paramiko.SSHClient()
    try:
        _connect(client, connection, source)
        sftp = client.open_sftp()
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

    def refused(what: str, next_step: str) -> ConfigurationError:
        return ConfigurationError(f"{what} (connection {connection.conn_id!r})", source=source, next_step=next_step)

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
            "the server shows another host key than the pinned one",
            "ask the vendor, over another channel, whether they changed it, before changing the connection",
        ) from error
    except paramiko.AuthenticationException as error:
        raise refused("the server refuses our login", "check its user and key with the vendor") from error
    except (paramiko.SSHException, OSError, EOFError) as error:
        if "not found in known_hosts" in str(error):  # no class of its own for a key of another kind
            raise refused(
                "the server has no host key of the pinned kind", "ask the vendor for the host key that they use now"
            ) from error
        raise ServiceError(
            f"the SFTP server does not answer (connection {connection.conn_id!r})",
            source=source,
            found=type(error).__name__,
            next_step="if it stays so, ask the vendor whether the server is up and lets our address in",
        ) from error


def _pinned_key(connection: Connection, source: str) -> paramiko.PKey:
    extra: dict[str, Any] = connection.extra_dejson
    unsafe = [name for name in _UNSAFE_EXTRAS if str(extra.get(name, "false")).lower() != "false"]
    if unsafe:
        raise ConfigurationError(
            f"the connection {connection.conn_id!r} would not check who answers: {', '.join(unsafe)}",
            source=source,
            next_step="remove these extras, and pin the vendor's key as host_key",
        )
    kind, _, key = str(extra.get("host_key") or "").strip().partition(" ")
    try:
        return paramiko.PKey.from_type_string(kind, b64decode(key.split()[0]))
    except (IndexError, ValueError, paramiko.SSHException, UnknownKeyType) as error:
        raise ConfigurationError(
            f"the connection {connection.conn_id!r} does not pin the server's key",
            source=source,
            expected='an extra "host_key", such as "ssh-ed25519 AAAA..."',
            next_step="ask the vendor for the key; compare with `ssh-keyscan -t ed25519 HOST`",
        ) from error


def _private_key(connection: Connection, source: str) -> paramiko.PKey | None:
    extra: dict[str, Any] = connection.extra_dejson
    text = extra.get("private_key")
    if not text:
        return None
    for kind in _KEY_KINDS:
        try:
            return kind.from_private_key(StringIO(text), password=extra.get("private_key_passphrase"))
        except (paramiko.SSHException, ValueError):
            continue
    raise ConfigurationError(
        f"the private key of connection {connection.conn_id!r} cannot be read",
        source=source,
        expected="an OpenSSH or PEM key (Ed25519, ECDSA or RSA) and its passphrase, if it has one",
        next_step="put the key file's text into the extra private_key, line ends as \\n",
    )
