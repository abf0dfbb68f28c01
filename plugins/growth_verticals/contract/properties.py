"""What TBLPROPERTIES ask for in vain: S3 Tables has settings of its own instead.

Source: S3 user guide, "Considerations and limitations for maintenance jobs" and "S3 Tables maintenance".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from growth_verticals.contract.table import TableContract

_AGE = "the table setting icebergSnapshotManagement.maxSnapshotAgeHours"
_KEPT = "the table setting icebergSnapshotManagement.minSnapshotsToKeep"
_SIZE = "the table setting icebergCompaction.targetFileSizeMB, 64 to 512"
_COMPACTION = "the table setting icebergCompaction: S3 Tables compacts by itself"
_UNREFERENCED = "the bucket setting icebergUnreferencedFileRemoval: S3 Tables removes files by itself"
_LOCATION = "nothing: S3 Tables chooses where a table's files lie"

#: Property, or its beginning if it ends in a dot or underscore → what does it on S3 Tables.
INSTEAD = {
    "history.expire.max-snapshot-age-ms": _AGE,
    "history.expire.min-snapshots-to-keep": _KEPT,
    "history.expire.": "the table setting icebergSnapshotManagement; retention of a branch or tag switches it off",
    "vacuum_max_snapshot_age_seconds": _AGE,
    "vacuum_min_snapshots_to_keep": _KEPT,
    "vacuum_": _UNREFERENCED,
    "write.target-file-size-bytes": _SIZE,
    "optimize_rewrite_": _COMPACTION,
    "gc.enabled": _UNREFERENCED,
    "write.metadata.delete-after-commit.enabled": _UNREFERENCED,
    "write.metadata.previous-versions-max": _UNREFERENCED,
    "write.data.path": _LOCATION,
    "write.metadata.path": _LOCATION,
    "write.object-storage.": _LOCATION,
    "location": _LOCATION,
}


def warnings_of(contract: TableContract) -> list[str]:
    """Return a warning for each property that looks like a setting and is none, with the setting to use instead."""
    warnings = []
    for key, _ in contract.properties:
        beginning = next((known for known in INSTEAD if key == known or _begins(key, known)), None)
        if beginning is not None:
            warnings.append(f"the property {key} does nothing in a table bucket; instead: {INSTEAD[beginning]}")
    return warnings


def _begins(key: str, known: str) -> bool:
    return known.endswith((".", "_")) and key.startswith(known)
