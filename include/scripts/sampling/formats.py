"""Write records as a vendor would: delimited text, JSON lines, Parquet or an Excel workbook; some in a .gz or .zip.

The same records always give the same bytes: archives contain no timestamps. (Compressed bytes depend on the installed
zlib, so another machine can write different archives with the same content.)
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import zipfile
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    from collections.abc import Sequence

    from growth_verticals.contract.table import Column
    from growth_verticals.source import Delimited, Format

Record = list[object]
_ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)
_EXCEL_EPOCH = datetime(1899, 12, 30)  # noqa: DTZ001 - Excel dates have no time zone


def cell_text(value: object, column: str, style: Format) -> str:
    """Return a value as text: NULL, booleans, dates and times as `style` declares them, all else unchanged."""
    if value is None:
        return style.nulls[0] if style.nulls else ""
    if isinstance(value, bool):
        return (style.true if value else style.false)[0]
    if isinstance(value, datetime):
        pattern = style.timestamps.get(column) or style.timestamps.get("*")
        return value.strftime(pattern) if pattern else value.isoformat(" ")
    if isinstance(value, date):
        pattern = style.dates.get(column) or style.dates.get("*")
        return value.strftime(pattern) if pattern else value.isoformat()
    return str(value)


def delimited(header: Sequence[str], records: Sequence[Record], style: Delimited, newline: str) -> bytes:
    """Return a header line and one line per record; cells are quoted only where necessary."""
    text = io.StringIO()
    writer = csv.writer(
        text,
        delimiter=style.delimiter,
        quotechar=style.quote,
        quoting=csv.QUOTE_MINIMAL if style.quote else csv.QUOTE_NONE,
        lineterminator=newline,
    )
    writer.writerow(header)
    writer.writerows(records)
    return text.getvalue().encode(style.encoding)


def json_lines(keys: Sequence[str], records: Sequence[Record]) -> bytes:
    """Return one JSON object per line, without NULLs; a record with a single cell is written as it is."""
    lines = []
    for record in records:
        if len(record) == 1:
            lines.append(str(record[0]))
            continue
        cells = {key: _json_value(value) for key, value in zip(keys, record, strict=True) if value is not None}
        lines.append(json.dumps(cells, ensure_ascii=False, separators=(",", ":")))
    return "".join(f"{line}\n" for line in lines).encode()


def parquet(columns: Sequence[Column], records: Sequence[Record]) -> bytes:
    """Return a Parquet file with the vendor's own types: large strings, and one dictionary-encoded column."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    types = {"string": pa.large_string(), "date": pa.date32()}
    arrays = {}
    for position, column in enumerate(columns):
        array = pa.array([record[position] for record in records], types[column.type])
        arrays[column.name] = array.dictionary_encode() if column.name == "state" else array
    sink = io.BytesIO()
    pq.write_table(pa.table(arrays), sink)
    return sink.getvalue()


def workbook(sheets: dict[str, Sequence[Record]]) -> bytes:
    """Return an .xlsx file: numbers and dates as such, all other values as text."""
    names = "".join(f'<sheet name="{n}" sheetId="{i}" r:id="rId{i}"/>' for i, n in enumerate(sheets, 1))
    numbers = range(1, len(sheets) + 1)
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    rels = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006"
    content_type = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{package}/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{content_type}.sheet.main+xml"/>'
        f'<Override PartName="/xl/styles.xml" ContentType="{content_type}.styles+xml"/>'
        + "".join(
            f'<Override PartName="/xl/sheet{i}.xml" ContentType="{content_type}.worksheet+xml"/>' for i in numbers
        )
        + "</Types>",
        "_rels/.rels": f'<Relationships xmlns="{package}/relationships"><Relationship Id="rId1" '
        f'Type="{rels}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{main}" xmlns:r="{rels}"><sheets>{names}</sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{package}/relationships">'
        + "".join(f'<Relationship Id="rId{i}" Type="{rels}/worksheet" Target="sheet{i}.xml"/>' for i in numbers)
        + f'<Relationship Id="styles" Type="{rels}/styles" Target="styles.xml"/></Relationships>',
        # Style 1 is Excel's built-in short date (number format 14).
        "xl/styles.xml": f'<styleSheet xmlns="{main}"><fonts count="1"><font/></fonts><fills count="1"><fill/></fills>'
        '<borders count="1"><border/></borders><cellStyleXfs count="1"><xf/></cellStyleXfs><cellXfs count="2"><xf/>'
        '<xf numFmtId="14" applyNumberFormat="1"/></cellXfs></styleSheet>',
    }
    for number, rows in enumerate(sheets.values(), 1):
        lines = "".join(
            f'<row r="{r}">{"".join(_xml_cell(f"{_letters(c)}{r}", value) for c, value in enumerate(row))}</row>'
            for r, row in enumerate(rows, 1)
        )
        parts[f"xl/sheet{number}.xml"] = f'<worksheet xmlns="{main}"><sheetData>{lines}</sheetData></worksheet>'
    head = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
    return zipped({name: (head + xml).encode() for name, xml in parts.items()})


def gzipped(*members: bytes) -> bytes:
    """Return a .gz file with these members, one after the other."""
    buffer = io.BytesIO()
    for member in members:
        with gzip.GzipFile(filename="", fileobj=buffer, mode="wb", mtime=0) as file:
            file.write(member)
    return buffer.getvalue()


def zipped(members: dict[str, bytes]) -> bytes:
    """Return a .zip file with these members, by name."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in members.items():
            entry = zipfile.ZipInfo(name, _ZIP_EPOCH)
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, data, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def _json_value(value: object) -> object:
    if isinstance(value, Decimal):
        return float(value)  # prints the same digits up to 15 of them
    return value.isoformat() if isinstance(value, date) else value


def _letters(column: int) -> str:
    first, last = divmod(column, 26)
    return (chr(64 + first) if first else "") + chr(65 + last)


def _xml_cell(reference: str, value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, date):
        days = (datetime.combine(value, datetime.min.time()) - _EXCEL_EPOCH).days
        return f'<c r="{reference}" s="1"><v>{days}</v></c>'
    if isinstance(value, int | float):
        return f'<c r="{reference}"><v>{value}</v></c>'
    return f'<c r="{reference}" t="inlineStr"><is><t xml:space="preserve">{escape(str(value))}</t></is></c>'
