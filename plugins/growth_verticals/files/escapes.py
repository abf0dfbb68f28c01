r"""Escaped characters of delimited text (`\"`, `\,`, `\\`) out of the way of all that looks for real ones.

An escaped delimiter, quote or escape stands as a noncharacter (U+FDD0 and on, which Unicode keeps for such use within a
program) from the stream to the parsed cell. A file that holds one itself is refused.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from growth_verticals.errors import FileRefusedError
from growth_verticals.files.lines import SkippingStream

if TYPE_CHECKING:
    from growth_verticals.files.compression import ByteStream
    from growth_verticals.source import Delimited

_HIDDEN = tuple(character.encode() for character in "\ufdd0\ufdd1\ufdd2")


class Escapes:
    """One source's escaped characters: hidden in a stream, and shown again in cells and in raw records."""

    def __init__(self, form: Delimited) -> None:
        self.escape = (form.escape or "").encode()
        plain = [character.encode() for character in (form.delimiter, form.quote, form.escape) if character]
        self._hidden = dict(zip(plain, _HIDDEN, strict=False))
        self._pattern = re.compile(re.escape(self.escape) + b"([" + b"".join(map(re.escape, plain)) + b"])")

    def hide(self, data: bytes) -> bytes:
        """Return `data` with a noncharacter for each escaped character."""
        return self._pattern.sub(lambda found: self._hidden[found[1]], data) if self.escape in data else data

    def as_written(self, data: bytes) -> bytes:
        """Return `data` as the file has it."""
        for plain, hidden in self._hidden.items():
            data = data.replace(hidden, self.escape + plain)
        return data

    def cell(self, text: str) -> str:
        """Return what a cell means."""
        for plain, hidden in self._hidden.items():
            text = text.replace(hidden.decode(), plain.decode())
        return text

    def show(self, data: bytes, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Return a parsed block with what its text cells mean. `data` is the block."""
        hidden = {mark: plain for plain, mark in self._hidden.items() if mark in data}
        for place, kind in enumerate(batch.schema.types) if hidden else ():
            if pa.types.is_string(kind):
                cells = batch.column(place)
                for mark, plain in hidden.items():
                    cells = pc.replace_substring(cells, mark.decode(), plain.decode())
                batch = batch.set_column(place, batch.schema.names[place], cells)
        return batch


class EscapedStream(SkippingStream):
    """A text stream whose escaped characters are hidden."""

    def __init__(self, stream: ByteStream, form: Delimited, source: str, file: str, escapes: Escapes) -> None:
        super().__init__(stream, form, source, file)
        self._escapes = escapes
        self._held = self._before = b""

    def read(self, size: int) -> bytes:
        """Return what `SkippingStream.read` returns; an escape at the end waits for what it stands before."""
        while True:
            data = super().read(size)
            if any(mark in self._before + data for mark in _HIDDEN):
                file, source = self._where
                raise FileRefusedError(
                    "the file holds a code point that is no character (U+FDD0 to U+FDD2)",
                    source=source,
                    file=file,
                    next_step="ask the vendor what it stands for; without an escape declared, it is read as text",
                )
            self._before = data[-2:]
            whole = self._held + data
            escapes = len(whole) - len(whole.rstrip(self._escapes.escape))
            held = escapes % 2 if data else 0
            self._held = whole[len(whole) - held :]
            hidden = self._escapes.hide(whole[: len(whole) - held])
            if hidden or not data:
                return hidden

    def decoded_before(self, error: UnicodeDecodeError) -> bytes:
        """Return what `read` would have returned up to the byte that failed."""
        return self._held + super().decoded_before(error)
