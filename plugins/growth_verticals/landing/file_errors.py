"""Turns the exceptions of botocore, paramiko and the file system into this package's: one context manager for each.

No message repeats the library's own text: it can contain a signed URL or a local path.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from growth_verticals.catalog.service_errors import aws_error, error_code, http_status
from growth_verticals.errors import ConfigurationError, FileChangedError, TransferError

if TYPE_CHECKING:
    from collections.abc import Iterator

#: The listing is that of the task `await`: only clearing that task picks up the file as it is now.
LIST_AGAIN = (
    "when the vendor has finished, load the delivery again; in Airflow, clear the task await of this run, which lists "
    "the files again"
)


@contextmanager
def object_errors(client: Any, bucket: str, file: str) -> Iterator[None]:
    """Turn botocore's exceptions for one object or prefix into this package's.

    Raises `FileChangedError` when the object does not exist or has changed. All other exceptions become what
    `service_errors.aws_error` returns for them, such as `TransferError` when the connection was lost.
    """
    location = f"the bucket {bucket}"
    try:
        yield
    except (ClientError, BotoCoreError) as error:
        if isinstance(error, ClientError) and error_code(error) != "NoSuchBucket":
            if http_status(error) == 404 and error_code(error) != "NoSuchUpload":
                raise FileChangedError(
                    f"the object is no longer in {location}", file=file, next_step=LIST_AGAIN
                ) from error
            if http_status(error) == 412:
                raise FileChangedError(
                    "the object changed after it was listed", file=file, next_step=LIST_AGAIN
                ) from error
        raise aws_error(error, f"access to {location}", str(client.meta.endpoint_url), file=file) from error


@contextmanager
def sftp_errors(conn_id: str, file: str | None = None) -> Iterator[None]:
    """Turn paramiko's exceptions into this package's.

    Raises `ConfigurationError` when permission is denied, `FileChangedError` when the file no longer exists, and
    `TransferError` when the connection was lost or stalled.
    """
    from paramiko import SSHException
    from paramiko.sftp import SFTPError

    server = f"the SFTP server of {conn_id}"
    try:
        yield
    except FileNotFoundError as error:
        raise FileChangedError(f"the file is no longer on {server}", file=file, next_step=LIST_AGAIN) from error
    except PermissionError as error:
        raise ConfigurationError(
            f"{server} denied access", file=file, next_step="ask the vendor to give our user read access to the folder"
        ) from error
    except TimeoutError as error:
        raise TransferError(f"{server} stopped responding", file=file, next_step="try again later") from error
    except (SSHException, SFTPError, EOFError, OSError) as error:
        raise TransferError(
            f"the connection to {server} failed: {type(error).__name__}", file=file, next_step="try again later"
        ) from error


@contextmanager
def local_errors(file: str) -> Iterator[None]:
    """Turn the local file system's exceptions into `ConfigurationError`: only a person can fix their cause."""
    try:
        yield
    except OSError as error:
        raise ConfigurationError(
            f"the file cannot be read: {error.strerror}", file=file, next_step="check its path and permissions"
        ) from error
