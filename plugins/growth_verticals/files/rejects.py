"""Rejected records: the reason codes, and the split of a block into valid rows and rejects."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from growth_verticals.contract.schema import arrow_schema
from growth_verticals.reader import ParsedBlock

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from growth_verticals.contract.table import Column

MAX_RAW_CHARACTERS = 16_384
TRUNCATION_MARK = " …[cut]"


class Reason(StrEnum):
    """Why a record is not loaded. Rejects tables store the values: add new ones, and never rename one."""

    #: The column is NOT NULL, and the cell is empty or a declared spelling of NULL.
    MISSING_REQUIRED = "missing_required"
    #: Anything but a sign and digits: `12.0`, `1E5`, `0x1F`.
    NOT_AN_INTEGER = "not_an_integer"
    #: A well-formed number or time that the column's type cannot store.
    OUT_OF_RANGE = "out_of_range"
    #: Not a decimal number.
    NOT_A_DECIMAL = "not_a_decimal"
    #: More digits after the decimal point, or more digits of a second, than the column stores.
    TOO_PRECISE = "too_precise"
    #: Not a finite number: text, NaN, infinity.
    NOT_A_NUMBER = "not_a_number"
    #: An empty quoted cell in a column that is not text, of a source that does not read those as NULL.
    QUOTED_EMPTY = "quoted_empty"
    #: Not in the declared date format, or not a day of the calendar.
    NOT_A_DATE = "not_a_date"
    #: Not in the declared format, not a valid time, a time zone in a timestamp, or none in a timestamptz.
    NOT_A_TIMESTAMP = "not_a_timestamp"
    #: Not one of the declared spellings.
    NOT_A_BOOLEAN = "not_a_boolean"
    #: Not a UUID of 32 hexadecimal digits.
    NOT_A_UUID = "not_a_uuid"
    #: The record has fewer cells than the header.
    TOO_FEW_COLUMNS = "too_few_columns"
    #: The record has more cells than the header.
    TOO_MANY_COLUMNS = "too_many_columns"
    #: A quote inside a quoted cell that is not doubled, so that its value is not certain.
    STRAY_QUOTE = "stray_quote"
    #: The record is longer than the maximum length.
    TOO_LONG = "too_long"
    #: A NUL character in the cell.
    NUL_BYTE = "nul_byte"
    #: Bytes in a text cell that are not UTF-8.
    NOT_UTF8 = "not_utf8"
    #: The line is not one JSON object with each key once.
    NOT_JSON = "not_json"
    #: An Excel formula without a stored value: the program that wrote the workbook did not calculate it.
    NOT_CALCULATED = "not_calculated"
    #: A list or object instead of a plain value, or a value that cannot be cast to the column's type.
    WRONG_TYPE = "wrong_type"


#: The bad cells of one column: row index in the block → reason.
Faults = dict[int, Reason]


@dataclass(frozen=True)
class Rejected:
    """One record that is not loaded. `column_name`, `reason`, `expected` have one item per bad cell, joined by `; `."""

    source_row: int
    column_name: str | None
    reason: str
    expected: str | None
    raw_record: str


_REJECTS_SCHEMA = pa.schema(
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
    raw_record: Callable[[int], str],
    unparsed: Sequence[Rejected] = (),
) -> ParsedBlock:
    """Return a block's valid rows and its rejected records.

    :param columns, values: the contract's columns and their arrays, all of the same length. The value of a bad cell
        does not matter.
    :param source_rows: int64, of the same length.
    :param faults: by column. Columns outside the contract can have faults too (a NUL in an ignored one). NULLs in NOT
        NULL columns are detected here.
    :param expected: by column, what a valid cell is.
    :param raw_record: returns the record of a row as it is in the file.
    :param unparsed: rejected records that never became rows, such as those with too few cells.
    """
    all_faults = {name: dict(rows) for name, rows in faults.items() if rows}
    for column, array in zip(columns, values, strict=True):
        if column.required and array.null_count:
            column_faults = all_faults.setdefault(column.name, {})
            for row in true_rows(array.is_null()):
                column_faults.setdefault(row, Reason.MISSING_REQUIRED)
    rows = pa.RecordBatch.from_arrays([*values, source_rows], schema=rows_schema(columns))
    if not all_faults and not unparsed:
        return ParsedBlock(rows, rejects_batch(()), rows.num_rows)
    by_row = _faults_by_row(all_faults, [column.name for column in columns])
    rejected = list(unparsed)
    for row, cells in by_row.items():
        rejected.append(
            Rejected(
                source_row=source_rows[row].as_py(),
                column_name="; ".join(name for name, _ in cells),
                reason="; ".join(reason for _, reason in cells),
                expected="; ".join(expected.get(name, "text") for name, _ in cells),
                raw_record=raw_record(row),
            )
        )
    valid = rows.filter(_keep_mask(by_row, rows.num_rows)) if by_row else rows
    rejected.sort(key=lambda record: record.source_row)
    return ParsedBlock(valid, rejects_batch(rejected), rows.num_rows + len(unparsed))


@lru_cache(maxsize=8)
def rows_schema(columns: tuple[Column, ...]) -> pa.Schema:
    """Return the schema of `ParsedBlock.rows`."""
    return arrow_schema(columns).append(pa.field("source_row", pa.int64(), nullable=False))


def rejects_batch(rejected: Sequence[Rejected]) -> pa.RecordBatch:
    """Return `ParsedBlock.rejects`. Raw records over `MAX_RAW_CHARACTERS` are truncated and marked."""
    return pa.RecordBatch.from_pydict(
        {
            "source_row": [record.source_row for record in rejected],
            "column_name": [record.column_name for record in rejected],
            "reason": [record.reason for record in rejected],
            "expected": [record.expected for record in rejected],
            "raw_record": [_truncated(record.raw_record) for record in rejected],
        },
        schema=_REJECTS_SCHEMA,
    )


def true_rows(mask: pa.Array) -> list[int]:
    """Return the indices at which a boolean array is true."""
    return pc.indices_nonzero(mask).to_pylist()  # type: ignore[no-any-return]


def _faults_by_row(faults: Mapping[str, Faults], order: Sequence[str]) -> dict[int, list[tuple[str, Reason]]]:
    """Return the bad cells of each row, in the column order `order`, with other columns last."""
    position = {name: number for number, name in enumerate(order)}
    by_row: dict[int, list[tuple[str, Reason]]] = {}
    for name in sorted(faults, key=lambda name: position.get(name, len(position))):
        for row, reason in faults[name].items():
            by_row.setdefault(row, []).append((name, reason))
    return by_row


def _keep_mask(bad_rows: Mapping[int, object], length: int) -> pa.Array:
    keep = [True] * length
    for row in bad_rows:
        keep[row] = False
    return pa.array(keep)


def _truncated(text: str) -> str:
    return text if len(text) <= MAX_RAW_CHARACTERS else text[:MAX_RAW_CHARACTERS] + TRUNCATION_MARK
