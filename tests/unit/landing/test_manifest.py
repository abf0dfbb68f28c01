"""A vendor's manifest is read exactly, or it is refused with the line and the column."""

from __future__ import annotations

import pytest

from growth_verticals.errors import DeclarationError, FileRefusedError
from growth_verticals.landing.manifest import ManifestEntry, read_manifest
from growth_verticals.source import Manifest

TABLE = Manifest(
    "m_{period}.csv",
    columns={"name": "File Name", "size": "Bytes", "rows": "Records", "sha256": "SHA", "md5": "MD5"},
    delimiter="|",
)
SHA, MD5 = "aB" * 32, "cD" * 16
HEADER = "file name|note|BYTES|records|sha|md5\n"


def test_delimited_text_with_more_columns_in_another_order() -> None:
    text = f'\ufeff{HEADER}"a|1.csv"|first|10|2|{SHA}|{MD5}\r\n\r\n./b.csv||0|0|{SHA}|{MD5}'
    assert read_manifest(TABLE, "m", text.encode()) == {
        "a|1.csv": ManifestEntry(size=10, rows=2, sha256=SHA.lower(), md5=MD5.lower()),
        "b.csv": ManifestEntry(size=0, rows=0, sha256=SHA.lower(), md5=MD5.lower()),
    }


def test_only_the_declared_columns_are_read() -> None:
    names = Manifest("m_{period}", columns={"name": "file name"}, delimiter="|")
    assert read_manifest(names, "m", f"{HEADER}a||x|y|z|\n".encode()) == {"a": ManifestEntry()}


@pytest.mark.parametrize(("sums", "digest"), [("sha256", SHA), ("md5", MD5)])
def test_the_output_of_sha256sum_and_md5sum(sums: str, digest: str) -> None:
    declared = Manifest("m_{period}", sums=sums)  # type: ignore[arg-type]
    text = f"{digest}  a b.csv\n\n{digest} *./b.csv\r\n"
    entry = ManifestEntry(**{sums: digest.lower()})  # type: ignore[arg-type]
    assert read_manifest(declared, "m", text.encode()) == {"a b.csv": entry, "b.csv": entry}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "m: the manifest has no header line"),
        (
            "file name|records|sha|md5\n",
            "m: line 1: column Bytes: the manifest's header must have this",
        ),
        (
            HEADER.replace("note", "bytes"),
            "line 1: column Bytes: the manifest's header must have this",
        ),
        (HEADER + "a||10|2\n", "line 2: the line has 4 columns only"),
        (HEADER + f"a||1e3|2|{SHA}|{MD5}\n", "line 2: column Bytes: the manifest's number is not a whole number"),
        (HEADER + f"a||10||{SHA}|{MD5}\n", "line 2: column Records: the manifest's number is not a whole number"),
        (HEADER + f"a||10|2|{SHA[1:]}|{MD5}\n", "line 2: the manifest's checksum is not 64 hexadecimal digits"),
        (HEADER + f"a||10|2|{SHA}|-\n", "line 2: the manifest's checksum is not 32 hexadecimal digits"),
        (HEADER + f"a||1|2|{SHA}|{MD5}\n" * 2, "line 3: the manifest lists a file twice"),
        (HEADER + '"a"b|\n', "line 2: the line is not delimited text"),
    ],
)
def test_a_manifest_that_is_not_as_declared_is_refused(text: str, message: str) -> None:
    with pytest.raises(FileRefusedError) as raised:
        read_manifest(TABLE, "m", text.encode())
    assert message in str(raised.value)


def test_a_line_that_is_not_sha256sum_s_is_refused() -> None:
    declared = Manifest("m_{period}", sums="sha256")
    for text, message in ((f"{SHA}\n", "line 1: the line is not one of sha256sum"), (f"{MD5}  a\n", "not 64")):
        with pytest.raises(FileRefusedError, match=message):
            read_manifest(declared, "m", text.encode())


def test_a_manifest_that_is_not_utf_8_is_refused() -> None:
    with pytest.raises(FileRefusedError, match="not UTF-8"):
        read_manifest(TABLE, "m", b"\xff\xfe")


def test_sums_of_columns_of_the_table_are_read_as_text() -> None:
    declared = Manifest("m", columns={"name": "file", "sum:cost": "total cost", "sum:visits": "visits"})
    read = read_manifest(declared, "m", b"file,visits,total cost\na.csv,-7, 10.50 \n")
    assert read == {"a.csv": ManifestEntry(sums=(("cost", "10.50"), ("visits", "-7")))}
    with pytest.raises(FileRefusedError, match="line 2: column total cost: the manifest's sum is not a decimal number"):
        read_manifest(declared, "m", b"file,visits,total cost\na.csv,7,1e9\n")


def test_the_sum_of_something_that_is_not_a_column_s_name_is_refused() -> None:
    with pytest.raises(DeclarationError, match="a manifest's columns are not valid"):
        Manifest("m", columns={"name": "file", "sum:Total Cost": "cost"})
