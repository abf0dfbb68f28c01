"""A stream that uploads to one key of a bucket, part by part: a part that fails is sent again, and nothing else."""

from __future__ import annotations

import zlib
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from growth_verticals.catalog.multipart import MultipartUpload, Part, checksum_text
from growth_verticals.catalog.service_errors import error_code

if TYPE_CHECKING:
    from types import TracebackType

#: S3 accepts up to 10,000 parts: 100 GB. A table's files are half a GB.
PART_BYTES = 10 * 2**20


class UploadStream:
    """The bytes of one object, which is visible after `close` only. For one thread at a time.

    The client sends a part up to ten times (`account.shared_client`), which is why it is kept until the store has it.
    Memory: one part, and the longest write. Raises botocore's exceptions; after one, as after an exception in the
    `with` block, the upload is aborted and the store keeps nothing.

    :param key: new for every object, such as one with a UUID: nothing else may write to it.
    """

    def __init__(self, client: Any, bucket: str, key: str) -> None:
        self._client = client
        self._target = {"Bucket": bucket, "Key": key}
        self._part = bytearray()
        self._sent_bytes = 0
        self._multipart: MultipartUpload | None = None
        self._parts: list[Part] = []
        self.closed = False
        self._aborted = False

    def __enter__(self) -> UploadStream:
        return self

    def __exit__(
        self, error_type: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self.close()
        else:
            self.abort()

    def tell(self) -> int:
        return self._sent_bytes + len(self._part)

    def write(self, data: Any) -> int:
        """Add bytes, from any object with a buffer. Uploads a part when there are enough.

        Does nothing after `abort`: Arrow writes the end of a Parquet file even after an error, and then `close` raises.
        """
        with memoryview(data) as view:
            if not self._aborted:
                self._part += view
                if len(self._part) >= PART_BYTES:
                    self._send_part()
            return view.nbytes

    def flush(self) -> None:
        """Do nothing: only a part or the end of the stream can be sent."""

    def close(self) -> None:
        """Send the rest and make the object visible. Does nothing the second time; raises `OSError` after `abort`."""
        if self._aborted:
            raise OSError("the upload was aborted")
        if self.closed:
            return
        try:
            if self._multipart is None:
                checksum = checksum_text(zlib.crc32(self._part))
                self._client.put_object(**self._target, Body=self._part, ChecksumCRC32=checksum)
            else:
                if self._part:
                    self._send_part()
                self._complete(self._multipart)
        except BaseException:
            self.abort()
            raise
        self.closed = True
        self._part = bytearray()

    def abort(self) -> None:
        """Discard what was written and end the upload. Never raises, because another error is on its way.

        Maintenance does not see the parts of an unfinished upload. So if the store does not answer, they remain there.
        """
        if self.closed:
            return
        self.closed = self._aborted = True
        self._part = bytearray()
        if self._multipart is not None:
            self._multipart.abort()

    def _send_part(self) -> None:
        try:
            if self._multipart is None:
                self._multipart = MultipartUpload(self._client, self._target["Bucket"], self._target["Key"])
            self._parts.append(self._multipart.send(len(self._parts) + 1, self._part))
        except BaseException:
            self.abort()
            raise
        self._sent_bytes += len(self._part)
        self._part = bytearray()

    def _complete(self, multipart: MultipartUpload) -> None:
        try:
            multipart.complete(self._parts)
        except ClientError as error:
            # The client sends the request again if its answer is lost; some stores then no longer know the upload.
            if error_code(error) != "NoSuchUpload" or not self._is_complete():
                raise

    def _is_complete(self) -> bool:
        with suppress(ClientError):  # without permission to list, S3 answers 403 if there is no object
            size: int = self._client.head_object(**self._target)["ContentLength"]
            return size == self._sent_bytes
        return False
