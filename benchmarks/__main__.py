"""`make bench`: run the scenarios, write their results, and print the table of goals.

    python -m benchmarks [--quick] [--only SCENARIO ...] [--runs N]

A scenario's figures replace its earlier ones in benchmarks/results.json (`--quick`: .state/bench/quick.json). Each
scenario has its own stand-in, whose data is removed afterward, because the data of all scenarios would fill a disk.
With `--quick` they share one.
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
from benchmarks.results import Results
from benchmarks.runner import STATE, Runner, running_stand_in
from benchmarks.scenarios import FULL, QUICK, SCENARIOS

if TYPE_CHECKING:
    from collections.abc import Iterator


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Compare the engine with other tools.")
    parser.add_argument("--quick", action="store_true", help="smaller files and fewer runs, in under three minutes")
    parser.add_argument("--only", nargs="+", choices=SCENARIOS, metavar="SCENARIO", help=" ".join(SCENARIOS))
    parser.add_argument("--runs", type=int, metavar="N", help="runs of each scenario, instead of five")
    options = parser.parse_args(arguments)
    scale = QUICK if options.quick else FULL
    if options.runs:
        scale = replace(scale, runs=options.runs, append_runs=options.runs, many_runs=options.runs)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that the stand-in is stopped too
    STATE.mkdir(parents=True, exist_ok=True)
    path = STATE / "quick.json" if options.quick else Path(__file__).parent / "results.json"
    results = Results(path, scale.as_json())
    started, failed = time.perf_counter(), False
    with ExitStack() as all_scenarios:
        shared_runner = all_scenarios.enter_context(_warmed_up_runner()) if options.quick else None
        for name in options.only or SCENARIOS:
            print(f"{name} ({time.perf_counter() - started:.0f} s)", flush=True)
            try:
                with ExitStack() as this_scenario:
                    runner = shared_runner or this_scenario.enter_context(_warmed_up_runner())
                    runs, figures = SCENARIOS[name](runner, scale)
            except (RunError, KeyError, AssertionError) as error:
                failed = True
                print(f"  {name} failed: {error!r}", file=sys.stderr)
            else:
                results.add(name, figures, runs)
    if options.quick:
        print(
            f"\nThe files are small: 1 GB is {scale.big // 10**6} MB here, and so on. Ratios of such files mean little."
        )
    print(f"\n{results.table()}\n{time.perf_counter() - started:.0f} s, written to {path}")
    return 1 if failed else 0


@contextmanager
def _warmed_up_runner() -> Iterator[Runner]:
    """Run a stand-in and load small files into it, because a new store's first writes allocate space and are slow."""
    with running_stand_in() as runner:
        runner.appends(runner.small_files(3, 2_000))
        yield runner


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
