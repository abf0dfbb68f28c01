"""What is around a file's bytes: nothing, gzip, or a zip archive. Checked against the bytes, never taken on trust."""

from __future__ import annotations

import stat
import zipfile
import zlib
from contextlib import contextmanager
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, BinaryIO, Protocol

from isal import igzip, igzip_lib, isal_zlib

from growth_verticals.errors import FileRefusedError

if TYPE_CHECKING:
    from collections.abc import Iterator


class ByteStream(Protocol):
    """What a format reads: at most `size` bytes a call, none at the end."""

    def read(self, size: int, /) -> bytes: ...


#: A zip member that inflates to more than this many times its size is taken for a bomb, unless it is small anyway.
MAX_RATIO = 100
HARMLESS_BYTES = 2**20
MAX_ARCHIVE_BYTES = 2**42
_CHUNK = 2**18
_LOCAL_HEADER_BYTES = 30
_DAMAGE: tuple[type[Exception], ...] = (
    EOFError,
    zipfile.BadZipFile,
    zlib.error,
    igzip_lib.IsalError,  # type: ignore[assignment]  # its stub has an instance
    NotImplementedError,
)

_MAGIC = (
    (b"\x1f\x8b", "gzip data"),
    (b"PK\x03\x04", "a zip archive"),
    (b"PK\x05\x06", "a zip archive"),
    (b"PAR1", "Parquet"),
    (b"BZh", "bzip2 data"),
    (b"\xfd7zXZ\x00", "xz data"),
    (b"\x28\xb5\x2f\xfd", "Zstandard data"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (b"Rar!", "a RAR archive"),
    (b"\xd0\xcf\x11\xe0", "an old Office file"),
    (b"%PDF-", "a PDF"),
    (b"-----BEGIN PGP", "a PGP message"),
    (b"<!doctype html", "a web page"),
    (b"<html", "a web page"),
    (b"<?xml", "XML"),
)


def looks_like(head: bytes) -> str | None:
    """Return in words what a file is that starts with these bytes, or None if it may be plain text."""
    start = head.lstrip()[:16].lower()
    for magic, words in _MAGIC:
        if head.startswith(magic) or (magic.startswith(b"<") and start.startswith(magic)):
            return words
    return None


def open_members(raw: BinaryIO, name: str, pattern: str, source: str) -> Iterator[tuple[str, ByteStream]]:
    """Yield the name and the plain bytes of each file in `raw`, in order of name: one, unless `name` ends in `.zip`.

    A stream is good until the next one is asked for; it raises `FileRefusedError` from `read` as soon as its bytes
    prove damaged. Raises the same for an empty file, for a file that is not what its name says, and for an archive
    that is unsafe (paths outside it, links, encryption, entries that are there twice or overlap, a bomb), or
    has no member that `pattern` matches. Memory: a few hundred kB, and a zip's directory.
    """
    raw.seek(0)
    head = raw.read(64)
    raw.seek(0)
    if not head:
        raise FileRefusedError(
            "the file is empty", source=source, file=name, next_step="ask the vendor to send the file again"
        )
    suffix = name.lower().rpartition(".")[2]
    expected = {"gz": "gzip data", "zip": "a zip archive"}.get(suffix)
    if expected and looks_like(head) != expected:
        raise not_what_it_says(name, source, expected, looks_like(head))
    if suffix == "gz":
        yield name, _Gzip(raw, name, source)
    elif suffix == "zip":
        yield from _zip_members(raw, name, pattern, source)
    else:
        yield name, raw


def not_what_it_says(name: str, source: str, expected: str, found: str | None) -> FileRefusedError:
    """Return the error for a file whose bytes are of another kind than its name or declaration says."""
    return FileRefusedError(
        "the file is not what its name or declaration says",
        source=source,
        file=name,
        expected=expected,
        found=found or "plain text or an unknown format",
        next_step="ask the vendor what was sent, then rename the file or correct the source's format",
    )


@contextmanager
def refuse_damage(name: str, source: str, what: str) -> Iterator[None]:
    """Turn the errors of a decompressor into `FileRefusedError`."""
    try:
        yield
    except _DAMAGE as error:
        raise damaged(name, source, what, "an end in the middle, or other bytes behind the end", error) from error
    except OSError as error:  # gzip.BadGzipFile; a stream's own failures are ServiceErrors
        raise damaged(name, source, what, "contents that fail their checksum", error) from error


def damaged(name: str, source: str, what: str, found: str, cause: object) -> FileRefusedError:
    """Return the error for an archive that cannot be read to its end."""
    return FileRefusedError(
        f"the {what} cannot be read",
        source=source,
        file=name,
        found=f"{found} ({cause})",
        next_step="compare the size with the vendor's, and ask for the file again",
    )


class _Gzip:
    """Every member of a gzip file, one after the other, with its checksum and length checked."""

    def __init__(self, raw: BinaryIO, name: str, source: str) -> None:
        self._where = name, source
        self._plain = igzip.GzipFile(fileobj=raw, mode="rb")  # type: ignore[no-untyped-call]

    def read(self, size: int, /) -> bytes:
        with refuse_damage(*self._where, "gzip"):
            return self._plain.read(size)


class _ZipMember:
    """One member of a zip archive, inflated by isal, which zipfile cannot use: its own reader takes twice as long."""

    def __init__(self, raw: BinaryIO, entry: zipfile.ZipInfo, name: str, source: str) -> None:
        self._raw, self._entry, self._where = raw, entry, (name, source)
        self._left = entry.compress_size
        self._inflate = None if entry.compress_type == zipfile.ZIP_STORED else isal_zlib.decompressobj(-zlib.MAX_WBITS)
        self._waiting = b""
        self._crc = 0
        self._size = 0
        with refuse_damage(name, source, "zip archive"):
            self._raw.seek(_data_offset(raw, entry))

    def read(self, size: int, /) -> bytes:
        with refuse_damage(*self._where, "zip archive"):
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


def _zip_members(raw: BinaryIO, name: str, pattern: str, source: str) -> Iterator[tuple[str, ByteStream]]:
    with refuse_damage(name, source, "zip archive"):
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
        inner = f"{name}!{entry.filename}"
        yield inner, _ZipMember(raw, entry, inner, source)


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
            raise _unsafe(name, source, wrong)
    if sum(entry.file_size for entry in entries) > MAX_ARCHIVE_BYTES:
        raise _unsafe(name, source, f"more than {MAX_ARCHIVE_BYTES:,} bytes")


def _unsafe(name: str, source: str, found: str) -> FileRefusedError:
    return FileRefusedError(
        "the zip archive is not safe to open",
        source=source,
        file=name,
        found=found,
        next_step="ask the vendor for a plain archive of the files alone",
    )


def _data_offset(raw: BinaryIO, entry: zipfile.ZipInfo) -> int:
    """Return where a member's data starts: its local header has a length of its own."""
    raw.seek(entry.header_offset)
    header = raw.read(_LOCAL_HEADER_BYTES)
    if len(header) < _LOCAL_HEADER_BYTES or header[:4] != b"PK\x03\x04":
        raise zipfile.BadZipFile("an entry's header is not where the directory says")
    lengths = int.from_bytes(header[26:28], "little") + int.from_bytes(header[28:30], "little")  # name, extra field
    return entry.header_offset + _LOCAL_HEADER_BYTES + lengths
