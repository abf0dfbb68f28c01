"""pyiceberg's FileIO for this platform: one that uploads in the writing thread, and one that never deletes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyiceberg.io import (
    AWS_ACCESS_KEY_ID,
    AWS_REGION,
    AWS_SECRET_ACCESS_KEY,
    AWS_SESSION_TOKEN,
    S3_ACCESS_KEY_ID,
    S3_CONNECT_TIMEOUT,
    S3_ENDPOINT,
    S3_REGION,
    S3_REQUEST_TIMEOUT,
    S3_SECRET_ACCESS_KEY,
    S3_SESSION_TOKEN,
    FileIO,
    InputFile,
    OutputFile,
)
from pyiceberg.io.pyarrow import PyArrowFileIO
from pyiceberg.utils.properties import get_first_property_value

if TYPE_CHECKING:
    from pyarrow.fs import FileSystem


class BoundedUploadFileIO(PyArrowFileIO):
    """PyArrow's S3 with `background_writes=False`.

    With background writes, a whole file is in memory until it is uploaded (332 MB for a file of 330 MB). Without
    them, only one part of 10 MB is, at the same speed.
    """

    def _initialize_s3_fs(self, netloc: str | None) -> FileSystem:  # noqa: ARG002 - the bucket; its region is a setting
        from pyarrow.fs import S3FileSystem

        def setting(*names: str) -> str | None:
            return get_first_property_value(self.properties, *names)

        return S3FileSystem(
            endpoint_override=setting(S3_ENDPOINT),
            region=setting(S3_REGION, AWS_REGION),
            access_key=setting(S3_ACCESS_KEY_ID, AWS_ACCESS_KEY_ID),
            secret_key=setting(S3_SECRET_ACCESS_KEY, AWS_SECRET_ACCESS_KEY),
            session_token=setting(S3_SESSION_TOKEN, AWS_SESSION_TOKEN),
            connect_timeout=float(setting(S3_CONNECT_TIMEOUT) or 10),
            request_timeout=float(setting(S3_REQUEST_TIMEOUT) or 60),
            background_writes=False,
        )


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
