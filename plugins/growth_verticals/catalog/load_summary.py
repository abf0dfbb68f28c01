"""The load that made a snapshot, in the snapshot's summary: for people who read the table's history.

No step bases a decision on it: snapshots expire, but the rows' provenance does not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from growth_verticals.delivery import Actor

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyiceberg.table.snapshots import Snapshot

#: Longest names and reasons that are kept, in characters. Every reader of the table's metadata reads them.
MAX_NAME, MAX_REASON = 200, 500


@dataclass(frozen=True, kw_only=True)
class LoadSummary:
    """The load that made a snapshot. `files` is the number of files that it added or removed, None if unknown.

    :param period: its key. Of `retention`: the first and the last period that it changed, as `2024Q1..2025Q2`.
    :param action: `load`, `replay`, `undo` or `retention`; None in a summary that an older version wrote.
    :param restated: what it did with a restatement: `replace`, `replace_period` or `add`; `reload` if files were read
        again to replace their own rows; None without one.
    :param files_replaced: files that left, with `rows_replaced` rows.
    :param actor: who made or approved it, with which tool, and why; None if it is not known. Longer texts are cut.
    :param rejects: URIs of the staged manifests of the rejects that this load adds after its rows.
    """

    source: str | None
    period: str
    files: int | None
    action: str | None = "load"
    restated: str | None = None
    files_replaced: int = 0
    rows_replaced: int = 0
    actor: Actor | None = None
    rejects: tuple[str, ...] = ()

    def to_properties(self) -> dict[str, str]:
        """Return the properties for the snapshot's summary."""
        properties = {"gv.source": str(self.source), "gv.period": self.period, "gv.files": str(self.files)}
        if self.action is not None:
            properties["gv.action"] = self.action
        if self.restated is not None:
            properties |= {
                "gv.restated": self.restated,
                "gv.files-replaced": str(self.files_replaced),
                "gv.rows-replaced": str(self.rows_replaced),
            }
        if self.actor is not None:
            properties["gv.by"] = self.actor.by[:MAX_NAME]
            if self.actor.tool is not None:
                properties["gv.tool"] = self.actor.tool
            if self.actor.reason is not None:
                properties["gv.reason"] = self.actor.reason[:MAX_REASON]
        return properties | ({"gv.rejects": " ".join(self.rejects)} if self.rejects else {})

    @classmethod
    def of_snapshot(cls, snapshot: Snapshot) -> LoadSummary | None:
        """Return the load that made a snapshot; None for a snapshot that no load made."""
        return cls.from_properties(snapshot.summary.additional_properties if snapshot.summary else {})

    @classmethod
    def from_properties(cls, properties: Mapping[str, str]) -> LoadSummary | None:
        """Return the load from a snapshot's summary; None for a snapshot that no load made."""
        if "gv.period" not in properties:
            return None

        def number(name: str) -> int | None:
            text = properties.get(name, "")
            return int(text) if text.isdecimal() else None

        by = properties.get("gv.by")
        return cls(
            source=properties.get("gv.source"),
            period=properties["gv.period"],
            files=number("gv.files"),
            action=properties.get("gv.action"),
            restated=properties.get("gv.restated"),
            files_replaced=number("gv.files-replaced") or 0,
            rows_replaced=number("gv.rows-replaced") or 0,
            actor=Actor(by=by, tool=properties.get("gv.tool"), reason=properties.get("gv.reason")) if by else None,
            rejects=tuple(properties.get("gv.rejects", "").split()),
        )
