"""Compressed streams, and content detection by a file's first bytes. `layers.py` combines them."""

from __future__ import annotations

import bz2
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


#: Data that expands to more than `Format.max_ratio` times its size counts as a bomb, unless it is at most this long.
HARMLESS_BYTES = 2**20
_CHUNK = 2**18
#: File name suffix → what `sniff_content` returns for such a file.
CONTENT_BY_SUFFIX = {"gz": "gzip data", "zst": "Zstandard data", "bz2": "bzip2 data", "zip": "a zip archive"}
_DAMAGE_ERRORS: tuple[type[Exception], ...] = (
    EOFError,
    zipfile.BadZipFile,
    zlib.error,
    igzip_lib.IsalError,  # type: ignore[assignment]  # the stub declares an instance
    NotImplementedError,
    pa.ArrowException,
    OSError,  # gzip.BadGzipFile, and what Arrow and bz2 raise; failures of the stream itself are ServiceErrors
)
_ASK_AGAIN = "compare the size with the vendor's, and ask for the file again"
#: Words of a decompressor's message → what we say about it, and the next step.
_DAMAGES = (
    (
        "too much memory",
        "data that needs a window of more than 128 MB",
        "ask the vendor to compress without --long, or with --long=27 at most",
    ),
    ("dictionary mismatch", "data that needs a dictionary", "ask the vendor to compress without a dictionary"),
    ("truncated", "truncated data", _ASK_AGAIN),
    ("checksum", "contents that fail their checksum", _ASK_AGAIN),
    ("crc check", "contents that fail their checksum", _ASK_AGAIN),
    ("not a gzipped", "extra bytes after the end", _ASK_AGAIN),
    ("", "damaged or truncated data, or extra bytes after it", _ASK_AGAIN),
)

_MAGIC = (
    (b"\x1f\x8b", "gzip data"),
    (b"PK\x03\x04", "a zip archive"),
    (b"PK\x05\x06", "a zip archive"),
    (b"PAR1", "Parquet"),
    (b"BZh", "bzip2 data"),
    (b"\xfd7zXZ\x00", "xz data"),
    (b"\x28\xb5\x2f\xfd", "Zstandard data"),
    *((bytes([start]) + b"\x2a\x4d\x18", "Zstandard data") for start in range(0x50, 0x60)),  # skippable frames
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (b"Rar!", "a RAR archive"),
    (b"\xd0\xcf\x11\xe0", "an old Office file"),
    (b"%PDF-", "a PDF"),
    (b"MZ\x90\x00", "a Windows program"),  # self-extracting archives are programs
    (b"\x7fELF", "a Linux program"),
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
        text = str(error).lower()
        found, next_step = next((found, step) for words, found, step in _DAMAGES if words in text)
        raise damaged_file_error(name, source, container, found, next_step=next_step) from error


def damaged_file_error(
    name: str, source: str, container: str, found: str, *, next_step: str = _ASK_AGAIN
) -> FileRefusedError:
    """Return the error for an archive or message that cannot be read to its end."""
    return FileRefusedError(
        f"the {container} cannot be read", source=source, file=name, found=found, next_step=next_step
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


def refuse_if_bomb(size: int, compressed_size: int, max_ratio: int, name: str, source: str, container: str) -> None:
    """Raise `FileRefusedError` if `compressed_size` bytes have expanded to `size` bytes and that is too many."""
    if size > max(HARMLESS_BYTES, max_ratio * compressed_size):
        raise FileRefusedError(
            f"the {container} is not safe to open",
            source=source,
            file=name,
            expected=f"data that expands {max_ratio:,} times at most (max_ratio)",
            found="data that expands more",
            next_step="ask the vendor what was sent; if its files compress that well, declare a higher max_ratio in "
            "the source's format",
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


class PeekedStream:
    """A stream whose first bytes were read already, and are returned first."""

    def __init__(self, head: bytes, rest: ByteStream) -> None:
        self._head, self._rest = head, rest

    def read(self, size: int, /) -> bytes:
        if self._head:
            data, self._head = self._head[:size], self._head[size:]
            return data
        return self._rest.read(size)


class DecompressedStream:
    """The decompressed bytes of a stream, all of its members, with checksums and the end verified.

    :param suffix: `gz`, `zst` or `bz2`.
    :param max_ratio: see `Format`.

    `read` raises `FileRefusedError` for damaged or truncated data, extra bytes after the end, and a decompression
    bomb. Memory: a few hundred kB; Zstandard's window, which the file sets, is 128 MB at most.
    """

    def __init__(self, compressed: ByteStream, suffix: str, name: str, source: str, max_ratio: int) -> None:
        self._name_and_source = name, source
        self._container = CONTENT_BY_SUFFIX[suffix]
        self._max_ratio = max_ratio
        self._compressed = CountingStream(compressed)
        self._size = 0
        if suffix == "gz":
            self._plain: ByteStream = igzip.GzipFile(fileobj=self._compressed, mode="rb")  # type: ignore[no-untyped-call]
        elif suffix == "bz2":
            self._plain = _Bzip2Stream(self._compressed)
        else:
            self._plain = pa.CompressedInputStream(self._compressed, "zstd")

    def read(self, size: int, /) -> bytes:
        with refuse_if_damaged(*self._name_and_source, self._container):
            data = self._plain.read(size)
        self._size += len(data)
        refuse_if_bomb(self._size, self._compressed.count, self._max_ratio, *self._name_and_source, self._container)
        return data


class _Bzip2Stream:
    """All frames of a bzip2 stream. Arrow's reader fails at empty ones, and `bz2.BZ2File` ignores extra bytes."""

    def __init__(self, compressed: ByteStream) -> None:
        self._compressed = compressed
        self._frame = bz2.BZ2Decompressor()

    def read(self, size: int, /) -> bytes:
        while True:
            data = b""
            if self._frame.eof:
                data = self._frame.unused_data or self._compressed.read(_CHUNK)
                if not data:
                    return b""
                self._frame = bz2.BZ2Decompressor()
            elif self._frame.needs_input and not (data := self._compressed.read(_CHUNK)):
                raise EOFError("truncated")
            if plain := self._frame.decompress(data, size):
                return plain


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
