"""# Table maintenance

Daily care of the table bucket. S3 Tables compacts tables, expires snapshots and removes unreferenced files by itself;
this DAG keeps its settings as they are declared, and looks whether its jobs did their work.

- **bucket** sets how long unreferenced files are kept.
- **table**, once for each table of the bucket: fails when a maintenance job has failed; the log has the job's message.
  Before, a source's table gets the settings of its declaration where the live ones differ, and its rejects table AWS's
  defaults. The settings of tables that no source declares are left alone.
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
    default_args={"retries": 2, "retry_delay": timedelta(minutes=5), "execution_timeout": timedelta(minutes=15)},
    description="Keeps maintenance settings as declared, and looks whether the maintenance jobs did their work",
    doc_md=__doc__,
    tags=["operations"],
) as dag:
    ApplyBucketMaintenance(task_id="bucket", unreferenced_days=3, non_current_days=10)
    tables = ListTables(task_id="list")
    MaintainTable.partial(task_id="table", map_index_template="{{ task.table['table'] }}").expand(table=tables.output)
