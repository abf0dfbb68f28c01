"""Zip archives: safe or refused, and inflated by isal, which takes half the time of zipfile's own reader."""

from __future__ import annotations

import stat
import zipfile
import zlib
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, BinaryIO

from isal import isal_zlib

from growth_verticals.errors import FileRefusedError
from growth_verticals.files.unpack.compression import HARMLESS_BYTES, MAX_RATIO, refuse_if_damaged, unsafe

if TYPE_CHECKING:
    from collections.abc import Iterator

    from growth_verticals.files.unpack.compression import ByteStream

MAX_ARCHIVE_BYTES = 2**42
_CHUNK = 2**18
_LOCAL_HEADER_BYTES = 30


class _ZipMember:
    """One member of a zip archive, its size and checksum held against the directory's."""

    def __init__(self, raw: BinaryIO, entry: zipfile.ZipInfo, name: str, source: str) -> None:
        self._raw, self._entry, self._where = raw, entry, (name, source)
        self._left = entry.compress_size
        self._inflate = None if entry.compress_type == zipfile.ZIP_STORED else isal_zlib.decompressobj(-zlib.MAX_WBITS)
        self._waiting = b""
        self._crc = 0
        self._size = 0
        with refuse_if_damaged(name, source, "zip archive"):
            self._raw.seek(_data_offset(raw, entry))

    def read(self, size: int, /) -> bytes:
        with refuse_if_damaged(*self._where, "zip archive"):
            data = self._next(size)
            self._crc = isal_zlib.crc32(data, self._crc)
            self._size += len(data)
            if self._size > self._entry.file_size or (not data and self._size < self._entry.file_size):
                raise zipfile.BadZipFile("the size differs from the directory's")
            if not data and self._crc != self._entry.CRC:
                raise zipfile.BadZipFile("the checksum differs from the directory's")
            return data

    def _next(self, size: int) -> bytes:
        """Return some bytes; none only at the member's end."""
        if self._inflate is None:
            return self._compressed(size)
        while not self._inflate.eof:
            data = self._inflate.decompress(self._waiting or self._compressed(_CHUNK), size)
            self._waiting = self._inflate.unconsumed_tail
            if data:
                return data
            if not self._waiting and not self._left and not self._inflate.eof:
                raise EOFError("the member ends in the middle")
        return b""

    def _compressed(self, size: int) -> bytes:
        data = self._raw.read(min(size, self._left))
        if not data and self._left and size:
            raise EOFError("the archive ends in the middle")
        self._left -= len(data)
        return data


def zip_members(raw: BinaryIO, name: str, pattern: str, source: str) -> Iterator[tuple[str, ByteStream]]:
    """Yield the name within the archive and the bytes of each member that `pattern` matches, in order of name.

    A stream is good until the next one is asked for, and raises `FileRefusedError` from `read` when its bytes prove
    damaged. Raises the same for an archive that is unsafe (paths outside it, links, encryption, entries that are
    there twice or overlap, a bomb), wanted member or not, and for one without a wanted member. Memory: the directory.
    """
    with refuse_if_damaged(name, source, "zip archive"):
        entries = zipfile.ZipFile(raw).infolist()
    _check_safe(entries, name, source)
    wanted = sorted(
        (entry for entry in entries if not entry.is_dir() and _matches(entry.filename, pattern)),
        key=lambda entry: entry.filename,
    )
    if not wanted:
        raise FileRefusedError(
            "the archive has no such member",
            source=source,
            file=name,
            expected=f"names like {pattern}",
            found=", ".join(entry.filename for entry in entries[:5]) or "nothing",
            next_step="ask the vendor what was sent, or correct the format's member pattern",
        )
    for entry in wanted:
        yield entry.filename, _ZipMember(raw, entry, f"{name}!{entry.filename}", source)


def _matches(path: str, pattern: str) -> bool:
    """Whether a member is wanted, by path or by name. What macOS puts beside each file never is."""
    if path.startswith("__MACOSX/") or path.endswith(".DS_Store"):
        return False
    return fnmatchcase(path, pattern) or fnmatchcase(path.rpartition("/")[2], pattern)


def _check_safe(entries: list[zipfile.ZipInfo], name: str, source: str) -> None:
    """Refuse an archive for one bad entry, wanted or not: who made it may have made the others bad too."""
    seen: set[str] = set()
    end = 0
    for entry in sorted(entries, key=lambda entry: entry.header_offset):
        path = entry.filename.replace("\\", "/")
        wrong = None
        if path.startswith("/") or ".." in path.split("/") or path[1:2] == ":":
            wrong = "a path outside the archive"
        elif stat.S_ISLNK(entry.external_attr >> 16):
            wrong = "a link"
        elif path in seen:
            wrong = "a name that is there twice"
        elif entry.flag_bits & 1:
            wrong = "encryption"
        elif entry.header_offset < end:
            wrong = "entries that overlap"
        elif entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            wrong = "a compression other than deflate"
        elif entry.file_size > max(HARMLESS_BYTES, MAX_RATIO * entry.compress_size):
            wrong = "a member that inflates more than a hundredfold"
        seen.add(path)
        end = entry.header_offset + _LOCAL_HEADER_BYTES + entry.compress_size
        if wrong is not None:
            raise unsafe(name, source, "zip archive", wrong)
    if sum(entry.file_size for entry in entries) > MAX_ARCHIVE_BYTES:
        raise unsafe(name, source, "zip archive", f"more than {MAX_ARCHIVE_BYTES:,} bytes")


def _data_offset(raw: BinaryIO, entry: zipfile.ZipInfo) -> int:
    """Return where a member's data starts: its local header has a length of its own."""
    raw.seek(entry.header_offset)
    header = raw.read(_LOCAL_HEADER_BYTES)
    if len(header) < _LOCAL_HEADER_BYTES or header[:4] != b"PK\x03\x04":
        raise zipfile.BadZipFile("an entry's header is not where the directory says")
    lengths = int.from_bytes(header[26:28], "little") + int.from_bytes(header[28:30], "little")  # name, extra field
    return entry.header_offset + _LOCAL_HEADER_BYTES + lengths
