"""The table as its own ledger: which files' contents it holds, asked of its current metadata."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
from pyiceberg.expressions import And, BooleanExpression, EqualTo, In
from pyroaring import BitMap64

from growth_verticals.tables.scan import scan

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from pyiceberg.table import Table

_COLUMNS = ("delivery_period", "source_file_sha256")


def file_filter(period_key: str, sha256s: Iterable[str]) -> BooleanExpression:
    """Return the row filter of some files' rows in one period."""
    # pyiceberg declares its expressions as pydantic models, whose own constructor mypy sees instead of theirs.
    return And(EqualTo(_COLUMNS[0], period_key), In(_COLUMNS[1], set(sha256s)))  # type: ignore[call-arg,arg-type]


def loaded_digests(table: Table, period_key: str, sha256s: Iterable[str]) -> set[str]:
    """Return those of `sha256s` (lower-case hex) that have rows in the table's current snapshot for that period.

    Manifests rule out the data files that cannot hold them; of the others two dictionary-encoded columns are read
    until every digest is found. Right after compaction and snapshot expiry, since neither changes rows. Memory: one
    row group of two columns. Costs tens of milliseconds while files are as staged; after compaction, a read of two
    columns of the period's files.
    """
    wanted = set(sha256s)
    found: set[str] = set()
    for digests in _digests(table, period_key, wanted):
        found |= wanted.intersection(pc.unique(digests).to_pylist())
        if found == wanted:
            break
    return found


def count_loaded_rows(table: Table, period_key: str, sha256s: Iterable[str]) -> int:
    """Return how many rows the table's current snapshot holds of those files in that period."""
    wanted = set(sha256s)
    values = pa.array(sorted(wanted), pa.string())
    return sum(
        pc.sum(pc.is_in(digests.cast(pa.string()), value_set=values)).as_py() or 0
        for digests in _digests(table, period_key, wanted)
    )


def loaded_row_numbers(table: Table, period_key: str, sha256s: Iterable[str]) -> dict[str, BitMap64]:
    """Return, by digest, the `source_row`s of the table's current snapshot in that period.

    Reads three columns of the period's files. Memory: a bit a row at most, for row numbers lie close together.
    """
    found = {sha256: BitMap64() for sha256 in sha256s}
    columns = (*_COLUMNS, "source_row")
    for batch in _of_period(table, period_key, set(found), columns):
        add_rows(found, batch)
    return found


def add_rows(found: dict[str, BitMap64], batch: pa.RecordBatch) -> None:
    """Add a batch's `source_row`s to those of their `source_file_sha256`, for the digests that `found` has."""
    digests = batch.column("source_file_sha256").cast(pa.string())
    for sha256 in pc.unique(digests).to_pylist():
        if sha256 in found:
            found[sha256].update(row_numbers(batch.column("source_row").filter(pc.equal(digests, sha256))))


def row_numbers(source_rows: pa.Array) -> array[int]:
    """Return an int64 Arrow array without nulls as the kind of array that a bitmap takes in at once."""
    numbers = array("Q")
    if len(source_rows):
        start = 8 * source_rows.offset
        numbers.frombytes(memoryview(source_rows.buffers()[1])[start : start + 8 * len(source_rows)])
    return numbers


def _digests(table: Table, period_key: str, sha256s: set[str]) -> Iterator[pa.Array]:
    """Yield the `source_file_sha256` of the period's rows in every data file that may hold one of `sha256s`."""
    for batch in _of_period(table, period_key, sha256s, _COLUMNS):
        yield batch.column(_COLUMNS[1])


def _of_period(table: Table, period_key: str, sha256s: set[str], columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
    if not sha256s:
        return
    for batch in scan(table, file_filter(period_key, sha256s), columns, repeating=_COLUMNS):
        yield batch.filter(pc.equal(batch.column(_COLUMNS[0]).cast(pa.string()), period_key))
