"""The wait for a delivery, in Airflow's triggerer, so that it takes no worker slot."""

from __future__ import annotations

import asyncio
import time
import traceback
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from growth_verticals import steps
from growth_verticals.declarations import find_source
from growth_verticals.delivery import RemoteFile
from growth_verticals.errors import ConfigurationError, GrowthVerticalsError
from growth_verticals.hooks.account import account_from_connection
from growth_verticals.hooks.origin import open_origin
from growth_verticals.source import expand_tokens

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from growth_verticals.cadence import Period
    from growth_verticals.source import Source


class DeliveryTrigger(BaseTrigger):
    """Polls a source's folder until a period's delivery is complete or late.

    Fires `{"files": [RemoteFile as mapping, …], "complete": bool}`. `complete` is False if the delivery is late; then
    `files` are those of the last poll. A failed poll never ends the wait: it found nothing new, and the next one may
    succeed. The log has the reason, and an event has it as `"failure"` if the last poll before it failed. That holds
    for a server that does not answer, for a folder that does not exist (yet), and for every unexpected exception.

    The exception is `ConfigurationError`: a refused login, a host key that is not the pinned one, a connection that
    was removed, a declaration that is gone or does not run. Only a person can fix these, and the wait can last for
    weeks, so the person must know now and not when the delivery is late. The event then has the error's fields as
    `"error"`, and the task fails with that error.

    :param source: the source's name. The triggerer reads the declaration itself.
    :param period: the period's key.
    :param seen: the files that the previous poll found, as mappings.
    :param late_at: seconds since 1970, UTC.
    :param interval_s: seconds between polls.
    """

    def __init__(
        self, *, source: str, period: str, seen: list[dict[str, Any]], late_at: float, interval_s: float
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.source = source
        self.period = period
        self.seen = seen
        self.late_at = late_at
        self.interval_s = interval_s

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and the arguments, from which the triggerer creates the trigger again."""
        names = ("source", "period", "seen", "late_at", "interval_s")
        return f"{type(self).__module__}.{type(self).__qualname__}", {name: getattr(self, name) for name in names}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Poll until the delivery is complete or late. Each poll runs in a thread, because its libraries block."""
        from growth_verticals.landing.listing import is_complete

        previous = [RemoteFile(**file) for file in self.seen]
        failure: str | None = None
        try:
            source = find_source(self.source)
            period = source.cadence.parse(self.period)
        except GrowthVerticalsError as error:
            yield _event(previous, error=_fields(error))
            return
        while True:
            await asyncio.sleep(self.interval_s)
            try:
                files, marker = await asyncio.to_thread(poll, source, period)
            except ConfigurationError as error:
                yield _event(previous, error=_fields(error))
                return
            except GrowthVerticalsError as error:
                failure = error.what
                self.log.warning("%s", error)
            except Exception as error:  # noqa: BLE001 - a library can raise anything, and the wait must go on
                # The exception's own text is not logged: a library can put a password or a signed URL into it.
                failure = f"unexpected {type(error).__name__}"
                self.log.error("%s; polling again\n%s", failure, "".join(traceback.format_tb(error.__traceback__)))
            else:
                if is_complete(previous, files, marker):
                    yield _event(files, complete=True)
                    return
                self.log.info(waiting_message(source, period, files, marker))
                previous, failure = files, None
            if time.time() >= self.late_at:
                yield _event(previous, failure=failure)
                return


def _event(
    files: Sequence[RemoteFile],
    *,
    complete: bool = False,
    error: dict[str, Any] | None = None,
    failure: str | None = None,
) -> TriggerEvent:
    reasons = {"error": error, "failure": failure}
    payload = {"files": [asdict(file) for file in files], "complete": complete}
    payload |= {name: reason for name, reason in reasons.items() if reason is not None}
    return TriggerEvent(payload)  # type: ignore[no-untyped-call]


def _fields(error: GrowthVerticalsError) -> dict[str, Any]:
    names = ("what", "source", "file", "line", "column", "expected", "found", "next_step")
    return {name: getattr(error, name) for name in names}


def poll(source: Source, period: Period) -> tuple[list[RemoteFile], bool | None]:
    """Return the period's current files, and whether the done marker exists (None if the source declares no marker).

    Raises `ServiceError` if the server does not answer, `DeliveryError` if there is no such folder, and
    `ConfigurationError` if the server refuses the login or access.
    """
    from growth_verticals.landing.listing import marker_present

    with open_origin(account_from_connection(), source) as origin:
        # Check the marker before listing the files. Otherwise, files that arrive with the marker between these two
        # requests would be missed.
        marker = marker_present(origin, source, period)
        return steps.list_files(origin, source, period), marker


def waiting_message(source: Source, period: Period, files: Sequence[RemoteFile], marker: bool | None) -> str:
    """Return a log line that says which files are there and what the wait is for."""
    current = f"{len(files)} file(s), {sum(file.size for file in files):,} bytes"
    awaited = "another poll that finds no change" if files else "files"
    if marker is not None:
        awaited = f"the marker {expand_tokens(source.delivery.done_marker or '', period)}"
    return f"{source.name} {period}: found {current}; waiting for {awaited}"
