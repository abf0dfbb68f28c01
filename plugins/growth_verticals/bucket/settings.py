"""S3 Tables' maintenance settings: which exist, at which level, with which defaults and ranges.

Levels, defaults and ranges are those of the S3 user guide ("Maintenance for tables" and "Maintenance for table
buckets") and of botocore's service model; docs/tables.md gives the source of each number.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from growth_verticals.catalog.rest import open_catalog
from growth_verticals.catalog.service_errors import service_errors
from growth_verticals.errors import ConfigurationError, DeclarationError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from growth_verticals.account import Account

Level = Literal["table", "table bucket"]
Value = int | str
#: The service refuses these strategies for a table without a sort order.
SORTING_STRATEGIES = ("sort", "z-order")
_MAX_INTEGER = 2**31 - 1


@dataclass(frozen=True, kw_only=True)
class Setting:
    """One setting of a maintenance type: a number from `low` to `high`, or one of `choices`."""

    name: str
    label: str
    unit: str = ""
    default: Value
    low: int = 1
    high: int = _MAX_INTEGER
    choices: tuple[str, ...] = ()

    @property
    def range(self) -> str:
        """The allowed values, as text."""
        if self.choices:
            return ", ".join(self.choices)
        return f"{self.low} or more" if self.high == _MAX_INTEGER else f"{self.low} to {self.high}"

    def parse(self, text: str) -> Value:
        """Return the value that `text` means. Raises `DeclarationError` for a value that the service would refuse."""
        if self.choices and text in self.choices:
            return text
        if not self.choices and text.isascii() and text.isdecimal() and self.low <= int(text) <= self.high:
            return int(text)
        raise DeclarationError(f"invalid value for {self.label}", expected=self.range, found=repr(text[:40]))


@dataclass(frozen=True, kw_only=True)
class MaintenanceType:
    """A type of maintenance: `name` is its name in the API, `cli_name` on the command line."""

    name: str
    cli_name: str
    level: Level
    settings: tuple[Setting, ...]

    @property
    def defaults(self) -> dict[str, Value]:
        return {setting.name: setting.default for setting in self.settings}


COMPACTION = MaintenanceType(
    name="icebergCompaction",
    cli_name="compaction",
    level="table",
    settings=(
        Setting(name="targetFileSizeMB", label="target file size", unit="MB", default=512, low=64, high=512),
        Setting(name="strategy", label="strategy", default="auto", choices=("auto", "binpack", *SORTING_STRATEGIES)),
    ),
)
SNAPSHOTS = MaintenanceType(
    name="icebergSnapshotManagement",
    cli_name="snapshots",
    level="table",
    settings=(
        Setting(name="minSnapshotsToKeep", label="minimum snapshots", default=1),
        Setting(name="maxSnapshotAgeHours", label="maximum age", unit="hours", default=120),
    ),
)
UNREFERENCED = MaintenanceType(
    name="icebergUnreferencedFileRemoval",
    cli_name="unreferenced",
    level="table bucket",
    settings=(
        Setting(name="unreferencedDays", label="unreferenced days", unit="days", default=3),
        Setting(name="nonCurrentDays", label="noncurrent days", unit="days", default=10),
    ),
)
MAINTENANCE_TYPES = (COMPACTION, SNAPSHOTS, UNREFERENCED)


@dataclass(frozen=True, kw_only=True)
class LiveSettings:
    """The settings of one maintenance type. `values` has every setting, by its name in the API."""

    enabled: bool
    values: Mapping[str, Value]


def maintenance_types_of(level: Level) -> tuple[MaintenanceType, ...]:
    """Return the types of maintenance that are set at `level`."""
    return tuple(each for each in MAINTENANCE_TYPES if each.level == level)


def read_settings(account: Account, table: str | None) -> dict[str, LiveSettings]:
    """Return the live settings of a table (`namespace.table`) or, with None, of the table bucket, by the type's name.

    A setting that the service does not return has its default. Raises `ConfigurationError` (no such table, refused) or
    `ServiceError`.
    """
    client = account.client("s3tables")
    with service_errors(
        f"reading the maintenance settings of {table or 'the table bucket'}", account.endpoint_name("s3tables")
    ):
        if table is None:
            answer = client.get_table_bucket_maintenance_configuration(tableBucketARN=account.table_bucket_arn)
        else:
            answer = client.get_table_maintenance_configuration(**table_params(account, table))
    found = answer.get("configuration", {})
    return {
        each.name: LiveSettings(
            enabled=found.get(each.name, {}).get("status", "enabled") == "enabled",
            values={**each.defaults, **found.get(each.name, {}).get("settings", {}).get(each.name, {})},
        )
        for each in maintenance_types_of("table bucket" if table is None else "table")
    }


def put_settings(
    account: Account, table: str | None, maintenance_type: MaintenanceType, settings: LiveSettings
) -> None:
    """Put one type's settings for a table or, with None, for the table bucket. A put replaces all its values."""
    name, client = maintenance_type.name, account.client("s3tables")
    value = {"status": _status(settings.enabled), "settings": {name: dict(settings.values)}}
    with service_errors(f"setting {name} of {table or 'the table bucket'}", account.endpoint_name("s3tables")):
        if table is None:
            client.put_table_bucket_maintenance_configuration(
                tableBucketARN=account.table_bucket_arn, type=name, value=value
            )
        else:
            client.put_table_maintenance_configuration(**table_params(account, table), type=name, value=value)


def require_sort_order(account: Account, table: str) -> None:
    """Raise `DeclarationError` if a table has no sort order: compaction needs one to sort.

    If the role is not allowed to read the table, nothing is checked here and the service decides.
    """
    try:
        with service_errors(f"reading {table}", account.catalog_uri):
            if open_catalog(account).load_table(table).sort_order().fields:
                return
    except ConfigurationError:
        return
    raise DeclarationError(
        f"{table} has no sort order, which the strategies {' and '.join(SORTING_STRATEGIES)} need",
        next_step="choose auto or binpack; a table gets its sort order from its SQL file, when it is created",
    )


def setting_changes(maintenance_type: MaintenanceType, before: LiveSettings, after: LiveSettings) -> list[str]:
    """Return as text what changes from `before` to `after`."""
    changes = [
        f"{maintenance_type.name}.{name} from {before.values[name]} to {value}"
        for name, value in after.values.items()
        if before.values[name] != value
    ]
    if before.enabled != after.enabled:
        changes.append(f"{maintenance_type.name} from {_status(before.enabled)} to {_status(after.enabled)}")
    return changes


def table_params(account: Account, table: str) -> dict[str, Any]:
    """Return the parameters that identify `namespace.table` in a call of the S3 Tables API."""
    namespace, name = table.split(".")
    return {"tableBucketARN": account.table_bucket_arn, "namespace": namespace, "name": name}


def _status(enabled: bool) -> str:
    return "enabled" if enabled else "disabled"
