"""What a person should know about now: one cause for each kind, source and period, however often it is retried."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from growth_verticals.alerting import AlertRules, Kind
from growth_verticals.cadence import Monthly, Quarterly
from growth_verticals.status.facts import time_from_json, time_to_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from growth_verticals.status.facts import AuditFacts, MaintenanceFacts
    from growth_verticals.status.grid import Grid, GridRow
    from growth_verticals.status.states import DeliveryState, State

#: How long something that has happened is a cause. What is still the case is one for as long as it is.
_RECENT = timedelta(days=7)
#: Kinds of what has happened. Nobody must act.
_NEWS: frozenset[Kind] = frozenset(("restated", "rejects_over", "due_soon"))
_HAS_DUE_SOON = (Quarterly.label, Monthly.label)
_KINDS: Mapping[State, Kind] = {
    "late_vendor": "late_vendor",
    "late_pipeline": "late_pipeline",
    "refused": "refused",
    "needs_approval": "needs_approval",
    "unexplained": "gap",
}
#: What to do if the failure of a run does not say it.
_NEXT_STEPS: Mapping[Kind, str] = {
    "due_soon": "nothing yet; if it matters, ask the vendor whether it is coming",
    "late_vendor": "ask the vendor for the delivery",
    "late_pipeline": "open the run, and the log of the step that is not done",
    "refused": "look at the delivery, and ask the vendor for a corrected one",
    "needs_approval": "look at the evidence, and answer",
    "restated": "tell the people who used the earlier rows, if it matters to them",
    "rejects_over": "look at the reasons, and tell the vendor",
    "gap": "run ./gv audit for this source, and see docs/runbook.md, The audit",
    "maintenance_failed": "look at the task's log; the table can still be read",
    "host_key_changed": "ask the vendor over another channel whether they changed the key",
}
_START_A_RUN = "start a run for this period, and find out why the schedule did not"


@dataclass(frozen=True, kw_only=True)
class Cause:
    """Why a person should look.

    :param source: None if it is about a table that no source declares.
    :param period: None if it is about no period, such as a table's maintenance.
    :param text: one sentence, without the next step.
    :param counts: numbers that belong to it, such as `rows_rejected`.
    :param since: when it began.
    :param key: the same for the same cause, however often somebody asks or a task is retried.
    :param table: the table that it is about, for maintenance.
    """

    kind: Kind
    source: str | None
    period: str | None
    text: str
    next_step: str | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    since: datetime | None = None
    run_id: str | None = None
    key: str
    table: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the cause as JSON types; times in ISO 8601, UTC."""
        return asdict(self) | {"since": time_to_json(self.since)}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Cause:
        """Return the cause that `to_json` returned; fields that it does not have are ignored."""
        known = {name: values[name] for name in cls.__dataclass_fields__ if name in values}
        return cls(**known | {"since": time_from_json(values.get("since"))})


def causes(
    grid: Grid,
    *,
    audits: Mapping[tuple[str, str], AuditFacts] | None = None,
    maintenance: Sequence[MaintenanceFacts] = (),
    rules: Mapping[str, AlertRules] | None = None,
) -> list[Cause]:
    """Return the causes at the time of the grid: what is still the case before what has only happened, newest first.

    :param audits: (source, period) → what the newest audit says, also of periods that the grid does not show.
    :param rules: source → when a delivery is due soon, and which share of rejects is too large. The default for others.
    """
    found = [
        cause
        for row in grid.rows
        for state in row.states()
        for cause in _of_state(row, state, grid.made_at, (rules or {}).get(row.source, AlertRules()))
    ]
    shown = {(row.source, period) for row in grid.rows for period in row.periods}
    found += [_of_audit(name, facts) for name, facts in (audits or {}).items() if name not in shown and _reports(facts)]
    found += [_of_maintenance(facts) for facts in maintenance if facts.failed]
    by_key = {cause.key: cause for cause in found}  # of several periods with the same cause, the newest
    first = datetime.min.replace(tzinfo=UTC)
    return sorted(by_key.values(), key=lambda cause: (cause.kind not in _NEWS, cause.since or first), reverse=True)


def _of_state(row: GridRow, state: DeliveryState, now: datetime, rules: AlertRules) -> Iterator[Cause]:
    failure = state.failure
    if kind := _KINDS.get(state.state):
        if kind == "late_pipeline" and failure is not None and failure.kind == "HostKeyChangedError":
            yield _cause("host_key_changed", state, f"host_key_changed:{state.source}")
        else:
            yield _cause(kind, state)
    elif state.state == "waiting" and row.cadence in _HAS_DUE_SOON and state.due is not None:
        begins = state.due - timedelta(hours=rules.due_soon_hours)
        if begins <= now <= state.due:
            yield _cause("due_soon", state, since=begins)
    if state.at is None or now - state.at > _RECENT or state.rows is None:
        return
    event = state.run_id or time_to_json(state.at)
    if state.state == "restated":
        yield _cause("restated", state, f"restated:{state.source}:{state.period}:{event}")
    rejects = state.rejects or 0
    if state.state in ("loaded_with_rejects", "restated") and rejects > rules.rejects_over * (state.rows + rejects):
        yield _cause("rejects_over", state, f"rejects_over:{state.source}:{state.period}:{event}")
    if state.state in ("loaded", "loaded_with_rejects", "restated") and failure is not None:
        yield _cause("maintenance_failed", state, text=failure.message)


def _cause(
    kind: Kind, state: DeliveryState, key: str | None = None, *, since: datetime | None = None, text: str | None = None
) -> Cause:
    failure = state.failure
    default = _NEXT_STEPS[kind]
    if kind == "late_pipeline" and state.run_id is None:
        default = _START_A_RUN
    elif kind == "late_pipeline" and failure is not None and failure.clear:
        default = f"when the cause is gone, clear the task {failure.clear} of this run"
    counts = {"rows": state.rows, "rows_rejected": state.rejects} if failure is None else dict(failure.counts)
    return Cause(
        kind=kind,
        source=state.source,
        period=state.period,
        text=text or state.text,
        next_step=failure.next_step if failure and failure.next_step else default,
        counts={name: count for name, count in counts.items() if count},
        since=since or state.at,
        run_id=state.run_id,
        key=key or f"{kind}:{state.source}:{state.period}",
    )


def _reports(facts: AuditFacts) -> bool:
    return facts.action == "report"


def _of_audit(name: tuple[str, str], facts: AuditFacts) -> Cause:
    source, period = name
    return Cause(
        kind="gap",
        source=source,
        period=period,
        text=f"No run explains what the audit found: {facts.reason.rstrip('.')}.",
        next_step=_NEXT_STEPS["gap"],
        since=facts.at,
        key=f"gap:{source}:{period}",
    )


def _of_maintenance(facts: MaintenanceFacts) -> Cause:
    return Cause(
        kind="maintenance_failed",
        source=facts.source,
        period=None,
        text=facts.failed or "",
        next_step=facts.next_step or _NEXT_STEPS["maintenance_failed"],
        since=facts.at,
        run_id=facts.run_id,
        key=f"maintenance_failed:{facts.table}",
        table=facts.table,
    )
