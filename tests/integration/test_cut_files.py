"""A large file is landed with its cuts, staged piece by piece, and committed as one: as if it had not been cut."""

from __future__ import annotations

import gzip
import json
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import pytest

from growth_verticals import steps
from growth_verticals.account import Account
from growth_verticals.cadence import Period
from growth_verticals.declarations import find_source
from growth_verticals.delivery import LandedFile, LoadResult, StagedFile, StageUnit
from growth_verticals.errors import DeliveryRefusedError, FileChangedError
from growth_verticals.files.cutting import find_cuts
from growth_verticals.landing.cut_indexes import index_keys, read_cut_index
from growth_verticals.landing.origins import LocalOrigin
from growth_verticals.landing.uris import split_s3_uri
from growth_verticals.source import Source
from growth_verticals.units import stage_units, staged_files

from .cli.conftest import Acme, acme

__all__ = ["acme"]

ROWS = 6_000
HEADER = "Person Id,Born,Visits,Note\n"
#: Units so small that a file of 200 kB has several pieces.
UNIT_GB = 0.00004


def content(rows: int = ROWS) -> str:
    """Return records with line ends in quotes, and some that are rejected."""
    random, lines = Random(7), []
    for number in range(rows):
        note = random.choice(["ok", '"two\nlines"', '"a ""quote"""', "", '"a,b\n\n"'])
        visits = "n/a" if number % 97 == 0 else str(number)
        lines.append(f"P{number},1970-01-{number % 28 + 1:02},{visits},{note}\n")
    return HEADER + "".join(lines)


@pytest.fixture
def source(acme: Acme, monkeypatch: pytest.MonkeyPatch) -> Source:
    monkeypatch.setitem(find_cuts.__kwdefaults__, "block_bytes", 4_096)  # a file is cut between two blocks
    return replace(find_source("acme"), unit_gb=UNIT_GB)


@pytest.fixture(params=["people.csv", "people.csv.gz"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / request.param
    data = content().encode()
    if path.suffix == ".gz":  # in members, because so little text is one deflate block, which cannot be cut
        data = b"".join(gzip.compress(data[start : start + 15_000]) for start in range(0, len(data), 15_000))
    path.write_bytes(data)
    return path


def period(source: Source, key: str = "2026-11-20") -> Period:
    return source.cadence.parse(key)


def land(source: Source, path: Path, key: str = "2026-11-20") -> LandedFile:
    origin = LocalOrigin()
    return steps.land(Account.from_environment(), origin, source, period(source, key), origin.file(path))


def plan(source: Source, landed: LandedFile, staged_at: int) -> list[StageUnit]:
    """Return the units, as they are after they were in XCom."""
    account = Account.from_environment()
    units = stage_units(
        source, [landed], lambda file: steps.pieces_of(account, source, period(source), file), staged_at
    )
    return [StageUnit.from_json(json.loads(json.dumps(unit.to_json()))) for unit in units]


def stage(source: Source, unit: StageUnit, key: str = "2026-11-20") -> StagedFile:
    [staged] = steps.stage(
        *(Account.from_environment(), source, period(source, key), unit.files),
        piece=unit.piece,
        staged_at=unit.staged_at,
    )
    return StagedFile(**json.loads(json.dumps(asdict(staged))))


def commit(source: Source, staged: list[StagedFile], key: str = "2026-11-20") -> LoadResult:
    account = Account.from_environment()
    return steps.commit(
        account, source, period(source, key), steps.join_pieces(account, source, period(source, key), staged)
    )


def rows_of(acme: Acme, key: str) -> list[tuple[Any, ...]]:
    columns = "person_id, born, visits, note, source_row"
    return acme.read(f"SELECT {columns} FROM t WHERE delivery_period = '{key}' ORDER BY source_row")


def rejects_of(acme: Acme, key: str) -> list[tuple[Any, ...]]:
    columns = "source_row, column_name, reason, expected, raw_record"
    return acme.read(f"SELECT {columns} FROM t WHERE delivery_period = '{key}' ORDER BY source_row", "_rejects")


def test_pieces_are_loaded_as_the_whole_file_is(acme: Acme, source: Source, path: Path) -> None:
    units = plan(source, land(source, path), staged_at=1_800_000_000_000_000)
    assert len(units) > 2
    assert units[1].title == f"{path.name} part 2 of {len(units)}"
    result = commit(source, [stage(source, unit) for unit in units])
    assert (result.rows_read, result.rows_rejected) == (ROWS, ROWS // 97 + 1)
    assert len(result.files) == 1
    whole = replace(source, unit_gb=2.0)
    [unit] = plan(whole, land(whole, path, "2026-11-21"), staged_at=1)
    assert unit.piece is None
    commit(whole, [stage(whole, unit, "2026-11-21")], "2026-11-21")
    assert rows_of(acme, "2026-11-20") == rows_of(acme, "2026-11-21")
    assert rejects_of(acme, "2026-11-20") == rejects_of(acme, "2026-11-21") != []


def test_a_repeated_commit_finds_that_all_is_loaded(acme: Acme, source: Source, path: Path) -> None:
    units = plan(source, land(source, path), staged_at=1_800_000_000_000_000)
    staged = [stage(source, unit) for unit in units]
    first, again = commit(source, staged), commit(source, staged)
    assert first.rows_loaded == ROWS - (ROWS // 97 + 1)
    assert again.snapshot_id is None or again.snapshot_id == first.snapshot_id
    restaged = [staged[0], stage(source, units[1]), *staged[2:]]
    assert restaged[1].status == "already_loaded"
    assert staged_files(source, units, [[file] for file in restaged]) == restaged
    assert [file.status for file in commit(source, restaged).files] == ["already_loaded"]
    assert acme.counts() == [first.rows_loaded, first.rows_rejected]


def test_a_piece_that_was_staged_twice_is_loaded_once(acme: Acme, source: Source, path: Path) -> None:
    """As after a worker that was killed: the retry writes other data files."""
    units = plan(source, land(source, path), staged_at=1_800_000_000_000_000)
    stage(source, units[1])
    result = commit(source, [stage(source, unit) for unit in units])
    assert acme.counts() == [result.rows_loaded, result.rows_rejected]
    assert result.rows_read == ROWS


@pytest.mark.parametrize("wrong", ["missing", "doubled", "of another plan", "in another order"])
def test_pieces_that_are_not_the_whole_file_are_refused(acme: Acme, source: Source, path: Path, wrong: str) -> None:
    units = plan(source, land(source, path), staged_at=1_800_000_000_000_000)
    staged = [stage(source, unit) for unit in units]
    other = replace(staged[1], staged_at=1_800_000_000_000_001)
    pieces = {
        "missing": staged[:-1],
        "doubled": [staged[0], *staged],
        "of another plan": [staged[0], other, *staged[2:]],
        "in another order": staged[::-1],
    }[wrong]
    with pytest.raises(DeliveryRefusedError, match=r"staged pieces are not the whole file.*Next: clear the task plan"):
        commit(source, pieces)
    assert acme.counts() == [0, 0]


def test_without_an_index_the_file_is_one_unit(source: Source, path: Path) -> None:
    landed, account = land(source, path), Account.from_environment()
    bucket, key = split_s3_uri(landed.uri)
    assert read_cut_index(account, landed)
    account.client("s3").put_object(Bucket=bucket, Key=index_keys(key, landed.sha256)[0], Body=b"{}")
    assert [unit.piece for unit in plan(source, landed, staged_at=1)] == [None]


def test_a_file_that_was_cut_under_another_dialect_is_one_unit(acme: Acme, source: Source, path: Path) -> None:
    landed = land(source, path)
    acme.declare("Delimited(quote=None)")
    assert [unit.piece for unit in plan(replace(find_source("acme"), unit_gb=UNIT_GB), landed, staged_at=1)] == [None]


def test_a_piece_of_other_content_is_refused(acme: Acme, source: Source, path: Path) -> None:
    units = plan(source, land(source, path), staged_at=1_800_000_000_000_000)
    assert units[1].piece is not None
    wrong = [(end, crc ^ 1) for end, crc in units[1].piece["checks"]]
    with pytest.raises(FileChangedError, match=r"not what it was when the file was landed"):
        stage(source, replace(units[1], piece={**units[1].piece, "checks": wrong}))
    assert acme.counts() == [0, 0]


def test_retention_removes_the_index_with_the_copy(source: Source, path: Path) -> None:
    from growth_verticals.landing.retention import old_copies, remove_copy

    landed, account = land(source, path), Account.from_environment()
    now = datetime.now(UTC)
    [copy] = [
        each
        for each in old_copies(account, source.name, lambda _: True, now.replace(year=2099))
        if each.key in landed.uri
    ]
    remove_copy(account, copy, now)
    assert read_cut_index(account, landed) is None
    bucket, key = split_s3_uri(landed.uri)
    listed = account.client("s3").list_object_versions(Bucket=bucket, Prefix=key.rpartition("/")[0] + "/cuts/")
    assert not listed.get("Versions")
