"""Measures the most memory that a piece of code has at once."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pyarrow as pa

#: Arrays can outlive a test that fails, and they need the pool that allocated them.
_pools: list[pa.MemoryPool] = []


@dataclass
class Peak:
    """Bytes, known after the `with` statement."""

    arrow: int = 0
    python: int = 0


@contextmanager
def peak_memory(*, python: bool = False) -> Iterator[Peak]:
    """Measure the bytes that Arrow allocates within a `with` statement and, on request, those of Python's objects."""
    peak, before = Peak(), pa.default_memory_pool()
    pool = pa.proxy_memory_pool(before)  # its peak starts here
    _pools.append(pool)
    pa.set_memory_pool(pool)
    if python:
        tracemalloc.start()
    try:
        yield peak
    finally:
        pa.set_memory_pool(before)
        peak.arrow = pool.max_memory()
        if python:
            peak.python = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
