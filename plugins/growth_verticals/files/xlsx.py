"""The parts of an .xlsx workbook: its sheets, styles and shared strings, and the rows of a sheet, as a stream.

A workbook is a zip archive of XML parts (ECMA-376). Expat reads them piece by piece, so a far cell, a long comment or a
wrong `<dimension>` costs nothing, and every value is the text that is in the file. What a cell means is in
`xlsxcells.py`.
"""

from __future__ import annotations

import lzma
import posixpath
import struct
import zipfile
import zlib
from functools import cached_property
from typing import IO, TYPE_CHECKING, BinaryIO, NamedTuple
from xml.parsers import expat

from growth_verticals.files.xlsxcells import BUILT_IN_KINDS, CellReader, DateKind, kind_of_code
from growth_verticals.files.xlsxrows import MergedRanges, shared_strings, sheet_rows
from growth_verticals.files.xlsxxml import TagReader, WorkbookError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from growth_verticals.files.xlsxrows import Row

#: Limit for the decompressed size of all parts of a workbook. A sheet of 1,048,576 rows and tens of columns fits.
MAX_WORKBOOK_BYTES = 2**32
#: Limit for each of the parts that describe the workbook. Excel allows 65,490 styles, which are 10 MB at most.
_MAX_DESCRIPTION_BYTES = 2**26
_DAMAGE_ERRORS = (
    expat.ExpatError,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    NotImplementedError,
    OverflowError,
    ValueError,
)


class Sheet(NamedTuple):
    """A sheet's name, and the name of its part."""

    name: str
    part: str


class Workbook:
    """An open workbook. Its methods raise `WorkbookError` for one that is damaged, or larger than the limits.

    `size` and `compressed_size` are those of all its parts.

    :param file: seekable.
    """

    def __init__(self, file: BinaryIO) -> None:
        try:
            self._archive = zipfile.ZipFile(file)
        except _DAMAGE_ERRORS as error:
            raise _damage(error) from error
        infos = self._archive.infolist()
        if any(info.header_offset < 0 for info in infos):
            raise WorkbookError("the workbook is damaged")
        # A part is never read beyond this size: the archive's reader stops there, and then its checksum is wrong.
        self.size = sum(info.file_size for info in infos)
        self.compressed_size = sum(info.compress_size for info in infos)
        if self.size > MAX_WORKBOOK_BYTES:
            raise WorkbookError(f"the workbook expands to more than {MAX_WORKBOOK_BYTES:,} bytes")
        self._parts = {info.filename.replace("\\", "/").lower(): info for info in infos}
        if len(self._parts) < len(infos):
            raise WorkbookError("the workbook has two parts of one name")
        try:
            self._part = self._office_document()
            self._targets = self._relationships(self._part)
            self.sheets, self._is_1904 = self._describe()
        except _DAMAGE_ERRORS as error:
            raise _damage(error) from error

    def rows(self, sheet: Sheet, merged: MergedRanges | None = None) -> Iterator[Row]:
        """Yield a sheet's rows that are not empty. `merged` is complete after the last one."""
        try:
            cells = CellReader(self._shared_strings, self._date_kinds, is_1904=self._is_1904)
            with self._open(sheet.part) as part:
                yield from sheet_rows(part, cells, merged or MergedRanges())
        except _DAMAGE_ERRORS as error:
            raise _damage(error) from error

    def _open(self, name: str) -> IO[bytes]:
        info = self._parts.get(name.lower())
        if info is None:
            raise WorkbookError("a part of the workbook is missing")
        if info.flag_bits & 1:
            raise WorkbookError("the workbook is encrypted")
        return self._archive.open(info)

    def _tags(self, name: str) -> Iterator[tuple[str, str, dict[str, str]]]:
        """Yield the tags of a part: the name of the element around it, its own name, and its attributes."""
        with self._open(name) as part:
            if self._parts[name.lower()].file_size > _MAX_DESCRIPTION_BYTES:
                raise WorkbookError(f"a part of the workbook expands to more than {_MAX_DESCRIPTION_BYTES:,} bytes")
            yield from TagReader().read(part)

    def _relationships(self, part: str) -> list[tuple[str, str, str]]:
        """Return a part's relationships: id, last word of the type, and part name."""
        folder, name = posixpath.split(part)
        found = []
        for _, tag, attributes in self._tags(posixpath.join(folder, "_rels", f"{name}.rels")):
            if tag == "Relationship" and attributes.get("TargetMode") != "External":
                target = posixpath.normpath(posixpath.join("/", folder, attributes.get("Target", "")))
                relation_type = attributes.get("Type", "").rpartition("/")[2]
                found.append((attributes.get("Id", ""), relation_type, target.lstrip("/")))
        return found

    def _office_document(self) -> str:
        for _, relation_type, target in self._relationships(""):
            if relation_type == "officeDocument":
                return target
        raise WorkbookError("the archive is not a workbook")

    def _describe(self) -> tuple[list[Sheet], bool]:
        """Return the sheets that have cells, and whether dates count from 1904."""
        sheets, is_1904 = [], False
        parts = {each: target for each, relation_type, target in self._targets if relation_type == "worksheet"}
        for _, tag, attributes in self._tags(self._part):
            if tag == "workbookPr":
                is_1904 = attributes.get("date1904") in ("1", "true")
            elif tag == "sheet":
                relation = next((value for key, value in attributes.items() if key.endswith(" id")), "")
                if relation in parts:  # any other is a chart or a dialog
                    sheets.append(Sheet(attributes.get("name", ""), parts.pop(relation)))
        return sheets, is_1904

    def _related(self, relation_type: str, usual_name: str) -> str | None:
        """Return the name of the part of a type; None if the workbook has none."""
        for _, each, target in self._targets:
            if each == relation_type:
                return target
        usual = posixpath.join(posixpath.dirname(self._part), usual_name)
        return usual if usual.lower() in self._parts else None

    @cached_property
    def _date_kinds(self) -> list[DateKind | None]:
        """What the numbers of each cell style are, if they are dates or times."""
        kinds: list[DateKind | None] = []
        formats: dict[str, DateKind | None] = {**BUILT_IN_KINDS}
        name = self._related("styles", "styles.xml")
        for parent, tag, attributes in self._tags(name) if name is not None else ():
            if tag == "numFmt" and parent == "numFmts":
                formats[attributes.get("numFmtId", "")] = kind_of_code(attributes.get("formatCode", ""))
            elif tag == "xf" and parent == "cellXfs":
                kinds.append(formats.get(attributes.get("numFmtId", "")))
        return kinds

    @cached_property
    def _shared_strings(self) -> list[str]:
        name = self._related("sharedStrings", "sharedStrings.xml")
        if name is None:
            return []
        with self._open(name) as part:
            return shared_strings(part)


def _damage(error: Exception) -> WorkbookError:
    return WorkbookError(f"the workbook is damaged ({type(error).__name__})")
