"""Repeated and known keys are counted exactly, whatever the batches and partitions, in bounded memory."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from growth_verticals.quality import keys as keys_module
from growth_verticals.quality.keys import KeyCount, count_known, count_repeated

Key = tuple[str | None, int | None]
KEYS = st.lists(st.tuples(st.none() | st.sampled_from("abc"), st.none() | st.integers(-2, 3)), max_size=40)
ROOT = Path(__file__).parents[3]


def reader(keys: list[Key], size: int = 7) -> Callable[[], Iterable[pa.RecordBatch]]:
    def read() -> Iterable[pa.RecordBatch]:
        for start in range(0, len(keys), size):
            block = keys[start : start + size]
            text, number = pa.array([key[0] for key in block], pa.string()), pa.array([key[1] for key in block])
            yield pa.record_batch([text, number.cast(pa.int64())], names=["text", "number"])

    return read


def complete(keys: list[Key]) -> list[Key]:
    return [key for key in keys if None not in key]


@given(keys=KEYS, size=st.integers(1, 50), partitions=st.integers(1, 9), confirmed=st.sampled_from([0, 2, 10_000]))
def test_repeated_keys_are_counted_exactly(keys: list[Key], size: int, partitions: int, confirmed: int):
    expected = complete(keys)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keys_module, "PARTITION_ROWS", max(1, len(keys) // partitions))
        patch.setattr(keys_module, "MAX_CONFIRMED_KEYS", max(1, confirmed))
        patch.setattr(keys_module, "_BLOCK_ROWS", 5)
        found = count_repeated(reader(keys, size), len(keys))
    assert found == KeyCount(len(expected), len(expected) - len(set(expected)))


@given(earlier=KEYS, keys=KEYS)
def test_known_keys_are_counted_exactly_in_a_delivery_that_is_not_sampled(earlier: list[Key], keys: list[Key]):
    expected = complete(keys)
    known = set(complete(earlier))
    found = count_known(reader(earlier), reader(keys), max(len(keys), len(earlier)))
    assert found == KeyCount(len(expected), sum(key in known for key in expected))


class Colliding(str):
    """Text whose hash is that of its length."""

    def __hash__(self) -> int:
        return len(self)


def test_different_keys_with_the_same_hash_are_not_called_repeated(monkeypatch: pytest.MonkeyPatch):
    blocks = keys_module._blocks
    monkeypatch.setattr(
        keys_module, "_blocks", lambda batches: ([(Colliding(key[0]),) for key in block] for block in blocks(batches))
    )
    keys: list[Key] = [("ab", 1), ("cd", 1), ("ef", 1), ("ab", 1), ("xyz", 1)]
    assert count_repeated(reader(keys), len(keys)) == KeyCount(5, 1)


def test_a_sample_takes_the_same_keys_on_both_sides_and_estimates_the_share(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(keys_module, "SAMPLE_KEYS", 2_000)
    everyone: list[Key] = [("P", number) for number in range(20_000)]
    found = count_known(reader(everyone[:12_000], 5_000), reader(everyone, 5_000), len(everyone))
    assert 1_500 < found.rows < 2_500
    assert found.hits / found.rows == pytest.approx(0.6, abs=0.06)


def test_hashes_are_spread_evenly_over_the_partitions(monkeypatch: pytest.MonkeyPatch):
    hashes = keys_module._hashes(("P", number) for number in range(8_000))
    counts = Counter((value.as_py() + 2**63) * 8 // 2**64 for value in hashes)
    assert len(counts) == 8
    assert max(counts.values()) < 2 * min(counts.values())


MEASURE = """
import resource, sys
import pyarrow as pa
from growth_verticals.quality import keys
keys.PARTITION_ROWS = 2**16
rows = int(sys.argv[1])
def read():
    for start in range(0, rows, 65_536):
        yield pa.record_batch([pa.array([f"P{number}" for number in range(start, min(start + 65_536, rows))])], ["id"])
assert keys.count_repeated(read, rows) == keys.KeyCount(rows, 0)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def test_memory_does_not_grow_with_the_rows():
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}

    def peak_kb(rows: int) -> int:
        command = [sys.executable, "-c", MEASURE, str(rows)]
        return int(subprocess.run(command, check=True, capture_output=True, env=environment).stdout)

    peaks = [peak_kb(rows) for rows in (400_000, 1_600_000)]
    assert peaks[1] - peaks[0] < 16_000  # KB; 1.2 million keys more, 10 MB of them as hashes and 90 MB as text
