"""`./gv local serve`: the stand-in for other machines and containers.

Its servers listen on loopback. This process accepts connections on the machine's other address, on the same ports, and
passes their bytes on.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from contextlib import suppress
from typing import TYPE_CHECKING

from local import standin
from local.settings import HOST, StandInError

if TYPE_CHECKING:
    from local.settings import Settings

_CHUNK_BYTES = 1 << 16


def serve(settings: Settings) -> int:
    """Start the stand-in, and accept connections from elsewhere until SIGTERM or Ctrl-C. Then stop it, and return 0.

    They are accepted on the address of the machine's own name, or on `GV_LOCAL_ADDRESS`. Raises `StandInError` if that
    is loopback's, where the servers are.
    """
    address = os.environ.get("GV_LOCAL_ADDRESS") or socket.gethostbyname(socket.gethostname())
    if address == HOST:
        raise StandInError(
            f"the name of this machine has the address {HOST}, which other machines cannot reach. "
            "Next: set GV_LOCAL_ADDRESS to an address of this machine."
        )
    standin.up(settings)
    try:
        asyncio.run(_forward(address, (settings.s3_port, settings.gateway_port, settings.sftp_port)))
    finally:
        standin.down(settings)
    return 0


async def _forward(address: str, ports: tuple[int, ...]) -> None:
    stopped = asyncio.Event()
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(signal_number, stopped.set)
    servers = [await _listen(address, port) for port in ports]
    print(f"serving on {address}, ports {', '.join(map(str, ports))}", flush=True)
    await stopped.wait()
    for server in servers:
        server.close()


async def _listen(address: str, port: int) -> asyncio.Server:
    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            server_reader, server_writer = await asyncio.open_connection(HOST, port)
        except OSError:
            writer.close()
            return
        await asyncio.gather(_copy(reader, server_writer), _copy(server_reader, writer))
        for each in (writer, server_writer):
            each.close()

    return await asyncio.start_server(accept, address, port)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Copy one direction to its end, and pass the end on: the other direction can go on after it."""
    with suppress(OSError):
        while chunk := await reader.read(_CHUNK_BYTES):
            writer.write(chunk)
            await writer.drain()
    with suppress(OSError):
        writer.write_eof()
