"""Writes rejected records in the vendor's format, to send back for correction.

Delimited text, fixed-width text and JSON lines are written as they arrived. The rejects table stores records of Excel
and Parquet files as JSON; they are written as CSV with the names in that JSON. In files that a spreadsheet may open,
cells that would run as a formula get an apostrophe in front.
"""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING

from growth_verticals.files.records import Escapes
from growth_verticals.files.rejects import TRUNCATION_MARK
from growth_verticals.source import Delimited, Excel, Parquet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import TextIO

    from growth_verticals.reader import Reader
    from growth_verticals.source import Format

#: Characters that start a formula in a spreadsheet, and those that it skips before one (OWASP, "CSV Injection").
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def header_line(reader: Reader) -> str:
    """Return a delimited file's header line with its line end: the first one in an archive, empty for other formats.

    Reads one block, and raises what reading it raises.
    """
    from growth_verticals.files.delimited import DelimitedReader

    next(reader.blocks(), None)
    return reader.header if isinstance(reader, DelimitedReader) else ""


def suffix_of(form: Format) -> str:
    """Return the suffix for the name of a file that `export_rejects` writes."""
    if isinstance(form, Delimited):
        return ".csv" if form.delimiter == "," else ".txt"
    return ".csv" if _is_stored_as_json(form) else ".jsonl" if form.label == "JSON lines" else ".txt"


def encoding_of(form: Format) -> str:
    """Return the encoding of the vendor's files."""
    return getattr(form, "encoding", "utf-8")


def is_truncated(record: str) -> bool:
    """Whether the rejects table stores only the beginning of this record."""
    return record.endswith(TRUNCATION_MARK)


def export_rejects(
    out: TextIO, records: Callable[[], Iterable[str]], form: Format, header: str = "", *, exact: bool = False
) -> int:
    """Write records to `out`, and return the number written.

    Truncated records are skipped where their text could swallow or break the next record: in all formats except
    delimited text, and with `exact`. Memory: one record, and for Excel and Parquet the column names.

    :param out: must not convert line ends (`newline=""`).
    :param records: returns all records from the start at each call.
    :param header: the vendor's header line with its line end; empty if there is none, or if it is unknown.
    :param exact: write cells unchanged, including formulas.
    """
    if _is_stored_as_json(form):
        return _write_csv(out, records, exact=exact)
    line = header.rstrip("\r\n")
    line_end = header[len(line) :] or "\n"
    safe = isinstance(form, Delimited) and not exact
    written = 0
    if line:
        out.write(line + line_end)
    for record in records():
        if is_truncated(record) and not safe:
            continue
        text = _without_formulas(record, form) if safe and isinstance(form, Delimited) else record
        out.write(text + line_end)
        written += 1
    return written


def _is_stored_as_json(form: Format) -> bool:
    return isinstance(form, (Excel, Parquet))


def _write_csv(out: TextIO, records: Callable[[], Iterable[str]], *, exact: bool) -> int:
    def rows() -> Iterable[dict[str, object]]:
        return (json.loads(record) for record in records() if not is_truncated(record))

    writer = csv.DictWriter(out, list(dict.fromkeys(name for row in rows() for name in row)))
    writer.writeheader()
    written = 0
    for row in rows():
        cells = {name: "" if value is None else str(value) for name, value in row.items()}
        writer.writerow(cells if exact else {name: _as_text_cell(cell) for name, cell in cells.items()})
        written += 1
    return written


def _without_formulas(record: str, form: Delimited) -> str:
    """Return a delimited record in which a spreadsheet reads every cell as text; unchanged if whole and harmless."""
    if form.quote is None:
        return form.delimiter.join(map(_as_text_cell, record.split(form.delimiter)))
    escapes = Escapes(form) if form.escape else None
    text = escapes.hide(record.encode()).decode() if escapes else record
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=form.delimiter, quotechar=form.quote)
    cells = [escapes.unescape(cell) if escapes else cell for row in reader for cell in row]
    escaped = [_as_text_cell(cell) for cell in cells]
    if escaped == cells and not is_truncated(record):
        return record
    out = io.StringIO(newline="")
    # csv.writer quotes cells that contain a character of the line terminator, so that must be both \r and \n.
    writer = csv.writer(
        out,
        delimiter=form.delimiter,
        quotechar=form.quote,
        escapechar=form.escape,
        doublequote=form.escape is None,
        lineterminator="\r\n",
    )
    writer.writerow(escaped)
    return out.getvalue().removesuffix("\r\n")


def _as_text_cell(cell: str) -> str:
    return f"'{cell}" if cell.startswith(_FORMULA_STARTS) else cell
