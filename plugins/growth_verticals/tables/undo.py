"""Undo: remove the rows and rejects of loaded files from their tables. The files then count as not loaded."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pyarrow as pa
from pyiceberg.expressions import EqualTo

from growth_verticals.catalog.create import ensure_table
from growth_verticals.catalog.load_summary import LoadSummary
from growth_verticals.catalog.service_errors import service_errors
from growth_verticals.contract.table import rejects_contract
from growth_verticals.errors import DeliveryError, DeliveryRefusedError
from growth_verticals.tables.commit_loop import commit_with_retry
from growth_verticals.tables.ledger import loaded_stagings, rows_in_period, staging_numbers
from growth_verticals.tables.rewrite import without_rows
from growth_verticals.tables.scan import scan

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

    from pyiceberg.catalog.rest import RestCatalog
    from pyiceberg.table import Table, Transaction

    from growth_verticals.cadence import Period
    from growth_verticals.contract.table import TableContract
    from growth_verticals.delivery import Actor
    from growth_verticals.tables.rewrite import Stagings


@dataclass(frozen=True, kw_only=True)
class LoadedFile:
    """A file of which a period's tables hold rows or rejects.

    :param stagings: `staged_at` of its rows and rejects, in microseconds. They are not the same after another load.
    """

    name: str
    sha256: str
    rows_loaded: int
    rows_rejected: int
    stagings: Sequence[int] = ()


def find_loaded_files(catalog: RestCatalog, contract: TableContract, period: Period) -> list[LoadedFile]:
    """Return the files that a period's rows and rejects came from, by name.

    Reads four columns of these rows. Memory: a batch of them (`scan`), and one count per file.
    """
    loaded = _count_rows(catalog, contract, period)
    rejected = _count_rows(catalog, rejects_contract(contract), period)
    return [
        LoadedFile(
            name=file[0],
            sha256=file[1],
            rows_loaded=loaded.rows[file],
            rows_rejected=rejected.rows[file],
            stagings=tuple(sorted(loaded.stagings.get(file, set()) | rejected.stagings.get(file, set()))),
        )
        for file in sorted(loaded.rows | rejected.rows)
    ]


def select_files(files: Sequence[LoadedFile], names: Collection[str] | None, source: str) -> list[LoadedFile]:
    """Return the files with these names, or all files if `names` is None or empty.

    Raises `DeliveryError` for a name that is not loaded.
    """
    if not names:
        return list(files)
    missing = sorted(set(names) - {file.name for file in files})
    if missing:
        loaded = ", ".join(sorted({file.name for file in files})) or "none"
        raise DeliveryError("no such file is loaded", source=source, file=missing[0], expected=f"one of: {loaded}")
    return [file for file in files if file.name in names]


def undo_load(
    catalog: RestCatalog,
    contract: TableContract,
    source_name: str,
    period: Period,
    sha256s: Iterable[str],
    *,
    actor: Actor | None = None,
    approved: Collection[LoadedFile] | None = None,
) -> int | None:
    """Remove all rows of these files from the table, then all their rejects from the rejects table.

    Return the id of the snapshot without the rows; None if there were none, for example in a retry.

    Makes one snapshot per table. A retry removes what is left. Rejects that another load of the same file has committed
    in the meantime stay, because they belong to that load's rows. A data file with rows of these files only is dropped;
    one that also holds other files' rows (staged together, or compacted) is written again without these rows. Memory:
    two row groups.

    :param actor: who undoes it, for the snapshots' summaries.
    :param approved: these files as a person saw them. Then only rows and rejects of these stagings are removed.

    Raises `DeliveryRefusedError` if other rows would leave than those that were approved; then nothing is changed.
    Raises `CommitError`, `ServiceError`.
    """
    wanted = set(sha256s)
    seen = None if approved is None else {file.sha256: set(file.stagings) for file in approved}
    expected = None if approved is None else sum(file.rows_loaded for file in approved)
    rejects = rejects_contract(contract)
    made: list[int] = []

    def stagings_in(table: Table) -> dict[str, set[int]]:
        found = loaded_stagings(table, period.key, wanted)
        if seen is None:
            return found
        return {sha256: each for sha256, stagings in found.items() if (each := stagings & seen.get(sha256, set()))}

    undone = stagings_in(ensure_table(catalog, rejects))

    def remove_rows(table: Table) -> Callable[[Transaction], None] | None:
        present = stagings_in(table)
        for sha256, stagings in present.items():
            undone[sha256] = undone.get(sha256, set()) | stagings
        removed = dict.fromkeys(present) if seen is None else present
        return _removal(table, contract, removed, expected) if present else None

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

    def _removal(
        table: Table, contract: TableContract, stagings: Stagings, expected: int | None = None
    ) -> Callable[[Transaction], None]:
        summary = LoadSummary(source=source_name, period=period.key, files=len(stagings), action="undo", actor=actor)

        def apply(transaction: Transaction) -> None:
            replacement = without_rows(table, contract, period.key, stagings)
            if expected is not None:
                require_approved_rows(source_name, period, expected, replacement.rows)
            made.append(replacement.apply(transaction, summary.to_properties()))

        return apply

    metadata = commit_with_retry(catalog, contract.identifier, remove_rows).metadata
    of_rows = next((each for each in made if metadata.snapshot_by_id(each) is not None), None)
    commit_with_retry(catalog, rejects.identifier, remove_rejects)
    return of_rows


def require_approved_rows(source_name: str, period: Period, approved: int, leaving: int) -> None:
    """Raise `DeliveryRefusedError` unless exactly as many rows leave as a person has approved."""
    if leaving != approved:
        raise DeliveryRefusedError(
            f"the rows of these files for {period.key} have changed since they were shown; nothing was changed",
            source=source_name,
            expected=f"{approved:,} rows that leave",
            found=f"{leaving:,}",
            next_step="start a new run, which shows what is loaded now",
        )


@dataclass
class _Counts:
    """Rows and stagings by file: name and digest."""

    rows: Counter[tuple[str, str]] = field(default_factory=Counter)
    stagings: dict[tuple[str, str], set[int]] = field(default_factory=dict)


def _count_rows(catalog: RestCatalog, contract: TableContract, period: Period) -> _Counts:
    """Count a period's rows by file."""
    table = ensure_table(catalog, contract)
    columns = ("delivery_period", "source_file", "source_file_sha256", "staged_at")
    counts = _Counts()
    with service_errors(f"reading {contract.identifier}", catalog.uri):
        of_period = EqualTo("delivery_period", period.key)  # type: ignore[call-arg,arg-type] # as in ledger.py
        for batch in scan(table, of_period, columns):
            rows = rows_in_period(batch, period.key)
            texts = [rows.column(name).cast(pa.string()) for name in columns[1:3]]
            files = pa.table([*texts, staging_numbers(rows)], names=list(columns[1:]))
            for each in files.group_by(list(columns[1:])).aggregate([([], "count_all")]).to_pylist():
                file = each["source_file"], each["source_file_sha256"]
                counts.rows[file] += each["count_all"]
                counts.stagings.setdefault(file, set()).add(each["staged_at"])
    return counts
