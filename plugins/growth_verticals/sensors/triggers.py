"""The wait itself, in Airflow's triggerer: no worker is held while a vendor takes its time."""

from __future__ import annotations

import asyncio
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from growth_verticals import steps
from growth_verticals.declarations import find_source
from growth_verticals.delivery import RemoteFile
from growth_verticals.errors import ServiceError
from growth_verticals.hooks.account import account_from_connection
from growth_verticals.hooks.origin import open_origin
from growth_verticals.source import expand_tokens

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from growth_verticals.cadence import Period
    from growth_verticals.source import Source


class DeliveryTrigger(BaseTrigger):
    """Looks at a source's folder until a period's delivery is complete, or late.

    Fires `{"files": [RemoteFile as mapping, …], "complete": bool}`: `complete` is False when it is late, and `files`
    is then what was there. A server that does not answer counts as a look that saw nothing new.

    :param source: the source's name; the triggerer reads its declaration.
    :param period: the period's key.
    :param seen: the files of the look before, as mappings.
    :param late_at: seconds since 1970, UTC.
    :param interval_s: seconds between two looks.
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
        """Return the class and the arguments with which the triggerer builds it again."""
        names = ("source", "period", "seen", "late_at", "interval_s")
        return f"{type(self).__module__}.{type(self).__qualname__}", {name: getattr(self, name) for name in names}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Look until the delivery is complete or late. Each look is made in a thread: the libraries are not async."""
        from growth_verticals.landing.listing import is_complete

        source = find_source(self.source)
        period = source.cadence.parse(self.period)
        before = [RemoteFile(**file) for file in self.seen]
        while True:
            await asyncio.sleep(self.interval_s)
            try:
                files, marker = await asyncio.to_thread(look, source, period)
            except ServiceError as error:
                self.log.warning("%s", error)
            else:
                if is_complete(before, files, marker):
                    yield self._event(files, complete=True)
                    return
                self.log.info(describe(source, period, files, marker))
                before = files
            if time.time() >= self.late_at:
                yield self._event(before, complete=False)
                return

    def _event(self, files: Sequence[RemoteFile], *, complete: bool) -> TriggerEvent:
        payload = {"files": [asdict(file) for file in files], "complete": complete}
        return TriggerEvent(payload)  # type: ignore[no-untyped-call]


def look(source: Source, period: Period) -> tuple[list[RemoteFile], bool | None]:
    """Return the period's files as they are now, and whether the done marker is there (None: none is declared).

    Raises `ServiceError` when the server does not answer, `ConfigurationError` when it refuses us.
    """
    from growth_verticals.landing.listing import marker_present

    with open_origin(account_from_connection(), source) as origin:
        # The marker first: a file that came with it, after the files were listed, would be left out.
        marker = marker_present(origin, source, period)
        return steps.list_files(origin, source, period), marker


def describe(source: Source, period: Period, files: Sequence[RemoteFile], marker: bool | None) -> str:
    """Return a log line: what is there, and what is awaited."""
    there = f"{len(files)} file(s), {sum(file.size for file in files):,} bytes"
    awaited = "size and time to hold still"
    if marker is not None:
        awaited = f"the marker {expand_tokens(source.delivery.done_marker or '', period)}"
    return f"{source.name} {period}: there {there}; waiting for {awaited if files or marker is not None else 'files'}"
