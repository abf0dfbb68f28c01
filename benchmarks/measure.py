"""Whole processes, timed from outside: wall, CPU and peak memory as the kernel counts them."""

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
    """One process. `wall`, `cpu` and `inner` (what it timed itself, start-up apart) in seconds, `peak_mb` in MiB."""

    wall: float
    cpu: float
    peak_mb: float
    inner: float
    said: dict[str, Any] = field(default_factory=dict)


class RunError(Exception):
    """A process failed; the message is the end of what it said."""


def run(command: Sequence[str | Path], environment: Mapping[str, str], folder: Path) -> Run:
    """Run one process to its end. Its last line on standard output is JSON with `inner`. Raises `RunError`."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err, tempfile.NamedTemporaryFile() as report:
        launched = [sys.executable, "-I", "-S", _LAUNCH, report.name, *map(str, command)]
        done = subprocess.run(launched, stdout=out, stderr=err, env=dict(environment), cwd=folder, check=False)
        out.seek(0)
        lines = out.read().decode(errors="replace").strip().splitlines()
        if done.returncode or not lines:
            err.seek(0)
            raise RunError(err.read().decode(errors="replace")[-2_000:] or f"exit code {done.returncode}")
        used = json.loads(report.read())
    said = json.loads(lines[-1])
    inner = said.get("inner", said.get("seconds", used["wall"]))
    return Run(**used, inner=inner, said=said)


def in_turn(contestants: Mapping[str, Callable[[], Run]], times: int) -> dict[str, list[Run]]:
    """Run each contestant in turn, `times` times over: what slows the machine down slows all down.

    One that fails is left out from then on, and said so.
    """
    runs: dict[str, list[Run]] = {name: [] for name in contestants}
    failed: set[str] = set()
    for turn in range(times):
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
                f"  {turn + 1}/{times} {name:<24} wall {last.wall:7.2f} s  inner {last.inner:7.2f} s  "
                f"cpu {last.cpu:7.2f} s  peak {last.peak_mb:6.0f} MB",
                flush=True,
            )
    return {name: made for name, made in runs.items() if made}
