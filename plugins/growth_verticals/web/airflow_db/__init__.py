"""Facts from Airflow's database. Nothing else reads it: a few queries a view, never one for each run.

    runs         runs of sources, with their loads, failures and steps
    operations   results of the audit and of table maintenance
    people       what runs ask a person, and what people had corrected
    xcoms        how XComs are stored

Every function takes a session of `airflow.utils.session.create_session()`, and changes nothing.
"""

from growth_verticals.status.facts import RunDetail, Step
from growth_verticals.web.airflow_db.operations import read_audit, read_maintenance
from growth_verticals.web.airflow_db.people import (
    CorrectionRun,
    RequiredAction,
    correction_target,
    read_action,
    read_corrections,
)
from growth_verticals.web.airflow_db.runs import (
    paused_dags,
    read_first_periods,
    read_period,
    read_run,
    read_runs,
    run_detail,
)

__all__ = [
    "CorrectionRun",
    "RequiredAction",
    "RunDetail",
    "Step",
    "correction_target",
    "paused_dags",
    "read_action",
    "read_audit",
    "read_corrections",
    "read_first_periods",
    "read_maintenance",
    "read_period",
    "read_run",
    "read_runs",
    "run_detail",
]
