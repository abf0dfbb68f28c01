"""Builds a source's DAG from its declaration.

    await ─> land ─> plan ─> stage ─> check ─> commit ─> maintain
            by unit         by unit

A unit is a large file, a piece of one (`cut_files.py`), or a batch of small ones (`units.py`).

airflow is imported inside the functions, because `declarations.py` runs the same DAG files without it.
"""

from __future__ import annotations

import os
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from growth_verticals import declarations
from growth_verticals.cadence import OnDemand
from growth_verticals.pools import TABLE_BUCKET, landing_pool, priority, staging_pool

if TYPE_CHECKING:
    from airflow.sdk import DAG

    from growth_verticals.source import Source

#: A run can wait for weeks. Meanwhile, other runs must be able to load a correction or an older period. Runs for the
#: same period are safe: no file is loaded twice.
_MAX_ACTIVE_RUNS = 4
#: The pools limit how many tasks of a delivery work at the same time (`include/pools.json`), on however many workers.
_MAX_ACTIVE_TASKS = 512

_WHAT_TO_DO = """\
**When a run fails**, the last line of the failed task's log says why, and what to do next. See also {docs}/runbook.md,
{docs}/deliveries.md (late or incomplete deliveries), {docs}/checks.md, {docs}/rejects.md and {docs}/drift.md."""


def delivery_dag(source: Source, *, doc: str | None) -> DAG:
    """Return the DAG that loads `source`. Its id is the source's name.

    Each run loads one period, the run's partition key. Loading a period again changes nothing, so runs, retries and
    backfills can be repeated. The DAG is created active, unless the source sets `paused`.

    :param doc: Markdown for the DAG's page in the Airflow UI.
    """
    if declarations.collect_declaration(source):
        return None  # type: ignore[return-value]  # only the declaration is read, without airflow

    from airflow.sdk import DAG

    from growth_verticals.operators.check import CheckDelivery
    from growth_verticals.operators.load import ApplyMaintenance, CommitDelivery, LandFiles
    from growth_verticals.operators.plan import PlanStaging
    from growth_verticals.operators.source import table_asset
    from growth_verticals.operators.stage import StageFiles
    from growth_verticals.sensors.delivery import AwaitDelivery
    from growth_verticals.timetables import PeriodTimetable

    with DAG(
        dag_id=source.name,
        schedule=PeriodTimetable(source.cadence, source.since),
        catchup=False,  # has no effect: PeriodTimetable decides where to start, and skips no period after that
        max_active_runs=_MAX_ACTIVE_RUNS,
        max_active_tasks=_MAX_ACTIVE_TASKS,
        is_paused_upon_creation=source.paused is not None,
        params=trigger_form(source),
        default_args={
            **task_defaults(source.owner),
            "priority_weight": priority(source),
            "weight_rule": "absolute",
        },
        description=_first_line(doc),
        doc_md=_page(source, doc),
        tags=[source.cadence.label, source.delivery.label, source.namespace],
    ) as dag:
        waited = AwaitDelivery(task_id="await", source=source)
        landed = LandFiles.partial(
            task_id="land",
            source=source,
            pool=landing_pool(source),
            map_index_template="{{ task.unit['title'] }}",
        ).expand(unit=waited.output)
        planned = PlanStaging(
            task_id="plan",
            source=source,
            units=waited.output,
            landed=landed.output,
            execution_timeout=timedelta(minutes=15),
        )
        staged = StageFiles.partial(
            task_id="stage",
            source=source,
            pool=staging_pool(source),
            map_index_template="{{ task.unit['title'] }}",
        ).expand(unit=planned.output)
        check = CheckDelivery(
            task_id="check",
            source=source,
            units=planned.output,
            staged=staged.output,
            execution_timeout=timedelta(hours=4),
        )
        commit = CommitDelivery(
            task_id="commit",
            source=source,
            units=planned.output,
            staged=staged.output,
            check=check.output,
            pool=TABLE_BUCKET,
            outlets=[table_asset(source)],
            execution_timeout=timedelta(hours=1),
        )
        maintain = ApplyMaintenance(task_id="maintain", source=source, execution_timeout=timedelta(minutes=15))
        commit >> maintain
    return dag


def trigger_form(source: Source) -> dict[str, Any]:
    """Return the params of a run that a person starts. Airflow's REST API rejects invalid values with status 400.

    The period is not among them: it is the partition key, which Airflow asks for in the form's advanced options. They
    have no sections, because Airflow's form folds every section but its default one.
    """
    from airflow.sdk import Param

    def optional(json_type: str, **schema: Any) -> Param:
        return Param(None, type=["null", json_type], **schema)

    files: dict[str, Any] = {
        "title": "Files",
        "description_md": _files_help(source),
        "items": {"type": "string", "minLength": 1, "maxLength": 1024},
        "minItems": 1,
        "uniqueItems": True,
    }
    return {
        "files": Param(type="array", **files) if isinstance(source.cadence, OnDemand) else optional("array", **files),
        "expected_rows": optional(
            "integer",
            minimum=0,
            title="Expected rows",
            description_md="Total number of rows in all files, according to the sender. "
            "If the count differs, nothing is loaded. Leave this empty if you do not know the number.",
        ),
        "note": optional(
            "string",
            maxLength=500,
            title="Note",
            description_md="Why this is loaded, for people who look at the run or the table's history later. It has no "
            "effect on the load.",
        ),
    }


def _files_help(source: Source) -> str:
    # No code spans: Airflow's form draws them over the lines above and below.
    text = f"Enter the period, such as **{source.cadence.example}**, as *Partition Key* under *Advanced Options*.\n\n"
    text += f"Names of files in the folder **inbox/{source.name}/** of the landing zone, one per line."
    if source.delivery.also_from:
        text += " Or full URIs under " + ", ".join(f"**{prefix}**" for prefix in source.delivery.also_from) + "."
    if not isinstance(source.cadence, OnDemand):
        text += " Leave this empty to wait for the vendor's delivery."
    return text


def task_defaults(owner: str = "data team") -> dict[str, Any]:
    """Return the default arguments of tasks: retries of what can succeed in a retry, with growing delays."""
    from growth_verticals.operators.source import RetryTransientErrors

    return {
        "owner": owner,
        "retries": 4,
        "retry_delay": timedelta(seconds=float(os.environ.get("GV_RETRY_DELAY_S", "60"))),
        "retry_exponential_backoff": 2.0,
        "max_retry_delay": timedelta(minutes=30),
        "retry_policy": RetryTransientErrors(),
    }


def _first_line(doc: str | None) -> str:
    return (doc or "").strip().partition("\n")[0].lstrip("# ")


def _page(source: Source, doc: str | None) -> str:
    """Return the DAG's page as Markdown. It is a part of the DAG's version, so it has nothing of today in it."""
    from growth_verticals.description import describe
    from growth_verticals.quality.evidence import markdown_table

    declared = markdown_table("As declared", ("Term", "Declaration"), describe(source))
    return f"{(doc or '').strip()}\n\n{declared}\n\n{_WHAT_TO_DO.format(docs=os.environ.get('GV_DOCS_URL') or 'docs')}"
