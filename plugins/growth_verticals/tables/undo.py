"""Undo: remove the rows and rejects of loaded files from their tables. The files then count as not loaded."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa
from pyiceberg.expressions import EqualTo

from growth_verticals.catalog.create import ensure_table
from growth_verticals.catalog.load_summary import LoadSummary
from growth_verticals.catalog.service_errors import service_errors
from growth_verticals.contract.table import rejects_contract
from growth_verticals.tables.commit_loop import commit_with_retry
from growth_verticals.tables.ledger import loaded_stagings, rows_in_period
from growth_verticals.tables.rewrite import without_rows
from growth_verticals.tables.scan import scan

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pyiceberg.catalog.rest import RestCatalog
    from pyiceberg.table import Table, Transaction

    from growth_verticals.cadence import Period
    from growth_verticals.contract.table import TableContract
    from growth_verticals.tables.rewrite import Stagings


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


def undo_load(
    catalog: RestCatalog, contract: TableContract, source_name: str, period: Period, sha256s: Iterable[str]
) -> None:
    """Remove all rows of these files from the table, then all their rejects from the rejects table.

    Makes one snapshot per table. A retry removes what is left. Rejects that another load of the same file has committed
    in the meantime stay, because they belong to that load's rows. A data file with rows of these files only is dropped;
    one that also holds other files' rows (staged together, or compacted) is written again without these rows. Memory:
    two row groups. Raises `CommitError`, `ServiceError`.
    """
    wanted = set(sha256s)
    rejects = rejects_contract(contract)
    undone = loaded_stagings(ensure_table(catalog, rejects), period.key, wanted)

    def remove_rows(table: Table) -> Callable[[Transaction], None] | None:
        present = loaded_stagings(table, period.key, wanted)
        for sha256, stagings in present.items():
            undone[sha256] = undone.get(sha256, set()) | stagings
        return _removal(table, contract, dict.fromkeys(present)) if present else None

    def remove_rejects(table: Table) -> Callable[[Transaction], None] | None:
        present = loaded_stagings(table, period.key, wanted)
        # Read after the rejects table: a load that has loaded the file again keeps its rejects.
        loaded = loaded_stagings(catalog.load_table(contract.identifier), period.key, wanted)
        removed = {
            sha256: stagings
            for sha256 in present
            if (stagings := present[sha256] & undone.get(sha256, set()) - loaded.get(sha256, set()))
        }
        return _removal(table, rejects, removed) if removed else None

    def _removal(table: Table, contract: TableContract, stagings: Stagings) -> Callable[[Transaction], None]:
        summary = LoadSummary(source=source_name, period=period.key, files=len(stagings)).to_properties()
        return lambda transaction: without_rows(table, contract, period.key, stagings).apply(transaction, summary)

    commit_with_retry(catalog, contract.identifier, remove_rows)
    commit_with_retry(catalog, rejects.identifier, remove_rejects)


def _count_rows(catalog: RestCatalog, contract: TableContract, period: Period) -> Counter[tuple[str, str]]:
    """Count a period's rows by file. Memory: two columns of one row group."""
    table = ensure_table(catalog, contract)
    columns = ("delivery_period", "source_file", "source_file_sha256")
    counts: Counter[tuple[str, str]] = Counter()
    with service_errors(f"reading {contract.identifier}", catalog.uri):
        of_period = EqualTo("delivery_period", period.key)  # type: ignore[call-arg,arg-type] # as in ledger.py
        for batch in scan(table, of_period, columns):
            pairs = (
                pa.Table.from_batches([rows_in_period(batch, period.key)])
                .group_by(list(columns[1:]))
                .aggregate([([], "count_all")])
            )
            for pair in pairs.to_pylist():
                counts[pair["source_file"], pair["source_file_sha256"]] += pair["count_all"]
    return counts
