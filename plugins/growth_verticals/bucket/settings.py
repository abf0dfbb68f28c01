"""Maintenance settings as S3 Tables has them: which there are, at which level, with which defaults and ranges.

Levels, defaults and ranges are those of the S3 user guide ("Maintenance for tables" and "Maintenance for table
buckets") and of botocore's service model; docs/tables.md says which figure comes from where.
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
#: Strategies that order rows: the service refuses them for a table without a sort order.
ORDERING = ("sort", "z-order")
_LARGEST = 2**31 - 1


@dataclass(frozen=True, kw_only=True)
class Setting:
    """One value of a kind of maintenance: a number from `low` to `high`, or one of `choices`."""

    name: str
    label: str
    unit: str = ""
    default: Value
    low: int = 1
    high: int = _LARGEST
    choices: tuple[str, ...] = ()

    @property
    def range(self) -> str:
        """What may be set, in words."""
        if self.choices:
            return ", ".join(self.choices)
        return f"{self.low} or more" if self.high == _LARGEST else f"{self.low} to {self.high}"

    def parse(self, text: str) -> Value:
        """Return the value that `text` means. Raises `DeclarationError` for what the service would refuse."""
        if self.choices and text in self.choices:
            return text
        if not self.choices and text.isascii() and text.isdecimal() and self.low <= int(text) <= self.high:
            return int(text)
        raise DeclarationError(f"{self.label} cannot be that", expected=self.range, found=repr(text[:40]))


@dataclass(frozen=True, kw_only=True)
class MaintenanceType:
    """A kind of maintenance. `name` is the API's, `word` the command line's."""

    name: str
    word: str
    level: Level
    settings: tuple[Setting, ...]

    @property
    def defaults(self) -> dict[str, Value]:
        return {setting.name: setting.default for setting in self.settings}


COMPACTION = MaintenanceType(
    name="icebergCompaction",
    word="compaction",
    level="table",
    settings=(
        Setting(name="targetFileSizeMB", label="target file size", unit="MB", default=512, low=64, high=512),
        Setting(
            name="strategy", label="strategy", default="auto", choices=("auto", "binpack", *ORDERING)
        ),
    ),
)  # fmt: skip
SNAPSHOTS = MaintenanceType(
    name="icebergSnapshotManagement",
    word="snapshots",
    level="table",
    settings=(
        Setting(name="minSnapshotsToKeep", label="minimum snapshots", default=1),
        Setting(name="maxSnapshotAgeHours", label="maximum age", unit="hours", default=120),
    ),
)
UNREFERENCED = MaintenanceType(
    name="icebergUnreferencedFileRemoval",
    word="unreferenced",
    level="table bucket",
    settings=(
        Setting(name="unreferencedDays", label="unreferenced days", unit="days", default=3),
        Setting(name="nonCurrentDays", label="noncurrent days", unit="days", default=10),
    ),
)
MAINTENANCE_TYPES = (COMPACTION, SNAPSHOTS, UNREFERENCED)


@dataclass(frozen=True, kw_only=True)
class LiveSettings:
    """A kind of maintenance as it stands. `values` holds every setting, by the API's names."""

    enabled: bool
    values: Mapping[str, Value]


def maintenance_types_of(level: Level) -> tuple[MaintenanceType, ...]:
    """Return the kinds of maintenance that are set at `level`."""
    return tuple(kind for kind in MAINTENANCE_TYPES if kind.level == level)


def read_settings(account: Account, table: str | None) -> dict[str, LiveSettings]:
    """Return what stands for a table (`namespace.table`) or, with None, for the table bucket, by the kind's name.

    What the service does not mention stands at its default. Raises `ConfigurationError` (no such table, refused) or
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
        kind.name: LiveSettings(
            enabled=found.get(kind.name, {}).get("status", "enabled") == "enabled",
            values={**kind.defaults, **found.get(kind.name, {}).get("settings", {}).get(kind.name, {})},
        )
        for kind in maintenance_types_of("table bucket" if table is None else "table")
    }


def put_settings(account: Account, table: str | None, kind: MaintenanceType, live: LiveSettings) -> None:
    """Put a kind of maintenance of a table or, with None, of the table bucket. A put replaces all its values."""
    value = {"status": "enabled" if live.enabled else "disabled", "settings": {kind.name: dict(live.values)}}
    client = account.client("s3tables")
    with service_errors(f"setting {kind.name} of {table or 'the table bucket'}", account.endpoint_name("s3tables")):
        if table is None:
            client.put_table_bucket_maintenance_configuration(
                tableBucketARN=account.table_bucket_arn, type=kind.name, value=value
            )
        else:
            client.put_table_maintenance_configuration(**table_params(account, table), type=kind.name, value=value)


def require_sort_order(account: Account, table: str) -> None:
    """Raise `ConfigurationError` if a table has no sort order, without which nothing can be sorted.

    A role that may not read the table finds nothing out; then the service has the word.
    """
    try:
        with service_errors(f"reading {table}", account.catalog_uri):
            if open_catalog(account).load_table(table).sort_order().fields:
                return
    except ConfigurationError:
        return
    raise DeclarationError(
        f"{table} has no sort order, which the strategies {' and '.join(ORDERING)} need",
        next_step="choose auto or binpack; a table gets its sort order from its SQL file, when it is created",
    )


def differences(kind: MaintenanceType, before: LiveSettings, after: LiveSettings) -> list[str]:
    """Return in words what changes from `before` to `after`."""
    found = [
        f"{kind.name}.{name} from {before.values[name]} to {value}"
        for name, value in after.values.items()
        if before.values[name] != value
    ]
    if before.enabled != after.enabled:
        found.append(f"{kind.name} from {_word(before.enabled)} to {_word(after.enabled)}")
    return found


def table_params(account: Account, table: str) -> dict[str, Any]:
    """Return the parameters that name `namespace.table` in a call of the S3 Tables API."""
    namespace, name = table.split(".")
    return {"tableBucketARN": account.table_bucket_arn, "namespace": namespace, "name": name}


def _word(enabled: bool) -> str:
    return "enabled" if enabled else "disabled"
