"""What pyiceberg, requests, botocore and the object store raise, as errors of this package."""

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

from growth_verticals.errors import ConfigurationError, ServiceError, TransferError

if TYPE_CHECKING:
    from collections.abc import Iterator

_CHECK_KEY = "check the key pair, the clock, and that the role may do this; `./gv doctor` tells which"
_CHECK_UP = "check that it is up (the stand-in: `./gv local status`) and that the setting names it"
_NO_CREDENTIALS = (NoCredentialsError, PartialCredentialsError, CredentialRetrievalError, ProfileNotFound)


@contextmanager
def service_errors(doing: str, endpoint: str) -> Iterator[None]:
    """Turn what a server or its client library raises into `ServiceError` or `ConfigurationError`.

    :param doing: what the block does, such as "creating the table aiq.household".
    :param endpoint: the server's URL, or the account's name for it.
    """
    try:
        yield
    except (ForbiddenError, UnauthorizedError, AuthorizationExpiredError) as error:
        raise ConfigurationError(f"{doing} was refused by {endpoint}: {_said(error)}", next_step=_CHECK_KEY) from error
    except RESTError as error:
        raise ServiceError(f"{doing} failed: {endpoint} answered {_said(error)}") from error
    except requests.RequestException as error:
        raise ServiceError(_no_answer(doing, endpoint, error), next_step=_CHECK_UP) from error
    except (ClientError, BotoCoreError) as error:
        raise aws_error(error, doing, endpoint) from error
    except OSError as error:
        raise ServiceError(
            f"{doing} failed in the object store at {endpoint}: {_said(error)}",
            next_step="check that the store is up, and that the role may read and write there",
        ) from error


def aws_error(
    error: ClientError | BotoCoreError, doing: str, endpoint: str, *, file: str | None = None
) -> ConfigurationError | ServiceError:
    """Return the error of this package for one of botocore's.

    :param file: the file that is transferred. With it a lost connection is a `TransferError`, and a request that the
        store calls invalid may be retried: S3 answers 400 for a part that was damaged on the way.

    The message has the error's code but not its text, which may hold a signed URL.
    """
    if isinstance(error, _NO_CREDENTIALS):
        return ConfigurationError(
            f"{doing} needs AWS credentials",
            file=file,
            found=str(error).rstrip("."),
            next_step="set the connection's keys, or AWS's environment variables, profile or role",
        )
    if not isinstance(error, ClientError):
        lost = ServiceError if file is None else TransferError
        return lost(_no_answer(doing, endpoint, error), file=file, next_step=_CHECK_UP)
    status, code = http_status(error), error_code(error)
    answer = f"{code} ({status})"
    if status in (401, 403):
        return ConfigurationError(f"{doing} was refused by {endpoint}: {answer}", file=file, next_step=_CHECK_KEY)
    if code == "NoSuchBucket" or (status in (400, 404) and file is None):
        return ConfigurationError(
            f"{doing} failed: {endpoint} answered {answer}",
            file=file,
            next_step="check that the bucket or table exists there and that the settings are in AWS's ranges",
        )
    return ServiceError(f"{doing} failed: {endpoint} answered {answer}", file=file, next_step="try again later")


def http_status(error: ClientError) -> int:
    """Return the HTTP status of an AWS service's answer."""
    return int(error.response["ResponseMetadata"]["HTTPStatusCode"])


def error_code(error: ClientError) -> str:
    """Return the code of an AWS service's answer, such as `NoSuchBucket`."""
    return str(error.response.get("Error", {}).get("Code", "unknown"))


def _no_answer(doing: str, endpoint: str, error: Exception) -> str:
    return f"{doing} failed: {endpoint} does not answer, or the answer is cut off ({type(error).__name__})"


def _said(error: Exception) -> str:
    return str(error).partition("\n")[0][:300].rstrip(".")
