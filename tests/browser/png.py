"""Writes small PNG files: pictures of pages with the 256 colors that they have most, each other one as the nearest."""

from __future__ import annotations

import base64
import struct
import zlib
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Page

_COLORS = 256
_CHANNELS = 4
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
#: Decodes a PNG: base64 of the file → width, height, and base64 of the pixels, four bytes each.
_DECODE = """async (png) => {
  const bytes = Uint8Array.from(atob(png), (letter) => letter.charCodeAt(0));
  const bitmap = await createImageBitmap(new Blob([bytes], { type: "image/png" }));
  const context = new OffscreenCanvas(bitmap.width, bitmap.height).getContext("2d");
  context.drawImage(bitmap, 0, 0);
  const { data } = context.getImageData(0, 0, bitmap.width, bitmap.height);
  const parts = [];
  for (let at = 0; at < data.length; at += 30000) parts.push(String.fromCharCode(...data.subarray(at, at + 30000)));
  return [bitmap.width, bitmap.height, btoa(parts.join(""))];
}"""


def small_png(page: Page) -> bytes:
    """Return a picture of what the page's window shows. Takes a few seconds."""
    taken = base64.b64encode(page.screenshot()).decode()
    width, height, pixels = page.evaluate(_DECODE, taken)
    return indexed_png(width, height, base64.b64decode(pixels))


def indexed_png(width: int, height: int, pixels: bytes) -> bytes:
    """Return a PNG with a palette.

    :param pixels: red, green, blue and alpha of each, row by row. Alpha has no effect.
    """
    colors = [pixels[at : at + 3] for at in range(0, len(pixels), _CHANNELS)]
    palette = [color for color, _ in Counter(colors).most_common(_COLORS)]
    index = {color: position for position, color in enumerate(palette)}
    for color in set(colors) - index.keys():
        index[color] = min(range(len(palette)), key=lambda position: _distance(palette[position], color))
    rows = (colors[at : at + width] for at in range(0, len(colors), width))
    data = b"".join(b"\0" + bytes(index[color] for color in row) for row in rows)
    header = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    chunks = (
        _chunk(b"IHDR", header),
        _chunk(b"PLTE", b"".join(palette)),
        _chunk(b"IDAT", zlib.compress(data, 9)),
        _chunk(b"IEND", b""),
    )
    return _SIGNATURE + b"".join(chunks)


def _distance(one: bytes, other: bytes) -> int:
    return sum((a - b) ** 2 for a, b in zip(one, other, strict=True))


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
