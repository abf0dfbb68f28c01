"""# Delivery audit

Hourly, for each source: does the table hold what the vendor has sent? The audit compares what the vendor has, what was
landed and what the table holds, for the last 2 quarters, 3 months or 14 days. It never changes a row or a file.

- **list** lists the sources.
- **source** runs once per source. It starts the run for a late part, for a corrected file and for a period that has no
  run, each once: the run's id is `audit__<period>__<files>`. While a run of the period is in progress, it waits. The
  run does what the source declares, so a corrected file can still ask a person.
- **source fails** if there is a difference that no run explains. The error lists it; docs/runbook.md says what to do.

A vendor that does not answer is in the log, and fails nothing. `./gv audit` shows the same comparison in a terminal.
"""

from datetime import timedelta

from airflow.sdk import DAG, CronTriggerTimetable

from growth_verticals.operators.audit import AuditSource, ListSources
from growth_verticals.operators.source import RetryTransientErrors

with DAG(
    dag_id="delivery_audit",
    schedule=CronTriggerTimetable("20 * * * *", timezone="America/New_York"),
    catchup=False,
    max_active_runs=1,
    max_active_tasks=4,
    is_paused_upon_creation=False,
    default_args={
        "owner": "data team",
        "retries": 2,
        "retry_delay": timedelta(minutes=5),
        "retry_policy": RetryTransientErrors(),
        "execution_timeout": timedelta(minutes=45),
    },
    description="Compares what vendors have, what was landed and what the tables hold, and starts missing runs",
    doc_md=__doc__,
    tags=["operations"],
) as dag:
    sources = ListSources(task_id="list")
    AuditSource.partial(task_id="source", map_index_template="{{ task.source_name }}").expand(
        source_name=sources.output
    )
