"""Uploads a stream of bytes to one key of a bucket."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from growth_verticals.catalog.service_errors import error_code, http_status
from growth_verticals.delivery import SMALL_FILE_BYTES
from growth_verticals.landing.file_errors import object_errors
from growth_verticals.landing.uris import s3_uri

if TYPE_CHECKING:
    from collections.abc import Callable
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
    """The object that an upload created."""

    etag: str
    version_id: str | None


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
        self._upload_id: str | None = None
        self._threads = ThreadPoolExecutor(_IN_FLIGHT, "upload")
        self._sending: deque[Future[str]] = deque()
        self._etags: list[str] = []

    def __enter__(self) -> Upload:
        return self

    def __exit__(
        self, error_type: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._threads.shutdown(cancel_futures=True)
        if self._upload_id is not None:
            self._abort(self._upload_id)

    def add(self, part: bytes) -> None:
        """Upload the next part. All but the last have the same size, 5 MiB or more. Waits while two are in flight."""
        if self._upload_id is not None:
            self._send(self._upload_id, part)
        elif self._first is None:
            self._first = part  # this may be the whole file, which a single PUT uploads
        else:
            self._upload_id = upload_id = self._start_multipart(self._choose_key())
            self._send(upload_id, self._first)
            self._first = None
            self._send(upload_id, part)

    def complete(self, key: str) -> UploadedObject | None:
        """Make the object visible under `key` and return it; None when that key already has an object.

        :param key: this upload's key, if it has one; otherwise the caller can try another if this one is taken.
        """
        while self._sending:
            self._await_part()
        with self._errors(key):
            try:
                response = self._put(key) if self._upload_id is None else self._complete(key, self._upload_id)
            except ClientError as error:
                if http_status(error) in _KEY_TAKEN and error_code(error) != "NoSuchBucket":
                    return None
                raise
        self._upload_id = None
        return UploadedObject(response["ETag"], response.get("VersionId"))

    def _start_multipart(self, key: str) -> str:
        with self._errors(key):
            response = self._client.create_multipart_upload(Bucket=self.bucket, Key=key)
        self.key = key
        return str(response["UploadId"])

    def _send(self, upload_id: str, part: bytes) -> None:
        if len(self._sending) == _IN_FLIGHT:
            self._await_part()
        number = len(self._etags) + len(self._sending) + 1
        self._sending.append(self._threads.submit(self._put_part, upload_id, number, part))

    def _await_part(self) -> None:
        self._etags.append(self._sending.popleft().result())

    def _put_part(self, upload_id: str, number: int, part: bytes) -> str:
        target = {"Bucket": self.bucket, "Key": self.key, "UploadId": upload_id}
        with self._errors(self.key):
            response = self._client.upload_part(**target, PartNumber=number, Body=part)
        return str(response["ETag"])

    def _put(self, key: str) -> Any:
        return self._client.put_object(Bucket=self.bucket, Key=key, Body=self._first or b"", **self._condition)

    def _complete(self, key: str, upload_id: str) -> Any:
        parts = [{"PartNumber": number, "ETag": etag} for number, etag in enumerate(self._etags, start=1)]
        return self._client.complete_multipart_upload(
            Bucket=self.bucket, Key=key, UploadId=upload_id, MultipartUpload={"Parts": parts}, **self._condition
        )

    def _abort(self, upload_id: str) -> None:
        with suppress(BotoCoreError, ClientError):  # it stays invisible, and the original error matters more
            self._client.abort_multipart_upload(Bucket=self.bucket, Key=self.key, UploadId=upload_id)

    def _errors(self, key: str | None) -> AbstractContextManager[None]:
        return object_errors(self._client, self.bucket, s3_uri(self.bucket, key or ""))
