"""Staged manifests: the list of a landed file's data files, for a commit by another task to pick up."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from pyiceberg.manifest import (
    DataFile,
    ManifestContent,
    ManifestEntry,
    ManifestEntryStatus,
    ManifestFile,
    write_manifest,
)

from growth_verticals.errors import DeliveryRefusedError
from growth_verticals.tables.failures import service_errors

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyiceberg.table import Table

_NO_SNAPSHOT = 0


def write_staged_manifest(table: Table, data_files: Sequence[DataFile]) -> str | None:
    """Write an Iceberg manifest of `data_files` beside the table's own and return its URI; None if there are none.

    No snapshot refers to it, so the table bucket's maintenance removes it and its files after `unreferencedDays`
    (S3 Tables' default: 3) unless a commit has adopted them by then.
    """
    if not data_files:
        return None
    spec = table.spec()
    uri = table.location_provider().new_metadata_location(f"staged-{spec.spec_id}-{uuid.uuid4()}.avro")
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
    """Return the data files that a staged manifest of `table` lists; none for None. One small request a file.

    Raises `DeliveryRefusedError` if it was staged for another table or another partitioning of it, or if maintenance
    has removed the manifest or a data file: a snapshot that refers to a missing file cannot be read.
    """
    if uri is None:
        return []
    name, spec_id = ".".join(table.name()), table.spec().spec_id
    if not uri.startswith(table.location_provider().new_metadata_location(f"staged-{spec_id}-")):
        raise _stage_again(f"the table {name} was replaced or partitioned anew after this was staged", source_name, uri)
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
        except FileNotFoundError:
            raise _stage_again("the staged manifest is gone", source_name, uri) from None
        for data_file in data_files:
            if not table.io.new_input(data_file.file_path).exists():
                raise _stage_again("a staged data file is gone", source_name, data_file.file_path)
    return data_files


def _stage_again(what: str, source_name: str, uri: str) -> DeliveryRefusedError:
    return DeliveryRefusedError(
        what,
        source=source_name,
        file=uri,
        next_step="clear the stage task of this run, so that the file is staged anew",
    )
