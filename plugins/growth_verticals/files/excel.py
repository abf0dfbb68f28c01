"""Excel workbooks. The sheet's first row is the header; every cell is read as text and cast as delimited text is.

Memory: the workbook, which a row limit of 1,048,576 bounds; calamine holds the sheet.
"""

from __future__ import annotations

import datetime as dt
import functools
import io
import itertools
import json
import re
import zipfile
import zlib
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from growth_verticals.errors import FileRefusedError
from growth_verticals.files.casts import Caster, as_map, declared_formats
from growth_verticals.files.headers import EXTRA, expected_texts, resolve
from growth_verticals.files.rejects import Faults, Reason, split_rejects
from growth_verticals.files.unpack.compression import looks_like, unexpected_content
from growth_verticals.reader import Block, Parsed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import python_calamine

    from growth_verticals.contract.table import TableContract
    from growth_verticals.files.unpack.compression import ByteStream
    from growth_verticals.source import Excel, Source

BATCH_CELLS = 500_000
#: Sum of a workbook's parts when inflated; a sheet of the largest size with some tens of columns is under it.
MAX_WORKBOOK_BYTES = 2**32
_EXACT_INTEGERS = 2**53
_COPY_BYTES = 2**20
_LONGEST_TAG = 1_024


class ExcelReader:
    """One workbook, or the members of one zip archive. `source_row` is the sheet's row number.

    A number without a fraction reads as an integer (`12`, not `12.0`), an empty cell as NULL. A cell that shows an
    error (`#N/A`) is rejected.
    """

    def __init__(
        self,
        members: Iterable[tuple[str, ByteStream]],
        source: Source,
        form: Excel,
        contract: TableContract,
        *,
        batch_cells: int = BATCH_CELLS,
    ) -> None:
        self._members = members
        self._source = source
        self._form = form
        self._contract = contract
        self._batch_cells = batch_cells
        self._formats = declared_formats(contract.columns, form)
        self._casters = {each.name: Caster(each, form, self._formats.get(each.name)) for each in contract.columns}
        self._expected = expected_texts(contract, self._formats)

    def blocks(self) -> Iterator[Block]:
        """Yield blocks; see `Reader.blocks`."""
        for name, stream in self._members:
            workbook = io.BytesIO(_read_all(stream))
            if not workbook.getvalue():
                raise self._refusal("the file is empty", name)
            if looks_like(workbook.getvalue()[:64]) != "a zip archive":
                found = looks_like(workbook.getvalue()[:64])
                raise unexpected_content(name, self._source.name, "an Excel workbook (.xlsx)", found)
            sheet, errors = self._sheet(name, workbook)
            yield from self._rows(name, sheet, errors)

    def parse(self, block: Block) -> Parsed:
        """Parse one block; see `Reader.parse`. A rejected row's raw record is the row as JSON."""
        layout, rows, errors = block.data
        cells = {name: [row[place] for _, row in rows] for place, name in enumerate(layout.names)}
        numbers = pa.array([number for number, _ in rows], pa.int64())
        values = []
        faults: dict[str, Faults] = {}
        for column in self._contract.columns:
            if column.name in layout.known:
                texts = [self._text(cell, column.name) for cell in cells[column.name]]
                array, found = self._casters[column.name](pa.array(texts, pa.string()))
                place = layout.names.index(column.name)
                shown = [row for row, (number, _) in enumerate(rows) if (number, place) in errors]
                faults[column.name] = found | dict.fromkeys(shown, Reason.WRONG_TYPE)
            elif column.name == EXTRA and layout.extras:
                array = as_map({each: pa.array(map(self._text, cells[each]), pa.string()) for each in layout.extras})
            else:
                array = pa.nulls(len(rows), self._casters[column.name].kind)
            values.append(array)

        def raw(row: int) -> str:
            pairs = zip(layout.names, map(self._text, rows[row][1]), strict=True)
            return json.dumps({name: text for name, text in pairs if text is not None}, ensure_ascii=False)

        return split_rejects(self._contract.columns, values, numbers, faults, self._expected, raw)

    def _rows(self, name: str, sheet: python_calamine.CalamineSheet, errors: set[tuple[int, int]]) -> Iterator[Block]:
        """Yield the sheet's rows below the header, empty ones left out."""
        shown = {number for number, _ in errors}
        rows_of_sheet = enumerate(sheet.iter_rows(), start=1)
        numbered = ((number, row) for number, row in rows_of_sheet if number in shown or any(c != "" for c in row))
        line, header = next(numbered)
        names = [self._text(cell) or "" for cell in header]
        layout = resolve(names, self._source, self._contract, name, line)
        size = max(1, self._batch_cells // len(names))
        while rows := list(itertools.islice(numbered, size)):
            yield Block((layout, rows, errors), rows[0][0])

    def _sheet(self, name: str, workbook: io.BytesIO) -> tuple[python_calamine.CalamineSheet, set[tuple[int, int]]]:
        """Return the sheet to read, and the places (1-based row, 0-based column of its data) of cells with errors."""
        import python_calamine

        try:
            with zipfile.ZipFile(workbook) as parts:
                if sum(part.file_size for part in parts.infolist()) > MAX_WORKBOOK_BYTES:
                    raise self._refusal(f"the workbook inflates to more than {MAX_WORKBOOK_BYTES:,} bytes", name)
                workbook.seek(0)
                book = python_calamine.CalamineWorkbook.from_filelike(workbook)
                sheet, column = self._pick(name, book)
                return sheet, _error_cells(parts, _sheet_path(parts, book.sheet_names.index(sheet.name)), column)
        except (python_calamine.CalamineError, zipfile.BadZipFile, zlib.error, KeyError, IndexError) as error:
            raise self._refusal("the workbook cannot be read", name, found=type(error).__name__) from error

    def _pick(self, name: str, book: python_calamine.CalamineWorkbook) -> tuple[python_calamine.CalamineSheet, int]:
        """Return the sheet to read, and the 0-based column where its data start."""
        wanted = [sheet for sheet in book.sheet_names if self._form.sheet in (None, sheet)]
        filled = [(sheet, sheet.start[1]) for sheet in map(book.get_sheet_by_name, wanted) if sheet.start is not None]
        if len(filled) != 1:
            what = "the workbook has not exactly one sheet that is not empty"
            if self._form.sheet is not None:
                what = "the workbook has no such sheet, or it is empty"
            raise self._refusal(what, name, found=", ".join(book.sheet_names))
        return filled[0]

    def _text(self, cell: Any, name: str | None = None) -> str | None:
        """Return a cell as calamine gives it as text; a date in the column's declared format."""
        if isinstance(cell, str):
            return cell or None
        if isinstance(cell, bool):
            return self._casters[name].spelled(cell) if name else str(cell).lower()
        if isinstance(cell, float):
            return str(int(cell)) if cell.is_integer() and abs(cell) < _EXACT_INTEGERS else repr(cell)
        if isinstance(cell, dt.date) and (form := self._formats.get(name or "")):
            return cell.strftime(form)
        if isinstance(cell, dt.datetime):
            a_day = name is not None and pa.types.is_date(self._casters[name].kind) and cell.time() == dt.time()
            return cell.date().isoformat() if a_day else cell.isoformat(" ")
        return cell.isoformat() if isinstance(cell, (dt.date, dt.time)) else str(cell)

    def _refusal(self, what: str, file: str, found: str | None = None) -> FileRefusedError:
        next_step = "open the workbook and look; name the sheet in the source's format, or ask for the file again"
        return FileRefusedError(
            what, source=self._source.name, file=file, expected=self._form.sheet, found=found, next_step=next_step
        )


def _read_all(stream: ByteStream) -> bytes:
    return b"".join(iter(lambda: stream.read(_COPY_BYTES), b""))


def _attributes(tag: bytes) -> dict[str, str]:
    pairs = re.findall(rb'([\w:]+)\s*=\s*"([^"]*)"', tag)
    return {key.decode().rpartition(":")[2].lower(): value.decode() for key, value in pairs}


def _sheet_path(parts: zipfile.ZipFile, place: int) -> str:
    """Return the name of the part that holds the sheet at `place` of the workbook."""
    sheets = re.findall(rb"<(?:\w+:)?sheet\s([^>]*)>", parts.read("xl/workbook.xml"))
    relations = re.findall(rb"<(?:\w+:)?Relationship\s([^>]*)>", parts.read("xl/_rels/workbook.xml.rels"))
    wanted = _attributes(sheets[place])["id"]
    target = next(each["target"] for each in map(_attributes, relations) if each["id"] == wanted)
    return target.lstrip("/") if target.startswith("/") else f"xl/{target}"


def _error_cells(parts: zipfile.ZipFile, path: str, first_column: int) -> set[tuple[int, int]]:
    """Return the places of cells that show an error; calamine gives those as empty, which would load as NULL."""
    places = set()
    tail = b""
    with parts.open(path) as sheet:
        while data := sheet.read(_COPY_BYTES):
            text = tail + data
            for tag in re.findall(rb'<(?:\w+:)?c\s([^>]*\bt="e"[^>]*)>', text):
                letters, row = re.fullmatch(r"([A-Z]+)([0-9]+)", _attributes(tag)["r"]).groups()  # type: ignore[union-attr]
                column = functools.reduce(lambda number, letter: number * 26 + ord(letter) - 64, letters, 0) - 1
                places.add((int(row), column - first_column))
            tail = text[-_LONGEST_TAG:]
    return places
