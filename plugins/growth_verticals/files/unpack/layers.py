"""What is around a file's bytes, layer by layer: OpenPGP outermost, then gzip, Zstandard, bzip2 and zip.

The layers are read from the name (`people.csv.gz.pgp`), and held against the bytes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

from growth_verticals.errors import FileRefusedError
from growth_verticals.files.unpack.compression import (
    KINDS,
    Unpacked,
    empty_file,
    looks_like,
    seekable,
    unexpected_content,
)
from growth_verticals.files.unpack.pgp import Decrypted
from growth_verticals.files.unpack.zips import zip_members

if TYPE_CHECKING:
    from collections.abc import Iterator

    from growth_verticals.files.unpack.compression import ByteStream
    from growth_verticals.files.unpack.pgp import KeyFinder
    from growth_verticals.source import Format

#: How many layers, each of another kind, OpenPGP apart: vendors send `.csv.gz` in a zip archive, and nothing deeper.
MAX_DEPTH = 2
_PGP_SUFFIXES = ("pgp", "gpg", "asc")
_HEAD_BYTES = 64


def open_members(
    raw: BinaryIO, name: str, form: Format, source: str, keys: KeyFinder
) -> Iterator[tuple[str, ByteStream]]:
    """Yield the name and the plain bytes of each file in `raw`, in order of name: one, unless a zip is around them.

    A stream is good until the next one is asked for; it raises `FileRefusedError` from `read` as soon as its bytes
    prove damaged. Raises the same for an empty file, for a file that is not what its name says, for one that is
    packed too deep, and for what `zip_members` and `Decrypted` refuse. Memory: a few hundred kB, a zip's directory,
    and what `Unpacked` says. A zip archive inside another layer is unpacked from an unnamed temporary file.
    """
    raw.seek(0)
    if not raw.read(1):
        raise empty_file(name, source)
    raw.seek(0)
    stem, _, suffix = name.rpartition(".")
    is_named_so = suffix.lower() in _PGP_SUFFIXES
    if form.pgp is None:
        if is_named_so and suffix.lower() != "asc":  # which is also what some call plain text
            raise FileRefusedError(
                "the file is an OpenPGP message by its name, and its source declares no keys",
                source=source,
                file=name,
                next_step="declare pgp=Pgp(...) in the source's format",
            )
        yield from _unpack(raw, name, name, form.member, source)
        return
    with Decrypted(raw, name, source, form.pgp, keys) as plain:
        yield from _unpack(plain, name, stem if is_named_so else name, form.member, source)
        plain.finish()


def _unpack(
    stream: ByteStream, name: str, path: str, pattern: str, source: str, around: tuple[str, ...] = ()
) -> Iterator[tuple[str, ByteStream]]:
    """Take off the layer that the end of `path` names, and those within.

    :param name: what messages call the stream.
    :param around: the kinds that were taken off already.
    """
    stem, _, suffix = path.rpartition(".")
    kind = suffix.lower()
    if kind not in KINDS:
        yield name, stream
        return
    head, stream = _peeked(stream)
    if not head:
        raise empty_file(name, source)
    if looks_like(head) != KINDS[kind]:
        raise unexpected_content(name, source, KINDS[kind], looks_like(head))
    if kind in around or len(around) == MAX_DEPTH:
        raise unexpected_content(name, source, "a file that is not packed once more", KINDS[kind])
    around = (*around, kind)
    if kind != "zip":
        yield from _unpack(Unpacked(stream, kind, name, source), name, stem, pattern, source, around)
        return
    with seekable(stream) as archive:
        for member, plain in zip_members(archive, name, pattern, source):
            yield from _unpack(plain, f"{name}!{member}", member, pattern, source, around)


class _Peeked:
    """A stream whose first bytes were read already."""

    def __init__(self, head: bytes, rest: ByteStream) -> None:
        self._head, self._rest = head, rest

    def read(self, size: int, /) -> bytes:
        if self._head:
            data, self._head = self._head[:size], self._head[size:]
            return data
        return self._rest.read(size)


def _peeked(stream: ByteStream) -> tuple[bytes, ByteStream]:
    """Return the first bytes of a stream, and a stream that has them still."""
    if hasattr(stream, "seek"):
        head = stream.read(_HEAD_BYTES)
        stream.seek(0)
        return head, stream
    head = b""
    while len(head) < _HEAD_BYTES and (data := stream.read(_HEAD_BYTES - len(head))):
        head += data
    return head, _Peeked(head, stream)
