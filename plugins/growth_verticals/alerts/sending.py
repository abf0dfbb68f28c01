"""Sends the messages that are due, one after the other, and records each after it was sent."""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from growth_verticals.alerts.messages import closing, opening, plain
from growth_verticals.alerts.open_alerts import after, due, with_causes

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from growth_verticals.alerts.messages import Links, Message
    from growth_verticals.alerts.open_alerts import Due, OpenAlert
    from growth_verticals.alerts.routes import Routes
    from growth_verticals.status.causes import Cause

logger = logging.getLogger(__name__)

#: After so many failures, a channel is left alone until the next run: each can take as long as its timeout.
_MAX_FAILURES = 3


class Store(Protocol):
    """Where the open alerts are kept between two runs. `store.AlertStore` is one."""

    def read(self) -> dict[str, OpenAlert]:
        """Return the open alerts by key."""

    def write(self, alerts: Mapping[str, OpenAlert]) -> None:
        """Keep the open alerts in the place of those that were read or written last."""


@dataclass(frozen=True, kw_only=True)
class Sent:
    """How many messages were sent.

    :param failed: id of a channel → why the last message to it was not sent.
    """

    opened: int
    closed: int
    failed: Mapping[str, str]


def send_alerts(
    store: Store,
    causes: Collection[Cause],
    routes: Routes,
    links: Links,
    send: Callable[[str, Message], None],
    *,
    complete: bool = True,
) -> Sent:
    """Open and close alerts as the causes of now say, and send every message that is due.

    A message is sent at least once: a process that ends after `send` and before the message is recorded sends it again
    in the next run. A channel that fails does not stop the others, and what could not be sent to it stays due.

    :param causes: the causes that exist now. An alert without its cause is closed.
    :param send: sends a message to the channel with this id. Its exceptions are logged. Those of the store are raised.
    :param complete: whether all causes and channels could be read. If not, no alert is closed.
    """
    stored = store.read()
    alerts = with_causes(stored, causes, routes.channels_of, routes.known if complete else None)
    if alerts != stored:
        store.write(alerts)
    sent: Counter[str] = Counter()
    failures: Counter[str] = Counter()
    failed: dict[str, str] = {}
    for each in due(alerts):
        is_early = each.action == "close" and each.channel not in alerts[each.key].told
        if is_early or failures[each.channel] >= _MAX_FAILURES:
            continue
        try:
            send(each.channel, _message(alerts, each, links))
        except Exception as error:  # noqa: BLE001 - a channel's client can raise anything
            failures[each.channel] += 1
            failed[each.channel] = plain(f"{type(error).__name__}: {error}")[:300]
            logger.warning("%s: %s %s was not sent: %s", each.channel, each.action, each.key, failed[each.channel])
        else:
            alerts = after(alerts, each)
            store.write(alerts)
            sent[each.action] += 1
    return Sent(opened=sent["open"], closed=sent["close"], failed=failed)


def _message(alerts: Mapping[str, OpenAlert], each: Due, links: Links) -> Message:
    cause = alerts[each.key].cause
    if each.action == "open":
        return opening(cause, links)
    others = [alert.cause for alert in alerts.values() if alert.exists]
    return closing(cause, [other.kind for other in others if _about(other) == _about(cause)], links)


def _about(cause: Cause) -> tuple[str | None, ...]:
    return cause.source, cause.period, cause.table
