"""Compressed streams, and content detection by a file's first bytes. `layers.py` combines them."""

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
    """The stream that a format reads: at most `size` bytes per call, and none at the end."""

    def read(self, size: int, /) -> bytes: ...


#: Data that expands to more than this many times its size counts as a bomb, unless it is at most `HARMLESS_BYTES`.
MAX_RATIO = 100
HARMLESS_BYTES = 2**20
_CHUNK = 2**18
#: File name suffix → what `sniff_content` returns for such a file.
CONTENT_BY_SUFFIX = {"gz": "gzip data", "zst": "Zstandard data", "bz2": "bzip2 data", "zip": "a zip archive"}
_CODECS = {"zst": "zstd", "bz2": "bz2"}
_DAMAGE_ERRORS: tuple[type[Exception], ...] = (
    EOFError,
    zipfile.BadZipFile,
    zlib.error,
    igzip_lib.IsalError,  # type: ignore[assignment]  # the stub declares an instance
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


def sniff_content(head: bytes) -> str | None:
    """Return a description of the content that starts with these bytes, or None if it can be plain text."""
    start = head.lstrip()[:16].lower()
    for magic, content in _MAGIC:
        if head.startswith(magic) or (magic.startswith(b"<") and start.startswith(magic)):
            return content
    return None


def unexpected_content_error(name: str, source: str, expected: str, found: str | None) -> FileRefusedError:
    """Return the error for a file whose content does not match its name or declaration."""
    return FileRefusedError(
        "the file is not what its name or declaration says",
        source=source,
        file=name,
        expected=expected,
        found=found or "plain text or an unknown format",
        next_step="ask the vendor what was sent, then rename the file or correct the source's format",
    )


def empty_file_error(name: str, source: str) -> FileRefusedError:
    """Return the error for a file of zero bytes."""
    return FileRefusedError(
        "the file is empty", source=source, file=name, next_step="ask the vendor to send the file again"
    )


@contextmanager
def refuse_if_damaged(name: str, source: str, container: str) -> Iterator[None]:
    """Turn a decompressor's errors into `FileRefusedError`.

    :param container: what messages call the compressed data: "zip archive".
    """
    try:
        yield
    except _DAMAGE_ERRORS as error:
        raise damaged_file_error(name, source, container, "truncated data, or extra bytes after it", error) from error
    except OSError as error:  # gzip.BadGzipFile; failures of the stream itself are ServiceErrors
        raise damaged_file_error(name, source, container, "contents that fail their checksum", error) from error


def damaged_file_error(name: str, source: str, container: str, found: str, cause: object) -> FileRefusedError:
    """Return the error for an archive or message that cannot be read to its end."""
    return FileRefusedError(
        f"the {container} cannot be read",
        source=source,
        file=name,
        found=f"{found} ({cause})",
        next_step="compare the size with the vendor's, and ask for the file again",
    )


def unsafe_archive_error(name: str, source: str, container: str, found: str) -> FileRefusedError:
    """Return the error for a file that could do harm when it is unpacked."""
    return FileRefusedError(
        f"the {container} is not safe to open",
        source=source,
        file=name,
        found=found,
        next_step="ask the vendor for a plain archive that contains only the files",
    )


class CountingStream(io.RawIOBase):
    """A wrapper that counts the bytes read from a stream. A decompressor can close it; the stream stays open."""

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


class DecompressedStream:
    """The decompressed bytes of a stream, all of its members, with checksums and the end verified.

    :param suffix: `gz`, `zst` or `bz2`.

    `read` raises `FileRefusedError` for damaged or truncated data, extra bytes after the end, and a decompression
    bomb. Memory: a few hundred kB; Zstandard's window, which the file sets, is 128 MB at most.
    """

    def __init__(self, compressed: ByteStream, suffix: str, name: str, source: str) -> None:
        self._name_and_source = name, source
        self._container = CONTENT_BY_SUFFIX[suffix]
        self._compressed = CountingStream(compressed)
        self._size = 0
        if suffix == "gz":
            self._plain: ByteStream = igzip.GzipFile(fileobj=self._compressed, mode="rb")  # type: ignore[no-untyped-call]
        else:
            self._plain = pa.CompressedInputStream(self._compressed, _CODECS[suffix])

    def read(self, size: int, /) -> bytes:
        with refuse_if_damaged(*self._name_and_source, self._container):
            data = self._plain.read(size)
        self._size += len(data)
        refuse_if_bomb(self._size, self._compressed.count, *self._name_and_source, self._container)
        return data


def refuse_if_bomb(size: int, compressed_size: int, name: str, source: str, container: str) -> None:
    """Raise `FileRefusedError` if `compressed_size` bytes have expanded to `size` bytes and that is too many."""
    if size > max(HARMLESS_BYTES, MAX_RATIO * compressed_size):
        raise unsafe_archive_error(name, source, container, f"data that expands more than {MAX_RATIO} times")


@contextmanager
def as_seekable(stream: ByteStream) -> Iterator[BinaryIO]:
    """Yield a seekable stream: `stream` itself, or a copy in an unnamed temporary file."""
    if hasattr(stream, "seek"):
        yield cast("BinaryIO", stream)
        return
    with tempfile.TemporaryFile() as copy:
        while data := stream.read(_CHUNK):
            copy.write(data)
        copy.seek(0)
        yield cast("BinaryIO", copy)
