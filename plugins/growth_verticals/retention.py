"""Retention of one source, as it declares it: find what is older, and remove it. `./gv retention` and the DAG use it.

Rows and rejects leave in one snapshot per table. A landed copy leaves only if the tables tell that its rows were
loaded, replaced, rejected or undone; a copy that was never loaded is kept, and reported.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from growth_verticals.audit.collect import once_loaded
from growth_verticals.cadence import BUSINESS_ZONE
from growth_verticals.catalog.rest import open_catalog
from growth_verticals.contract.declared import contract_of
from growth_verticals.errors import PeriodError
from growth_verticals.landing.retention import old_copies, remove_copy
from growth_verticals.tables.retention import find_old_rows, remove_old_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from growth_verticals.account import Account
    from growth_verticals.delivery import Actor
    from growth_verticals.landing.retention import OldCopy
    from growth_verticals.source import Source


@dataclass(frozen=True, kw_only=True)
class RetentionResult:
    """What is older than declared, and whether it was removed. All mappings are from a period's key.

    :param rows, rejects: numbers of rows in the table and in the rejects table.
    :param copies, bytes: landed copies, and their size; all versions of it, if they were removed.
    :param kept: old landed copies that are kept, because their rows were never loaded.
    """

    source: str
    applied: bool
    rows: Mapping[str, int] = field(default_factory=dict)
    rejects: Mapping[str, int] = field(default_factory=dict)
    copies: Mapping[str, int] = field(default_factory=dict)
    bytes: Mapping[str, int] = field(default_factory=dict)
    kept: Mapping[str, int] = field(default_factory=dict)

    @property
    def periods(self) -> list[str]:
        """The keys of all periods of which something is old, sorted."""
        return sorted({*self.rows, *self.rejects, *self.copies, *self.kept})

    def totals(self) -> dict[str, int]:
        """Return the total of each count."""
        names = ("rows", "rejects", "copies", "bytes", "kept")
        return {name: sum(getattr(self, name).values()) for name in names}

    def summary(self) -> str:
        """Return the result as one line, for the log."""
        total = self.totals()
        what = f"{total['rows']:,} rows, {total['rejects']:,} rejects, {total['copies']:,} landed copies"
        kept = f"; {total['kept']:,} old landed copies were never loaded, and are kept" if total["kept"] else ""
        return f"{self.source}: {'removed' if self.applied else 'would remove'} {what} ({total['bytes']:,} bytes){kept}"

    def to_json(self) -> dict[str, Any]:
        """Return the result as JSON types."""
        return asdict(self)


def apply_retention(
    account: Account, source: Source, *, apply: bool, actor: Actor | None = None, now: datetime | None = None
) -> RetentionResult:
    """Find what is older than the source declares and, with `apply`, remove it. A retry removes what is left.

    Memory: as `remove_old_rows` and `old_copies`, and an entry for each old copy.

    :param actor: who applies it, for the snapshots' summaries.

    Raises `TableMismatchError`, `CommitError`, `ServiceError`, `ConfigurationError`.
    """
    now = now or datetime.now(UTC)
    rejects_days = source.retention.rejects_days
    before = None if rejects_days is None else now - timedelta(days=rejects_days)

    is_kept = _is_kept(source, now)
    copies, kept = _copies(account, source, now)  # before the rows leave, which show that the copies were loaded
    catalog, contract = open_catalog(account), contract_of(source)
    if apply:
        old = remove_old_rows(catalog, contract, source.name, is_kept, before, actor=actor)
    else:
        old = find_old_rows(catalog, contract, is_kept, before)
    sizes: Counter[str] = Counter()
    for copy in copies:
        sizes[copy.period] += remove_copy(account, copy, now) if apply else copy.receipt.size
    return RetentionResult(
        source=source.name,
        applied=apply,
        rows=old.rows,
        rejects=old.rejects,
        copies=Counter(copy.period for copy in copies),
        bytes=sizes,
        kept=Counter(copy.period for copy in kept),
    )


def _is_kept(source: Source, now: datetime) -> Callable[[str], bool] | None:
    """Return whether the rows of a period, given its key, are kept; None if all are."""
    oldest = source.oldest_kept(now)
    if oldest is None:
        return None

    def is_kept(key: str) -> bool:
        try:
            return source.cadence.parse(key).first >= oldest.first
        except PeriodError:  # of a cadence that the source had before
            return True

    return is_kept


def _copies(account: Account, source: Source, now: datetime) -> tuple[list[OldCopy], list[OldCopy]]:
    """Return the old landed copies: those whose rows were loaded, and the others."""
    days = source.retention.landing_days
    if days is None:
        return [], []
    last_day = now.astimezone(BUSINESS_ZONE).date() - timedelta(days=days)

    def is_old(key: str) -> bool:
        try:
            return source.cadence.parse(key).last < last_day
        except PeriodError:
            return False

    old = list(old_copies(account, source.name, is_old, now - timedelta(days=days)))
    periods = [source.cadence.parse(key) for key in dict.fromkeys(copy.period for copy in old)]
    loaded = {period.key: digests for period, digests in once_loaded(account, source, periods)}
    was_loaded = [copy for copy in old if copy.receipt.sha256 in loaded[copy.period]]
    return was_loaded, [copy for copy in old if copy.receipt.sha256 not in loaded[copy.period]]
