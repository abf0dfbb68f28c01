"""An open alert, and how the causes of now open and close alerts.

Alerts follow the causes that exist (their level), not the moments at which something happened. So a run that is missed,
repeated or interrupted changes nothing: the next one sees the same causes, and what was sent.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from growth_verticals.status.causes import Cause

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

#: Kinds that are events: they have happened, and are causes for some days. That those are over is no news.
_EVENTS = ("restated", "rejects_over")


@dataclass(frozen=True, kw_only=True)
class OpenAlert:
    """A cause that people are told about.

    :param cause: as it was when it was first seen.
    :param exists: whether the cause exists now. If not, the alert is open only until the last message is sent.
    :param owed: ids of the channels to which the opening is to be sent.
    :param told: ids of the channels to which the opening was sent, and the closing was not.
    """

    cause: Cause
    exists: bool = True
    owed: tuple[str, ...] = ()
    told: tuple[str, ...] = ()

    @property
    def is_finished(self) -> bool:
        """Whether no message about it will be due any more."""
        return not self.exists and not self.owed and (not self.told or self.cause.kind in _EVENTS)

    def to_json(self) -> dict[str, Any]:
        """Return the alert as JSON types."""
        return {"cause": self.cause.to_json(), "exists": self.exists, "owed": list(self.owed), "told": list(self.told)}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> OpenAlert:
        """Return the alert that `to_json` returned."""
        return cls(
            cause=Cause.from_json(values["cause"]),
            exists=bool(values["exists"]),
            owed=tuple(values["owed"]),
            told=tuple(values["told"]),
        )


@dataclass(frozen=True, kw_only=True)
class Due:
    """A message that is to be sent: that the alert `key` opens or closes."""

    action: Literal["open", "close"]
    key: str
    channel: str


def with_causes(
    alerts: Mapping[str, OpenAlert],
    causes: Collection[Cause],
    channels_of: Callable[[Cause], Collection[str]],
    known: Collection[str] | None,
) -> dict[str, OpenAlert]:
    """Return the alerts by key: those that are open, and one for each new cause.

    :param alerts: the open alerts by key, as they were after the last run.
    :param causes: the causes that exist now.
    :param channels_of: the ids of the channels that a cause is sent to.
    :param known: the ids of all channels; others are no longer declared, and are forgotten. None if not all causes or
        channels could be read: then no alert is closed, and no channel forgotten.
    """
    found: dict[str, OpenAlert] = {}
    for cause in causes:
        before = alerts.get(cause.key, OpenAlert(cause=cause))
        # Whether a channel that is still told of a cause that was gone got the closing is not known: tell it again.
        told = _known(before.told, known) if before.exists else ()
        owed = tuple(channel for channel in channels_of(cause) if channel not in told)
        if owed or told:
            found[cause.key] = OpenAlert(cause=before.cause, owed=owed, told=told)
    exist = {cause.key for cause in causes}
    for key, before in alerts.items():
        if key in exist:
            continue
        if known is None:
            found[key] = before
            continue
        gone = replace(before, exists=False, owed=_known(before.owed, known), told=_known(before.told, known))
        if not gone.is_finished:
            found[key] = gone
    return found


def due(alerts: Mapping[str, OpenAlert]) -> Iterator[Due]:
    """Yield the messages to send, in their order: openings first, and the closing of an alert after its opening.

    An opening that could not be sent while its cause existed is sent too: somebody may have to know that it did.
    """
    for key, alert in alerts.items():
        for channel in alert.owed:
            yield Due(action="open", key=key, channel=channel)
    for key, alert in alerts.items():
        if not alert.exists and alert.cause.kind not in _EVENTS:
            for channel in (*alert.told, *alert.owed):
                yield Due(action="close", key=key, channel=channel)


def after(alerts: Mapping[str, OpenAlert], sent: Due) -> dict[str, OpenAlert]:
    """Return the alerts after a message was sent."""
    before = alerts[sent.key]
    others = tuple(channel for channel in before.told if channel != sent.channel)
    alert = replace(
        before,
        owed=tuple(channel for channel in before.owed if channel != sent.channel),
        told=(*others, sent.channel) if sent.action == "open" else others,
    )
    return {key: each for key, each in {**alerts, sent.key: alert}.items() if not each.is_finished}


def _known(channels: tuple[str, ...], known: Collection[str] | None) -> tuple[str, ...]:
    return tuple(channel for channel in channels if known is None or channel in known)
