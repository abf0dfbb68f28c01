"""Unpacks a file layer by layer: OpenPGP outermost, then gzip, Zstandard, bzip2 and zip.

The file name gives the layers (`people.csv.gz.pgp`), and each one is checked against the bytes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

from growth_verticals.errors import FileRefusedError
from growth_verticals.files.unpack.compression import (
    CONTENT_BY_SUFFIX,
    DecompressedStream,
    PeekedStream,
    as_seekable,
    empty_file_error,
    sniff_content,
    unexpected_content_error,
)
from growth_verticals.files.unpack.pgp import DecryptedStream
from growth_verticals.files.unpack.zips import zip_members

if TYPE_CHECKING:
    from collections.abc import Iterator

    from growth_verticals.files.unpack.compression import ByteStream
    from growth_verticals.files.unpack.pgp import KeyFinder
    from growth_verticals.source import Format

#: Maximum number of layers, each of a different type, not counting OpenPGP: enough for `.csv.gz` in a zip archive.
MAX_DEPTH = 2
_PGP_SUFFIXES = ("pgp", "gpg", "asc")
_HEAD_BYTES = 64


def open_members(
    raw: BinaryIO, name: str, form: Format, source: str, keys: KeyFinder
) -> Iterator[tuple[str, ByteStream]]:
    """Yield the name and the plain bytes of each file in `raw`: one file, or a zip archive's members sorted by name.

    A stream is valid until the next one is requested. Its `read` raises `FileRefusedError` as soon as the bytes prove
    damaged. Raises `FileRefusedError` also for an empty file, content that does not match the name, too many layers,
    and whatever `zip_members` and `DecryptedStream` refuse.

    Memory: a few hundred kB, a zip archive's directory, and what `DecompressedStream` states. A zip archive inside
    another layer is unpacked from an unnamed temporary file.
    """
    raw.seek(0)
    if not raw.read(1):
        raise empty_file_error(name, source)
    raw.seek(0)
    stem, _, suffix = name.rpartition(".")
    has_pgp_suffix = suffix.lower() in _PGP_SUFFIXES
    if form.pgp is None:
        if has_pgp_suffix and suffix.lower() != "asc":  # .asc is used for plain text as well
            raise FileRefusedError(
                "the file name is that of an OpenPGP message, but the source declares no keys",
                source=source,
                file=name,
                next_step="declare pgp=Pgp(...) in the source's format",
            )
        yield from _unpack(raw, name, name, form, source)
        return
    with DecryptedStream(raw, name, source, form.pgp, keys, form.max_ratio) as plain:
        yield from _unpack(plain, name, stem if has_pgp_suffix else name, form, source)
        plain.finish()


def _unpack(
    stream: ByteStream, name: str, path: str, form: Format, source: str, outer_layers: tuple[str, ...] = ()
) -> Iterator[tuple[str, ByteStream]]:
    """Remove the layer that the suffix of `path` names, and the layers inside it.

    :param name: what messages call the stream.
    :param outer_layers: suffixes of the layers that are removed already.
    """
    stem, _, suffix = path.rpartition(".")
    layer = suffix.lower()
    if layer not in CONTENT_BY_SUFFIX:
        yield name, stream
        return
    head, stream = _peek(stream)
    if not head:
        raise empty_file_error(name, source)
    if sniff_content(head) != CONTENT_BY_SUFFIX[layer]:
        raise unexpected_content_error(name, source, CONTENT_BY_SUFFIX[layer], sniff_content(head))
    if layer in outer_layers or len(outer_layers) == MAX_DEPTH:
        raise unexpected_content_error(name, source, "a file that is not packed again", CONTENT_BY_SUFFIX[layer])
    layers = (*outer_layers, layer)
    if layer != "zip":
        plain = DecompressedStream(stream, layer, name, source, form.max_ratio)
        yield from _unpack(plain, name, stem, form, source, layers)
        return
    with as_seekable(stream) as archive:
        for member, contents in zip_members(archive, name, form, source):
            yield from _unpack(contents, f"{name}!{member}", member, form, source, layers)


def _peek(stream: ByteStream) -> tuple[bytes, ByteStream]:
    """Return the first bytes of a stream, and a stream that still starts with them."""
    if hasattr(stream, "seek"):
        head = stream.read(_HEAD_BYTES)
        stream.seek(0)
        return head, stream
    head = b""
    while len(head) < _HEAD_BYTES and (data := stream.read(_HEAD_BYTES - len(head))):
        head += data
    return head, PeekedStream(head, stream)
