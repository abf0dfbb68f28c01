"""Managed maintenance of the table bucket: settings applied where they differ from the declarations, and job status.

Levels, defaults and ranges are AWS's (S3 user guide, "S3 Tables maintenance"): compaction and snapshot management
belong to a table, the removal of unreferenced files to the bucket.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from growth_verticals.errors import DeclarationError
from growth_verticals.source import Maintenance
from growth_verticals.tables.failures import service_errors

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyiceberg.table import Table

    from growth_verticals.account import Account

_COMPACTION = "icebergCompaction"
_SNAPSHOTS = "icebergSnapshotManagement"
_UNREFERENCED = "icebergUnreferencedFileRemoval"


@dataclass(frozen=True, kw_only=True)
class BucketMaintenance:
    """Bucket-level maintenance, with AWS's defaults.

    :param unreferenced_days: days after which a file that no snapshot refers to is removed, staged files included.
    :param non_current_days: days after which a removed file's old version is deleted for good.
    """

    unreferenced_days: int = 3
    non_current_days: int = 10

    def __post_init__(self) -> None:
        if self.unreferenced_days < 1 or self.non_current_days < 1:
            raise DeclarationError("days of bucket maintenance are out of range", expected="1 or more")


def apply_maintenance(account: Account, table_identifier: str, maintenance: Maintenance) -> list[str]:
    """Put the declared settings of one table where the live ones differ; return each change in words.

    :param table_identifier: `namespace.table`.

    A retry finds what was put and returns the empty list. Raises `ConfigurationError` (no such table, refused; sort
    and z-order need a sort order in the SQL file) or `ServiceError`.
    """
    client, where = account.client("s3tables"), _where(account, table_identifier)
    with service_errors(f"reading the maintenance settings of {table_identifier}", _endpoint(account)):
        live = client.get_table_maintenance_configuration(**where).get("configuration", {})
    changes = []
    for kind, declared in _table_settings(maintenance).items():
        found = _differences(kind, live.get(kind, {}), declared, _table_settings(Maintenance())[kind])
        if found:
            with service_errors(f"setting {kind} of {table_identifier}", _endpoint(account)):
                client.put_table_maintenance_configuration(**where, type=kind, value=_value(kind, declared))
            changes += [f"{table_identifier}: {change}" for change in found]
    return changes


def bucket_settings(account: Account) -> BucketMaintenance | None:
    """Return the bucket's live settings, or None if the removal of unreferenced files is switched off."""
    live = _live_bucket(account)
    if live.get("status", "enabled") != "enabled":
        return None
    days = _bucket_values(BucketMaintenance()) | live.get("settings", {}).get(_UNREFERENCED, {})
    return BucketMaintenance(unreferenced_days=days["unreferencedDays"], non_current_days=days["nonCurrentDays"])


def apply_bucket_maintenance(account: Account, maintenance: BucketMaintenance) -> list[str]:
    """Put the declared settings of the bucket if the live ones differ; return each change in words."""
    declared = _bucket_values(maintenance)
    found = _differences(_UNREFERENCED, _live_bucket(account), declared, _bucket_values(BucketMaintenance()))
    if found:
        with service_errors("setting the table bucket's maintenance", _endpoint(account)):
            account.client("s3tables").put_table_bucket_maintenance_configuration(
                tableBucketARN=account.table_bucket_arn, type=_UNREFERENCED, value=_value(_UNREFERENCED, declared)
            )
    return [f"table bucket: {change}" for change in found]


def job_status(account: Account, table_identifier: str) -> dict[str, tuple[str, str]]:
    """Return status and message of each maintenance job of a table, by the job's type.

    The status is AWS's: `Not_Yet_Run`, `Successful`, `Failed` or `Disabled`; the message is empty unless it failed.
    """
    with service_errors(f"reading the maintenance jobs of {table_identifier}", _endpoint(account)):
        answer = account.client("s3tables").get_table_maintenance_job_status(**_where(account, table_identifier))
    return {kind: (job["status"], job.get("failureMessage", "")) for kind, job in answer.get("status", {}).items()}


def retention_warnings(table: Table) -> list[str]:
    """Return, in words, what in the table itself looks like retention and is ignored by S3 Tables, or disables it."""
    name = ".".join(table.name())
    ignored = sorted(key for key in table.properties if key.startswith("history.expire."))
    kept = sorted(
        ref_name
        for ref_name, ref in table.metadata.refs.items()
        if (ref.max_ref_age_ms, ref.max_snapshot_age_ms, ref.min_snapshots_to_keep) != (None, None, None)
    )
    return [f"{name}: the table property {key} does nothing in a table bucket" for key in ignored] + [
        f"{name}: retention set on the branch or tag {ref_name} switches managed snapshot expiry off"
        for ref_name in kept
    ]


def _table_settings(maintenance: Maintenance) -> dict[str, dict[str, Any]]:
    return {
        _COMPACTION: {"targetFileSizeMB": maintenance.target_file_size_mb, "strategy": maintenance.strategy},
        _SNAPSHOTS: {
            "minSnapshotsToKeep": maintenance.min_snapshots_to_keep,
            "maxSnapshotAgeHours": maintenance.max_snapshot_age_hours,
        },
    }


def _bucket_values(maintenance: BucketMaintenance) -> dict[str, Any]:
    return {"unreferencedDays": maintenance.unreferenced_days, "nonCurrentDays": maintenance.non_current_days}


def _live_bucket(account: Account) -> dict[str, Any]:
    with service_errors("reading the table bucket's maintenance settings", _endpoint(account)):
        answer = account.client("s3tables").get_table_bucket_maintenance_configuration(
            tableBucketARN=account.table_bucket_arn
        )
    live: dict[str, Any] = answer.get("configuration", {}).get(_UNREFERENCED, {})
    return live


def _differences(
    kind: str, live: Mapping[str, Any], declared: Mapping[str, Any], defaults: Mapping[str, Any]
) -> list[str]:
    """Return what differs; a setting that the service does not mention stands at its default."""
    settings = {**defaults, **live.get("settings", {}).get(kind, {})}
    found = [
        f"{kind}.{name} from {settings[name]} to {value}" for name, value in declared.items() if settings[name] != value
    ]
    if live.get("status", "enabled") != "enabled":
        found.append(f"{kind} from disabled to enabled")
    return found


def _value(kind: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    return {"status": "enabled", "settings": {kind: dict(settings)}}


def _where(account: Account, table_identifier: str) -> dict[str, str]:
    namespace, name = table_identifier.split(".")
    return {"tableBucketARN": account.table_bucket_arn, "namespace": namespace, "name": name}


def _endpoint(account: Account) -> str:
    return account.s3tables_endpoint or f"S3 Tables in {account.region}"
