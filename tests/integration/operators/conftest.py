"""All tests in this folder import airflow."""

import tests.airflow_home  # noqa: F401
