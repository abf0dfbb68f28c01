"""What the audit says: the state of each file and of each period. JSON types, names and counts only."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any, Literal

FileState = Literal[
    "loaded",
    "loaded, vendor has removed it",
    "rejects only",
    "empty",
    "replaced",
    "ignored",
    "not landed",
    "restated",
    "landed, not loaded",
    "undone",
    "unexplained",
]
PeriodState = Literal[
    "complete", "waiting", "late", "missing run", "differs", "vendor unreachable", "paused", "expired"
]

#: States of files about which nothing is to be done.
SETTLED: frozenset[FileState] = frozenset(
    ("loaded", "loaded, vendor has removed it", "rejects only", "empty", "replaced", "ignored")
)
#: States of files at the vendor that a run would land.
TO_LAND: frozenset[FileState] = frozenset(("not landed", "restated"))
#: States of periods in which something is not as it should be.
DIFFERENT: frozenset[PeriodState] = frozenset(("late", "missing run", "differs"))


@dataclass(frozen=True, kw_only=True)
class AuditedFile:
    """One file of a period, and where it is.

    :param state: `loaded`: in the table, and what the vendor has. `rejects only`: none of its records was valid.
        `empty`: it has no records. `replaced`: a later release of it is loaded instead. `not landed`: at the vendor
        only. `restated`: the vendor has another file than the one that was landed under this name.
        `landed, not loaded`: it was refused, or a load is not finished. `undone`: it was committed, and its rows were
        removed. `unexplained`: the table holds rows of it, but it was never landed.
    :param sha256: of a landed or loaded file; None if it is not landed.
    :param size, modified, version: as the vendor lists it now (`RemoteFile`); None if it is not there.
    :param landed_at: ISO 8601, UTC.
    :param by_hand: whether a person landed it, from a local folder or the inbox.
    """

    name: str
    state: FileState
    sha256: str | None = None
    size: int | None = None
    modified: float | None = None
    version: str | None = None
    landed_at: str | None = None
    by_hand: bool = False


@dataclass(frozen=True, kw_only=True)
class AuditedPeriod:
    """One period of a source.

    :param period: its key; `inbox` for the files in an inbox that no run has taken.
    :param state: `complete`: all files agree. `waiting`: not all files are there, and the delivery is not due.
        `late`: it is due. `missing run`: no run was ever started for it. `differs`: some files do not agree.
        `vendor unreachable`: as far as it was landed, it agrees. `expired`: older than what the source keeps.
    :param is_ready: whether the vendor's delivery is complete by the source's rules.
    :param found: what is there and what is missing at the vendor; why it was not asked.
    """

    source: str
    period: str
    state: PeriodState
    files: tuple[AuditedFile, ...] = ()
    is_ready: bool = False
    found: str = ""

    @property
    def differs(self) -> bool:
        """Whether something is not as it should be."""
        return self.state in DIFFERENT

    @property
    def is_empty(self) -> bool:
        """Whether nothing was ever landed or loaded for the period."""
        return all(file.state in (*TO_LAND, "ignored") for file in self.files)

    @property
    def unsettled(self) -> tuple[AuditedFile, ...]:
        """The files that do not agree."""
        return tuple(file for file in self.files if file.state not in SETTLED)

    def counts(self) -> str:
        """Return the numbers of files by state: `7 loaded, 1 not landed`."""
        counts = Counter(file.state for file in self.files)
        return "; ".join(f"{count:,} {state}" for state, count in counts.most_common()) or "no files"

    def to_json(self) -> dict[str, Any]:
        """Return the period and all its files as JSON types."""
        return asdict(self) | {"files": [asdict(file) for file in self.files]}
