"""The load that made a snapshot, in the snapshot's summary: for people who read the table's history.

No step bases a decision on it: snapshots expire, but the rows' provenance does not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, kw_only=True)
class LoadSummary:
    """The load that made a snapshot. `files` is the number of files that it added or removed, None if unknown."""

    source: str | None
    period: str
    files: int | None

    def to_properties(self) -> dict[str, str]:
        """Return the properties for the snapshot's summary."""
        return {"gv.source": str(self.source), "gv.period": self.period, "gv.files": str(self.files)}

    @classmethod
    def from_properties(cls, properties: Mapping[str, str]) -> LoadSummary | None:
        """Return the load from a snapshot's summary; None for a snapshot that no load made."""
        if "gv.period" not in properties:
            return None
        files = properties.get("gv.files", "")
        return cls(
            source=properties.get("gv.source"),
            period=properties["gv.period"],
            files=int(files) if files.isdecimal() else None,
        )
