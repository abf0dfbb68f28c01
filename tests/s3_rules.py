"""What AWS's S3 refuses and SeaweedFS accepts: rules for the requests that write objects.

From the S3 API reference (CreateMultipartUpload, UploadPart, CompleteMultipartUpload, PutObject) and the S3 user guide
("Checking object integrity", "Amazon S3 multipart upload limits", "Conditional writes"). The texts of the refusals are
those that clients of AWS report (apache/opendal 4533 and 4580, aws-sdk-php 2648).
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit
from xml.etree import ElementTree as ET

MIN_PART_BYTES = 5 * 2**20
_CHECKSUM = "x-amz-checksum-"


class S3RefusedError(Exception):
    """S3's answer to a request that breaks a rule."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(f"{code}: {text}")
        self.code = code


@dataclass
class _Upload:
    algorithm: str | None
    type: str | None
    parts: dict[int, bytes] = field(default_factory=dict)
    crcs: dict[int, str] = field(default_factory=dict)


class S3Rules:
    """Checks each request of the uploads to one bucket; one that breaks a rule raises `S3RefusedError`.

    :param sse: the encryption header that an organization's policy demands, such as `aws:kms`.
    """

    def __init__(self, sse: str | None = None) -> None:
        self._sse = sse
        self._uploads: dict[str, _Upload] = {}
        self.objects: dict[str, bytes] = {}
        self.requests: list[tuple[str, str]] = []

    def check(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> None:
        parts = urlsplit(url)
        query = parse_qs(parts.query, keep_blank_values=True)
        headers = {name.lower(): value for name, value in headers.items()}
        self.requests.append((method, url))
        self.last_headers = headers
        if method == "POST" and "uploads" in query:
            self._create(parts.path, headers)
        elif method == "PUT" and "uploadId" in query:
            self._part(query["uploadId"][0], int(query["partNumber"][0]), headers, body)
        elif method == "POST" and "uploadId" in query:
            self._complete(parts.path, query["uploadId"][0], headers, body)
        elif method == "PUT" and not query:
            self._put(parts.path, headers, body)

    def name_upload(self, path: str, upload_id: str) -> None:
        """Note the id that the store gave the upload of this path."""
        self._uploads[upload_id] = self._uploads.pop(path)

    def _create(self, path: str, headers: Mapping[str, str]) -> None:
        algorithm, kind = headers.get(f"{_CHECKSUM}algorithm"), headers.get(f"{_CHECKSUM}type")
        if kind is not None and algorithm is None:
            raise S3RefusedError("InvalidRequest", "a checksum type needs a checksum algorithm")
        self._demand_encryption(headers)
        self._uploads[path] = _Upload(algorithm, kind or ("COMPOSITE" if algorithm else None))

    def _part(self, upload_id: str, number: int, headers: Mapping[str, str], body: bytes) -> None:
        upload, found = self._uploads[upload_id], _checksums(headers)
        actual = next(iter(found), None)
        if actual != upload.algorithm and not (actual is None and upload.type == "FULL_OBJECT"):
            expected, actual = (str(each).lower() if each else "null" for each in (upload.algorithm, actual))
            raise S3RefusedError(
                "InvalidRequest",
                f"Checksum Type mismatch occurred, expected checksum Type: {expected}, actual checksum Type: {actual}",
            )
        _verify(found, body)
        upload.parts[number] = body
        upload.crcs[number] = _crc32(body)

    def _complete(self, path: str, upload_id: str, headers: Mapping[str, str], body: bytes) -> None:
        upload, numbers = self._uploads[upload_id], []
        for part in _children(ET.fromstring(body), "Part"):
            number = int(_text(part, "PartNumber") or 0)
            numbers.append(number)
            listed = _text(part, "ChecksumCRC32")
            if upload.algorithm and upload.type == "COMPOSITE" and listed is None:
                raise S3RefusedError(
                    "InvalidRequest",
                    f"The upload was created using a {upload.algorithm.lower()} checksum. The complete request must "
                    f"include the checksum for each part. It was missing for part {number} in the request.",
                )
            if listed is not None and listed != upload.crcs[number]:
                raise S3RefusedError("InvalidPart", "one or more of the specified parts could not be found")
        if numbers != sorted(set(numbers)):
            raise S3RefusedError("InvalidPartOrder", "the list of parts was not in ascending order")
        if any(len(upload.parts[number]) < MIN_PART_BYTES for number in numbers[:-1]):
            raise S3RefusedError("EntityTooSmall", "a part is smaller than the minimum allowed size")
        content = b"".join(upload.parts[number] for number in numbers)
        if headers.get(f"{_CHECKSUM}type", upload.type) != upload.type:
            raise S3RefusedError("InvalidRequest", "the checksum type is not that of the upload")
        if upload.type == "FULL_OBJECT":
            _verify(_checksums(headers), content)
        if int(headers.get("x-amz-mp-object-size", len(content))) != len(content):
            raise S3RefusedError("InvalidRequest", "the object's size is not the sum of its parts")
        _check_condition(headers)
        self.objects[path] = content

    def _put(self, path: str, headers: Mapping[str, str], body: bytes) -> None:
        _verify(_checksums(headers), body)
        _check_condition(headers)
        self._demand_encryption(headers)
        self.objects[path] = body

    def _demand_encryption(self, headers: Mapping[str, str]) -> None:
        if self._sse and headers.get("x-amz-server-side-encryption") != self._sse:
            raise S3RefusedError("AccessDenied", "with an explicit deny in a service control policy")


def _checksums(headers: Mapping[str, str]) -> dict[str, str | None]:
    """Return the checksums of a request's headers, or of its trailer (without their values), by algorithm."""
    found: dict[str, str | None] = {
        name.removeprefix(_CHECKSUM).upper(): value
        for name, value in headers.items()
        if name.startswith(_CHECKSUM) and name not in (f"{_CHECKSUM}type", f"{_CHECKSUM}algorithm")
    }
    trailer = headers.get("x-amz-trailer", "")
    if trailer.startswith(_CHECKSUM):
        found[trailer.removeprefix(_CHECKSUM).upper()] = None
    return found


def _verify(checksums: Mapping[str, str | None], content: bytes) -> None:
    for algorithm, value in checksums.items():
        if algorithm != "CRC32":
            raise AssertionError(f"the rules do not know {algorithm}")
        if value is not None and value != _crc32(content):
            raise S3RefusedError("BadDigest", "the CRC32 you specified did not match what we received")


def _check_condition(headers: Mapping[str, str]) -> None:
    if headers.get("if-none-match", "*") != "*":
        raise S3RefusedError("NotImplemented", "a conditional write accepts If-None-Match: * only")


def _crc32(content: bytes) -> str:
    return base64.b64encode(zlib.crc32(content).to_bytes(4, "big")).decode()


def _children(element: ET.Element, name: str) -> list[ET.Element]:
    return [each for each in element if each.tag.rpartition("}")[2] == name]


def _text(element: ET.Element, name: str) -> str | None:
    return next((each.text for each in _children(element, name)), None)
