"""A table's snapshots and data files: which load wrote them, and when snapshots expire."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from pyiceberg.conversions import from_bytes
from pyiceberg.manifest import DataFileContent
from pyiceberg.transforms import IdentityTransform
from pyiceberg.types import TimestamptzType

from growth_verticals.bucket.maintenance import has_retention
from growth_verticals.catalog.load_summary import LoadSummary
from growth_verticals.contract.table import FORMER_NAMES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pyiceberg.manifest import DataFile
    from pyiceberg.table import Table
    from pyiceberg.table.snapshots import Snapshot

    from growth_verticals.bucket.settings import LiveSettings


@dataclass(frozen=True, kw_only=True)
class Load:
    """The load that wrote a snapshot or a data file. A value that is no longer known is None.

    :param at: when its rows were staged or, if read from a snapshot, committed; timezone-aware, UTC.
    :param files: number of delivered files that it loaded.
    :param action: `load`, `replay`, `undo`, `reload`, `replace`, `replace_period`, `add` or `retention`.
    :param by: who made or approved it, with this `tool`, for this `reason`.
    """

    at: datetime
    period: str | None = None
    source: str | None = None
    files: int | None = None
    action: str | None = None
    by: str | None = None
    tool: str | None = None
    reason: str | None = None


@dataclass(frozen=True, kw_only=True)
class FileInfo:
    """A data file of the current snapshot. `bytes` is its stored size."""

    rows: int
    bytes: int
    load: Load | None


@dataclass(frozen=True, kw_only=True)
class SnapshotInfo:
    """A snapshot, from its summary; a number that the writer did not record is None.

    :param load: None if maintenance or another tool wrote the snapshot.
    :param expires: when managed expiry can remove it; None if it is kept, and `kept` says why.
    """

    snapshot_id: int
    made_at: datetime
    operation: str
    rows_added: int | None
    rows_removed: int | None
    rows: int | None
    files: int | None
    bytes: int | None
    load: Load | None
    expires: datetime | None
    kept: str | None


@dataclass(frozen=True, kw_only=True)
class Change:
    """A snapshot that a load, a replay or an undo made.

    :param snapshot_id: decimal digits in text, because it can exceed 2^53.
    :param rows_added, rows_removed: None if the writer did not record it.
    """

    snapshot_id: str
    rows_added: int | None
    rows_removed: int | None
    load: Load


def snapshot_history(table: Table, settings: LiveSettings) -> list[SnapshotInfo]:
    """Return the table's snapshots, newest first, each with its expiry under `settings` (of the type SNAPSHOTS).

    A snapshot expires when it is older than the maximum age and more than the minimum number are kept (S3 user guide,
    "Snapshot management"), so the newest ones stay, however old they are. Reads only the metadata. Memory: the
    metadata, which has an entry for each snapshot, and nothing for rows or files.
    """
    newest_first = _newest_first(table)
    kept = _reasons_kept(table, newest_first, settings)
    age = timedelta(hours=int(settings.values["maxSnapshotAgeHours"]))
    return [_snapshot_info(each, kept.get(each.snapshot_id), age) for each in newest_first]


def changes(table: Table) -> list[Change]:
    """Return the snapshots that loads, replays and undos made, newest first. Reads only the metadata."""
    return [
        Change(
            snapshot_id=str(each.snapshot_id),
            rows_added=_number(each, "added-records"),
            rows_removed=_number(each, "deleted-records"),
            load=load,
        )
        for each in _newest_first(table)
        if (load := _load_of_snapshot(each))
    ]


def data_files(table: Table) -> Iterator[FileInfo]:
    """Yield the data files of the current snapshot.

    Reads its manifests. Memory: the list of manifests, and one manifest's entries with their bounds.
    """
    snapshot = table.current_snapshot()
    for manifest in snapshot.manifests(table.io) if snapshot else ():
        for entry in manifest.fetch_manifest_entry(table.io, discard_deleted=True):
            if entry.data_file.content == DataFileContent.DATA:
                yield FileInfo(
                    rows=entry.data_file.record_count,
                    bytes=entry.data_file.file_size_in_bytes,
                    load=_load_of_file(table, entry.data_file),
                )


def last_load(table: Table) -> Load | None:
    """Return the newest load: from the snapshots or, if no load's snapshot is left, from the data files' bounds."""
    of_snapshots = (
        load for each in table.metadata.snapshots if (load := _load_of_snapshot(each)) and load.action != "retention"
    )
    newest = max(of_snapshots, key=lambda load: load.at, default=None)
    of_files = (file.load for file in data_files(table) if file.load)
    return newest or max(of_files, key=lambda load: load.at, default=None)


def totals(table: Table) -> tuple[int, int, int]:
    """Return rows, data files and bytes of the current snapshot; reads manifests only if its summary lacks them."""
    snapshot = table.current_snapshot()
    if snapshot is None:
        return 0, 0, 0
    rows, files, size = (_number(snapshot, f"total-{name}") for name in ("records", "data-files", "files-size"))
    if rows is not None and files is not None and size is not None:
        return rows, files, size
    rows = files = size = 0
    for file in data_files(table):
        rows, files, size = rows + file.rows, files + 1, size + file.bytes
    return rows, files, size


def _newest_first(table: Table) -> list[Snapshot]:
    by_time = sorted(table.metadata.snapshots, key=lambda each: (each.timestamp_ms, each.sequence_number or 0))
    return by_time[::-1]


def _reasons_kept(table: Table, newest_first: list[Snapshot], settings: LiveSettings) -> Mapping[int, str]:
    """Return why each kept snapshot is kept, by snapshot id."""
    reason = None
    if not settings.enabled:
        reason = "snapshot management is disabled"
    elif set(table.metadata.refs) - {"main"} or any(map(has_retention, table.metadata.refs.values())):
        reason = "snapshot management does not support branches and tags"
    elif table.properties.get("gc.enabled", "").lower() == "false":
        reason = "gc.enabled is false"
    if reason:
        return {each.snapshot_id: reason for each in newest_first}
    minimum = int(settings.values["minSnapshotsToKeep"])
    newest = "newest" if minimum == 1 else f"one of the newest {minimum}"
    return {each.snapshot_id: newest for each in newest_first[:minimum]}


def _snapshot_info(snapshot: Snapshot, kept: str | None, age: timedelta) -> SnapshotInfo:
    made_at = _from_ms(snapshot.timestamp_ms)
    return SnapshotInfo(
        snapshot_id=snapshot.snapshot_id,
        made_at=made_at,
        operation=snapshot.summary.operation.value if snapshot.summary else "unknown",
        rows_added=_number(snapshot, "added-records"),
        rows_removed=_number(snapshot, "deleted-records"),
        rows=_number(snapshot, "total-records"),
        files=_number(snapshot, "total-data-files"),
        bytes=_number(snapshot, "total-files-size"),
        load=_load_of_snapshot(snapshot),
        expires=None if kept else made_at + age,
        kept=kept,
    )


def _load_of_snapshot(snapshot: Snapshot) -> Load | None:
    summary = LoadSummary.of_snapshot(snapshot)
    if summary is None:
        return None
    return Load(
        at=_from_ms(snapshot.timestamp_ms),
        period=summary.period,
        source=summary.source,
        files=summary.files,
        action=summary.restated or summary.action,
        by=summary.actor.by if summary.actor else None,
        tool=summary.actor.tool if summary.actor else None,
        reason=summary.actor.reason if summary.actor else None,
    )


def _load_of_file(table: Table, file: DataFile) -> Load | None:
    """Return the newest load that has rows in `file`: the upper bound of `staged_at` is its time."""
    schema = table.schema()
    names = ("staged_at", FORMER_NAMES["staged_at"])
    field = next((each for each in schema.fields if each.name in names), None)
    bound = (file.upper_bounds or {}).get(field.field_id) if field else None
    if field is None or bound is None or not isinstance(field.field_type, TimestamptzType):
        return None
    micros = int(from_bytes(field.field_type, bound))
    at = datetime.fromtimestamp(micros // 1_000_000, UTC).replace(microsecond=micros % 1_000_000)
    return Load(at=at, period=_period_of(table, file))


def _period_of(table: Table, file: DataFile) -> str | None:
    spec = table.specs().get(file.spec_id)
    for position, field in enumerate(spec.fields if spec else ()):
        column = table.schema().find_column_name(field.source_id)
        if column == "delivery_period" and isinstance(field.transform, IdentityTransform):
            return str(file.partition[position])
    return None


def _number(snapshot: Snapshot, name: str) -> int | None:
    text = snapshot.summary.additional_properties.get(name) if snapshot.summary else None
    return int(text) if text is not None and text.isdecimal() else None


def _from_ms(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds // 1000, UTC).replace(microsecond=milliseconds % 1000 * 1000)
