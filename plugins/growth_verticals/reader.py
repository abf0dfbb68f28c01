"""The interface between `files` and `tables`: a `Reader` splits a file into blocks and parses each block separately.

Splitting (`blocks`) is sequential and cheap. Parsing (`parse`) is expensive, and several threads can do it in parallel.
So one file is parsed on all cores (docs/performance.md).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from decimal import Decimal

    import pyarrow as pa


@dataclass(frozen=True)
class Block:
    """A run of whole records that are not parsed yet.

    :param data: input of the same reader's `parse`; its type depends on the format.
    :param first_row: 1-based physical line (text formats) or row (other formats) of the first record. A header counts.
    """

    data: Any
    first_row: int


@dataclass(frozen=True)
class ParsedBlock:
    """A block's valid rows and its rejected records. `rows_read` = `rows.num_rows` + `rejects.num_rows`.

    :param rows: the contract's columns in order, in their Arrow types, then `source_row: int64`.
    :param rejects: `source_row: int64, column_name: string, reason: string, expected: string, raw_record: string`.
        One row per rejected record, even if several of its cells are wrong.
    """

    rows: pa.RecordBatch
    rejects: pa.RecordBatch
    rows_read: int


#: The 1-based line of a file's trailer, and the number of records that it states.
StatedRows = tuple[int, int]


@dataclass(frozen=True, kw_only=True)
class PieceFacts:
    """What one piece of a file says about the whole file. Plain data, and JSON by `asdict`.

    :param stated_rows: from the trailer, which the last piece has; None if it states no number.
    :param has_objects: JSON lines: whether the piece has a JSON object.
    :param keys: JSON lines: the contract's column → its key in the file.
    :param unknown_keys: JSON lines: the name that an unknown key has as a column → the key.
    """

    stated_rows: StatedRows | None = None
    has_objects: bool = False
    keys: Mapping[str, str] = field(default_factory=dict)
    unknown_keys: Mapping[str, str] = field(default_factory=dict)


#: For formats without a trailer.
NO_SUMS: Mapping[str, Decimal] = MappingProxyType({})


class Reader(Protocol):
    """An open file."""

    @property
    def stated_sums(self) -> Mapping[str, Decimal]:
        """Column → sum over the file's records, according to its trailers. Complete after the last block."""
        ...

    def blocks(self) -> Iterator[Block]:
        """Yield the file's records in order. Can be called once.

        Raises `FileRefusedError` when the file turns out to be unreadable. That can be at its last byte, so do not
        commit any of its rows before the end. Keeps one block in memory.
        """
        ...

    def parse(self, block: Block) -> ParsedBlock:
        """Parse one block. Thread-safe. Raises `FileRefusedError` if the whole file must be refused."""
        ...
