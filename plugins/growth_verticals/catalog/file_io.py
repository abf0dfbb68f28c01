"""pyiceberg's FileIO for this platform: one that sends a failed part again, and one that never deletes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyiceberg.io import (
    AWS_ACCESS_KEY_ID,
    AWS_REGION,
    AWS_SECRET_ACCESS_KEY,
    AWS_SESSION_TOKEN,
    S3_ACCESS_KEY_ID,
    S3_ENDPOINT,
    S3_REGION,
    S3_SECRET_ACCESS_KEY,
    S3_SESSION_TOKEN,
    FileIO,
    InputFile,
    OutputFile,
)
from pyiceberg.io.pyarrow import PyArrowFile, PyArrowFileIO
from pyiceberg.utils.properties import get_first_property_value

from growth_verticals.account import Credentials, shared_client
from growth_verticals.catalog.upload_stream import UploadStream

if TYPE_CHECKING:
    from pyarrow.fs import FileSystem
    from pyiceberg.io import OutputStream


class PartRetryFileIO(PyArrowFileIO):
    """PyArrow's, but it uploads to S3 with boto3 (docs/decisions/0010): PyArrow gives up a whole file for one part.

    One part of 10 MiB is in memory. With PyArrow's background writes, a whole file is (332 MB for one of 330 MB).
    """

    def new_output(self, location: str) -> PyArrowFile:
        scheme, bucket, path = self.parse_location(location, self.properties)
        if scheme not in ("s3", "s3a", "s3n"):
            return super().new_output(location)
        return _UploadedFile(location, path, self.fs_by_scheme(scheme, bucket), self)

    def open_upload(self, bucket: str, key: str) -> UploadStream:
        """Return a stream to an object, which sends nothing before it has a whole part."""

        def setting(*names: str) -> str | None:
            return get_first_property_value(self.properties, *names)

        access_key = setting(S3_ACCESS_KEY_ID, AWS_ACCESS_KEY_ID)
        secret_key = setting(S3_SECRET_ACCESS_KEY, AWS_SECRET_ACCESS_KEY)
        keys = None
        if access_key and secret_key:
            token = setting(S3_SESSION_TOKEN, AWS_SESSION_TOKEN)
            keys = Credentials(access_key=access_key, secret_key=secret_key, token=token)
        client = shared_client("s3", setting(S3_REGION, AWS_REGION), setting(S3_ENDPOINT), keys)
        return UploadStream(client, bucket, key)


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
