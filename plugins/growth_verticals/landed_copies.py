"""Opens landed copies for reading, and keeps row values out of the errors that reading raises."""

from __future__ import annotations

import os
import traceback
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from growth_verticals.errors import FileRefusedError, GrowthVerticalsError
from growth_verticals.progress import WatchedReader

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from decimal import Decimal

    from growth_verticals.account import Account
    from growth_verticals.cadence import Period
    from growth_verticals.contract.table import TableContract
    from growth_verticals.delivery import LandedFile
    from growth_verticals.files.cuts import Piece
    from growth_verticals.files.unpack.pgp import KeyFinder
    from growth_verticals.progress import Progress
    from growth_verticals.reader import Block, ParsedBlock, Reader
    from growth_verticals.source import Source

#: What a wrong record makes Python code raise.
_CAUSED_BY_RECORDS = (ValueError, TypeError, LookupError, ArithmeticError, AttributeError, AssertionError, RuntimeError)


@contextmanager
def open_reader_of(
    account: Account,
    source: Source,
    period: Period,
    contract: TableContract,
    landed: LandedFile,
    keys: KeyFinder | None = None,
    progress: Progress | None = None,
    piece: Piece | None = None,
) -> Iterator[Reader]:
    """Yield a reader of a landed copy, or of a piece of it, and close the copy afterwards.

    :param progress: is told how far it is.
    """
    from growth_verticals.files import open_reader
    from growth_verticals.landing.land import open_landed

    if piece is not None:
        with _open_piece_of(account, source, period, contract, landed, piece) as piece_reader:
            yield piece_reader
        return
    with hide_row_values(source.name, landed.name), closing(open_landed(account, landed)) as raw:
        reader = open_reader(raw, landed.name, source, contract, keys, period)
        if progress is not None:
            reader = WatchedReader(reader, raw, landed.size, progress)
        yield reader


@contextmanager
def _open_piece_of(
    account: Account, source: Source, period: Period, contract: TableContract, landed: LandedFile, piece: Piece
) -> Iterator[Reader]:
    from growth_verticals.files.pieces import open_piece
    from growth_verticals.landing.cut_indexes import open_windows
    from growth_verticals.landing.land import open_landed

    with (
        hide_row_values(source.name, landed.name),
        closing(open_landed(account, landed)) as raw,
        closing(open_windows(account, landed)) as windows,
    ):
        yield open_piece(raw, source, contract, piece, period, windows)


class NamingReader:
    """A reader whose `parse`, which is called outside `open_reader_of`, names the file in all errors that it raises."""

    def __init__(self, reader: Reader, source: str, file: str) -> None:
        self._reader = reader
        self._names = source, file

    @property
    def stated_sums(self) -> Mapping[str, Decimal]:
        return self._reader.stated_sums

    def blocks(self) -> Iterator[Block]:
        return self._reader.blocks()

    def parse(self, block: Block) -> ParsedBlock:
        with hide_row_values(*self._names):
            return self._reader.parse(block)


@contextmanager
def hide_row_values(source: str, file: str | None) -> Iterator[None]:
    """Replace the exceptions that a record can cause with `FileRefusedError`, without their text.

    Arrow's and Python's messages quote cells, which must not be logged. Errors of this package, of the services and of
    the operating system pass unchanged.
    """
    import pyarrow as pa

    try:
        yield
    except (GrowthVerticalsError, OSError, MemoryError):
        raise
    except (pa.ArrowException, *_CAUSED_BY_RECORDS) as error:
        who = "Arrow" if isinstance(error, pa.ArrowException) else "this program"
        raise FileRefusedError(
            f"{who} cannot read or write these records",
            source=source,
            file=file,
            found=f"{type(error).__name__} in {_place_of(error)}",
            next_step="run ./gv load with GV_DEBUG=1 on a machine that may show rows; the output shows the cell",
        ) from (error if "GV_DEBUG" in os.environ else None)


def _place_of(error: Exception) -> str:
    """Return the function, file and line in this package that raised an exception."""
    frames = traceback.extract_tb(error.__traceback__)
    package = str(Path(__file__).parent)
    frame = next((frame for frame in reversed(frames) if frame.filename.startswith(package)), frames[-1])
    return f"{frame.name} ({Path(frame.filename).name}:{frame.lineno})"
