"""An S3 object as a seekable file."""

from __future__ import annotations

import errno
import io
from typing import Any, BinaryIO

from growth_verticals.errors import FileChangedError, TransferError
from growth_verticals.landing.file_errors import object_errors
from growth_verticals.landing.uris import s3_uri

_BUFFER = 2**20
_ATTEMPTS = 3


def open_object(client: Any, bucket: str, key: str, size: int, etag: str, body: Any = None) -> BinaryIO:
    """Return an object of `size` bytes as a seekable stream: a context manager, not thread-safe.

    :param body: the body of a response that starts at the object's first byte, if the caller has one.

    Reading from start to end costs one request, and every seek one more. After a broken connection,
    reading resumes at the same byte. Holds 1 MiB. Raises `FileChangedError` when the object no longer has this ETag.
    """
    return io.BufferedReader(_RangeReader(client, bucket, key, size, etag, body), _BUFFER)


class _RangeReader(io.RawIOBase):
    def __init__(self, client: Any, bucket: str, key: str, size: int, etag: str, body: Any) -> None:
        self._client = client
        self._bucket = bucket
        self._key = key
        self._size = size
        self._etag = etag
        self._position = 0
        self._body = body  # its next byte is the one at self._position

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        target = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        if target < 0:
            raise OSError(errno.EINVAL, "a seek to a negative position")  # as a regular file does; zipfile relies on it
        if target != self._position:
            self._close_body()
            self._position = target
        return target

    def readinto(self, buffer: Any) -> int:
        length = min(len(buffer), self._size - self._position)
        if length <= 0:
            return 0
        data = self._read(length)
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)

    def close(self) -> None:
        self._close_body()
        super().close()

    def _read(self, length: int) -> bytes:
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                with object_errors(self._client, self._bucket, s3_uri(self._bucket, self._key)):
                    return self._read_once(length)
            except FileChangedError:
                raise
            except TransferError:
                self._close_body()
                if attempt == _ATTEMPTS:
                    raise
        raise AssertionError("unreachable")

    def _read_once(self, length: int) -> bytes:
        if self._body is None:
            response = self._client.get_object(
                Bucket=self._bucket, Key=self._key, Range=f"bytes={self._position}-", IfMatch=self._etag
            )
            self._body = response["Body"]
        data: bytes = self._body.read(length)
        return data

    def _close_body(self) -> None:
        if self._body is not None:
            self._body.close()
            self._body = None
