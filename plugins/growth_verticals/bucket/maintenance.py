"""Managed maintenance: put the declared settings where the live ones differ, read job status, warn about retention.

Levels, defaults and ranges are AWS's (S3 user guide, "S3 Tables maintenance"): compaction and snapshot management
are set per table, unreferenced file removal is set for the bucket.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from growth_verticals.bucket.settings import (
    COMPACTION,
    SNAPSHOTS,
    UNREFERENCED,
    LiveSettings,
    MaintenanceType,
    put_settings,
    read_settings,
    setting_changes,
    table_params,
)
from growth_verticals.catalog.service_errors import service_errors
from growth_verticals.errors import DeclarationError

if TYPE_CHECKING:
    from datetime import datetime

    from pyiceberg.table import Table
    from pyiceberg.table.refs import SnapshotRef

    from growth_verticals.account import Account
    from growth_verticals.source import Maintenance


@dataclass(frozen=True, kw_only=True)
class BucketMaintenance:
    """Bucket-level maintenance, with AWS's defaults.

    :param unreferenced_days: days after which a file that no snapshot refers to is removed, including staged files.
    :param non_current_days: days after which a removed file's old version is deleted for good.
    """

    unreferenced_days: int = 3
    non_current_days: int = 10

    def __post_init__(self) -> None:
        if self.unreferenced_days < 1 or self.non_current_days < 1:
            raise DeclarationError("the days of bucket maintenance are out of range", expected="1 or more")


def apply_maintenance(account: Account, table_identifier: str, maintenance: Maintenance) -> list[str]:
    """Put the declared settings of one table where the live ones differ; return each change as text.

    :param table_identifier: `namespace.table`.

    A retry finds the settings already put and returns an empty list. Raises `ConfigurationError` (no such table,
    refused; sort and z-order need a sort order in the SQL file) or `ServiceError`.
    """
    return _apply(account, table_identifier, declared_settings(maintenance))


def planned_maintenance(account: Account, table_identifier: str | None, maintenance: Maintenance) -> list[str]:
    """Return as text what `apply_maintenance` would change.

    :param table_identifier: None for a table that does not exist yet: it will have AWS's defaults.
    """
    declared = declared_settings(maintenance)
    if table_identifier is None:
        live = {each.name: LiveSettings(enabled=True, values=each.defaults) for each in declared}
    else:
        live = read_settings(account, table_identifier)
    return [
        change
        for maintenance_type, target in declared.items()
        for change in setting_changes(maintenance_type, live[maintenance_type.name], target)
    ]


def declared_settings(maintenance: Maintenance) -> dict[MaintenanceType, LiveSettings]:
    """Return the settings that a source declares for its table, in the API's form."""
    return {
        COMPACTION: LiveSettings(
            enabled=True,
            values={"targetFileSizeMB": maintenance.target_file_size_mb, "strategy": maintenance.strategy},
        ),
        SNAPSHOTS: LiveSettings(
            enabled=True,
            values={
                "minSnapshotsToKeep": maintenance.min_snapshots_to_keep,
                "maxSnapshotAgeHours": maintenance.max_snapshot_age_hours,
            },
        ),
    }


def apply_bucket_maintenance(account: Account, maintenance: BucketMaintenance) -> list[str]:
    """Put the declared settings of the bucket if the live ones differ; return each change as text."""
    return _apply(account, None, {UNREFERENCED: _bucket_settings(maintenance)})


def planned_bucket_maintenance(account: Account, maintenance: BucketMaintenance) -> list[str]:
    """Return as text what `apply_bucket_maintenance` would change."""
    live = read_settings(account, None)[UNREFERENCED.name]
    return setting_changes(UNREFERENCED, live, _bucket_settings(maintenance))


@dataclass(frozen=True, kw_only=True)
class Job:
    """The job status of one maintenance type of a table.

    :param status: AWS's: `Not_Yet_Run`, `Successful`, `Failed` or `Disabled`.
    :param message: empty unless it failed.
    :param ran_at: None if it has not run, or the service does not say.
    """

    status: str
    message: str
    ran_at: datetime | None


def maintenance_jobs(account: Account, table_identifier: str) -> dict[str, Job]:
    """Return the maintenance jobs of a table, by maintenance type. Raises `ConfigurationError` or `ServiceError`."""
    with service_errors(f"reading the maintenance jobs of {table_identifier}", account.endpoint_name("s3tables")):
        answer = account.client("s3tables").get_table_maintenance_job_status(**table_params(account, table_identifier))
    return {
        name: Job(status=job["status"], message=job.get("failureMessage", ""), ran_at=job.get("lastRunTimestamp"))
        for name, job in answer.get("status", {}).items()
    }


def retention_warnings(table: Table) -> list[str]:
    """Return warnings about the table's own retention settings: S3 Tables ignores them, or they disable maintenance.

    Source: S3 user guide, "Considerations and limitations for maintenance jobs" and the failure messages of
    "S3 Tables maintenance job status".
    """
    name = ".".join(table.name())
    ignored = sorted(key for key in table.properties if key.startswith("history.expire."))
    with_retention = sorted(ref_name for ref_name, ref in table.metadata.refs.items() if has_retention(ref))
    unsupported = sorted(set(table.metadata.refs) - {"main"} - set(with_retention))
    gc_disabled = ["gc.enabled=false"] if table.properties.get("gc.enabled", "").lower() == "false" else []
    return [
        *(f"{name}: the table property {key} does nothing in a table bucket; if its value differs from the "
          "maintenance settings, snapshot management fails" for key in ignored),
        *(f"{name}: retention set on the branch or tag {ref} disables managed snapshot expiry"
          for ref in with_retention),
        *(f"{name}: snapshot management does not support branches and tags, but the table has {ref}"
          for ref in unsupported),
        *(f"{name}: the table property {key} disables snapshot management and unreferenced file removal"
          for key in gc_disabled),
    ]  # fmt: skip


def has_retention(ref: SnapshotRef) -> bool:
    """Return whether a branch or tag has its own snapshot retention."""
    return (ref.max_ref_age_ms, ref.max_snapshot_age_ms, ref.min_snapshots_to_keep) != (None, None, None)


def _bucket_settings(maintenance: BucketMaintenance) -> LiveSettings:
    values = {"unreferencedDays": maintenance.unreferenced_days, "nonCurrentDays": maintenance.non_current_days}
    return LiveSettings(enabled=True, values=values)


def _apply(account: Account, table: str | None, declared: dict[MaintenanceType, LiveSettings]) -> list[str]:
    live = read_settings(account, table)
    changes = []
    for maintenance_type, target in declared.items():
        type_changes = setting_changes(maintenance_type, live[maintenance_type.name], target)
        if type_changes:
            put_settings(account, table, maintenance_type, target)
            changes += [f"{table or 'table bucket'}: {change}" for change in type_changes]
    return changes
