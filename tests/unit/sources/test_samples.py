"""The samples: they can be reproduced, match expected.json, and contain no data of real people."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import json
import os
import re
import subprocess
import sys
import zipfile
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from xml.etree import ElementTree as ET

import pyarrow.parquet as pq
import pytest

from growth_verticals.contract.declared import contract_of
from growth_verticals.declarations import read_sources
from growth_verticals.errors import FileRefusedError
from growth_verticals.files import open_reader
from growth_verticals.files.headers import ColumnMapping, check_known_columns, resolve_header
from growth_verticals.source import Delimited, Excel, JsonLines, Source

ROOT = Path(__file__).parents[3]
SAMPLES = ROOT / "include" / "samples"
EXPECTED = json.loads((SAMPLES / "expected.json").read_text(encoding="utf-8"))
SOURCES = read_sources()
FILES = [(name, file) for name, sample in EXPECTED.items() for file in sample["files"] if "marker" not in file]
every_file = pytest.mark.parametrize(("name", "file"), FILES, ids=[file["path"] for _, file in FILES])


def content(path: Path) -> dict[str, bytes]:
    """A file's uncompressed bytes, by member. The compressed bytes depend on the installed zlib version."""
    if path.suffix in {".zip", ".xlsx"}:
        with zipfile.ZipFile(path) as archive:
            return {entry.filename: archive.read(entry) for entry in archive.infolist()}
    if path.suffix == ".gz":
        return {"": gzip.decompress(path.read_bytes())}
    return {"": path.read_bytes()}


def text_of(path: Path, source: Source) -> str:
    """The text of a delimited file's only member, in the declared encoding."""
    assert isinstance(source.format, Delimited)
    [data] = [data for member, data in content(path).items() if member != "README.txt"]
    return data.removeprefix(codecs.BOM_UTF8).decode(source.format.encoding)


def records_of(path: Path, source: Source) -> list[list[str]]:
    """A file's header and records, read without the platform's own readers."""
    match source.format:
        case Delimited(delimiter=delimiter, quote=quote):
            quoting = csv.QUOTE_MINIMAL if quote else csv.QUOTE_NONE
            text = io.StringIO(text_of(path, source), newline="")
            return list(csv.reader(text, delimiter=delimiter, quotechar=quote, quoting=quoting))
        case JsonLines():
            return [["a key"], *([line] for line in content(path)[""].decode().splitlines())]
        case Excel():
            return list(sheet_rows(content(path)["xl/sheet2.xml"]))
    table = pq.read_table(path)
    return [table.column_names, *([str(cell) for cell in row.values()] for row in table.to_pylist())]


def sheet_rows(xml: bytes) -> Iterator[list[str]]:
    space = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
    for row in ET.fromstring(xml).iter(f"{space}row"):
        yield ["".join(cell.itertext()) for cell in row.iter(f"{space}c")]


def test_the_script_generates_the_same_samples_again(tmp_path: Path) -> None:
    script = ROOT / "include" / "scripts" / "make_samples.py"
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "plugins")}
    subprocess.run([sys.executable, script, tmp_path], check=True, env=environment)

    listed = json.loads((tmp_path / "expected.json").read_text(encoding="utf-8"))
    assert listed == {name: EXPECTED[name] for name in listed}
    files = [path.relative_to(tmp_path) for path in tmp_path.rglob("*.*") if path.name != "expected.json"]
    assert [path for path in files if content(tmp_path / path) != content(SAMPLES / path)] == []


def test_every_sample_file_is_listed_in_expected_json() -> None:
    listed = {file["path"] for sample in EXPECTED.values() for file in sample["files"]}
    assert listed == {str(path.relative_to(SAMPLES)) for path in SAMPLES.rglob("*.*")} - {"expected.json"}


def test_the_samples_are_small() -> None:
    assert sum(path.stat().st_size for path in SAMPLES.rglob("*.*")) < 3_000_000


@every_file
def test_a_file_contains_the_expected_number_of_records(name: str, file: dict[str, int]) -> None:
    _, *records = records_of(SAMPLES / str(file["path"]), SOURCES[name])
    assert len(records) == file["rows_read"]


@pytest.mark.parametrize("name", EXPECTED)
def test_expected_rejects_add_up_and_are_below_the_limit(name: str) -> None:
    sample = EXPECTED[name]
    read = sum(file["rows_read"] for file in sample["files"])
    rejected = sum(file["rows_rejected"] for file in sample["files"])
    assert sum(sample["rejects"].values()) == rejected
    assert rejected < read * SOURCES[name].max_rejected


@every_file
def test_the_header_has_every_required_column(name: str, file: dict[str, str]) -> None:
    source = SOURCES[name]
    header, *records = records_of(SAMPLES / file["path"], source)
    if isinstance(source.format, JsonLines):
        header = list(json.loads(records[0][0]))
    normalized = {re.sub(r"[ .-]", "_", column.strip().lower()) for column in header}
    aliases = {alias.vendor: alias.column for alias in source.aliases}
    columns = {aliases.get(column, column) for column in normalized}
    contract = contract_of(source)
    assert {column.name for column in contract.columns if column.required} <= columns
    unknown = columns - {column.name for column in contract.columns}
    assert not unknown or source.extra_columns in {"ignore", "keep"}


def header_of(name: str, file: dict[str, str]) -> list[str]:
    """A file's column names: of JSON lines, the keys of the first record."""
    header, *records = records_of(SAMPLES / file["path"], SOURCES[name])
    return list(json.loads(records[0][0])) if isinstance(SOURCES[name].format, JsonLines) else header


@every_file
def test_a_file_has_enough_of_its_table_s_columns(name: str, file: dict[str, str]) -> None:
    contract = contract_of(SOURCES[name])
    mapping = ColumnMapping(SOURCES[name], contract)
    check_known_columns(map(mapping.column_for, header_of(name, file)), SOURCES[name], contract, file["path"], 1)


@every_file
def test_a_file_is_refused_as_a_file_of_any_other_source(name: str, file: dict[str, str]) -> None:
    header = header_of(name, file)
    for other, source in SOURCES.items():
        if other != name:
            with pytest.raises(FileRefusedError):
                resolve_header(header, source, contract_of(source), file["path"])


def test_one_client_s_list_is_refused_as_another_client_s() -> None:
    """Nothing is required of LS Corp's leads, and every other column is kept."""
    path, source = SAMPLES / "horace_mann" / "horace_mann_autumn.csv", SOURCES["ls_corp"]
    with path.open("rb") as raw, pytest.raises(FileRefusedError, match="only 7 of the table's 19 columns"):
        next(iter(open_reader(raw, path.name, source, contract_of(source)).blocks()))


@every_file
def test_a_file_contains_no_real_email_addresses_or_phone_numbers(name: str, file: dict[str, str]) -> None:
    text = "\n".join("\t".join(row) for row in records_of(SAMPLES / file["path"], SOURCES[name]))
    email_domains = set(re.findall(r"[\w.+'-]+@([\w.-]+)", text))
    phones = set(re.findall(r"(?<![\w-])\(?\d{3}\)?[-. ]\d{3}[-. ]\d{4}(?![\w-])", text))
    assert email_domains <= {"example.com"}
    assert all(re.fullmatch(r"\d{3}-555-01\d\d", phone) for phone in phones)


def test_the_samples_contain_cases_that_are_difficult_to_read() -> None:
    files = {file["path"].rpartition("/")[2]: SAMPLES / file["path"] for _, file in FILES}
    raw = {name: path.read_bytes() for name, path in files.items()}
    part1, part2 = (records_of(files[f"AIQ_HH_2026Q3_part{n}of2.txt.gz"], SOURCES["aiq_household"]) for n in (1, 2))
    georgia, ohio = (records_of(files[f"{state}.csv"], SOURCES["statara_political"]) for state in ("GA", "OH"))
    leads = records_of(files["ls_corp_leads.csv"], SOURCES["ls_corp"])

    assert raw["horace_mann_autumn.csv"].startswith(codecs.BOM_UTF8)
    assert raw["horace_mann_autumn.csv"].count(b"\r\n") == 451
    assert len(re.findall(rb"\x1f\x8b\x08\0\0\0\0\0", raw["AIQ_HH_2026Q3_part1of2.txt.gz"])) == 2, "two gzip members"
    with pytest.raises(UnicodeDecodeError):
        raw["causeway_people.csv"].decode("utf-8")
    assert set(part1[0]) == set(part2[0])
    assert part1[0] != part2[0], "columns in a different order"
    assert {row[georgia[0].index("dob")] for row in georgia[1:]} == {""}, "no value in the file of one state"
    assert any(row[ohio[0].index("dob")] for row in ohio[1:-1] if len(row) == len(ohio[0])), (
        "some values in the file of another state"
    )
    cells = [cell for row in leads for cell in row]
    assert any("\n" in cell for cell in cells)
    assert any("," in cell for cell in cells)
    assert any('"' in cell for cell in cells)
    assert any("'" in cell for cell in cells)
    assert any(re.fullmatch(r"0\d{4}", cell) for cell in cells), "a ZIP code with its leading zero"
    log = records_of(files["campaign_log_20261120.tsv.gz"], SOURCES["popsycle_campaign_ad_log"])
    assert len({tuple(row) for row in log}) < len(log), "identical rows are real"


@every_file
def test_the_platform_reads_the_expected_number_of_rows_and_rejects(name: str, file: dict[str, int]) -> None:
    rows, reasons = read_by_platform(name, str(file["path"]))
    assert sum(reasons.values()) == file["rows_rejected"]
    assert rows + sum(reasons.values()) == file["rows_read"]


@pytest.mark.parametrize("name", EXPECTED)
def test_records_are_rejected_for_the_expected_reasons(name: str) -> None:
    reasons: Counter[str] = Counter()
    for file in EXPECTED[name]["files"]:
        if "marker" not in file:
            reasons += read_by_platform(name, file["path"])[1]
    assert reasons == EXPECTED[name]["rejects"]


@cache
def read_by_platform(name: str, path: str) -> tuple[int, Counter[str]]:
    """Return the number of valid rows of a file, and the number of rejected records by reason."""
    rows, reasons = 0, Counter[str]()
    with (SAMPLES / path).open("rb") as raw:
        reader = open_reader(raw, path.rpartition("/")[2], SOURCES[name], contract_of(SOURCES[name]))
        for block in reader.blocks():
            parsed = reader.parse(block)
            rows += parsed.rows.num_rows
            reasons.update(parsed.rejects["reason"].to_pylist())
    return rows, reasons
