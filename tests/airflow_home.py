"""Import this before airflow: it gives the process an Airflow home of its own. No database is made in it."""

from __future__ import annotations

import atexit
import os
import tempfile
from pathlib import Path

_home = tempfile.TemporaryDirectory(prefix="airflow-home-")
atexit.register(_home.cleanup)
os.environ.update(
    {
        "AIRFLOW_HOME": _home.name,
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(Path(__file__).parents[1] / "plugins"),
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
    }
)
