"""The rules: the facts about a period → the state of its delivery.

What is newest decides: a run that is active, else the newest change of the table by a person, else the newest run that
has ended. What the table holds counts more than what a run says, because an undo or `./gv load` leaves no run.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from growth_verticals.cadence import BUSINESS_ZONE, OnDemand
from growth_verticals.status.states import DeliveryState, State

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from growth_verticals.cadence import Period
    from growth_verticals.source import Source
    from growth_verticals.status.facts import AuditFacts, HeldPeriod, RunFacts

#: A delivery that has arrived is not late on our side before this time has passed: large ones take hours.
PATIENCE = timedelta(hours=4)
#: How long the scheduler has to create the run of a period that has opened.
_SCHEDULE_GRACE = timedelta(days=1)
#: Of several active runs, the one in the state that comes last here is shown.
_ACTIVE_STATES: Sequence[State] = ("waiting", "late_vendor", "running", "late_pipeline", "needs_approval")
#: Changes that a person makes, whatever the tool. Runs of a source's DAG make the others, and `./gv` does too.
_CORRECTIONS = frozenset(("undo", "replay", "reload"))


def delivery_state(
    source: Source,
    period: Period,
    runs: Sequence[RunFacts],
    *,
    held: HeldPeriod | None = None,
    held_known: bool = False,
    audit: AuditFacts | None = None,
    paused: bool,
    asked_for: bool = True,
    now: datetime,
) -> DeliveryState | None:
    """Return the state of a period's delivery; None if nothing happened, and nobody asked for the period.

    :param runs: of this period, in any order.
    :param held: what the table holds of it; None if nothing, or if that is not known (`held_known` is False).
    :param audit: what the newest audit says about it.
    :param paused: whether the source's DAG is paused.
    :param asked_for: whether the schedule owes the period a run. Has no effect for a source without a schedule.
    """
    facts = _Facts(source, period, runs, held if held_known else None, held_known, paused, now)
    if facts.active:
        states = [_of_active_run(facts, run) for run in facts.active]
        return max(states, key=lambda each: (_ACTIVE_STATES.index(each.state), each.at or now))
    if not source.keeps(period, now):
        return _expired(facts) if facts.ended or facts.held or asked_for else None
    if audit is not None and audit.action == "report" and not _is_stale(audit, facts):
        text = f"No run explains what the audit found: {audit.reason}"
        return facts.state("unexplained", text, run=facts.ended[-1] if facts.ended else None, at=audit.at)
    if facts.ended:
        return _of_ended_runs(facts)
    return _without_runs(facts, asked_for=asked_for and facts.due is not None)


class _Facts:
    """The facts about one period, in the order of time, and what follows from them."""

    def __init__(
        self,
        source: Source,
        period: Period,
        runs: Sequence[RunFacts],
        held: HeldPeriod | None,
        held_known: bool,
        paused: bool,
        now: datetime,
    ) -> None:
        self.source, self.period, self.held, self.paused, self.now = source, period, held, paused, now
        is_scheduled = not isinstance(source.cadence, OnDemand)
        self.opens = source.cadence.opens(period) if is_scheduled else None
        self.due = source.cadence.due(period) if is_scheduled else None
        self.is_due = self.due is not None and now > self.due
        self.active = [run for run in runs if run.is_active]
        self.ended = sorted((run for run in runs if not run.is_active), key=_ended)
        self.loads = sorted((run for run in runs if run.load), key=_loaded)
        loads = [run.load for run in self.loads if run.load]
        loaded = max(0, sum(load.rows_loaded - load.rows_replaced for load in loads)) if loads else None
        self.rows = loaded
        if held_known and (held or loads):
            self.rows = held.rows if held else 0
        #: Whether the table holds no rows of the period although runs loaded some.
        self.rows_are_gone = self.rows == 0 and bool(loaded)

    @property
    def rejects(self) -> int | None:
        """Rejected records of all loads since the last one that replaced files."""
        rejects = None
        for run in self.loads:
            if run.load:
                rejects = (0 if run.load.files_replaced else rejects or 0) + run.load.rows_rejected
        return rejects

    def changed_by_a_person(self, after: datetime | None) -> HeldPeriod | None:
        """Return the newest change of the table, if a person made it after that time (None: at any time)."""
        held = self.held
        if held is None or (after is not None and (held.at is None or held.at <= after)):
            return None
        by_a_person = held.tool == "gv" or held.action in _CORRECTIONS
        # If no snapshot tells, `at` is when the newest rows were staged: after the newest run, so not by it.
        is_unknown = held.tool is None and held.action is None
        return held if by_a_person or (is_unknown and after is not None) else None

    def state(self, state: State, *clauses: str | None, run: RunFacts | None = None, **values: Any) -> DeliveryState:
        """Return the state. Its text is one sentence, made of the clauses that are not None."""
        text = "; ".join(clause.strip().rstrip(".") for clause in clauses if clause)
        if run is not None:
            values = {"run_id": run.run_id, "step": run.step, "by": run.started_by, "failure": run.failure} | values
        return DeliveryState(
            source=self.source.name,
            period=self.period.key,
            state=state,
            text=f"{text}.",
            rows=self.rows,
            rejects=self.rejects,
            opens=self.opens,
            due=self.due,
            **values,
        )


def _expired(facts: _Facts) -> DeliveryState:
    held = f"the table still holds {facts.held.rows:,} rows" if facts.held and facts.held.rows else None
    text = f"Older than the {facts.source.retention.keep_periods} periods that are kept: retention removes its rows"
    return facts.state("expired", text, held, run=facts.ended[-1] if facts.ended else None, failure=None)


def _of_active_run(facts: _Facts, run: RunFacts) -> DeliveryState:
    is_paused = "the DAG is paused" if facts.paused else None
    queued = f"The run has been queued since {_text(run.queued_at)}, and has not started"
    started = run.started_at or run.queued_at
    if run.needs_answer:
        return facts.state(
            "needs_approval",
            "A person must answer whether it is right",
            is_paused,
            run=run,
            at=run.arrived_at or started,
        )
    if run.committed:
        text = f"It is loaded, and the step {run.step} is not done" if run.step else "It is loaded"
        return facts.state("running", text, is_paused, run=run, at=run.committed_at or started)
    if run.arrived_at is not None or run.step not in (None, "await"):
        arrived = run.arrived_at or started
        text = f"It arrived on {_text(arrived)}, and is not loaded yet"
        is_late = facts.is_due and facts.now - arrived > PATIENCE
        step = f"the step {run.step} is not done" if run.step else None
        return facts.state("late_pipeline" if is_late else "running", text, step, is_paused, run=run, at=arrived)
    if run.started_at is None:
        is_late = facts.is_due and facts.now - run.queued_at > PATIENCE
        return facts.state("late_pipeline" if is_late else "waiting", queued, is_paused, run=run, at=run.queued_at)
    if facts.due is None or run.for_files:
        return facts.state("running", "The run looks for the files that a person named", is_paused, run=run, at=started)
    if facts.is_due and not facts.loads and not facts.rows:
        text = f"It has not arrived, and was due on {_text(facts.due)}"
        return facts.state("late_vendor", text, is_paused, run=run, at=facts.due)
    text = f"Waits for the vendor's delivery, due on {_text(facts.due)}"
    return facts.state("waiting", text, _holds(facts), is_paused, run=run, at=started)


def _of_ended_runs(facts: _Facts) -> DeliveryState:
    run = facts.ended[-1]
    if run.state != "success" and not run.committed:
        changed = facts.changed_by_a_person(_ended(run))
        return _of_change(facts, changed) if changed else _of_failed_run(facts, run)
    changed = facts.changed_by_a_person(_loaded(facts.loads[-1]) if facts.loads else None)
    if changed is not None:
        return _of_change(facts, changed)
    if facts.rows_are_gone:
        return facts.state("undone", "The table no longer holds the rows that were loaded", run=facts.loads[-1])
    if facts.loads:
        return _of_load(facts, facts.loads[-1], newest=run)
    if not run.committed:
        text = "The run has succeeded without a load: a person has skipped its steps"
        return facts.state("skipped", text, _holds(facts), run=run, at=_ended(run))
    return facts.state("already_loaded", "The table held all of it before the run", run=run, at=_ended(run))


def _without_runs(facts: _Facts, *, asked_for: bool) -> DeliveryState | None:
    held, opens, due = facts.held, facts.opens, facts.due
    if changed := facts.changed_by_a_person(None):
        return _of_change(facts, changed)
    if held is not None and held.rows:
        if held.tool == "airflow":
            text = f"The table holds {held.rows:,} rows, whose run Airflow no longer has"
            return facts.state("loaded", text, at=held.at, by=held.by)
        return facts.state("by_hand", f"The table holds {held.rows:,} rows, and Airflow has no run of it")
    if not asked_for or opens is None or due is None:
        return None
    if facts.now < opens:
        return facts.state("not_open", f"Opens on {_text(opens)}, and is due on {_text(due)}")
    if facts.paused:
        return facts.state("paused", "No run waits for it, because the DAG is paused", at=opens)
    if facts.is_due or facts.now > opens + _SCHEDULE_GRACE:
        text = f"No run was started, although it opened on {_text(opens)}"
        return facts.state("late_pipeline", text, at=opens)
    return facts.state("waiting", f"No run has started yet, due on {_text(due)}", at=opens)


def _of_change(facts: _Facts, held: HeldPeriod) -> DeliveryState:
    who = f"by {held.by}" if held.by else "by a person"
    how = " with ./gv" if held.tool == "gv" else ""
    when = f" on {_text(held.at)}" if held.at else ""
    rows = f"the table holds {held.rows:,} rows"
    state: State = "by_hand"
    what = {"replay": "Replayed", None: "Changed"}.get(held.action, "Loaded")
    if held.action == "undo":
        state, what = "undone", "Undone"
    elif held.action in ("reload", "replace", "replace_period"):
        state, what = "restated", "Restated"
    return facts.state(state, f"{what} {who}{how}{when}", rows, at=held.at, by=held.by)


def _of_failed_run(facts: _Facts, run: RunFacts) -> DeliveryState:
    failure, step = run.failure, f"The step {run.step}" if run.step else "The run"
    # Without a stored failure, it is not known that the vendor is the cause.
    state: State = "late_pipeline"
    if failure is not None and failure.outcome != "error":
        state = "late_vendor" if failure.outcome == "late" else "refused"
    text = failure.message if failure else f"{step} failed, and did not store why"
    return facts.state(state, text, _holds(facts), run=run, at=_ended(run))


def _of_load(facts: _Facts, run: RunFacts, newest: RunFacts) -> DeliveryState:
    load = run.load
    if load is None:
        raise ValueError("the run has loaded nothing")
    rejects = facts.rejects or 0
    text = f"Loaded {load.rows_loaded:,} rows"
    state: State = "loaded"
    if load.files_replaced:
        state, text = "restated", f"{text} in the place of {load.rows_replaced:,}"
    elif rejects:
        state = "loaded_with_rejects"
    failed = f"the step {newest.step} failed afterwards" if newest.state != "success" and newest.step else None
    by = load.by or run.started_by
    rejected = f"{rejects:,} rejected" if rejects else None
    return facts.state(state, text, rejected, failed, run=run, at=_loaded(run), by=by, failure=newest.failure)


def _holds(facts: _Facts) -> str | None:
    return f"the table holds {facts.rows:,} rows of an earlier load" if facts.rows else None


def _is_stale(audit: AuditFacts, facts: _Facts) -> bool:
    """Whether a run has ended since the audit: what it found may be explained now."""
    return audit.at is not None and bool(facts.ended) and _ended(facts.ended[-1]) > audit.at


def _ended(run: RunFacts) -> datetime:
    return run.ended_at or run.started_at or run.queued_at


def _loaded(run: RunFacts) -> datetime:
    return run.committed_at or _ended(run)


def _text(at: datetime) -> str:
    return f"{at.astimezone(BUSINESS_ZONE):%Y-%m-%d %H:%M} New York"
