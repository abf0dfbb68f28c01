"""Small files are opened ahead, large files are not, and every opened file is closed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event
from typing import Any

import pytest

from growth_verticals.delivery import SMALL_FILE_BYTES, LandedFile
from growth_verticals.errors import TransferError
from growth_verticals.tables.prefetch import MAX_OPEN_FILES, open_ahead


def landed(number: int, size: int = 1) -> LandedFile:
    name = f"toy-{number:02}.csv"
    return LandedFile(name=name, uri=f"s3://landing/{name}", size=size, sha256="5e" * 32, origin="file:///", etag="e")


class Opener:
    """Opens files. In these tests a reader is just the file's name."""

    def __init__(self, *broken: str) -> None:
        self.broken = broken
        self.opened: list[str] = []
        self.closed: list[str] = []
        self.all_opened = Event()

    @contextmanager
    def __call__(self, file: LandedFile) -> Iterator[Any]:
        if file.name in self.broken:
            raise TransferError("missing", file=file.name)
        self.opened.append(file.name)
        if len(self.opened) == MAX_OPEN_FILES:
            self.all_opened.set()
        try:
            yield file.name
        finally:
            self.closed.append(file.name)


def test_files_are_yielded_in_order_and_each_is_closed_after_its_reader():
    opener, files = Opener(), [landed(number) for number in range(30)]
    for number, opened in enumerate(open_ahead(files, opener)):
        with opened as reader:
            assert reader == files[number].name
            assert reader not in opener.closed
        assert opener.closed[-1] == reader
    assert sorted(opener.closed) == sorted(opener.opened) == [file.name for file in files]


def test_small_files_are_opened_while_the_first_is_read():
    opener = Opener()
    opened = open_ahead([landed(number) for number in range(30)], opener)
    with next(opened):
        assert opener.all_opened.wait(timeout=60)
    opened.close()


def test_a_large_file_is_opened_only_when_it_is_next_and_no_other_file_with_it():
    opener = Opener()
    opened = open_ahead([landed(0), landed(1, SMALL_FILE_BYTES + 1), landed(2)], opener)
    with next(opened):
        assert opener.opened == ["toy-00.csv"]
    with next(opened):
        assert opener.opened == ["toy-00.csv", "toy-01.csv"]
    with next(opened) as reader:
        assert reader == "toy-02.csv"


def test_files_that_were_opened_but_not_read_are_closed():
    opener = Opener()
    opened = open_ahead([landed(number) for number in range(30)], opener)
    with next(opened):
        pass
    opened.close()
    assert len(opener.opened) >= 1
    assert sorted(opener.closed) == sorted(opener.opened)


def test_a_file_that_cannot_be_opened_fails_when_it_is_next_and_the_others_are_closed():
    opener = Opener("toy-02.csv")
    opened = open_ahead([landed(number) for number in range(30)], opener)
    for _ in range(2):
        with next(opened):
            pass
    third = next(opened)
    with pytest.raises(TransferError, match="missing"):
        third.__enter__()
    opened.close()
    assert sorted(opener.closed) == sorted(opener.opened)
