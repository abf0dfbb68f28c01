"""The data that one step of a delivery passes to the next: names, URIs and counts, never a row's value.

    RemoteFile ─ land ─> LandedFile ─ stage ─> StagedFile ─ commit ─> FileResult (in a LoadResult)

A `LandUnit` is the files that one task lands, and a `StageUnit` those that one task stages. A `Restatement` is what a
person is asked about before the commit, and an `Answer` is what the person answered.

Each is a frozen dataclass of JSON types. It is stored in XCom as `to_json(file)` or `dataclasses.asdict(file)`, and
read back as `RemoteFile(**mapping)`; a unit as `unit.to_json()`, and `LandUnit.from_json(mapping)`.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclass(frozen=True, kw_only=True)
class RemoteFile:
    """A file at its origin, as listed there.

    :param name: file name without a folder.
    :param uri: `sftp://<conn_id>/path`, `s3://bucket/key` or `file:///path`.
    :param size: bytes.
    :param modified: seconds since 1970, UTC.
    :param version: for S3 the ETag from the listing, including its quotes; None for other origins.
    :param expected_rows: number of records according to the vendor's manifest; None if that does not say it.
    :param expected_sums: columns of the table and their sums over the file's records, in the same way.
    :param expected_sha256, expected_md5: lower-case hex, the same.
    """

    name: str
    uri: str
    size: int
    modified: float
    version: str | None = None
    expected_rows: int | None = None
    expected_sums: Sequence[tuple[str, str]] = ()
    expected_sha256: str | None = None
    expected_md5: str | None = None


#: Largest file, in bytes, that is transferred in one request. For such a file, latency is longer than the transfer.
SMALL_FILE_BYTES = 8 * 2**20


@dataclass(frozen=True, kw_only=True)
class LandedFile:
    """A landed copy: the byte-exact copy of a file in the landing zone.

    :param name: file name without a folder.
    :param uri: `s3://bucket/key` of the copy.
    :param size: bytes.
    :param sha256: of the bytes as received, in lower-case hex.
    :param origin: URI of the file at its origin.
    :param etag: the copy's ETag. It changes if the object is replaced by other bytes.
    :param expected_rows, expected_sums: as in `RemoteFile`.
    """

    name: str
    uri: str
    size: int
    sha256: str
    origin: str
    etag: str
    expected_rows: int | None = None
    expected_sums: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True, kw_only=True)
class StagedFile:
    """A landed file whose rows are in Parquet data files that no snapshot refers to yet.

    If status is `staged`, `rows_read == rows_valid + rows_rejected`. If it is `already_loaded`, the table contains this
    (period, sha256) already, nothing was staged, and all counts are 0.

    :param manifest: URI of the staged manifest: the Iceberg manifest that lists the data files of the staged batch.
        None if there are no rows to load.
    :param rejects_manifest: the same for the rejects table.
    :param staged_at: microseconds since 1970. It names the staging: rows and rejects of a file in their tables always
        come from one.
    :param expected_rows, expected_sums: as in `RemoteFile`. The commit refuses the delivery if the rows are not
        `rows_read`. The check `ControlSum` compares the sums.
    :param uri: `s3://bucket/key` of the landed copy; None if it does not matter.
    :param piece: which part of the file this is, as `number` and `count`, and what it says about the whole file
        (`PieceFacts`) as `facts`; None for a whole file.
    """

    name: str
    sha256: str
    status: Literal["staged", "already_loaded"]
    uri: str | None = None
    rows_read: int = 0
    rows_valid: int = 0
    rows_rejected: int = 0
    manifest: str | None = None
    rejects_manifest: str | None = None
    staged_at: int = 0
    expected_rows: int | None = None
    expected_sums: Sequence[tuple[str, str]] = ()
    piece: Mapping[str, Any] | None = None

    def describe(self) -> str:
        """Return the counts as one clause, for the log."""
        if self.status == "already_loaded":
            return f"{self.name} is already loaded"
        if self.piece is not None:
            part = f"part {self.piece['number']} of {self.piece['count']}"
            return f"staged {part} of {self.name}: {self.rows_read} rows read"
        counts = f"{self.rows_read} rows read = {self.rows_valid} valid + {self.rows_rejected} rejected"
        return f"staged {self.name}: {counts}"


@dataclass(frozen=True, kw_only=True)
class LandUnit:
    """The files that one task lands. A retry finds the copies of an earlier attempt, and keeps them.

    :param title: the unit's name in the UI: its file's name, or the place of its files in the delivery.
    """

    title: str
    files: Sequence[RemoteFile]

    @property
    def size(self) -> int:
        """The bytes of all files together."""
        return sum(file.size for file in self.files)

    def to_json(self) -> dict[str, Any]:
        """Return the unit as JSON types."""
        return {"title": self.title, "files": [to_json(file) for file in self.files]}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> LandUnit:
        """Return the unit that `to_json` returned."""
        return cls(title=values["title"], files=tuple(RemoteFile(**file) for file in values["files"]))


@dataclass(frozen=True, kw_only=True)
class StageUnit:
    """The landed files that one task stages as one batch: a commit adopts all of them or none.

    Files of equal content are always in the same unit, because only one of them is staged.

    :param title: as in `LandUnit`.
    :param piece: which part of its first file the unit is (`Piece`); None for whole files. Others have equal content.
    :param staged_at: the name of the staging that all pieces of a file belong to (`StagedFile`); None for whole files.
    """

    title: str
    files: Sequence[LandedFile]
    piece: Mapping[str, Any] | None = None
    staged_at: int | None = None

    @property
    def size(self) -> int:
        """The bytes of all files together, or of the piece's text."""
        if self.piece is not None:
            return int(self.piece["end"]) - int(self.piece["start"])
        return sum(file.size for file in self.files)

    def to_json(self) -> dict[str, Any]:
        """Return the unit as JSON types."""
        part = {} if self.piece is None else {"piece": self.piece, "staged_at": self.staged_at}
        return {"title": self.title, "files": [to_json(file) for file in self.files], **part}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> StageUnit:
        """Return the unit that `to_json` returned."""
        return cls(**{**values, "files": tuple(LandedFile(**file) for file in values["files"])})


def to_json(file: RemoteFile | LandedFile) -> dict[str, Any]:
    """Return a file as a mapping, without the fields that have their default: a delivery can have thousands of files.

    `RemoteFile(**mapping)` or `LandedFile(**mapping)` is the file again.
    """
    values = ((field, getattr(file, field.name)) for field in fields(file))
    return {field.name: value for field, value in values if value != field.default}


@dataclass(frozen=True, kw_only=True)
class RestatedFile:
    """A file that leaves the table, or that comes, in a restatement, with its numbers of rows and of rejects."""

    name: str
    sha256: str
    rows: int
    rejects: int


@dataclass(frozen=True, kw_only=True)
class Restatement:
    """What a person must know before the files of a period are replaced.

    :param comes: the files that are not loaded yet.
    :param leaves: the loaded files that would leave.
    :param action: the answer that agrees to exactly this.
    :param asks: whether a person must answer before the delivery can be committed.
    """

    comes: tuple[RestatedFile, ...]
    leaves: tuple[RestatedFile, ...]
    action: Literal["replace", "replace_period"] = "replace"
    asks: bool = True

    def describe(self) -> str:
        """Return what would leave and come as one clause: file names and counts."""
        return f"{_describe(self.comes)} would come, {_describe(self.leaves)} would leave"


def _describe(files: Sequence[RestatedFile]) -> str:
    shown = [f"{file.name} ({file.rows:,} rows, {file.rejects:,} rejects)" for file in files[:5]]
    more = f" and {len(files) - len(shown):,} more files" if len(files) > len(shown) else ""
    return ", ".join(shown) + more if shown else "nothing"


@dataclass(frozen=True, kw_only=True)
class Answer:
    """A person's answer to a restatement.

    :param action: `replace` the old releases of the files that come; `replace_period`: all other files of the period;
        `add` the files to those that are loaded; `refuse` the delivery. `load` says nothing about a restatement.
    :param by: who answered.
    :param removes: SHA-256 of the loaded files that the person agreed to remove.
    """

    action: Literal["load", "replace", "replace_period", "add", "refuse"]
    by: str
    reason: str
    removes: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class Actor:
    """Who changes a table, with which tool, and why. It is kept in the summary of every snapshot that is made.

    :param by: the user's name; `schedule` if nobody started the run.
    :param tool: `airflow` or `gv`; None if it is not known.
    :param reason: a person's text; None without one.
    """

    by: str
    tool: str | None = None
    reason: str | None = None


@dataclass(frozen=True, kw_only=True)
class FileResult:
    """The result for one file: `rows_read == rows_loaded + rows_rejected + rows_refused`.

    :param status: `loaded`, or `empty` if the file has no rows (for example only a header): it was read to its end, but
        nothing was loaded. `already_loaded`: the table held the file before, so this load did not read it, and all
        counts are 0. `refused`: nothing of the delivery was loaded; all counts are 0 if the file was not staged.
    :param rows_rejected: records that cannot be loaded. Those of a refused delivery are in the rejects table only if it
        was refused because they are too many.
    :param rows_refused: valid rows of a refused delivery, which are not loaded.
    """

    name: str
    sha256: str
    status: Literal["loaded", "empty", "already_loaded", "refused"]
    rows_read: int
    rows_loaded: int
    rows_rejected: int
    rows_refused: int = 0


@dataclass(frozen=True, kw_only=True)
class LoadResult:
    """The result of a load. `snapshot_id` is None if this load added nothing to the table.

    :param files_replaced: loaded files that left the table in the same snapshot, with `rows_replaced` rows.
    """

    source: str
    table: str
    period: str
    snapshot_id: int | None
    files: tuple[FileResult, ...]
    files_replaced: int = 0
    rows_replaced: int = 0

    @property
    def rows_read(self) -> int:
        return sum(file.rows_read for file in self.files)

    @property
    def rows_loaded(self) -> int:
        return sum(file.rows_loaded for file in self.files)

    @property
    def rows_rejected(self) -> int:
        return sum(file.rows_rejected for file in self.files)

    @property
    def files_without_rows(self) -> tuple[str, ...]:
        """The names of the files that have no rows."""
        return tuple(file.name for file in self.files if file.status == "empty")

    def summary(self) -> str:
        """Return the result of a delivery that was not refused as one line, for the log."""
        counts = f"{self.rows_read:,} rows read = {self.rows_loaded:,} loaded + {self.rows_rejected:,} rejected"
        if all(file.status == "already_loaded" for file in self.files):
            counts = "already loaded, nothing to do"
        if self.files_without_rows:
            counts += f", WITHOUT ROWS: {len(self.files_without_rows)} file(s)"
        if self.files_replaced:
            counts += f", replaced {self.files_replaced} file(s) with {self.rows_replaced:,} rows"
        snapshot = f", snapshot {self.snapshot_id}" if self.snapshot_id is not None else ""
        return f"{self.source} {self.period}: {len(self.files)} file(s), {counts}{snapshot} in {self.table}"
