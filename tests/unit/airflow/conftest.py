"""Everything here imports airflow."""

import tests.airflow_home  # noqa: F401
