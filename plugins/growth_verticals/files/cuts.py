"""Where a landed file can be cut into pieces, as plain data: the cut index, which is stored beside the file's receipt.

`cutting.py` finds the cuts while the file's bytes pass by; `pieces.py` reads one piece. Offsets are in the file's
content: its bytes after decompression, in the vendor's encoding.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

from growth_verticals.errors import FileChangedError
from growth_verticals.files.unpack.compression import CONTENT_BY_SUFFIX
from growth_verticals.files.unpack.resume import ResumePoint
from growth_verticals.formats import Delimited, JsonLines, TextFormat

if TYPE_CHECKING:
    from growth_verticals.formats import Format

#: Bytes of content between two cuts. A reader that starts at a cut decompresses at most some MB that it does not need.
SPACING = 2**28
#: An index has about as many cuts at most. Each has 200 bytes of JSON, and 14 kB of windows if it is one in gzip data.
MAX_CUTS = 4_096
#: By how much a compressed file is expected to expand.
_USUAL_RATIO = 4
#: Version of the stored form. An index of another version is not used.
_VERSION = 1


def spacing_for(name: str, size: int) -> int:
    """Return the bytes of content between two cuts of a file of `size` bytes: 256 MiB, and more from 1 TB on."""
    return max(SPACING, usual_content(name, size) // MAX_CUTS)


def usual_content(name: str, size: int) -> int:
    """Return the bytes of content that a file of `size` bytes usually has."""
    return size * (_USUAL_RATIO if compression_of(name) else 1)


def compression_of(name: str) -> str:
    """Return the suffix of a file's compression; empty if it is not compressed."""
    suffix = name.rpartition(".")[2].lower()
    return suffix if suffix in CONTENT_BY_SUFFIX else ""


@dataclass(frozen=True, kw_only=True)
class Cut:
    """The start of a record, and what a reader needs to start there. The first cut is the start of the file.

    :param line: 1-based physical line of the record.
    :param crc32: of the content from here to the next cut, or to the end.
    :param resume: the last point at or before `offset`; None if the content is the file itself, or at its start.
    """

    offset: int
    line: int
    crc32: int
    resume: ResumePoint | None = None


@dataclass(frozen=True, kw_only=True)
class Piece:
    """A part of a file, from one cut to another: what a task needs to read it. Plain data, and JSON by `asdict`.

    :param number, count: this is the piece `number` of `count`, from 1.
    :param size, sha256, etag: of the landed file.
    :param encoding: of the text, with its byte order.
    :param dialect: of the declaration under which the file was cut; see `dialect_of`.
    :param start, end: offsets of the content.
    :param line: 1-based physical line at `start`.
    :param checks: (end, CRC32) of each part between two cuts.
    """

    number: int
    count: int
    name: str
    size: int
    sha256: str
    etag: str
    encoding: str
    dialect: str
    start: int
    end: int
    line: int
    checks: tuple[tuple[int, int], ...]
    resume: ResumePoint | None = None

    @property
    def is_first(self) -> bool:
        """Whether it has the file's header."""
        return self.number == 1

    @property
    def is_last(self) -> bool:
        """Whether it has the file's trailer."""
        return self.number == self.count

    @property
    def compression(self) -> str:
        """The suffix of the file's compression; empty if it is not compressed."""
        return compression_of(self.name)

    def describe(self) -> str:
        """Return how people call it: `people.csv.gz part 2 of 9`."""
        return f"{self.name} part {self.number} of {self.count}"

    @classmethod
    def from_fields(cls, fields: dict[str, Any]) -> Piece:
        """Return the piece of which `asdict` gave these fields, also after they were JSON."""
        checks = tuple((int(end), int(crc32)) for end, crc32 in fields["checks"])
        return cls(**fields | {"resume": ResumePoint.from_fields(fields["resume"]), "checks": checks})


@dataclass(frozen=True, kw_only=True)
class CutIndex:
    """The cuts of one landed file.

    :param name, size, sha256, etag: of the landed file.
    :param content_size: bytes of content.
    :param cuts: at least the start of the file; none if it cannot be cut.
    :param reason: why it cannot be cut, in a sentence; None if it can.
    :param windows: what the resume points of gzip data need; empty if none needs any. These are pieces of the file's
        text, so they are stored, kept and removed like the landed copy, in an object of their own: everything else in
        an index and a `Piece` can be shown and logged.
    """

    name: str
    size: int
    sha256: str
    etag: str
    dialect: str
    encoding: str = ""
    content_size: int = 0
    cuts: tuple[Cut, ...] = ()
    reason: str | None = None
    windows: bytes = field(default=b"", repr=False)

    def pieces(self, piece_bytes: int = 0) -> tuple[Piece, ...]:
        """Return the file in pieces of `piece_bytes` of content or a little more; by default from cut to cut.

        None if the file cannot be cut: then it is one unit, which `open_reader` reads without a piece.
        """
        groups: list[list[int]] = []
        for number, cut in enumerate(self.cuts):
            if not groups or cut.offset - self.cuts[groups[-1][0]].offset >= piece_bytes:
                groups.append([])
            groups[-1].append(number)
        ends = [*(cut.offset for cut in self.cuts[1:]), self.content_size]
        return tuple(
            Piece(
                number=number,
                count=len(groups),
                name=self.name,
                size=self.size,
                sha256=self.sha256,
                etag=self.etag,
                encoding=self.encoding,
                dialect=self.dialect,
                start=self.cuts[group[0]].offset,
                end=ends[group[-1]],
                line=self.cuts[group[0]].line,
                checks=tuple((ends[each], self.cuts[each].crc32) for each in group),
                resume=self.cuts[group[0]].resume,
            )
            for number, group in enumerate(groups, start=1)
        )

    def to_json(self) -> bytes:
        """Return the index without its windows as JSON, with a digest of itself."""
        body = json.dumps(asdict(replace(self, windows=b"")) | {"windows": None}, separators=(",", ":"))
        return json.dumps({"version": _VERSION, "digest": _digest(body), "index": body}).encode()

    @classmethod
    def from_json(cls, data: bytes, *, sha256: str, etag: str, size: int) -> CutIndex:
        """Return the index that `to_json` wrote, without its windows.

        Raises `FileChangedError` if it is damaged, or is not the index of the file with these properties.
        """
        try:
            stored = json.loads(data)
            if stored["version"] != _VERSION or stored["digest"] != _digest(stored["index"]):
                raise ValueError("digest")
            fields = json.loads(stored["index"])
            cuts = tuple(Cut(**cut | {"resume": ResumePoint.from_fields(cut["resume"])}) for cut in fields["cuts"])
            index = cls(**fields | {"cuts": cuts, "windows": b""})
        except (ValueError, TypeError, LookupError):
            raise _unusable("the cut index is damaged, or of another version", None, "its own digest") from None
        if (index.sha256, index.etag, index.size) != (sha256, etag, size):
            raise _unusable("the cut index is of another file", index.name, f"SHA-256 {sha256}, {size:,} bytes")
        return index


def dialect_of(form: Format) -> str:
    """Return, as text, those options of a format that decide where its records and lines start.

    A file that was cut under one dialect cannot be read in pieces under another.
    """
    options: list[Any] = [form.label]
    if isinstance(form, TextFormat):
        options += [form.encoding, form.skip_lines, form.trailer is not None]
    if isinstance(form, Delimited):
        options += [form.delimiter, form.quote, form.escape, form.header]
    return json.dumps(options)


def check_dialect(piece: Piece, form: Format, source: str) -> None:
    """Raise `FileChangedError` unless the piece was cut under the dialect that is declared now."""
    if piece.dialect != dialect_of(form):
        raise FileChangedError(
            "the file was cut under another declaration of its format",
            source=source,
            file=piece.name,
            next_step="read the file as one unit; landing it again does not cut it again",
        )


def _digest(body: str) -> str:
    return hashlib.sha256(body.encode()).hexdigest()


def _unusable(what: str, file: str | None, expected: str) -> FileChangedError:
    return FileChangedError(
        what,
        file=file,
        expected=expected,
        found="something else",
        next_step="remove the index object beside the landed copy; the file is then read as one unit",
    )


def can_be_cut(form: Format) -> bool:
    """Whether files of this format have records that start at a line."""
    return isinstance(form, TextFormat | JsonLines)
