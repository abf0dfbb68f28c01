"""Excel workbooks: which sheet and rows are read, and what is loaded. Written here part by part, to have any XML."""

from __future__ import annotations

import html
import io
import json
import zipfile
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from growth_verticals.errors import DeclarationError, DeliveryRefusedError, FileRefusedError
from growth_verticals.files import excel
from growth_verticals.files.excel import ExcelReader
from growth_verticals.source import Excel
from tests.unit.files.reading import ReadResult, contract, drain, read, source

MAIN = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006"
#: Cell styles: 0 general, 1 a date, 2 a date with time.
STYLES = '<cellXfs count="3"><xf numFmtId="0"/><xf numFmtId="14"/><xf numFmtId="22"/></cellXfs>'


def text(value: str) -> str:
    return f'<c {{at}} t="inlineStr"><is><t xml:space="preserve">{value}</t></is></c>'


def number(value: str, style: int = 0) -> str:
    return f'<c {{at}} s="{style}"><v>{value}</v></c>'


def flag(value: bool) -> str:
    return f'<c {{at}} t="b"><v>{int(value)}</v></c>'


ERROR = '<c {at} t="e"><f>1/0</f><v>#DIV/0!</v></c>'


def workbook(first_row: int = 1, /, **sheets: list[list[str | None]]) -> bytes:
    """Return a workbook; a cell is made by one of the functions above, or is `ERROR` or None."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as package:
        package.writestr("[Content_Types].xml", f'<Types xmlns="{PACKAGE}/content-types"/>')
        names = enumerate(sheets, start=1)
        entries = [f'<sheet name="{name}" sheetId="{number}" r:id="rId{number}"/>' for number, name in names]
        package.writestr(
            "xl/workbook.xml", f'<workbook {MAIN} xmlns:r="{OFFICE}"><sheets>{"".join(entries)}</sheets></workbook>'
        )
        package.writestr("xl/styles.xml", f"<styleSheet {MAIN}>{STYLES}</styleSheet>")
        parts = [f"worksheets/sheet{number}.xml" for number in range(1, len(sheets) + 1)]
        links = [
            f'<Relationship Target="{part}" Type="{OFFICE}/worksheet" Id="rId{number}"/>'
            for number, part in enumerate(parts, start=1)
        ]
        links.append(f'<Relationship Id="rIdS" Type="{OFFICE}/styles" Target="styles.xml"/>')
        package.writestr(
            "xl/_rels/workbook.xml.rels",
            f'<Relationships xmlns="{PACKAGE}/relationships">{"".join(links)}</Relationships>',
        )
        package.writestr(
            "_rels/.rels",
            f'<Relationships xmlns="{PACKAGE}/relationships"><Relationship Id="rId1" '
            f'Type="{OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        )
        for part, rows in zip(parts, sheets.values(), strict=True):
            package.writestr(
                f"xl/{part}", f"<worksheet {MAIN}><sheetData>{sheet_rows(rows, first_row)}</sheetData></worksheet>"
            )
    return buffer.getvalue()


def sheet_rows(rows: list[list[str | None]], first_row: int) -> str:
    xml = ""
    for row, cells in enumerate(rows, start=first_row):
        filled = [
            cell.replace("{at}", f'r="{chr(65 + column)}{row}"')
            for column, cell in enumerate(cells)
            if cell is not None
        ]
        xml += f'<row r="{row}">{"".join(filled)}</row>'
    return xml


def sheet(*rows: list[str | None], form: Excel | None = None, **columns: str) -> ReadResult:
    return read(workbook(People=list(rows)), contract(**columns), form or Excel(), name="f.xlsx")


@pytest.mark.parametrize(
    ("column_type", "cell", "loaded"),
    [
        ("string", text("01234"), "01234"),
        ("string", text(" kept "), " kept "),
        ("string", number("1234"), "1234"),
        ("string", None, None),
        ("int", number("12"), 12),
        ("int", number("12.5"), "<not_an_integer>"),
        ("int", text("12"), 12),
        ("int", ERROR, "<wrong_type>"),
        ("string", ERROR, "<wrong_type>"),
        ("long", number("12345678901234567"), 12345678901234567),
        ("long", number("1.2345678901234567E+16"), "<not_an_integer>"),
        ("decimal(5, 2)", number("12.5"), Decimal("12.50")),
        ("decimal(5, 2)", number("12.555"), "<too_precise>"),
        ("double", number("1E-3"), 0.001),
        ("boolean", flag(True), True),
        ("boolean", flag(False), False),
        ("boolean", number("1"), "<not_a_boolean>"),
        ("date", number("46000", style=1), date(2025, 12, 9)),
        ("date", number("46000", style=2), date(2025, 12, 9)),
        ("date", number("46000.5", style=2), "<not_a_date>"),
        ("date", number("46000"), "<not_a_date>"),
        ("date", text("2025-12-09"), date(2025, 12, 9)),
        ("timestamp", number("46000.5", style=2), datetime(2025, 12, 9, 12)),  # noqa: DTZ001
    ],
)
def test_a_cell_is_loaded_exactly_or_rejected_with_its_reason(column_type: str, cell: str | None, loaded: Any) -> None:
    got = sheet([text("id"), text("value")], [number("1"), cell], id="int", value=column_type)
    assert (got.rows[0]["value"] if got.rows else f"<{got.rejects[0]['reason']}>") == loaded


def test_declared_formats_apply_to_text_cells_and_typed_cells_need_none() -> None:
    form = Excel(dates={"*": "%m/%d/%Y"}, true=("Y",), false=("N",), nulls=("N/A",))
    got = sheet(
        [text("born"), text("member")],
        [number("46000", style=1), flag(True)],
        [text("12/9/2025"), text("N")],
        [text("N/A"), text("N/A")],
        form=form,
        born="date",
        member="boolean",
    )
    assert got.column("born") == [date(2025, 12, 9), date(2025, 12, 9), None]
    assert got.column("member") == [True, False, None]


def test_typed_dates_are_loaded_by_their_value_whatever_format_is_declared_for_text() -> None:
    form = Excel(dates={"*": "%m/%d/%y"}, timestamps={"*": "%m/%d/%y %H:%M"}, pivot_year=20)
    got = sheet(
        [text("born"), text("seen")],
        [number("16500", style=1), number("46000.123456", style=2)],
        [text("3/4/45"), text("3/4/25 10:20")],
        [number("46000.5", style=2), number("46000", style=1)],  # a time of day in a date column would be lost
        form=form,
        born="date",
        seen="timestamp",
    )
    assert got.column("born") == [date(1945, 3, 4), date(1945, 3, 4)]
    assert got.column("seen") == [datetime(2025, 12, 9, 2, 57, 46, 598000), datetime(1925, 3, 4, 10, 20)]  # noqa: DTZ001
    assert got.reasons == [(4, "born", "not_a_date")]


TITLED = [
    [text("Members of the club")],
    [text("as of"), number("46000", style=1)],
    [],
    [text("id"), text("name")],
    [number("1"), text("Willow")],
    [number("2"), text("Hazel")],
]


@pytest.mark.parametrize("skip_lines", [2, 3])
def test_rows_above_the_header_and_below_the_records_can_be_declared(skip_lines: int) -> None:
    totals = [[], [text("Total"), number("2")], [text("printed by"), None, text("Oak")]]
    form = Excel(skip_lines=skip_lines, trailer="Total|{rows}\nprinted by|*")
    got = sheet(*TITLED, *totals, form=form, id="int", name="string")
    assert got.rows == [{"id": 1, "name": "Willow", "source_row": 5}, {"id": 2, "name": "Hazel", "source_row": 6}]
    with pytest.raises(FileRefusedError, match="does not end with its trailer"):
        sheet(*TITLED, form=form, id="int", name="string")
    with pytest.raises(DeliveryRefusedError, match="expected 3 records, found 2"):
        sheet(
            *TITLED,
            [text("Total"), number("3")],
            form=Excel(skip_lines=3, trailer="Total|{rows}"),
            id="int",
            name="string",
        )


def test_a_title_in_place_of_the_header_refuses_the_file_and_says_what_to_declare() -> None:
    with pytest.raises(FileRefusedError, match="row 1 is not the header, declare skip_lines") as refused:
        sheet(*TITLED, id="int", name="string")
    assert refused.value.line == 1
    assert "Members" not in str(refused.value)
    with pytest.raises(FileRefusedError, match="no header row"):
        sheet(*TITLED, form=Excel(skip_lines=6), id="int", name="string")


def test_a_sheet_without_a_header_has_its_columns_from_column_a() -> None:
    rows = [[None, text("Willow")], [number("2"), text("Hazel")]]
    got = sheet(*rows, form=Excel(header=False), id="int", name="string")
    assert got.rows == [{"id": None, "name": "Willow", "source_row": 1}, {"id": 2, "name": "Hazel", "source_row": 2}]
    got = sheet(*rows, form=Excel(header=False, columns=("name", "city")), city="string", name="string")
    assert got.column("name") == [None, "2"]
    with pytest.raises(DeclarationError):
        Excel(columns=("id",))
    with pytest.raises(DeclarationError):
        Excel(trailer="*|*")


def test_a_filled_cell_outside_of_the_columns_rejects_its_row() -> None:
    rows = [
        [None, text("id"), text("name")],
        [None, number("1")],
        [None, number("2"), None, text("Oak")],
        [number("3")],
    ]
    got = sheet(*rows, id="int", name="string")
    assert got.column("id") == [1]
    assert got.reasons == [(3, None, "too_many_columns"), (4, None, "too_many_columns")]
    assert [json.loads(each["raw_record"]) for each in got.rejects] == [{"id": "2", "D": "Oak"}, {"A": "3"}]


def test_a_bad_cell_in_an_extra_column_rejects_its_row() -> None:
    rows = [
        [text("id"), text("note")],
        [number("1"), ERROR],
        [number("2"), text("Oak")],
        [number("3"), text("_x0000_")],
    ]
    data = workbook(People=rows)
    got = read(data, contract(id="int", extra="map<string, string>"), Excel(), "f.xlsx", extra_columns="keep")
    assert got.rows == [{"id": 2, "extra": [("note", "Oak")], "source_row": 3}]
    assert got.reasons == [(2, "note", "wrong_type"), (4, "note", "nul_byte")]


def test_long_texts_that_many_cells_share_make_smaller_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(excel, "MAX_RECORD_BYTES", 1_000)
    rows = [[text("id"), text("name")], *([number(str(n)), text("n" * (2_000 if n == 25 else 90))] for n in range(50))]
    reader = ExcelReader(
        [("f", io.BytesIO(workbook(People=rows)))], source(Excel()), Excel(), contract(id="int", name="string")
    )
    blocks = list(reader.blocks())
    assert len(blocks) > 4
    parsed = [reader.parse(block) for block in reversed(blocks)]
    assert sum(each.rows.num_rows for each in parsed) == 49
    assert [row["reason"] for each in parsed for row in each.rejects.to_pylist()] == ["too_long"]


def test_source_row_is_the_sheets_row_and_empty_rows_are_skipped() -> None:
    rows = [[None, text("Id"), text("Name")], [None, None, None], [None, number("1"), text("a")], [None, ERROR, None]]
    got = read(workbook(3, People=rows), contract(id="int", name="string"), Excel(), name="f.xlsx")
    assert got.rows == [{"id": 1, "name": "a", "source_row": 5}]
    assert got.reasons == [(6, "id", "wrong_type")]


def test_a_rejected_record_is_the_row_as_json() -> None:
    got = sheet([text("id"), text("name")], [text("x"), text("a")], id="int", name="string")
    assert json.loads(got.rejects[0]["raw_record"]) == {"id": "x", "name": "a"}


def test_blocks_of_any_size_give_the_same_rows() -> None:
    rows = [[text("id"), text("name")], *([number(str(n)), text(f"n{n}")] for n in range(50))]
    data, table = workbook(People=rows), contract(id="int", name="string")
    small = ExcelReader([("f", io.BytesIO(data))], source(Excel()), Excel(), table, batch_cells=7)
    assert drain(small) == read(data, table, Excel(), name="f.xlsx")


FILLED: list[list[str | None]] = [[text("id")], [number("1")]]


def test_the_sheet_is_the_declared_one_or_the_only_one_that_is_not_empty() -> None:
    table = contract(id="int")
    assert read(workbook(Notes=[], People=FILLED), table, Excel()).column("id") == [1]
    assert read(workbook(Notes=[[text("x")]], People=FILLED), table, Excel(sheet="People")).column("id") == [1]
    for data, form in (
        (workbook(One=FILLED, Two=FILLED), Excel()),
        (workbook(One=FILLED), Excel(sheet="Two")),
        (workbook(One=[]), Excel()),
    ):
        with pytest.raises(FileRefusedError):
            read(data, table, form, name="f.xlsx")


@pytest.mark.parametrize("data", [b"", b"id,name\n1,a\n", workbook(People=FILLED)[:-40], b"PK\x03\x04" + bytes(100)])
def test_anything_but_a_complete_workbook_is_refused(data: bytes) -> None:
    with pytest.raises(FileRefusedError):
        read(data, contract(id="int"), Excel(), name="f.xlsx")


#: Values that Excel can store: numbers of 15 digits, days since 1900, and text that XML allows.
WRITTEN = st.fixed_dictionaries(
    {
        "words": st.none() | st.text(st.characters(min_codepoint=32, max_codepoint=0xD7FF), min_size=1, max_size=12),
        "whole": st.none() | st.integers(-(10**15) + 1, 10**15 - 1),
        "exact": st.none() | st.decimals(-999_999, 999_999, places=3, allow_nan=False, allow_infinity=False),
        "day": st.none() | st.dates(date(1900, 3, 1)),
        "flag": st.none() | st.booleans(),
    }
)


@given(st.lists(WRITTEN, max_size=8))
def test_typed_values_are_read_back_unchanged(rows: list[dict[str, Any]]):
    column_types = {"words": "string", "whole": "long", "exact": "decimal(9, 3)", "day": "date", "flag": "boolean"}

    def cell_of(value: Any) -> str | None:
        if isinstance(value, bool):
            return flag(value)
        if isinstance(value, str):
            return text(html.escape(value))
        if isinstance(value, date):
            return number(str((value - date(1899, 12, 30)) // timedelta(days=1)), 1)
        return None if value is None else number(str(value))

    written = [[text(name) for name in column_types], *([cell_of(row[name]) for name in column_types] for row in rows)]
    got = sheet(*written, **column_types)
    filled = [row for row in rows if any(value is not None for value in row.values())]
    assert got.rejects == []
    assert [{name: row[name] for name in column_types} for row in got.rows] == filled
