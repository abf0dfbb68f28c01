"""# Alerts

Every 5 minutes: tells the data team what it should know about. One message when a cause is new, one when it is gone.

- **send** asks the API server for the causes that exist now (the same that the Deliveries page shows), compares them
  with the alerts that are open, and sends what is missing. The open alerts are in `alerts/open.json` of the landing
  zone.
- **send fails** if a channel does not accept a message, or if the causes cannot be read. The next run sends what is
  missing, over that channel only. Without a connection for a channel, its messages are in this task's log.

Who is alerted, and about what, is declared below and by source (`alerts=`); docs/alerts.md says what each kind means.
"""

from datetime import timedelta

from airflow.sdk import DAG, CronTriggerTimetable

from growth_verticals.alerting import Alerts, Email, Slack
from growth_verticals.operators.alerts import SendAlerts

ALERTS = Alerts(send=(Slack(), Email(to=("data-team@growthverticals.example",))))

with DAG(
    dag_id="alerts",
    schedule=CronTriggerTimetable("*/5 * * * *", timezone="America/New_York"),
    catchup=False,
    max_active_runs=1,
    is_paused_upon_creation=False,
    description="Sends one message for each cause that a person should know about, and one when it is gone",
    doc_md=__doc__,
    tags=["operations"],
) as dag:
    SendAlerts(task_id="send", owner="data team", alerts=ALERTS, retries=0, execution_timeout=timedelta(minutes=30))
