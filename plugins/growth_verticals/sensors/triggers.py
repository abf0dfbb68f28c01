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
from growth_verticals.errors import ConfigurationError, GrowthVerticalsError, HostKeyChangedError
from growth_verticals.hooks.account import account_from_connection
from growth_verticals.hooks.origin import open_origin
from growth_verticals.hooks.run import max_quiet_s
from growth_verticals.landing.complete import Watch

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from growth_verticals.cadence import Period
    from growth_verticals.landing.complete import Listing, Verdict
    from growth_verticals.source import Source


#: A wait of weeks says at least this often that it still waits.
_SAYS_SOMETHING_EVERY_S = 24 * 3600.0


class DeliveryTrigger(BaseTrigger):
    """Polls a source's folder until a period's delivery is complete or late.

    Fires `{"files": [RemoteFile as mapping, …], "found": text, "skipped": [name, …], "complete": bool}`. `complete` is
    False if the delivery is late; then `files` and `found` are those of the last poll. A failed poll never ends the
    wait: it found nothing new, and the next one may succeed. The log has the reason, and an event has it as `"failure"`
    if the last poll before it failed. That holds for a server that does not answer, for a folder that does not exist
    (yet), and for every unexpected exception. The log has a line when something has changed, and one a day otherwise.

    The exception is `ConfigurationError`: a refused login, a host key that is not the pinned one, a connection that
    was removed, a declaration that is gone or does not run. Only a person can fix these, and the wait can last for
    weeks, so the person must know now and not when the delivery is late. The event then has the error's fields as
    `"error"`, and the task fails with that error.

    :param source: the source's name. The triggerer reads the declaration itself.
    :param period: the period's key.
    Airflow creates the trigger again from its arguments when the triggerer restarts. It then continues from the poll of
    the task `await`: if the files have changed since, the duration of `Quiet` starts again at the first poll after the
    restart. That makes the wait longer, never shorter.

    :param seen: the files that the previous poll found, as mappings (`Watch.seen`).
    :param late_at: seconds since 1970, UTC.
    :param interval_s: seconds between polls.
    :param unchanged_since: when a poll first found the files in `seen`, in seconds since 1970. Default: now.
    """

    def __init__(
        self,
        *,
        source: str,
        period: str,
        seen: list[dict[str, Any]],
        late_at: float,
        interval_s: float,
        unchanged_since: float | None = None,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.source = source
        self.period = period
        self.seen = seen
        self.late_at = late_at
        self.interval_s = interval_s
        self.unchanged_since = time.time() if unchanged_since is None else unchanged_since

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and the arguments, from which the triggerer creates the trigger again."""
        names = ("source", "period", "seen", "late_at", "interval_s", "unchanged_since")
        return f"{type(self).__module__}.{type(self).__qualname__}", {name: getattr(self, name) for name in names}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Poll until the delivery is complete or late. Each poll runs in a thread, because its libraries block."""
        event: dict[str, Any] = {"files": self.seen, "complete": False}
        try:
            source = find_source(self.source)
            period = source.cadence.parse(self.period)
        except GrowthVerticalsError as error:
            yield _event(event | {"error": _fields(error)})
            return
        seen = tuple(RemoteFile(**file) for file in self.seen)
        watch = Watch(source, period, seen, self.unchanged_since, max_quiet_s=max_quiet_s())
        news = _News((seen, frozenset(), None))
        while True:
            await asyncio.sleep(self.interval_s)
            try:
                listing = await asyncio.to_thread(poll, source, period)
            except ConfigurationError as error:
                yield _event(event | {"error": _fields(error)})
                return
            except GrowthVerticalsError as error:
                event["failure"] = error.what
                if news.is_due(str(error)):
                    self.log.warning("%s", error)
            except Exception as error:  # noqa: BLE001 - a library can raise anything, and the wait must go on
                # The exception's own text is not logged: a library can put a password or a signed URL into it.
                event["failure"] = f"unexpected {type(error).__name__}"
                if news.is_due(event["failure"]):
                    trace = "".join(traceback.format_tb(error.__traceback__))
                    self.log.error("%s; polling again\n%s", event["failure"], trace)
            else:
                verdict = watch.update(listing, time.time())
                event = event_of(verdict, listing)
                if verdict.complete:
                    yield _event(event)
                    return
                if news.is_due((watch.seen, listing.markers, listing.manifest_error)):
                    self.log.info("%s %s: still waiting; found %s", source.name, period, verdict.found)
            if time.time() >= self.late_at:
                yield _event(event)
                return


class _News:
    """Decides what a poll found that is worth a line in the log: what is new, and after a day that nothing is.

    :param found: what the log has already.
    """

    def __init__(self, found: object) -> None:
        self._found = found
        self._said_at = time.time()

    def is_due(self, found: object) -> bool:
        """Return whether to log this. If so, it is the newest that the log has."""
        now = time.time()
        if found == self._found and now < self._said_at + _SAYS_SOMETHING_EVERY_S:
            return False
        self._found, self._said_at = found, now
        return True


def event_of(verdict: Verdict, listing: Listing) -> dict[str, Any]:
    """Return what the trigger fires after a poll, as JSON types."""
    return {
        "files": [asdict(file) for file in verdict.files],
        "found": verdict.found,
        "skipped": list(listing.skipped),
        "complete": verdict.complete,
    }


def _event(payload: dict[str, Any]) -> TriggerEvent:
    return TriggerEvent(payload)  # type: ignore[no-untyped-call]


def _fields(error: GrowthVerticalsError) -> dict[str, Any]:
    return error.fields() | {"host_key_changed": isinstance(error, HostKeyChangedError)}


def poll(source: Source, period: Period) -> Listing:
    """Return what the vendor has put up for the period so far.

    Raises `ServiceError` if the server does not answer, `DeliveryError` if there is no such folder, and
    `ConfigurationError` if the server refuses the login or access.
    """
    with open_origin(account_from_connection(), source) as origin:
        return steps.poll(origin, source, period)
