"""Where the messages about a cause go, as the declarations and the existing connections say."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from growth_verticals.alerting import AlertRules, Channel
    from growth_verticals.status.causes import Cause

#: The id of the task's log, the channel of messages that have no other.
LOG = "log"


@dataclass(frozen=True, kw_only=True)
class Routes:
    """Where messages go.

    :param for_all: what holds for causes that belong to no declared source.
    :param by_source: what holds for each source, by its name.
    :param is_connected: whether a channel can be used now. It is asked once for each channel.
    """

    for_all: AlertRules
    by_source: Mapping[str, AlertRules]
    is_connected: Callable[[Channel], bool]

    @cached_property
    def channels(self) -> dict[str, Channel]:
        """All declared channels by id."""
        return {channel.id: channel for rules in (self.for_all, *self.by_source.values()) for channel in rules.send}

    @cached_property
    def connected(self) -> frozenset[str]:
        """The ids of the channels that can be used."""
        return frozenset(name for name, channel in self.channels.items() if self.is_connected(channel))

    @property
    def known(self) -> frozenset[str]:
        """The ids of all declared channels, and of the log."""
        return frozenset(self.channels) | {LOG}

    def channels_of(self, cause: Cause) -> tuple[str, ...]:
        """Return the ids of the channels for a cause: none if nobody wants its kind, and the log in place of others."""
        rules = self.by_source.get(cause.source or "", self.for_all)
        if cause.kind not in rules.about:
            return ()
        usable = (channel.id if channel.id in self.connected else LOG for channel in rules.send)
        return tuple(dict.fromkeys(usable)) or (LOG,)
