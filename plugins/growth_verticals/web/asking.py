"""The account, for pages that ask the catalog or the landing zone.

A service that does not answer holds a thread for a minute. The API server has 40, and tasks need them too, so only some
of them may ask at a time.
"""

from __future__ import annotations

from contextlib import contextmanager
from threading import BoundedSemaphore
from typing import TYPE_CHECKING

from growth_verticals.errors import ServiceError
from growth_verticals.hooks.account import account_from_connection

if TYPE_CHECKING:
    from collections.abc import Iterator

    from growth_verticals.account import Account

_MAX_ASKING = 8
_WAIT_S = 2.0
_asking = BoundedSemaphore(_MAX_ASKING)


@contextmanager
def asking_account() -> Iterator[Account]:
    """Give the account to one of at most 8 pages at a time.

    Raises `ServiceError` if others still wait for an answer, `ConfigurationError` if there is no account.
    """
    if not _asking.acquire(timeout=_WAIT_S):
        raise ServiceError(
            "too many pages wait for an answer of S3 Tables or S3", next_step="open the page again in a minute"
        )
    try:
        yield account_from_connection()
    finally:
        _asking.release()
