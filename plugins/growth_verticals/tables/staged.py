"""Staged batches: files staged together, and the manifests that list their data files until a commit adopts them.

Files of one batch share data files, so a commit adopts all of them or none. A staged manifest is an Iceberg manifest
that no snapshot refers to.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pyiceberg.manifest import (
    DataFile,
    ManifestContent,
    ManifestEntry,
    ManifestEntryStatus,
    ManifestFile,
    write_manifest,
)

from growth_verticals.catalog.service_errors import service_errors
from growth_verticals.errors import DeliveryRefusedError
from growth_verticals.tables.ledger import loaded_digests

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyiceberg.table import Table

    from growth_verticals.cadence import Period
    from growth_verticals.delivery import StagedFile

_NO_SNAPSHOT = 0


@dataclass(frozen=True)
class StagedBatch:
    """Files that were staged together, with the data files that their staged manifests list.

    :param is_committed: whether nothing of the batch is left to commit. Its manifests are not read then.
    """

    files: list[StagedFile]
    data_files: list[DataFile]
    reject_files: list[DataFile]
    is_committed: bool = False

    @property
    def staged_at(self) -> int:
        """The staging's name: microseconds since 1970."""
        return self.files[0].staged_at

    @property
    def digests(self) -> frozenset[str]:
        return frozenset(file.sha256 for file in self.files)

    @property
    def digests_with_rows(self) -> frozenset[str]:
        """The digests of the files that have rows to load."""
        return frozenset(file.sha256 for file in self.files if file.rows_valid)


def split_into_batches(staged: Sequence[StagedFile]) -> list[list[StagedFile]]:
    """Return the files of each batch. Only the first of several files with equal content is kept."""
    batches: dict[tuple[str | None, ...], list[StagedFile]] = {}
    first: dict[str, StagedFile] = {}
    for file in staged:
        first.setdefault(file.sha256, file)
    for file in first.values():
        manifests = (file.manifest, file.rejects_manifest)
        batches.setdefault(manifests if any(manifests) else (file.sha256,), []).append(file)
    return list(batches.values())


def read_batch(
    table: Table, rejects_table: Table, period: Period, files: list[StagedFile], loaded: set[str], source_name: str
) -> StagedBatch:
    """Read a batch's staged manifests. Raises `DeliveryRefusedError` unless all counts agree.

    :param loaded: digests of the files that the table holds.
    """
    name = ".".join(table.name())
    pending = [file for file in files if file.sha256 not in loaded]
    for file in pending:
        if file.status == "already_loaded":
            raise DeliveryRefusedError(
                f"{name} held this file when it was staged, but does not hold it now",
                source=source_name,
                file=file.name,
                next_step="find out who removed its rows; then clear the stage task of this run to load it again",
            )
    if not pending:
        return StagedBatch(files, [], [], is_committed=True)
    if len(pending) < len(files):
        with_rejects = {file.sha256 for file in pending if file.rows_rejected}
        missing_rejects = with_rejects - loaded_digests(rejects_table, period.key, with_rejects)
        if missing_rejects or any(file.rows_valid for file in pending):
            raise partially_committed(name, source_name, pending[0])
        return StagedBatch(files, [], [], is_committed=True)
    data_files = read_staged_manifest(table, files[0].manifest, source_name)
    reject_files = read_staged_manifest(rejects_table, files[0].rejects_manifest, source_name)
    _require_equal_counts(files, data_files, reject_files, source_name)
    return StagedBatch(files, data_files, reject_files)


def partially_committed(table: str, source_name: str, file: StagedFile) -> DeliveryRefusedError:
    """Return the error for a batch when another load has committed some of its files, but not `file`."""
    return DeliveryRefusedError(
        f"{table} holds some of the files that were staged together, but not this one",
        source=source_name,
        file=file.name,
        next_step="run the load again, or clear the stage task of this run: the missing files are then staged alone",
    )


def paths_of(data_files: Sequence[DataFile]) -> set[str]:
    """Return the URIs of data files."""
    return {data_file.file_path for data_file in data_files}


def _require_equal_counts(
    files: list[StagedFile], data_files: list[DataFile], reject_files: list[DataFile], source_name: str
) -> None:
    valid = sum(file.rows_valid for file in files)
    rejected = sum(file.rows_rejected for file in files)
    read = sum(file.rows_read for file in files)
    written, rejects_written = _row_count(data_files), _row_count(reject_files)
    if (written, rejects_written, written + rejects_written) != (valid, rejected, read):
        raise DeliveryRefusedError(
            "the counts of a staged file disagree",
            source=source_name,
            file=files[0].name + (f" and {len(files) - 1:,} more" if len(files) > 1 else ""),
            expected=f"{read:,} read = {valid:,} valid + {rejected:,} rejected",
            found=f"{written:,} and {rejects_written:,} rows in its data files",
            next_step="clear the stage task of this run; if it happens again, the reader of this format miscounts",
        )


def _row_count(data_files: Sequence[DataFile]) -> int:
    return sum(data_file.record_count for data_file in data_files)


# --- staged manifests ---------------------------------------------------------------------------------------------


def write_staged_manifest(table: Table, data_files: Sequence[DataFile]) -> str | None:
    """Write an Iceberg manifest of `data_files` next to the table's own and return its URI; None without data files.

    No snapshot refers to it, so the table bucket's maintenance removes it and its files after `unreferencedDays`
    (S3 Tables' default: 3) unless a commit has adopted them by then.
    """
    if not data_files:
        return None
    spec = table.spec()
    uri = table.location_provider().new_metadata_location(f"{_prefix(table)}{uuid.uuid4()}.avro")
    with (
        service_errors(f"writing a staged manifest of {'.'.join(table.name())}", table.location()),
        write_manifest(
            format_version=2,
            spec=spec,
            schema=table.schema(),
            output_file=table.io.new_output(uri),
            snapshot_id=_NO_SNAPSHOT,
            avro_compression="deflate",
        ) as writer,
    ):
        for data_file in data_files:
            writer.add(ManifestEntry.from_args(status=ManifestEntryStatus.ADDED, data_file=data_file))
    return uri


def read_staged_manifest(table: Table, uri: str | None, source_name: str) -> list[DataFile]:
    """Return the data files that a staged manifest lists; an empty list if `uri` is None.

    Sends one small request per data file. Raises `DeliveryRefusedError` if the files were staged for another table or
    another partition spec. Raises it too if maintenance has removed the manifest or a data file: a snapshot that
    refers to a missing file cannot be read.
    """
    if uri is None:
        return []
    name, spec_id = ".".join(table.name()), table.spec().spec_id
    if not uri.startswith(table.location_provider().new_metadata_location(_prefix(table))):
        raise _stage_again(
            f"the table {name} was replaced, altered or repartitioned after these files were staged", source_name, uri
        )
    manifest = ManifestFile.from_args(
        manifest_path=uri,
        manifest_length=0,
        partition_spec_id=spec_id,
        content=ManifestContent.DATA,
        sequence_number=0,
        added_snapshot_id=_NO_SNAPSHOT,
    )
    with service_errors(f"reading a staged manifest of {name}", table.location()):
        try:
            data_files = [entry.data_file for entry in manifest.fetch_manifest_entry(table.io)]
        except OSError as error:
            if not _is_missing(error):
                raise
            raise _stage_again("the staged manifest does not exist any more", source_name, uri) from None
        for data_file in data_files:
            if not _exists(table, data_file.file_path):
                raise _stage_again("a staged data file does not exist any more", source_name, data_file.file_path)
    return data_files


def _exists(table: Table, uri: str) -> bool:
    try:
        return bool(table.io.new_input(uri).exists())
    except OSError as error:
        if not _is_missing(error):
            raise
        return False


def _is_missing(error: OSError) -> bool:
    """Whether a file does not exist. For such an object S3 answers 403 if it cannot be listed, as a table's storage."""
    return isinstance(error, FileNotFoundError) or "ACCESS_DENIED" in str(error)


def _prefix(table: Table) -> str:
    """Return the start of the names of staged manifests for the table's present partitioning and columns."""
    return f"staged-{table.spec().spec_id}-{table.schema().schema_id}-"


def _stage_again(what: str, source_name: str, uri: str) -> DeliveryRefusedError:
    return DeliveryRefusedError(
        what, source=source_name, file=uri, next_step="clear the stage task of this run, which stages the file again"
    )
