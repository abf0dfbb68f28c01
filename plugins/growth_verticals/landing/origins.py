"""Origins, where files come from: an SFTP server, a bucket, or a local folder.

An origin lists one folder, returns a file's current state, and opens a file as a stream. It opens no connections: the
caller passes in an open client with a verified host key, and closes it.
"""

from __future__ import annotations

import io
import os
import stat
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol, TypeAlias

from growth_verticals.delivery import RemoteFile
from growth_verticals.errors import ConfigurationError, DeliveryError, TransferError
from growth_verticals.landing.file_errors import local_errors, object_errors, sftp_errors
from growth_verticals.landing.ranges import open_object
from growth_verticals.landing.sftp_protocol import SftpReader, read_folder
from growth_verticals.landing.uris import decode_name, decode_path, path_uri, s3_uri, split_s3_uri

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    import paramiko

#: What `list` returns. Inside the classes below, the name `list` is the method.
FileList: TypeAlias = list[RemoteFile]

#: A server that sends nothing for this long has stalled.
STALLED_AFTER_S = 60.0
_BUFFER = 2**20


class Origin(Protocol):
    """A place with files. Every failure is an error from `errors.py`; after a `ServiceError` a retry may succeed.

    :param is_thread_safe: whether several threads can use it at the same time.
    """

    is_thread_safe: bool

    def list(self, folder: str) -> FileList:
        """Return the regular files of one folder (S3: one prefix), in no particular order.

        Subfolders and symbolic links are neither listed nor followed. Raises `DeliveryError` when there is no such
        folder; a bucket has no folders, so there the list is empty.
        """
        ...

    def stat(self, file: RemoteFile) -> RemoteFile:
        """Return `file` as it is now. Raises `TransferError` (local: `ConfigurationError`) if it no longer exists."""
        ...

    def open(self, file: RemoteFile) -> BinaryIO:
        """Return the file's bytes as a stream from the start: a context manager.

        Holds at most a few MB. Reading raises `TransferError` when the connection is lost or stalls, or when the
        object is no longer the one that was listed (S3).
        """
        ...


class SftpOrigin:
    """Files on an SFTP server.

    :param client: an open client with a verified host key, used by one thread at a time.
    :param conn_id: the server's name in URIs and messages.
    """

    is_thread_safe = False

    def __init__(self, client: paramiko.SFTPClient, conn_id: str, *, stalled_after_s: float = STALLED_AFTER_S) -> None:
        self._client = client
        self._conn_id = conn_id
        channel = client.get_channel()
        if channel is not None:
            channel.settimeout(stalled_after_s)

    def list(self, folder: str) -> FileList:
        with self._errors(folder):
            try:
                if not folder.startswith("/"):
                    folder = self._client.normalize(folder or ".")
                path = folder.rstrip("/").encode() + b"/"
                return [
                    self._file(path + name, attributes)
                    for name, attributes in read_folder(self._client, path)
                    if _is_plain(attributes)
                ]
            except FileNotFoundError as error:
                raise DeliveryError(
                    f"there is no folder {folder} on the SFTP server of {self._conn_id}",
                    next_step="check the source's directory, or ask the vendor",
                ) from error

    def stat(self, file: RemoteFile) -> RemoteFile:
        path = decode_path(file.uri)
        with self._errors(file.uri):
            return replace(self._file(path, self._client.lstat(path)), name=file.name)

    def open(self, file: RemoteFile) -> BinaryIO:
        errors = partial(self._errors, file.uri)
        with errors():
            reader = SftpReader(self._client, decode_path(file.uri), file.size)
        return io.BufferedReader(_SftpStream(reader, errors), _BUFFER)

    def _file(self, path: bytes, attributes: paramiko.SFTPAttributes) -> RemoteFile:
        uri = path_uri("sftp", self._conn_id, path)
        if attributes.st_size is None:
            raise TransferError("the SFTP server does not report the file's size", file=uri, next_step="ask the vendor")
        return RemoteFile(
            name=decode_name(path.rpartition(b"/")[2]),
            uri=uri,
            size=attributes.st_size,
            modified=attributes.st_mtime or 0,
        )

    def _errors(self, file: str) -> AbstractContextManager[None]:
        return sftp_errors(self._conn_id, file)


def _is_plain(attributes: Any) -> bool:
    if attributes.st_mode is None:  # some servers send no mode; the `ls -l` line that they send starts with the type
        return not attributes.longname.startswith(("d", "l"))
    return stat.S_ISREG(attributes.st_mode)


class S3Origin:
    """Files in a bucket: the objects directly under a prefix. Each is read only while it has its listed ETag.

    :param client: a boto3 `s3` client.
    """

    is_thread_safe = True

    def __init__(self, client: Any, bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def list(self, folder: str) -> FileList:
        prefix = folder if not folder or folder.endswith("/") else folder + "/"
        files: FileList = []
        with self._errors(s3_uri(self._bucket, prefix)):
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self._bucket, Prefix=prefix, Delimiter="/"
            )
            for page in pages:
                files.extend(self._file(entry["Key"], entry["Size"], entry) for entry in page.get("Contents", ()))
        return [file for file in files if file.name]  # the console creates a folder as an empty object

    def stat(self, file: RemoteFile) -> RemoteFile:
        key = split_s3_uri(file.uri)[1]
        with self._errors(file.uri):
            head = self._client.head_object(Bucket=self._bucket, Key=key)
        return self._file(key, head["ContentLength"], head)

    def open(self, file: RemoteFile) -> BinaryIO:
        return open_object(self._client, self._bucket, split_s3_uri(file.uri)[1], file.size, str(file.version))

    def _file(self, key: str, size: int, response: dict[str, Any]) -> RemoteFile:
        return RemoteFile(
            name=key.rpartition("/")[2],
            uri=s3_uri(self._bucket, key),
            size=size,
            modified=int(response["LastModified"].timestamp()),  # HEAD returns whole seconds only
            version=response["ETag"],
        )

    def _errors(self, file: str) -> AbstractContextManager[None]:
        return object_errors(self._client, self._bucket, file)


class LocalOrigin:
    """Files on this machine. Folders and paths are the operating system's."""

    is_thread_safe = True

    def list(self, folder: str) -> FileList:
        if not Path(folder).is_dir():
            raise DeliveryError(f"there is no folder {folder}", next_step="check the path")
        with local_errors(folder):
            return [self.file(path) for path in Path(folder).iterdir() if path.is_file() and not path.is_symlink()]

    def file(self, path: Path) -> RemoteFile:
        """Return the file at `path`, which a person named. Raises `ConfigurationError` if there is no such file."""
        with local_errors(str(path)):
            status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise ConfigurationError("not a file", file=str(path), next_step="name a file")
        absolute = bytes(path.absolute())
        return RemoteFile(
            name=decode_name(absolute.rpartition(b"/")[2]),
            uri=path_uri("file", "", absolute),
            size=status.st_size,
            modified=status.st_mtime,
        )

    def stat(self, file: RemoteFile) -> RemoteFile:
        return self.file(_local_path(file))

    def open(self, file: RemoteFile) -> BinaryIO:
        with local_errors(file.uri):
            return _local_path(file).open("rb")


def _local_path(file: RemoteFile) -> Path:
    return Path(os.fsdecode(decode_path(file.uri)))


class _SftpStream(io.RawIOBase):
    """A remote file's bytes, from `SftpReader.read` until it returns no bytes."""

    def __init__(self, reader: SftpReader, errors: Callable[[], AbstractContextManager[None]]) -> None:
        self._reader = reader
        self._errors = errors

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        with self._errors():
            data = self._reader.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        if not self.closed:
            super().close()
            self._reader.close()
