"""TBLPROPERTIES that do nothing in a table bucket, because S3 Tables has its own settings.

Source: S3 user guide, "Considerations and limitations for maintenance jobs" and "S3 Tables maintenance".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from growth_verticals.contract.table import TableContract

_MAX_AGE = "the table setting icebergSnapshotManagement.maxSnapshotAgeHours"
_MIN_SNAPSHOTS = "the table setting icebergSnapshotManagement.minSnapshotsToKeep"
_FILE_SIZE = "the table setting icebergCompaction.targetFileSizeMB, 64 to 512"
_COMPACTION = "the table setting icebergCompaction: S3 Tables compacts automatically"
_UNREFERENCED = "the bucket setting icebergUnreferencedFileRemoval: S3 Tables removes files automatically"
_LOCATION = "nothing: S3 Tables chooses where a table's files are stored"

#: Property, or its prefix if it ends in a dot or underscore → what to use on S3 Tables.
REPLACEMENTS = {
    "history.expire.max-snapshot-age-ms": _MAX_AGE,
    "history.expire.min-snapshots-to-keep": _MIN_SNAPSHOTS,
    "history.expire.": "the table setting icebergSnapshotManagement; retention for a branch or tag turns it off",
    "vacuum_max_snapshot_age_seconds": _MAX_AGE,
    "vacuum_min_snapshots_to_keep": _MIN_SNAPSHOTS,
    "vacuum_": _UNREFERENCED,
    "write.target-file-size-bytes": _FILE_SIZE,
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
    """Return a warning for each property that looks like a setting but does nothing, with the setting to use."""
    warnings = []
    for key, _ in contract.properties:
        name = next((name for name in REPLACEMENTS if key == name or _has_prefix(key, name)), None)
        if name is not None:
            warnings.append(f"the property {key} does nothing in a table bucket; instead: {REPLACEMENTS[name]}")
    return warnings


def _has_prefix(key: str, name: str) -> bool:
    return name.endswith((".", "_")) and key.startswith(name)
