"""Maintenance settings: AWS's defaults and ranges, from the user guide's "S3 Tables maintenance"."""

from __future__ import annotations

from typing import Any

from local.gateway.errors import ApiError

BUCKET_DEFAULTS: dict[str, dict[str, Any]] = {
    "icebergUnreferencedFileRemoval": {"unreferencedDays": 3, "nonCurrentDays": 10},
}
TABLE_DEFAULTS: dict[str, dict[str, Any]] = {
    "icebergCompaction": {"targetFileSizeMB": 512, "strategy": "auto"},
    "icebergSnapshotManagement": {"minSnapshotsToKeep": 1, "maxSnapshotAgeHours": 120},
}
_TARGET_FILE_SIZE_MB = range(64, 513)
#: Compaction strategies that sort rows. The table must have a sort order.
SORTING_STRATEGIES = ("sort", "z-order")


def with_defaults(stored: dict[str, Any], defaults: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Return the configuration of each maintenance type as AWS shows it: enabled, with default settings, unless set.

    :param stored: the configuration that was put, by type.
    """
    return {
        type_: {
            "status": stored.get(type_, {}).get("status", "enabled"),
            "settings": {type_: settings | stored.get(type_, {}).get("settings", {}).get(type_, {})},
        }
        for type_, settings in defaults.items()
    }


def checked_settings(type_: str, value: dict[str, Any]) -> dict[str, Any]:
    """Return the settings in `value` for a maintenance type. Raises `ApiError` 400 if they are invalid.

    Checks the rules that are only in the user guide. The service model's ranges are checked earlier.
    """
    by_type = value.get("settings", {})
    if set(by_type) - {type_}:
        raise ApiError(400, f"The settings are not those of {type_}")
    settings: dict[str, Any] = by_type.get(type_, {})
    if settings.get("targetFileSizeMB", _TARGET_FILE_SIZE_MB[0]) not in _TARGET_FILE_SIZE_MB:
        raise ApiError(400, "targetFileSizeMB must be from 64 to 512")
    return settings
