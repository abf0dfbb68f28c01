"""Small files opened ahead of the one that is read: each is a request, which waits longer than its rows take."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING

from growth_verticals.delivery import SMALL_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Sequence

    from growth_verticals.delivery import LandedFile
    from growth_verticals.reader import Reader

#: So many files, none of which is large: a large one's connection would be cut off while it waits.
AHEAD = 8

_Opening = Future[tuple[ExitStack, "Reader"]]


def readers(
    files: Sequence[LandedFile], open_reader: Callable[[LandedFile], AbstractContextManager[Reader]]
) -> Generator[AbstractContextManager[Reader]]:
    """Yield what is to be entered to read each file, in their order.

    Entering raises what `open_reader` raises. What was opened and not entered is closed when this generator is.
    Memory: 1 MiB a file that is open.
    """
    opening: deque[_Opening] = deque()

    def enter(file: LandedFile) -> tuple[ExitStack, Reader]:
        stack = ExitStack()
        return stack, stack.enter_context(open_reader(file))

    with ThreadPoolExecutor(AHEAD, "open") as pool:
        try:
            for file in files:
                while opening and (len(opening) == AHEAD or file.size > SMALL_BYTES):
                    yield _entered(opening.popleft())
                opening.append(pool.submit(enter, file))
                if file.size > SMALL_BYTES:
                    yield _entered(opening.popleft())
            while opening:
                yield _entered(opening.popleft())
        finally:
            for left in opening:
                with suppress(Exception):
                    left.result()[0].close()


@contextmanager
def _entered(opening: _Opening) -> Iterator[Reader]:
    stack, reader = opening.result()
    with stack:
        yield reader
