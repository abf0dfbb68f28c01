"""Uploads a stream of bytes to one key of a bucket."""

from __future__ import annotations

import zlib
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from growth_verticals.catalog.multipart import MultipartUpload, Part, checksum_text, crc32_of
from growth_verticals.catalog.service_errors import error_code, http_status
from growth_verticals.delivery import SMALL_FILE_BYTES
from growth_verticals.landing.file_errors import object_errors
from growth_verticals.landing.uris import s3_uri

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from types import TracebackType

#: S3 accepts up to 10,000 parts, each of 5 MiB to 5 GiB (user guide, "Amazon S3 multipart upload limits").
_MAX_PARTS = 10_000
#: Parts that are being uploaded while the next one is read.
_IN_FLIGHT = 2
#: The key exists (412), a concurrent completion was first (409), or this upload is already completed (404).
_KEY_TAKEN = (412, 409, 404)


def part_size_for(size: int) -> int:
    """Return the part size for a file of `size` bytes: 8 MiB, and more only above 80 GB."""
    return max(SMALL_FILE_BYTES, -(-size // _MAX_PARTS))


@dataclass(frozen=True)
class UploadedObject:
    """The object that an upload created. S3 has verified `crc32`, the CRC32 of all its bytes, as S3 writes it."""

    etag: str
    version_id: str | None
    crc32: str


class Upload:
    """An object that is being uploaded: invisible until `complete`, and aborted if the block ends before that.

    :param choose_key: called once, when the bytes need more than one request: a multipart upload starts with its key.
    :param replaces: whether it may take the place of an object that the key has.

    A process that dies in between leaves an incomplete multipart upload, which is invisible; the landing bucket's
    lifecycle rule for incomplete uploads removes it. Holds at most four parts in memory.
    """

    def __init__(self, client: Any, bucket: str, choose_key: Callable[[], str], *, replaces: bool = False) -> None:
        self.bucket = bucket
        #: None as long as all bytes fit into one request, which can go to any key.
        self.key: str | None = None
        self._client = client
        self._choose_key = choose_key
        self._condition = {} if replaces else {"IfNoneMatch": "*"}
        self._first: bytes | None = None
        self._multipart: MultipartUpload | None = None
        self._threads = ThreadPoolExecutor(_IN_FLIGHT, "upload")
        self._sending: deque[Future[Part]] = deque()
        self._parts: list[Part] = []

    def __enter__(self) -> Upload:
        return self

    def __exit__(
        self, error_type: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._threads.shutdown(cancel_futures=True)
        if self._multipart is not None:
            self._multipart.abort()

    def add(self, part: bytes) -> None:
        """Upload the next part. All but the last have the same size, 5 MiB or more. Waits while two are in flight."""
        if self._multipart is not None:
            self._send(self._multipart, part)
        elif self._first is None:
            self._first = part  # this may be the whole file, which a single PUT uploads
        else:
            self._multipart = multipart = self._start_multipart(self._choose_key())
            self._send(multipart, self._first)
            self._first = None
            self._send(multipart, part)

    def complete(self, key: str) -> UploadedObject | None:
        """Make the object visible under `key` and return it; None when that key already has an object.

        :param key: this upload's key, if it has one; otherwise the caller can try another if this one is taken.
        """
        while self._sending:
            self._await_part()
        crc32 = checksum_text(crc32_of(self._parts) if self._first is None else zlib.crc32(self._first))
        with self._errors(key):
            try:
                if self._multipart is None:
                    response = self._put(key, crc32)
                else:
                    response = self._multipart.complete(self._parts, **self._condition)
            except ClientError as error:
                if http_status(error) in _KEY_TAKEN and error_code(error) != "NoSuchBucket":
                    return None
                raise
        self._multipart = None
        return UploadedObject(response["ETag"], response.get("VersionId"), crc32)

    def _start_multipart(self, key: str) -> MultipartUpload:
        with self._errors(key):
            multipart = MultipartUpload(self._client, self.bucket, key)
        self.key = key
        return multipart

    def _send(self, multipart: MultipartUpload, part: bytes) -> None:
        if len(self._sending) == _IN_FLIGHT:
            self._await_part()
        number = len(self._parts) + len(self._sending) + 1
        self._sending.append(self._threads.submit(self._send_part, multipart, number, part))

    def _await_part(self) -> None:
        self._parts.append(self._sending.popleft().result())

    def _send_part(self, multipart: MultipartUpload, number: int, part: bytes) -> Part:
        with self._errors(self.key):
            return multipart.send(number, part)

    def _put(self, key: str, crc32: str) -> Any:
        return self._client.put_object(
            Bucket=self.bucket, Key=key, Body=self._first or b"", ChecksumCRC32=crc32, **self._condition
        )

    def _errors(self, key: str | None) -> AbstractContextManager[None]:
        return object_errors(self._client, self.bucket, s3_uri(self.bucket, key or ""))
