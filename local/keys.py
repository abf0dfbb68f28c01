"""The stand-in's secrets: S3 key pairs and SSH keys, generated at the first start and stored with mode 0600."""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from local.settings import S3_VENDORS, SFTP_VENDORS

if TYPE_CHECKING:
    from pathlib import Path

#: Owner of the key pair that only the gateway uses, for its requests to the store.
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
    :param sftp_host: private host key of the SFTP server.
    """

    pairs: dict[str, KeyPair]
    sftp: dict[str, str]
    sftp_host: str

    @classmethod
    def load_or_generate(cls, state: Path) -> Keys:
        """Return the secrets stored in the folder `state`. Generate and store them if there are none."""
        path = state / "keys.json"
        if not path.exists():
            state.mkdir(parents=True, exist_ok=True, mode=0o700)
            write_private(path, json.dumps(asdict(cls._generate()), indent=1))
        stored = json.loads(path.read_text())
        return cls(
            pairs={owner: KeyPair(**pair) for owner, pair in stored["pairs"].items()},
            sftp=stored["sftp"],
            sftp_host=stored["sftp_host"],
        )

    @classmethod
    def _generate(cls) -> Keys:
        return cls(
            pairs={owner: new_pair() for owner in (STORE_ADMIN, PLATFORM, *S3_VENDORS)},
            sftp={user: _new_ssh_key(user) for user in SFTP_VENDORS},
            sftp_host=_new_ssh_key("sftp-host"),
        )


def public_key(private_key: str) -> str:
    """Return the public key of an OpenSSH private key, as `ssh-ed25519 AAAA...`."""
    import asyncssh

    algorithm, key = asyncssh.import_private_key(private_key).export_public_key().decode().split()[:2]
    return f"{algorithm} {key}"


def write_private(path: Path, text: str) -> None:
    """Write a file atomically, readable only by its owner."""
    temporary = path.with_suffix(".part")
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
    temporary.replace(path)


def new_pair() -> KeyPair:
    """Return a key pair that nobody has."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
    return KeyPair(
        access_key="GVLOCAL" + "".join(secrets.choice(alphabet) for _ in range(13)),
        secret_key=secrets.token_urlsafe(30),
    )


def _new_ssh_key(comment: str) -> str:
    import asyncssh

    return asyncssh.generate_private_key("ssh-ed25519", comment=comment).export_private_key().decode()
