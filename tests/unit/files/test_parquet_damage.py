"""Damaged, absurd and hostile Parquet files: refused with the reason, never read in part, never the process's end."""

from __future__ import annotations

import io
import json
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from growth_verticals.errors import FileRefusedError
from growth_verticals.files import open_reader, parquet_file
from growth_verticals.files.parquet_file import decoded_size, split
from growth_verticals.source import Parquet
from tests.unit.files.reading import contract, read, source
from tests.unit.peak_memory import peak_memory

PEOPLE = contract(id="int", name="string")
ROWS = 12_345
TABLE = pa.table(
    [list(range(ROWS)), [f"name {number}" for number in range(ROWS)]],
    pa.schema([pa.field("id", pa.int64(), nullable=False), pa.field("name", pa.string(), nullable=False)]),
)


def written(table: pa.Table = TABLE, **options: Any) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(table, buffer, **({"compression": "none", "use_dictionary": False} | options))
    return buffer.getvalue()


def refusal(data: bytes, form: Parquet | None = None, **options: Any) -> str:
    with pytest.raises(FileRefusedError) as refused:
        read(data, PEOPLE, form or Parquet(), name="f.parquet", **options)
    return str(refused.value)


def varint(number: int) -> bytes:
    """Return a positive number as three bytes of Thrift's compact protocol, as the footer has it."""
    zigzag = number * 2
    return bytes([zigzag & 0x7F | 0x80, zigzag >> 7 & 0x7F | 0x80, zigzag >> 14])


def with_count(data: bytes, places: list[int], count: int) -> bytes:
    """Return the file with another count of rows at these places: 0 the file, 1 and 2 the columns, 3 the group."""
    start = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
    pieces = data[start:].split(varint(ROWS))
    assert len(pieces) == 5
    counts = [varint(count if place in places else ROWS) for place in range(4)]
    return data[:start] + b"".join(piece + count for piece, count in zip(pieces, [*counts, b""], strict=True))


@pytest.mark.parametrize("places", [[0], [3], [0, 3], [1], [2], [0, 1, 3], [1, 2]])
@pytest.mark.parametrize("count", [ROWS - 345, ROWS + 5])
def test_counts_that_disagree_refuse_the_file(places: list[int], count: int) -> None:
    data = written(write_statistics=False)
    assert len(read(data, PEOPLE, Parquet(), name="f.parquet").rows) == ROWS
    assert "ask" in refusal(with_count(data, places, count))


def test_fewer_rows_than_the_pages_have_are_never_loaded() -> None:
    found = refusal(with_count(written(write_statistics=False), [0, 3], 12_000))
    assert "12,000 rows in a row group" in found
    assert "12,345 values in a column" in found


@pytest.mark.parametrize("options", [{}, {"data_page_version": "2.0"}, {"compression": "snappy"}])
def test_a_page_that_fails_its_checksum_is_refused(options: dict[str, str]) -> None:
    data = bytearray(written(write_page_checksum=True, **options))
    data[len(data) // 2] ^= 1
    assert "checksum" in refusal(bytes(data))


def test_a_file_that_is_cut_anywhere_is_refused() -> None:
    data = written(TABLE.slice(0, 50), row_group_size=7)
    for end in [*range(1, len(data), 13), len(data) - 1]:
        refusal(data[:end])


def test_a_changed_byte_in_the_footer_never_loses_a_row() -> None:
    data = written(TABLE.slice(0, 50), row_group_size=20, store_schema=False)
    footer = int.from_bytes(data[-8:-4], "little")
    for at in range(len(data) - 8 - footer, len(data) - 8, 3):
        changed = bytearray(data)
        changed[at] ^= 0x11
        try:
            got = read(bytes(changed), PEOPLE, Parquet(), name="f.parquet")
        except FileRefusedError:
            continue
        assert len(got.rows) + len(got.rejects) == 50


def list_of_lists(depth: int) -> pa.DataType:
    return pa.list_(list_of_lists(depth - 1)) if depth else pa.int8()


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"PARE" + bytes(100) + b"PARE", "an encrypted Parquet file"),
        (written()[:-4] + b"PAR2", "no footer at its end"),
        (written(pa.table({"id": [1], "deep": pa.nulls(1, list_of_lists(60))})), "nested deeper"),
        (written(pa.table({})), "columns"),
        (
            written(
                pa.table({"id": [1], "name": pa.array(["Ada"]).dictionary_encode()}),
                column_encoding={"name": "DELTA_BYTE_ARRAY"},
            ),
            "an encoding that is not supported",
        ),
        (written(pa.Table.from_arrays([pa.array([1])] * 2, ["id", "id"])), "the same name"),
        (written(pa.Table.from_arrays([pa.array([1])] * 3, ["id", "size", "Size"])), "the same name"),
        (written(pa.table({f"column {number}": [1] for number in range(5_000)} | {"id": [1]})), "columns"),
    ],
    ids=["encrypted", "magic", "deep", "no column", "encoding", "twice", "unknown twice", "many"],
)
def test_an_absurd_file_is_refused_for_what_it_is(data: bytes, reason: str) -> None:
    assert reason in refusal(data, extra_columns="ignore", min_known_columns=0)


def test_a_file_without_rows_has_no_rows() -> None:
    empty, some = TABLE.slice(0, 0), TABLE.slice(3, 1)
    buffer = io.BytesIO()
    with pq.ParquetWriter(buffer, TABLE.schema) as writer:
        for table in (empty, some, empty, some):
            writer.write_table(table)
    assert read(buffer.getvalue(), PEOPLE, Parquet(), name="f.parquet").column("id") == [3, 3]
    assert read(written(empty), PEOPLE, Parquet(), name="f.parquet").rows == []


def bomb(text: str, rows: int, **options: Any) -> bytes:
    names = pa.DictionaryArray.from_arrays(pa.array([0] * rows, pa.int32()), pa.array([text]))
    table = pa.table({"id": pa.array(range(rows)), "name": names})
    return written(table, use_dictionary=["name"], **options)


@pytest.mark.parametrize("store_schema", [True, False])
def test_a_dictionary_that_expands_to_terabytes_is_refused_before_it_does(store_schema: bool) -> None:
    data = bomb("x" * 1_000_000, 500_000, store_schema=store_schema)
    before = pa.total_allocated_bytes()
    found = refusal(data)
    assert "not safe" in found
    assert "max_ratio" in found
    assert pa.total_allocated_bytes() - before < 100_000_000


@pytest.mark.parametrize("store_schema", [True, False])
def test_a_declared_ratio_loads_rows_that_expand_in_small_blocks(
    monkeypatch: pytest.MonkeyPatch, store_schema: bool
) -> None:
    monkeypatch.setattr(parquet_file, "MAX_BLOCK_BYTES", 1_000_000)
    data = bomb("x" * 100_000, 200, store_schema=store_schema)
    refusal(data)
    form = Parquet(max_ratio=100_000)
    got = read(data, PEOPLE, form, name="f.parquet")
    assert got.column("id") == list(range(200))
    assert set(got.column("name")) == {"x" * 100_000}

    before = pa.total_allocated_bytes()
    for block in open_reader(io.BytesIO(data), "f.parquet", source(form), PEOPLE).blocks():
        assert decoded_size(block.data.batch) <= 1_000_000
        assert pa.total_allocated_bytes() - before < 5_000_000


def shared_entry(entry: str, rows: int) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(pa.array([0] * rows, pa.int32()), pa.array([entry]))


def with_second_group(name: pa.Array, **columns: pa.Array) -> bytes:
    """Return a file whose first row group has one harmless row, and whose second one has these columns."""
    rows = len(name)
    bad = pa.table({"id": pa.array(range(rows), pa.int32()), "name": name, **columns})
    good = pa.table([pa.array([1], pa.int32()), *(pa.nulls(1, each.type) for each in list(bad.schema)[1:])], bad.schema)
    buffer = io.BytesIO()
    options: dict[str, Any] = {"compression": "none", "dictionary_pagesize_limit": 2**30}
    with pq.ParquetWriter(buffer, bad.schema, store_schema=False, **options) as writer:
        writer.write_table(good)
        writer.write_table(bad)
    return buffer.getvalue()


def test_a_dictionary_that_expands_in_a_later_row_group_is_refused_before_it_does() -> None:
    entry_bytes = 50_000_000
    data = with_second_group(shared_entry("x" * entry_bytes, 10_000))
    with peak_memory() as peak:
        assert "max_ratio" in refusal(data)
    assert peak.arrow < 6 * entry_bytes


def prefixed(rows: int, size: int) -> bytes:
    """Return a file in whose column `name` all rows have the same text, stored once as their shared prefix."""
    batch = pa.record_batch({"id": pa.array(range(rows // 2), pa.int32()), "name": ["x" * size] * (rows // 2)})
    buffer = io.BytesIO()
    encoding = {"id": "PLAIN", "name": "DELTA_BYTE_ARRAY"}
    options = {"use_dictionary": False, "column_encoding": encoding, "data_page_size": 2**30, "compression": "none"}
    with pq.ParquetWriter(buffer, batch.schema, **options) as writer:
        for _ in range(2):
            writer.write_batch(batch)
    return buffer.getvalue()


def test_a_prefix_that_all_rows_share_is_read_a_few_rows_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet_file, "MAX_BLOCK_BYTES", 2_000_000)
    data = prefixed(2_000, 100_000)
    assert len(data) < 500_000
    with peak_memory() as peak:
        assert "max_ratio" in refusal(data)
        reader = open_reader(io.BytesIO(data), "f.parquet", source(Parquet(max_ratio=10_000)), PEOPLE)
        parsed = [reader.parse(block) for block in reader.blocks() if block.first_row < 1_000]
        assert {each.rows.num_rows for each in parsed} <= set(range(1, 25))
        del parsed
    assert peak.arrow < 200_000_000 / 1.5  # the first half of the rows is kept above
    assert len(read(prefixed(5_000, 10), PEOPLE, Parquet(), name="f.parquet").rows) == 5_000


NESTED = contract(id="int", name="string", extra="map<string, string>")


def nested_refusal(data: bytes, max_ratio: int = 100) -> str:
    with pytest.raises(FileRefusedError) as refused:
        read(data, NESTED, Parquet(max_ratio=max_ratio), name="f.parquet", extra_columns="keep")
    assert len(read(data, PEOPLE, Parquet(), name="f.parquet", extra_columns="ignore").rows) > 0
    return str(refused.value)


@pytest.mark.parametrize("empty_lists", [0, 500])
def test_a_dictionary_in_lists_that_expands_is_refused_before_it_does(
    monkeypatch: pytest.MonkeyPatch, empty_lists: int
) -> None:
    monkeypatch.setattr(parquet_file, "MAX_BLOCK_BYTES", 1_000_000)
    rows, entry_bytes = 2_000, 100_000
    offsets = [*[0] * empty_lists, *range(rows - empty_lists + 1)]
    tags = pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), shared_entry("x" * entry_bytes, rows - empty_lists))
    data = with_second_group(shared_entry("Ada", rows), tags=tags)
    with peak_memory() as peak:
        assert "max_ratio" in nested_refusal(data)
    assert len(data) < 3 * entry_bytes
    assert peak.arrow < 20 * entry_bytes


def test_one_row_that_expands_is_refused_whatever_the_ratio(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet_file, "MAX_BLOCK_BYTES", 1_000_000)
    tags = pa.ListArray.from_arrays(pa.array([0, 1_000], pa.int32()), shared_entry("x" * 10_000, 1_000))
    data = with_second_group(shared_entry("Ada", 1), tags=tags)
    assert "a longer row" in nested_refusal(data, max_ratio=1_000_000)


def test_lists_with_too_many_values_are_refused_before_they_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet_file, "MAX_NESTED_BYTES", 1_000_000)
    marks = pa.ListArray.from_arrays(pa.array([0, 100_000], pa.int32()), pa.array([7] * 100_000, pa.int8()))
    found = nested_refusal(with_second_group(shared_entry("Ada", 1), marks=marks))
    assert "row group 2, in which they can expand to 1,600,000 bytes" in found


def test_lists_that_share_a_long_text_are_loaded_in_small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet_file, "MAX_BLOCK_BYTES", 1_000_000)
    tags = pa.ListArray.from_arrays(pa.array(range(201), pa.int32()), shared_entry("x" * 100_000, 200))
    data = with_second_group(shared_entry("Ada", 200), tags=tags)
    form = Parquet(max_ratio=1_000)
    got = read(data, NESTED, form, name="f.parquet", extra_columns="keep")
    assert {row["extra"][0][1] for row in got.rows[1:]} == {json.dumps(["x" * 100_000])}
    blocks = open_reader(io.BytesIO(data), "f.parquet", source(form, extra_columns="keep"), NESTED).blocks()
    assert max(decoded_size(block.data.batch) for block in blocks) <= 1_000_000


def test_short_rows_may_expand_more_than_the_ratio() -> None:
    rows = 2_000_000
    table = pa.table({"id": pa.nulls(rows, pa.int32()), "name": pa.array(["N/A"]).take(pa.array([0] * rows))})
    data = written(table, use_dictionary=True)
    assert len(data) < 10_000
    batches = pq.ParquetFile(io.BytesIO(data)).iter_batches()
    assert sum(part.num_rows for batch in batches for part in split(batch)) == rows
    form = Parquet(nulls=("N/A",))
    assert len(read(written(table.slice(0, 1_000), use_dictionary=True), PEOPLE, form, name="f.parquet").rows) == 1_000
