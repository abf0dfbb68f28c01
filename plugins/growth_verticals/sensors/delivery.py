"""The first step of every run: wait until the period's delivery is complete, then return its files in units to land."""

from __future__ import annotations

import os
import time
from contextlib import ExitStack
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from growth_verticals.cadence import BUSINESS_ZONE, OnDemand
from growth_verticals.delivery import RemoteFile
from growth_verticals.errors import ConfigurationError, DeliveryLateError, HostKeyChangedError, ServiceError
from growth_verticals.hooks.account import account_from_connection
from growth_verticals.hooks.origin import open_origin
from growth_verticals.hooks.run import load_request, max_quiet_s
from growth_verticals.landing.complete import Watch
from growth_verticals.operators.source import SourceOperator
from growth_verticals.patterns import expand_tokens
from growth_verticals.sensors.triggers import DeliveryTrigger, event_of, poll
from growth_verticals.source import Quiet
from growth_verticals.units import land_units

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.sdk import Context

    from growth_verticals.cadence import Period
    from growth_verticals.landing.origins import Origin

_POLL_INTERVAL_S = 60.0
#: A deferred task must not resume within a few seconds. The executor's report that the first part has ended can arrive
#: late; if the task has resumed by then, the report is taken as a crash of the second part, and the task runs twice.
_MIN_POLL_INTERVAL_S = 8.0
#: A run waits at least this long, even if its period is already due, because it takes two polls to see that files are
#: complete.
_MIN_WAIT_S = 600.0


class AwaitDelivery(SourceOperator):
    """Wait for a period's delivery, and return its files as mappings of `LandUnit`s.

    The source's `complete=` says when the delivery is complete. The delivery is late at 18:00 on the due business day,
    or ten minutes after the task starts if that is later; if the source declares `Quiet`, its duration is added to the
    ten minutes. There is no wait for files that a person named: if one does not exist, the run fails.

    Environment variables, in seconds: GV_POLL_INTERVAL_S (60, at least 8), GV_MIN_WAIT_S (600) and GV_MAX_QUIET_S.
    """

    def act(self, context: Context) -> list[dict[str, Any]]:
        """Poll once, then defer to the triggerer. Raises what `poll` raises, except `ServiceError`.

        Raises `DeliveryRefusedError` for a period that is older than what the source keeps.
        """
        request = load_request(context, self.source)
        self.source.require_kept(request.period, datetime.now(UTC))
        if request.files or isinstance(self.source.cadence, OnDemand):
            return self._named(request.files)
        watch = Watch(self.source, request.period, max_quiet_s=max_quiet_s())
        try:
            listing = poll(self.source, request.period)
        except ServiceError as error:
            self.log.warning("%s", error)
        else:
            verdict = watch.update(listing, time.time())
            if verdict.complete:
                return self._complete(request.period, event_of(verdict, listing))
            self.log.info("%s %s: found %s", self.source.name, request.period, verdict.found)
        late_at = max(self.source.cadence.due(request.period).timestamp(), time.time() + self._min_wait_s())
        self.log.info("waiting until %s, New York time", datetime.fromtimestamp(late_at, BUSINESS_ZONE))
        self.defer(
            trigger=DeliveryTrigger(
                source=self.source.name,
                period=request.period.key,
                seen=[asdict(file) for file in watch.seen],
                late_at=late_at,
                interval_s=max(_setting("GV_POLL_INTERVAL_S", _POLL_INTERVAL_S), _MIN_POLL_INTERVAL_S),
                unchanged_since=watch.unchanged_since,
            ),
            method_name="resume",
        )

    def resume(self, context: Context, event: dict[str, Any]) -> list[dict[str, Any]]:
        """Return the units of the files that the trigger found.

        Raises `DeliveryLateError` if they were not complete in time, and `ConfigurationError` if the trigger met one.
        Airflow does not retry either: a person must act.
        """
        if "error" in event:
            fields = dict(event["error"])
            kind = HostKeyChangedError if fields.pop("host_key_changed", False) else ConfigurationError
            raise kind(**fields)
        period = load_request(context, self.source).period
        if event["complete"]:
            return self._complete(period, event)
        found = event.get("found", "none")
        if "failure" in event:
            found += f"; the last poll failed: {event['failure']}"
        due = self.source.cadence.due(period)
        folder, pattern = (
            expand_tokens(each, period) for each in (self.source.delivery.folder, self.source.delivery.pattern)
        )
        raise DeliveryLateError(
            f"no complete delivery of {period} arrived in time",
            source=self.source.name,
            expected=f"files {pattern} in {folder or 'the bucket'} by {due:%Y-%m-%d %H:%M} New York",
            found=found,
            next_step="ask the vendor for the delivery; clear the task await of this run when the files are there, or "
            "start a run that names them",
        )

    def _named(self, names: Sequence[str]) -> list[dict[str, Any]]:
        from growth_verticals.landing.listing import find_named

        account = account_from_connection()
        with ExitStack() as opened:

            def origin_of(uri: str) -> Origin:
                return opened.enter_context(open_origin(account, self.source, uri))

            return self._units(find_named(account, self.source, names, origin_of))

    def _min_wait_s(self) -> float:
        """Return the seconds that a run waits at least, even if its period is already due."""
        quiet = [rule.duration.total_seconds() for rule in self.source.delivery.rules if isinstance(rule, Quiet)]
        return _setting("GV_MIN_WAIT_S", _MIN_WAIT_S) + min(sum(quiet), max_quiet_s())

    def _complete(self, period: Period, event: dict[str, Any]) -> list[dict[str, Any]]:
        self.log.info("%s %s: the delivery is complete: %s", self.source.name, period, event["found"])
        if event["skipped"]:
            self.log.info("known and skipped: %s", ", ".join(event["skipped"]))
        return self._units([RemoteFile(**file) for file in event["files"]])

    def _units(self, files: Sequence[RemoteFile]) -> list[dict[str, Any]]:
        for file in files:
            self.log.info("%s, %s bytes", file.name, f"{file.size:,}")
        return [unit.to_json() for unit in land_units(self.source, files)]


def _setting(name: str, default: float) -> float:
    return float(os.environ.get(name) or default)
