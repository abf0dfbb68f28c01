"""# Table maintenance

Daily maintenance of the table bucket. S3 Tables compacts tables, expires snapshots and removes unreferenced files
automatically. This DAG applies the declared maintenance settings, and checks the status of the maintenance jobs.

- **bucket** sets how long unreferenced files are kept, as `include/bucket.json` declares.
- **list** lists all tables of the table bucket.
- **table** runs once per table. First it applies the declared settings to a source's table, and AWS's defaults to its
  rejects table, where the live settings differ. It does not change the settings of tables that no source declares.
  Then it fails if a maintenance job has failed; the log contains AWS's message.
"""

from datetime import timedelta

from airflow.sdk import DAG, CronTriggerTimetable

from growth_verticals.operators.maintenance import ApplyBucketMaintenance, ListTables, MaintainTable

with DAG(
    dag_id="table_maintenance",
    schedule=CronTriggerTimetable("30 4 * * *", timezone="America/New_York"),
    catchup=False,
    max_active_runs=1,
    is_paused_upon_creation=False,
    default_args={
        "owner": "data team",
        "retries": 2,
        "retry_delay": timedelta(minutes=5),
        "execution_timeout": timedelta(minutes=15),
    },
    description="Applies the declared maintenance settings, and checks the status of the maintenance jobs",
    doc_md=__doc__,
    tags=["operations"],
) as dag:
    ApplyBucketMaintenance(task_id="bucket")
    tables = ListTables(task_id="list")
    MaintainTable.partial(task_id="table", map_index_template="{{ task.table['table'] }}").expand(table=tables.output)
