"""The table as its own ledger: its current snapshot says which files and rows it holds."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
from pyiceberg.conversions import from_bytes
from pyiceberg.expressions import And, BooleanExpression, EqualTo, In
from pyiceberg.types import PrimitiveType
from pyroaring import BitMap64

from growth_verticals.tables.scan import read_columns, scan

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from pyiceberg.table import FileScanTask, Table

_COLUMNS = ("delivery_period", "source_file_sha256")
_NAME = "source_file"
_DIGEST_LENGTH = 64


def file_filter(period_key: str, sha256s: Iterable[str]) -> BooleanExpression:
    """Return the row filter for some files' rows in one period."""
    # pyiceberg's expressions are pydantic models. mypy sees pydantic's constructor instead of theirs.
    return And(EqualTo(_COLUMNS[0], period_key), In(_COLUMNS[1], set(sha256s)))  # type: ignore[call-arg,arg-type]


def loaded_digests(table: Table, period_key: str, sha256s: Iterable[str]) -> set[str]:
    """Return those of `sha256s` (lower-case hex) that have rows for the period in the table's current snapshot.

    Manifests rule out the data files that cannot hold these rows. From the other data files two dictionary-encoded
    columns are read until every digest is found. The result is correct after compaction and snapshot expiry too,
    because neither changes rows. Memory: one row group of two columns. Takes tens of milliseconds while data files are
    as they were staged; after compaction it reads two columns of the period's data files.
    """
    requested = set(sha256s)
    loaded: set[str] = set()
    for digests in _scan_digests(table, period_key, requested):
        loaded |= requested.intersection(pc.unique(digests).to_pylist())
        if loaded == requested:
            break
    return loaded


def loaded_stagings(table: Table, period_key: str, sha256s: Iterable[str]) -> dict[str, set[int]]:
    """Return, by digest, the stagings that the table's rows for the period come from; digests without rows are omitted.

    A staging is identified by its `staged_at` in microseconds since 1970, which all its rows and rejects have. A data
    file with one staging of one file is not opened, because its bounds contain both. From the others three columns are
    read. Memory: three columns of one row group.
    """
    requested = set(sha256s)
    found: dict[str, set[int]] = {}
    if not requested:
        return found
    columns = (*_COLUMNS, "staged_at")
    for task in table.scan(row_filter=file_filter(period_key, requested)).plan_files():
        if (single := _single_staging(table, task, period_key)) is not None:
            found.setdefault(single[0], set()).add(single[1])
            continue
        for batch in read_columns(table, task, columns, _COLUMNS):
            for digest, staging in _stagings_in(rows_in_period(batch, period_key)):
                found.setdefault(digest, set()).add(staging)
    return {digest: stagings for digest, stagings in found.items() if digest in requested}


class NamedFile(NamedTuple):
    """A file of which a table has rows: its content under one name."""

    name: str
    sha256: str


def loaded_files(table: Table, period_key: str, names: Collection[str] | None = None) -> dict[NamedFile, set[int]]:
    """Return the files of which a table's current snapshot holds rows for the period, each with its stagings.

    A data file with one staging of one file is not opened, because its bounds contain all of that. A name that is cut
    in the bounds is read, and so are names in compacted data files: four dictionary-encoded columns. Memory: these
    columns of one row group.

    :param names: only the files with these names; None for all.
    """
    row_filter: BooleanExpression = EqualTo(_COLUMNS[0], period_key)  # type: ignore[call-arg,arg-type] # as above
    if names is not None:
        row_filter = And(row_filter, In(_NAME, set(names)))  # type: ignore[call-arg,arg-type]
    found: dict[NamedFile, set[int]] = {}
    columns = (*_COLUMNS, _NAME, "staged_at")
    for task in table.scan(row_filter=row_filter).plan_files():
        for sha256, name, staged_at in _files_of(table, task, period_key, columns):
            if names is None or name in names:
                found.setdefault(NamedFile(name, sha256), set()).add(staged_at)
    return found


def _files_of(
    table: Table, task: FileScanTask, period_key: str, columns: Sequence[str]
) -> Iterator[tuple[str, str, int]]:
    """Yield digest, name and staging of the period's rows in a data file, each once per row group."""
    if (values := _single_values(table, task, columns)) is not None:
        period, sha256, name, staged_at = values
        if period == period_key:
            yield sha256, name, staged_at
        return
    for batch in read_columns(table, task, columns, columns[:-1]):
        for _, sha256, name, staged_at in _distinct(rows_in_period(batch, period_key), columns):
            yield sha256, name, staged_at


def _distinct(batch: pa.RecordBatch, columns: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    """Yield the different rows of a batch, of which `staged_at` is the last column."""
    texts = [batch.column(name).cast(pa.string()) for name in columns[:-1]]
    rows = pa.table([*texts, staging_numbers(batch)], names=list(columns)).group_by(list(columns)).aggregate([])
    yield from zip(*(rows.column(name).to_pylist() for name in columns), strict=True)


def _single_staging(table: Table, task: FileScanTask, period_key: str) -> tuple[str, int] | None:
    """Return digest and staging of a data file if its bounds show that all rows have the same; otherwise None."""
    values = _single_values(table, task, (*_COLUMNS, "staged_at"))
    return (values[1], values[2]) if values is not None and values[0] == period_key else None


def _single_values(table: Table, task: FileScanTask, columns: Sequence[str]) -> list[Any] | None:
    """Return the values of a data file's columns if its bounds show that all rows have the same; otherwise None.

    Bounds of a text that was cut are never equal: the upper one is larger than the text.
    """
    if task.delete_files:
        return None
    values: list[Any] = []
    for name in columns:
        field = table.schema().find_field(name)
        lower, upper = (
            (bounds or {}).get(field.field_id) for bounds in (task.file.lower_bounds, task.file.upper_bounds)
        )
        if lower is None or lower != upper or not isinstance(field.field_type, PrimitiveType):
            return None
        values.append(from_bytes(field.field_type, lower))
    return values if len(values[1]) == _DIGEST_LENGTH else None


def staging_numbers(batch: pa.RecordBatch) -> pa.Array:
    """Return a batch's `staged_at` as microseconds since 1970, int64."""
    return batch.column("staged_at").cast(pa.timestamp("us", "UTC")).cast(pa.int64())


def _stagings_in(batch: pa.RecordBatch) -> Iterator[tuple[str, int]]:
    digests, staged_at = batch.column(_COLUMNS[1]), staging_numbers(batch)
    extremes = pc.min_max(staged_at)
    if extremes["min"] == extremes["max"]:
        for digest in pc.unique(digests).to_pylist():
            yield digest, extremes["min"].as_py()
        return
    pairs = pa.table({"digest": digests.cast(pa.string()), "at": staged_at}).group_by(["digest", "at"]).aggregate([])
    yield from zip(pairs.column("digest").to_pylist(), pairs.column("at").to_pylist(), strict=True)


def count_loaded_rows(table: Table, period_key: str, sha256s: Iterable[str]) -> int:
    """Return how many rows of these files the table's current snapshot holds for the period."""
    requested = set(sha256s)
    values = pa.array(sorted(requested), pa.string())
    return sum(
        pc.sum(pc.is_in(digests.cast(pa.string()), value_set=values)).as_py() or 0
        for digests in _scan_digests(table, period_key, requested)
    )


def loaded_row_numbers(table: Table, period_key: str, sha256s: Iterable[str]) -> dict[str, BitMap64]:
    """Return, by digest, the `source_row` values that the table's current snapshot holds for the period.

    Reads three columns of the period's data files. Memory: at most one bit per row, because row numbers are dense.
    """
    loaded = {sha256: BitMap64() for sha256 in sha256s}
    columns = (*_COLUMNS, "source_row")
    for batch in _scan_period(table, period_key, set(loaded), columns):
        _add_row_numbers(loaded, batch)
    return loaded


def rows_and_stagings(
    table: Table, period_key: str, sha256s: Iterable[str]
) -> tuple[dict[str, BitMap64], dict[str, set[int]]]:
    """Return what `loaded_row_numbers` and `loaded_stagings` return, from one scan of four columns."""
    loaded = {sha256: BitMap64() for sha256 in sha256s}
    stagings: dict[str, set[int]] = {}
    for batch in _scan_period(table, period_key, set(loaded), (*_COLUMNS, "source_row", "staged_at")):
        _add_row_numbers(loaded, batch)
        for digest, staging in _stagings_in(batch):
            if digest in loaded:
                stagings.setdefault(digest, set()).add(staging)
    return loaded, stagings


def _add_row_numbers(loaded: dict[str, BitMap64], batch: pa.RecordBatch) -> None:
    """Add a batch's `source_row` values to the bitmap of their digest. Digests that `loaded` lacks are skipped."""
    digests = batch.column("source_file_sha256").cast(pa.string())
    for sha256 in pc.unique(digests).to_pylist():
        if sha256 in loaded:
            loaded[sha256].update(row_numbers(batch.column("source_row").filter(pc.equal(digests, sha256))))


def row_numbers(source_rows: pa.Array) -> array[int]:
    """Return an int64 Arrow array without nulls as an array that a bitmap can add in one call."""
    numbers = array("Q")
    if len(source_rows):
        start = 8 * source_rows.offset
        numbers.frombytes(memoryview(source_rows.buffers()[1])[start : start + 8 * len(source_rows)])
    return numbers


def _scan_digests(table: Table, period_key: str, sha256s: set[str]) -> Iterator[pa.Array]:
    """Yield the `source_file_sha256` of the period's rows in every data file that may hold one of `sha256s`."""
    for batch in _scan_period(table, period_key, sha256s, _COLUMNS):
        yield batch.column(_COLUMNS[1])


def _scan_period(table: Table, period_key: str, sha256s: set[str], columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
    if not sha256s:
        return
    for batch in scan(table, file_filter(period_key, sha256s), columns, dictionary_columns=_COLUMNS):
        yield rows_in_period(batch, period_key)


def rows_in_period(batch: pa.RecordBatch, period_key: str) -> pa.RecordBatch:
    """Return the rows of a batch whose `delivery_period` is this one."""
    return batch.filter(pc.equal(batch.column(_COLUMNS[0]).cast(pa.string()), period_key))
