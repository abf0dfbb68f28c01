"""Compressed streams, and what a file's first bytes say that it is. `layers.py` puts them together."""

from __future__ import annotations

import io
import tempfile
import zipfile
import zlib
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol, cast

import pyarrow as pa
from isal import igzip, igzip_lib

from growth_verticals.errors import FileRefusedError

if TYPE_CHECKING:
    from collections.abc import Iterator


class ByteStream(Protocol):
    """What a format reads: at most `size` bytes a call, none at the end."""

    def read(self, size: int, /) -> bytes: ...


#: What inflates to more than this many times its size is taken for a bomb, unless it is small anyway.
MAX_RATIO = 100
HARMLESS_BYTES = 2**20
_CHUNK = 2**18
#: What may be around a file, by the end of its name, in the words of `looks_like`.
KINDS = {"gz": "gzip data", "zst": "Zstandard data", "bz2": "bzip2 data", "zip": "a zip archive"}
_CODECS = {"zst": "zstd", "bz2": "bz2"}
_DAMAGE: tuple[type[Exception], ...] = (
    EOFError,
    zipfile.BadZipFile,
    zlib.error,
    igzip_lib.IsalError,  # type: ignore[assignment]  # its stub has an instance
    NotImplementedError,
    pa.ArrowException,
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


def unexpected_content(name: str, source: str, expected: str, found: str | None) -> FileRefusedError:
    """Return the error for a file whose bytes are of another kind than its name or declaration says."""
    return FileRefusedError(
        "the file is not what its name or declaration says",
        source=source,
        file=name,
        expected=expected,
        found=found or "plain text or an unknown format",
        next_step="ask the vendor what was sent, then rename the file or correct the source's format",
    )


def empty_file(name: str, source: str) -> FileRefusedError:
    """Return the error for a file without a byte."""
    return FileRefusedError(
        "the file is empty", source=source, file=name, next_step="ask the vendor to send the file again"
    )


@contextmanager
def refuse_if_damaged(name: str, source: str, what: str) -> Iterator[None]:
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


def unsafe(name: str, source: str, what: str, found: str) -> FileRefusedError:
    """Return the error for a file that could do harm when it is unpacked."""
    return FileRefusedError(
        f"the {what} is not safe to open",
        source=source,
        file=name,
        found=found,
        next_step="ask the vendor for a plain archive of the files alone",
    )


class Counted(io.RawIOBase):
    """A stream that counts what was read of it. What unpacks it may close this, and not the stream."""

    def __init__(self, stream: ByteStream) -> None:
        self._stream = stream
        self.count = 0

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1, /) -> bytes:
        data = self._stream.read(size if size >= 0 else _CHUNK)
        self.count += len(data)
        return data

    def readinto(self, buffer: Any, /) -> int:
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)


class Unpacked:
    """The plain bytes of a compressed stream, every member of it, checked by its own checksums and for its end.

    :param kind: `gz`, `zst` or `bz2`.

    `read` raises `FileRefusedError` for damage, a missing end, other bytes behind the end, and for a bomb. Memory:
    some hundred kB; Zstandard's window, which the file chooses, is 128 MB at most.
    """

    def __init__(self, packed: ByteStream, kind: str, name: str, source: str) -> None:
        self._where = name, source
        self._what = KINDS[kind]
        self._packed = Counted(packed)
        self._size = 0
        if kind == "gz":
            self._plain: ByteStream = igzip.GzipFile(fileobj=self._packed, mode="rb")  # type: ignore[no-untyped-call]
        else:
            self._plain = pa.CompressedInputStream(self._packed, _CODECS[kind])

    def read(self, size: int, /) -> bytes:
        with refuse_if_damaged(*self._where, self._what):
            data = self._plain.read(size)
        self._size += len(data)
        refuse_bomb(self._size, self._packed.count, *self._where, self._what)
        return data


def refuse_bomb(size: int, packed: int, name: str, source: str, what: str) -> None:
    """Raise `FileRefusedError` if `packed` bytes have become `size` bytes and that is too many."""
    if size > max(HARMLESS_BYTES, MAX_RATIO * packed):
        raise unsafe(name, source, what, "data that inflate more than a hundredfold")


@contextmanager
def seekable(stream: ByteStream) -> Iterator[BinaryIO]:
    """Give a stream that can seek: itself, or a copy in a temporary file without a name."""
    if hasattr(stream, "seek"):
        yield cast("BinaryIO", stream)
        return
    with tempfile.TemporaryFile() as copy:
        while data := stream.read(_CHUNK):
            copy.write(data)
        copy.seek(0)
        yield cast("BinaryIO", copy)
