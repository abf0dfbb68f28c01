"""Rejected records in their vendor's own format, to be sent back and corrected.

Delimited text, fixed width and JSON lines are written as they came. Excel and Parquet, whose records the rejects table
keeps as JSON, become CSV under our column names. In what a spreadsheet may open, cells that would run as a formula get
an apostrophe in front.
"""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING

from growth_verticals.files.records import Escapes
from growth_verticals.files.rejects import CUT_MARK
from growth_verticals.source import Delimited, Excel, Parquet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import TextIO

    from growth_verticals.reader import Reader
    from growth_verticals.source import Format

#: What starts a formula in a spreadsheet, and what is passed over before one (OWASP, "CSV Injection").
_RISKY = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def header_line(reader: Reader) -> str:
    """Return the header line of a delimited file, or of the first one in an archive, with its line end; else nothing.

    Reads one block, and raises what that raises.
    """
    from growth_verticals.files.delimited import DelimitedReader

    next(reader.blocks(), None)
    return reader.header if isinstance(reader, DelimitedReader) else ""


def suffix_of(form: Format) -> str:
    """Return how the name of a file that `export_rejects` writes should end."""
    if isinstance(form, Delimited):
        return ".csv" if form.delimiter == "," else ".txt"
    return ".csv" if _as_json(form) else ".jsonl" if form.label == "JSON lines" else ".txt"


def encoding_of(form: Format) -> str:
    """Return the encoding that the vendor writes in."""
    return getattr(form, "encoding", "utf-8")


def is_cut(record: str) -> bool:
    """Whether the rejects table holds only the beginning of this record."""
    return record.endswith(CUT_MARK)


def export_rejects(
    out: TextIO, records: Callable[[], Iterable[str]], form: Format, header: str = "", *, exact: bool = False
) -> int:
    """Write records to `out`, which keeps line ends as they are; return how many are there.

    Cut records are left out where what is left of one could swallow or break the next: in all but delimited text, and
    under `exact`. Memory: one record, and for Excel and Parquet the column names.

    :param records: returns them anew at each call.
    :param header: the vendor's header line with its line end; empty where there is none, or it is not known.
    :param exact: leave cells as they are, formulas too.
    """
    if _as_json(form):
        return _write_csv(out, records, exact=exact)
    line = header.rstrip("\r\n")
    line_end = header[len(line) :] or "\n"
    safe = isinstance(form, Delimited) and not exact
    written = 0
    if line:
        out.write(line + line_end)
    for record in records():
        if is_cut(record) and not safe:
            continue
        text = _harmless(record, form) if safe and isinstance(form, Delimited) else record
        out.write(text + line_end)
        written += 1
    return written


def _as_json(form: Format) -> bool:
    return isinstance(form, (Excel, Parquet))


def _write_csv(out: TextIO, records: Callable[[], Iterable[str]], *, exact: bool) -> int:
    def rows() -> Iterable[dict[str, object]]:
        return (json.loads(record) for record in records() if not is_cut(record))

    writer = csv.DictWriter(out, list(dict.fromkeys(name for row in rows() for name in row)))
    writer.writeheader()
    written = 0
    for row in rows():
        cells = {name: "" if value is None else str(value) for name, value in row.items()}
        writer.writerow(cells if exact else {name: _escaped(cell) for name, cell in cells.items()})
        written += 1
    return written


def _harmless(record: str, form: Delimited) -> str:
    """Return a delimited record whose cells are text to a spreadsheet; the record itself if all are."""
    if form.quote is None:
        return form.delimiter.join(map(_escaped, record.split(form.delimiter)))
    escapes = Escapes(form) if form.escape else None
    text = escapes.hide(record.encode()).decode() if escapes else record
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=form.delimiter, quotechar=form.quote)
    cells = [escapes.cell(cell) if escapes else cell for row in reader for cell in row]
    escaped = [_escaped(cell) for cell in cells]
    if escaped == cells and not is_cut(record):
        return record
    out = io.StringIO(newline="")
    # Cells are quoted for what ends a line, so that must be both characters.
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


def _escaped(cell: str) -> str:
    return f"'{cell}" if cell.startswith(_RISKY) else cell
