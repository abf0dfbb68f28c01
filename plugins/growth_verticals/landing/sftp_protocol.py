"""What paramiko does not do: give up on a server that stalls, list any folder, stream a file in bounded memory.

The last two speak SFTP version 3 through an open `paramiko.SFTPClient`, with its private methods for single requests
and responses (`_request`, `_async_request`, `_read_response`). They raise the same exceptions as those methods.
"""

from __future__ import annotations

import threading
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from growth_verticals.landing.uris import decode_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    import paramiko

#: Every SFTP server supports reads of 32 KiB (draft-ietf-secsh-filexfer-02, section 3); 64 of them fill paramiko's
#: window of 2 MiB.
_REQUEST_SIZE = 2**15
_REQUESTS_IN_FLIGHT = 64


def start_session(transport: paramiko.Transport, within_s: float) -> paramiko.SFTPClient:
    """Start an SFTP session on a connection whose login has succeeded.

    paramiko waits forever for a server that stalls here, so the connection is closed after `within_s`. Raises
    `TimeoutError` then, and otherwise what paramiko raises.
    """
    import paramiko

    is_late = threading.Event()

    def give_up() -> None:
        is_late.set()
        transport.close()

    timer = threading.Timer(within_s, give_up)
    timer.daemon = True
    timer.start()
    try:
        client = paramiko.SFTPClient.from_transport(transport)
    except (paramiko.SSHException, OSError, EOFError) as error:
        if is_late.is_set():
            raise TimeoutError("the server starts no SFTP session") from error
        raise
    finally:
        timer.cancel()
    if client is None:
        raise paramiko.SSHException("the server opens no channel")
    return client


def read_folder(client: Any, path: bytes) -> Iterator[tuple[bytes, paramiko.SFTPAttributes]]:
    """Yield each entry's name and attributes. paramiko's `listdir_attr` fails on the first name that is not UTF-8."""
    import paramiko
    from paramiko import sftp

    attributes_of: Any = paramiko.SFTPAttributes._from_msg  # type: ignore[attr-defined]  # noqa: SLF001
    request = client._request  # noqa: SLF001
    handle = request(sftp.CMD_OPENDIR, path)[1].get_binary()
    while True:
        try:
            _, response = request(sftp.CMD_READDIR, handle)
        except EOFError:
            break
        for _ in range(response.get_int()):
            name, longname = response.get_string(), response.get_string()
            yield name, attributes_of(response, decode_name(name), decode_name(longname))
    request(sftp.CMD_CLOSE, handle)


class SftpReader:
    """Reads a file with many requests in flight, and returns the responses in order.

    paramiko's own prefetch is not used: its thread continues after an error or a close, and when a server returns less
    than was requested, it reads the rest of the file into memory. Holds 2 MiB.

    :param size: the file's size as listed; at most one byte more is read.
    """

    def __init__(self, client: Any, path: bytes, size: int) -> None:
        from paramiko import SFTPAttributes
        from paramiko.sftp import CMD_OPEN, SFTP_FLAG_READ

        self._client = client
        self._handle = client._request(CMD_OPEN, path, SFTP_FLAG_READ, SFTPAttributes())[1].get_binary()  # noqa: SLF001
        self._unrequested = range(0, size + 1, _REQUEST_SIZE)  # one byte more, to detect that the file has grown
        self._end = size + 1
        self._in_flight: deque[tuple[int, int, int]] = deque()
        self._responses: dict[int, tuple[int, Any]] = {}

    def read(self, limit: int) -> bytes:  # noqa: ARG002
        """Return the next response's data; no bytes at the end. `limit` must be at least a request's size."""
        from paramiko.sftp import SFTPError

        while self._unrequested and len(self._in_flight) < _REQUESTS_IN_FLIGHT:
            offset, self._unrequested = self._unrequested[0], self._unrequested[1:]
            self._in_flight.append(self._send_request(offset, min(_REQUEST_SIZE, self._end - offset)))
        if not self._in_flight:
            return b""
        number, offset, length = self._in_flight.popleft()
        data = self._receive(number)
        if len(data) > length:
            raise SFTPError("the server returned more bytes than were requested")
        if not data:
            self._in_flight.clear()
            self._unrequested = range(0)
        elif len(data) < length:
            self._in_flight.appendleft(self._send_request(offset + len(data), length - len(data)))
        return data

    def close(self) -> None:
        """Send the close request without waiting for the response: the server may have stalled."""
        from paramiko import SSHException
        from paramiko.sftp import CMD_CLOSE

        with suppress(SSHException, EOFError, OSError):
            self._client._async_request(type(None), CMD_CLOSE, self._handle)  # noqa: SLF001

    def _send_request(self, offset: int, length: int) -> tuple[int, int, int]:
        from paramiko.sftp import CMD_READ, int64

        number = self._client._async_request(self, CMD_READ, self._handle, int64(offset), length)  # noqa: SLF001
        return number, offset, length

    def _receive(self, number: int) -> bytes:
        from paramiko.sftp import CMD_STATUS

        while number not in self._responses:
            self._client._read_response()  # noqa: SLF001
        message_type, message = self._responses.pop(number)
        if message_type == CMD_STATUS:
            with suppress(EOFError):
                self._client._convert_status(message)  # noqa: SLF001
            return b""
        data: bytes = message.get_binary()
        return data

    def _async_response(self, message_type: int, message: Any, number: int) -> None:
        """Store a response. paramiko calls this method by name."""
        self._responses[number] = (message_type, message)
