"""Run processes and measure them from outside: duration, CPU time and peak memory, as the kernel reports them."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_LAUNCH = Path(__file__).parent / "launch.py"


@dataclass(frozen=True)
class Run:
    """One finished process.

    :param wall: seconds from its start to its end.
    :param cpu: seconds of CPU time.
    :param peak_mb: peak memory in MiB.
    :param inner: seconds that the process measured itself, without its start-up.
    :param report: the JSON that it printed.
    """

    wall: float
    cpu: float
    peak_mb: float
    inner: float
    report: dict[str, Any] = field(default_factory=dict)


class RunError(Exception):
    """A process failed. The message is the end of its standard error."""


def run(command: Sequence[str | Path], environment: Mapping[str, str], folder: Path) -> Run:
    """Run one process until it ends. The last line that it prints is JSON with `inner`. Raises `RunError`."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err, tempfile.NamedTemporaryFile() as usage_file:
        launch = [sys.executable, "-I", "-S", _LAUNCH, usage_file.name, *map(str, command)]
        process = subprocess.run(launch, stdout=out, stderr=err, env=dict(environment), cwd=folder, check=False)
        out.seek(0)
        lines = out.read().decode(errors="replace").strip().splitlines()
        if process.returncode or not lines:
            err.seek(0)
            raise RunError(err.read().decode(errors="replace")[-2_000:] or f"exit code {process.returncode}")
        usage = json.loads(usage_file.read())
    report = json.loads(lines[-1])
    inner = report.get("inner", report.get("seconds", usage["wall"]))
    return Run(**usage, inner=inner, report=report)


def run_in_turns(contestants: Mapping[str, Callable[[], Run]], turns: int) -> dict[str, list[Run]]:
    """Run every contestant once per turn, so that a slow phase of the machine affects all of them.

    A contestant that fails is reported and skipped from then on.
    """
    runs: dict[str, list[Run]] = {name: [] for name in contestants}
    failed: set[str] = set()
    for turn in range(turns):
        for name, contestant in contestants.items():
            if name in failed:
                continue
            try:
                runs[name].append(contestant())
            except RunError as error:
                failed.add(name)
                print(f"  {name} failed: {error}", file=sys.stderr)
                continue
            last = runs[name][-1]
            print(
                f"  {turn + 1}/{turns} {name:<24} wall {last.wall:7.2f} s  inner {last.inner:7.2f} s  "
                f"cpu {last.cpu:7.2f} s  peak {last.peak_mb:6.0f} MB",
                flush=True,
            )
    return {name: finished for name, finished in runs.items() if finished}
