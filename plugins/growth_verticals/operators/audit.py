"""The audit's operators: list the sources, then audit each one and do what its differences need."""

from __future__ import annotations

from collections import Counter
from contextlib import nullcontext
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from growth_verticals.declarations import find_source, read_sources
from growth_verticals.errors import UnexplainedError
from growth_verticals.hooks.account import account_from_connection
from growth_verticals.hooks.run import max_quiet_s
from growth_verticals.hooks.vendor import open_vendor
from growth_verticals.operators.failures import ExplainingOperator
from growth_verticals.operators.source import NamedSourceOperator
from growth_verticals.source import Inbox

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow.sdk import Context

    from growth_verticals.audit.decide import Decision
    from growth_verticals.audit.report import AuditedPeriod
    from growth_verticals.hooks.airflow_api import AirflowApi
    from growth_verticals.source import Source


#: XCom of the task `source`, also if it fails: source → period → what `AuditSource` returns.
AUDITED = "audited"


class ListSources(ExplainingOperator):
    """List the names of the declared sources."""

    def act(self, context: Context) -> list[str]:  # noqa: ARG002 - Airflow's signature
        """Return the names, sorted."""
        return list(read_sources())


class AuditSource(NamedSourceOperator):
    """Reconcile what a source's vendor has, what was landed and what its table holds, and start the runs that it needs.

    A retry starts no run twice: the id of a run is made from the files that it would land.
    """

    def act(self, context: Context) -> dict[str, Any]:
        """Return period → state, action, reason and files by state, of the periods that are not complete.

        Raises `UnexplainedError` if there is a difference that no run explains, after the runs were started.
        """
        from growth_verticals.hooks.airflow_api import open_airflow_api

        source, now = find_source(self.source_name), datetime.now(UTC)
        audited = _audit(source, now)
        decided: dict[str, tuple[AuditedPeriod, Decision]] = {}
        with open_airflow_api() or nullcontext() as api:
            for period, decision in _decisions(api, source, audited, now):
                decided[period.period] = period, self._act(api, source, period, decision)
        for period, decision in decided.values():
            self.log.info("%s %s: %s; %s", source.name, period.period, period.state, period.counts())
            if decision.action != "none":
                self.log.info("%s %s: %s: %s", source.name, period.period, decision.action, decision.reason)
        found = {
            key: _found(period, decision)
            for key, (period, decision) in decided.items()
            if decision.action != "none" or period.state != "complete"
        }
        context["ti"].xcom_push(AUDITED, {source.name: found})
        if reported := [f"{key}: {each['reason']}" for key, each in found.items() if each["action"] == "report"]:
            raise UnexplainedError(
                f"what the vendor has, what was landed and what {source.table} holds differ",
                source=source.name,
                found="; ".join(reported),
                next_step=f"run ./gv audit {source.name}, and see docs/runbook.md, The audit",
                counts={"periods": len(reported)},
            )
        return found

    def _act(self, api: AirflowApi | None, source: Source, audited: AuditedPeriod, decision: Decision) -> Decision:
        """Start the run, if that is the decision and possible. Return what was done."""
        from growth_verticals.audit.decide import Decision

        if decision.action != "start":
            return decision
        if api is None:
            reason = f"{decision.reason}; without the connection airflow_api, no run is started"
            return Decision(action="report", reason=reason)
        if api.is_paused(source.name):
            return Decision(action="note", reason=f"{decision.reason}; no run is started, because the DAG is paused")
        run_id = str(decision.run_id)
        if not api.start(source.name, run_id, audited.period, f"Started by the audit. {decision.reason}"):
            return Decision(action="wait", reason=f"the run {run_id} has been started", run_id=run_id)
        return decision


def _found(audited: AuditedPeriod, decision: Decision) -> dict[str, Any]:
    """Return what is known about a period, and what was done, as JSON types."""
    return {
        "state": audited.state,
        "action": decision.action,
        "reason": decision.reason,
        "run": decision.run_id,
        "files": dict(Counter(file.state for file in audited.files)),
    }


def _audit(source: Source, now: datetime) -> list[AuditedPeriod]:
    from growth_verticals.audit.collect import audit_source

    account = account_from_connection()
    with open_vendor(account, source) as vendor:
        return list(audit_source(account, source, vendor, now=now, max_quiet_s=max_quiet_s()))


def _decisions(
    api: AirflowApi | None, source: Source, audited: list[AuditedPeriod], now: datetime
) -> Iterator[tuple[AuditedPeriod, Decision]]:
    """Yield what to do about each period that was asked for. Reads the runs now, after the lists."""
    from growth_verticals.audit.decide import decide, with_missing_runs, without_older
    from growth_verticals.audit.window import first_day_of_runs

    runs = [] if api is None else api.runs_since(source.name, first_day_of_runs(source, now))
    if api is None:
        audited = without_older(source, audited)
    elif not isinstance(source.delivery, Inbox):
        audited = with_missing_runs(source, audited, runs, now=now)
    for period in audited:
        yield period, decide(period, [run for run in runs if run.period == period.period], now=now)
