"""The stand-in's secrets: S3 key pairs and SSH keys, generated on the first start and kept 0600 in its state."""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from local.settings import S3_VENDORS, SFTP_VENDORS

if TYPE_CHECKING:
    from pathlib import Path

#: Name of the key pair that the gateway alone uses, to act on the store for whoever it let through.
STORE_ADMIN = "store-admin"
PLATFORM = "platform"


@dataclass(frozen=True, kw_only=True)
class KeyPair:
    """An access key id and its secret."""

    access_key: str
    secret_key: str


@dataclass(frozen=True, kw_only=True)
class Keys:
    """All secrets of one stand-in.

    :param pairs: S3 key pairs by owner: `store-admin`, `platform` and each S3 vendor.
    :param sftp: private keys (OpenSSH text) by SFTP user.
    :param sftp_host: the SFTP server's private host key.
    """

    pairs: dict[str, KeyPair]
    sftp: dict[str, str]
    sftp_host: str

    @classmethod
    def of(cls, state: Path) -> Keys:
        """Return the secrets kept in `state`; generate them the first time."""
        path = state / "keys.json"
        if not path.exists():
            state.mkdir(parents=True, exist_ok=True, mode=0o700)
            write_private(path, json.dumps(asdict(cls._generated()), indent=1))
        kept = json.loads(path.read_text())
        return cls(
            pairs={owner: KeyPair(**pair) for owner, pair in kept["pairs"].items()},
            sftp=kept["sftp"],
            sftp_host=kept["sftp_host"],
        )

    @classmethod
    def _generated(cls) -> Keys:
        return cls(
            pairs={owner: _new_pair() for owner in (STORE_ADMIN, PLATFORM, *S3_VENDORS)},
            sftp={user: _new_ssh_key(user) for user in SFTP_VENDORS},
            sftp_host=_new_ssh_key("sftp-host"),
        )


def public_key(private_key: str) -> str:
    """Return the public half of an OpenSSH private key, as `ssh-ed25519 AAAA...`."""
    import asyncssh

    kind, key = asyncssh.import_private_key(private_key).export_public_key().decode().split()[:2]
    return f"{kind} {key}"


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner may read; whole or not at all."""
    part = path.with_suffix(".part")
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
    part.replace(path)


def _new_pair() -> KeyPair:
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
    return KeyPair(
        access_key="GVLOCAL" + "".join(secrets.choice(alphabet) for _ in range(13)),
        secret_key=secrets.token_urlsafe(30),
    )


def _new_ssh_key(comment: str) -> str:
    import asyncssh

    return asyncssh.generate_private_key("ssh-ed25519", comment=comment).export_private_key().decode()
