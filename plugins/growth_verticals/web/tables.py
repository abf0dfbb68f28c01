"""What the tables hold, from the catalog. Each function sends requests to AWS: pages load it apart."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pyiceberg.exceptions import NoSuchTableError

from growth_verticals.bucket.history import Change, changes, data_files
from growth_verticals.catalog.rest import open_catalog
from growth_verticals.catalog.service_errors import service_errors
from growth_verticals.errors import ConfigurationError
from growth_verticals.status.facts import HeldPeriod

if TYPE_CHECKING:
    from datetime import datetime

    from pyiceberg.table import Table

    from growth_verticals.account import Account
    from growth_verticals.source import Source


@dataclass(frozen=True, kw_only=True)
class _Held:
    """What a table holds at one version of its metadata."""

    metadata: str
    periods: dict[str, HeldPeriod] = field(default_factory=dict)
    changes: dict[str, list[Change]] = field(default_factory=dict)


#: Catalog and table → its newest version that was read. One entry for each table.
_cache: dict[tuple[str, str], _Held] = {}


def held_periods(account: Account, source: Source) -> dict[str, HeldPeriod]:
    """Return period → what the source's table holds of it, and the newest change that its snapshots still tell.

    A period is in it if the table holds rows of it, or if a snapshot tells that they were removed. If no snapshot tells
    who loaded its rows, `at` is when the newest were staged. Rows that another engine deleted by position still count.

    Empty if there is no table yet. The table's metadata is read at each call; its manifests only if it is a new
    version. Raises `ServiceError` or `ConfigurationError`. Memory: one manifest, and a few numbers for each period.
    """
    held = _read(account, source)
    return dict(held.periods) if held else {}


def period_changes(account: Account, source: Source, period: str) -> list[Change]:
    """Return the snapshots that changed the rows of a period, newest first, as far as they have not expired.

    Cached and raises as `held_periods`.
    """
    held = _read(account, source)
    return list(held.changes.get(period, ())) if held else []


def _read(account: Account, source: Source) -> _Held | None:
    with service_errors(f"reading {source.table}", account.catalog_uri), closing(open_catalog(account)) as catalog:
        try:
            table = catalog.load_table(source.table)
        except NoSuchTableError:
            return None
        key = (account.table_bucket_arn, source.table)
        if (known := _cache.get(key)) is not None and known.metadata == table.metadata_location:
            return known
        _cache[key] = held = _held_by(table, source)
        return held


def _held_by(table: Table, source: Source) -> _Held:
    held = _Held(metadata=table.metadata_location)
    for change in changes(table):
        if change.load.period is not None and change.load.action != "retention":  # that can be of many periods
            held.changes.setdefault(change.load.period, []).append(change)
    rows: dict[str, int] = {}
    staged: dict[str, datetime] = {}
    for file in data_files(table):
        period = file.load.period if file.load else None
        if file.load is None or period is None:
            raise ConfigurationError(
                f"{source.table} is not partitioned by delivery_period, so it is not known what it holds of a period",
                source=source.name,
                next_step="add PARTITIONED BY (delivery_period) to its SQL file",
            )
        rows[period] = rows.get(period, 0) + file.rows
        staged[period] = max(file.load.at, staged.get(period, file.load.at))
    for period in rows.keys() | held.changes.keys():
        newest = next((change.load for change in held.changes.get(period, ())), None)
        held.periods[period] = HeldPeriod(
            period=period,
            rows=rows.get(period, 0),
            action=newest.action if newest else None,
            at=newest.at if newest else staged.get(period),
            by=newest.by if newest else None,
            tool=newest.tool if newest else None,
            reason=newest.reason if newest else None,
        )
    return held
