"""What pyiceberg, requests, botocore and the object store raise, in this platform's words."""

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

from growth_verticals.errors import ConfigurationError, ServiceError

if TYPE_CHECKING:
    from collections.abc import Iterator

_CHECK_KEY = "check the key pair, the clock, and that the role may do this; `./gv doctor` tells which"
_CHECK_UP = "check that it is up (the stand-in: `./gv local status`) and that the setting names it"


@contextmanager
def service_errors(doing: str, endpoint: str) -> Iterator[None]:
    """Turn what a server or its client library raises into `ServiceError` or `ConfigurationError`.

    :param doing: what the block does, as "creating the table aiq.household".
    :param endpoint: the server's URL, or the account's name for it.
    """
    try:
        yield
    except (ForbiddenError, UnauthorizedError, AuthorizationExpiredError) as error:
        raise ConfigurationError(f"{doing} was refused by {endpoint}: {_said(error)}", next_step=_CHECK_KEY) from error
    except RESTError as error:
        raise ServiceError(f"{doing} failed: {endpoint} answered {_said(error)}") from error
    except requests.RequestException as error:
        raise ServiceError(
            f"{doing} failed: {endpoint} does not answer, or not to the end ({type(error).__name__})",
            next_step=_CHECK_UP,
        ) from error
    except ClientError as error:
        raise _of_client(error, doing, endpoint) from error
    except (NoCredentialsError, PartialCredentialsError, CredentialRetrievalError, ProfileNotFound) as error:
        raise ConfigurationError(f"{doing} needs AWS credentials: {error}", next_step=_CHECK_KEY) from error
    except BotoCoreError as error:
        raise ServiceError(
            f"{doing} failed: {endpoint} does not answer, or not to the end ({type(error).__name__})",
            next_step=_CHECK_UP,
        ) from error
    except OSError as error:
        raise ServiceError(
            f"{doing} failed in the object store at {endpoint}: {_said(error)}",
            next_step="check that the store is up, and that the role may read and write there",
        ) from error


def _of_client(error: ClientError, doing: str, endpoint: str) -> ConfigurationError | ServiceError:
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    said = f"{error.response.get('Error', {}).get('Code', 'unknown')} ({status})"
    if status in (401, 403):
        return ConfigurationError(f"{doing} was refused by {endpoint}: {said}", next_step=_CHECK_KEY)
    if status in (400, 404):
        return ConfigurationError(
            f"{doing} failed: {endpoint} answered {said}",
            next_step="check that the bucket or table exists there and that the settings are in AWS's ranges",
        )
    return ServiceError(f"{doing} failed: {endpoint} answered {said}")


def _said(error: Exception) -> str:
    return str(error).partition("\n")[0][:300].rstrip(".")
