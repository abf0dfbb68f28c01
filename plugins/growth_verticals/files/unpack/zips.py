"""Zip archives: refused unless safe, and decompressed by isal, which takes half the time of zipfile's own reader."""

from __future__ import annotations

import stat
import zipfile
import zlib
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, BinaryIO

from isal import isal_zlib

from growth_verticals.errors import FileRefusedError
from growth_verticals.files.unpack.compression import (
    HARMLESS_BYTES,
    MAX_RATIO,
    refuse_if_damaged,
    unsafe_archive_error,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from growth_verticals.files.unpack.compression import ByteStream

MAX_ARCHIVE_BYTES = 2**42
_CHUNK = 2**18
_LOCAL_HEADER_BYTES = 30


class _ZipMember:
    """One member of a zip archive. Its size and checksum are checked against the archive's directory."""

    def __init__(self, raw: BinaryIO, entry: zipfile.ZipInfo, name: str, source: str) -> None:
        self._raw, self._entry, self._name_and_source = raw, entry, (name, source)
        self._remaining = entry.compress_size
        self._inflate = None if entry.compress_type == zipfile.ZIP_STORED else isal_zlib.decompressobj(-zlib.MAX_WBITS)
        self._input = b""
        self._crc = 0
        self._size = 0
        with refuse_if_damaged(name, source, "zip archive"):
            self._raw.seek(_data_offset(raw, entry))

    def read(self, size: int, /) -> bytes:
        with refuse_if_damaged(*self._name_and_source, "zip archive"):
            data = self._read_plain(size)
            self._crc = isal_zlib.crc32(data, self._crc)
            self._size += len(data)
            if self._size > self._entry.file_size or (not data and self._size < self._entry.file_size):
                raise zipfile.BadZipFile("the size differs from the directory's")
            if not data and self._crc != self._entry.CRC:
                raise zipfile.BadZipFile("the checksum differs from the directory's")
            return data

    def _read_plain(self, size: int) -> bytes:
        """Return at most `size` decompressed bytes; none only at the member's end."""
        if self._inflate is None:
            return self._read_stored(size)
        while not self._inflate.eof:
            data = self._inflate.decompress(self._input or self._read_stored(_CHUNK), size)
            self._input = self._inflate.unconsumed_tail
            if data:
                return data
            if not self._input and not self._remaining and not self._inflate.eof:
                raise EOFError("the member is truncated")
        return b""

    def _read_stored(self, size: int) -> bytes:
        """Return at most `size` bytes as the archive stores them."""
        data = self._raw.read(min(size, self._remaining))
        if not data and self._remaining and size:
            raise EOFError("the archive is truncated")
        self._remaining -= len(data)
        return data


def zip_members(raw: BinaryIO, name: str, pattern: str, source: str) -> Iterator[tuple[str, ByteStream]]:
    """Yield the name in the archive and the bytes of each member that `pattern` matches, sorted by name.

    A stream is valid until the next one is requested. Its `read` raises `FileRefusedError` when the bytes prove
    damaged. Raises `FileRefusedError` also for an archive without a matching member, and for an unsafe archive: paths
    outside it, links, encryption, duplicate or overlapping entries, compression other than deflate, or a bomb in any
    member, matching or not. Memory: the archive's directory.
    """
    with refuse_if_damaged(name, source, "zip archive"):
        entries = zipfile.ZipFile(raw).infolist()
    _check_safe(entries, name, source)
    selected = sorted(
        (entry for entry in entries if not entry.is_dir() and _matches(entry.filename, pattern)),
        key=lambda entry: entry.filename,
    )
    if not selected:
        raise FileRefusedError(
            "the archive has no member that matches the format's pattern",
            source=source,
            file=name,
            expected=f"names like {pattern}",
            found=", ".join(entry.filename for entry in entries[:5]) or "nothing",
            next_step="ask the vendor what was sent, or correct the format's member pattern",
        )
    for entry in selected:
        yield entry.filename, _ZipMember(raw, entry, f"{name}!{entry.filename}", source)


def _matches(path: str, pattern: str) -> bool:
    """Whether a member's path or name matches. The files that macOS adds next to each file never match."""
    if path.startswith("__MACOSX/") or path.endswith(".DS_Store"):
        return False
    return fnmatchcase(path, pattern) or fnmatchcase(path.rpartition("/")[2], pattern)


def _check_safe(entries: list[zipfile.ZipInfo], name: str, source: str) -> None:
    """Refuse an archive that has one bad entry, matching or not: then no other entry of it can be trusted either."""
    seen: set[str] = set()
    end = 0
    for entry in sorted(entries, key=lambda entry: entry.header_offset):
        path = entry.filename.replace("\\", "/")
        problem = None
        if path.startswith("/") or ".." in path.split("/") or path[1:2] == ":":
            problem = "a path outside the archive"
        elif stat.S_ISLNK(entry.external_attr >> 16):
            problem = "a link"
        elif path in seen:
            problem = "a duplicate member name"
        elif entry.flag_bits & 1:
            problem = "encryption"
        elif entry.header_offset < end:
            problem = "overlapping entries"
        elif entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            problem = "a compression other than deflate"
        elif entry.file_size > max(HARMLESS_BYTES, MAX_RATIO * entry.compress_size):
            problem = f"a member that expands more than {MAX_RATIO} times"
        seen.add(path)
        end = entry.header_offset + _LOCAL_HEADER_BYTES + entry.compress_size
        if problem is not None:
            raise unsafe_archive_error(name, source, "zip archive", problem)
    if sum(entry.file_size for entry in entries) > MAX_ARCHIVE_BYTES:
        raise unsafe_archive_error(name, source, "zip archive", f"more than {MAX_ARCHIVE_BYTES:,} bytes")


def _data_offset(raw: BinaryIO, entry: zipfile.ZipInfo) -> int:
    """Return the offset of a member's data. It follows the local header, whose length differs from the directory's."""
    raw.seek(entry.header_offset)
    header = raw.read(_LOCAL_HEADER_BYTES)
    if len(header) < _LOCAL_HEADER_BYTES or header[:4] != b"PK\x03\x04":
        raise zipfile.BadZipFile("an entry's header is not where the directory says")
    lengths = int.from_bytes(header[26:28], "little") + int.from_bytes(header[28:30], "little")  # name, extra field
    return entry.header_offset + _LOCAL_HEADER_BYTES + lengths
