"""Small files are opened ahead, large ones are not, and every one that was opened is closed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event
from typing import Any

import pytest

from growth_verticals.delivery import SMALL_BYTES, LandedFile
from growth_verticals.errors import TransferError
from growth_verticals.tables.prefetch import AHEAD, readers


def landed(number: int, size: int = 1) -> LandedFile:
    name = f"toy-{number:02}.csv"
    return LandedFile(name=name, uri=f"s3://landing/{name}", size=size, sha256="5e" * 32, origin="file:///", etag="e")


class Opener:
    """Opens files; a reader here is a file's name."""

    def __init__(self, *broken: str) -> None:
        self.broken = broken
        self.opened: list[str] = []
        self.closed: list[str] = []
        self.enough = Event()

    @contextmanager
    def __call__(self, file: LandedFile) -> Iterator[Any]:
        if file.name in self.broken:
            raise TransferError("gone", file=file.name)
        self.opened.append(file.name)
        if len(self.opened) == AHEAD:
            self.enough.set()
        try:
            yield file.name
        finally:
            self.closed.append(file.name)


def test_files_come_in_their_order_and_each_is_closed_behind_its_reader():
    opener, files = Opener(), [landed(number) for number in range(30)]
    for number, entered in enumerate(readers(files, opener)):
        with entered as reader:
            assert reader == files[number].name
            assert reader not in opener.closed
        assert opener.closed[-1] == reader
    assert sorted(opener.closed) == sorted(opener.opened) == [file.name for file in files]


def test_small_files_are_opened_while_the_first_is_read():
    opener = Opener()
    coming = readers([landed(number) for number in range(30)], opener)
    with next(coming):
        assert opener.enough.wait(timeout=60)
    coming.close()


def test_a_large_file_is_opened_when_it_is_its_turn_and_nothing_is_opened_beside_it():
    opener = Opener()
    coming = readers([landed(0), landed(1, SMALL_BYTES + 1), landed(2)], opener)
    with next(coming):
        assert opener.opened == ["toy-00.csv"]
    with next(coming):
        assert opener.opened == ["toy-00.csv", "toy-01.csv"]
    with next(coming) as reader:
        assert reader == "toy-02.csv"


def test_what_was_opened_in_vain_is_closed():
    opener = Opener()
    coming = readers([landed(number) for number in range(30)], opener)
    with next(coming):
        pass
    coming.close()
    assert len(opener.opened) >= 1
    assert sorted(opener.closed) == sorted(opener.opened)


def test_a_file_that_cannot_be_opened_fails_in_its_turn_and_the_others_are_closed():
    opener = Opener("toy-02.csv")
    coming = readers([landed(number) for number in range(30)], opener)
    for _ in range(2):
        with next(coming):
            pass
    third = next(coming)
    with pytest.raises(TransferError, match="gone"):
        third.__enter__()
    coming.close()
    assert sorted(opener.closed) == sorted(opener.opened)
