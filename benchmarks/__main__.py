"""`make bench`: measures scenarios, writes the results, prints the table of goals.

    python -m benchmarks [--quick] [--only SCENARIO ...] [--runs N]

A scenario's figures replace those of its last time in benchmarks/results.json (`--quick`: .state/bench/quick.json).
Each gets a stand-in of its own, whose data go when it ends: together they would fill a disk. With `--quick` they share
one.
"""

from __future__ import annotations

import argparse
import signal
import sys
import time
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.measure import RunError
from benchmarks.place import STATE, Place, bench_place
from benchmarks.results import Results
from benchmarks.scenarios import FULL, QUICK, SCENARIOS

if TYPE_CHECKING:
    from collections.abc import Iterator


def main(words: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measures the engine and its peers.")
    parser.add_argument("--quick", action="store_true", help="smaller files and fewer runs, in under three minutes")
    parser.add_argument("--only", nargs="+", choices=SCENARIOS, metavar="SCENARIO", help=" ".join(SCENARIOS))
    parser.add_argument("--runs", type=int, metavar="N", help="turns of each scenario, instead of five")
    arguments = parser.parse_args(words)
    scale = QUICK if arguments.quick else FULL
    if arguments.runs:
        scale = replace(scale, runs=arguments.runs, append_runs=arguments.runs, many_runs=arguments.runs)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # the stand-in ends with us
    STATE.mkdir(parents=True, exist_ok=True)
    path = STATE / "quick.json" if arguments.quick else Path(__file__).parent / "results.json"
    results = Results(path, scale.as_json())
    started, failed = time.perf_counter(), False
    with ExitStack() as shared:
        place = shared.enter_context(_warm_place()) if arguments.quick else None
        for name in arguments.only or SCENARIOS:
            print(f"{name} ({time.perf_counter() - started:.0f} s)", flush=True)
            try:
                with ExitStack() as own:
                    runs, figures = SCENARIOS[name](place or own.enter_context(_warm_place()), scale)
            except (RunError, KeyError, AssertionError) as error:
                failed = True
                print(f"  {name} failed: {error!r}", file=sys.stderr)
            else:
                results.add(name, figures, runs)
    if arguments.quick:
        print(f"\nSmall: 1 GB is {scale.big // 10**6} MB here, and so on. Ratios of files this small say little.")
    print(f"\n{results.table()}\n{time.perf_counter() - started:.0f} s, written to {path}")
    return 1 if failed else 0


@contextmanager
def _warm_place() -> Iterator[Place]:
    """A store's first writes make room for themselves, and are slow."""
    with bench_place() as place:
        place.appends(place.small_files(3, 2_000))
        yield place


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
