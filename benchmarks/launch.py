"""Starts one process from a small one and says what it used.

    python -I -S launch.py REPORT COMMAND ...

A process's peak memory as the kernel counts it is never below that of the process which started it, and the
benchmark itself is larger than what some of its processes need. `BENCH_STARTED` tells the process when it was started.
"""

from __future__ import annotations

import json
import os
import sys
import time

report, *command = sys.argv[1:]
started = time.monotonic()
pid = os.posix_spawn(command[0], command, os.environ | {"BENCH_STARTED": str(started)})
_, status, used = os.wait4(pid, 0)
wall = time.monotonic() - started
with open(report, "w") as file:  # noqa: PTH123 - pathlib would be as large again
    json.dump({"wall": wall, "cpu": used.ru_utime + used.ru_stime, "peak_mb": used.ru_maxrss / 1024}, file)
sys.exit(os.waitstatus_to_exitcode(status) and 1)
