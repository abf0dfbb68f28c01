"""Maintenance settings: AWS's defaults and ranges (user guide, "S3 Tables maintenance")."""

from __future__ import annotations

from typing import Any

from local.gateway.errors import Refusal

BUCKET_DEFAULTS: dict[str, dict[str, Any]] = {
    "icebergUnreferencedFileRemoval": {"unreferencedDays": 3, "nonCurrentDays": 10},
}
TABLE_DEFAULTS: dict[str, dict[str, Any]] = {
    "icebergCompaction": {"targetFileSizeMB": 512, "strategy": "auto"},
    "icebergSnapshotManagement": {"minSnapshotsToKeep": 1, "maxSnapshotAgeHours": 120},
}
_TARGET_MB = range(64, 513)
#: Strategies that order rows, and so need the table's sort order.
ORDERING = ("sort", "z-order")


def with_defaults(kept: dict[str, Any], defaults: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Return the configuration of each type as AWS shows it: enabled, with its default settings, unless set."""
    return {
        kind: {
            "status": kept.get(kind, {}).get("status", "enabled"),
            "settings": {kind: settings | kept.get(kind, {}).get("settings", {}).get(kind, {})},
        }
        for kind, settings in defaults.items()
    }


def check(kind: str, value: dict[str, Any]) -> dict[str, Any]:
    """Return the settings in `value` for maintenance of `kind`. Raises `Refusal` 400.

    Ranges that the service model states are checked before; this is what only the user guide says.
    """
    settings = value.get("settings", {})
    if set(settings) - {kind}:
        raise Refusal(400, f"The settings are not those of {kind}")
    inner: dict[str, Any] = settings.get(kind, {})
    if inner.get("targetFileSizeMB", _TARGET_MB[0]) not in _TARGET_MB:
        raise Refusal(400, "targetFileSizeMB must be from 64 to 512")
    return inner
