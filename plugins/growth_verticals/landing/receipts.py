"""The receipt next to every landed file: what the file is, and where it came from."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from growth_verticals.catalog.service_errors import http_status
from growth_verticals.delivery import LandedFile
from growth_verticals.landing.file_errors import object_errors
from growth_verticals.landing.uris import s3_uri

if TYPE_CHECKING:
    from growth_verticals.delivery import RemoteFile

RECEIPT_SUFFIX = ".receipt.json"
#: Other listings of the same bytes that a receipt keeps, the newest.
_MAX_SEEN = 20


@dataclass(frozen=True, kw_only=True)
class Receipt:
    """One landed file's receipt, stored next to it as JSON under `<key>.receipt.json`.

    :param name, size, origin, version, modified: as listed at the origin (`RemoteFile`); `origin` is the URI.
    :param sha256: lower-case hex, of the file's bytes.
    :param crc32: of the same bytes, as S3 writes it (`x-amz-checksum-crc32`, of the full object), so that S3's own
        checksum of the copy can be compared without reading it. None in a receipt of an earlier version.
    :param etag, version_id: of the landed object. The receipt describes only an object with this ETag.
    :param landed_at: ISO 8601, UTC.
    :param removed_at: ISO 8601, UTC: when retention removed the landed copy. The receipt stays, so that the audit knows
        that the file was here. None: the copy is there.
    :param seen: other listings of a file with the same bytes, as (origin, version, modified): the vendor put it up
        again, or a person landed it first. So the audit does not take it for another file.
    """

    name: str
    sha256: str
    size: int
    origin: str
    version: str | None
    modified: float
    etag: str
    version_id: str | None
    landed_at: str
    removed_at: str | None = None
    crc32: str | None = None
    seen: tuple[tuple[str, str | None, float], ...] = ()

    def lists(self, file: RemoteFile) -> bool:
        """Whether `file`, as it is listed at its origin, is one that was read and had these bytes."""
        listings = ((self.origin, self.version, self.modified), *self.seen)
        return file.size == self.size and any(
            (file.uri, file.version) == (origin, version) and (version is not None or file.modified == modified)
            for origin, version, modified in listings
        )

    def also_lists(self, file: RemoteFile) -> Receipt:
        """Return the receipt with this listing of the same bytes added."""
        return replace(self, seen=(*self.seen, (file.uri, file.version, file.modified))[-_MAX_SEEN:])

    def describes(self, file: RemoteFile) -> bool:
        """Whether `file` is exactly the object that was copied: the same URI, version and size."""
        listed = (file.uri, file.version, file.size)
        return file.version is not None and listed == (self.origin, self.version, self.size)

    def landed_file(self, uri: str) -> LandedFile:
        """Return the copy at `uri`, which this receipt describes, in the form that later steps use."""
        return LandedFile(
            name=self.name, uri=uri, size=self.size, sha256=self.sha256, origin=self.origin, etag=self.etag
        )


def write_receipt(client: Any, bucket: str, key: str, receipt: Receipt) -> None:
    """Store the receipt next to the landed object `key`."""
    with object_errors(client, bucket, s3_uri(bucket, key)):
        client.put_object(
            Bucket=bucket,
            Key=key + RECEIPT_SUFFIX,
            Body=json.dumps(asdict(receipt), indent=1).encode(),
            ContentType="application/json",
        )


def read_receipt(client: Any, bucket: str, key: str) -> Receipt | None:
    """Return the receipt next to `key`; None when there is none or it cannot be parsed."""
    with object_errors(client, bucket, s3_uri(bucket, key)):
        try:
            text = client.get_object(Bucket=bucket, Key=key + RECEIPT_SUFFIX)["Body"].read()
        except ClientError as error:
            if http_status(error) == 404:
                return None
            raise
    try:
        fields = json.loads(text)
        return Receipt(
            **fields | {"seen": tuple((str(uri), version, at) for uri, version, at in fields.get("seen", ()))}
        )
    except (ValueError, TypeError, AttributeError):
        return None
