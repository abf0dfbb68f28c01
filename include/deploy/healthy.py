"""Exit with 0 if Airflow's API reports the component that is named as argument as healthy: a container's health check.

A check by `airflow jobs check` would take seconds of a processor each time.
"""

from __future__ import annotations

import json
import os
import sys
from urllib.request import urlopen

component = sys.argv[1]
base = os.environ["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"].partition("/execution")[0]
with urlopen(f"{base}/api/v2/monitor/health", timeout=10) as response:  # noqa: S310 - our own server
    status = json.load(response)[component]["status"]
sys.exit(0 if status == "healthy" else f"{component} is {status}")
