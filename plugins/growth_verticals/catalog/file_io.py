"""pyiceberg's FileIO for this platform: one that sends a failed part again, and one that never deletes."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from pyarrow.fs import AwsStandardS3RetryStrategy
from pyiceberg.io import (
    AWS_REGION,
    S3_ACCESS_KEY_ID,
    S3_ENDPOINT,
    S3_REGION,
    S3_RETRY_STRATEGY_IMPL,
    S3_SECRET_ACCESS_KEY,
    S3_SESSION_TOKEN,
    FileIO,
    InputFile,
    OutputFile,
)
from pyiceberg.io.pyarrow import PyArrowFile, PyArrowFileIO
from pyiceberg.typedef import EMPTY_DICT
from pyiceberg.utils.properties import get_first_property_value

from growth_verticals.account import max_attempts, session_of, shared_client
from growth_verticals.catalog.service_errors import service_errors
from growth_verticals.catalog.upload_stream import UploadStream

if TYPE_CHECKING:
    from boto3.session import Session
    from pyarrow.fs import FileSystem
    from pyiceberg.io import OutputStream
    from pyiceberg.typedef import Properties


#: Property of the catalog: the boto3 session whose keys sign the requests for files.
SESSION = "growth_verticals.session"
_S3_SCHEMES = ("s3", "s3a", "s3n")


class PartRetryFileIO(PyArrowFileIO):
    """PyArrow's, but it uploads to S3 with boto3 (docs/decisions/0010): PyArrow gives up a whole file for one part.

    All requests are signed with the keys that the session of the property `SESSION` has at that time (without it:
    boto3's default credential chain). PyArrow alone does not assume a profile's role, and keeps keys that have
    expired (apache/arrow 41794). One part of 10 MiB is in memory. With PyArrow's background writes, a whole file is
    (332 MB for one of 330 MB).
    """

    def __init__(self, properties: Properties = EMPTY_DICT) -> None:
        super().__init__(properties)
        self._session: Session = self.properties.get(SESSION) or session_of(None)
        self._initialize = self.fs_by_scheme
        self._signed = lru_cache(maxsize=4)(self._signed_filesystem)
        self.fs_by_scheme = self._filesystem

    def new_output(self, location: str) -> PyArrowFile:
        scheme, bucket, path = self.parse_location(location, self.properties)
        if scheme not in _S3_SCHEMES:
            return super().new_output(location)
        return _UploadedFile(location, path, self.fs_by_scheme(scheme, bucket), self)

    def open_upload(self, bucket: str, key: str) -> UploadStream:
        """Return a stream to an object, which sends nothing before it has a whole part."""
        region = get_first_property_value(self.properties, S3_REGION, AWS_REGION)
        client = shared_client("s3", region, self.properties.get(S3_ENDPOINT), self._session)
        return UploadStream(client, bucket, key)

    def _filesystem(self, scheme: str, netloc: str | None = None) -> FileSystem:
        """Return the file system of a location; for S3, one with the session's current keys."""
        if scheme not in _S3_SCHEMES:
            return self._initialize(scheme, netloc)
        with service_errors("looking for AWS credentials", "AWS's default credential chain"):
            keys = self._session.get_credentials().get_frozen_credentials()
        return self._signed(scheme, keys.access_key, keys.secret_key, keys.token)

    def _signed_filesystem(self, scheme: str, access_key: str, secret_key: str, token: str | None) -> FileSystem:
        signed = {
            **self.properties,
            S3_ACCESS_KEY_ID: access_key,
            S3_SECRET_ACCESS_KEY: secret_key,
            S3_RETRY_STRATEGY_IMPL: f"{ReadRetries.__module__}.{ReadRetries.__name__}",
        }
        return PyArrowFileIO(signed | ({S3_SESSION_TOKEN: token} if token else {})).fs_by_scheme(scheme, None)


class ReadRetries(AwsStandardS3RetryStrategy):  # type: ignore[misc] # PyArrow has no types
    """PyArrow's requests are sent as often as boto3's."""

    def __init__(self) -> None:
        super().__init__(max_attempts=max_attempts())


class _UploadedFile(PyArrowFile):
    """A file in S3 that is read by PyArrow and written by `UploadStream`."""

    def __init__(self, location: str, path: str, filesystem: FileSystem, io: PartRetryFileIO) -> None:
        super().__init__(location, path, filesystem)
        self._io = io

    def create(self, overwrite: bool = False) -> OutputStream:
        if not overwrite and self.exists():
            raise FileExistsError(f"{self.location} exists already")
        bucket, _, key = self._path.partition("/")
        return self._io.open_upload(bucket, key)


class NoDeleteFileIO(FileIO):
    """Another FileIO, but without its `delete`.

    pyiceberg deletes a commit's manifests after a 409 response. But the commit may have succeeded, and then the table
    is unreadable without them.
    """

    def __init__(self, inner: FileIO) -> None:
        super().__init__(inner.properties)
        self._inner = inner

    def new_input(self, location: str) -> InputFile:
        return self._inner.new_input(location)

    def new_output(self, location: str) -> OutputFile:
        return self._inner.new_output(location)

    def delete(self, location: str | InputFile | OutputFile) -> None:
        """Keep the file. The table bucket's own maintenance removes files that no snapshot refers to."""
