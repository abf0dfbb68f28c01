"""Background processes that outlive the command which started them: pid files, logs, and no killing of strangers."""

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
    """A background process known by `<state>/<name>.pid`; its output goes to `<state>/<name>.log`."""

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
        """The process's id, or None when it does not run.

        The file holds the start time too, so that a later process which got the same id is not taken for it.
        """
        try:
            pid, started = self._pid_file.read_text().split()
        except (FileNotFoundError, ValueError):
            return None
        return int(pid) if _start_time(int(pid)) == started else None

    def start(self, command: Sequence[str], environment: Mapping[str, str], directory: Path) -> None:
        """Start `command` in a session of its own."""
        with self.log.open("ab") as log:
            child = subprocess.Popen(
                command,
                env=dict(environment),
                cwd=directory,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._pid_file.write_text(f"{child.pid} {_start_time(child.pid)}")
        child.returncode = 0  # it is meant to outlive us: no warning that it still runs

    def require(self) -> None:
        """Raise `StandInError`, with the log's end, unless the process runs."""
        if self.pid is None:
            tail = "\n".join(self.log.read_text(errors="replace").splitlines()[-10:])
            raise StandInError(f"{self.name} ended while starting. Its log {self.log} ends:\n{tail}")

    def stop(self) -> bool:
        """End the process, with SIGKILL after 10 seconds; tell whether it ran."""
        pid = self.pid
        if pid is not None:
            self._end(pid)
        self._pid_file.unlink(missing_ok=True)
        return pid is not None

    def _end(self, pid: int) -> None:
        for number in (signal.SIGTERM, signal.SIGKILL):
            os.kill(pid, number)
            until = time.monotonic() + _STOP_WITHIN_S
            while time.monotonic() < until:
                _reap(pid)
                if self.pid is None:
                    return
                time.sleep(_POLL_S)
        raise StandInError(f"{self.name} (pid {pid}) does not end. Next: look at {self.log}.")


def _start_time(pid: int) -> str | None:
    """Return when `pid` started, in clock ticks since boot (field 22 of /proc/<pid>/stat); None for a dead one."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] == "Z" else fields[19]


def _reap(pid: int) -> None:
    with suppress(ChildProcessError):  # started by an earlier command
        os.waitpid(pid, os.WNOHANG)
