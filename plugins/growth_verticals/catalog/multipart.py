"""One multipart upload, whose requests agree about checksums: S3 compares a CRC32 of each part and of the object.

S3 refuses a completion whose parts have another kind of checksum than the upload was created with (S3 user guide,
"Checking object integrity"; botocore issue 3216). boto3 adds a CRC32 to each part by itself, so the upload is created
with that algorithm, and completed with the object's CRC32 and its size: a part that is lost, doubled or in the wrong
place is refused.
"""

from __future__ import annotations

import base64
import zlib
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:
    from collections.abc import Sequence

#: The polynomial of zlib's CRC32, lowest power in the highest bit.
_POLYNOMIAL = 0xEDB88320
_ONE, _X_TO_THE_8 = 1 << 31, 1 << 23


@dataclass(frozen=True, kw_only=True)
class Part:
    """A part that the store has. Parts are numbered from 1."""

    number: int
    etag: str
    size: int
    crc32: int


class MultipartUpload:
    """An upload that was started for one key. Its object is visible after `complete` only; its methods are thread-safe.

    Every method but `abort` raises botocore's exceptions.
    """

    def __init__(self, client: Any, bucket: str, key: str) -> None:
        self._client = client
        self._target: dict[str, str] = {"Bucket": bucket, "Key": key}
        response = client.create_multipart_upload(**self._target, ChecksumAlgorithm="CRC32", ChecksumType="FULL_OBJECT")
        self._target["UploadId"] = response["UploadId"]

    def send(self, number: int, data: bytes | bytearray) -> Part:
        """Upload one part, of 5 MiB or more unless it is the last one."""
        crc32 = zlib.crc32(data)
        response = self._client.upload_part(
            **self._target, PartNumber=number, Body=data, ChecksumCRC32=checksum_text(crc32)
        )
        return Part(number=number, etag=response["ETag"], size=len(data), crc32=crc32)

    def complete(self, parts: Sequence[Part], **condition: str) -> Any:
        """Make the object of these parts, in order, visible. Return S3's response.

        :param condition: such as `IfNoneMatch="*"`.
        """
        listed = [
            {"PartNumber": part.number, "ETag": part.etag, "ChecksumCRC32": checksum_text(part.crc32)} for part in parts
        ]
        return self._client.complete_multipart_upload(
            **self._target,
            MultipartUpload={"Parts": listed},
            ChecksumType="FULL_OBJECT",
            ChecksumCRC32=checksum_text(crc32_of(parts)),
            MpuObjectSize=sum(part.size for part in parts),
            **condition,
        )

    def abort(self) -> None:
        """End the upload without an object. Never raises, because another error is on its way.

        If the store does not answer, the parts stay there, invisible, until a lifecycle rule removes them.
        """
        with suppress(BotoCoreError, ClientError):
            self._client.abort_multipart_upload(**self._target)


def checksum_text(crc32: int) -> str:
    """Return a CRC32 as S3 writes it: base64 of its four bytes, the highest one first."""
    return base64.b64encode(crc32.to_bytes(4, "big")).decode()


def crc32_of(parts: Sequence[Part]) -> int:
    """Return the CRC32 of the parts' bytes in a row, without the bytes: `zlib.crc32` of the whole object."""
    crc32 = 0
    for part in parts:
        crc32 = _multiply(_shift(part.size), crc32) ^ part.crc32
    return crc32


@cache
def _shift(size: int) -> int:
    """Return x to the power of 8 × `size`, modulo the polynomial: what `size` following bytes do to a CRC32."""
    power, square = _ONE, _X_TO_THE_8
    while size:
        if size & 1:
            power = _multiply(power, square)
        square = _multiply(square, square)
        size >>= 1
    return power


def _multiply(left: int, right: int) -> int:
    """Return the product of two polynomials over GF(2), modulo the polynomial."""
    product = 0
    while left:
        if left & _ONE:
            product ^= right
        right = right >> 1 ^ (_POLYNOMIAL if right & 1 else 0)
        left = left << 1 & 0xFFFFFFFF
    return product
