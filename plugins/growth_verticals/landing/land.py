"""The landing zone: the raw copy of every delivered file, under the bytes that came.

    <landing uri>/<source>/<period>/<name>                  the first copy of that name
    <landing uri>/<source>/<period>/<name>.receipt.json     what it is and where it came from
    <landing uri>/<source>/<period>/redelivery-2/<name>     other bytes under the same name (then -3, …)

An object becomes visible once, complete and checked, and is never written over. Its receipt follows; an object without
one (the process died in between) is read back and hashed before anything is believed of it.
"""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, BinaryIO

from botocore.exceptions import ClientError

from growth_verticals.catalog.service_errors import http_status
from growth_verticals.errors import FileRefusedError, GrowthVerticalsError, TransferError
from growth_verticals.landing.file_errors import LIST_AGAIN, object_errors
from growth_verticals.landing.find import landed_keys
from growth_verticals.landing.ranges import open_object
from growth_verticals.landing.receipts import RECEIPT_SUFFIX, Receipt, read_receipt, write_receipt
from growth_verticals.landing.upload import Upload, Uploaded, part_size_for
from growth_verticals.landing.uris import is_plain_name, s3_uri, split_s3_uri

if TYPE_CHECKING:
    from collections.abc import Iterator

    from growth_verticals.account import Account
    from growth_verticals.cadence import Period
    from growth_verticals.delivery import LandedFile, RemoteFile
    from growth_verticals.landing.origins import Origin

logger = logging.getLogger(__name__)

_READ_BACK = 2**20
#: How often a landing starts over because other bytes took its key while it was on the way.
_ATTEMPTS = 3


def land_file(account: Account, origin: Origin, source_name: str, period: Period, file: RemoteFile) -> LandedFile:
    """Copy one file byte for byte into the landing zone, and return the copy.

    Equal bytes that were landed before under this name and period are found and kept, other bytes are put beside them.
    An S3 object whose listed version has a receipt is not transferred again; everything else is read and hashed again.
    Memory: about five parts of 8 MiB (larger parts above 80 GB), whatever the file's size.

    Raises `TransferError` when the bytes are not as many as were listed, or the file no longer is as listed after the
    last byte; nothing is visible then. Raises `FileRefusedError` for a name that cannot be kept.
    """
    try:
        _check_name(file.name)
        zone = _LandingZone(account, source_name, period, file)
        for _ in range(_ATTEMPTS):
            landed = _land(zone, origin, file)
            if landed is not None:
                logger.info("%s: landed %s, %d bytes, sha256 %s", source_name, landed.uri, landed.size, landed.sha256)
                return landed
    except GrowthVerticalsError as error:
        error.source = error.source or source_name
        raise
    raise TransferError(
        "other files keep being landed under this name",
        source=source_name,
        file=file.name,
        next_step="let one load of this delivery run at a time",
    )


def open_landed(account: Account, landed: LandedFile) -> BinaryIO:
    """Return a landed copy as a seekable stream, which is a context manager and not thread-safe.

    Streaming costs one request, a seek one more; holds 1 MiB. Raises `TransferError` when the copy is gone, or is not
    the one that was landed: its ETag and its size must be.
    """

    bucket, key = split_s3_uri(landed.uri)
    client = account.client("s3")
    with object_errors(client, bucket, landed.uri):
        try:
            found = client.get_object(Bucket=bucket, Key=key, IfMatch=landed.etag)
        except ClientError as error:
            if http_status(error) != 412:
                raise
            found = {}
    if found.get("ContentLength") != landed.size:
        raise TransferError(
            "the landed copy is not what was landed",
            file=landed.uri,
            expected=f"{landed.size:,} bytes with the ETag {landed.etag}",
            found=f"{found['ContentLength']:,} bytes" if found else "an object with another ETag",
            next_step="find out who writes to the landing zone, and land the file again",
        )
    return open_object(client, bucket, key, landed.size, landed.etag, found["Body"])


def _land(zone: _LandingZone, origin: Origin, file: RemoteFile) -> LandedFile | None:
    """Land once; None when other bytes took the key on the way."""
    if (known := zone.copy_of_version()) is not None:
        return known
    with origin.open(file) as stream, Upload(zone.client, zone.bucket, zone.free_key) as upload:
        sha256 = _transfer(stream, upload, file)
        _check_unchanged(origin.stat(file), file)
        return (
            zone.put_first(upload, sha256)
            or zone.equal_copy(sha256)
            or zone.complete(upload, sha256, upload.key or zone.free_key())
            or zone.equal_copy(sha256)
        )


def _transfer(stream: BinaryIO, upload: Upload, file: RemoteFile) -> str:
    """Send every byte, and return their sha256. Raises `TransferError` unless they are as many as were listed."""
    digest = hashlib.sha256()
    received = 0
    part_size = part_size_for(file.size)
    while received <= file.size and (part := stream.read(min(part_size, file.size + 1 - received))):
        received += len(part)
        digest.update(part)
        upload.add(part)
    if received != file.size:
        raise TransferError(
            "the server sent another number of bytes than it had listed",
            file=file.uri,
            expected=f"{file.size:,} bytes",
            found="more" if received > file.size else f"{received:,} bytes",
            next_step=LIST_AGAIN,
        )
    return digest.hexdigest()


def _check_unchanged(now: RemoteFile, listed: RemoteFile) -> None:
    changed = [what for what in ("size", "modified", "version") if getattr(now, what) != getattr(listed, what)]
    if changed:
        raise TransferError(
            "the file changed after it was listed",
            file=listed.uri,
            expected="the same size, time and version as listed",
            found=f"another {' and '.join(changed)}",
            next_step=LIST_AGAIN,
        )


def _check_name(name: str) -> None:
    if is_plain_name(name) and not name.endswith(RECEIPT_SUFFIX):
        return
    raise FileRefusedError(
        "a file of this name cannot be kept",
        file=ascii(name),
        expected=f"a name without folder and control characters that does not end in {RECEIPT_SUFFIX}",
        next_step="ask the vendor to rename the file",
    )


@dataclass(frozen=True)
class _Copy:
    """An object in the zone, with its receipt if that speaks for it."""

    key: str
    size: int
    etag: str
    version_id: str | None
    receipt: Receipt | None


class _LandingZone:
    """Where the copies of one file of one delivery lie."""

    def __init__(self, account: Account, source_name: str, period: Period, file: RemoteFile) -> None:
        self.client = account.client("s3")
        self.bucket, self._prefix = split_s3_uri(account.landing_prefix(source_name, period))
        self._file = file

    def copies(self) -> Iterator[_Copy]:
        """Yield what lies under the file's name, first copy first."""
        for key in self._keys():
            copy = self._copy(key)
            if copy is None:
                return
            yield copy

    def free_key(self) -> str:
        """Return the first key under the file's name that holds nothing."""
        return next(key for key in self._keys() if self._copy(key) is None)

    def copy_of_version(self) -> LandedFile | None:
        """Return the copy of the very version that was listed, if a receipt tells of one."""
        if self._file.version is None:
            return None
        receipts = ((copy.key, copy.receipt) for copy in self.copies() if copy.receipt is not None)
        return next(
            (receipt.landed(s3_uri(self.bucket, key)) for key, receipt in receipts if receipt.is_of(self._file)), None
        )

    def equal_copy(self, sha256: str) -> LandedFile | None:
        """Return the copy with these bytes if there is one, having seen to it that it has its receipt."""
        for copy in self.copies():
            if copy.size != self._file.size:
                continue
            if copy.receipt is None and self._read_back(copy) == sha256:
                return self._write_receipt(copy.key, sha256, Uploaded(copy.etag, copy.version_id))
            if copy.receipt is not None and copy.receipt.sha256 == sha256:
                return copy.receipt.landed(s3_uri(self.bucket, copy.key))
        return None

    def put_first(self, upload: Upload, sha256: str) -> LandedFile | None:
        """Make an upload that has no key yet the first copy; None when there is one.

        The store's own answer says so: a new small file costs no look at what is there.
        """
        return self.complete(upload, sha256, next(self._keys())) if upload.key is None else None

    def complete(self, upload: Upload, sha256: str, key: str) -> LandedFile | None:
        """Make the upload a copy under `key`, with its receipt; None when the key has been taken.

        The key is looked at once more: a store whose condition is no lock (SeaweedFS) may let two uploads in, and the
        later one's bytes are what lies there then.
        """
        uploaded = upload.complete(key)
        if uploaded is None:
            return None
        lying = self._head(key)
        return self._write_receipt(key, sha256, uploaded) if lying and lying["ETag"] == uploaded.etag else None

    def _keys(self) -> Iterator[str]:
        return landed_keys(self._prefix, self._file.name)

    def _head(self, key: str) -> Any:
        """Return what the store tells of an object; None if there is none."""

        with object_errors(self.client, self.bucket, s3_uri(self.bucket, key)):
            try:
                return self.client.head_object(Bucket=self.bucket, Key=key)
            except ClientError as error:
                if http_status(error) == 404:
                    return None
                raise

    def _copy(self, key: str) -> _Copy | None:
        found = self._head(key)
        if found is None:
            return None
        receipt = read_receipt(self.client, self.bucket, key)
        if receipt is not None and (receipt.etag, receipt.size) != (found["ETag"], found["ContentLength"]):
            receipt = None
        return _Copy(key, found["ContentLength"], found["ETag"], found.get("VersionId"), receipt)

    def _read_back(self, copy: _Copy) -> str:
        digest = hashlib.sha256()
        with open_object(self.client, self.bucket, copy.key, copy.size, copy.etag) as stream:
            while data := stream.read(_READ_BACK):
                digest.update(data)
        return digest.hexdigest()

    def _write_receipt(self, key: str, sha256: str, uploaded: Uploaded) -> LandedFile:
        file = self._file
        receipt = Receipt(
            name=file.name,
            sha256=sha256,
            size=file.size,
            origin=file.uri,
            version=file.version,
            modified=file.modified,
            etag=uploaded.etag,
            version_id=uploaded.version_id,
            landed_at=datetime.now(UTC).isoformat(timespec="seconds"),
        )
        write_receipt(self.client, self.bucket, key, receipt)
        return receipt.landed(s3_uri(self.bucket, key))
