"""The rows of a sheet and its shared strings, from their XML."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import IO, TYPE_CHECKING

from growth_verticals.files.xlsxcells import unescape
from growth_verticals.files.xlsxxml import MAX_TEXT, WorkbookError, check_levels, read_part

if TYPE_CHECKING:
    from collections.abc import Iterator

    from growth_verticals.files.xlsxcells import Cell, CellReader

#: The size of a sheet in Excel.
MAX_ROWS, MAX_COLUMNS = 1_048_576, 16_384
#: Limits for the cells of a sheet, empty ones included, for its other elements, and for the elements of the shared
#: strings: some minutes of work.
MAX_CELLS, MAX_OTHERS, MAX_STRING_ELEMENTS = 100_000_000, 20_000_000, 100_000_000
#: Limit for the memory of the shared strings, with Python's overhead for each: twenty million short ones.
MAX_SHARED_BYTES = 2**31
_STRING_OVERHEAD = 64
#: The namespaces of the elements of a workbook: transitional, strict, and none.
_NAMESPACES = (
    "http://schemas.openxmlformats.org/spreadsheetml/2006/main ",
    "http://purl.oclc.org/ooxml/spreadsheetml/main ",
    "",
)
#: The element around the next tag: none of these, a sheet's data, a row, a cell, a value, or an element in one of them.
_NOTHING, _DATA, _ROW, _CELL, _VALUE, _OTHER = range(6)

#: The first and last cell of a range.
_RANGE = re.compile(r"[A-Z]{1,3}[1-9][0-9]{0,6}:[A-Z]{1,3}([1-9][0-9]{0,6})")

#: A row's number, and its cells that are not empty by column (0-based).
Row = tuple[int, dict[int, "Cell"]]


@dataclass
class MergedRanges:
    """The ranges of merged cells that reach below a sheet's first rows. Only the first cell of a range has a value.

    :param above: number of these first rows.
    :param first: the first range as the sheet names it: `A2:A9`.
    """

    above: int = 0
    count: int = 0
    first: str = ""

    def add(self, reference: str) -> None:
        """Count a range; not one that no workbook can have."""
        match = _RANGE.fullmatch(reference)
        if match and int(match[1]) > self.above:
            self.count += 1
            self.first = self.first or reference


def sheet_rows(part: IO[bytes], cells: CellReader, merged: MergedRanges) -> Iterator[Row]:
    """Yield the rows of a sheet that are not empty. `merged` is complete after the last one."""
    handler = _SheetHandler(cells, merged)
    for _ in read_part(part, handler.start, handler.end, handler.text):
        yield from handler.rows
        handler.rows.clear()


def shared_strings(part: IO[bytes]) -> list[str]:
    """Return the texts of a workbook that several cells can share."""
    handler = _StringsHandler()
    for _ in read_part(part, handler.start, handler.end, handler.text):
        if handler.memory > MAX_SHARED_BYTES:
            raise WorkbookError(f"the workbook's texts need more than {MAX_SHARED_BYTES:,} bytes of memory")
    return handler.strings


class _RichText:
    """Joins the text of `t` elements, without the reading aids in `rPh` elements. `text` receives their text."""

    def __init__(self) -> None:
        self.text: list[str] = []
        self.joined: str | None = None
        self._aids = 0

    def open(self) -> None:
        self.joined = ""
        self._aids = 0

    def start(self, name: str) -> None:
        self.text.clear()
        self._aids += name == "rPh"

    def end(self, name: str) -> None:
        self._aids -= name == "rPh"
        if name == "t" and self._aids == 0 and self.joined is not None:
            self.joined += unescape("".join(self.text))
            if len(self.joined) > MAX_TEXT:
                raise WorkbookError(f"the workbook has a text of more than {MAX_TEXT:,} characters")

    def close(self) -> str:
        joined, self.joined = self.joined, None
        return joined or ""


class _StringsHandler:
    """Collects the `si` elements of the shared strings."""

    def __init__(self) -> None:
        self.strings: list[str] = []
        self.memory = 0
        self._elements = 0
        self._rich_text = _RichText()
        self.text = self._rich_text.text
        self._level = 0

    def start(self, name: str, _: dict[str, str]) -> None:
        self._level += 1
        check_levels(self._level)
        self._elements += 1
        if self._elements > MAX_STRING_ELEMENTS:
            raise WorkbookError(f"the workbook's texts have more than {MAX_STRING_ELEMENTS:,} elements")
        if self._level == 2:
            self._rich_text.open()
        else:
            self._rich_text.start(name.rpartition(" ")[2])

    def end(self, name: str) -> None:
        self._level -= 1
        local = name.rpartition(" ")[2]
        if self._level == 1 and local == "si":
            string = self._rich_text.close()
            self.strings.append(string)
            self.memory += len(string) + _STRING_OVERHEAD
        else:
            self._rich_text.end(local)


class _SheetHandler:
    """Collects the rows of a sheet.

    An element of a row in a place where Excel does not write it is refused: its value would be lost. A sheet has
    millions of cells, so `start` and `end` do the work of a usual cell themselves.
    """

    def __init__(self, cells: CellReader, merged: MergedRanges) -> None:
        self.rows: list[Row] = []
        self._merged = merged
        self._read_cell = cells.read
        self._rich_text = _RichText()
        self.text = self._rich_text.text
        self._inside = _NOTHING
        #: Levels of other elements, and what is around them.
        self._levels = 0
        self._around = _NOTHING
        self._value_name = self._cell_name = self._row_name = ""
        self._last_row = 0
        self._cells = self._others = 0
        #: Of the open row: its number, if it is known, and the same as text; its cells; its last column.
        self._number = 0
        self._number_text = ""
        self._row: dict[int, Cell] = {}
        self._column = -1
        #: Of the open cell: its attributes, and the texts of its elements.
        self._attributes: dict[str, str] = {}
        self._value: str | None = None
        self._inline: str | None = None
        self._formula: str | None = None

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if name == self._value_name:
            if self._inside != _CELL:
                raise self._misplaced()
            self._inside = _VALUE
            self.text.clear()
        elif name == self._cell_name:
            if self._inside != _ROW:
                raise self._misplaced()
            self._inside = _CELL
            self._attributes = attributes
            self._cells += 1
            self._value = self._inline = self._formula = None
            column = self._column_of(attributes["r"]) if "r" in attributes else self._column + 1
            if not self._column < column < MAX_COLUMNS:
                raise self._error("the cells of a row are not in order")
            self._column = column
        elif name == self._row_name:
            if self._inside != _DATA:
                raise self._misplaced()
            self._inside = _ROW
            self._row, self._column, self._number, self._number_text = {}, -1, 0, ""
            if "r" in attributes:
                self._set_number(attributes["r"])
        else:
            self._start_other(name, attributes)

    def end(self, name: str) -> None:
        if name == self._value_name:
            self._inside = _CELL
            self._value = "".join(self.text)
        elif name == self._cell_name:
            self._inside = _ROW
            attributes = self._attributes
            cell = self._read_cell(attributes.get("t"), attributes.get("s"), self._value, self._inline, self._formula)
            if cell is not None:
                self._row[self._column] = cell
        elif name == self._row_name:
            self._inside = _DATA
            if not self._number:
                self._set_number(str(self._last_row + 1))
            self._last_row = self._number
            if self._cells > MAX_CELLS:
                raise self._error(f"the sheet has more than {MAX_CELLS:,} cells")
            if self._row:
                self.rows.append((self._number, self._row))
        else:
            self._end_other(name)

    def _start_other(self, name: str, attributes: dict[str, str]) -> None:
        self._levels += 1
        check_levels(self._levels)
        self._others += 1
        if self._others > MAX_OTHERS + 4 * self._cells:  # those of a text in a cell
            raise self._error(f"the sheet has more than {MAX_OTHERS:,} elements that are not cells")
        local = name.rpartition(" ")[2]
        if self._levels == 1:
            self._open_sheet(name)
        elif self._levels == 2 and name == self._data_name:
            self._inside = _DATA
        else:
            if self._inside != _OTHER:
                self._around, self._around_levels = self._inside, self._levels
                self._inside = _OTHER
                if self._around == _CELL and name == self._inline_name:
                    self._rich_text.open()
            elif local == "mergeCell" and self._levels == 3 and self._around == _NOTHING:
                self._merged.add(attributes.get("ref", ""))
            self._rich_text.start(local)

    def _end_other(self, name: str) -> None:
        if self._inside != _OTHER:
            self._inside = _NOTHING  # the end of the rows, or of the sheet
        elif self._levels == self._around_levels:
            self._inside = self._around
            if self._inside == _CELL and name == self._formula_name:
                self._formula = "".join(self.text)
            elif self._inside == _CELL and name == self._inline_name:
                self._inline = self._rich_text.close()
        else:
            self._rich_text.end(name.rpartition(" ")[2])
        self._levels -= 1
        self.text.clear()

    def _open_sheet(self, name: str) -> None:
        namespace, _, local = name.rpartition(" ")
        namespace += " " if namespace else ""
        if local != "worksheet" or namespace not in _NAMESPACES:
            raise self._error("a part that should be a sheet is something else")
        self._data_name, self._row_name, self._cell_name = (namespace + each for each in ("sheetData", "row", "c"))
        self._value_name, self._formula_name, self._inline_name = (namespace + each for each in ("v", "f", "is"))

    def _set_number(self, text: str) -> None:
        if not re.fullmatch(r"[1-9][0-9]{0,6}", text) or not self._last_row < int(text) <= MAX_ROWS:
            raise self._error("the rows of the sheet are not in order")
        self._number, self._number_text = int(text), text

    def _column_of(self, reference: str) -> int:
        if not self._number:
            self._set_number(reference.lstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
        if not reference.endswith(self._number_text):
            raise self._error("a cell's reference is not in its row")
        return _column_number(reference[: -len(self._number_text)])

    def _misplaced(self) -> WorkbookError:
        return self._error("the sheet has a row, cell or value in an unexpected place")

    def _error(self, what: str) -> WorkbookError:
        return WorkbookError(what, row=self._number or self._last_row + 1)


@lru_cache(MAX_COLUMNS)
def _column_number(letters: str) -> int:
    """Return the 0-based column of `A` to `XFD`; `MAX_COLUMNS` for anything else."""
    number = 0
    for letter in letters if re.fullmatch("[A-Z]{1,3}", letters) else "ZZZ":
        number = number * 26 + ord(letter) - 64
    return min(number - 1, MAX_COLUMNS)


def column_letters(column: int) -> str:
    """Return the letters of a 0-based column."""
    letters = ""
    while column >= 0:
        column, last = divmod(column, 26)
        letters, column = chr(65 + last) + letters, column - 1
    return letters
