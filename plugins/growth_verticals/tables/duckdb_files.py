"""The files of tables' current snapshots as a file system for DuckDB, which needs no extension and no second key."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from fsspec import AbstractFileSystem  # type: ignore[import-untyped]
from pyiceberg.manifest import FileFormat

from growth_verticals.catalog.service_errors import service_errors
from growth_verticals.errors import ContractError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyiceberg.io import FileIO, InputStream
    from pyiceberg.table import Table

PROTOCOL = "gv"
_PREFIX = f"{PROTOCOL}://"


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """The files of a table's current snapshot.

    :param sizes: URI of a data file → its bytes. Empty if the table has no rows.
    :param deletes: URI of a Parquet file with positions of deleted rows → its bytes.
    """

    io: FileIO
    sizes: Mapping[str, int]
    deletes: Mapping[str, int]


def snapshot_of(identifier: str, table: Table) -> Snapshot:
    """Return the files of the table's current snapshot. Reads its manifests.

    Raises `ContractError` for deleted rows that are not listed by position in Parquet files: they would be read.
    """
    try:
        with service_errors(f"reading the manifests of {identifier}", table.location()):
            tasks = list(table.scan().plan_files())
    except ValueError as error:  # pyiceberg's, for equality deletes
        raise _unreadable(identifier) from error
    deletes = {file.file_path: file for task in tasks for file in task.delete_files}
    if any(file.file_format is not FileFormat.PARQUET for file in deletes.values()):
        raise _unreadable(identifier)
    return Snapshot(
        io=table.io,
        sizes={task.file.file_path: task.file.file_size_in_bytes for task in tasks},
        deletes={path: file.file_size_in_bytes for path, file in deletes.items()},
    )


def _unreadable(identifier: str) -> ContractError:
    return ContractError(
        f"{identifier} has deleted rows in a form that cannot be read here",
        expected="positions in Parquet files",
        next_step=f"read it with Athena: `./gv tables query {identifier} --engine athena`",
    )


class SnapshotFiles(AbstractFileSystem):  # type: ignore[misc]
    """Read-only files of snapshots. `gv://<namespace.table>` stands for all data files of a table.

    Each file is opened with its table's own FileIO, which has the credentials. Sizes come from the manifests, so there
    is no request before the first read.
    """

    protocol = PROTOCOL
    cachable = False

    def __init__(self, snapshots: Mapping[str, Snapshot]) -> None:
        super().__init__()
        self._groups: dict[str, list[str]] = {}
        self._files: dict[str, tuple[FileIO, int]] = {}
        #: Bytes that were read so far, and what a read or an open raised last.
        self.bytes_read = 0
        self.failure: Exception | None = None
        for identifier, snapshot in snapshots.items():
            for path, sizes in (
                (data_path(identifier), snapshot.sizes),
                (deletes_path(identifier), snapshot.deletes),
            ):
                self._groups[path] = [_PREFIX + location for location in sizes]
                self._files |= {location: (snapshot.io, size) for location, size in sizes.items()}

    @property
    def total_bytes(self) -> int:
        """The bytes of all files."""
        return sum(size for _, size in self._files.values())

    def glob(self, path: str, **_: Any) -> list[str]:
        return self._groups.get(_PREFIX + path.removeprefix(_PREFIX), [path])

    def open(self, path: str, mode: str = "rb", **_: Any) -> _CountedFile:
        if mode != "rb":
            raise PermissionError(f"{path} can only be read")
        location = path.removeprefix(_PREFIX)
        if location not in self._files:
            raise FileNotFoundError("no snapshot has this file")
        try:
            return _CountedFile(self._files[location][0].new_input(location).open(), self)
        except Exception as error:
            self.failure = error
            raise

    def size(self, path: str) -> int:
        return self._files[path.removeprefix(_PREFIX)][1]

    def modified(self, _: str) -> datetime:
        """Return the same time for all files: a file of a snapshot never changes."""
        return datetime.fromtimestamp(0, UTC)


def data_path(identifier: str) -> str:
    """Return the path that stands for all data files of a table."""
    return f"{_PREFIX}{identifier}"


def deletes_path(identifier: str) -> str:
    """Return the path that stands for all files that list deleted rows of a table."""
    return f"{_PREFIX}{identifier}/deletes"


class _CountedFile:
    """An open file that counts the bytes that are read from it."""

    def __init__(self, stream: InputStream, files: SnapshotFiles) -> None:
        self._stream = stream
        self._files = files

    def read(self, size: int = -1) -> bytes:
        try:
            data = self._stream.read(size)
        except Exception as error:
            self._files.failure = error
            raise
        self._files.bytes_read += len(data)
        return data

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._stream.seek(offset, whence)

    def tell(self) -> int:
        return self._stream.tell()

    def close(self) -> None:
        self._stream.close()
