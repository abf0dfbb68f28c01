"""Turns the exceptions of pyiceberg, requests, botocore and the object store into this package's."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import requests
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    NoCredentialsError,
    PartialCredentialsError,
    ProfileNotFound,
)
from pyiceberg.exceptions import AuthorizationExpiredError, ForbiddenError, RESTError, UnauthorizedError

from growth_verticals.account import DAMAGED_IN_TRANSIT
from growth_verticals.errors import ConfigurationError, ServiceError, TransferError

if TYPE_CHECKING:
    from collections.abc import Iterator

_CHECK_KEY = "check the key pair, the clock and the role's permissions; `./gv doctor` shows which check fails"
_CHECK_UP = "check that it is up (the stand-in: `./gv local status`) and that its address in the settings is right"
_NO_CREDENTIALS = (NoCredentialsError, PartialCredentialsError, CredentialRetrievalError, ProfileNotFound)


@contextmanager
def service_errors(action: str, endpoint: str) -> Iterator[None]:
    """Turn the exceptions of a server's client library into `ServiceError` or `ConfigurationError`.

    :param action: what the block does, such as "creating the table aiq.household".
    :param endpoint: the server's URL, or the account's name for it.
    """
    try:
        yield
    except Exception as error:
        translated = translate_error(error, action, endpoint)
        if translated is None:
            raise
        raise translated from error


def translate_error(error: Exception, action: str, endpoint: str) -> ConfigurationError | ServiceError | None:
    """Return this package's error for one that a server or its client library raised; None for any other."""
    if isinstance(error, (ForbiddenError, UnauthorizedError, AuthorizationExpiredError)):
        return ConfigurationError(f"{action} was refused by {endpoint}: {_first_line(error)}", next_step=_CHECK_KEY)
    if isinstance(error, RESTError):
        return ServiceError(f"{action} failed: {endpoint} answered {_first_line(error)}")
    if isinstance(error, requests.RequestException):
        return ServiceError(_no_answer(action, endpoint, error), next_step=_CHECK_UP)
    if isinstance(error, (ClientError, BotoCoreError)):
        return aws_error(error, action, endpoint)
    if isinstance(error, OSError):
        return ServiceError(
            f"{action} failed in the object store at {endpoint}: {_first_line(error)}",
            next_step="check that the store is up, and that the role can read and write there",
        )
    return None


def aws_error(
    error: ClientError | BotoCoreError, action: str, endpoint: str, *, file: str | None = None
) -> ConfigurationError | ServiceError:
    """Return this package's error for one of botocore's.

    :param file: the file that is transferred. With it, a lost connection is a `TransferError`, and an invalid request
        can be retried: S3 also answers 400 for a part that was damaged in transit.

    The message has the error's code but not its text, which can contain a signed URL.
    """
    if isinstance(error, _NO_CREDENTIALS):
        return ConfigurationError(
            f"{action} needs AWS credentials",
            file=file,
            found=str(error).rstrip("."),
            next_step="set the connection's keys, or AWS's environment variables, profile or role",
        )
    if not isinstance(error, ClientError):
        error_class = ServiceError if file is None else TransferError
        return error_class(_no_answer(action, endpoint, error), file=file, next_step=_CHECK_UP)
    status, code = http_status(error), error_code(error)
    answer = f"{code} ({status})"
    if status in (401, 403):
        return ConfigurationError(f"{action} was refused by {endpoint}: {answer}", file=file, next_step=_CHECK_KEY)
    if code == "NoSuchBucket" or (status in (400, 404) and file is None and code not in DAMAGED_IN_TRANSIT):
        return ConfigurationError(
            f"{action} failed: {endpoint} answered {answer}",
            file=file,
            next_step="check that the bucket or table exists there and that the settings are within AWS's limits",
        )
    return ServiceError(f"{action} failed: {endpoint} answered {answer}", file=file, next_step="try again later")


def http_status(error: ClientError) -> int:
    """Return the HTTP status of an AWS service's response."""
    return int(error.response["ResponseMetadata"]["HTTPStatusCode"])


def error_code(error: ClientError) -> str:
    """Return the error code of an AWS service's response, such as `NoSuchBucket`."""
    return str(error.response.get("Error", {}).get("Code", "unknown"))


def _no_answer(action: str, endpoint: str, error: Exception) -> str:
    return f"{action} failed: {endpoint} does not answer, or its answer is incomplete ({type(error).__name__})"


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0][:300].rstrip(".")
