"""What the steps of a delivery hand each other: ids, counts and names, never a row's value.

    RemoteFile ─ land ─> LandedFile ─ stage ─> StagedFile ─ commit ─> FileResult (in a LoadResult)

Each is a frozen dataclass of JSON types, so that it goes through XCom as `dataclasses.asdict` gives it and comes back
as `RemoteFile(**received)`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class RemoteFile:
    """A file where its vendor put it, as listed.

    :param name: the file's own name, without a folder.
    :param uri: `sftp://<conn_id>/path`, `s3://bucket/key` or `file:///path`.
    :param size: bytes.
    :param modified: seconds since 1970, UTC.
    :param version: S3: the ETag that was listed, in its quotes; None elsewhere.
    """

    name: str
    uri: str
    size: int
    modified: float
    version: str | None = None


#: One request to the store carries a file of this size, bytes: it is waited for longer than its bytes take.
SMALL_BYTES = 8 * 2**20


@dataclass(frozen=True, kw_only=True)
class LandedFile:
    """A byte-exact copy in the landing zone. `size` in bytes, `sha256` in lower-case hex of the bytes as they came.

    :param etag: the object's; other bytes under the same URI have another.
    """

    name: str
    uri: str
    size: int
    sha256: str
    origin: str
    etag: str


@dataclass(frozen=True, kw_only=True)
class StagedFile:
    """A landed file whose rows stand in Parquet files that no snapshot refers to yet.

    `rows_read == rows_valid + rows_rejected` holds when status is `staged`. With `already_loaded` the table holds
    this (period, sha256), nothing was staged, and the counts are 0.

    :param manifest: URI of the Iceberg manifest that lists the data files of all the files that were staged together;
        None when there is no row to load.
    :param rejects_manifest: the same for the rejects table.
    """

    name: str
    sha256: str
    status: Literal["staged", "already_loaded"]
    rows_read: int = 0
    rows_valid: int = 0
    rows_rejected: int = 0
    manifest: str | None = None
    rejects_manifest: str | None = None


@dataclass(frozen=True, kw_only=True)
class FileResult:
    """What became of one file. An `already_loaded` file's counts are 0: this load read nothing of it."""

    name: str
    sha256: str
    status: Literal["loaded", "already_loaded", "refused"]
    rows_read: int
    rows_loaded: int
    rows_rejected: int


@dataclass(frozen=True, kw_only=True)
class LoadResult:
    """What became of a delivery. `snapshot_id` is None when this load added nothing to the table."""

    source: str
    table: str
    period: str
    snapshot_id: int | None
    files: tuple[FileResult, ...]

    @property
    def rows_read(self) -> int:
        return sum(file.rows_read for file in self.files)

    @property
    def rows_loaded(self) -> int:
        return sum(file.rows_loaded for file in self.files)

    @property
    def rows_rejected(self) -> int:
        return sum(file.rows_rejected for file in self.files)

    def summary(self) -> str:
        """Return the one line that ends a task's log."""
        counts = f"{self.rows_read:,} rows read = {self.rows_loaded:,} loaded + {self.rows_rejected:,} rejected"
        if all(file.status == "already_loaded" for file in self.files):
            counts = "already loaded, nothing to do"
        snapshot = f", snapshot {self.snapshot_id}" if self.snapshot_id is not None else ""
        return f"{self.source} {self.period}: {len(self.files)} file(s), {counts}{snapshot} in {self.table}"
