"""What a campaign does: its files, its operations one step after the other, and the faults that they meet.

A plan is made from its seed alone, before anything runs.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random

from tests.faults.campaign.delivery import PARTITIONS, MadeUpFile, make_up_file

STATUSES = (400, 403, 408, 429, 500, 502, 503, 504, 507)
#: A signal at a point of the worker that is no request.
POINTS = ("landed", "staged", "committed")
_SFTP_KINDS = ("kill", "term", "cut", "stall", "delay")


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong in an attempt.

    `kill`, `term`: the process gets SIGKILL (out of memory, a lost node) or SIGTERM (a deployment, a cleared task): at
    a request, after some time, or at a named point. `status`: a server or load balancer answers with an error. `cut`:
    the connection ends inside the answer, or before there is one. `stall`: no answer until the client gives up.
    `delay`: a slow answer. `late`: the client sees a lost connection, and the request arrives afterward. `clock`: the
    worker's clock is a day slow or fast, except in its signatures (servers refuse others, and nothing happens). `disk`:
    the worker's disk is full, so it can write no file. `store`: the store is killed, and starts again.

    :param server: `catalog`, `store` or `sftp`, for a fault at a request.
    :param only: which requests count: `commit` (of a table), `write`, `any`, or to the store: `part` of a multipart
        upload, `object` (a PUT of a whole one) or `complete` (the end of a multipart upload).
    :param nth: the first request that meets the fault. For `sftp`: the first piece that the server sends.
    :param times: how many requests in a row meet it.
    :param code: the store's error code in the answer with `status`; made up by default.
    :param after: whether the server does what was requested before the fault.
    """

    kind: str
    server: str = ""
    only: str = "any"
    nth: int = 1
    times: int = 1
    after: bool = False
    status: int = 0
    code: str = ""
    seconds: float = 0.0
    point: str = ""

    @property
    def label(self) -> str:
        """The kind of fault, as the report counts it."""
        if self.kind == "clock":
            return "clock a day slow" if self.seconds < 0 else "clock a day fast"
        if self.kind in ("disk", "store"):
            return {"disk": "disk full", "store": "store killed"}[self.kind]
        what = str(self.status) if self.kind == "status" else self.kind
        if not self.server:
            return f"{what} at {'a point' if self.point else 'a moment'}"
        return f"{what} {'after' if self.after else 'before'} ({self.server})"


@dataclass(frozen=True)
class Operation:
    """A load, replay or undo by one process, with the faults of its first attempts, one after the other.

    :param files: indexes of the files that a load loads.
    :param fixed: whether the declaration is the fixed one.
    :param from_sftp: whether a load takes its files from the SFTP server, otherwise from a local folder.
    :param as_tasks: as in Airflow, where each file is staged by its own task, and a retry of the commit gets what
        staging returned before. Otherwise as `./gv load`, which starts again.
    """

    action: str
    files: tuple[int, ...] = ()
    fixed: bool = False
    from_sftp: bool = False
    as_tasks: bool = False
    starts_after_s: float = 0.0
    faults: tuple[Fault | None, ...] = ()


@dataclass(frozen=True)
class Meddling:
    """What another engine does to a table meanwhile: `compact` (rewrite all rows) or `expire` (old snapshots)."""

    action: str
    table: str
    after_s: float


@dataclass(frozen=True)
class Step:
    """Operations that run at the same time, and what the tables hold after all have succeeded.

    :param expect: the declaration by which every file was read: `old`, `fixed` or `either`; `none`: no file is loaded.
    :param settle: an operation to run afterward, alone, because the order of the others is not known.
    """

    operations: tuple[Operation, ...]
    meddling: tuple[Meddling, ...]
    expect: str
    settle: Operation | None = None


@dataclass(frozen=True)
class Plan:
    seed: int
    partition_by: str
    files: tuple[MadeUpFile, ...]
    steps: tuple[Step, ...]

    def describe(self) -> str:
        """Return what the campaign does, in one line per operation."""
        lines = [f"campaign {self.seed}: partitioned by {self.partition_by}"]
        lines += [f"  {file.name}: {len(file.records)} records, rejects {sorted(file.rejects(fixed=False))}"
                  for file in self.files]  # fmt: skip
        for number, step in enumerate(self.steps, 1):
            lines.append(f"  step {number}, after which the tables hold: {step.expect}")
            lines += [f"    {each}" for each in (*step.operations, *step.meddling)]
        return "\n".join(lines)


def make_plan(seed: int, *, store_faults: bool = True) -> Plan:
    random = Random(seed)
    files = tuple(make_up_file(random, number) for number in range(random.randint(1, 3)))
    everything = tuple(range(len(files)))
    with_faults = _WithFaults(random, store_faults=store_faults)
    steps = [_loading(random, everything, with_faults)]
    if random.random() < 0.4:
        others = [Operation(random.choice(("replay", "load")), everything, fixed=True)] * (random.random() < 0.4)
        replay = Operation("replay", fixed=True)
        steps.append(Step(with_faults(replay, *others), _meddling(random), "fixed"))
    if random.random() < 0.3:
        others = [Operation(random.choice(("replay", "load")), everything, fixed=True)] * (random.random() < 0.5)
        undo = Operation("undo")
        steps.append(Step(with_faults(undo, *others), _meddling(random), "none", undo if others else None))
        if random.random() < 0.5:
            steps.append(_loading(random, everything, with_faults))
    return Plan(seed, random.choice(PARTITIONS), files, tuple(steps))


def _loading(random: Random, everything: tuple[int, ...], with_faults: _WithFaults) -> Step:
    """Return a step of one to three loads: all of the whole delivery, or some of a part of it."""

    def load(files: tuple[int, ...]) -> Operation:
        return Operation("load", files, from_sftp=random.random() < 0.4, as_tasks=random.random() < 0.5)

    loads = [load(everything)]
    for _ in range(random.choice((0, 0, 1, 1, 2))):
        part = tuple(sorted(random.sample(everything, random.randint(1, len(everything)))))
        loads.append(load(part))
    expect = "old"
    if len(loads) > 1 and random.random() < 0.2:
        loads[-1], expect = replace(loads[-1], fixed=True), "either"
    return Step(with_faults(*loads), _meddling(random), expect)


class _WithFaults:
    """Gives operations a start and the faults of their attempts."""

    def __init__(self, random: Random, *, store_faults: bool) -> None:
        self._random, self._store_faults = random, store_faults

    def __call__(self, *operations: Operation) -> tuple[Operation, ...]:
        random = self._random
        given = []
        for operation in operations:
            faults: list[Fault | None] = []
            if random.random() < 0.85:
                faults.append(self._fault(operation))
                while random.random() < 0.25 and len(faults) < 3:
                    faults.append(self._fault(operation))
            start = random.choice((0.0, 0.05, 0.2)) if given else 0.0
            given.append(replace(operation, starts_after_s=start, faults=tuple(faults)))
        return tuple(given)

    def _fault(self, operation: Operation) -> Fault:
        random = self._random
        kinds = ["kill"] * 5 + ["term"] * 3 + ["status"] * 8 + ["cut"] * 4 + ["delay"] * 2 + ["late"] * 2
        kinds += ["stall"] + ["clock"] * 2 + ["disk"] + ["store"] * self._store_faults
        kind = random.choice(kinds)
        if kind == "clock":
            return Fault(kind, seconds=random.choice((-86400.0, 86400.0)))
        if kind == "disk":
            return Fault(kind)
        if operation.from_sftp and kind in _SFTP_KINDS and random.random() < 0.4:
            return Fault(kind, "sftp", nth=random.randint(1, 30), seconds=0.3 if kind == "delay" else 0.0)
        if kind in ("kill", "term") and random.random() < 0.4:
            if operation.action == "load" and random.random() < 0.4:
                return Fault(kind, point=random.choice(POINTS))
            return Fault(kind, seconds=round(random.uniform(0.02, 0.8), 3))
        server, only, last = random.choice(
            (("catalog", "commit", 3), ("catalog", "commit", 3), ("catalog", "any", 9), ("store", "write", 12),
             ("store", "any", 40))
        )  # fmt: skip
        if kind == "late":
            server, only, last = "catalog", "commit", 2
        at = Fault(kind, server, only, nth=random.randint(1, last), after=kind != "late" and random.random() < 0.6)
        if kind == "status":
            statuses = (*STATUSES, 409) if only == "commit" else STATUSES
            return replace(at, status=random.choice(statuses), times=random.choice((1, 1, 1, 2, 5)))
        return replace(at, seconds=0.3) if kind in ("delay", "late") else at


def _meddling(random: Random) -> tuple[Meddling, ...]:
    return tuple(
        Meddling(
            random.choice(("compact", "expire")),
            random.choice(("person", "person_rejects")),
            round(random.uniform(0.1, 1.0), 2),
        )
        for _ in range(random.choice((0, 0, 0, 1, 2)))
    )
