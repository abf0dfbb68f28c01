"""Undo: remove the rows and rejects of loaded files from their tables. The files then count as not loaded."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa
from pyiceberg.expressions import EqualTo

from growth_verticals.catalog.create import ensure_table
from growth_verticals.catalog.service_errors import service_errors
from growth_verticals.contract.table import rejects_contract
from growth_verticals.tables.commit_loop import commit_with_retry
from growth_verticals.tables.ledger import file_filter, loaded_digests

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pyiceberg.catalog.rest import RestCatalog
    from pyiceberg.table import Table, Transaction

    from growth_verticals.cadence import Period
    from growth_verticals.contract.table import TableContract


@dataclass(frozen=True, kw_only=True)
class LoadedFile:
    """A file of which a period's tables hold rows or rejects."""

    name: str
    sha256: str
    rows_loaded: int
    rows_rejected: int


def find_loaded_files(catalog: RestCatalog, contract: TableContract, period: Period) -> list[LoadedFile]:
    """Return the files that a period's rows and rejects came from, by name. Reads two columns of these rows."""
    loaded = _count_rows(catalog, contract, period)
    rejected = _count_rows(catalog, rejects_contract(contract), period)
    return [
        LoadedFile(name=name, sha256=sha256, rows_loaded=loaded[name, sha256], rows_rejected=rejected[name, sha256])
        for name, sha256 in sorted(loaded | rejected)
    ]


def undo_load(catalog: RestCatalog, contract: TableContract, period: Period, sha256s: Iterable[str]) -> None:
    """Remove all rows of these files from the table, then all their rejects from the rejects table.

    Makes one snapshot per table. A retry removes what is left. A data file that holds only rows of these files is
    dropped without being read; one that also holds other files' rows (staged together, or compacted) is rewritten in
    memory. Raises `CommitError`, `ServiceError`.
    """
    digests = set(sha256s)

    def change(table: Table) -> Callable[[Transaction], None] | None:
        loaded = loaded_digests(table, period.key, digests)
        if not loaded:
            return None
        return lambda transaction: transaction.delete(file_filter(period.key, loaded))

    for identifier in (contract.identifier, rejects_contract(contract).identifier):
        commit_with_retry(catalog, identifier, change)


def _count_rows(catalog: RestCatalog, contract: TableContract, period: Period) -> Counter[tuple[str, str]]:
    table = ensure_table(catalog, contract)
    columns = ("source_file", "source_file_sha256")
    counts: Counter[tuple[str, str]] = Counter()
    with service_errors(f"reading {contract.identifier}", catalog.uri):
        scan = table.scan(row_filter=EqualTo("delivery_period", period.key), selected_fields=columns)  # type: ignore[call-arg,arg-type]
        for batch in scan.to_arrow_batch_reader():
            pairs = pa.Table.from_batches([batch]).group_by(list(columns)).aggregate([([], "count_all")])
            for pair in pairs.to_pylist():
                counts[pair["source_file"], pair["source_file_sha256"]] += pair["count_all"]
    return counts
