"""An Airflow home of its own, set before anything imports airflow. No database is made: nothing here needs one."""

from __future__ import annotations

import atexit
import os
import tempfile
from pathlib import Path

REPOSITORY = Path(__file__).parents[3]

_home = tempfile.TemporaryDirectory(prefix="airflow-home-")
atexit.register(_home.cleanup)
os.environ.update(
    {
        "AIRFLOW_HOME": _home.name,
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(REPOSITORY / "plugins"),
        "AIRFLOW__CORE__UNIT_TEST_MODE": "False",
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
    }
)
