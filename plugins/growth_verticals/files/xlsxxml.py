"""XML of workbooks, read with expat in bounded memory and time, without document types and entities."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING, NoReturn
from xml.parsers import expat

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

#: A longer tag or comment is refused, because expat reads an unfinished one again with every chunk.
MAX_TOKEN_BYTES = 2**22
#: A longer text is refused. Excel allows 32,767 characters in a cell.
MAX_TEXT = 2**25
#: Elements can be nested this deep. Those of a workbook have fewer than twenty levels.
MAX_LEVELS = 100
_CHUNK_BYTES = 2**18
_ENCODINGS = ("utf-8", "utf-16", "us-ascii", "ascii", "iso-8859-1")


class WorkbookError(Exception):
    """A workbook cannot be read.

    :param row: the sheet's row, if the fault is in one.
    """

    def __init__(self, what: str, row: int | None = None) -> None:
        super().__init__(what)
        self.what = what
        self.row = row


def read_part(
    part: IO[bytes], start: Callable[[str, dict[str, str]], None], end: Callable[[str], None], text: list[str]
) -> Iterator[None]:
    """Read a part piece by piece, and yield after each piece.

    :param start, end: called for each tag; names are `namespace name`, or `name` without a namespace.
    :param text: receives the text. The caller clears it.
    """
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = text.append
    parser.StartDoctypeDeclHandler = _refuse_document_type
    parser.XmlDeclHandler = _check_encoding
    size = 0
    while data := part.read(_CHUNK_BYTES):
        parser.Parse(data, False)
        size += len(data)
        if size - max(0, parser.CurrentByteIndex) > MAX_TOKEN_BYTES:
            raise WorkbookError(f"the workbook has a tag or comment of more than {MAX_TOKEN_BYTES:,} bytes")
        if sum(map(len, text)) > MAX_TEXT:
            raise WorkbookError(f"the workbook has a text of more than {MAX_TEXT:,} characters")
        yield
    parser.Parse(b"", True)
    yield


class TagReader:
    """Collects the tags of a part: the name of the element around it, its own name, and its attributes.

    Names are without their namespaces; those of attributes are as expat returns them.
    """

    def __init__(self) -> None:
        self.tags: list[tuple[str, str, dict[str, str]]] = []
        self._path = [""]

    def read(self, part: IO[bytes]) -> Iterator[tuple[str, str, dict[str, str]]]:
        """Yield the tags."""
        text: list[str] = []
        for _ in read_part(part, self._start, self._end, text):
            text.clear()
            yield from self.tags
            self.tags.clear()

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        name = name.rpartition(" ")[2]
        self.tags.append((self._path[-1], name, attributes))
        self._path.append(name)
        check_levels(len(self._path))

    def _end(self, _: str) -> None:
        self._path.pop()


def check_levels(levels: int) -> None:
    """Raise `WorkbookError` for elements that are nested too deep."""
    if levels > MAX_LEVELS:
        raise WorkbookError(f"the workbook's XML has more than {MAX_LEVELS} levels")


def _refuse_document_type(*_: object) -> NoReturn:
    raise WorkbookError("the workbook's XML has a document type, which can define entities")


def _check_encoding(_version: str, encoding: str | None, _standalone: int) -> None:
    if encoding is not None and encoding.lower() not in _ENCODINGS:
        raise WorkbookError("the workbook's XML is in an encoding that workbooks do not have")
