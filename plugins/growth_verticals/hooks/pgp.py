"""OpenPGP keys from Airflow connections."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from growth_verticals.errors import ConfigurationError
from growth_verticals.hooks.account import vendor_connection

if TYPE_CHECKING:
    from growth_verticals.files.unpack.pgp import Key, KeyFinder


def key_finder_for(source: str) -> KeyFinder:
    """Return the function that finds the keys that a source's declaration names.

    A key is a connection of type *generic*. Its extra `key` is the armored private key or certificate; its password is
    the key's passphrase, if there is one. The function raises `ConfigurationError` that says how to add a missing key.
    """

    def find(name: str) -> Key:
        from growth_verticals.files.unpack.pgp import Key

        connection = vendor_connection(name, source)
        extra: dict[str, Any] = connection.extra_dejson
        armored = extra.get("key")
        if not isinstance(armored, str):
            raise ConfigurationError(
                f"the connection {name!r} contains no key",
                source=source,
                expected="an armored key as extra `key`",
                next_step="enter the output of `gpg --armor --export` (a signer) or `--export-secret-keys` (our key)",
            )
        return Key(armored.encode(), connection.password or None)

    return find
