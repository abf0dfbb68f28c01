"""A file that has too few of the table's columns is refused, and no message shows a row as if it were a header."""

from __future__ import annotations

import io
import logging
import re

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from growth_verticals.errors import DeclarationError, FileRefusedError
from growth_verticals.files.headers import check_known_columns, resolve_header
from growth_verticals.source import Delimited, Excel, Format, Parquet

from .reading import contract, read, source
from .test_excel import text, workbook

#: Nothing is required and every other column is kept, so only the number of known columns tells files apart.
TABLE = contract(
    member="string", first="string", last="string", city="string", zip5="string", extra="map<string, string>"
)
OTHERS = ["policy", "agent", "City"]


def delimited(header: list[str]) -> bytes:
    return "\n".join([",".join(header), ",".join("x" * len(header))]).encode()


def parquet(header: list[str]) -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.table({name: ["x"] for name in header}), out)
    return out.getvalue()


def excel(header: list[str]) -> bytes:
    return workbook(Sheet1=[[text(name) for name in header], [text("x")] * len(header)])


FORMATS = [(Delimited(), delimited), (Parquet(), parquet), (Excel(), excel)]
NAMES = {"Delimited": "f.csv", "Parquet": "f.parquet", "Excel": "f.xlsx"}
every_format = pytest.mark.parametrize(("form", "write"), FORMATS, ids=NAMES)


@every_format
def test_a_file_with_too_few_known_columns_is_refused(form: Format, write) -> None:
    name = NAMES[type(form).__name__]
    message = (
        r"only 1 of the table's 5 columns are in the file.* expected at least 50% of them \(min_known_columns\), "
        r"found 1 known and 2 unknown columns\. Next: .*aliases.*min_known_columns"
    )
    with pytest.raises(FileRefusedError, match=message) as caught:
        read(write(OTHERS), TABLE, form, name, extra_columns="keep")
    assert (caught.value.source, caught.value.file) == ("probe", name)
    assert read(write([*OTHERS, "First", "LAST"]), TABLE, form, name, extra_columns="keep").column("first") == ["x"]


@every_format
def test_a_source_can_declare_another_minimum(form: Format, write) -> None:
    name = NAMES[type(form).__name__]
    few = read(write(OTHERS), TABLE, form, name, extra_columns="keep", min_known_columns=0.2)
    assert few.column("city") == ["x"]
    with pytest.raises(FileRefusedError, match="only 4 of the table's 5 columns"):
        read(write(["member", "first", "last", "city"]), TABLE, form, name, min_known_columns=1)


@pytest.mark.parametrize("known", range(1, 10))
def test_a_share_is_met_exactly(known: int) -> None:
    table = contract(**{f"c{number}": "string" for number in range(10)})
    names = [f"c{number}" for number in range(known)]
    check_known_columns(names, source(min_known_columns=known / 10), table, "f", 1)
    with pytest.raises(FileRefusedError):
        check_known_columns(names[1:], source(min_known_columns=known / 10), table, "f", 1)


def test_a_file_without_a_known_column_is_always_refused() -> None:
    with pytest.raises(FileRefusedError, match="only 0 of the table's 5 columns"):
        check_known_columns(["policy", "extra"], source(min_known_columns=0), TABLE, "f", None)


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan")])
def test_a_minimum_that_is_not_a_share_is_not_a_declaration(share: float) -> None:
    with pytest.raises(DeclarationError, match="min_known_columns must be a share"):
        source(min_known_columns=share)


@pytest.mark.parametrize("policy", ["ignore", "refuse", "keep"])
def test_a_row_in_the_place_of_the_header_is_not_shown(policy: str, caplog: pytest.LogCaptureFixture) -> None:
    """A file without its header begins with a person. Two of the cells are equal."""
    row = ["P1", "Willow", "Willow", "Fairbrook", "00907"]
    with caplog.at_level(logging.DEBUG), pytest.raises(FileRefusedError) as caught:
        resolve_header(row, source(extra_columns=policy), TABLE, "f.csv")
    assert not re.search("(?i)willow|fairbrook|00907", str(caught.value) + caplog.text)
