"""Deflate data is decompressed from any bit at which a block starts, and such a bit is found by the text it gives."""

from __future__ import annotations

import random
import zlib

import pytest
from isal import igzip_lib

from growth_verticals.files.unpack.deflate import WINDOW_BYTES, ResumedDeflate, find_block

MADE = random.Random(3)
WORDS = [MADE.randbytes(3).hex() for _ in range(3_000)]
CHUNK = 2**16
TEXT = " ".join(MADE.choice(WORDS) for _ in range(60_000)).encode()


def deflated(text: bytes, level: int = 6, strategy: int = zlib.Z_DEFAULT_STRATEGY) -> bytes:
    compressor = zlib.compressobj(level, zlib.DEFLATED, -15, 8, strategy)
    return compressor.compress(text) + compressor.flush()


@pytest.mark.parametrize("bit", range(8))
def test_a_block_is_decompressed_from_any_bit(bit: int) -> None:
    data = deflated(TEXT)
    shifted = (int.from_bytes(data, "little") << bit | (1 << bit) - 1).to_bytes(len(data) + 1, "little")
    inflate = ResumedDeflate(shifted[0], bit, b"")
    assert inflate.decompress(shifted[1:] + b"after") == TEXT
    assert inflate.eof
    assert inflate.unused_data[-5:] == b"after"


@pytest.mark.parametrize("strategy", [zlib.Z_DEFAULT_STRATEGY, zlib.Z_HUFFMAN_ONLY, zlib.Z_RLE])
@pytest.mark.parametrize("start", [0, 1, 30_001])
def test_a_block_is_found_in_data_from_any_byte(strategy: int, start: int) -> None:
    data = deflated(TEXT, strategy=strategy)
    whole = igzip_lib.IgzipDecompressor(flag=igzip_lib.DECOMP_DEFLATE)
    before, text = whole.decompress(data[:start]), whole.decompress(data[start : start + CHUNK])
    block = find_block(data[start : start + CHUNK], before[-WINDOW_BYTES:], text)
    assert block is not None
    _, _, inflate, at = block
    rest = inflate.decompress(data[start + CHUNK :])
    assert (before + text)[: len(before) + at] + text[at:] + rest == TEXT


@pytest.mark.parametrize("data", [deflated(TEXT, 0), deflated(TEXT, strategy=zlib.Z_FIXED), MADE.randbytes(2**16)])
def test_no_block_is_found_where_none_can_be_checked(data: bytes) -> None:
    assert find_block(data[:CHUNK], b"", TEXT[:CHUNK]) is None
