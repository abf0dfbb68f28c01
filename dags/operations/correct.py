"""# Correct a load

Takes back or puts right what is loaded for a period. Press *Trigger* and fill in the form.

- **undo** removes the rows and rejects of the files. They then count as not loaded.
- **replay** reads rejected records again after a fix, and loads those that are valid now.
- **reload** stages the landed copies again under the declaration of today. The new rows replace the old ones in one
  snapshot.

The task **evidence** finds out what would leave and come. **approve** shows it under *Required Actions* and waits a
day for an answer. **correct** does exactly what was approved. Without an approval nothing is changed.
"""

from datetime import timedelta

from airflow.sdk import DAG, Param

from growth_verticals.declarations import source_names
from growth_verticals.operators.correct import ApproveCorrection, CarryOutCorrection, PlanCorrection
from growth_verticals.pipeline import task_defaults
from growth_verticals.timetables import FormTimetable

with DAG(
    dag_id="correct",
    schedule=FormTimetable(),
    max_active_runs=4,
    is_paused_upon_creation=False,
    params={
        "source": Param(type="string", enum=source_names(), title="Source"),
        "action": Param(
            type="string",
            enum=["undo", "replay", "reload"],
            title="Action",
            description_md="**undo** removes rows and rejects, **replay** loads rejected records that are valid now, "
            "**reload** loads the landed copies again in the place of their rows.",
        ),
        "period": Param(
            type="string",
            minLength=1,
            maxLength=20,
            title="Period",
            description_md="As in the run that loaded it, such as **2026Q4**, **2026-11** or **2026-11-22**.",
        ),
        "files": Param(
            None,
            type=["null", "array"],
            items={"type": "string", "minLength": 1, "maxLength": 1024},
            uniqueItems=True,
            title="Files",
            description_md="Names of loaded files, one per line. Leave this empty for all files of the period.",
        ),
        "reason": Param(
            type="string",
            minLength=1,
            maxLength=500,
            title="Reason",
            description_md="Kept in the table's history.",
        ),
    },
    default_args=task_defaults(),
    description="Takes back or puts right what is loaded, after an approval",
    doc_md=__doc__,
    tags=["operations"],
) as dag:
    evidence = PlanCorrection(task_id="evidence", execution_timeout=timedelta(hours=12))
    approve = ApproveCorrection(task_id="approve", correction=evidence.output)
    CarryOutCorrection(task_id="correct", approved=approve.output, execution_timeout=timedelta(hours=4))
