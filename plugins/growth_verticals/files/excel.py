"""Excel workbooks. The sheet's first row that is not empty is the header.

Every cell is read as text and cast as in delimited text. Memory: the workbook, and the sheet in calamine. A sheet has
at most 1,048,576 rows.
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
from growth_verticals.files.headers import EXTRA, describe_expected, resolve_header
from growth_verticals.files.rejects import Faults, Reason, split_rejects
from growth_verticals.files.unpack.compression import sniff_content, unexpected_content_error
from growth_verticals.reader import Block, ParsedBlock

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import python_calamine

    from growth_verticals.contract.table import TableContract
    from growth_verticals.files.unpack.compression import ByteStream
    from growth_verticals.source import Excel, Source

BATCH_CELLS = 500_000
#: Limit for the decompressed size of all parts of a workbook. A sheet of 1,048,576 rows and tens of columns fits.
MAX_WORKBOOK_BYTES = 2**32
_EXACT_INTEGERS = 2**53
_COPY_BYTES = 2**20
_LONGEST_TAG = 1_024


class ExcelReader:
    """Reads one workbook, or the members of one zip archive. `source_row` is the sheet's row number.

    A number without a fraction is read as an integer (`12`, not `12.0`), and an empty cell as NULL. A cell with an
    error value (`#N/A`) is rejected.
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
        self._expected = describe_expected(contract, self._formats)

    def blocks(self) -> Iterator[Block]:
        """Yield blocks; see `Reader.blocks`."""
        for name, stream in self._members:
            workbook = io.BytesIO(_read_all(stream))
            if not workbook.getvalue():
                raise self._file_error("the file is empty", name)
            if sniff_content(workbook.getvalue()[:64]) != "a zip archive":
                found = sniff_content(workbook.getvalue()[:64])
                raise unexpected_content_error(name, self._source.name, "an Excel workbook (.xlsx)", found)
            sheet, errors = self._open_sheet(name, workbook)
            yield from self._row_blocks(name, sheet, errors)

    def parse(self, block: Block) -> ParsedBlock:
        """Parse one block; see `Reader.parse`. A rejected row's raw record is the row as JSON."""
        layout, rows, errors = block.data
        cells = {name: [row[index] for _, row in rows] for index, name in enumerate(layout.names)}
        numbers = pa.array([number for number, _ in rows], pa.int64())
        values = []
        faults: dict[str, Faults] = {}
        for column in self._contract.columns:
            if column.name in layout.known:
                texts = [self._cell_text(cell, column.name) for cell in cells[column.name]]
                array, bad_cells = self._casters[column.name](pa.array(texts, pa.string()))
                index = layout.names.index(column.name)
                error_rows = [row for row, (number, _) in enumerate(rows) if (number, index) in errors]
                faults[column.name] = bad_cells | dict.fromkeys(error_rows, Reason.WRONG_TYPE)
            elif column.name == EXTRA and layout.extras:
                array = as_map(
                    {each: pa.array(map(self._cell_text, cells[each]), pa.string()) for each in layout.extras}
                )
            else:
                array = pa.nulls(len(rows), self._casters[column.name].arrow_type)
            values.append(array)

        def raw_record(row: int) -> str:
            pairs = zip(layout.names, map(self._cell_text, rows[row][1]), strict=True)
            return json.dumps({name: text for name, text in pairs if text is not None}, ensure_ascii=False)

        return split_rejects(self._contract.columns, values, numbers, faults, self._expected, raw_record)

    def _row_blocks(
        self, name: str, sheet: python_calamine.CalamineSheet, errors: set[tuple[int, int]]
    ) -> Iterator[Block]:
        """Yield the sheet's rows below the header in blocks, without empty rows."""
        error_rows = {number for number, _ in errors}
        sheet_rows = enumerate(sheet.iter_rows(), start=1)
        numbered = ((number, row) for number, row in sheet_rows if number in error_rows or any(c != "" for c in row))
        line, header = next(numbered)
        names = [self._cell_text(cell) or "" for cell in header]
        layout = resolve_header(names, self._source, self._contract, name, line)
        size = max(1, self._batch_cells // len(names))
        while rows := list(itertools.islice(numbered, size)):
            yield Block((layout, rows, errors), rows[0][0])

    def _open_sheet(
        self, name: str, workbook: io.BytesIO
    ) -> tuple[python_calamine.CalamineSheet, set[tuple[int, int]]]:
        """Return the sheet to read, and the positions (1-based row, 0-based column in its data) of error values."""
        import python_calamine

        try:
            with zipfile.ZipFile(workbook) as parts:
                if sum(part.file_size for part in parts.infolist()) > MAX_WORKBOOK_BYTES:
                    raise self._file_error(f"the workbook expands to more than {MAX_WORKBOOK_BYTES:,} bytes", name)
                workbook.seek(0)
                book = python_calamine.CalamineWorkbook.from_filelike(workbook)
                sheet, column = self._pick_sheet(name, book)
                return sheet, _error_cells(parts, _sheet_path(parts, book.sheet_names.index(sheet.name)), column)
        except (python_calamine.CalamineError, zipfile.BadZipFile, zlib.error, KeyError, IndexError) as error:
            raise self._file_error("the workbook cannot be read", name, found=type(error).__name__) from error

    def _pick_sheet(
        self, name: str, book: python_calamine.CalamineWorkbook
    ) -> tuple[python_calamine.CalamineSheet, int]:
        """Return the sheet to read, and the 0-based column at which its data starts."""
        names = [sheet for sheet in book.sheet_names if self._form.sheet in (None, sheet)]
        filled = [(sheet, sheet.start[1]) for sheet in map(book.get_sheet_by_name, names) if sheet.start is not None]
        if len(filled) != 1:
            what = "the workbook does not have exactly one sheet that is not empty"
            if self._form.sheet is not None:
                what = "the workbook does not have the declared sheet, or it is empty"
            raise self._file_error(what, name, found=", ".join(book.sheet_names))
        return filled[0]

    def _cell_text(self, cell: Any, name: str | None = None) -> str | None:
        """Return calamine's value of a cell as text; a date in the column's declared format."""
        if isinstance(cell, str):
            return cell or None
        if isinstance(cell, bool):
            return self._casters[name].boolean_text(cell) if name else str(cell).lower()
        if isinstance(cell, float):
            return str(int(cell)) if cell.is_integer() and abs(cell) < _EXACT_INTEGERS else repr(cell)
        if isinstance(cell, dt.date) and (form := self._formats.get(name or "")):
            return cell.strftime(form)
        if isinstance(cell, dt.datetime):
            is_day = name is not None and pa.types.is_date(self._casters[name].arrow_type) and cell.time() == dt.time()
            return cell.date().isoformat() if is_day else cell.isoformat(" ")
        return cell.isoformat() if isinstance(cell, (dt.date, dt.time)) else str(cell)

    def _file_error(self, what: str, file: str, found: str | None = None) -> FileRefusedError:
        next_step = "open the workbook to check it; declare the sheet in the source's format, or ask for the file again"
        return FileRefusedError(
            what, source=self._source.name, file=file, expected=self._form.sheet, found=found, next_step=next_step
        )


def _read_all(stream: ByteStream) -> bytes:
    return b"".join(iter(lambda: stream.read(_COPY_BYTES), b""))


def _attributes(tag: bytes) -> dict[str, str]:
    pairs = re.findall(rb'([\w:]+)\s*=\s*"([^"]*)"', tag)
    return {key.decode().rpartition(":")[2].lower(): value.decode() for key, value in pairs}


def _sheet_path(parts: zipfile.ZipFile, index: int) -> str:
    """Return the name of the part that contains the sheet at `index` in the workbook."""
    sheets = re.findall(rb"<(?:\w+:)?sheet\s([^>]*)>", parts.read("xl/workbook.xml"))
    relations = re.findall(rb"<(?:\w+:)?Relationship\s([^>]*)>", parts.read("xl/_rels/workbook.xml.rels"))
    relation_id = _attributes(sheets[index])["id"]
    target = next(each["target"] for each in map(_attributes, relations) if each["id"] == relation_id)
    return target.lstrip("/") if target.startswith("/") else f"xl/{target}"


def _error_cells(parts: zipfile.ZipFile, path: str, first_column: int) -> set[tuple[int, int]]:
    """Return the positions of cells with an error value. Calamine returns those as empty, which would load as NULL."""
    positions = set()
    tail = b""
    with parts.open(path) as sheet:
        while data := sheet.read(_COPY_BYTES):
            text = tail + data
            for tag in re.findall(rb'<(?:\w+:)?c\s([^>]*\bt="e"[^>]*)>', text):
                letters, row = re.fullmatch(r"([A-Z]+)([0-9]+)", _attributes(tag)["r"]).groups()  # type: ignore[union-attr]
                column = functools.reduce(lambda number, letter: number * 26 + ord(letter) - 64, letters, 0) - 1
                positions.add((int(row), column - first_column))
            tail = text[-_LONGEST_TAG:]
    return positions
