"""The scenarios. Each is a function that returns its runs, and its figures with one sample per turn.

A ratio compares two runs of the same turn, so that a slow phase of the machine affects both. It compares `inner`
seconds, which exclude imports and opening the catalog.
"""

from __future__ import annotations

import statistics
from dataclasses import asdict, dataclass
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from benchmarks.environments import DLT_CSV, PEERS
from benchmarks.measure import Run, run_in_turns

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from benchmarks.runner import Runner

Runs = dict[str, list[Run]]
Samples = dict[str, list[float]]


@dataclass(frozen=True)
class Scale:
    """The sizes of the files, and the number of runs.

    :param big: bytes of text of the file that the figures call 1 GB.
    :param bigger: the same for 4 GB.
    :param household: the same for 2 GB.
    :param events: the same for 500 MB.
    :param appends: number of commits to one table. The last ones are compared with the first ones.
    :param files: number of files in the delivery of many files. Memory growth is relative to a fifth as many files.
    :param few_bad: share of bad rows for a few hundred bad rows (fewer in a smaller file).
    """

    big: int = 10**9
    bigger: int = 4 * 10**9
    household: int = 2 * 10**9
    events: int = 5 * 10**8
    runs: int = 5
    appends: int = 200
    append_runs: int = 5
    files: int = 5_000
    file_rows: int = 2_000
    many_runs: int = 5
    few_bad: float = 9e-5

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


FULL = Scale()
QUICK = Scale(
    big=6 * 10**7,
    bigger=15 * 10**7,
    household=4 * 10**7,
    events=3 * 10**7,
    runs=2,
    appends=30,
    append_runs=1,
    files=50,
    many_runs=1,
)


def limit(runner: Runner, scale: Scale) -> tuple[Runs, Samples]:
    runs: Runs = {}
    samples: Samples = {}
    for label, size in (("1 GB", scale.big), ("4 GB", scale.bigger)):
        path = runner.file("consumer", size)
        contestants = {"engine": _engine(runner, "consumer", path), "limit": _limit(runner, path)}
        of_size = _run_in_turns(scale, f"{label}: ", **contestants)
        engine, limit_ = f"{label}: engine", f"{label}: limit"
        samples[f"{label} CSV: engine / limit"] = _ratios(of_size, engine, limit_)
        cpu = _ratios(of_size, engine, limit_, key=lambda run: float(run.report["inner_cpu"]))
        samples[f"{label} CSV: processor time, engine / limit"] = cpu
        runs |= of_size
    return runs, samples


def peers(runner: Runner, scale: Scale) -> tuple[Runs, Samples]:
    path = runner.file("consumer", scale.big)
    contestants = {"engine": _engine(runner, "consumer", path)}
    contestants |= {name: _peer(runner, name, "consumer", path) for name in PEERS}
    runs = run_in_turns(contestants, scale.runs)
    _require_same_rows(runs)
    return runs, {f"1 GB CSV: engine / {name}": _ratios(runs, "engine", name) for name in PEERS if name in runs}


def shapes(runner: Runner, scale: Scale) -> tuple[Runs, Samples]:
    runs: Runs = {}
    samples: Samples = {}
    for label, shape, size, suffix in (
        ("300 columns", "household", scale.household, ".csv"),
        ("8 columns", "events", scale.events, ".csv"),
        ("8 columns, JSON lines", "events", scale.events, ".jsonl"),
    ):
        path = runner.file(shape, size, suffix=suffix)
        contestants = {"engine": _engine(runner, shape, path), "polars": _peer(runner, "polars", shape, path)}
        if suffix == ".csv":
            contestants["limit"] = _limit(runner, path, shape)
        of_shape = _run_in_turns(scale, f"{label}: ", **contestants)
        _require_same_rows(of_shape)
        for other in contestants.keys() - {"engine"}:
            samples[f"{label}: engine / {other}"] = _ratios(of_shape, f"{label}: engine", f"{label}: {other}")
        runs |= of_shape
    return runs, samples


def gz(runner: Runner, scale: Scale) -> tuple[Runs, Samples]:
    suffixes = (".csv", ".csv.gz", ".csv.zip")
    paths = {suffix: runner.file("consumer", scale.big, suffix=suffix) for suffix in suffixes}
    runs = run_in_turns({suffix: _engine(runner, "consumer", path) for suffix, path in paths.items()}, scale.runs)
    return runs, {f"{suffix} / .csv": _ratios(runs, suffix, ".csv") for suffix in suffixes[1:]}


def bad(runner: Runner, scale: Scale) -> tuple[Runs, Samples]:
    shares = {"clean": 0.0, "a few hundred bad rows": scale.few_bad, "1 % bad rows": 0.01}
    contestants = {
        name: _engine(runner, "consumer", runner.file("consumer", scale.big, bad=share))
        for name, share in shares.items()
    }
    runs = run_in_turns(contestants, scale.runs)
    for name, share in shares.items():
        if share and not all(run.report["rejected"] for run in runs[name]):
            raise AssertionError(f"{name}: no record was rejected")
    return runs, {f"{name} / clean": _ratios(runs, name, "clean") for name, share in shares.items() if share}


def memory(runner: Runner, scale: Scale) -> tuple[Runs, Samples]:
    files = {
        "1 GB of 60 columns": ("consumer", runner.file("consumer", scale.big)),
        "4 GB of 60 columns": ("consumer", runner.file("consumer", scale.bigger)),
        "4 GB of 60 columns, gz": ("consumer", runner.file("consumer", scale.bigger, suffix=".csv.gz")),
        "2 GB of 300 columns": ("household", runner.file("household", scale.household)),
    }
    runs = run_in_turns({name: _engine(runner, shape, path) for name, (shape, path) in files.items()}, scale.runs)
    samples = {f"peak memory, {name}": [run.peak_mb for run in of_file] for name, of_file in runs.items()}
    samples["peak memory, 4 GB / 1 GB"] = [
        large.peak_mb / small.peak_mb
        for large, small in zip(runs["4 GB of 60 columns"], runs["1 GB of 60 columns"], strict=True)
    ]
    return runs, samples


def appends(runner: Runner, scale: Scale) -> tuple[Runs, Samples]:
    folder = runner.small_files(scale.appends, scale.file_rows)
    runs = run_in_turns({"appends": lambda: runner.appends(folder)}, scale.append_runs)
    samples = {
        figure: [_growth(run.report[key]) for run in runs["appends"]]
        for figure, key in (("200th append / 10th", "appends"), ("200th append, its commit / the 10th's", "commits"))
    }
    return runs, samples


def many_files(runner: Runner, scale: Scale) -> tuple[Runs, Samples]:
    folder = runner.small_files(scale.files, scale.file_rows)
    fewer = runner.small_files(scale.files // 5, scale.file_rows)
    contestants = {
        "engine": _engine(runner, "events", folder),
        "engine, a fifth": _engine(runner, "events", fewer),
        "dlt": _peer(runner, "dlt", "events", folder),
    }
    runs = run_in_turns(contestants, scale.many_runs)
    once = {
        "./gv load": lambda: runner.load("events", *sorted(folder.glob("*.csv"))),
        "dlt's own read_csv": lambda: runner.peer(DLT_CSV, "events", folder),
    }
    runs |= run_in_turns(once, 1)
    thousands = (scale.files - scale.files // 5) / 1_000
    samples = {
        "5,000 files: snapshots": [float(run.report["snapshots"]) for run in runs["engine"]],
        "5,000 files: memory a thousand files": [
            (all_.peak_mb - fifth.peak_mb) / thousands
            for all_, fifth in zip(runs["engine"], runs["engine, a fifth"], strict=True)
        ],
    }
    if "dlt" in runs:
        samples["5,000 files: engine / dlt"] = _ratios(runs, "engine", "dlt")
        samples["5,000 files: ./gv load, raw copies included / dlt"] = _ratios(runs, "./gv load", "dlt")
    if "dlt's own read_csv" in runs:
        samples["5,000 files: engine / dlt's own read_csv"] = _ratios(runs, "engine", "dlt's own read_csv")
    return runs, samples


def start_up(runner: Runner, scale: Scale) -> tuple[Runs, Samples]:
    path = min(runner.small_files(scale.appends, scale.file_rows).glob("*.csv"))
    runner.load("events", path)  # not measured: the first run in a new copy compiles modules
    runs = run_in_turns({"start-up": lambda: runner.start_up("events", path)}, max(scale.runs, 3))
    return runs, {"start-up of ./gv load to the first byte parsed": [run.inner for run in runs["start-up"]]}


SCENARIOS: dict[str, Callable[[Runner, Scale], tuple[Runs, Samples]]] = {
    "limit": limit,
    "peers": peers,
    "shapes": shapes,
    "gz": gz,
    "bad": bad,
    "memory": memory,
    "appends": appends,
    "many-files": many_files,
    "start-up": start_up,
}


def _engine(runner: Runner, shape: str, path: Path) -> Callable[[], Run]:
    return lambda: runner.engine(shape, path)


def _limit(runner: Runner, path: Path, shape: str = "consumer") -> Callable[[], Run]:
    return lambda: runner.limit(shape, path)


def _peer(runner: Runner, name: str, shape: str, path: Path) -> Callable[[], Run]:
    return lambda: runner.peer(PEERS[name], shape, path)


def _run_in_turns(scale: Scale, prefix: str, **contestants: Callable[[], Run]) -> Runs:
    return run_in_turns({prefix + name: run for name, run in contestants.items()}, scale.runs)


def _ratios(
    runs: Mapping[str, Sequence[Run]],
    numerator: str,
    denominator: str,
    key: Callable[[Run], float] = attrgetter("inner"),
) -> list[float]:
    """Return one ratio per turn."""
    turns = zip(runs[numerator], runs[denominator], strict=False)
    return [key(run) / key(other) for run, other in turns]


def _require_same_rows(runs: Mapping[str, Sequence[Run]]) -> None:
    rows = {name: {run.report["rows"] for run in of_name} for name, of_name in runs.items()}
    if len(set().union(*rows.values())) != 1:
        raise AssertionError(f"the contestants loaded different numbers of rows: {rows}")


def _growth(seconds: Sequence[float]) -> float:
    """Return the median of the last five, divided by that of the sixth to 14th. The first five open connections."""
    return statistics.median(seconds[-5:]) / statistics.median(seconds[5:14])
