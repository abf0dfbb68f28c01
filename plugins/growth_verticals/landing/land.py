"""The landing zone: a byte-exact raw copy of every delivered file.

    <landing uri>/<source>/<period>/<name>                  the first copy with that name
    <landing uri>/<source>/<period>/<name>.receipt.json     its receipt: what it is and where it came from
    <landing uri>/<source>/<period>/redelivery-2/<name>     different bytes under the same name (then redelivery-3, …)

An object becomes visible only when it is complete and verified, and is never overwritten. Its receipt is written
afterwards. An object without a receipt (the process died in between) is read back and hashed before it is trusted.
"""

from __future__ import annotations

import hashlib
import logging
import zlib
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol

from botocore.exceptions import ClientError

from growth_verticals.catalog.multipart import checksum_text
from growth_verticals.catalog.service_errors import http_status
from growth_verticals.errors import FileChangedError, FileRefusedError, GrowthVerticalsError, TransferError
from growth_verticals.landing.file_errors import LIST_AGAIN, object_errors
from growth_verticals.landing.find import candidate_keys
from growth_verticals.landing.ranges import open_object
from growth_verticals.landing.receipts import RECEIPT_SUFFIX, Receipt, read_receipt, write_receipt
from growth_verticals.landing.upload import Upload, UploadedObject, part_size_for
from growth_verticals.landing.uris import is_plain_name, s3_uri, split_s3_uri

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from growth_verticals.account import Account
    from growth_verticals.cadence import Period
    from growth_verticals.delivery import LandedFile, RemoteFile
    from growth_verticals.landing.origins import Origin

logger = logging.getLogger(__name__)

_READ_BACK_SIZE = 2**20
#: Attempts to land a file, each of which can lose its key to different bytes that are landed at the same time.
_ATTEMPTS = 3


class Watcher(Protocol):
    """What sees the bytes of a file as they are landed: a context manager around one attempt."""

    def __enter__(self) -> Watcher: ...

    def __exit__(self, *_: object) -> None: ...

    def feed(self, chunk: bytes, /) -> None:
        """Take the next bytes."""
        ...


def land_file(
    account: Account,
    origin: Origin,
    source_name: str,
    period: Period,
    file: RemoteFile,
    *,
    watch: Callable[[], Watcher] | None = None,
) -> LandedFile:
    """Copy one file byte for byte into the landing zone, and return the copy.

    If the same bytes are already landed under this name and period, that copy is kept and returned. Different bytes
    are stored next to it. An S3 object is not transferred again if its listed version has a receipt; every other file
    is read and hashed again. Memory: about five parts of 8 MiB (larger parts above 80 GB), whatever the file's size.

    :param watch: returns what sees the bytes of an attempt. It is not called if the bytes are not read.

    Raises `FileChangedError` when the file no longer matches the listing after its last byte was read, and
    `TransferError` when it does but the number of bytes does not; then nothing is visible. Raises `FileRefusedError`
    for a name that cannot be stored, and for a file whose SHA-256 or MD5 is not the one in the vendor's manifest;
    that file is not visible either.
    """
    try:
        _check_name(file.name)
        zone = _LandingZone(account, source_name, period, file)
        for _ in range(_ATTEMPTS):
            landed = _land(zone, origin, file, watch)
            if landed is not None:
                logger.info("%s: landed %s, %d bytes, sha256 %s", source_name, landed.uri, landed.size, landed.sha256)
                return replace(landed, expected_rows=file.expected_rows, expected_sums=file.expected_sums)
    except GrowthVerticalsError as error:
        error.source = error.source or source_name
        raise
    raise TransferError(
        "other files are being landed under this name",
        source=source_name,
        file=file.name,
        next_step="run only one load of this delivery at a time",
    )


def open_landed(account: Account, landed: LandedFile) -> BinaryIO:
    """Return a landed copy as a seekable stream: a context manager, not thread-safe.

    Reading from start to end costs one request, and every seek one more. Holds 1 MiB. Raises `FileChangedError` when
    the copy no longer exists, or when its ETag or size is not that of the landed file.
    """
    bucket, key = split_s3_uri(landed.uri)
    client = account.client("s3")
    with object_errors(client, bucket, landed.uri):
        try:
            response = client.get_object(Bucket=bucket, Key=key, IfMatch=landed.etag)
        except ClientError as error:
            if http_status(error) != 412:
                raise
            response = {}
    if response.get("ContentLength") != landed.size:
        raise FileChangedError(
            "the object in the landing zone is not the file that was landed",
            file=landed.uri,
            expected=f"{landed.size:,} bytes with the ETag {landed.etag}",
            found=f"{response['ContentLength']:,} bytes" if response else "an object with a different ETag",
            next_step="find out what else writes to the landing zone, then load the file again; in Airflow, clear the "
            "task land of this run",
        )
    return open_object(client, bucket, key, landed.size, landed.etag, response["Body"])


def _land(
    zone: _LandingZone, origin: Origin, file: RemoteFile, watch: Callable[[], Watcher] | None
) -> LandedFile | None:
    """Make one attempt; None when different bytes that were landed at the same time took the key."""
    # A receipt has no MD5. If one is expected, the file is read again.
    if file.expected_md5 is None and (copy := zone.copy_of_version()) is not None:
        _check_digests(file, copy.sha256, None)
        return copy
    with (
        origin.open(file) as stream,
        Upload(zone.client, zone.bucket, zone.free_key) as upload,
        watch() if watch else nullcontext() as watcher,
    ):
        sha256, md5, received = _transfer(stream, upload, watcher, file)
        _check_unchanged(origin.stat(file), file)
        _check_size(received, file)
        _check_digests(file, sha256, md5)
        return (
            zone.put_first(upload, sha256)
            or zone.equal_copy(sha256)
            or zone.complete(upload, sha256, upload.key or zone.free_key())
            or zone.equal_copy(sha256)
        )


def _transfer(
    stream: BinaryIO, upload: Upload, watcher: Watcher | None, file: RemoteFile
) -> tuple[str, str | None, int]:
    """Upload all bytes, at most one more than listed. Return SHA-256, MD5 (if one is expected) and their number."""
    digest = hashlib.sha256()
    md5 = hashlib.md5(usedforsecurity=False) if file.expected_md5 is not None else None
    received = 0
    part_size = part_size_for(file.size)
    while received <= file.size and (part := stream.read(min(part_size, file.size + 1 - received))):
        received += len(part)
        digest.update(part)
        if md5 is not None:
            md5.update(part)
        upload.add(part)
        if watcher is not None:
            watcher.feed(part)
    return digest.hexdigest(), md5.hexdigest() if md5 is not None else None, received


def _check_size(received: int, file: RemoteFile) -> None:
    if received != file.size:
        raise TransferError(
            "the server sent a different number of bytes than it listed",
            file=file.uri,
            expected=f"{file.size:,} bytes",
            found="more" if received > file.size else f"{received:,} bytes",
            next_step="try again; if the server does the same again, ask the vendor",
        )


def _check_digests(file: RemoteFile, sha256: str, md5: str | None) -> None:
    """Compare the digests of the bytes with those of the vendor's manifest, as far as that has any."""
    for kind, found, expected in (("SHA-256", sha256, file.expected_sha256), ("MD5", md5, file.expected_md5)):
        if expected is not None and found != expected:
            raise FileRefusedError(
                f"the file's {kind} is not the one in the vendor's manifest, so it was not landed",
                file=file.name,
                expected=expected,
                found=found,
                next_step="ask the vendor for a corrected file or manifest",
            )


def _check_unchanged(now: RemoteFile, listed: RemoteFile) -> None:
    labels = {"size": "size", "modified": "modification time", "version": "version"}
    changed = [label for name, label in labels.items() if getattr(now, name) != getattr(listed, name)]
    if changed:
        raise FileChangedError(
            "the file changed after it was listed",
            file=listed.uri,
            expected="the size, modification time and version that were listed",
            found=f"a different {' and '.join(changed)}",
            next_step=LIST_AGAIN,
        )


def _check_name(name: str) -> None:
    if is_plain_name(name) and not name.endswith(RECEIPT_SUFFIX):
        return
    raise FileRefusedError(
        "a file with this name cannot be stored",
        file=ascii(name),
        expected=f"a name without folders or control characters that does not end in {RECEIPT_SUFFIX}",
        next_step="ask the vendor to rename the file",
    )


@dataclass(frozen=True)
class _Copy:
    """An object in the landing zone, and its receipt if there is one that describes this object."""

    key: str
    size: int
    etag: str
    version_id: str | None
    receipt: Receipt | None


class _LandingZone:
    """The copies of one file of one delivery in the landing zone."""

    def __init__(self, account: Account, source_name: str, period: Period, file: RemoteFile) -> None:
        self.client = account.client("s3")
        self.bucket, self._prefix = split_s3_uri(account.landing_prefix(source_name, period))
        self._file = file

    def copies(self) -> Iterator[_Copy]:
        """Yield the copies with the file's name, first copy first."""
        for key in self._keys():
            copy = self._copy(key)
            if copy is None:
                return
            yield copy

    def free_key(self) -> str:
        """Return the first key for the file's name that has no object."""
        return next(key for key in self._keys() if self._copy(key) is None)

    def copy_of_version(self) -> LandedFile | None:
        """Return the copy of exactly the version that was listed, if a receipt describes one."""
        if self._file.version is None:
            return None
        receipts = ((copy.key, copy.receipt) for copy in self.copies() if copy.receipt is not None)
        return next(
            (
                receipt.landed_file(s3_uri(self.bucket, key))
                for key, receipt in receipts
                if receipt.describes(self._file)
            ),
            None,
        )

    def equal_copy(self, sha256: str) -> LandedFile | None:
        """Return the copy with these bytes, if there is one. Adds this file to its receipt, which can be missing."""
        for copy in self.copies():
            if copy.size != self._file.size:
                continue
            if copy.receipt is None:
                found, crc32 = self._read_back(copy)
                if found == sha256:
                    return self._write_receipt(copy.key, sha256, UploadedObject(copy.etag, copy.version_id, crc32))
            if copy.receipt is not None and copy.receipt.sha256 == sha256:
                if not copy.receipt.lists(self._file):
                    write_receipt(self.client, self.bucket, copy.key, copy.receipt.also_lists(self._file))
                return copy.receipt.landed_file(s3_uri(self.bucket, copy.key))
        return None

    def put_first(self, upload: Upload, sha256: str) -> LandedFile | None:
        """Complete the upload as the first copy; None when it has a key already, or when there is a first copy.

        The conditional write itself shows whether there is one: a new small file needs no request to check.
        """
        return self.complete(upload, sha256, next(self._keys())) if upload.key is None else None

    def complete(self, upload: Upload, sha256: str, key: str) -> LandedFile | None:
        """Complete the upload under `key` and write its receipt; None when the key is taken.

        Checks the object again after the write: in a store whose conditional writes are not atomic (SeaweedFS), two
        uploads can both succeed, and the key then has the later one's bytes.
        """
        uploaded = upload.complete(key)
        if uploaded is None:
            return None
        stored = self._head(key)
        return self._write_receipt(key, sha256, uploaded) if stored and stored["ETag"] == uploaded.etag else None

    def _keys(self) -> Iterator[str]:
        return candidate_keys(self._prefix, self._file.name)

    def _head(self, key: str) -> Any:
        """Return the response to a HEAD request for an object; None if there is no object."""
        with object_errors(self.client, self.bucket, s3_uri(self.bucket, key)):
            try:
                return self.client.head_object(Bucket=self.bucket, Key=key)
            except ClientError as error:
                if http_status(error) == 404:
                    return None
                raise

    def _copy(self, key: str) -> _Copy | None:
        head = self._head(key)
        if head is None:
            return None
        receipt = read_receipt(self.client, self.bucket, key)
        if receipt is not None and (receipt.etag, receipt.size) != (head["ETag"], head["ContentLength"]):
            receipt = None
        return _Copy(key, head["ContentLength"], head["ETag"], head.get("VersionId"), receipt)

    def _read_back(self, copy: _Copy) -> tuple[str, str]:
        """Return the SHA-256 and the CRC32 of a copy's bytes, as text."""
        digest, crc32 = hashlib.sha256(), 0
        with open_object(self.client, self.bucket, copy.key, copy.size, copy.etag) as stream:
            while data := stream.read(_READ_BACK_SIZE):
                digest.update(data)
                crc32 = zlib.crc32(data, crc32)
        return digest.hexdigest(), checksum_text(crc32)

    def _write_receipt(self, key: str, sha256: str, uploaded: UploadedObject) -> LandedFile:
        file = self._file
        receipt = Receipt(
            name=file.name,
            sha256=sha256,
            size=file.size,
            origin=file.uri,
            version=file.version,
            modified=file.modified,
            crc32=uploaded.crc32,
            etag=uploaded.etag,
            version_id=uploaded.version_id,
            landed_at=datetime.now(UTC).isoformat(timespec="seconds"),
        )
        write_receipt(self.client, self.bucket, key, receipt)
        return receipt.landed_file(s3_uri(self.bucket, key))
