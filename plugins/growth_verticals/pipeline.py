"""A source's declaration as a DAG.

    await ─> land ─> stage ─> commit ─> maintain
             └ per file ┘

airflow is imported inside the functions: `declarations.py` runs the same files without it.
"""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from growth_verticals import declarations
from growth_verticals.cadence import BUSINESS_ZONE, OnDemand

if TYPE_CHECKING:
    from airflow.sdk import DAG, Asset

    from growth_verticals.source import Source

#: A run may wait for weeks; others must be able to load a correction or an older period meanwhile. They may: what is
#: loaded once is not loaded twice, whoever is faster.
_RUNS_AT_ONCE = 4
_FILES_AT_ONCE = 8


def delivery_dag(source: Source, *, doc: str | None) -> DAG:
    """Return the DAG that loads `source`; its id is the source's name, and `doc` (Markdown) its page in the UI.

    A run loads one period, named by its partition key or, when a person starts it, by the form. It is created active
    unless the source says `paused`. Loading a period again changes nothing, so runs, retries and backfills may repeat.
    """
    if declarations.noted(source):
        return None  # type: ignore[return-value]  # only the declaration was asked for

    from airflow.sdk import DAG, task_group

    from growth_verticals.operators.load import ApplyMaintenance, CommitDelivery, LandFile, StageFile
    from growth_verticals.sensors.delivery import AwaitDelivery

    with DAG(
        dag_id=source.name,
        schedule=_schedule(source),
        catchup=False,
        max_active_runs=_RUNS_AT_ONCE,
        max_active_tasks=_FILES_AT_ONCE,
        is_paused_upon_creation=source.paused is not None,
        params=trigger_form(source),
        default_args=_task_defaults(),
        description=_first_line(doc),
        doc_md=_page(source, doc),
        tags=[source.cadence.label, source.delivery.label, source.namespace],
    ) as dag:

        @task_group(group_id="per_file", prefix_group_id=False)
        def per_file(file: Any) -> Any:
            landed = LandFile(
                task_id="land",
                source=source,
                file=file,
                map_index_template="{{ task.file['name'] }}",
                execution_timeout=timedelta(hours=12),
            )
            return StageFile(
                task_id="stage",
                source=source,
                landed=landed.output,
                map_index_template="{{ task.landed['name'] }}",
                execution_timeout=timedelta(hours=12),
            ).output

        files = AwaitDelivery(task_id="await", source=source)
        commit = CommitDelivery(
            task_id="commit",
            source=source,
            staged=per_file.expand(file=files.output),
            outlets=[table_asset(source)],
            execution_timeout=timedelta(hours=1),
        )
        maintain = ApplyMaintenance(task_id="maintain", source=source, execution_timeout=timedelta(minutes=15))
        commit >> maintain
    return dag


def table_asset(source: Source) -> Asset:
    """Return the asset that stands for the source's table: a load of a period is an event with that partition key."""
    from airflow.sdk import Asset

    # No URI: for one with a scheme, Airflow loads every provider that handles URIs, boto3 among them.
    return Asset(name=source.table, group="table")


def trigger_form(source: Source) -> dict[str, Any]:
    """Return the params of a run started by hand. The REST API refuses answers that do not fit, with 400."""
    from airflow.sdk import Param

    def optional(kind: str, **schema: Any) -> Param:
        return Param(None, type=["null", kind], **schema)

    period: dict[str, Any] = {"title": "Period", "section": "What to load", "pattern": f"^{source.cadence.pattern}$"}
    files: dict[str, Any] = {
        "title": "Files",
        "section": "What to load",
        "description_md": _files_help(source),
        "items": {"type": "string", "minLength": 1, "maxLength": 1024},
        "minItems": 1,
        "uniqueItems": True,
    }
    if isinstance(source.cadence, OnDemand):
        today = datetime.now(BUSINESS_ZONE).date().isoformat()
        help_text = "The day that the delivery is for."
        what = {
            "period": Param(today, type="string", format="date", description_md=help_text, **period),
            "files": Param(type="array", **files),
        }
    else:
        help_text = f"Such as `{source.cadence.form}`. Leave it empty when the run has a partition key."
        what = {
            "period": optional("string", description_md=help_text, **period),
            "files": optional("array", **files),
        }
    return what | {
        "expected_rows": optional(
            "integer",
            minimum=0,
            title="Expected rows",
            section="Checks",
            description_md="How many rows the sender says there are, over all files. "
            "Nothing is loaded when the count differs. Leave it empty when nobody said.",
        ),
        "note": optional(
            "string",
            maxLength=1000,
            title="Note",
            section="Checks",
            description_md="For whoever reads this run later. It is kept with the run, and used for nothing.",
        ),
    }


def _files_help(source: Source) -> str:
    text = f"Names of files that lie under `inbox/{source.name}/` of the landing zone, one a line."
    if source.delivery.also_from:
        text += " Or whole addresses under " + ", ".join(f"`{prefix}`" for prefix in source.delivery.also_from) + "."
    if not isinstance(source.cadence, OnDemand):
        text += " Leave it empty to wait for what the vendor puts up."
    return text


def _schedule(source: Source) -> Any:
    from airflow.sdk import PartitionedAtRuntime

    if isinstance(source.cadence, OnDemand):
        return PartitionedAtRuntime()

    from growth_verticals.timetables import PeriodTimetable

    return PeriodTimetable(source.cadence)


def _task_defaults() -> dict[str, Any]:
    from growth_verticals.operators.source import RetryTransientErrors

    return {
        "retries": 4,
        "retry_delay": timedelta(seconds=float(os.environ.get("GV_RETRY_DELAY_S", "60"))),
        "retry_exponential_backoff": 2.0,
        "max_retry_delay": timedelta(minutes=30),
        "retry_policy": RetryTransientErrors(),
    }


def _first_line(doc: str | None) -> str:
    return (doc or "").strip().partition("\n")[0].lstrip("# ")


def _page(source: Source, doc: str | None) -> str:
    page = (doc or "").strip()
    return f"{page}\n\n**Created paused:** {source.paused}" if source.paused else page
