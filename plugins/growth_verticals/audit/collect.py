"""Collects the three lists of a source's periods, and compares them.

Requests: the vendor's folder is listed once, also for many periods, unless its name contains the period; a manifest is
read once a period. The landing zone is listed once a period, and each receipt is one request. The ledger reads
manifests of the table, and three text columns where data files are compacted. Memory: one folder's list, and what one
period has.
"""

from __future__ import annotations

import json
import math
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, BinaryIO

from pyiceberg.exceptions import NoSuchTableError

from growth_verticals.audit.reconcile import Lists, audited_period, reconcile
from growth_verticals.audit.report import AuditedFile, AuditedPeriod
from growth_verticals.audit.window import ON_DEMAND_PERIODS, periods_in_window
from growth_verticals.catalog.rest import open_catalog
from growth_verticals.catalog.service_errors import service_errors
from growth_verticals.contract.declared import contract_of
from growth_verticals.contract.table import rejects_contract
from growth_verticals.errors import DeliveryError, GrowthVerticalsError, PeriodError
from growth_verticals.landing.complete import Watch
from growth_verticals.landing.file_errors import object_errors
from growth_verticals.landing.find import list_keys, list_receipts, receipts_of_names
from growth_verticals.landing.listing import list_delivery, list_inbox
from growth_verticals.landing.uris import s3_uri, split_s3_uri
from growth_verticals.quality.store import PROFILE_FOLDER, PROFILE_SUFFIX
from growth_verticals.source import Inbox
from growth_verticals.tables.ledger import loaded_files

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pyiceberg.table import Table

    from growth_verticals.account import Account
    from growth_verticals.audit.report import FileState
    from growth_verticals.cadence import Period
    from growth_verticals.delivery import RemoteFile
    from growth_verticals.landing.complete import Listing, Verdict
    from growth_verticals.landing.origins import Origin
    from growth_verticals.source import Source

#: States of landed files whose rows the table holds, or those of a later release of the file.
_IN_PLACE: frozenset[FileState] = frozenset(("loaded", "loaded, vendor has removed it", "replaced"))
#: A file can be in the inbox for this long before a person starts its run.
_INBOX_GRACE_S = 86_400.0


@dataclass(frozen=True, kw_only=True)
class Vendor:
    """How to ask a source's vendor: its open origin, or why there is none.

    :param unreachable: why the vendor cannot be asked now; None if nobody tried.
    """

    origin: Origin | None = None
    unreachable: str | None = None


@dataclass
class ListedOnce:
    """An origin that lists each folder once, so that the periods of a window share the list."""

    origin: Origin
    is_thread_safe = False
    _lists: dict[str, list[RemoteFile] | DeliveryError] = field(default_factory=dict)

    def list(self, folder: str) -> list[RemoteFile]:
        """Return the files of the folder when it was first listed. Raises as the origin does."""
        if folder not in self._lists:
            try:
                self._lists[folder] = self.origin.list(folder)
            except DeliveryError as error:
                self._lists[folder] = error
        files = self._lists[folder]
        if isinstance(files, DeliveryError):
            raise files
        return files

    def stat(self, file: RemoteFile) -> RemoteFile:
        return self.origin.stat(file)

    def open(self, file: RemoteFile) -> BinaryIO:
        return self.origin.open(file)


def audit_source(
    account: Account,
    source: Source,
    vendor: Vendor,
    *,
    periods: Iterable[Period] | None = None,
    now: datetime | None = None,
    max_quiet_s: float = math.inf,
) -> Iterator[AuditedPeriod]:
    """Yield the audited periods of a source, oldest first; the files in an inbox that no run took are the last.

    Changes nothing; a table that does not exist holds nothing, and is not created. If the vendor stops answering, that
    is the state of the periods. Raises `ServiceError` and `ConfigurationError` of the account.

    :param periods: default: those of the window (`window.py`).
    :param max_quiet_s: as in `Watch`.
    """
    now = now or datetime.now(UTC)
    tables = _Tables(account, source)
    if periods is not None:
        periods = list(periods)
        yield from (_expired(source, period) for period in periods if not source.keeps(period, now))
        periods = [period for period in periods if source.keeps(period, now)]
    if isinstance(source.delivery, Inbox):
        yield from _audit_inbox(account, source, tables, periods, now)
        return
    if vendor.origin is not None:
        vendor = Vendor(origin=ListedOnce(vendor.origin))
    for period in periods_in_window(source, now) if periods is None else periods:
        listing, unreachable = _listing(source, vendor, period)
        yield audited_period(
            source,
            period.key,
            _lists(account, source, tables, period, listing),
            _verdict(source, period, listing, now, max_quiet_s) if listing is not None else None,
            unreachable=unreachable,
            is_due=source.cadence.due(period) <= now,
        )


def once_loaded(account: Account, source: Source, periods: Iterable[Period]) -> Iterator[tuple[Period, set[str]]]:
    """Yield, for each period, the SHA-256 of the landed files whose rows were loaded, or replaced by a later release.

    A file of which all rows were undone, removed by retention or rejected counts: its delivery was committed. A file
    of a refused delivery does not. The vendor is not asked. Requests, memory and errors as those of `audit_source`.
    """
    tables = _Tables(account, source)
    for period in periods:
        committed, valid = _committed(account, source, period)
        lists = replace(_lists(account, source, tables, period, None), committed=committed, valid=valid)
        in_place = {file.sha256 for file in reconcile(source, lists) if file.sha256 and file.state in _IN_PLACE}
        yield period, in_place | committed.keys()


def _expired(source: Source, period: Period) -> AuditedPeriod:
    found = "older than what the source keeps; retention removes its rows"
    return AuditedPeriod(source=source.name, period=period.key, state="expired", found=found)


def _audit_inbox(
    account: Account, source: Source, tables: _Tables, periods: Iterable[Period] | None, now: datetime
) -> Iterator[AuditedPeriod]:
    """Yield the newest periods that something was landed for, then the files that no run has taken."""
    waiting = list_inbox(account, source) if periods is None else []
    landed = receipts_of_names(account, source.name, {file.name for file in waiting}) if periods is None else {}
    for period in _newest_periods(source, landed, now) if periods is None else periods:
        yield audited_period(
            source, period.key, _lists(account, source, tables, period, None), None, unreachable=None, is_due=False
        )
    receipts = [receipt for of_period in landed.values() for receipt in of_period]
    left = [file for file in waiting if not any(receipt.lists(file) for receipt in receipts)]
    if left:
        yield AuditedPeriod(
            source=source.name,
            period="inbox",
            state="late" if min(file.modified for file in left) < now.timestamp() - _INBOX_GRACE_S else "waiting",
            files=tuple(
                AuditedFile(
                    name=file.name,
                    state="not landed",
                    size=file.size,
                    modified=file.modified,
                    version=file.version,
                    by_hand=True,
                )
                for file in left
            ),
            found=f"{len(left)} file(s) in {account.inbox_prefix(source.name)}/ that no run has taken",
        )


def _newest_periods(source: Source, keys: Iterable[str], now: datetime) -> list[Period]:
    periods = []
    for key in keys:
        with suppress(PeriodError):
            periods.append(source.cadence.parse(key))
    oldest = source.oldest_kept(now)
    periods = [period for period in periods if oldest is None or period.first >= oldest.first]
    return sorted(periods, key=lambda period: period.first)[-ON_DEMAND_PERIODS:]


def _listing(source: Source, vendor: Vendor, period: Period) -> tuple[Listing | None, str | None]:
    """Return what the vendor has, or None and why it cannot be asked."""
    if vendor.origin is None:
        return None, vendor.unreachable
    try:
        return list_delivery(vendor.origin, source, period), None
    except GrowthVerticalsError as error:
        return None, str(error)


def _verdict(source: Source, period: Period, listing: Listing, now: datetime, max_quiet_s: float) -> Verdict:
    """Return what the rules say, if the files do not change any more since the newest of them was modified."""
    watched = (*listing.files, *listing.manifests)
    newest = max((file.modified for file in watched), default=0.0)
    watch = Watch(source, period, seen=watched, unchanged_since=newest, max_quiet_s=max_quiet_s)
    return watch.update(listing, now.timestamp())


def _lists(account: Account, source: Source, tables: _Tables, period: Period, listing: Listing | None) -> Lists:
    receipts = list_receipts(account, source.name, period)
    loaded, rejected = tables.files_of(period)
    is_explained = all(receipt.sha256 in loaded or receipt.sha256 in rejected for receipt in receipts)
    committed, valid = ({}, {}) if is_explained else _committed(account, source, period)
    return Lists(
        vendor=None if listing is None else listing.files,
        skipped=() if listing is None else listing.skipped,
        receipts=receipts,
        loaded=loaded,
        rejected=rejected,
        committed=committed,
        valid=valid,
    )


def _committed(account: Account, source: Source, period: Period) -> tuple[dict[str, int], dict[str, int]]:
    """Return SHA-256 → number of records, and of valid ones, of the files in the period's profiles.

    One request for each profile.
    """
    prefix = split_s3_uri(account.landing_prefix(source.name, period))[1]
    bucket, client = split_s3_uri(account.landing_uri + "/")[0], account.client("s3")
    committed: dict[str, int] = {}
    valid: dict[str, int] = {}
    for key in list_keys(account, f"{prefix}/{PROFILE_FOLDER}"):
        if key.endswith(PROFILE_SUFFIX):
            with object_errors(client, bucket, s3_uri(bucket, key)):
                profile = json.loads(client.get_object(Bucket=bucket, Key=key)["Body"].read())
            staged = [file for file in profile["files"] if file["status"] == "staged"]
            committed |= {file["sha256"]: file["rows_read"] for file in staged}
            valid |= {file["sha256"]: file["rows_valid"] for file in staged}
    return committed, valid


class _Tables:
    """A source's table and its rejects table, each loaded once."""

    def __init__(self, account: Account, source: Source) -> None:
        self._catalog = open_catalog(account)
        contract = contract_of(source)
        self._identifier = contract.identifier
        self._tables = [self._load(each.identifier) for each in (contract, rejects_contract(contract))]

    def files_of(self, period: Period) -> tuple[dict[str, str], dict[str, str]]:
        """Return SHA-256 → name, of the files with rows in the table, and of those in the rejects table."""
        with service_errors(f"looking for loaded files in {self._identifier}", self._catalog.uri):
            loaded, rejected = (
                {file.sha256: file.name for file in loaded_files(table, period.key)} if table else {}
                for table in self._tables
            )
        return loaded, rejected

    def _load(self, identifier: str) -> Table | None:
        with service_errors(f"loading the table {identifier}", self._catalog.uri):
            try:
                table: Table = self._catalog.load_table(identifier)
            except NoSuchTableError:
                return None
            return table
