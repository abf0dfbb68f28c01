"""Repeated keys of a delivery, and keys that an earlier period has too, in bounded memory.

A key's 64-bit hash stands for it. Python's own hash is seeded anew for each process, so no hash says anything about a
person afterwards. Values are in memory only, for one block at a time.
"""

from __future__ import annotations

from array import array
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass
from tempfile import TemporaryFile
from typing import IO, TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from growth_verticals.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    #: Yields batches of the key's columns. It can be called again, and yields the same rows.
    ReadKeys = Callable[[], Iterable[pa.RecordBatch]]

#: Hashes that are sorted in memory at a time (32 MB), and files that they are spilled to at most.
PARTITION_ROWS = 2**21
MAX_PARTITIONS = 256
#: Keys to confirm by their values. With more, the count is by hash: of 265 million rows, one row too many has a
#: probability of 0.2 %.
MAX_CONFIRMED_KEYS = 10_000
#: Distinct keys that are compared with an earlier period.
SAMPLE_KEYS = 500_000
_BLOCK_ROWS = 65_536


@dataclass(frozen=True)
class KeyCount:
    """Rows that have a key (of a sample, those in it), and the `hits` among them: repeated keys, or known ones."""

    rows: int
    hits: int


def count_repeated(read: ReadKeys, rows: int) -> KeyCount:
    """Return how many rows have a key, and how many of them are left over if one row of each key is taken.

    The hashes are spilled to unnamed temporary files of 8 bytes a row (2 GB for 265 million rows), partitioned by hash,
    and sorted partition by partition. If up to `MAX_CONFIRMED_KEYS` hashes repeat, the keys are read again and their
    values compared. Memory: 100 MB, and the key columns of one row group. Raises `ConfigurationError` if the temporary
    folder is full.

    :param rows: about how many rows there are. It sets the number of partitions.
    """
    partitions = max(1, min(MAX_PARTITIONS, -(-rows // PARTITION_ROWS)))
    total = repeated = 0
    candidates: set[int] = set()
    with ExitStack() as stack:
        files = [stack.enter_context(TemporaryFile()) for _ in range(partitions)]
        for keys in _blocks(read()):
            hashes = _hashes(keys)
            total += len(hashes)
            distinct, again = _split_repeated(hashes)
            repeated += len(again)
            _add_candidates(candidates, again)
            _spill(distinct, files)
        for file in files:
            file.seek(0)
            _, again = _split_repeated(_int64_array(file.read()))
            repeated += len(again)
            _add_candidates(candidates, again)
    if 0 < len(candidates) <= MAX_CONFIRMED_KEYS:
        repeated = _count_confirmed(read, candidates)
    return KeyCount(total, repeated)


def count_known(read_earlier: ReadKeys, read: ReadKeys, rows: int) -> KeyCount:
    """Return how many rows have a key, and of how many the key is one of the earlier ones.

    With more than `SAMPLE_KEYS` rows, only keys whose hash is a multiple of a number count, the same keys on both
    sides. Memory: a set of about `SAMPLE_KEYS` hashes (50 MB), and the key columns of one row group.

    :param rows: about how many rows the larger side has.
    """
    every = max(1, rows // SAMPLE_KEYS)
    known = {key for keys in _blocks(read_earlier()) for key in map(hash, keys) if key % every == 0}
    total = hits = 0
    for keys in _blocks(read()):
        sample = [key for key in map(hash, keys) if key % every == 0]
        total += len(sample)
        hits += sum(key in known for key in sample)
    return KeyCount(total, hits)


def _blocks(batches: Iterable[pa.RecordBatch]) -> Iterator[Iterable[tuple[Any, ...]]]:
    """Yield the keys of up to `_BLOCK_ROWS` rows; rows with NULL in a column of the key are left out."""
    for batch in batches:
        for start in range(0, batch.num_rows, _BLOCK_ROWS):
            block = batch.slice(start, _BLOCK_ROWS).drop_null()
            yield zip(*(column.to_pylist() for column in block.columns), strict=True)


def _hashes(keys: Iterable[tuple[Any, ...]]) -> pa.Array:
    return _int64_array(array("q", map(hash, keys)).tobytes())


def _int64_array(data: bytes) -> pa.Array:
    return pa.Array.from_buffers(pa.int64(), len(data) // 8, [None, pa.py_buffer(data)])


def _split_repeated(hashes: pa.Array) -> tuple[pa.Array, pa.Array]:
    """Return each hash once, sorted, and those that are left over."""
    ordered = hashes.take(pc.array_sort_indices(hashes))
    is_repeated = pc.equal(ordered[1:], ordered[: len(ordered) - 1]) if len(ordered) > 1 else pa.array([], pa.bool_())
    others = ordered[1:]
    distinct = pa.concat_arrays([ordered[:1], others.filter(pc.invert(is_repeated))])
    return distinct, others.filter(is_repeated)


def _add_candidates(candidates: set[int], repeated: pa.Array) -> None:
    """Add repeated hashes, until there are too many to confirm."""
    for start in range(0, len(repeated), MAX_CONFIRMED_KEYS):
        if len(candidates) > MAX_CONFIRMED_KEYS:
            return
        candidates.update(repeated.slice(start, MAX_CONFIRMED_KEYS).to_pylist())


def _spill(ordered: pa.Array, files: Sequence[IO[bytes]]) -> None:
    """Append each of the sorted hashes to the file of its partition."""
    limits = [-(2**63) + number * 2**64 // len(files) for number in range(1, len(files))]
    ends = [*pc.search_sorted(ordered, pa.array(limits, pa.int64())).to_pylist(), len(ordered)]
    data, start = memoryview(ordered.buffers()[1]), ordered.offset
    try:
        for file, end in zip(files, ends, strict=True):
            file.write(data[8 * start : 8 * (ordered.offset + end)])
            start = ordered.offset + end
    except OSError as error:
        raise ConfigurationError(
            f"the temporary folder cannot hold the keys: {error.strerror}",
            next_step="make space in the worker's temporary folder (8 bytes a row), or set TMPDIR to another folder",
        ) from error


def _count_confirmed(read: ReadKeys, candidates: set[int]) -> int:
    """Return how many rows are left over, by the values of the keys that have one of these hashes."""
    rows = Counter(key for keys in _blocks(read()) for key in keys if hash(key) in candidates)
    return sum(rows.values()) - len(rows)
