"""What paramiko does not do: list a folder whose names need not be UTF-8, and stream a file in bounded memory.

Both speak SFTP version 3 through an open `paramiko.SFTPClient`, by its own private methods for one request and one
answer (`_request`, `_async_request`, `_read_response`). They raise what those raise.
"""

from __future__ import annotations

from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from growth_verticals.landing.uris import text_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    import paramiko

#: Every SFTP server answers a read of 32 KiB (draft-ietf-secsh-filexfer-02, section 3); 64 of them fill paramiko's
#: window of 2 MiB.
_REQUEST_SIZE = 2**15
_REQUESTS_IN_FLIGHT = 64


def read_folder(client: Any, path: bytes) -> Iterator[tuple[bytes, paramiko.SFTPAttributes]]:
    """Yield name and attributes of a folder's entries; `listdir_attr` fails on the first name that is not UTF-8."""
    import paramiko
    from paramiko import sftp

    attributes_of: Any = paramiko.SFTPAttributes._from_msg  # type: ignore[attr-defined]  # noqa: SLF001
    request = client._request  # noqa: SLF001
    handle = request(sftp.CMD_OPENDIR, path)[1].get_binary()
    while True:
        try:
            _, answer = request(sftp.CMD_READDIR, handle)
        except EOFError:
            break
        for _ in range(answer.get_int()):
            name, longname = answer.get_string(), answer.get_string()
            yield name, attributes_of(answer, text_of(name), text_of(longname))
    request(sftp.CMD_CLOSE, handle)


class SftpReader:
    """Reads a file with as many requests in flight as the connection carries, and takes the answers in order.

    paramiko's own prefetch is not used: it goes on in a thread of its own after an error or a close, and where a
    server answers with less than was asked it takes the rest of the file into memory. Holds 2 MiB.

    :param size: bytes that the file was listed with; no more than one beyond them is read.
    """

    def __init__(self, client: Any, path: bytes, size: int) -> None:
        from paramiko import SFTPAttributes
        from paramiko.sftp import CMD_OPEN, SFTP_FLAG_READ

        self._client = client
        self._handle = client._request(CMD_OPEN, path, SFTP_FLAG_READ, SFTPAttributes())[1].get_binary()  # noqa: SLF001
        self._unasked = range(0, size + 1, _REQUEST_SIZE)  # one byte more, to see whether the file has grown
        self._end = size + 1
        self._asked: deque[tuple[int, int, int]] = deque()
        self._answers: dict[int, tuple[int, Any]] = {}

    def read(self, limit: int) -> bytes:  # noqa: ARG002
        """Return what the next answer brings, nothing at the end. `limit` must be no less than a request's size."""
        from paramiko.sftp import SFTPError

        while self._unasked and len(self._asked) < _REQUESTS_IN_FLIGHT:
            offset, self._unasked = self._unasked[0], self._unasked[1:]
            self._asked.append(self._ask(offset, min(_REQUEST_SIZE, self._end - offset)))
        if not self._asked:
            return b""
        number, offset, length = self._asked.popleft()
        data = self._answer(number)
        if len(data) > length:
            raise SFTPError("the server answered with more than was asked")
        if not data:
            self._asked.clear()
            self._unasked = range(0)
        elif len(data) < length:
            self._asked.appendleft(self._ask(offset + len(data), length - len(data)))
        return data

    def close(self) -> None:
        """Tell the server, and wait for nothing: it may have stalled."""
        from paramiko import SSHException
        from paramiko.sftp import CMD_CLOSE

        with suppress(SSHException, EOFError, OSError):
            self._client._async_request(type(None), CMD_CLOSE, self._handle)  # noqa: SLF001

    def _ask(self, offset: int, length: int) -> tuple[int, int, int]:
        from paramiko.sftp import CMD_READ, int64

        number = self._client._async_request(self, CMD_READ, self._handle, int64(offset), length)  # noqa: SLF001
        return number, offset, length

    def _answer(self, number: int) -> bytes:
        from paramiko.sftp import CMD_STATUS

        while number not in self._answers:
            self._client._read_response()  # noqa: SLF001
        kind, message = self._answers.pop(number)
        if kind == CMD_STATUS:
            with suppress(EOFError):
                self._client._convert_status(message)  # noqa: SLF001
            return b""
        data: bytes = message.get_binary()
        return data

    def _async_response(self, kind: int, message: Any, number: int) -> None:
        """Take an answer; paramiko calls this by its name."""
        self._answers[number] = (kind, message)
