"""A source's two tables as they are now: content, history, settings, jobs, and what differs from the declaration.

Every value comes from the catalog or from S3 Tables' own API, through the functions that `./gv tables` uses.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING

from growth_verticals.bucket.history import last_load, totals
from growth_verticals.bucket.maintenance import declared_settings, maintenance_jobs, retention_warnings
from growth_verticals.bucket.settings import MAINTENANCE_TYPES, maintenance_types_of, read_settings
from growth_verticals.catalog.create import find_table
from growth_verticals.catalog.differences import differences
from growth_verticals.catalog.rest import open_catalog
from growth_verticals.catalog.service_errors import service_errors
from growth_verticals.contract.declared import contract_of
from growth_verticals.contract.table import rejects_contract
from growth_verticals.errors import GrowthVerticalsError
from growth_verticals.hooks.account import maintainer_account
from growth_verticals.source import Maintenance
from growth_verticals.web.asking import asking_account
from growth_verticals.web.declared import declared_source

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pyiceberg.catalog.rest import RestCatalog
    from pyiceberg.table import Table

    from growth_verticals.account import Account
    from growth_verticals.bucket.history import Load
    from growth_verticals.bucket.maintenance import Job
    from growth_verticals.bucket.settings import LiveSettings
    from growth_verticals.contract.table import TableContract

#: How long an answer is used again.
_FRESH_S = 60


@dataclass(frozen=True, kw_only=True)
class ShownSetting:
    """One maintenance setting. `declared` is None if the live value is the declared one."""

    label: str
    value: str
    declared: str | None


@dataclass(frozen=True, kw_only=True)
class LiveTable:
    """A table as it is now. What could not be read is None or empty, and `problems` says why, one sentence each.

    :param exists: None if that could not be read.
    :param bytes: size of the data files of the current snapshot.
    :param settings: type of maintenance, as `./gv` names it → its settings.
    :param jobs: type of maintenance, as `./gv` names it → its last job.
    :param warnings: what a person should look at, one clause each.
    """

    name: str
    exists: bool | None = None
    rows: int | None = None
    files: int | None = None
    bytes: int | None = None
    snapshots: int | None = None
    newest: Load | None = None
    settings: Mapping[str, Sequence[ShownSetting]]
    jobs: Mapping[str, Job]
    warnings: Sequence[str] = ()
    problems: Sequence[str] = ()


def live_tables(source: str) -> tuple[datetime, list[LiveTable]]:
    """Return when it was read, the source's table, and its rejects table. An answer is up to a minute old.

    The catalog is read with the loader's role, settings and jobs with the maintainer's. Raises what `asking_account`
    raises, and what a broken declaration or SQL file raises. Memory: a table's metadata, and one of its manifests.
    """
    minute = int(time.monotonic() // _FRESH_S)
    with asking_account() as loader:
        return _read(source, loader, maintainer_account(), minute)


@lru_cache(maxsize=256)
def _read(name: str, loader: Account, maintainer: Account, _minute: int) -> tuple[datetime, list[LiveTable]]:
    source = declared_source(name)
    return datetime.now(UTC), read_tables(contract_of(source), source.maintenance, loader, maintainer)


def read_tables(
    contract: TableContract, maintenance: Maintenance, loader: Account, maintainer: Account
) -> list[LiveTable]:
    """Return a table and its rejects table. What cannot be read stands in their `problems`.

    :param maintenance: as it is declared for the table. The rejects table has the default.
    """
    catalog: RestCatalog | GrowthVerticalsError
    try:
        catalog = open_catalog(loader)
    except GrowthVerticalsError as error:
        catalog = error
    declared = [(contract, maintenance), (rejects_contract(contract), Maintenance())]
    return [_live_table(catalog, maintainer, *each) for each in declared]


def _live_table(
    catalog: RestCatalog | GrowthVerticalsError, maintainer: Account, contract: TableContract, maintenance: Maintenance
) -> LiveTable:
    content = _content(catalog, contract)
    if content.exists is False:
        return content
    try:
        settings, jobs = read_settings(maintainer, content.name), maintenance_jobs(maintainer, content.name)
    except GrowthVerticalsError as error:
        return replace(content, problems=[*content.problems, error.sentence])
    shown = _shown_settings(settings, maintenance)
    names = {each.name: each.cli_name for each in MAINTENANCE_TYPES}
    differ = [name for name, its in shown.items() if any(setting.declared for setting in its)]
    failed = [names.get(name, name) for name, job in jobs.items() if job.status == "Failed"]
    return replace(
        content,
        settings=shown,
        jobs={names.get(name, name): job for name, job in jobs.items()},
        warnings=[
            *(f"the last job of {name} failed" for name in failed),
            *(f"the settings of {name} are not the declared ones" for name in differ),
            *content.warnings,
        ],
    )


def _content(catalog: RestCatalog | GrowthVerticalsError, contract: TableContract) -> LiveTable:
    """Return what the catalog and the table's own files say."""
    unread = LiveTable(name=contract.identifier, settings={}, jobs={})
    if isinstance(catalog, GrowthVerticalsError):
        return replace(unread, problems=[catalog.sentence])
    try:
        table = find_table(catalog, contract.identifier)
        if table is None:
            return replace(unread, exists=False)
        with service_errors(f"reading {contract.identifier}", catalog.uri):
            rows, files, size = totals(table)
            newest = last_load(table)
    except GrowthVerticalsError as error:
        return replace(unread, problems=[error.sentence])
    return replace(
        unread,
        exists=True,
        rows=rows,
        files=files,
        bytes=size,
        snapshots=len(table.metadata.snapshots),
        newest=newest,
        warnings=_warnings(table, contract),
    )


def _warnings(table: Table, contract: TableContract) -> list[str]:
    found = [each.mismatch for each in differences(table, contract)]
    return [*(f"not as in the SQL file: {each}" for each in found), *retention_warnings(table)]


def _shown_settings(live: Mapping[str, LiveSettings], maintenance: Maintenance) -> dict[str, Sequence[ShownSetting]]:
    declared = declared_settings(maintenance)
    shown: dict[str, Sequence[ShownSetting]] = {}
    for each in maintenance_types_of("table"):
        now, wanted = live[each.name], declared[each]
        settings = []
        for setting in each.settings:
            value, target = now.values[setting.name], wanted.values[setting.name]
            declared_text = f"{target} {setting.unit}".strip() if value != target else None
            settings.append(
                ShownSetting(label=setting.label, value=f"{value} {setting.unit}".strip(), declared=declared_text)
            )
        if now.enabled != wanted.enabled:
            words = {True: "enabled", False: "disabled"}
            settings.append(ShownSetting(label="status", value=words[now.enabled], declared=words[wanted.enabled]))
        shown[each.cli_name] = settings
    return shown
