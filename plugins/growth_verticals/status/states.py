"""The states of a delivery, each with its sign and its word. `rules.delivery_state` says which one a delivery has."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

from growth_verticals.status.facts import Failure, failure_from_json, time_from_json, time_to_json

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

State = Literal[
    "not_open", "waiting", "late_vendor", "late_pipeline", "running", "needs_approval", "refused", "loaded",
    "loaded_with_rejects", "already_loaded", "restated", "undone", "by_hand", "skipped", "paused", "unexplained",
    "expired",
]  # fmt: skip

#: State → its sign, which can be read without color, and its word.
STATES: Mapping[State, tuple[str, str]] = {
    "not_open": ("·", "not open"),
    "waiting": ("◌", "waiting"),
    "late_vendor": ("◷", "late: vendor"),
    "late_pipeline": ("!", "late: pipeline"),
    "running": ("▸", "running"),
    "needs_approval": ("?", "needs approval"),
    "refused": ("✗", "refused"),
    "loaded": ("✓", "loaded"),
    "loaded_with_rejects": ("±", "loaded with rejects"),
    "already_loaded": ("=", "already loaded"),
    "restated": ("↻", "restated"),
    "undone": ("↶", "undone"),
    "by_hand": ("✎", "loaded by hand"),
    "skipped": ("–", "skipped"),
    "paused": ("‖", "paused"),
    "unexplained": ("≠", "unexplained"),
    "expired": ("∅", "expired"),
}

#: States in which a person should look at the delivery.
NEEDS_A_PERSON: frozenset[State] = frozenset(
    ("late_vendor", "late_pipeline", "needs_approval", "refused", "unexplained")
)
#: States in which the delivery is in the table.
HOLDS_ROWS: frozenset[State] = frozenset(("loaded", "loaded_with_rejects", "already_loaded", "restated", "by_hand"))


@dataclass(frozen=True, kw_only=True)
class DeliveryState:
    """The state of a source's delivery for a period.

    :param state: a key of `STATES`.
    :param text: one sentence about it, for titles and screen readers.
    :param run_id: the run that the state is about; None if no run made it.
    :param step: the run's task that is active, or that failed.
    :param rows: rows that the table holds of the period, as far as that is known; None if it never got any.
    :param rejects: rejected records of the loads that count.
    :param rows_before, period_before: the period that `rows` is compared to. `grid_row` sets them.
    :param opens, due: of the period; None if the source has no schedule.
    :param at: when the state began.
    :param by: who started or approved what the state is about; None for the schedule.
    :param failure: why the run failed.
    """

    source: str
    period: str
    state: State
    text: str
    run_id: str | None = None
    step: str | None = None
    rows: int | None = None
    rejects: int | None = None
    rows_before: int | None = None
    period_before: str | None = None
    opens: datetime | None = None
    due: datetime | None = None
    at: datetime | None = None
    by: str | None = None
    failure: Failure | None = None

    @property
    def sign(self) -> str:
        return STATES[self.state][0]

    @property
    def word(self) -> str:
        return STATES[self.state][1]

    @property
    def change(self) -> float | None:
        """Rows against the comparable period as a share: 0.1 is ten percent more. None without one."""
        return self.rows / self.rows_before - 1 if self.rows is not None and self.rows_before else None

    def to_json(self) -> dict[str, Any]:
        """Return the state as JSON types, with its `sign`, `word` and `change`; times in ISO 8601, UTC."""
        times = {name: time_to_json(getattr(self, name)) for name in _TIMES}
        return asdict(self) | times | {"sign": self.sign, "word": self.word, "change": self.change}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> DeliveryState:
        """Return the state that `to_json` returned."""
        known = {name: values[name] for name in cls.__dataclass_fields__ if name in values}
        times = {name: time_from_json(values.get(name)) for name in _TIMES}
        failure = values.get("failure")
        return cls(**known | times | {"failure": failure_from_json(failure) if failure else None})


_TIMES = ("opens", "due", "at")
