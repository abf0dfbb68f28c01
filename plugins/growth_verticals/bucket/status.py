"""Maintenance status of tables: settings, jobs, files below the target size, and the next snapshot to expire."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from growth_verticals.bucket.history import data_files, snapshot_history
from growth_verticals.bucket.maintenance import maintenance_jobs, retention_warnings
from growth_verticals.bucket.settings import COMPACTION, SNAPSHOTS, read_settings
from growth_verticals.bucket.storage import read_table
from growth_verticals.catalog.rest import open_catalog
from growth_verticals.catalog.service_errors import service_errors
from growth_verticals.errors import ConfigurationError, GrowthVerticalsError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from pyiceberg.catalog.rest import RestCatalog
    from pyiceberg.table import Table

    from growth_verticals.account import Account
    from growth_verticals.bucket.maintenance import Job
    from growth_verticals.bucket.settings import LiveSettings
    from growth_verticals.bucket.storage import TableState

#: Tables that are checked in parallel; each takes seven calls, and reads of its manifests.
_PARALLEL_TABLES = 8
_MB = 2**20


@dataclass(frozen=True, kw_only=True)
class TableStatus:
    """One table's status, with `settings` and `jobs` by maintenance type.

    If the table cannot be read, `problem` says why and the numbers are None.

    :param small_files: data files below compaction's target size.
    :param next_expiry: when the first snapshot can expire; None if none will.
    :param warnings: see `retention_warnings`.
    :param storage: storage class, tags and replication; None if this role must not read them.
    """

    table: str
    settings: Mapping[str, LiveSettings]
    jobs: Mapping[str, Job]
    files: int | None = None
    small_files: int | None = None
    next_expiry: datetime | None = None
    warnings: tuple[str, ...] = ()
    problem: str | None = None
    storage: TableState | None = None

    @property
    def failed(self) -> list[str]:
        """The maintenance types whose last job failed."""
        return [name for name, job in self.jobs.items() if job.status == "Failed"]


def table_statuses(account: Account, tables: list[str]) -> list[TableStatus]:
    """Return the status of each table (`namespace.table`): those with failed jobs first, then by name.

    Memory: of each of the `_PARALLEL_TABLES` tables, its metadata and one manifest. A role that is not allowed to read
    a table (a maintainer, for example) still gets its settings and jobs. Raises
    `ConfigurationError` or `ServiceError` only if settings or jobs cannot be read.
    """
    if not tables:
        return []
    catalog = _catalog_or_problem(account)
    with ThreadPoolExecutor(_PARALLEL_TABLES) as pool:
        statuses = list(pool.map(lambda table: _status_of(account, catalog, table), tables))
    return sorted(statuses, key=lambda status: (not status.failed, status.table))


def _status_of(account: Account, catalog: RestCatalog | str, table: str) -> TableStatus:
    settings, jobs, storage = read_settings(account, table), maintenance_jobs(account, table), _storage(account, table)
    if isinstance(catalog, str):
        return TableStatus(table=table, settings=settings, jobs=jobs, problem=catalog, storage=storage)
    try:
        with service_errors(f"reading {table}", catalog.uri):
            live = catalog.load_table(table)
            files, small_files = _count_files(live, settings[COMPACTION.name])
            snapshots = snapshot_history(live, settings[SNAPSHOTS.name])
    except GrowthVerticalsError as error:
        return TableStatus(table=table, settings=settings, jobs=jobs, problem=str(error), storage=storage)
    return TableStatus(
        table=table,
        settings=settings,
        jobs=jobs,
        files=files,
        small_files=small_files,
        next_expiry=min((each.expires for each in snapshots if each.expires), default=None),
        warnings=tuple(retention_warnings(live)),
        storage=storage,
    )


def _storage(account: Account, table: str) -> TableState | None:
    try:
        return read_table(account, table, with_replication=True)
    except ConfigurationError:
        return None


def _count_files(table: Table, compaction: LiveSettings) -> tuple[int, int]:
    """Return the number of data files, and of those below the target size."""
    target = int(compaction.values["targetFileSizeMB"]) * _MB
    files = small_files = 0
    for file in data_files(table):
        files, small_files = files + 1, small_files + (file.bytes < target)
    return files, small_files


def _catalog_or_problem(account: Account) -> RestCatalog | str:
    try:
        return open_catalog(account)
    except GrowthVerticalsError as error:
        return str(error)
