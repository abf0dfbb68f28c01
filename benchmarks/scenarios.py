"""What is measured, a scenario a function: its runs, and its figures as one sample a turn.

A ratio is that of two runs of the same turn, so that what slows the machine down for a while stands in both. Seconds
are `inner` ones: imports and the opening of the catalog apart.
"""

from __future__ import annotations

import statistics
from dataclasses import asdict, dataclass
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from benchmarks.environments import DLT_CSV, PEERS
from benchmarks.measure import Run, in_turn

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from benchmarks.place import Place

Runs = dict[str, list[Run]]
Samples = dict[str, list[float]]


@dataclass(frozen=True)
class Scale:
    """How large the files are and how often each thing is run.

    :param big: and `bigger`, `household`, `events`: bytes of text of what the figures call 1 GB, 4 GB, 2 GB, 500 MB.
    :param appends: commits into one table, of which the last are compared with the first.
    :param files: of the delivery of many files; what memory grows by is taken from a fifth as many.
    :param few_bad: share of bad rows that makes a few hundred of them (fewer in a smaller file).
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


def limit(place: Place, scale: Scale) -> tuple[Runs, Samples]:
    runs: Runs = {}
    samples: Samples = {}
    for label, size in (("1 GB", scale.big), ("4 GB", scale.bigger)):
        path = place.file("consumer", size)
        made = _in_turn(scale, f"{label}: ", engine=_engine(place, "consumer", path), limit=_limit(place, path))
        ours, theirs = f"{label}: engine", f"{label}: limit"
        samples[f"{label} CSV: engine / limit"] = _ratio(made, ours, theirs)
        cpu = _ratio(made, ours, theirs, of=lambda run: float(run.said["inner_cpu"]))
        samples[f"{label} CSV: processor time, engine / limit"] = cpu
        runs |= made
    return runs, samples


def peers(place: Place, scale: Scale) -> tuple[Runs, Samples]:
    path = place.file("consumer", scale.big)
    contestants = {"engine": _engine(place, "consumer", path)}
    contestants |= {name: _peer(place, name, "consumer", path) for name in PEERS}
    runs = in_turn(contestants, scale.runs)
    _require_same_rows(runs)
    return runs, {f"1 GB CSV: engine / {name}": _ratio(runs, "engine", name) for name in PEERS if name in runs}


def shapes(place: Place, scale: Scale) -> tuple[Runs, Samples]:
    runs: Runs = {}
    samples: Samples = {}
    for label, shape, size, suffix in (
        ("300 columns", "household", scale.household, ".csv"),
        ("8 columns", "events", scale.events, ".csv"),
        ("8 columns, JSON lines", "events", scale.events, ".jsonl"),
    ):
        path = place.file(shape, size, suffix=suffix)
        contestants = {"engine": _engine(place, shape, path), "polars": _peer(place, "polars", shape, path)}
        if suffix == ".csv":
            contestants["limit"] = _limit(place, path, shape)
        made = _in_turn(scale, f"{label}: ", **contestants)
        _require_same_rows(made)
        for other in contestants.keys() - {"engine"}:
            samples[f"{label}: engine / {other}"] = _ratio(made, f"{label}: engine", f"{label}: {other}")
        runs |= made
    return runs, samples


def gz(place: Place, scale: Scale) -> tuple[Runs, Samples]:
    suffixes = (".csv", ".csv.gz", ".csv.zip")
    paths = {suffix: place.file("consumer", scale.big, suffix=suffix) for suffix in suffixes}
    runs = in_turn({suffix: _engine(place, "consumer", path) for suffix, path in paths.items()}, scale.runs)
    return runs, {f"{suffix} / .csv": _ratio(runs, suffix, ".csv") for suffix in suffixes[1:]}


def bad(place: Place, scale: Scale) -> tuple[Runs, Samples]:
    shares = {"clean": 0.0, "a few hundred bad rows": scale.few_bad, "1 % bad rows": 0.01}
    contestants = {
        name: _engine(place, "consumer", place.file("consumer", scale.big, bad=share)) for name, share in shares.items()
    }
    runs = in_turn(contestants, scale.runs)
    for name, share in shares.items():
        if share and not all(run.said["rejected"] for run in runs[name]):
            raise AssertionError(f"{name}: none was rejected")
    return runs, {f"{name} / clean": _ratio(runs, name, "clean") for name, share in shares.items() if share}


def memory(place: Place, scale: Scale) -> tuple[Runs, Samples]:
    files = {
        "1 GB of 60 columns": ("consumer", place.file("consumer", scale.big)),
        "4 GB of 60 columns": ("consumer", place.file("consumer", scale.bigger)),
        "4 GB of 60 columns, gz": ("consumer", place.file("consumer", scale.bigger, suffix=".csv.gz")),
        "2 GB of 300 columns": ("household", place.file("household", scale.household)),
    }
    runs = in_turn({name: _engine(place, shape, path) for name, (shape, path) in files.items()}, scale.runs)
    samples = {f"peak memory, {name}": [run.peak_mb for run in made] for name, made in runs.items()}
    samples["peak memory, 4 GB / 1 GB"] = [
        large.peak_mb / small.peak_mb
        for large, small in zip(runs["4 GB of 60 columns"], runs["1 GB of 60 columns"], strict=True)
    ]
    return runs, samples


def appends(place: Place, scale: Scale) -> tuple[Runs, Samples]:
    folder = place.small_files(scale.appends, scale.file_rows)
    runs = in_turn({"appends": lambda: place.appends(folder)}, scale.append_runs)
    samples = {
        figure: [_growth(run.said[kind]) for run in runs["appends"]]
        for figure, kind in (("200th append / 10th", "both"), ("200th append, its commit / the 10th's", "commit"))
    }
    return runs, samples


def many_files(place: Place, scale: Scale) -> tuple[Runs, Samples]:
    folder = place.small_files(scale.files, scale.file_rows)
    fewer = place.small_files(scale.files // 5, scale.file_rows)
    contestants = {
        "engine": _engine(place, "events", folder),
        "engine, a fifth": _engine(place, "events", fewer),
        "dlt": _peer(place, "dlt", "events", folder),
    }
    runs = in_turn(contestants, scale.many_runs)
    once = {
        "./gv load": lambda: place.load("events", *sorted(folder.glob("*.csv"))),
        "dlt's own read_csv": lambda: place.peer(DLT_CSV, "events", folder),
    }
    runs |= in_turn(once, 1)
    thousands = (scale.files - scale.files // 5) / 1_000
    samples = {
        "5,000 files: snapshots": [float(run.said["snapshots"]) for run in runs["engine"]],
        "5,000 files: memory a thousand files": [
            (all_.peak_mb - fifth.peak_mb) / thousands
            for all_, fifth in zip(runs["engine"], runs["engine, a fifth"], strict=True)
        ],
    }
    if "dlt" in runs:
        samples["5,000 files: engine / dlt"] = _ratio(runs, "engine", "dlt")
        samples["5,000 files: ./gv load, raw copies included / dlt"] = _ratio(runs, "./gv load", "dlt")
    if "dlt's own read_csv" in runs:
        samples["5,000 files: engine / dlt's own read_csv"] = _ratio(runs, "engine", "dlt's own read_csv")
    return runs, samples


def start_up(place: Place, scale: Scale) -> tuple[Runs, Samples]:
    path = min(place.small_files(scale.appends, scale.file_rows).glob("*.csv"))
    place.load("events", path)  # the first run of a new copy compiles what was never imported
    runs = in_turn({"start-up": lambda: place.start_up("events", path)}, max(scale.runs, 3))
    return runs, {"start-up of ./gv load to the first byte parsed": [run.inner for run in runs["start-up"]]}


SCENARIOS: dict[str, Callable[[Place, Scale], tuple[Runs, Samples]]] = {
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


def _engine(place: Place, shape: str, path: Path) -> Callable[[], Run]:
    return lambda: place.engine(shape, path)


def _limit(place: Place, path: Path, shape: str = "consumer") -> Callable[[], Run]:
    return lambda: place.limit(shape, path)


def _peer(place: Place, name: str, shape: str, path: Path) -> Callable[[], Run]:
    return lambda: place.peer(PEERS[name], shape, path)


def _in_turn(scale: Scale, prefix: str, **contestants: Callable[[], Run]) -> Runs:
    return in_turn({prefix + name: run for name, run in contestants.items()}, scale.runs)


def _ratio(
    runs: Mapping[str, Sequence[Run]], ours: str, theirs: str, of: Callable[[Run], float] = attrgetter("inner")
) -> list[float]:
    return [of(our) / of(their) for our, their in zip(runs[ours], runs[theirs], strict=False)]


def _require_same_rows(runs: Mapping[str, Sequence[Run]]) -> None:
    rows = {name: {run.said["rows"] for run in made} for name, made in runs.items()}
    if len(set().union(*rows.values())) != 1:
        raise AssertionError(f"not all loaded the same rows: {rows}")


def _growth(seconds: Sequence[float]) -> float:
    """The last five over the sixth to the fourteenth: the first few pay for connections."""
    return statistics.median(seconds[-5:]) / statistics.median(seconds[5:14])
