"""# Retention

Daily, for each source: removes what is older than the source declares (`retention=`). S3 Tables' own record expiration
serves only tables that AWS manages itself.

- **list** lists the sources.
- **source** runs once per source. It removes rejected records (by default 90 days after they were staged), the rows
  and rejects of old periods, and old landed copies. A copy whose rows were never loaded is kept, and counted in the
  log.

Rows leave their table in one snapshot, so a load at the same time loses nothing. Their bytes are deleted when managed
maintenance has removed the older snapshots: 18 days later under AWS's defaults. A run with **dry_run** only counts.
"""

from datetime import timedelta

from airflow.sdk import DAG, CronTriggerTimetable, Param

from growth_verticals.operators.audit import ListSources
from growth_verticals.operators.retention import ApplyRetention
from growth_verticals.operators.source import RetryTransientErrors

with DAG(
    dag_id="retention",
    schedule=CronTriggerTimetable("30 5 * * *", timezone="America/New_York"),
    catchup=False,
    max_active_runs=1,
    max_active_tasks=2,
    is_paused_upon_creation=False,
    params={
        "dry_run": Param(
            False,
            type="boolean",
            title="Dry run",
            description_md="Only count what is older than declared. Nothing is removed.",
        ),
    },
    default_args={
        "owner": "data team",
        "retries": 2,
        "retry_delay": timedelta(minutes=5),
        "retry_policy": RetryTransientErrors(),
        "execution_timeout": timedelta(hours=4),
    },
    description="Removes rejects, old periods and landed copies that are older than declared",
    doc_md=__doc__,
    tags=["operations"],
) as dag:
    sources = ListSources(task_id="list")
    ApplyRetention.partial(task_id="source", map_index_template="{{ task.source_name }}").expand(
        source_name=sources.output
    )
