"""What a DAG run must load, according to its partition key, its trigger form and the environment."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from growth_verticals.delivery import Actor
from growth_verticals.errors import PeriodError

if TYPE_CHECKING:
    from airflow.sdk import Context

    from growth_verticals.cadence import Period
    from growth_verticals.source import Source


@dataclass(frozen=True, kw_only=True)
class LoadRequest:
    """What a run must load.

    :param files: names of files that a person entered. Empty: load the vendor's delivery.
    :param expected_rows: total number of rows according to the sender; None if it is not known.
    """

    period: Period
    files: tuple[str, ...] = ()
    expected_rows: int | None = None


def load_request(context: Context, source: Source) -> LoadRequest:
    """Return what the run must load. All tasks and retries of a run get the same result.

    Raises `PeriodError` for a partition key that is missing or does not parse, or if `conf` has another period.
    """
    params = context["params"]
    return LoadRequest(
        period=_period(context, source),
        files=tuple(params.get("files") or ()),
        expected_rows=params.get("expected_rows"),
    )


def run_actor(context: Context) -> Actor:
    """Return who started the run, with the note in its form as the reason. Nobody starts a scheduled run."""
    by = getattr(context["dag_run"], "triggering_user_name", None) or "schedule"
    return Actor(by=by, tool="airflow", reason=(context["params"].get("note") or "").strip() or None)


def _period(context: Context, source: Source) -> Period:
    run = context["dag_run"]
    key, other = run.partition_key, (run.conf or {}).get("period")
    if not key:  # Airflow creates no run without one, but a person can clear it afterward
        raise PeriodError(
            "the run has no period",
            source=source.name,
            expected=f"a partition key such as {source.cadence.example}",
            next_step="trigger the DAG again with the period as the partition key",
        )
    if other and other != key:
        raise PeriodError(
            "the partition key and the configuration name different periods",
            source=source.name,
            expected=repr(str(key)[:40]),
            found=repr(str(other)[:40]),
            next_step="trigger the DAG again with the period as the partition key only",
        )
    return source.cadence.parse(key)


def max_quiet_s() -> float:
    """Return the upper limit of what `Quiet` declares, in seconds: for the demo and the tests, which cannot wait."""
    return float(os.environ.get("GV_MAX_QUIET_S") or "inf")
