"""Where `files` and `tables` meet: a `Reader` cuts a file into blocks and parses each on its own.

BlockSplitter (`blocks`) is sequential and cheap; parsing (`parse`) is the work, and any number of threads may do it at
once. That is how two cores parse one file (docs/performance.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa


@dataclass(frozen=True)
class Block:
    """A run of whole records, not yet parsed.

    :param data: what the format's own `parse` expects: bytes, or a batch.
    :param first_row: physical 1-based line (text) or row (others) of the first record; a header counts.
    """

    data: Any
    first_row: int


@dataclass(frozen=True)
class Parsed:
    """A block's rows, typed, and its rejected records. `rows_read` = `rows.num_rows` + `rejects.num_rows`.

    :param rows: the contract's own columns in order and in its Arrow types, then `source_row: int64`.
    :param rejects: `source_row: int64, column_name: string, reason: string, expected: string, raw_record: string`,
        one row a record however many of its cells are wrong.
    """

    rows: pa.RecordBatch
    rejects: pa.RecordBatch
    rows_read: int


class Reader(Protocol):
    """One opened file."""

    def blocks(self) -> Iterator[Block]:
        """Yield the file's records in order, once.

        Raises `FileRefusedError` as soon as the file proves unreadable, which may be at its last byte: nothing read
        before may be committed then. Holds one block in memory.
        """
        ...

    def parse(self, block: Block) -> Parsed:
        """Parse one block; thread-safe. Raises `FileRefusedError` for what condemns the whole file."""
        ...
