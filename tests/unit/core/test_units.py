"""Work units: each file is in exactly one, and all are about equally large."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from typing import Literal, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from growth_verticals import units
from growth_verticals.declarations import find_source
from growth_verticals.delivery import LandedFile, LandUnit, RemoteFile, StagedFile, StageUnit
from growth_verticals.errors import DeclarationError, DeliveryRefusedError
from growth_verticals.files.cuts import Piece
from growth_verticals.units import MAX_FILES, MAX_UNITS, land_units, split, stage_units, staged_files

SOURCE = find_source("ls_corp")
_Status = Literal["staged", "already_loaded"]
SIZES = st.lists(st.integers(0, 30) | st.integers(0, 300), max_size=14)


def remote(number: int, size: int, name: str | None = None) -> RemoteFile:
    name = name or f"part-{number:05}.csv"
    return RemoteFile(name=name, uri=f"s3://vendor/2026Q4/{name}", size=size, modified=1.0, version='"e"')


def landed(number: int, size: int, content: int | None = None) -> LandedFile:
    file = remote(number, size)
    digest = f"{number if content is None else content:064x}"
    return LandedFile(name=file.name, uri=f"s3://l/{number}", size=size, sha256=digest, origin=file.uri, etag='"e"')


def fewest_units(sizes: list[int], limit: int, max_files: int) -> tuple[int, int]:
    """Return how few units there can be, and how small the largest of so few can be, after trying all ways to cut."""

    @cache
    def best(start: int) -> tuple[int, int]:
        if start == len(sizes):
            return 0, 0
        ways = []
        for end in range(start + 1, min(start + max_files, len(sizes)) + 1):
            size = sum(sizes[start:end])
            if size <= limit or end == start + 1:
                count, largest = best(end)
                ways.append((count + 1, max(largest, size)))
        return min(ways)

    return best(0)


def piece(number: int, count: int) -> Piece:
    return Piece(
        number=number,
        count=count,
        name="big.csv",
        size=99,
        sha256="b" * 64,
        etag='"e"',
        encoding="utf-8",
        dialect="[]",
        start=10 * number,
        end=10 * number + 10,
        line=number,
        checks=((10 * number + 10, 7),),
    )


def test_each_piece_of_a_large_file_is_a_unit_and_files_of_equal_content_come_with_the_first() -> None:
    files = [landed(1, 5), landed(2, 99), landed(3, 5), landed(4, 99, content=2), landed(5, 5)]
    cut = {2: [piece(number, 3) for number in (1, 2, 3)]}
    found = stage_units(SOURCE, files, lambda file: cut.get(int(file.sha256, 16), []), staged_at=77)
    assert [(unit.title, [file.name for file in unit.files]) for unit in found] == [
        ("part-00001.csv", ["part-00001.csv"]),
        ("big.csv part 1 of 3", ["part-00002.csv", "part-00004.csv"]),
        ("big.csv part 2 of 3", ["part-00002.csv"]),
        ("big.csv part 3 of 3", ["part-00002.csv"]),
        ("part-00003.csv, part-00005.csv", ["part-00003.csv", "part-00005.csv"]),
    ]
    assert [(unit.size, unit.staged_at) for unit in found[1:4]] == [(10, 77)] * 3
    assert [StageUnit.from_json(json.loads(json.dumps(unit.to_json()))).size for unit in found] == [5, 10, 10, 10, 10]


def staged_pieces(staged_at: int, status: _Status = "staged") -> list[list[StagedFile]]:
    part = {"number": 1, "count": 2, "facts": {}}
    name, digest = landed(2, 99).name, landed(2, 99).sha256
    file = StagedFile(name=name, sha256=digest, status=status, staged_at=staged_at, piece=part)
    return [[file], [replace(file, piece={**part, "number": 2})]]


def test_pieces_belong_to_the_plan_that_named_them_also_if_the_table_holds_the_file_already() -> None:
    planned = stage_units(SOURCE, [landed(2, 99)], lambda _: [piece(1, 2), piece(2, 2)], staged_at=77)
    for status in get_args(_Status):
        results = staged_pieces(77, status)
        assert staged_files(SOURCE, planned, results) == [file for files in results for file in files]
        with pytest.raises(DeliveryRefusedError, match=r"results of the task stage.*Next: clear the task stage"):
            staged_files(SOURCE, planned, staged_pieces(76, status))


@given(SIZES, st.integers(1, 120), st.integers(1, 5))
def test_every_file_is_in_one_unit_in_order_and_units_are_few_and_balanced(
    sizes: list[int], limit: int, max_files: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(units, "MAX_FILES", max_files)
        found = split(sizes, limit)
    assert [index for start, end in found for index in range(start, end)] == list(range(len(sizes)))
    totals = [sum(sizes[start:end]) for start, end in found]
    for (start, end), total in zip(found, totals, strict=True):
        assert 1 <= end - start <= max_files
        assert total <= limit or end - start == 1
    assert (len(found), max(totals, default=0)) == fewest_units(sizes, limit, max_files)


@given(st.lists(st.integers(0, 10**13), max_size=700))
def test_a_huge_delivery_has_few_units_all_the_same(sizes: list[int]) -> None:
    assert len(split(sizes, 10**9)) <= MAX_UNITS + 1


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 300)), max_size=14), st.integers(1, 300))
def test_equal_contents_are_in_the_same_unit_and_count_once(contents: list[tuple[int, int]], limit: int) -> None:
    size_of = dict(contents)
    files = [landed(number, size_of[content], content) for number, (content, _) in enumerate(contents)]
    planned = stage_units(replace(SOURCE, unit_gb=limit / 1e9), files)
    assert sorted((file for unit in planned for file in unit.files), key=lambda file: file.name) == files
    digests = [{file.sha256 for file in unit.files} for unit in planned]
    assert sum(map(len, digests)) == len(size_of)
    for unit in planned:
        read = {file.sha256: file.size for file in unit.files}
        assert sum(read.values()) <= limit or len(read) == 1
    if len(size_of) == len(files):
        assert [file for unit in planned for file in unit.files] == files


def test_five_thousand_small_files_are_five_units_and_a_few_hundred_bytes_each() -> None:
    files = [remote(number, 300_000) for number in range(5_000)]
    found = land_units(SOURCE, files)
    assert [(unit.title, len(unit.files)) for unit in found] == [
        (f"files {start + 1:,}-{start + 1_000:,} of 5,000", 1_000) for start in range(0, 5_000, 1_000)
    ]
    planned = stage_units(SOURCE, [landed(number, 300_000) for number in range(5_000)])
    assert [unit.title for unit in planned] == [unit.title for unit in found]
    assert len(json.dumps([unit.to_json() for unit in found])) < 1_000_000
    assert len(json.dumps([unit.to_json() for unit in planned])) < 1_500_000


def test_a_large_file_is_alone_and_small_ones_are_together() -> None:
    sizes = [5 * 10**9, 1, 1, 3 * 10**9, 10**9, 10**9]
    found = land_units(SOURCE, [remote(number, size) for number, size in enumerate(sizes)])
    assert [[file.size for file in unit.files] for unit in found] == [[5 * 10**9], [1, 1], [3 * 10**9], [10**9, 10**9]]


@pytest.mark.parametrize(
    ("names", "title"),
    [
        (["{{ 7 * 7 }}.csv"], "{{ 7 * 7 }}.csv"),
        (["a.csv", "b.csv"], "a.csv, b.csv"),
        (["x" * 240 + ".csv"], "x" * 240 + ".csv"),
        (["x" * 60, "y" * 60], "files 1-2 of 2"),
    ],
)
def test_a_unit_is_named_after_its_files_if_the_names_fit(names: list[str], title: str) -> None:
    [unit] = land_units(SOURCE, [remote(number, 1, name) for number, name in enumerate(names)])
    assert unit.title == title


def test_a_delivery_without_files_has_no_units() -> None:
    assert land_units(SOURCE, []) == stage_units(SOURCE, []) == []


def test_units_survive_json() -> None:
    sums = {"expected_rows": 0, "expected_sums": [["amount", "1.50"]]}
    to_land = LandUnit(title="a", files=(remote(0, 1), replace(remote(1, 2), **sums)))
    to_stage = StageUnit(title="a", files=(landed(0, 1), replace(landed(1, 2), **sums)))
    assert LandUnit.from_json(json.loads(json.dumps(to_land.to_json()))) == to_land
    assert StageUnit.from_json(json.loads(json.dumps(to_stage.to_json()))) == to_stage
    assert (to_land.size, to_stage.size) == (3, 3)


def test_a_unit_has_a_size() -> None:
    with pytest.raises(DeclarationError, match="unit_gb"):
        replace(SOURCE, unit_gb=0)
    assert MAX_FILES == 1_000
