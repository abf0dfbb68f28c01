"""A member of an archive without rows is named in the log, so that a vendor's empty part is noticed."""

from __future__ import annotations

import io
import logging
import zipfile

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from growth_verticals.source import Delimited, Excel, FixedWidth, Format, JsonLines, Parquet
from tests.unit.files.reading import contract, read
from tests.unit.files.test_excel import number, text, workbook

PEOPLE = contract(id="int")


def archive(**members: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as out:
        for name, content in members.items():
            out.writestr(name, content)
    return buffer.getvalue()


def people(*ids: int) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(pa.table({"id": pa.array(ids, pa.int32())}), buffer)
    return buffer.getvalue()


def sheet(*ids: int) -> bytes:
    return workbook(People=[[text("id")], *([number(str(each))] for each in ids)])


CASES = [
    (Delimited(), b"id\n1\n", b"id\n"),
    (Delimited(), b"id\n1\n", b"id\n\r\n\n"),
    (Delimited(trailer="TRL{rows}"), b"id\n1\nTRL1\n", b"id\nTRL0\n"),
    (Delimited(header=False), b"1\n", b"\n"),
    (FixedWidth(columns={"id": 1}), b"1\n", b"\n"),
    (JsonLines(), b'{"id": 1}\n', b"\n"),
    (Parquet(), people(1), people()),
    (Excel(), sheet(1), sheet()),
]


@pytest.mark.parametrize(("form", "filled", "empty"), CASES)
def test_a_member_without_rows_is_named_if_another_has_rows(
    form: Format, filled: bytes, empty: bytes, caplog: pytest.LogCaptureFixture
):
    data = archive(a=filled, b=empty, c=filled)
    assert read(data, PEOPLE, form, "f.zip").column("id") == [1, 1]
    [message] = [each.getMessage() for each in caplog.records if "have no rows" in each.getMessage()]
    assert message == "probe: 1 of 3 members have no rows; ask the vendor if that is not expected: f.zip!b"


@pytest.mark.parametrize(("form", "filled", "empty"), CASES)
def test_an_archive_with_rows_in_all_members_or_in_none_has_no_such_warning(
    form: Format, filled: bytes, empty: bytes, caplog: pytest.LogCaptureFixture
):
    with caplog.at_level(logging.WARNING):
        read(archive(a=filled, b=filled), PEOPLE, form, "f.zip")
        read(archive(a=empty, b=empty), PEOPLE, form, "f.zip")
    assert "have no rows" not in caplog.text
