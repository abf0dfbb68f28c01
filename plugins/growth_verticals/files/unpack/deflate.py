"""Deflate data from the middle: finds starts of blocks, and decompresses from one.

A deflate block starts at any bit, and refers to the 32 KiB of text before it. isal starts at a whole byte. So the bits
before the block are replaced by empty blocks of as many bits, and the text before it is given as the dictionary.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

from isal import igzip_lib

if TYPE_CHECKING:
    from collections.abc import Iterator

#: How far back deflate data refers.
WINDOW_BYTES = 2**15
#: The least text that a block must reproduce before it counts as found.
_LEAST_TEXT = 256
#: Bytes of a dynamic block's header that are looked at: 3 + 14 + 19 × 3 bits.
_HEADER_BYTES = 10
_STRIDE = 2**14
#: A dynamic block that is not the last one (bits 001), with 257 to 286 literal and length codes, and 1 to 30 distances.
_FIRST_BYTES = bytes(byte for byte in range(256) if byte & 7 == 0b100 and byte >> 3 <= 29)
_SECOND_BYTES = bytes(byte for byte in range(256) if byte & 31 <= 29)
_HEADER = re.compile(b"[%s](?=[%s])" % (re.escape(_FIRST_BYTES), re.escape(_SECOND_BYTES)), re.DOTALL)
#: An empty block with fixed codes has 10 bits: an even number.
_EMPTY_FIXED = 0b0000000_01_0, 10
#: The order in which a dynamic block states the lengths of its code-length codes (RFC 1951, 3.2.7).
_LENGTHS_ORDER = (16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1)
_MATCHED_SUM = 128


class ResumedDeflate:
    """Raw deflate data from the start of a block on, to the end of the stream that has it.

    :param first: the byte in which the block starts.
    :param bit: how many of its low bits belong to the block before.
    :param window: the text before the block, up to `WINDOW_BYTES`.
    """

    def __init__(self, first: int, bit: int, window: bytes) -> None:
        self._inflate = igzip_lib.IgzipDecompressor(flag=igzip_lib.DECOMP_DEFLATE, hist_bits=15, zdict=window)
        bits, length = _empty_blocks(bit)
        bits |= first >> bit << length
        self._head = bits.to_bytes((length + 8 - bit) // 8, "little")

    @property
    def needs_input(self) -> bool:
        """Whether `decompress` must be given bytes."""
        return self._inflate.needs_input

    @property
    def eof(self) -> bool:
        """Whether the stream has ended. Then `unused_data` are the bytes after it."""
        return self._inflate.eof

    @property
    def unused_data(self) -> bytes:
        """Bytes that were given, and are after the stream."""
        return self._inflate.unused_data

    def decompress(self, data: bytes, size: int = -1) -> bytes:
        """Return at most `size` bytes of text. `data` continues after the first byte."""
        data, self._head = self._head + data, b""
        return self._inflate.decompress(data, size)


def find_block(data: bytes, window: bytes, text: bytes) -> tuple[int, int, ResumedDeflate, int] | None:
    """Find the start of a block in `data` by decompressing from there. None if there is none that can be checked.

    :param data: deflate data from any byte in a stream, which does not end in it.
    :param window: the text before `text`, up to `WINDOW_BYTES`; less only if it is all there is.
    :param text: what the whole stream's decompressor returned when it was given `data`.

    Returns its byte and bit in `data`, a decompressor that has read `data` from there, and where its text starts in
    `text`. The block reproduces the end of `text`.
    """
    everything = window + text
    for at, bit in _candidates(data):
        try:
            blind = ResumedDeflate(data[at], bit, bytes(WINDOW_BYTES))
            size = len(blind.decompress(data[at + 1 :], len(text) + 1))
            start = len(text) - size
            if size < _LEAST_TEXT or start < 0:
                continue
            stop = len(window) + start
            inflate = ResumedDeflate(data[at], bit, everything[max(0, stop - WINDOW_BYTES) : stop])
            if inflate.decompress(data[at + 1 :]) == text[start:] and not inflate.eof:
                return at, bit, inflate, start
        except igzip_lib.IsalError:  # type: ignore[misc]  # the stub declares an instance
            continue
    return None


def _candidates(data: bytes) -> Iterator[tuple[int, int]]:
    """Yield the byte and bit of everything that looks like the header of a dynamic block: about 1 bit of 5,000."""
    sums = _kraft_sums()
    for start in range(0, len(data), _STRIDE):
        stride = data[start : start + _STRIDE + _HEADER_BYTES]
        number = int.from_bytes(stride, "little")
        for bit in range(8):
            shifted = (number >> bit).to_bytes(len(stride), "little")
            for match in _HEADER.finditer(shifted, 0, _STRIDE + 1):
                at = match.start()
                codes = int.from_bytes(shifted[at : at + _HEADER_BYTES], "little") >> 13
                lengths = codes >> 4 & (1 << 3 * ((codes & 15) + 4)) - 1
                # The code-length codes must use up all codes.
                if (
                    sums[lengths & 32767]
                    + sums[lengths >> 15 & 32767]
                    + sums[lengths >> 30 & 32767]
                    + sums[lengths >> 45]
                    == _MATCHED_SUM
                ):
                    yield start + at, bit


@cache
def _kraft_sums() -> list[int]:
    """Return, for every 5 lengths of 3 bits each, the share of all codes that they use, in 128ths."""
    single = [0, *(_MATCHED_SUM >> length for length in range(1, 8))]
    sums = single
    for _ in range(4):
        sums = [high + low for high in single for low in sums]
    return sums


@cache
def _empty_blocks(bit: int) -> tuple[int, int]:
    """Return the bits of empty blocks, and their number, which is `bit` modulo 8."""
    bits, length = _empty_dynamic() if bit % 2 else (0, 0)
    while length % 8 != bit:
        bits |= _EMPTY_FIXED[0] << length
        length += _EMPTY_FIXED[1]
    return bits, length


def _empty_dynamic() -> tuple[int, int]:
    """Return an empty dynamic block of 93 bits: an odd number. Its only code is that of the block's end."""
    lengths = {18: 2, 1: 1, 0: 2}
    # Codes 0 (length 1), 01 (a length of 0) and 11 (11 to 138 lengths of 0), the first bit lowest.
    many_zeros, zero, one = (0b11, 2), (0b01, 2), (0b0, 1)
    fields = [(0, 1), (2, 2), (0, 5), (0, 5), (len(_LENGTHS_ORDER) - 4, 4)]
    fields += [(lengths.get(symbol, 0), 3) for symbol in _LENGTHS_ORDER]
    # 256 literals without a code, the end with a code of 1 bit, no distance; then the end.
    fields += [many_zeros, (138 - 11, 7), many_zeros, (118 - 11, 7), one, zero, (0, 1)]
    bits = length = 0
    for value, width in fields:
        bits |= value << length
        length += width
    return bits, length
