"""Run a command from a small process, and write its duration, CPU time and peak memory to the file REPORT.

    python -I -S launch.py REPORT COMMAND ...

The kernel never reports a peak memory below that of the parent process, and the benchmark itself is larger than some
of the commands. The command's environment has its start time in `BENCH_STARTED`.
"""

from __future__ import annotations

import json
import os
import sys
import time

report, *command = sys.argv[1:]
started = time.monotonic()
pid = os.posix_spawn(command[0], command, os.environ | {"BENCH_STARTED": str(started)})
_, status, usage = os.wait4(pid, 0)
wall = time.monotonic() - started
with open(report, "w") as file:  # noqa: PTH123 - pathlib would double this process's memory
    json.dump({"wall": wall, "cpu": usage.ru_utime + usage.ru_stime, "peak_mb": usage.ru_maxrss / 1024}, file)
sys.exit(os.waitstatus_to_exitcode(status) and 1)
