"""What a DAG run must load, according to its partition key and its trigger form."""

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

    Raises `PeriodError` for a period that is missing, does not parse, or contradicts the partition key.
    """
    params = context["params"]
    return LoadRequest(
        period=_period(context, source),
        files=tuple(params.get("files") or ()),
        expected_rows=params.get("expected_rows"),
    )


def _period(context: Context, source: Source) -> Period:
    # Read `conf`, not `params`: the default date in `params` is that of the last DAG parse, and changes at midnight.
    run = context["dag_run"]
    key, form_period = run.partition_key, (run.conf or {}).get("period")
    if key and form_period and key != form_period:
        raise PeriodError(
            "the partition key and the form have different periods",
            source=source.name,
            expected=repr(str(key)[:40]),
            found=repr(str(form_period)[:40]),
            next_step="enter the period in only one of them",
        )
    if key or form_period:
        return source.cadence.parse(str(key or form_period))
    if isinstance(source.cadence, OnDemand):
        return source.cadence.containing(run.run_after.astimezone(BUSINESS_ZONE).date())
    raise PeriodError(
        "the run has no period",
        source=source.name,
        expected=f"a partition key such as {source.cadence.example}",
        next_step="trigger the run again with a partition key, or enter the period in the form",
    )
