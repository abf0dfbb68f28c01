"""Writes rejected records in the vendor's format, to send back for correction.

Delimited text, fixed-width text and JSON lines are written as they arrived. The rejects table stores records of Excel
and Parquet files as JSON; they are written as CSV with the names in that JSON, with quotes around every value and
nothing for NULL. In files that a spreadsheet may open, an apostrophe is put in front of a cell that would run as a
formula. Nothing else is changed.
"""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import TYPE_CHECKING

from growth_verticals.files.records import Dialect, quoted_spans
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


def omits_truncated(form: Format, *, exact: bool) -> bool:
    """Whether an export leaves truncated records out: in all formats except delimited text, and with `exact`."""
    return exact or not isinstance(form, Delimited)


def export_rejects(
    out: TextIO, records: Callable[[], Iterable[str]], form: Format, header: str = "", *, exact: bool = False
) -> int:
    """Write records to `out`, and return the number written.

    Truncated records are left out where their text could swallow or break the next record (`omits_truncated`).
    Memory: one record, and for Excel and Parquet the column names.

    :param out: must not convert line ends (`newline=""`).
    :param records: returns all records from the start at each call.
    :param header: the vendor's header line with its line end; empty if there is none, or if it is unknown.
    :param exact: write cells unchanged, including formulas.
    """
    if _is_stored_as_json(form):
        return _write_csv(out, records, exact=exact)
    line = header.rstrip("\r\n")
    line_end = header[len(line) :] or "\n"
    escaped = form if isinstance(form, Delimited) and not exact else None
    written = 0
    if line:
        out.write((_without_formulas(line, escaped) if escaped else line) + line_end)
    for record in records():
        if is_truncated(record) and omits_truncated(form, exact=exact):
            continue
        out.write((_without_formulas(record, escaped) if escaped else record) + line_end)
        written += 1
    return written


def _is_stored_as_json(form: Format) -> bool:
    return isinstance(form, (Excel, Parquet))


def _write_csv(out: TextIO, records: Callable[[], Iterable[str]], *, exact: bool) -> int:
    def rows() -> Iterable[dict[str, object]]:
        return (json.loads(record) for record in records() if not is_truncated(record))

    names = list(dict.fromkeys(name for row in rows() for name in row))
    out.write(csv_line(names, exact=exact))
    written = 0
    for row in rows():
        out.write(csv_line([row.get(name) for name in names], exact=exact))
        written += 1
    return written


def csv_line(values: Iterable[object], *, exact: bool = False) -> str:
    """Return a line of CSV: quotes around every value, and nothing for NULL, which csv.writer cannot do.

    :param exact: write cells unchanged, including formulas.
    """
    cells = []
    for value in values:
        is_text = isinstance(value, (str, Decimal))
        text = str(value) if is_text else json.dumps(value, ensure_ascii=False)
        text = f"'{text}" if isinstance(value, str) and _is_formula(text) and not exact else text
        cells.append("" if value is None else '"{}"'.format(text.replace('"', '""')))
    return (",".join(cells) or '""') + "\r\n"  # an empty line is not a record


def _without_formulas(record: str, form: Delimited) -> str:
    """Return a delimited record with an apostrophe before the text of each cell that a spreadsheet would run.

    Nothing else is changed, also in a record with a stray quote; but if a truncated record ends inside quotes, they are
    closed, so that it does not swallow the next record.
    """
    data = plain = record.encode()
    special = [each.encode() for each in (form.delimiter, form.quote, form.escape) if each]
    if form.escape:  # an escaped character is text; a filler of the same length keeps all offsets
        pattern = re.escape(form.escape.encode()) + b"(?:" + b"|".join(map(re.escape, special)) + b")"
        plain = re.sub(pattern, lambda match: b"_" * len(match[0]), data)
    quote, delimiter = form.quote.encode() if form.quote else None, form.delimiter.encode()
    masked = bytearray(plain)
    end = 0
    for start, end in quoted_spans(plain, Dialect(delimiter, quote)):
        masked[start + 1 : end - 1] = b"_" * (end - start - 2)
    pieces, written = [], 0
    for start in (0, *(match.end() for match in re.finditer(re.escape(delimiter), masked))):
        text = start + len(quote) if quote and masked.startswith(quote, start) else start
        if _is_formula(_first_characters(data[text : text + 8].decode(errors="ignore"), form)):
            pieces += [data[written:text], b"'"]
            written = text
    is_open = quote is not None and end > len(data)
    return b"".join([*pieces, data[written:]]).decode() + (form.quote or "") * is_open


def _first_characters(cell: str, form: Delimited) -> str:
    """Return the start of a cell without the escape before its first character."""
    escaped = form.escape and cell.startswith(form.escape) and cell[1:2] in (form.delimiter, form.quote, form.escape)
    return cell[1:] if escaped else cell


def _is_formula(cell: str) -> bool:
    return cell.startswith(_FORMULA_STARTS)
