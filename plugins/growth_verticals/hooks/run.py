"""What this run was asked to load: read from its partition key and its trigger form, and checked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from growth_verticals.cadence import BUSINESS_ZONE, OnDemand
from growth_verticals.errors import PeriodError

if TYPE_CHECKING:
    from airflow.sdk import Context

    from growth_verticals.cadence import Period
    from growth_verticals.source import Source


@dataclass(frozen=True, kw_only=True)
class Request:
    """The period, the files that a person named (none: whatever the vendor put up), and the expected number of rows."""

    period: Period
    files: tuple[str, ...] = ()
    expected_rows: int | None = None


def request_of(context: Context, source: Source) -> Request:
    """Return what the run is for; the same at any time, so that every task and retry of a run agrees.

    Raises `PeriodError` for a period that is missing, does not parse, or contradicts the partition key.
    """
    params = context["params"]
    return Request(
        period=_period(context, source),
        files=tuple(params.get("files") or ()),
        expected_rows=params.get("expected_rows"),
    )


def _period(context: Context, source: Source) -> Period:
    # The form's answers, not `params`: the prefilled date there is that of the last parse, and changes at midnight.
    run = context["dag_run"]
    key, asked = run.partition_key, (run.conf or {}).get("period")
    if key and asked and key != asked:
        raise PeriodError(
            "the partition key and the form name two periods",
            source=source.name,
            expected=repr(str(key)[:40]),
            found=repr(str(asked)[:40]),
            next_step="give the period once",
        )
    if key or asked:
        return source.cadence.parse(str(key or asked))
    if isinstance(source.cadence, OnDemand):
        return source.cadence.containing(run.run_after.astimezone(BUSINESS_ZONE).date())
    raise PeriodError(
        "the run has no period",
        source=source.name,
        expected=f"a partition key such as {source.cadence.form}",
        next_step="trigger it again with a partition key, or fill in the form's period",
    )
