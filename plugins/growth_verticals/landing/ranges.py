"""A bucket's object as a seekable file."""

from __future__ import annotations

import errno
import io
from typing import Any, BinaryIO

from growth_verticals.errors import TransferError
from growth_verticals.landing.file_errors import object_errors
from growth_verticals.landing.uris import s3_uri

_BUFFER = 2**20
_ATTEMPTS = 3


def open_object(client: Any, bucket: str, key: str, size: int, etag: str, body: Any = None) -> BinaryIO:
    """Return an object of `size` bytes as a seekable stream, which is a context manager and not thread-safe.

    :param body: of an answer that has the object from its start, if one is there already.

    Reading on costs one request in all, reading elsewhere one request each; a broken connection is taken up again
    where it broke. Holds 1 MiB. Raises `TransferError` when the object no longer has this ETag.
    """
    return io.BufferedReader(_RangeReader(client, bucket, key, size, etag, body), _BUFFER)


class _RangeReader(io.RawIOBase):
    def __init__(self, client: Any, bucket: str, key: str, size: int, etag: str, body: Any) -> None:
        self._client = client
        self._bucket = bucket
        self._key = key
        self._size = size
        self._etag = etag
        self._at = 0
        self._body = body  # of an answer whose next byte is the one at self._at

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        target = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        if target < 0:
            raise OSError(errno.EINVAL, "a seek before the start")  # as a file does; zipfile relies on it
        if target != self._at:
            self._drop()
            self._at = target
        return target

    def readinto(self, buffer: Any) -> int:
        wanted = min(len(buffer), self._size - self._at)
        if wanted <= 0:
            return 0
        data = self._read(wanted)
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)

    def close(self) -> None:
        self._drop()
        super().close()

    def _read(self, wanted: int) -> bytes:
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                with object_errors(self._client, self._bucket, s3_uri(self._bucket, self._key)):
                    return self._read_once(wanted)
            except TransferError:
                self._drop()
                if attempt == _ATTEMPTS:
                    raise
        raise AssertionError("unreachable")

    def _read_once(self, wanted: int) -> bytes:
        if self._body is None:
            answer = self._client.get_object(
                Bucket=self._bucket, Key=self._key, Range=f"bytes={self._at}-", IfMatch=self._etag
            )
            self._body = answer["Body"]
        data: bytes = self._body.read(wanted)
        return data

    def _drop(self) -> None:
        if self._body is not None:
            self._body.close()
            self._body = None
