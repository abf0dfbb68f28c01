"""OpenPGP keys, from Airflow's connections."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from growth_verticals.errors import ConfigurationError
from growth_verticals.hooks.account import vendor_connection

if TYPE_CHECKING:
    from growth_verticals.files.unpack.pgp import Key, KeyFinder


def keys_of(source: str) -> KeyFinder:
    """Return what finds the keys that a source's declaration names.

    A key is a connection of type *generic*: its extra `key` is the armored private key or certificate, its password
    the key's passphrase, if it has one. The finder raises `ConfigurationError` that says how to make a missing one.
    """

    def find(name: str) -> Key:
        from growth_verticals.files.unpack.pgp import Key

        connection = vendor_connection(name, source)
        extra: dict[str, Any] = connection.extra_dejson
        armored = extra.get("key")
        if not isinstance(armored, str):
            raise ConfigurationError(
                f"the connection {name!r} holds no key",
                source=source,
                expected="an armored key as extra `key`",
                next_step="put what `gpg --armor --export` (a signer's) or `--export-secret-keys` (ours) writes there",
            )
        return Key(armored.encode(), connection.password or None)

    return find
