"""The inbox: the folder of the landing zone where people put files that they load by hand from Airflow's form."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO, Literal

from botocore.exceptions import ClientError

from growth_verticals.catalog.service_errors import http_status
from growth_verticals.errors import DeliveryError, FileChangedError, FileRefusedError, TransferError
from growth_verticals.landing.file_errors import object_errors
from growth_verticals.landing.listing import UNFINISHED_SUFFIXES, matching
from growth_verticals.landing.origins import LocalOrigin
from growth_verticals.landing.ranges import open_object
from growth_verticals.landing.receipts import RECEIPT_SUFFIX
from growth_verticals.landing.upload import Upload, part_size_for
from growth_verticals.landing.uris import is_plain_name, s3_uri, split_s3_uri

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from growth_verticals.account import Account
    from growth_verticals.delivery import RemoteFile
    from growth_verticals.source import Source

logger = logging.getLogger(__name__)

_READ_SIZE = 2**20


@dataclass(frozen=True, kw_only=True)
class InboxFile:
    """A file in the inbox. `status` is `present` if the inbox had the same content under this name before."""

    name: str
    uri: str
    size: int
    sha256: str
    status: Literal["put", "replaced", "present"]


def check_inbox_name(source: Source, file: RemoteFile) -> None:
    """Raise `FileRefusedError` for a name under which a run could not find or store the file."""
    name = file.name
    if is_plain_name(name) and name.isprintable() and not name.endswith(RECEIPT_SUFFIX) and matching(source, [file]):
        return
    raise FileRefusedError(
        "a file with this name cannot be put into the inbox",
        source=source.name,
        file=ascii(name),
        expected=f"a name that matches {source.delivery.pattern}, without control or invisible characters, that does "
        f"not start with a dot or end in {', '.join((*UNFINISHED_SUFFIXES, RECEIPT_SUFFIX))}",
        next_step="rename the file",
    )


def put_into_inbox(account: Account, source: Source, path: Path, *, replace: bool = False) -> InboxFile:
    """Copy one local file into the source's inbox, and compare the stored bytes with it.

    Memory: about four parts of 8 MiB (larger parts above 80 GB). A retry finds the same content and changes nothing.

    :param replace: whether to replace a file of this name with other content.

    Raises `FileRefusedError` for a name that no run could load. Raises `DeliveryError` if the inbox has a file of this
    name with other content. Raises `FileChangedError` if the file changes meanwhile, and `TransferError` if the stored
    bytes are not the file's.
    """
    origin, client = LocalOrigin(), account.client("s3")
    file = origin.file(path)
    check_inbox_name(source, file)
    bucket, key = split_s3_uri(f"{account.inbox_prefix(source.name)}/{file.name}")
    uri = s3_uri(bucket, key)
    stored = _head(client, bucket, key)
    if stored is not None:
        with origin.open(file) as stream:
            sha256 = _sha256(stream)
        if stored["ContentLength"] == file.size and _stored_sha256(client, bucket, key, stored) == sha256:
            return InboxFile(name=file.name, uri=uri, size=file.size, sha256=sha256, status="present")
        if not replace:
            raise _name_taken(source, file, stored["ContentLength"])
    digest, sent = hashlib.sha256(), 0
    with origin.open(file) as stream, Upload(client, bucket, lambda: key, replaces=replace) as upload:
        for part in _parts(stream, part_size_for(file.size)):
            digest.update(part)
            sent += len(part)
            upload.add(part)
        if sent != file.size or origin.stat(file) != file:
            raise FileChangedError(
                "the file changed while it was read",
                file=ascii(str(path)),
                next_step="wait until it is written, and try again",
            )
        uploaded = upload.complete(key)
    if uploaded is None:
        raise _name_taken(source, file, None)
    now = _head(client, bucket, key)
    sha256 = digest.hexdigest()
    if now is None or now["ContentLength"] != file.size or _stored_sha256(client, bucket, key, now) != sha256:
        raise TransferError(
            "the stored bytes are not those of the file",
            file=uri,
            expected=f"{file.size:,} bytes with the SHA-256 {sha256}",
            next_step="put it again with --replace, and do not load it before",
        )
    logger.info("%s: put %s, %d bytes, sha256 %s", source.name, uri, file.size, sha256)
    status: Literal["put", "replaced"] = "put" if stored is None else "replaced"
    return InboxFile(name=file.name, uri=uri, size=file.size, sha256=sha256, status=status)


def _name_taken(source: Source, file: RemoteFile, size: int | None) -> DeliveryError:
    return DeliveryError(
        "the inbox has a file of this name with other content",
        source=source.name,
        file=file.name,
        expected=f"{file.size:,} bytes, the same as on this machine",
        found="a file that was put there meanwhile" if size is None else f"{size:,} bytes",
        next_step="rename the file, or use --replace if nobody needs the other one",
    )


def _head(client: Any, bucket: str, key: str) -> Any:
    """Return the response to a HEAD request for an object; None if there is no object."""
    with object_errors(client, bucket, s3_uri(bucket, key)):
        try:
            return client.head_object(Bucket=bucket, Key=key)
        except ClientError as error:
            if http_status(error) == 404:
                return None
            raise


def _stored_sha256(client: Any, bucket: str, key: str, head: Any) -> str:
    with open_object(client, bucket, key, head["ContentLength"], head["ETag"]) as stream:
        return _sha256(stream)


def _sha256(stream: BinaryIO) -> str:
    digest = hashlib.sha256()
    for part in _parts(stream, _READ_SIZE):
        digest.update(part)
    return digest.hexdigest()


def _parts(stream: BinaryIO, size: int) -> Iterator[bytes]:
    while part := stream.read(size):
        yield part
