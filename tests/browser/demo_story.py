"""What `make demo` leaves behind, as `local/history.py` and `include/samples/expected.json` say.

A delivery is a pair: source and period.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from growth_verticals.declarations import find_source
from growth_verticals.status.grid import window
from local import vendors
from local.readback import read_table

if TYPE_CHECKING:
    from .conftest import Demo

SAMPLES = vendors.samples()
REFUSED = ("horace_mann", "2026-11-19")
REFUSED_RUN = "demo__refused__2026-11-19"
ASKS = ("ls_corp", "2026-11-19")
ASKING_RUN = "demo__corrected__2026-11-19"
#: One of the answers.
REPLACE = "Replace: the new files instead of the loaded ones"


def by_hand(demo: Demo) -> tuple[str, str]:
    """Return the delivery that was loaded by hand, for the day before the demo."""
    [[newest]] = read_table(demo.settings, "causeway.person", "SELECT max(delivery_period) FROM t")
    return "causeway", str(newest)


def late(demo: Demo) -> tuple[str, str]:
    """Return the delivery that has not come, for the newest day that was due at the time of the demo."""
    source = "popsycle_intent_triggers"
    runs = demo.airflow.api("GET", f"dags/{source}/dagRuns")["dag_runs"]
    [period] = [run["partition_key"] for run in runs if run["dag_run_id"].startswith("demo__late__")]
    return source, str(period)


def states(demo: Demo) -> dict[tuple[str, str], str]:
    """Return delivery → word of its state, of those whose periods the grid shows now: the samples grow old."""
    words = {(name, sample.period): "loaded with rejects" for name, sample in SAMPLES.items()}
    words |= {REFUSED: "refused", ASKS: "needs approval", by_hand(demo): "loaded by hand", late(demo): "late: vendor"}
    now = datetime.now(UTC)
    shown = {source: {period.key for period in window(find_source(source), now)} for source in SAMPLES}
    return {(source, period): word for (source, period), word in words.items() if period in shown[source]}
