"""Bytes of a text file as UTF-8, whatever they are in, with the line of the first byte that is not."""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING

import pyarrow as pa

from growth_verticals.errors import FileRefusedError
from growth_verticals.files.unpack.compression import looks_like, unexpected_content

if TYPE_CHECKING:
    from growth_verticals.files.unpack.compression import ByteStream


class Utf8Stream:
    """A byte stream in UTF-8 without a byte-order mark.

    Other encodings are decoded here, block by block. UTF-8 is passed on as it is, for `check_utf8` to look at where
    several threads can.
    """

    def __init__(self, stream: ByteStream, encoding: str, source: str, file: str) -> None:
        self._stream = stream
        self._where = file, source
        self._start = True
        self._decoder = None if encoding == "utf-8" else codecs.getincrementaldecoder(encoding)()

    def read(self, size: int) -> bytes:
        """Return `size` bytes of the file or a little more, less only at its end.

        Raises `UnicodeDecodeError`, and `FileRefusedError` for a file that is no text.
        """
        parts = []
        while size > 0 and (data := self._stream.read(size)):
            size -= len(data)
            parts.append(data)
        data = b"".join(parts)
        if self._start and (found := looks_like(data[:64])) is not None:
            raise unexpected_content(*self._where, "text", found)
        if self._decoder is not None:
            data = self._decoder.decode(data, final=size > 0).encode()
        if self._start and data:
            self._start = False
            data = data.removeprefix(codecs.BOM_UTF8)
        return data

    def decoded_before(self, error: UnicodeDecodeError) -> bytes:
        """Return what `read` would have returned up to the byte that failed."""
        return codecs.decode(error.object[: error.start], error.encoding, "ignore").encode()


def check_utf8(data: bytes, source: str, file: str, first_line: int) -> None:
    """Raise `FileRefusedError` with the line, unless `data` (under 2 GB) is UTF-8."""
    offsets = pa.py_buffer(b"\0\0\0\0" + len(data).to_bytes(4, "little"))
    try:
        pa.Array.from_buffers(pa.string(), 1, [None, offsets, pa.py_buffer(data)]).validate(full=True)
    except pa.ArrowInvalid:
        try:
            data.decode()
        except UnicodeDecodeError as error:
            raise wrong_encoding("utf-8", source, file, first_line + data.count(b"\n", 0, error.start)) from None
        raise


def wrong_encoding(encoding: str, source: str, file: str, line: int) -> FileRefusedError:
    """Return the error for bytes that are not in the declared encoding."""
    return FileRefusedError(
        "the file is not in the declared encoding",
        source=source,
        file=file,
        line=line,
        expected=encoding,
        found="bytes that do not decode",
        next_step="ask the vendor which encoding the file is in, and declare that",
    )
