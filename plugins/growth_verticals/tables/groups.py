"""Files that were staged together: they share data files, so a commit adopts all of them or none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from growth_verticals.errors import DeliveryRefusedError
from growth_verticals.tables.ledger import loaded_files
from growth_verticals.tables.manifest import read_staged_manifest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyiceberg.manifest import DataFile
    from pyiceberg.table import Table

    from growth_verticals.cadence import Period
    from growth_verticals.delivery import StagedFile


@dataclass(frozen=True)
class Group:
    """Files that were staged together, with the data files of their manifests.

    `is_done` is one of which there is nothing left to commit; its manifests are not read.
    """

    files: list[StagedFile]
    data_files: list[DataFile]
    reject_files: list[DataFile]
    is_done: bool = False

    @property
    def digests(self) -> frozenset[str]:
        return frozenset(file.sha256 for file in self.files)

    @property
    def with_rows(self) -> frozenset[str]:
        """The digests of the files that have rows to load."""
        return frozenset(file.sha256 for file in self.files if file.rows_loaded)


def grouped(staged: Sequence[StagedFile]) -> list[list[StagedFile]]:
    """Return the files that were staged together, group by group; of files with equal content the first."""
    groups: dict[tuple[str | None, ...], list[StagedFile]] = {}
    first: dict[str, StagedFile] = {}
    for file in staged:
        first.setdefault(file.sha256, file)
    for file in first.values():
        together = (file.manifest, file.rejects_manifest)
        groups.setdefault(together if any(together) else (file.sha256,), []).append(file)
    return list(groups.values())


def open_staged(
    table: Table, rejects_table: Table, period: Period, files: list[StagedFile], loaded: set[str], source_name: str
) -> Group:
    """Read a group's manifests. Raises `DeliveryRefusedError` unless every count agrees with every other."""
    name = ".".join(table.name())
    left = [file for file in files if file.sha256 not in loaded]
    for file in left:
        if file.status == "already_loaded":
            raise DeliveryRefusedError(
                f"{name} held this file when it was staged, and does not now",
                source=source_name,
                file=file.name,
                next_step="find out who removed its rows; then clear the stage task of this run to load it again",
            )
    if not left:
        return Group(files, [], [], is_done=True)
    if len(left) < len(files):
        rejects_only = {file.sha256 for file in left if file.rows_rejected}
        if any(file.rows_loaded for file in left) or rejects_only - loaded_files(
            rejects_table, period.key, rejects_only
        ):
            raise loaded_apart(name, source_name, left[0])
        return Group(files, [], [], is_done=True)
    data_files = read_staged_manifest(table, files[0].manifest, source_name)
    reject_files = read_staged_manifest(rejects_table, files[0].rejects_manifest, source_name)
    counted = tuple(sum(getattr(file, f"rows_{what}") for file in files) for what in ("loaded", "rejected", "read"))
    in_files = (_rows(data_files), _rows(reject_files))
    if in_files != counted[:2] or sum(in_files) != counted[2]:
        raise DeliveryRefusedError(
            "the counts of a staged file disagree",
            source=source_name,
            file=files[0].name + (f" and {len(files) - 1:,} more" if len(files) > 1 else ""),
            expected=f"{counted[2]:,} read = {counted[0]:,} to load + {counted[1]:,} rejected",
            found=f"{in_files[0]:,} and {in_files[1]:,} rows in its data files",
            next_step="clear the stage task of this run; if it happens again, the reader of this format miscounts",
        )
    return Group(files, data_files, reject_files)


def loaded_apart(table: str, source_name: str, file: StagedFile) -> DeliveryRefusedError:
    """Return the error for a group of which another load has put some files, but not `file`, into the table."""
    return DeliveryRefusedError(
        f"{table} holds some of the files that were staged together, and not this one",
        source=source_name,
        file=file.name,
        next_step="run the load again, or clear the stage task of this run: what is missing is staged by itself then",
    )


def paths_of(data_files: Sequence[DataFile]) -> set[str]:
    """Return the URIs of data files."""
    return {data_file.file_path for data_file in data_files}


def _rows(data_files: Sequence[DataFile]) -> int:
    return sum(data_file.record_count for data_file in data_files)
