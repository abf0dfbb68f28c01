"""A vendor's SFTP server with failures that a test can set, and a vendor's bucket."""

from __future__ import annotations

import asyncio
import threading
import uuid
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import asyncssh
import paramiko
import pytest

from growth_verticals.account import Account
from growth_verticals.landing.origins import S3Origin, SftpOrigin


class VendorServer:
    """An SFTP server on loopback whose `/` is `root`.

    :ivar before_read: awaited before every read, with the connection, the file's name, the offset and the requested
        size. It returns the size to read, or the bytes to send instead.
    :ivar refuses_logins: whether every login fails.
    :ivar drops_sessions: whether the connection is dropped when an SFTP session starts.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.before_read: Callable[[Any, str, int, int], Awaitable[int | bytes]] | None = None
        self.key = asyncssh.generate_private_key("ssh-ed25519")
        self.refuses_logins = False
        self.drops_sessions = False
        self.port = 0
        self._connections: list[asyncssh.SSHServerConnection] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)

    def __enter__(self) -> VendorServer:
        self._thread.start()
        self.listen()
        return self

    def listen(self) -> None:
        """Accept connections, again on the same port after `hang_up`."""
        self._listener = asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result()
        self.port = self._listener.get_port()

    def hang_up(self) -> None:
        """Drop all connections and accept no more."""
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result()

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @contextmanager
    def origin(self, stalled_after_s: float = 30.0) -> Iterator[SftpOrigin]:
        """Yield an origin with its own connection, which verifies the server's host key."""
        with paramiko.Transport(("127.0.0.1", self.port)) as transport:
            transport.connect(hostkey=paramiko.Ed25519Key(file_obj=_as_file(self.key)))
            transport.auth_none("vendor")
            client = paramiko.SFTPClient.from_transport(transport)
            assert client is not None
            yield SftpOrigin(client, "sftp_vendor", stalled_after_s=stalled_after_s)

    async def _listen(self) -> asyncssh.SSHAcceptor:
        server = self

        class NoAuthentication(asyncssh.SSHServer):
            def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
                server._connections.append(conn)

            def begin_auth(self, username: str) -> bool:
                return server.refuses_logins

        class Sftp(asyncssh.SFTPServer):
            def __init__(self, channel: asyncssh.SSHServerChannel[bytes]) -> None:
                super().__init__(channel, chroot=bytes(server.root))
                if server.drops_sessions:
                    channel.get_connection().abort()

            async def read(self, file_obj: Any, offset: int, size: int) -> bytes:
                if server.before_read is not None:
                    name = Path(file_obj.name if isinstance(file_obj.name, str) else file_obj.name.decode()).name
                    result = await server.before_read(self.connection, name, offset, size)
                    if isinstance(result, bytes):
                        return result
                    size = result
                return super().read(file_obj, offset, size)

        return await asyncssh.listen(
            "127.0.0.1",
            self.port,
            server_factory=NoAuthentication,
            server_host_keys=[self.key],
            sftp_factory=Sftp,
            allow_scp=False,
        )

    async def _close(self) -> None:
        self._listener.close()
        for connection in self._connections:
            connection.abort()
            await connection.wait_closed()
        self._connections.clear()

    async def _stop(self) -> None:
        await self._close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)


def _as_file(key: asyncssh.SSHKey) -> Any:
    import io

    return io.StringIO(key.export_private_key().decode())


@pytest.fixture
def vendor(tmp_path: Path) -> Iterator[VendorServer]:
    (tmp_path / "vendor").mkdir()
    with VendorServer(tmp_path / "vendor") as server:
        yield server


@pytest.fixture
def sftp(vendor: VendorServer) -> Iterator[SftpOrigin]:
    with vendor.origin() as origin:
        yield origin


class VendorBucket:
    """A folder of the landing bucket that represents a vendor's bucket."""

    def __init__(self, account: Account) -> None:
        self.client = account.client("s3")
        self.bucket = account.landing_uri.removeprefix("s3://").partition("/")[0]
        self.folder = f"vendor-{uuid.uuid4().hex}/"
        self.origin = S3Origin(self.client, self.bucket)

    def put(self, name: str, data: bytes) -> None:
        self.client.put_object(Bucket=self.bucket, Key=self.folder + name, Body=data)

    def delete(self, name: str) -> None:
        self.client.delete_object(Bucket=self.bucket, Key=self.folder + name)


@pytest.fixture
def vendor_bucket(account: Account) -> VendorBucket:
    return VendorBucket(account)
