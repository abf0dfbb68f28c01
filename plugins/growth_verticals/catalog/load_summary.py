"""What a commit writes into its snapshot's summary about the load, for people who read the table's history.

No step reads it back to decide anything: snapshots expire, and the rows' provenance does not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, kw_only=True)
class LoadSummary:
    """The load that made a snapshot. `files` is how many delivered files it added or removed, None if unknown."""

    source: str | None
    period: str
    files: int | None

    def to_properties(self) -> dict[str, str]:
        """Return the summary's properties."""
        return {"gv.source": str(self.source), "gv.period": self.period, "gv.files": str(self.files)}

    @classmethod
    def from_properties(cls, properties: Mapping[str, str]) -> LoadSummary | None:
        """Return what a snapshot's summary says; None for a snapshot that no load made."""
        if "gv.period" not in properties:
            return None
        files = properties.get("gv.files", "")
        return cls(
            source=properties.get("gv.source"),
            period=properties["gv.period"],
            files=int(files) if files.isdecimal() else None,
        )
