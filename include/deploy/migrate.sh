#!/usr/bin/env bash
# Bring Airflow's database up to date before the other services start: tables, the first admin, the service user, pools.
# It can run again at any time: an admin who exists keeps the password, the service user gets the one of the secrets.
set -eu
: "${GV_ADMIN_PASSWORD:?}" "${GV_SERVICE_PASSWORD:?}"

airflow db migrate
airflow users create --username admin --role Admin --password="$GV_ADMIN_PASSWORD" \
    --firstname First --lastname Admin --email admin@localhost
# The connection airflow_api logs in as this user: the audit starts runs with it, and alerts read them.
airflow users create --username service --role User --password="$GV_SERVICE_PASSWORD" \
    --firstname Service --lastname User --email service@localhost
airflow users reset-password --username service --password="$GV_SERVICE_PASSWORD"
airflow pools import "$(dirname "$0")/../pools.json"
