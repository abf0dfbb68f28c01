"""Rejected records: the reasons there are, and how a block's good rows are parted from its bad ones."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from growth_verticals.contract.schema import arrow_schema
from growth_verticals.reader import Parsed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from growth_verticals.contract.table import Column

MAX_RAW_CHARACTERS = 16_384
CUT_MARK = " …[cut]"


class Reason(StrEnum):
    """Why a record is not loaded. The values are stored in rejects tables: add to them, never rename one."""

    #: The column is NOT NULL, and the cell is empty or a declared spelling of NULL.
    MISSING_REQUIRED = "missing_required"
    #: Something else than a sign and digits: `12.0`, `1E5`, `0x1F`.
    NOT_AN_INTEGER = "not_an_integer"
    #: A number or time of the right form that the column's type cannot hold.
    OUT_OF_RANGE = "out_of_range"
    #: Not a decimal number.
    NOT_A_DECIMAL = "not_a_decimal"
    #: More digits behind the point, or of a second, than the column keeps.
    TOO_PRECISE = "too_precise"
    #: Not a finite number: text, NaN, infinity.
    NOT_A_NUMBER = "not_a_number"
    #: Not of the declared date format, or no day of the calendar.
    NOT_A_DATE = "not_a_date"
    #: Not of the declared timestamp format, no time of the clock, or with a zone where none belongs (or without).
    NOT_A_TIMESTAMP = "not_a_timestamp"
    #: None of the declared spellings.
    NOT_A_BOOLEAN = "not_a_boolean"
    #: Not a UUID of 32 hexadecimal digits.
    NOT_A_UUID = "not_a_uuid"
    #: The record has fewer cells than the header.
    TOO_FEW_COLUMNS = "too_few_columns"
    #: The record has more cells than the header.
    TOO_MANY_COLUMNS = "too_many_columns"
    #: The record is longer than a block may grow.
    TOO_LONG = "too_long"
    #: A NUL character in the cell.
    NUL_BYTE = "nul_byte"
    #: The line is not one JSON object with each key once.
    NOT_JSON = "not_json"
    #: A list or object where a plain value belongs, or a value whose type cannot become the column's.
    WRONG_TYPE = "wrong_type"


#: The bad cells of one column: row of the block → reason.
Faults = dict[int, Reason]


@dataclass(frozen=True)
class Rejected:
    """One record that is not loaded; `column_name`, `reason`, `expected` have a part a bad cell, joined by `; `."""

    source_row: int
    column_name: str | None
    reason: str
    expected: str | None
    raw_record: str


_REJECTS = pa.schema(
    [
        pa.field("source_row", pa.int64(), nullable=False),
        pa.field("column_name", pa.string()),
        pa.field("reason", pa.string(), nullable=False),
        pa.field("expected", pa.string()),
        pa.field("raw_record", pa.string()),
    ]
)


def split_rejects(
    columns: tuple[Column, ...],
    values: Sequence[pa.Array],
    source_rows: pa.Array,
    faults: Mapping[str, Faults],
    expected: Mapping[str, str],
    raw: Callable[[int], str],
    whole: Sequence[Rejected] = (),
) -> Parsed:
    """Return a block's good rows and its rejected records.

    :param columns, values: the contract's columns and their arrays, all of one length; a bad cell's value is any.
    :param source_rows: int64, of that length.
    :param faults: by column; NOT NULL columns with a NULL are found here. A column that is no contract column (an
        ignored one with a NUL, say) may have faults too.
    :param expected: by column, what the contract asks for.
    :param raw: the record of a row as it came.
    :param whole: records that never became rows, such as short ones.
    """
    found = {name: dict(rows) for name, rows in faults.items() if rows}
    for column, array in zip(columns, values, strict=True):
        if column.required and array.null_count:
            known = found.setdefault(column.name, {})
            for row in true_rows(array.is_null()):
                known.setdefault(row, Reason.MISSING_REQUIRED)
    rows = pa.RecordBatch.from_arrays([*values, source_rows], schema=rows_schema(columns))
    if not found and not whole:
        return Parsed(rows, rejects_batch(()), rows.num_rows)
    by_row = _by_row(found, [column.name for column in columns])
    rejected = list(whole)
    for row, cells in by_row.items():
        rejected.append(
            Rejected(
                source_row=source_rows[row].as_py(),
                column_name="; ".join(name for name, _ in cells),
                reason="; ".join(reason for _, reason in cells),
                expected="; ".join(expected.get(name, "text") for name, _ in cells),
                raw_record=raw(row),
            )
        )
    kept = rows.filter(_all_but(by_row, rows.num_rows)) if by_row else rows
    rejected.sort(key=lambda record: record.source_row)
    return Parsed(kept, rejects_batch(rejected), rows.num_rows + len(whole))


@lru_cache(maxsize=8)
def rows_schema(columns: tuple[Column, ...]) -> pa.Schema:
    """Return the schema of `Parsed.rows`."""
    return arrow_schema(columns).append(pa.field("source_row", pa.int64(), nullable=False))


def rejects_batch(rejected: Sequence[Rejected]) -> pa.RecordBatch:
    """Return `Parsed.rejects`, raw records cut to `MAX_RAW_CHARACTERS` and marked where they were."""
    return pa.RecordBatch.from_pydict(
        {
            "source_row": [record.source_row for record in rejected],
            "column_name": [record.column_name for record in rejected],
            "reason": [record.reason for record in rejected],
            "expected": [record.expected for record in rejected],
            "raw_record": [_cut(record.raw_record) for record in rejected],
        },
        schema=_REJECTS,
    )


def true_rows(mask: pa.Array) -> list[int]:
    """Return the places where a boolean array is true."""
    return pc.indices_nonzero(mask).to_pylist()  # type: ignore[no-any-return]


def _by_row(found: Mapping[str, Faults], order: Sequence[str]) -> dict[int, list[tuple[str, Reason]]]:
    """Turn column → row → reason about: row → its bad cells, in column order, columns not in `order` last."""
    place = {name: number for number, name in enumerate(order)}
    by_row: dict[int, list[tuple[str, Reason]]] = {}
    for name in sorted(found, key=lambda name: place.get(name, len(place))):
        for row, reason in found[name].items():
            by_row.setdefault(row, []).append((name, reason))
    return by_row


def _all_but(rows: Mapping[int, object], length: int) -> pa.Array:
    keep = [True] * length
    for row in rows:
        keep[row] = False
    return pa.array(keep)


def _cut(text: str) -> str:
    return text if len(text) <= MAX_RAW_CHARACTERS else text[:MAX_RAW_CHARACTERS] + CUT_MARK
