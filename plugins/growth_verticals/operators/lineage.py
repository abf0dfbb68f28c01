"""Lineage for Airflow's OpenLineage provider: file → landed copy → table. Names, sizes and counts, never a row's value.

The provider asks a task that has ended, and only if it is configured (docs/runbook.md). Otherwise none of its packages
is imported.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from growth_verticals.account import Account
from growth_verticals.hooks.account import find_connection

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from airflow.providers.openlineage.extractors.base import OperatorLineage
    from openlineage.client.event_v2 import InputDataset, OutputDataset

    from growth_verticals.delivery import LandedFile, LoadResult, RemoteFile, StagedFile
    from growth_verticals.source import Source

_SFTP_PORT = 22


class ReportsLineage:
    """Mixin of an operator that moves data.

    `lineage` returns what was moved. The operator sets it when it has moved something.
    """

    lineage: Callable[[], OperatorLineage] | None = None

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> OperatorLineage | None:  # noqa: ARG002
        """Return the task's inputs and outputs. The OpenLineage provider looks for a method of this name."""
        return self.lineage() if self.lineage else None


def lineage_of_landing(files: Sequence[RemoteFile], landed: Sequence[LandedFile]) -> OperatorLineage:
    """Return the vendor's files and their landed copies, with their sizes in bytes."""
    from airflow.providers.openlineage.extractors.base import OperatorLineage

    inputs = [_read(file.uri, size=file.size) for file in files]
    return OperatorLineage(inputs=inputs, outputs=[_landed_copy(file) for file in landed])


def lineage_of_commit(source: Source, staged: Sequence[StagedFile], result: LoadResult) -> OperatorLineage:
    """Return the landed copies, and the tables with the rows that they got. Nothing if all files were loaded before.

    :param staged: in the order of `result.files`.
    """
    from airflow.providers.openlineage.extractors.base import OperatorLineage

    inputs = [
        _read(file.uri, rows=done.rows_read)
        for file, done in zip(staged, result.files, strict=True)
        if file.uri and done.status != "already_loaded"
    ]
    rows = {source.table: result.rows_loaded, source.rejects_table: result.rows_rejected}
    return OperatorLineage(inputs=inputs, outputs=[_table(name, result, rows[name]) for name in rows if rows[name]])


def _read(uri: str, *, rows: int | None = None, size: int | None = None) -> InputDataset:
    from openlineage.client.event_v2 import InputDataset
    from openlineage.client.facet_v2 import input_statistics_input_dataset

    statistics = input_statistics_input_dataset.InputStatisticsInputDatasetFacet(rowCount=rows, size=size)
    return InputDataset(*_names(uri), inputFacets={"inputStatistics": statistics})


def _landed_copy(landed: LandedFile) -> OutputDataset:
    from openlineage.client.event_v2 import OutputDataset
    from openlineage.client.facet_v2 import output_statistics_output_dataset

    statistics = output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet(size=landed.size)
    return OutputDataset(*_names(landed.uri), outputFacets={"outputStatistics": statistics})


def _table(name: str, result: LoadResult, rows: int) -> OutputDataset:
    """Return a table of the table bucket, the number of rows that it got, and the period to which they belong."""
    from openlineage.client.event_v2 import OutputDataset
    from openlineage.client.facet_v2 import (
        DatasetFacet,
        base_subset_dataset,
        catalog_dataset,
        dataset_version_dataset,
        output_statistics_output_dataset,
    )

    account = Account.from_environment(needs_landing=False)
    catalog = catalog_dataset.CatalogDatasetFacet(
        framework="iceberg",
        type="rest",
        name=account.table_bucket_arn.rpartition("/")[2],
        metadataUri=account.catalog_uri,
        warehouseUri=account.table_bucket_arn,
    )
    facets: dict[str, DatasetFacet] = {"catalog": catalog}
    if name == result.table:
        facets["version"] = dataset_version_dataset.DatasetVersionDatasetFacet(str(result.snapshot_id))
    of_period = base_subset_dataset.Partition({"delivery_period": result.period})
    return OutputDataset(
        account.table_bucket_arn,
        name,
        facets=facets,
        outputFacets={
            "outputStatistics": output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet(rowCount=rows),
            "subset": base_subset_dataset.OutputSubsetOutputDatasetFacet(
                base_subset_dataset.PartitionSubsetCondition([of_period])
            ),
        },
    )


def _names(uri: str) -> tuple[str, str]:
    """Return a file's namespace and name: `s3://bucket` and the key, or `sftp://host` and the path."""
    from growth_verticals.landing.uris import decode_name, decode_path, split_s3_uri

    if not uri.startswith("sftp://"):
        bucket, key = split_s3_uri(uri)
        return f"s3://{bucket}", key
    conn_id = uri.removeprefix("sftp://").partition("/")[0]
    connection = find_connection(conn_id)
    host = connection.host if connection else conn_id
    port = f":{connection.port}" if connection and connection.port not in (None, _SFTP_PORT) else ""
    return f"sftp://{host}{port}", decode_name(decode_path(uri))
