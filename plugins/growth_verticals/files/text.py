"""Text files as UTF-8, whatever their encoding. Errors name the line of the first byte that does not decode."""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING

import pyarrow as pa

from growth_verticals.errors import FileRefusedError
from growth_verticals.files.records import count_line_ends
from growth_verticals.files.unpack.compression import sniff_content, unexpected_content_error

if TYPE_CHECKING:
    from growth_verticals.files.unpack.compression import ByteStream


_UTF16_BOMS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
#: Bytes of a character, or of a byte-order mark, in any of the encodings.
_LONGEST_CHARACTER = 4


class Utf8Stream:
    """A byte stream in UTF-8 without a byte-order mark.

    Other encodings are converted here, read by read. UTF-8 passes through unchecked: `check_utf8` validates it in
    `parse`, where several threads share the work.

    :param continues: whether the stream starts in the middle of a file, where no byte-order mark is.
    """

    def __init__(self, stream: ByteStream, encoding: str, source: str, file: str, *, continues: bool = False) -> None:
        self._stream = stream
        self._encoding = encoding
        self._file_and_source = file, source
        self._start = not continues
        self._bytes_read = 0
        #: The encoding with its byte order, once the first bytes are read.
        self.encoding = encoding
        self._decoder = None if encoding == "utf-8" else codecs.getincrementaldecoder(encoding)()

    def read(self, size: int) -> bytes:
        """Return the text from the file's next `size` bytes; at the end, of the bytes that are left.

        Raises `UnicodeDecodeError`, and `FileRefusedError` for a file that is not text.
        """
        size = max(size, _LONGEST_CHARACTER)  # no bytes returned means the end
        chunks = []
        while size > 0 and (data := self._stream.read(size)):
            size -= len(data)
            chunks.append(data)
        data = b"".join(chunks)
        self._bytes_read += len(data)
        if self._start and (found := sniff_content(data[:64])) is not None:
            raise unexpected_content_error(*self._file_and_source, "text", found)
        if self._start and data and self._encoding == "utf-16" and not data.startswith(_UTF16_BOMS):
            raise self._no_bom_error(data)
        if self._start and data and self._encoding == "utf-16":
            self.encoding = "utf-16-le" if data.startswith(codecs.BOM_UTF16_LE) else "utf-16-be"
        if self._decoder is not None:
            data = self._decoder.decode(data, final=size > 0).encode()
        if self._start and data:
            self._start = False
            data = data.removeprefix(codecs.BOM_UTF8)
        return data

    def offset_before(self, text: bytes) -> int:
        """Return the offset in the stream at which `text` starts, which is the end of all text that was read."""
        undecoded = len(self._decoder.getstate()[0]) if self._decoder is not None else 0
        size = len(text) if self._decoder is None else len(text.decode().encode(self.encoding))
        return self._bytes_read - undecoded - size

    def _no_bom_error(self, head: bytes) -> FileRefusedError:
        file, source = self._file_and_source
        # In text of mostly ASCII characters, one half of every pair of bytes is zero.
        zeros = head[0::2].count(0), head[1::2].count(0)
        likely = "utf-16-be" if zeros[0] > zeros[1] else "utf-16-le" if zeros[1] else "another encoding than utf-16"
        return FileRefusedError(
            "the file has no byte-order mark, so the order of the bytes in its utf-16 is not known",
            source=source,
            file=file,
            line=1,
            expected="FF FE or FE FF at the start",
            found=f"bytes that look like {likely}",
            next_step='declare encoding="utf-16-le" or "utf-16-be", or the encoding that the vendor names',
        )

    def decoded_before(self, error: UnicodeDecodeError) -> bytes:
        """Return what `read` would have returned up to the byte that does not decode."""
        return codecs.decode(error.object[: error.start], error.encoding, "ignore").encode()


def check_utf8(data: bytes, source: str, file: str, first_line: int) -> None:
    """Raise `FileRefusedError` with the line unless `data` (under 2 GB) is UTF-8.

    :param first_line: the 1-based line in the file at which `data` starts.
    """
    offsets = pa.py_buffer(b"\0\0\0\0" + len(data).to_bytes(4, "little"))
    try:
        pa.Array.from_buffers(pa.string(), 1, [None, offsets, pa.py_buffer(data)]).validate(full=True)
    except pa.ArrowInvalid:
        try:
            data.decode()
        except UnicodeDecodeError as error:
            line = first_line + count_line_ends(data[: error.start])
            raise wrong_encoding_error("utf-8", source, file, line) from None
        raise


def wrong_encoding_error(encoding: str, source: str, file: str, line: int) -> FileRefusedError:
    """Return the error for bytes that are not in the declared encoding."""
    return FileRefusedError(
        "the file is not in the declared encoding",
        source=source,
        file=file,
        line=line,
        expected=encoding,
        found="bytes that do not decode",
        next_step="ask the vendor which encoding the file has, and declare it",
    )
