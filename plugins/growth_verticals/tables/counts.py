"""Checks of a delivery's counts, before its commits."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from growth_verticals.catalog.service_errors import service_errors
from growth_verticals.errors import DeliveryRefusedError
from growth_verticals.tables.ledger import count_loaded_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyiceberg.table import Table

    from growth_verticals.cadence import Period
    from growth_verticals.contract.table import TableContract
    from growth_verticals.delivery import StagedFile


class RecordCounts(NamedTuple):
    """Files and records of a whole delivery, including those that were loaded before."""

    files: int
    read: int
    rejected: int


def count_records(
    table: Table, rejects_table: Table, period: Period, pending: Sequence[StagedFile], loaded: set[str]
) -> RecordCounts:
    """Count the records of the files to load, and of those of the delivery that are loaded. Raises `ServiceError`."""
    with service_errors("counting the rows of files that are already loaded", table.location()):
        rejected = count_loaded_rows(rejects_table, period.key, loaded)
        read = count_loaded_rows(table, period.key, loaded) + rejected
    return RecordCounts(
        len(pending) + len(loaded),
        read + sum(file.rows_read for file in pending),
        rejected + sum(file.rows_rejected for file in pending),
    )


def require_expected(period: Period, counts: RecordCounts, expected_rows: int | None, source_name: str) -> None:
    """Raise `DeliveryRefusedError` unless the delivery has the expected number of records; None: any number."""
    if expected_rows is not None and counts.read != expected_rows:
        raise DeliveryRefusedError(
            f"the delivery for {period.key} does not have the expected number of records",
            source=source_name,
            expected=f"{expected_rows:,}",
            found=f"{counts.read:,} in {counts.files} file(s)",
            next_step="ask the vendor which number is right; this run loaded nothing of the delivery. If the files are "
            "wrong, load the corrected ones (in Airflow, clear the task await of this run); if the number is wrong, "
            "start a new load with the right one",
            counts={"rows_read": counts.read, "rows_expected": expected_rows},
        )


def require_expected_by_file(pending: Sequence[StagedFile], source_name: str) -> None:
    """Compare each file's records with the vendor's manifest. A file that the table holds already is not counted."""
    for file in pending:
        if file.expected_rows is not None and file.rows_read != file.expected_rows:
            raise DeliveryRefusedError(
                "the file does not have the number of records that the vendor's manifest says",
                source=source_name,
                file=file.name,
                expected=f"{file.expected_rows:,}",
                found=f"{file.rows_read:,}",
                next_step="ask the vendor which number is right; this run loaded nothing of the delivery. When a "
                "corrected file and manifest are there, load the delivery again (in Airflow, clear the task await)",
                counts={"rows_read": file.rows_read, "rows_expected": file.expected_rows},
            )


def require_few_rejects(
    contract: TableContract, period: Period, counts: RecordCounts, max_rejected: float, source_name: str
) -> None:
    """Raise `DeliveryRefusedError` if a larger share of the records than `max_rejected` was rejected."""
    _, read, rejected = counts
    if read and rejected / read > max_rejected:
        raise DeliveryRefusedError(
            f"{rejected:,} of {read:,} records were rejected, {rejected / read:.2%}; nothing was loaded",
            source=source_name,
            expected=f"at most {max_rejected:.2%} for {period.key}",
            next_step=f"query {contract.identifier}_rejects where delivery_period = '{period.key}' (columns reason and "
            'column_name; docs/rejects.md lists the remedies, such as quoted_empty="null" for quoted_empty). '
            "Then load again. In Airflow, clear one task of this run: await when the vendor has sent a "
            "corrected file, stage after a fix of the SQL file or the declaration, commit after raising max_rejected",
            counts={"rows_read": read, "rows_rejected": rejected},
        )
