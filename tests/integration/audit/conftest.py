"""All tests in this folder import airflow: the audit reads vendors' connections with it."""

import tests.airflow_home  # noqa: F401
from tests.integration.landing.conftest import vendor, vendor_bucket  # noqa: F401
