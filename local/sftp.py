"""The vendors' SFTP server. Each vendor has one user, which logs in with its ed25519 key and sees only its own folder.

Run as `python -m local.sftp`; settings come from `GV_LOCAL_*`. There is no shell, no forwarding and no password login.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import asyncssh

from local.keys import Keys, public_key
from local.settings import HOST, OUTGOING, SFTP_VENDORS, Settings

if TYPE_CHECKING:
    from pathlib import Path


def root_folder(settings: Settings, user: str) -> Path:
    """Return the folder that `user` sees as `/`."""
    return settings.state / "sftp" / user


def create_folders(settings: Settings) -> None:
    """Create the folder `/outgoing` of each user."""
    for user in SFTP_VENDORS:
        (root_folder(settings, user) / OUTGOING).mkdir(parents=True, exist_ok=True)


class _Authentication(asyncssh.SSHServer):
    def __init__(self, authorized: dict[str, asyncssh.SSHAuthorizedKeys]) -> None:
        self._authorized = authorized
        self._connection: asyncssh.SSHServerConnection | None = None

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._connection = conn

    def begin_auth(self, username: str) -> bool:
        if self._connection is not None and username in self._authorized:
            self._connection.set_authorized_keys(self._authorized[username])
        return True


class _ChrootedSftp(asyncssh.SFTPServer):
    settings: Settings

    def __init__(self, chan: asyncssh.SSHServerChannel[bytes]) -> None:
        user = chan.get_extra_info("username")
        super().__init__(chan, chroot=str(root_folder(self.settings, user)).encode())


async def serve(settings: Settings) -> None:
    """Listen until canceled."""
    keys = Keys.load_or_generate(settings.state)
    authorized = {user: asyncssh.import_authorized_keys(public_key(key)) for user, key in keys.sftp.items()}
    create_folders(settings)
    _ChrootedSftp.settings = settings
    server = await asyncssh.listen(
        HOST,
        settings.sftp_port,
        server_factory=lambda: _Authentication(authorized),
        server_host_keys=[asyncssh.import_private_key(keys.sftp_host)],
        sftp_factory=_ChrootedSftp,
        allow_scp=False,
        password_auth=False,
        kbdint_auth=False,
        gss_host=None,
    )
    async with server:
        await server.wait_closed()


if __name__ == "__main__":
    asyncio.run(serve(Settings.from_environment()))
