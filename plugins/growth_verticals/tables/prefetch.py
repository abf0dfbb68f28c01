"""Open small files ahead of the one that is read: waiting for the request takes longer than reading the rows."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING

from growth_verticals.delivery import SMALL_FILE_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Sequence

    from growth_verticals.delivery import LandedFile
    from growth_verticals.reader import Reader

#: Files open at the same time. Large files are not opened ahead: the connection would be cut off while it waits.
MAX_OPEN_FILES = 8

_OpenedFile = Future[tuple[ExitStack, "Reader"]]


def open_ahead(
    files: Sequence[LandedFile], open_reader: Callable[[LandedFile], AbstractContextManager[Reader]]
) -> Generator[AbstractContextManager[Reader]]:
    """Yield one context manager per file, in the files' order. Entering it returns the file's reader.

    Entering raises what `open_reader` raises. Closing this generator closes the files that were opened and never
    entered. Memory: 1 MiB per open file.
    """
    opened: deque[_OpenedFile] = deque()

    def open_file(file: LandedFile) -> tuple[ExitStack, Reader]:
        stack = ExitStack()
        return stack, stack.enter_context(open_reader(file))

    with ThreadPoolExecutor(MAX_OPEN_FILES, "open") as pool:
        try:
            for file in files:
                while opened and (len(opened) == MAX_OPEN_FILES or file.size > SMALL_FILE_BYTES):
                    yield _reader_of(opened.popleft())
                opened.append(pool.submit(open_file, file))
                if file.size > SMALL_FILE_BYTES:
                    yield _reader_of(opened.popleft())
            while opened:
                yield _reader_of(opened.popleft())
        finally:
            for unused in opened:
                with suppress(Exception):
                    unused.result()[0].close()


@contextmanager
def _reader_of(opened: _OpenedFile) -> Iterator[Reader]:
    stack, reader = opened.result()
    with stack:
        yield reader
