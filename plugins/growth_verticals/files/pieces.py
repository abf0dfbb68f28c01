"""Reads one piece of a landed file, as `cuts.py` describes it: the records between two cuts.

The rows, line numbers and rejects of all pieces are those of the whole file. What only the whole file can show (the
count in its trailer, the keys of its JSON lines) is in the pieces' `PieceFacts`, and `check_pieces` checks it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO, Protocol, cast

from isal import isal_zlib

from growth_verticals.errors import FileChangedError, FileRefusedError
from growth_verticals.files.cuts import check_dialect
from growth_verticals.files.delimited import DelimitedReader
from growth_verticals.files.fixedwidth import FixedWidthReader
from growth_verticals.files.jsonkeys import check_keys
from growth_verticals.files.jsonlines import JsonLinesReader
from growth_verticals.files.lines import TextPart, check_stated_rows
from growth_verticals.files.unpack.compression import refuse_if_damaged
from growth_verticals.files.unpack.resume import content_from
from growth_verticals.reader import Reader
from growth_verticals.source import Delimited, FixedWidth, JsonLines

if TYPE_CHECKING:
    from collections.abc import Sequence

    from growth_verticals.cadence import Period
    from growth_verticals.contract.table import TableContract
    from growth_verticals.files.cuts import Piece
    from growth_verticals.files.unpack.compression import ByteStream
    from growth_verticals.files.unpack.resume import ResumePoint
    from growth_verticals.formats import Encoding
    from growth_verticals.reader import PieceFacts
    from growth_verticals.source import Source

_SKIP_BYTES = 2**20


class PieceReader(Reader, Protocol):
    """The reader of a piece. Its `stated_sums` are those of the whole file, in the last piece; others have none."""

    @property
    def facts(self) -> PieceFacts:
        """What the piece says about the whole file. Complete after its last block is parsed."""
        ...


def open_piece(
    raw: BinaryIO,
    source: Source,
    contract: TableContract,
    piece: Piece,
    period: Period | None = None,
    windows: BinaryIO | None = None,
) -> PieceReader:
    """Return the reader of one piece of a landed file.

    :param raw: the landed copy, seekable; it is not closed. The reader seeks to the piece, after it has read the header
        at the file's start. Compressed data is read from the point before the piece, which is at most some MB away.
    :param windows: `CutIndex.windows`, seekable. Only the piece's own window of at most 32 KiB is read.

    Raises what `open_reader` raises, and `FileChangedError` if the piece was cut under another declaration. The
    reader's `blocks` raises `FileChangedError` if the content is not the one that was cut.
    """
    source = source.in_period(period)
    form = source.format
    check_dialect(piece, form, source.name)
    part = TextPart(
        first_line=piece.line,
        encoding=cast("Encoding", piece.encoding),
        is_first=piece.is_first,
        is_last=piece.is_last,
        open_head=lambda: _StoredContent(raw, piece, source.name),
    )
    members = [(piece.name, _PieceContent(raw, piece, source.name, windows))]
    if isinstance(form, Delimited):
        return DelimitedReader(members, source, form, contract, part=part)
    if isinstance(form, FixedWidth):
        return FixedWidthReader(members, source, form, contract, part=part)
    if isinstance(form, JsonLines):
        return JsonLinesReader(members, source, form, contract, part=part)
    raise NotImplementedError(type(form).__name__)


def check_pieces(
    facts: Sequence[PieceFacts],
    rows_read: int,
    source: Source,
    contract: TableContract,
    name: str,
    period: Period | None = None,
) -> None:
    """Check what the pieces of a file, in their order, say about the whole file.

    :param rows_read: of all pieces.

    Raises `DeliveryRefusedError` if the trailer's count is not `rows_read`, and `ColumnsRefusedError` for keys of JSON
    lines that do not fit: the errors that the reader of the whole file raises.
    """
    source = source.in_period(period)
    if isinstance(source.format, JsonLines):
        check_keys(facts, source, contract, name)
    for each in facts:
        if each.stated_rows is not None:
            check_stated_rows(each.stated_rows, rows_read, source.name, name)


class _StoredContent:
    """A file's content from its start, or from the piece's resume point. Nothing is read before the first `read`."""

    def __init__(
        self,
        raw: BinaryIO,
        piece: Piece,
        source: str,
        resume: ResumePoint | None = None,
        windows: BinaryIO | None = None,
    ) -> None:
        self._raw = raw
        self._windows = windows
        self._piece = piece
        self._source = source
        self._resume = resume
        self._stream: ByteStream | None = None

    def read(self, size: int, /) -> bytes:
        """Return the next content. Raises `FileChangedError` if it does not decompress."""
        try:
            with refuse_if_damaged(self._piece.name, self._source, "compressed data"):
                if self._stream is None:
                    self._stream = content_from(self._raw, self._piece.compression, self._resume, self._windows)
                return self._stream.read(size)
        except FileRefusedError as error:
            raise self.changed() from error

    def seek(self, offset: int) -> None:
        """Go to an offset in the content, which is after the resume point."""
        if not self._piece.compression:
            self._raw.seek(offset)
            self._stream = self._raw
            return
        at = self._resume.offset if self._resume is not None else 0
        while at < offset:
            if not (data := self.read(min(_SKIP_BYTES, offset - at))):
                raise self.changed()
            at += len(data)

    def changed(self) -> FileChangedError:
        """Return the error for content that is not the one that was cut."""
        return FileChangedError(
            "a piece of the file is not what it was when the file was landed, or its cut index is damaged",
            source=self._source,
            file=self._piece.describe(),
            expected="content with the checksum in the cut index",
            found="other content, or less",
            next_step="remove the index object beside the landed copy, and clear the task stage: the file is then read "
            "as one unit",
        )


class _PieceContent:
    """The content of a piece, with its checksums verified. Nothing is read before the first `read`."""

    def __init__(self, raw: BinaryIO, piece: Piece, source: str, windows: BinaryIO | None) -> None:
        self._stored = _StoredContent(raw, piece, source, piece.resume, windows)
        self._start = self._at = piece.start
        self._checks = list(reversed(piece.checks))
        self._has_started = False
        self._crc32 = 0

    def read(self, size: int, /) -> bytes:
        """Return the next content. Raises `FileChangedError` if it is not the content that was cut."""
        if not self._checks:
            return b""
        if not self._has_started:
            self._stored.seek(self._start)
            self._has_started = True
        end, crc32 = self._checks[-1]
        data = self._stored.read(min(size, end - self._at))
        self._at += len(data)
        self._crc32 = isal_zlib.crc32(data, self._crc32)
        if (not data and self._at < end) or (self._at == end and self._crc32 != crc32):
            raise self._stored.changed()
        if self._at == end:
            self._checks.pop()
            self._crc32 = 0
        return data
