"""Facts for the tests of this folder. Their times are New York's, in 2026."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from growth_verticals.cadence import Cadence, Daily, Monthly, OnDemand, Quarterly
from growth_verticals.source import Delimited, Inbox, Sftp, Source
from growth_verticals.status.facts import AuditFacts, Failure, HeldPeriod, LoadCounts, RunFacts

NEW_YORK = ZoneInfo("America/New_York")


def at(text: str) -> datetime:
    """Return the time: `11-05 18:00`."""
    return datetime.fromisoformat(f"2026-{text}").replace(tzinfo=NEW_YORK).astimezone(UTC)


def source(cadence: Cadence, **values: Any) -> Source:
    delivery: Any = Inbox(pattern="*.csv")
    if not isinstance(cadence, OnDemand):
        delivery = Sftp(conn_id="sftp_x", directory="/out", pattern="feed_{period}.csv")
    fields = {"name": "feed", "table": "acme.feed", "format": Delimited()} | values
    return Source(cadence=cadence, delivery=delivery, **fields)


#: The period 2026-10 opens on 11-02 06:00, and is due on 11-06 18:00.
MONTHLY = source(Monthly(due_business_day=5))
DAILY = source(Daily())
QUARTERLY = source(Quarterly(due_business_day=15))
ON_DEMAND = source(OnDemand())
PERIOD = MONTHLY.cadence.parse("2026-10")


def load(rows: int = 100, rejects: int = 0, **values: Any) -> LoadCounts:
    counts = {"rows_read": rows + rejects, "rows_loaded": rows, "rows_rejected": rejects}
    return LoadCounts(**{"snapshot_id": "7", "files": 1} | counts | values)


def failure(outcome: Any = "refused", **values: Any) -> Failure:
    return Failure(
        **{"step": "check", "kind": "DeliveryRefusedError", "message": "too many rejects."} | values, outcome=outcome
    )


def run(state: str, when: str = "11-03 10:00", **values: Any) -> RunFacts:
    """Return a run of `PERIOD` that was queued and started on 11-02 06:00, and has ended at `when` if it has ended."""
    times: dict[str, Any] = {"queued_at": at("11-02 06:00"), "started_at": at("11-02 06:00")}
    if state in ("success", "failed"):
        times["ended_at"] = at(when)
    fields = {"source": "feed", "run_id": f"run {when}", "period": PERIOD.key, "kind": "scheduled"} | times | values
    return RunFacts(state=state, **fields)


def loaded(when: str = "11-03 10:00", counts: LoadCounts | None = None, **values: Any) -> RunFacts:
    """Return a run that loaded something."""
    fields: dict[str, Any] = {"arrived_at": at("11-03 09:00"), "committed": True, "committed_at": at(when)} | values
    return run(fields.pop("state", "success"), when, load=counts or load(), **fields)


def already_loaded(when: str = "11-03 10:00") -> RunFacts:
    return run("success", when, arrived_at=at("11-03 09:00"), committed=True)


def failed(outcome: str | None, when: str = "11-03 10:00", step: str | None = "check", **values: Any) -> RunFacts:
    stored = {"failure": failure(outcome) if outcome else None}
    return run("failed", when, step=step, **stored | values)


def held(rows: int = 100, when: str | None = None, **values: Any) -> HeldPeriod:
    return HeldPeriod(period=PERIOD.key, rows=rows, at=at(when) if when else None, **values)


def audit(action: str = "report", when: str | None = None) -> AuditFacts:
    reason = "landed, not loaded, and no run failed: a.csv"
    return AuditFacts(state="differs", action=action, reason=reason, at=at(when) if when else None)
