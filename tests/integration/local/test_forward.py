"""`./gv local serve` passes bytes on, in both directions and with the end of each."""

from __future__ import annotations

import asyncio

from local.forward import _listen
from local.settings import HOST

#: Another address of this machine, as a container has one.
ADDRESS = "127.0.0.2"


async def exchange(sent: bytes) -> bytes:
    """Send bytes through the forwarder to a server that reads all of them and then answers with them."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.read())
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, HOST) as server:
        port: int = server.sockets[0].getsockname()[1]
        async with await _listen(ADDRESS, port):
            reader, writer = await asyncio.open_connection(ADDRESS, port)
            writer.write(sent)
            writer.write_eof()
            received = await reader.read()
            writer.close()
            await writer.wait_closed()
            return received


def test_bytes_and_the_end_of_them_arrive_in_both_directions() -> None:
    sent = bytes(range(256)) * 4096
    assert asyncio.run(exchange(sent)) == sent


async def connect_without_server() -> bytes:
    async with await asyncio.start_server(lambda _reader, _writer: None, HOST) as server:
        port: int = server.sockets[0].getsockname()[1]
    async with await _listen(ADDRESS, port):
        reader, writer = await asyncio.open_connection(ADDRESS, port)
        received = await reader.read()
        writer.close()
        await writer.wait_closed()
        return received


def test_a_connection_is_closed_if_the_server_is_not_there() -> None:
    assert asyncio.run(connect_without_server()) == b""
