"""Starts workers, sends them signals, and waits for them; restarts the store."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from growth_verticals.account import Account
from local import standin
from local.settings import LANDING_BUCKET, Settings, StandInError

REPOSITORY = Path(__file__).resolve().parents[3]
#: How long a store needs at most until it takes objects again.
_UP_WITHIN_S = 60.0


class Worker:
    """A worker's process. Its descriptor names it, so that no signal can reach another process with its id."""

    def __init__(self, pid: int, outcome: Path) -> None:
        self._outcome = outcome
        self._descriptor: int | None = None
        self._lock = threading.Lock()
        with suppress(ProcessLookupError):  # it has ended already
            self._descriptor = os.pidfd_open(pid)

    def send(self, number: int) -> None:
        with self._lock, suppress(ProcessLookupError):
            if self._descriptor is not None:
                signal.pidfd_send_signal(self._descriptor, number)

    def wait(self, seconds: float) -> bool:
        """Return whether the process has ended within this time."""
        return self._descriptor is None or bool(select.select([self._descriptor], [], [], seconds)[0])

    def close(self) -> dict[str, Any] | None:
        """Return the outcome that the process wrote; None if it was killed."""
        with self._lock:
            if self._descriptor is not None:
                os.close(self._descriptor)
            self._descriptor = None
        return json.loads(self._outcome.read_text()) if self._outcome.exists() else None


class WorkerHost:
    """The process that forks the workers."""

    def __init__(self, environment: dict[str, str]) -> None:
        paths = f"{REPOSITORY / 'plugins'}:{REPOSITORY}"
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.campaign.worker"],
            env={**inherited, **environment, "PYTHONPATH": paths},
            cwd=REPOSITORY,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._lock = threading.Lock()

    def start(self, job: dict[str, Any]) -> Worker:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with self._lock:
            self._process.stdin.write(json.dumps(job) + "\n")
            self._process.stdin.flush()
            pid = int(self._process.stdout.readline())
        return Worker(pid, Path(job["outcome"]))

    def close(self) -> None:
        with self._process:
            assert self._process.stdin is not None
            self._process.stdin.close()
            self._process.wait(10)


class Store:
    """The stand-in's store, which a fault kills and starts again."""

    def __init__(self, settings: Settings, account: Account) -> None:
        self._settings = settings
        self._account = account
        self._lock = threading.Lock()
        self._restart: threading.Thread | None = None

    def kill(self) -> None:
        """Kill the store now, and start it again in the background."""
        with self._lock:
            if self._restart is not None and self._restart.is_alive():
                return
            pid = standin.status(self._settings)["store"]
            if pid is not None:
                os.kill(pid, signal.SIGKILL)
            self._restart = threading.Thread(target=self._start)
            self._restart.start()

    def wait(self) -> None:
        """Wait until a restart is done."""
        with self._lock:
            restart = self._restart
        if restart is not None:
            restart.join()

    def _start(self) -> None:
        """Start it when the killed process has let go of its ports, and wait until it takes objects again."""
        deadline = time.monotonic() + _UP_WITHIN_S
        while True:
            try:
                standin.up(self._settings)
                self._account.client("s3").put_object(Bucket=LANDING_BUCKET, Key="campaign-probe", Body=b"up")
            except (StandInError, ClientError, BotoCoreError):
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)
            else:
                return
