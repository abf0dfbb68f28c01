"""Rejected records are exported in the vendor's format, and without formulas that a spreadsheet would run."""

from __future__ import annotations

import csv
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from growth_verticals.files.export import export_rejects, suffix_of
from growth_verticals.files.rejects import TRUNCATION_MARK
from growth_verticals.source import Delimited, Excel, Format, JsonLines, Parquet

HEADER = "id,note\n"
RISKY = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def written(*records: str, form: Format | None = None, header: str = "", exact: bool = False) -> str:
    out = io.StringIO(newline="")
    export_rejects(out, lambda: records, form or Delimited(), header, exact=exact)
    return out.getvalue()


def cells(text: str, delimiter: str = ",") -> list[list[str]]:
    return list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))


@pytest.mark.parametrize("start", RISKY)
def test_a_cell_that_a_spreadsheet_would_run_becomes_text(start: str):
    record = f'1,"{start}cmd|x"'
    assert cells(written(record)) == [["1", f"'{start}cmd|x"]]
    assert cells(written(f'"{start}",2')) == [[f"'{start}", "2"]]
    assert written(record, exact=True) == f"{record}\n"


def test_records_without_a_formula_are_unchanged():
    records = ('1,"a ""quoted"" word"', '"2","two\nlines"', "3,a=b", "too,many,cells", "4", '5,a"b', "6, =1")
    assert written(*records, header=HEADER) == HEADER + "".join(f"{record}\n" for record in records)


def test_line_ends_are_those_of_the_header():
    assert written("1,x", header="id,note\r\n") == "id,note\r\n1,x\r\n"
    assert written("1,x", header="id,note\r") == "id,note\r1,x\r"
    assert written("1,x", header="id,note") == "id,note\n1,x\n"


def test_without_a_quote_only_the_delimiter_separates_cells():
    form = Delimited(delimiter="|", quote=None)
    assert written('1|"=x|=y', form=form) == "1|\"=x|'=y\n"


@given(st.lists(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0")), min_size=1), max_size=5))
def test_any_record_is_written_cell_for_cell_except_for_the_apostrophe(rows: list[list[str]]):
    records = []
    for row in rows:
        text = io.StringIO(newline="")
        csv.writer(text, delimiter="|", lineterminator="", quoting=csv.QUOTE_ALL).writerow(row)
        records.append(text.getvalue())
    expected = [[f"'{cell}" if cell.startswith(RISKY) else cell for cell in row] for row in rows]
    assert cells(written(*records, form=Delimited(delimiter="|")), "|") == expected


def test_a_truncated_record_does_not_swallow_the_next():
    truncated = f'1,"opened and not closed{TRUNCATION_MARK}'
    assert cells(written(truncated, "2,x")) == [["1", f"opened and not closed{TRUNCATION_MARK}"], ["2", "x"]]
    assert written(truncated, "2,x", exact=True) == "2,x\n"
    assert written('{"id": "1', f'{{"id": {TRUNCATION_MARK}', form=JsonLines()) == '{"id": "1\n'


@pytest.mark.parametrize("form", [Excel(), Parquet()])
def test_records_stored_as_json_are_written_as_csv(form: Format):
    records = [{"id": 1, "note": "=x"}, {"id": 2, "born": None, "extra": "a,b"}]
    texts = [*map(json.dumps, records), f'{{"id": {TRUNCATION_MARK}']
    assert cells(written(*texts, form=form)) == [
        ["id", "note", "born", "extra"],
        ["1", "'=x", "", ""],
        ["2", "", "", "a,b"],
    ]
    assert "'=x" not in written(*texts, form=form, exact=True)


def test_values_stored_as_json_stay_what_they_are():
    records = [{"a": "", "b": None, "c": True, "d": 1.5, "e": -1, "f": ["x", {"y": None}]}, {"a": None}]
    assert written(*map(json.dumps, records), form=Parquet()) == (
        '"a","b","c","d","e","f"\r\n"",,"true","1.5","-1","[""x"", {""y"": null}]"\r\n,,,,,\r\n'
    )
    assert written('{"a": null}', form=Parquet()) == '"a"\r\n""\r\n'


@pytest.mark.parametrize(
    ("form", "suffix"),
    [(Delimited(), ".csv"), (Delimited(delimiter="|"), ".txt"), (JsonLines(), ".jsonl"), (Excel(), ".csv")],
)
def test_the_suffix_matches_the_format(form: Format, suffix: str):
    assert suffix_of(form) == suffix


def test_escaped_records_are_written_with_the_vendors_escapes():
    form = Delimited(escape="\\", delimiter="|")
    assert written(r"1|a\|b|\"c\"", form=form) == '1|a\\|b|\\"c\\"\n'
    assert written(r"1|=a\|b|\=", form=form) == "1|'=a\\|b|\\=\n"
    assert written(r'1|"=a\"|=b"|=c', form=form) == '1|"\'=a\\"|=b"|\'=c\n'
    tabs = Delimited(escape="\\", delimiter="\t")
    assert written("1\t\\\t=x\t\\=", form=tabs) == "1\t'\\\t=x\t\\=\n"


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ('1,"5" pipe",=x', '1,"5" pipe",\'=x'),
        ('"=5" pipe","two\nlines",=x', '"\'=5" pipe","two\nlines",\'=x'),
        ('"a"b,"two\n=lines,=y"', '"a"b,"two\n=lines,=y"'),
        ('=a"b,"c""d",""', '\'=a"b,"c""d",""'),
        ("1, =x,é,=é", "1, =x,é,'=é"),
    ],
)
def test_an_apostrophe_is_all_that_is_added_also_to_a_record_with_a_stray_quote(record: str, expected: str):
    assert written(record, "2,x") == f"{expected}\n2,x\n"


@given(st.text(st.sampled_from('a=+",\t\n\\ é'), max_size=12), st.sampled_from([None, "\\"]))
def test_without_its_apostrophes_any_record_is_the_one_that_arrived(record: str, escape: str | None):
    text = written(record, form=Delimited(escape=escape)).removesuffix("\n")
    assert text.replace("'", "") in (record, f'{record}"')


def test_a_header_cell_that_a_spreadsheet_would_run_becomes_text():
    assert written("1,x", header="id,=note\r\n") == "id,'=note\r\n1,x\r\n"
