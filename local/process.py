"""Background processes that keep running after the command that started them. Each has a pid file and a log.

A process of another program that has got the same pid is never stopped.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from local.settings import StandInError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_STOP_WITHIN_S = 10.0
_POLL_S = 0.05


@dataclass(frozen=True, kw_only=True)
class Process:
    """A background process. Its pid file is `<state>/<name>.pid`, and its output goes to `<state>/<name>.log`."""

    name: str
    state: Path

    @property
    def log(self) -> Path:
        return self.state / f"{self.name}.log"

    @property
    def _pid_file(self) -> Path:
        return self.state / f"{self.name}.pid"

    @property
    def pid(self) -> int | None:
        """The process's id, or None if it is not running.

        The pid file also has the process's start time, so that a later process with the same id is not mistaken for it.
        """
        try:
            pid, started = self._pid_file.read_text().split()
        except (FileNotFoundError, ValueError):
            return None
        return int(pid) if _start_time(int(pid)) == started else None

    def start(self, command: Sequence[str], environment: Mapping[str, str], directory: Path) -> None:
        """Start `command` in a new session."""
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                command,
                env=dict(environment),
                cwd=directory,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._pid_file.write_text(f"{process.pid} {_start_time(process.pid)}")
        process.returncode = 0  # it keeps running on purpose, so Popen must not warn about that

    def require_running(self) -> None:
        """Raise `StandInError`, with the end of the log, if the process is not running."""
        if self.pid is None:
            tail = "\n".join(self.log.read_text(errors="replace").splitlines()[-10:])
            raise StandInError(f"{self.name} exited while starting. The last lines of its log {self.log}:\n{tail}")

    def stop(self) -> bool:
        """Stop the process, with SIGKILL after 10 seconds. Return whether it was running."""
        pid = self.pid
        if pid is not None:
            self._terminate(pid)
        self._pid_file.unlink(missing_ok=True)
        return pid is not None

    def _terminate(self, pid: int) -> None:
        for signal_number in (signal.SIGTERM, signal.SIGKILL):
            os.kill(pid, signal_number)
            deadline = time.monotonic() + _STOP_WITHIN_S
            while time.monotonic() < deadline:
                _reap(pid)
                if self.pid is None:
                    return
                time.sleep(_POLL_S)
        raise StandInError(f"{self.name} (pid {pid}) cannot be stopped. Next: read {self.log}.")


def _start_time(pid: int) -> str | None:
    """Return when `pid` started, in clock ticks since boot (field 22 of /proc/<pid>/stat); None if it has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] == "Z" else fields[19]


def _reap(pid: int) -> None:
    with suppress(ChildProcessError):  # an earlier command started it, so it is not our child
        os.waitpid(pid, os.WNOHANG)
