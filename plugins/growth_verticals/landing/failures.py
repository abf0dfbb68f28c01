"""What a server's failures are called here. Each is a context manager around calls of one library.

No message repeats the library's own text: it may hold a signed URL or a path of the machine.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from growth_verticals.errors import ConfigurationError, ServiceError, TransferError

if TYPE_CHECKING:
    from collections.abc import Iterator

LIST_AGAIN = "when the vendor has finished, list the delivery again (in Airflow, clear its first task)"


@contextmanager
def s3_failures(client: Any, bucket: str, file: str | None = None) -> Iterator[None]:
    """Turn botocore's exceptions into this package's.

    `ConfigurationError`: credentials or bucket. `TransferError`: the object is gone, changed, or the connection was
    lost. `ServiceError`: any other answer, by its code.
    """
    from botocore import exceptions as boto

    server = client.meta.endpoint_url
    try:
        yield
    except (boto.NoCredentialsError, boto.PartialCredentialsError, boto.CredentialRetrievalError) as error:
        raise ConfigurationError(
            f"there are no credentials for the bucket {bucket}",
            file=file,
            next_step="set the connection's keys, or AWS's own environment variables, profile or role",
        ) from error
    except boto.ClientError as error:
        raise _refusal(error, f"the bucket {bucket} at {server}", file) from error
    except boto.BotoCoreError as error:
        raise TransferError(
            f"the connection to {server} (bucket {bucket}) failed: {type(error).__name__}",
            file=file,
            next_step="check that the server is up and reachable, then try again",
        ) from error


def _refusal(error: Any, place: str, file: str | None) -> ConfigurationError | ServiceError:
    status, code = status_of(error), error.response["Error"].get("Code", "")
    if status in (401, 403):
        return ConfigurationError(
            f"{place} refused access ({code})", file=file, next_step="check the credentials and what they allow there"
        )
    if code == "NoSuchBucket":
        return ConfigurationError(f"{place} does not exist", file=file, next_step="check the bucket's name and Region")
    if status == 404:
        return TransferError(f"the object is no longer in {place}", file=file, next_step=LIST_AGAIN)
    if status == 412:
        return TransferError("the object changed after it was listed", file=file, next_step=LIST_AGAIN)
    return ServiceError(f"{place} answered {status} {code}", file=file, next_step="try again later")


def status_of(error: Any) -> int:
    """Return the HTTP status of a botocore `ClientError`."""
    return int(error.response["ResponseMetadata"]["HTTPStatusCode"])


@contextmanager
def sftp_failures(conn_id: str, file: str | None = None) -> Iterator[None]:
    """Turn paramiko's exceptions into this package's.

    `ConfigurationError`: no permission. `TransferError`: the file is gone, or the connection was lost or stalled.
    """
    from paramiko import SSHException
    from paramiko.sftp import SFTPError

    server = f"the SFTP server of {conn_id}"
    try:
        yield
    except FileNotFoundError as error:
        raise TransferError(f"the file is no longer on {server}", file=file, next_step=LIST_AGAIN) from error
    except PermissionError as error:
        raise ConfigurationError(
            f"{server} refused access", file=file, next_step="ask the vendor to let our user read the folder"
        ) from error
    except TimeoutError as error:
        raise TransferError(f"{server} stopped answering", file=file, next_step="try again later") from error
    except (SSHException, SFTPError, EOFError, OSError) as error:
        raise TransferError(
            f"the connection to {server} failed: {type(error).__name__}", file=file, next_step="try again later"
        ) from error


@contextmanager
def local_failures(file: str) -> Iterator[None]:
    """Turn a file system's exceptions into `ConfigurationError`: on this machine a person must help."""
    try:
        yield
    except OSError as error:
        raise ConfigurationError(
            f"the file cannot be read: {error.strerror}", file=file, next_step="check its path and permissions"
        ) from error
