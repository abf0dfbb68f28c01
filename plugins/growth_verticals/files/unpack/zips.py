"""Zip archives: refused unless safe and whole, and decompressed by isal, in half the time of zipfile's own reader."""

from __future__ import annotations

import io
import logging
import stat
import struct
import zipfile
import zlib
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, BinaryIO, cast

from isal import isal_zlib

from growth_verticals.errors import FileRefusedError
from growth_verticals.files.unpack.compression import (
    damaged_file_error,
    refuse_if_bomb,
    refuse_if_damaged,
    unsafe_archive_error,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from growth_verticals.files.unpack.compression import ByteStream
    from growth_verticals.source import Format

logger = logging.getLogger(__name__)

MAX_ARCHIVE_BYTES = 2**42
#: Vendors send tens of members. zipfile keeps about 1 kB of memory for each.
MAX_MEMBERS = 10_000
#: zipfile reads an archive's directory at once: at most 400 bytes for each of `MAX_MEMBERS`.
MAX_DIRECTORY_BYTES = 2**22
_CONTAINER = "zip archive"
_NAMES_IN_LOG = 100
_CHUNK = 2**18
_LOCAL_HEADER_BYTES = 30
_END_RECORD_BYTES = 22
_UTF8_FLAG = 0x800
#: Names of the methods in APPNOTE.TXT, the zip specification, that archives in the wild use.
_METHODS = {1: "shrink", 6: "implode", 9: "deflate64", 12: "bzip2", 14: "LZMA", 93: "Zstandard", 95: "xz", 98: "PPMd"}


class _ZipMember:
    """One member of a zip archive. Its size and checksum are checked against the archive's directory."""

    def __init__(self, raw: BinaryIO, entry: zipfile.ZipInfo, name: str, source: str) -> None:
        self._raw, self._entry, self._name_and_source = raw, entry, (name, source)
        self._remaining = entry.compress_size
        self._inflate = None if entry.compress_type == zipfile.ZIP_STORED else isal_zlib.decompressobj(-zlib.MAX_WBITS)
        self._input = b""
        self._crc = 0
        self._size = 0
        with refuse_if_damaged(name, source, _CONTAINER):
            self._raw.seek(_data_offset(raw, entry))

    def read(self, size: int, /) -> bytes:
        with refuse_if_damaged(*self._name_and_source, _CONTAINER):
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


def zip_members(raw: BinaryIO, name: str, form: Format, source: str) -> Iterator[tuple[str, ByteStream]]:
    """Yield the name in the archive and the bytes of each member that `form.member` matches, sorted by name.

    A stream is valid until the next one is requested. Its `read` raises `FileRefusedError` when the bytes prove
    damaged. Raises `FileRefusedError` also for an archive without a matching member, for a matching member with a
    compression other than deflate, for bytes before or after the archive, and for an unsafe archive: paths outside it,
    links, encryption, duplicate or overlapping entries, too many members, or a bomb in any member, matching or not.
    Members that do not match are named in the log. Memory: the archive's directory.
    """
    with refuse_if_damaged(name, source, _CONTAINER):
        archive = zipfile.ZipFile(cast("BinaryIO", _BoundedReads(raw, name, source)))
    entries = archive.infolist()
    _check_safe(entries, name, source, form.max_ratio)
    _check_ends(raw, archive, name, source)
    files = sorted((entry for entry in entries if not _is_ignored(entry)), key=lambda entry: entry.filename)
    selected = [entry for entry in files if _matches(entry.filename, form.member)]
    skipped = [entry.filename for entry in files if not _matches(entry.filename, form.member)]
    if not selected:
        raise FileRefusedError(
            "the archive has no member that matches the format's pattern",
            source=source,
            file=name,
            expected=f"names like {form.member}",
            found=", ".join(entry.filename for entry in entries[:5]) or "nothing",
            next_step="ask the vendor what was sent, or correct the format's member pattern",
        )
    if skipped:
        names = ", ".join(skipped[:_NAMES_IN_LOG]) + (", ..." if len(skipped) > _NAMES_IN_LOG else "")
        logger.warning(
            "%s: %s: %d members do not match %s, skipped: %s", source, name, len(skipped), form.member, names
        )
    for entry in selected:
        if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise FileRefusedError(
                "the compression of a member of the zip archive is not supported",
                source=source,
                file=f"{name}!{entry.filename}",
                expected="deflate or none",
                found=_METHODS.get(entry.compress_type, f"method {entry.compress_type}"),
                next_step="ask the vendor for an archive with deflate, the default of zip programs",
            )
        yield entry.filename, _ZipMember(raw, entry, f"{name}!{entry.filename}", source)


class _BoundedReads(io.RawIOBase):
    """The archive as zipfile sees it while it reads the directory. A directory of any size would fill the memory."""

    def __init__(self, raw: BinaryIO, name: str, source: str) -> None:
        self._raw, self._name_and_source = raw, (name, source)

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        return self._raw.seek(offset, whence)

    def tell(self) -> int:
        return self._raw.tell()

    def seekable(self) -> bool:
        return True

    def read(self, size: int = -1, /) -> bytes:
        if size > MAX_DIRECTORY_BYTES:
            found = f"a directory of more than {MAX_DIRECTORY_BYTES:,} bytes"
            raise unsafe_archive_error(*self._name_and_source, _CONTAINER, found)
        return self._raw.read(size)


def _is_ignored(entry: zipfile.ZipInfo) -> bool:
    """Whether an entry is a folder, or a file that macOS adds next to each file."""
    return entry.is_dir() or entry.filename.startswith("__MACOSX/") or entry.filename.endswith(".DS_Store")


def _matches(path: str, pattern: str) -> bool:
    """Whether a member's path or name matches, without regard to case."""
    path, pattern = path.lower(), pattern.lower()
    return fnmatchcase(path, pattern) or fnmatchcase(path.rpartition("/")[2], pattern)


def _check_ends(raw: BinaryIO, archive: zipfile.ZipFile, name: str, source: str) -> None:
    """Refuse bytes before and after the archive: of two archives in one file, zipfile opens only the last whole one."""
    start = min((entry.header_offset for entry in archive.infolist()), default=0)
    size = raw.seek(0, io.SEEK_END)
    raw.seek(max(0, size - _END_RECORD_BYTES - 2**16))
    tail = raw.read()
    end = tail.rfind(b"PK\x05\x06") + _END_RECORD_BYTES + len(archive.comment)
    if start > 0 or tail[end:].strip(b"\0"):
        found = f"extra bytes {'before' if start else 'after'} the archive, which can be another archive"
        raise damaged_file_error(name, source, _CONTAINER, found)


def _check_safe(entries: list[zipfile.ZipInfo], name: str, source: str, max_ratio: int) -> None:
    """Refuse an archive that has one bad entry, matching or not: then no other entry of it can be trusted either."""
    if len(entries) > MAX_MEMBERS:
        raise unsafe_archive_error(name, source, _CONTAINER, f"more than {MAX_MEMBERS:,} members")
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
        seen.add(path)
        end = entry.header_offset + _LOCAL_HEADER_BYTES + entry.compress_size
        if problem is not None:
            raise unsafe_archive_error(name, source, _CONTAINER, problem)
        refuse_if_bomb(entry.file_size, entry.compress_size, max_ratio, name, source, _CONTAINER)
    if sum(entry.file_size for entry in entries) > MAX_ARCHIVE_BYTES:
        raise unsafe_archive_error(name, source, _CONTAINER, f"more than {MAX_ARCHIVE_BYTES:,} bytes")


def _data_offset(raw: BinaryIO, entry: zipfile.ZipInfo) -> int:
    """Return the offset of a member's data. It follows the local header, whose length differs from the directory's."""
    raw.seek(entry.header_offset)
    header = raw.read(_LOCAL_HEADER_BYTES)
    if len(header) < _LOCAL_HEADER_BYTES or header[:4] != b"PK\x03\x04":
        raise zipfile.BadZipFile("an entry's header is not where the directory says")
    name_bytes, extra_bytes = struct.unpack("<HH", header[26:])
    text = raw.read(name_bytes).decode("utf-8" if entry.flag_bits & _UTF8_FLAG else "cp437", errors="replace")
    if text != entry.orig_filename:
        raise zipfile.BadZipFile("an entry's name differs from the directory's")
    return int(entry.header_offset + _LOCAL_HEADER_BYTES + name_bytes + extra_bytes)
