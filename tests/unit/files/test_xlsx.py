"""The XML of workbooks: cells however they are written, values as they are in the file, bounded memory and time."""

from __future__ import annotations

import io
import json
import struct
import time
import zipfile
from datetime import date, datetime, timedelta
from datetime import time as clock
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from growth_verticals.errors import FileRefusedError
from growth_verticals.files import xlsx, xlsxrows, xlsxxml
from growth_verticals.files.excel import ExcelReader
from growth_verticals.files.xlsx import Workbook
from growth_verticals.files.xlsxcells import number_text
from growth_verticals.source import Excel
from tests.unit.files.reading import ReadResult, contract, read, source
from tests.unit.files.test_excel import MAIN, OFFICE, workbook

TABLE = contract(id="int", name="string")
HEADER = (
    '<row r="1"><c r="A1" t="inlineStr"><is><t>id</t></is></c><c r="B1" t="inlineStr"><is><t>name</t></is></c></row>'
)
RELATIONS = (
    f'<Relationships><Relationship Id="rId1" Type="{OFFICE}/worksheet" Target="/xl/worksheets/sheet1.xml"/>'
    f'<Relationship Id="rId2" Type="{OFFICE}/sharedStrings" Target="texts.xml"/></Relationships>'
)


def package(sheet: str | bytes, **parts: str) -> bytes:
    """Return a workbook with one sheet. `texts` are the shared strings, and `workbook` replaces that part."""
    base = zipfile.ZipFile(io.BytesIO(workbook(People=[])))
    contents: dict[str, str | bytes] = {name: base.read(name) for name in base.namelist()}
    contents["xl/worksheets/sheet1.xml"] = sheet
    contents |= {f"xl/{name}.xml": text for name, text in parts.items()}
    if "texts" in parts:
        contents["xl/_rels/workbook.xml.rels"] = RELATIONS
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in contents.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def people(rows: str, before: str = "", after: str = "", **parts: str) -> ReadResult:
    sheet = f"<worksheet {MAIN}>{before}<sheetData>{HEADER}{rows}</sheetData>{after}</worksheet>"
    return read(package(sheet, **parts), TABLE, Excel(), "f.xlsx")


def cell(xml: str, **parts: str) -> Any:
    """Return the name that a row with this cell loads, or its reason and raw record."""
    got = people(f'<row r="2"><c r="A2"><v>1</v></c>{xml}</row>', **parts)
    if got.rows:
        return got.rows[0]["name"]
    return got.rejects[0]["reason"], json.loads(got.rejects[0]["raw_record"]).get("name")


ERRORS = [
    '<c r="B2" t="e"><v>#REF!</v></c>',
    "<c r='B2' t='e'><v>#REF!</v></c>",
    '<c t="e" r="B2"><f>1/0</f><v>#REF!</v></c>',
    '<c t = "e"\n  r\t=\t"B2"  ><v>#REF!</v></c>',
    '<c t="&#101;"><v><![CDATA[#REF!]]></v></c>',
    '<c s="0" t="e" ><v>#R<!-- > -->EF!</v></c >',
]


@pytest.mark.parametrize("xml", ERRORS)
def test_an_error_cell_is_rejected_however_it_is_written(xml: str) -> None:
    assert cell(xml) == ("wrong_type", "#REF!")


@pytest.mark.parametrize(
    ("xml", "loaded"),
    [
        ('<c r="B2"><f>A2*2</f></c>', ("not_calculated", "=A2*2")),
        ('<c r="B2"><f>A2*2</f><v></v></c>', ("not_calculated", "=A2*2")),
        ('<c r="B2"><f>A2*2</f><v/></c>', ("not_calculated", "=A2*2")),
        ('<c r="B2" t="str"><f>A2&amp;"x"</f></c>', ("not_calculated", '=A2&"x"')),
        ('<c r="B2"><f t="shared" si="0"/></c>', ("not_calculated", "=")),
        ('<c r="B2" t="b"><f>TRUE</f></c>', ("not_calculated", "=TRUE")),
        ('<c r="B2"><f>A2*2</f><v>6</v></c>', "6"),
        ('<c r="B2" t="str"><f>"x"</f><v>#N/A</v></c>', "#N/A"),
        ('<c r="B2" t="str"><f>""</f><v></v></c>', None),  # calculated, and empty
        ('<c r="B2"/>', None),
        ('<c r="B2" t="s"><v></v></c>', None),
    ],
)
def test_a_formula_without_a_stored_value_is_rejected(xml: str, loaded: Any) -> None:
    assert cell(xml) == loaded


@pytest.mark.parametrize(
    ("stored", "loaded"),
    [
        ("12345678901234567", "12345678901234567"),
        ("9007199254740993", "9007199254740993"),
        ("-12345678901234567890", "-12345678901234567890"),
        ("1.2345678901234567E+19", "1.2345678901234567E+19"),
        ("1E+22", "1E+22"),
        ("9007199254740993.0", "9007199254740993.0"),
        ("1.5E+10", "15000000000"),
        ("0.10000000000000001", "0.1"),  # 17 digits of the double that is 0.1
        ("0.1234567890123456789", "0.1234567890123456789"),
        ("12.0", "12"),
        ("007", "7"),
        ("-0", "0"),
        ("+5", "5"),
        (" 5 ", "5"),
        (".5", "0.5"),
        ("1E-7", "1E-7"),
        ("1e-400", "1e-400"),
        ("1E999", "1E999"),
        ("2.50", "2.5"),
        ("abc", "abc"),
        ("nan", "nan"),
        ("1_0", "1_0"),
        ("٣", "٣"),
    ],
)
def test_a_number_keeps_its_digits(stored: str, loaded: str) -> None:
    assert number_text(stored) == loaded
    assert cell(f'<c r="B2"><v>{stored}</v></c>') == loaded
    rejected = people(f'<row r="2"><c r="A2" t="inlineStr"><is><t>x</t></is></c><c r="B2"><v>{stored}</v></c></row>')
    assert json.loads(rejected.rejects[0]["raw_record"])["name"] == stored


TEXTS = (
    f"<sst {MAIN}><si><t>Willow</t></si><si><r><t> a </t></r><rPh><t>x</t></rPh><r><t>b</t></r></si><si><t/></si></sst>"
)


@pytest.mark.parametrize(
    ("xml", "loaded"),
    [
        ('<c r="B2" t="s"><v>0</v></c>', "Willow"),
        ('<c r="B2" t="s"><v>1</v></c>', " a b"),
        ('<c r="B2" t="s"><v>2</v></c>', None),
        ('<c r="B2" t="inlineStr"><is><r><t>a</t></r><r><t> b</t></r><rPh><t>x</t></rPh></is></c>', "a b"),
        ('<c r="B2" t="inlineStr"><is><t>_x000D_ &#233;&lt;</t></is></c>', "\r é<"),
        ('<c r="B2" t="str"><v>a_x000A_</v></c>', "a\n"),
        ('<c r="B2" t="str"><v>_x005F_x000A_</v></c>', "_x000A_"),
        ('<c r="B2" t="str"><v>_x0000_</v></c>', ("nul_byte", "\0")),
        ('<c r="B2" t="b"><v>1</v></c>', "true"),
        ('<c r="B2" t="b"><v>5</v></c>', ("wrong_type", "5")),
        ('<c r="B2" t="q"><v>5</v></c>', ("wrong_type", "5")),
        ('<c r="B2" t="d"><v>2025-12-09</v></c>', "2025-12-09"),
        ('<c r="B2" t="d"><v>2025-12-09T10:20:30.5</v></c>', "2025-12-09 10:20:30.500000"),
        ('<c r="B2" t="d"><v>2025-12-09T10:20:30.1234567</v></c>', "2025-12-09T10:20:30.1234567"),
        ('<c t="str"><v>no reference</v></c>', "no reference"),
    ],
)
def test_texts_and_other_types_are_read_as_they_are(xml: str, loaded: Any) -> None:
    assert cell(xml, texts=TEXTS) == loaded


def test_rows_and_cells_without_references_follow_each_other() -> None:
    got = people("<row><c><v>1</v></c><c t='str'><v>a</v></c></row><row/><row><c/><c t='str'><v>b</v></c></row>")
    assert got.rows == [{"id": 1, "name": "a", "source_row": 2}, {"id": None, "name": "b", "source_row": 4}]
    got = people("<row><c r='B7' t='str'><v>c</v></c></row>")
    assert got.rows == [{"id": None, "name": "c", "source_row": 7}]


ROW = '<row r="2"><c r="A2"><v>1</v></c></row>'


@pytest.mark.parametrize(
    "rows",
    [
        '<row r="2"><c r="A2"><v>1</v></c><c r="A2"><v>2</v></c></row>',
        '<row r="2"><c r="B2"><v>1</v></c><c r="A2"><v>2</v></c></row>',
        '<row r="2"><c r="A3"><v>1</v></c></row>',
        '<row r="2"><c r="XFE2"><v>1</v></c></row>',
        '<row r="2"><c r="2"><v>1</v></c></row>',
        '<row r="2"><c r="a2"><v>1</v></c></row>',
        ROW + ROW,
        '<row r="3"/>' + ROW,
        '<row r="1048577"/>',
        '<row r="0"/>',
        '<row r="x"/>',
        '<x><row r="2"><c r="A2"><v>1</v></c></row></x>',
        '<row r="2"><x><c r="A2"><v>1</v></c></x></row>',
        '<row r="2"><c r="A2"><x><v>1</v></x></c></row>',
        '<row r="2"><c r="A2"><c r="B2"><v>1</v></c></c></row>',
        '<c r="A2"><v>1</v></c>',
        '<row r="2"><c r="A2" t="s"><v>3</v></c></row>',
        '<row r="2"><c r="A2" t="s"><v>-1</v></c></row>',
        '<row r="2"><c r="A2" t="s"><v>x</v></c></row>',
        '<row r="2"><c r="A2"><v>1</v></row>',
        "&unknown;",
    ],
)
def test_a_sheet_whose_cells_have_no_certain_place_or_value_is_refused(rows: str) -> None:
    with pytest.raises(FileRefusedError, match=r"f\.xlsx") as refused:
        people(rows, texts=TEXTS)
    assert refused.value.next_step


@pytest.mark.parametrize(
    "sheet",
    [
        f'<!DOCTYPE worksheet [<!ENTITY a "1">]><worksheet {MAIN}><sheetData>{HEADER}</sheetData></worksheet>',
        f"<chartsheet {MAIN}><sheetData>{HEADER}</sheetData></chartsheet>",
        f'<worksheet xmlns="urn:other"><sheetData>{HEADER}</sheetData></worksheet>',
        f'<?xml version="1.0" encoding="utf-7"?><worksheet {MAIN}><sheetData>{HEADER}</sheetData></worksheet>',
        f"<worksheet {MAIN}><sheetData>{HEADER}</sheetData>",
        f"<worksheet {MAIN}><sheetData>{HEADER}</sheetData>{'<x>' * 200}{'</x>' * 200}</worksheet>",
        f"<worksheet {MAIN}><sheetData>{HEADER}</sheetData><!--{'-' * 2**23}--></worksheet>",
        f"<worksheet {MAIN}><sheetData>{HEADER}</sheetData><x a='{'-' * 2**23}'/></worksheet>",
        "",
    ],
    ids=["entity", "chart", "namespace", "encoding", "truncated", "nesting", "comment", "attribute", "empty"],
)
def test_a_part_that_is_no_sheet_or_has_no_bounds_is_refused(sheet: str) -> None:
    with pytest.raises(FileRefusedError):
        read(package(sheet), TABLE, Excel(max_ratio=2_000), "f.xlsx")


@pytest.mark.parametrize("namespace", ["", 'xmlns="http://purl.oclc.org/ooxml/spreadsheetml/main"'])
def test_other_namespaces_of_workbooks_are_read(namespace: str) -> None:
    sheet = f"<worksheet {namespace}><sheetData>{HEADER}{ROW}</sheetData></worksheet>"
    assert read(package(sheet), TABLE, Excel(), "f.xlsx").column("id") == [1]
    prefixed = sheet.replace("xmlns=", "xmlns:p=").replace("</", "<|").replace("<", "<p:").replace("<p:|", "</p:")
    if namespace:
        assert read(package(prefixed), TABLE, Excel(), "f.xlsx").column("id") == [1]
    assert read(package(f'<?xml version="1.0" encoding="UTF-16"?>{sheet}'.encode("utf-16")), TABLE, Excel()).rows


def test_tags_in_comments_and_far_cells_take_no_time_and_memory() -> None:
    started = time.process_time()
    comment = "<!-- " + "<c " * 100_000 + "-->"
    far = '<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'
    got = people(ROW + comment + far, before='<dimension ref="A1:XFD1048576"/>', after=comment)
    assert got.column("id") == [1]
    assert got.reasons == [(1_048_576, None, "too_many_columns")]
    assert json.loads(got.rejects[0]["raw_record"]) == {"XFD": "1"}
    assert time.process_time() - started < 10


def test_the_size_of_parts_is_limited_whatever_the_archive_says(monkeypatch: pytest.MonkeyPatch) -> None:
    data = package(f"<worksheet {MAIN}><sheetData>{HEADER}{ROW}</sheetData></worksheet>" + " " * 100_000)
    monkeypatch.setattr(xlsx, "MAX_WORKBOOK_BYTES", 50_000)
    with pytest.raises(FileRefusedError, match="expands to more than 50,000 bytes"):
        read(data, TABLE, Excel(), "f.xlsx")
    size = zipfile.ZipFile(io.BytesIO(data)).getinfo("xl/worksheets/sheet1.xml").file_size
    lying = data.replace(struct.pack("<L", size), struct.pack("<L", 500))
    assert lying != data
    with pytest.raises(FileRefusedError, match=r"damaged \(BadZipFile\)"):
        read(lying, TABLE, Excel(), "f.xlsx")


def test_the_work_for_a_workbook_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(FileRefusedError, match=r"the workbook is not safe to open.*max_ratio"):
        people(ROW, after="<x/>" * 500_000)
    monkeypatch.setattr(xlsxrows, "MAX_CELLS", 1_000)
    monkeypatch.setattr(xlsxrows, "MAX_OTHERS", 2_000)
    with pytest.raises(FileRefusedError, match="more than 1,000 cells"):
        people(f"<row>{'<c/>' * 500}</row>" * 3)
    with pytest.raises(FileRefusedError, match="more than 2,000 elements that are not cells"):
        people(ROW, after="<x/>" * 3_000)
    monkeypatch.setattr(xlsxrows, "MAX_STRING_ELEMENTS", 10)
    with pytest.raises(FileRefusedError, match="texts have more than 10 elements"):
        people(ROW, texts=f"<sst {MAIN}>{'<x/>' * 10}</sst>")


def test_the_memory_of_texts_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xlsxrows, "MAX_SHARED_BYTES", 100_000)
    with pytest.raises(FileRefusedError, match="texts need more than 100,000 bytes"):
        people(ROW, texts=f"<sst {MAIN}>{'<si/>' * 10_000}</sst>")
    monkeypatch.setattr(xlsxxml, "MAX_TEXT", 1_000)
    with pytest.raises(FileRefusedError, match="a text of more than 1,000 characters"):
        cell(f'<c r="B2" t="str"><v>{"n" * 2**19}</v></c>')


def test_a_workbook_with_two_parts_of_one_name_is_refused() -> None:
    data = io.BytesIO(package(f"<worksheet {MAIN}><sheetData>{HEADER}{ROW}</sheetData></worksheet>"))
    with zipfile.ZipFile(data, "a") as archive:
        archive.writestr("XL/worksheets/SHEET1.xml", f"<worksheet {MAIN}/>")
    with pytest.raises(FileRefusedError, match="two parts of one name"):
        read(data.getvalue(), TABLE, Excel(), "f.xlsx")


def typed(stored: str, code: str, *, is_1904: bool = False) -> Any:
    """Return the value of a number in a format."""
    text = f'<workbook {MAIN} xmlns:r="{OFFICE}"><workbookPr date1904="{int(is_1904)}"/><sheets>'
    text += '<sheet name="People" sheetId="1" r:id="rId1"/></sheets></workbook>'
    formats = f"""<numFmts><numFmt numFmtId="200" formatCode='{code}'/></numFmts>"""
    styles = f'<styleSheet {MAIN}>{formats}<cellXfs><xf numFmtId="0"/><xf numFmtId="200"/></cellXfs></styleSheet>'
    rows = f'<worksheet {MAIN}><sheetData><row><c s="1"><v>{stored}</v></c></row></sheetData></worksheet>'
    book = Workbook(io.BytesIO(package(rows, workbook=text, styles=styles)))
    ((_, row),) = book.rows(book.sheets[0])
    return row[0]


@pytest.mark.parametrize(
    ("stored", "code", "value"),
    [
        ("1", "yyyy-mm-dd", date(1900, 1, 1)),
        ("59", "yyyy-mm-dd", date(1900, 2, 28)),
        ("61", "yyyy-mm-dd", date(1900, 3, 1)),
        ("46000", "m/d/yy", date(2025, 12, 9)),
        ("46000.5", "m/d/yy", datetime(2025, 12, 9, 12)),  # noqa: DTZ001
        ("46000.00000001", "m/d/yy", datetime(2025, 12, 9, 0, 0, 0, 1000)),  # noqa: DTZ001
        ("0.25", "h:mm AM/PM", clock(6)),
        ("1.5", "[h]:mm:ss", timedelta(hours=36)),
        ("2958465", "yyyy", date(9999, 12, 31)),
        ("2958466", "yyyy", "2958466"),
        ("46000", "0.00", "46000"),
        ("46000", '"day "0', "46000"),
        ("46000", "[Red]0", "46000"),
        ("46000", "0_d\\m*y", "46000"),
        ("46000", "0;yyyy", "46000"),
        ("x", "yyyy", "x"),
    ],
)
def test_numbers_in_a_date_format_are_dates(stored: str, code: str, value: Any) -> None:
    assert typed(stored, code) == value


def test_dates_can_count_from_1904() -> None:
    assert typed("44538", "yyyy-mm-dd", is_1904=True) == date(2025, 12, 9)
    assert typed("44538.75", "yyyy-mm-dd", is_1904=True) == datetime(2025, 12, 9, 18)  # noqa: DTZ001


def stored(data: bytes) -> bytes:
    """Return a workbook without compression, so that damage is in its XML."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as book, zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name in book.namelist():
            archive.writestr(name, book.read(name))
    return buffer.getvalue()


ONE_ROW = package(f"<worksheet {MAIN}><sheetData>{HEADER}{ROW}</sheetData></worksheet>")


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from([ONE_ROW, stored(ONE_ROW)]),
    st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), max_size=4),
    st.integers(0, 10**6),
)
def test_a_damaged_workbook_is_read_or_refused(data: bytes, changes: list[tuple[int, int]], cut: int) -> None:
    damaged = bytearray(data)
    for position, value in changes:
        damaged[position % len(damaged)] = value
    if not changes:
        del damaged[cut % len(damaged) :]
    try:
        got = read(bytes(damaged), TABLE, Excel(), "f.xlsx")
    except FileRefusedError:
        return
    assert got.column("id") == [1]


@given(
    st.lists(
        st.sampled_from(
            [
                "<row>",
                "</row>",
                '<row r="2">',
                "<c>",
                '<c t="s">',
                '<c t="e">',
                '<c r="B2">',
                "</c>",
                "<v>",
                "</v>",
                "1",
                "<is>",
                "</is>",
                "<t>",
                "</t>",
                "<f>",
                "</f>",
                "<x>",
                "</x>",
                "<row/>",
                "<c/>",
                "a",
                "</sheetData>",
                "<!-- -->",
            ]
        ),
        max_size=14,
    )
)
@settings(max_examples=300, deadline=None)
def test_any_order_of_tags_is_read_or_refused(tags: list[str]) -> None:
    try:
        got = people("".join(tags), texts=TEXTS)
    except FileRefusedError:
        return
    assert len(got.rows) + len(got.rejects) <= len(tags)


def test_cells_beside_the_columns_do_not_make_larger_blocks() -> None:
    wide = f"<row>{'<c><v>1</v></c>' * 200}</row>" * 50
    sheet = f"<worksheet {MAIN}><sheetData>{HEADER}{wide}</sheetData></worksheet>"
    reader = ExcelReader([("f", io.BytesIO(package(sheet)))], source(Excel()), Excel(), TABLE, batch_cells=1_000)
    assert len(list(reader.blocks())) >= 10


def test_two_sheets_of_one_part_are_one_sheet() -> None:
    text = f'<workbook {MAIN} xmlns:r="{OFFICE}"><sheets><sheet name="People" sheetId="1" r:id="rId1"/>'
    text += '<sheet name="Again" sheetId="2" r:id="rId1"/></sheets></workbook>'
    data = package(f"<worksheet {MAIN}><sheetData>{HEADER}{ROW}</sheetData></worksheet>", workbook=text)
    assert read(data, TABLE, Excel(), "f.xlsx").column("id") == [1]


def test_long_values_take_linear_time() -> None:
    started = time.process_time()
    digits = "1" * 400_000
    assert number_text(digits + "x") == digits + "x"
    assert number_text(digits + ".5") == digits + ".5"
    assert number_text("0." + digits) == "0." + digits
    assert time.process_time() - started < 5


MERGED = '<mergeCells count="3"><mergeCell ref="A1:B1"/><mergeCell ref="B2:B3"/><mergeCell ref="A5:B9"/></mergeCells>'


def test_merged_cells_are_named_in_the_log_but_not_their_values(caplog: pytest.LogCaptureFixture) -> None:
    rows = '<row r="2"><c r="A2"><v>1</v></c><c r="B2" t="str"><v>Ada</v></c></row>'
    got = people(rows + '<row r="3"><c r="A3"><v>2</v></c><c r="B3"/></row>', after=MERGED)
    assert [(row["id"], row["name"]) for row in got.rows] == [(1, "Ada"), (2, None)]
    [message] = [each.getMessage() for each in caplog.records]
    assert message.startswith("probe: f.xlsx: the sheet 'People' has 3 merged range(s), the first one A1:B1; only the ")
    assert "Ada" not in message


@pytest.mark.parametrize(
    "merged", ['<mergeCell ref="A1:B1"/>', '<mergeCell ref="Ada Wong"/><mergeCell/>', '<x:mergeCell ref="A1:B1"/>']
)
def test_merged_titles_above_the_header_are_no_reason_for_a_warning(
    merged: str, caplog: pytest.LogCaptureFixture
) -> None:
    title = '<row r="1"><c r="A1" t="str"><v>People</v></c></row>'
    header = HEADER.replace('r="1"', 'r="2"').replace('A1"', 'A2"').replace('B1"', 'B2"')
    xml = f"<worksheet {MAIN} xmlns:x='urn:x'><sheetData>{title}{header}{ROW.replace('2', '3')}</sheetData>"
    data = package(f"{xml}<mergeCells>{merged}</mergeCells></worksheet>")
    assert read(data, TABLE, Excel(skip_lines=1), "f.xlsx").column("id")
    assert caplog.records == []
