"""The table of goals: every figure that `make bench` prints, and its maximum."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Unit = Literal["x", "s", "MB", ""]


@dataclass(frozen=True)
class Goal:
    """One figure. The median of the runs is compared with the goal; for memory, the maximum.

    :param at_most: the goal, or None for a figure that has no goal.
    """

    figure: str
    scenario: str
    at_most: float | None
    unit: Unit = "x"

    @property
    def uses_maximum(self) -> bool:
        return self.unit == "MB"


GOALS = (
    Goal("1 GB CSV: engine / limit", "limit", 1.25),
    Goal("4 GB CSV: engine / limit", "limit", 1.15),
    Goal("1 GB CSV: processor time, engine / limit", "limit", None),
    Goal("4 GB CSV: processor time, engine / limit", "limit", None),
    Goal("1 GB CSV: engine / polars", "peers", 0.9),
    Goal("1 GB CSV: engine / pyiceberg append", "peers", 0.75),
    Goal("1 GB CSV: engine / pyiceberg stream", "peers", 0.75),
    Goal("1 GB CSV: engine / duckdb", "peers", 0.6),
    Goal("1 GB CSV: engine / daft", "peers", 0.65),
    Goal("1 GB CSV: engine / dlt", "peers", 0.3),
    Goal("300 columns: engine / limit", "shapes", None),
    Goal("300 columns: engine / polars", "shapes", 0.9),
    Goal("8 columns: engine / limit", "shapes", None),
    Goal("8 columns: engine / polars", "shapes", 0.9),
    Goal("8 columns, JSON lines: engine / polars", "shapes", 0.9),
    Goal(".csv.gz / .csv", "gz", 1.15),
    Goal(".csv.zip / .csv", "gz", None),
    Goal("a few hundred bad rows / clean", "bad", 1.25),
    Goal("1 % bad rows / clean", "bad", 1.5),
    Goal("peak memory, 1 GB of 60 columns", "memory", 512, "MB"),
    Goal("peak memory, 4 GB of 60 columns", "memory", 512, "MB"),
    Goal("peak memory, 4 GB of 60 columns, gz", "memory", 512, "MB"),
    Goal("peak memory, 2 GB of 300 columns", "memory", 512, "MB"),
    Goal("peak memory, 4 GB / 1 GB", "memory", 1.05),
    Goal("200th append / 10th", "appends", 2.0),
    Goal("200th append, its commit / the 10th's", "appends", None),
    Goal("5,000 files: snapshots", "many-files", 1, ""),
    Goal("5,000 files: memory a thousand files", "many-files", 25, "MB"),
    Goal("5,000 files: engine / dlt", "many-files", 0.1),
    Goal("5,000 files: engine / dlt's own read_csv", "many-files", None),
    Goal("5,000 files: ./gv load, raw copies included / dlt", "many-files", None),
    Goal("start-up of ./gv load to the first byte parsed", "start-up", 1.5, "s"),
)

SCENARIOS = tuple(dict.fromkeys(goal.scenario for goal in GOALS))
