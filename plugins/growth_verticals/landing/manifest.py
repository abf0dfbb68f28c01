"""Reads a vendor's manifest: the list of a delivery's files, with sizes, numbers of records and checksums."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from growth_verticals.errors import FileRefusedError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from growth_verticals.completeness import Manifest

#: A manifest of `MAX_FILES` files with long names fits. A larger file is not a manifest.
MAX_MANIFEST_BYTES = 16 * 2**20
_HEX_DIGITS = {"sha256": 64, "md5": 32}
_SUM_LINE = re.compile(r"(?P<digest>[0-9A-Fa-f]+) [ *](?P<name>.+)")


@dataclass(frozen=True, kw_only=True)
class ManifestEntry:
    """What a manifest says of one file; None for what it does not say. Digests are in lower-case hex.

    :param sums: column of the table and its sum, as a decimal number in text.
    """

    size: int | None = None
    rows: int | None = None
    sha256: str | None = None
    md5: str | None = None
    sums: tuple[tuple[str, str], ...] = ()


def read_manifest(declared: Manifest, file_name: str, data: bytes) -> dict[str, ManifestEntry]:
    """Return the entries of a manifest by file name, in its order.

    Raises `FileRefusedError` that names the line and the column if the text is not what is declared, or if it lists a
    name twice.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _refused(file_name, "the manifest is not UTF-8 text") from error
    lines = _sum_lines(declared, file_name, text) if declared.sums else _table_lines(declared, file_name, text)
    entries: dict[str, ManifestEntry] = {}
    for line, name, entry in lines:
        if name in entries:
            raise _refused(file_name, "the manifest lists a file twice", line)
        entries[name] = entry
    return entries


def _sum_lines(declared: Manifest, file_name: str, text: str) -> Iterator[tuple[int, str, ManifestEntry]]:
    for line, content in enumerate(io.StringIO(text, newline=None), 1):
        if not content.strip():
            continue
        match = _SUM_LINE.fullmatch(content.rstrip("\n"))
        if match is None:
            raise _refused(file_name, f"the line is not one of {declared.sums}sum: `<digest>  <name>`", line)
        digest = _digest(match["digest"], str(declared.sums), file_name, line)
        entry = ManifestEntry(sha256=digest) if declared.sums == "sha256" else ManifestEntry(md5=digest)
        yield line, match["name"].removeprefix("./"), entry


def _table_lines(declared: Manifest, file_name: str, text: str) -> Iterator[tuple[int, str, ManifestEntry]]:
    reader = csv.reader(io.StringIO(text, newline=None), delimiter=declared.delimiter, strict=True)
    positions: dict[str, int] = {}
    try:
        for cells in reader:
            line = reader.line_num
            if not any(cell.strip() for cell in cells):
                continue
            if not positions:
                positions = _positions(declared, file_name, line, cells)
                continue
            if len(cells) <= max(positions.values()):
                raise _refused(file_name, f"the line has {len(cells)} columns only", line)
            values = {field: cells[position].strip() for field, position in positions.items()}
            yield line, values["name"].removeprefix("./"), _entry(declared, file_name, line, values)
    except csv.Error as error:
        raise _refused(file_name, "the line is not delimited text", reader.line_num) from error
    if not positions:
        raise _refused(file_name, "the manifest has no header line")


def _positions(declared: Manifest, file_name: str, line: int, header: list[str]) -> dict[str, int]:
    found = [cell.strip().casefold() for cell in header]
    positions = {}
    for field, title in (declared.columns or {}).items():
        if found.count(title.casefold()) != 1:
            raise _refused(file_name, "the manifest's header must have this column exactly once", line, title)
        positions[field] = found.index(title.casefold())
    return positions


def _entry(declared: Manifest, file_name: str, line: int, values: dict[str, str]) -> ManifestEntry:
    numbers: dict[str, int] = {}
    for field in values.keys() & {"size", "rows"}:
        if not re.fullmatch(r"[0-9]{1,18}", values[field]):
            title = (declared.columns or {})[field]
            raise _refused(file_name, "the manifest's number is not a whole number in digits", line, title)
        numbers[field] = int(values[field])
    sums = tuple((field.removeprefix("sum:"), values[field]) for field in declared.sum_fields)
    for column, total in sums:
        if not re.fullmatch(r"-?[0-9]{1,40}(\.[0-9]{1,40})?", total, re.ASCII):
            title = (declared.columns or {})[f"sum:{column}"]
            raise _refused(file_name, "the manifest's sum is not a decimal number", line, title)
    digests = {field: _digest(values[field], field, file_name, line) for field in values.keys() & {"sha256", "md5"}}
    return ManifestEntry(
        size=numbers.get("size"),
        rows=numbers.get("rows"),
        sha256=digests.get("sha256"),
        md5=digests.get("md5"),
        sums=sums,
    )


def _digest(text: str, kind: str, file_name: str, line: int) -> str:
    if not re.fullmatch(rf"[0-9A-Fa-f]{{{_HEX_DIGITS[kind]}}}", text):
        raise _refused(file_name, f"the manifest's checksum is not {_HEX_DIGITS[kind]} hexadecimal digits", line)
    return text.lower()


def _refused(file_name: str, what: str, line: int | None = None, column: str | None = None) -> FileRefusedError:
    return FileRefusedError(
        what, file=file_name, line=line, column=column, next_step="ask the vendor for a corrected manifest"
    )
