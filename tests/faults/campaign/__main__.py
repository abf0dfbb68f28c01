"""`FAULTS_N=1000 python -m tests.faults.campaign`: run campaigns and print the sums. Exit code 1 unless nothing failed.

`FAULTS_SEED` repeats a run: campaign number n of a run has the seed FAULTS_SEED + n.
"""
# ruff: noqa: T201 - a program that prints

from __future__ import annotations

import os
import signal
import sys
import tempfile
import time
from pathlib import Path
from random import SystemRandom

from tests.faults.campaign.campaign import Outcome, Site, run_campaign
from tests.faults.campaign.invariants import FAILURES
from tests.faults.campaign.plan import make_plan


def main() -> int:
    number = int(os.environ.get("FAULTS_N") or 20)
    seed = int(os.environ.get("FAULTS_SEED") or SystemRandom().randrange(10**6) * 1000)
    folder = Path(tempfile.mkdtemp(prefix="gv-campaign-"))
    started = time.monotonic()
    total = Outcome()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the stand-in stops too
    with Site.running(folder) as site:
        for campaign in range(number):
            plan = make_plan(seed + campaign)
            outcome = run_campaign(site, plan)
            total.add(outcome)
            if outcome.failures or "-v" in sys.argv:
                print(plan.describe(), *outcome.log, sep="\n")
            if outcome.failures:
                print(f"FAILED. Its logs: {folder}. Next: FAULTS_SEED={plan.seed} FAULTS_N=1 repeats it", flush=True)
    print(report(total, seed, time.monotonic() - started))
    if total.failures:
        return 1
    folder.rmdir()
    return 0


def report(total: Outcome, seed: int, seconds: float) -> str:
    """Return the sums of a run, one per line."""
    worst_s, worst_attempts = total.worst_recovery
    faults = sorted(total.faults.items())
    lines = [
        f"{total.counts['campaigns']} campaigns in {seconds:.0f} s, FAULTS_SEED={seed}",
        f"deliveries: {total.counts['deliveries']}, with {total.counts['operations']} loads, replays and undos",
        f"faults: {sum(total.faults.values())}",
        *(f"  {count:6}  {name}" for name, count in faults),
        *(f"{name}: {total.failures[name]}" for name in FAILURES),
        f"worst recovery: {worst_s} s, {worst_attempts} attempts",
    ]
    if total.unexpected_errors:
        lines.append("errors that are not this package's own:")
        lines += [f"  {count:6}  {name}" for name, count in total.unexpected_errors.most_common(20)]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
