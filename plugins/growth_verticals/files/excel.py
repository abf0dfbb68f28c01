"""Excel workbooks. The sheet's first row that is not empty is the header, unless the source declares otherwise.

Every cell is read as text and cast as in delimited text; dates and times are cast by their value, in any declared
format. Memory: the texts that the cells share, and one block. A sheet has at most 1,048,576 rows.
"""

from __future__ import annotations

import datetime as dt
import json
import logging
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from growth_verticals.errors import FileRefusedError
from growth_verticals.files.blocks import MAX_RECORD_BYTES
from growth_verticals.files.casts import Caster, as_map, declared_formats, nul_faults
from growth_verticals.files.headers import EXTRA, Layout, describe_expected, headerless_layout, resolve_header
from growth_verticals.files.lines import TrailerCheck
from growth_verticals.files.members import CountedMembers
from growth_verticals.files.rejects import MAX_RAW_CHARACTERS, Reason, Rejected, split_rejects
from growth_verticals.files.unpack.compression import (
    as_seekable,
    empty_file_error,
    refuse_if_bomb,
    sniff_content,
    unexpected_content_error,
)
from growth_verticals.files.xlsx import Workbook
from growth_verticals.files.xlsxcells import BadCell, NumberText
from growth_verticals.files.xlsxrows import MergedRanges, column_letters
from growth_verticals.files.xlsxxml import WorkbookError
from growth_verticals.reader import Block, ParsedBlock

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from decimal import Decimal

    from growth_verticals.contract.table import Column, TableContract
    from growth_verticals.files.rejects import Faults
    from growth_verticals.files.unpack.compression import ByteStream
    from growth_verticals.files.xlsx import Sheet
    from growth_verticals.files.xlsxcells import Cell
    from growth_verticals.files.xlsxrows import Row
    from growth_verticals.source import Excel, Source

logger = logging.getLogger(__name__)

BATCH_CELLS = 500_000
#: Characters in a header, or in the rows of a trailer.
_MAX_LINE = 2**20
_MAX_NAMED_SHEETS = 20


@dataclass(frozen=True)
class _Table:
    """The columns of one sheet.

    :param first_column: the layout's first column in the sheet (0-based).
    """

    layout: Layout
    first_column: int
    trailer: TrailerCheck


class ExcelReader:
    """Reads one workbook, or the members of one zip archive. `source_row` is the sheet's row number.

    A number without a fraction is read as an integer (`12`, not `12.0`), and an empty cell as NULL. A cell with an
    error value (`#N/A`) is rejected, and so is a formula without a stored value.
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
        self._layout = None if form.header else headerless_layout(form.columns, source, contract)
        formats = declared_formats(contract.columns, form)
        self._casters = {each.name: Caster(each, form, formats.get(each.name)) for each in contract.columns}
        self._iso_casters = {each.name: Caster(each, form) for each in contract.columns}
        self._expected = describe_expected(contract, formats)
        self.stated_sums: dict[str, Decimal] = {}

    def blocks(self) -> Iterator[Block]:
        """Yield blocks; see `Reader.blocks`."""
        members = CountedMembers(self._members, self._source.name)
        for name, stream in members:
            with as_seekable(stream) as file:
                head = file.read(64)
                if not head:
                    raise empty_file_error(name, self._source.name)
                if (found := sniff_content(head)) != "a zip archive":
                    raise unexpected_content_error(name, self._source.name, "an Excel workbook (.xlsx)", found)
                file.seek(0)
                try:
                    workbook = Workbook(file)
                    sizes = workbook.size, workbook.compressed_size
                    refuse_if_bomb(*sizes, self._form.max_ratio, name, self._source.name, "workbook")
                    sheet, merged = self._pick_sheet(name, workbook), MergedRanges(self._form.skip_lines)
                    yield from members.count(self._row_blocks(name, workbook.rows(sheet, merged)))
                except WorkbookError as error:
                    raise self._file_error(error.what, name, line=error.row) from error
            if merged.count:
                logger.warning(
                    "%s: %s: the sheet %r has %d merged range(s), the first one %s; only the first cell of each has a "
                    "value, and the others are loaded as NULL; ask the vendor for a sheet without merged cells",
                    *(self._source.name, name, sheet.name, merged.count, merged.first),
                )

    def parse(self, block: Block) -> ParsedBlock:
        """Parse one block; see `Reader.parse`. A rejected row's raw record is the row as JSON.

        Raises `DeliveryRefusedError` if the count in the trailer is wrong.
        """
        table, rows, characters = block.data
        layout, start = table.layout, table.first_column
        fitting, rejected = _split_rows(table, rows, may_be_too_long=characters > MAX_RECORD_BYTES)
        cells = {name: [row.get(start + index) for _, row in fitting] for index, name in enumerate(layout.names)}
        values = []
        faults: dict[str, Faults] = {}
        for column in self._contract.columns:
            if column.name in layout.known:
                array, faults[column.name] = self._cast(column, cells[column.name])
            elif column.name == EXTRA and layout.extras:
                texts = {each: pa.array(map(_text, cells[each]), pa.string()) for each in layout.extras}
                array = as_map(texts)
                faults |= {each: nul_faults(texts[each]) | _bad_cells(cells[each]) for each in layout.extras}
            else:
                array = pa.nulls(len(fitting), self._casters[column.name].arrow_type)
            values.append(array)
        parsed = split_rejects(
            self._contract.columns,
            values,
            pa.array([number for number, _ in fitting], pa.int64()),
            faults,
            self._expected,
            lambda index: _raw_record(table, fitting[index][1]),
            rejected,
        )
        table.trailer.add(block.first_row, parsed.rows_read)
        return parsed

    def _cast(self, column: Column, cells: Sequence[Cell | None]) -> tuple[pa.Array, Faults]:
        """Cast one column. Dates and times are cast by their value, whatever format is declared for text."""
        caster, faults = self._casters[column.name], _bad_cells(cells)
        texts = [each if each is None or type(each) is str else self._cell_text(each, column.name) for each in cells]
        text = pa.array(texts, pa.string())
        if caster.date_format is None:
            values, bad = caster(text)
            return values, bad | faults
        mask = pa.array([isinstance(each, (dt.date, dt.time, dt.timedelta)) for each in cells], pa.bool_())
        values, bad = caster(pc.if_else(mask, None, text))
        typed_values, typed_bad = self._iso_casters[column.name](pc.if_else(mask, text, None))
        return pc.if_else(mask, typed_values, values), bad | typed_bad | faults

    def _row_blocks(self, name: str, rows: Iterator[Row]) -> Iterator[Block]:
        """Yield the sheet's rows below the header in blocks, without empty rows and the trailer."""
        rows = (row for row in rows if row[0] > self._form.skip_lines)
        trailer = TrailerCheck(self._form, self.stated_sums, source=self._source.name, file=name)
        if self._layout is not None:
            table = _Table(self._layout, 0, trailer)
        elif (header := next(rows, None)) is None:
            raise self._file_error("the sheet has no header row", name)
        else:
            table = self._read_header(name, header, trailer)
        size = max(1, self._batch_cells // len(table.layout.names))
        batch: list[Row] = []
        cells = characters = 0
        last: deque[Row] = deque()
        trailer_rows = 0 if self._form.trailer is None else self._form.trailer.count("\n") + 1
        for row in _all_but(rows, trailer_rows, last):
            batch.append(row)
            cells += len(row[1])  # more than the columns, if some are outside of them
            characters += _length(row[1])  # many cells can share one long text
            if len(batch) == size or cells >= self._batch_cells or characters > MAX_RECORD_BYTES:
                trailer.expect(batch[0][0])
                yield Block((table, batch, characters), batch[0][0])
                batch, cells, characters = [], 0, 0
        if batch:
            trailer.expect(batch[0][0])
            yield Block((table, batch, characters), batch[0][0])
        if trailer_rows:
            is_whole = len(last) == trailer_rows and sum(_length(row) for _, row in last) <= _MAX_LINE
            lines = ["|".join(str(_text(cell)) for _, cell in sorted(row.items())) for _, row in last if is_whole]
            trailer.finish(last[0][0] if last else 1, "\n".join(lines) if is_whole else None)

    def _read_header(self, name: str, header: Row, trailer: TrailerCheck) -> _Table:
        line, cells = header
        if _length(cells) > _MAX_LINE:
            raise self._file_error("the first row is too long for a header", name, line)
        first, last = min(cells), max(cells)
        names = [_text(cells.get(column)) or "" for column in range(first, last + 1)]
        try:
            return _Table(resolve_header(names, self._source, self._contract, name, line), first, trailer)
        except FileRefusedError as error:
            error.next_step = (
                f"if row {line} is not the header, declare skip_lines, or header=False for a sheet without a header; "
                f"otherwise {error.next_step}"
            )
            raise

    def _pick_sheet(self, name: str, workbook: Workbook) -> Sheet:
        sheets = [sheet for sheet in workbook.sheets if self._form.sheet in (None, sheet.name)]
        filled = [sheet for sheet in sheets if next(workbook.rows(sheet), None) is not None]
        if len(filled) != 1:
            what = "the workbook does not have exactly one sheet that is not empty"
            if self._form.sheet is not None:
                what = "the workbook does not have the declared sheet, or it is empty"
            found = ", ".join(sheet.name for sheet in workbook.sheets[:_MAX_NAMED_SHEETS])
            raise self._file_error(what, name, expected=self._form.sheet, found=found)
        return filled[0]

    def _cell_text(self, cell: Cell, name: str) -> str:
        """Return a cell's value as the text that is cast to its column."""
        caster = self._casters[name]
        if isinstance(cell, bool):
            return caster.boolean_text(cell)
        if isinstance(cell, dt.datetime) and pa.types.is_date(caster.arrow_type) and cell.time() == dt.time():
            return cell.date().isoformat()
        return _text(cell) or ""

    def _file_error(
        self, what: str, file: str, line: int | None = None, expected: str | None = None, found: str | None = None
    ) -> FileRefusedError:
        return FileRefusedError(
            what,
            source=self._source.name,
            file=file,
            line=line,
            expected=expected,
            found=found,
            next_step="open the workbook to check it; declare the sheet in the source's format, or ask for the file "
            "again",
        )


def _all_but(rows: Iterator[Row], count: int, last: deque[Row]) -> Iterator[Row]:
    """Yield all rows but the last ones, and leave these in `last`."""
    for row in rows:
        last.append(row)
        if len(last) > count:
            yield last.popleft()


def _split_rows(table: _Table, rows: list[Row], *, may_be_too_long: bool) -> tuple[list[Row], list[Rejected]]:
    """Return the rows whose cells are all in the table's columns, and the others."""
    start, width = table.first_column, len(table.layout.names)
    fitting, rejected = [], []
    for number, row in rows:
        if min(row) < start or max(row) >= start + width:
            reason, expected = Reason.TOO_MANY_COLUMNS, f"{width} columns"
        elif may_be_too_long and _length(row) > MAX_RECORD_BYTES:
            reason, expected = Reason.TOO_LONG, "a shorter record"
        else:
            fitting.append((number, row))
            continue
        rejected.append(Rejected(number, None, reason, expected, _raw_record(table, row)))
    return fitting, rejected


def _text(cell: Cell | None) -> str | None:
    """Return a cell's value as text: a number as it is in the file, and of a bad cell what the file has."""
    if cell is None or type(cell) is str:
        return cell
    if isinstance(cell, bool):
        return str(cell).lower()
    if isinstance(cell, BadCell):
        return cell.text
    if isinstance(cell, dt.datetime):
        return cell.isoformat(" ")
    return cell.isoformat() if isinstance(cell, (dt.date, dt.time)) else str(cell)


def _bad_cells(cells: Sequence[Cell | None]) -> Faults:
    return {row: cell.reason for row, cell in enumerate(cells) if isinstance(cell, BadCell)}


def _raw_record(table: _Table, row: dict[int, Cell]) -> str:
    """Return a row as JSON: the file's columns, and the cells beside them by the letters of their column."""
    names = dict(enumerate(table.layout.names, start=table.first_column))
    texts: dict[str, str] = {}
    length = 0
    for column, cell in sorted(row.items()):
        text = cell.stored if isinstance(cell, NumberText) else _text(cell) or ""
        texts[names.get(column) or column_letters(column)] = text[: MAX_RAW_CHARACTERS + 1]
        length += len(text)
        if length > MAX_RAW_CHARACTERS:
            break  # it is truncated there
    return json.dumps(texts, ensure_ascii=False)


def _length(row: dict[int, Cell]) -> int:
    return sum([len(cell) for cell in row.values() if type(cell) is str])
