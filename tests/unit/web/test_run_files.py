"""The files of a run, from the units in which they were landed and staged."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import pytest

from growth_verticals.declarations import find_source
from growth_verticals.delivery import LandedFile, RemoteFile, StagedFile, to_json
from growth_verticals.status.facts import RunDetail, RunFacts, Step
from growth_verticals.units import land_units, stage_units
from growth_verticals.web.run_files import files_of_run

SOURCE = find_source("ls_corp")
NAMES = ("a.csv", "b.csv", "c.zip")
REMOTE = [RemoteFile(name=name, uri=f"s3://v/{name}", size=7, modified=1.0) for name in NAMES]
LANDED = [
    LandedFile(name=file.name, uri=f"s3://l/{file.name}", size=7, sha256=f"sha-{file.name}", origin=file.uri, etag="e")
    for file in REMOTE
]
STAGED = [
    StagedFile(name=file.name, sha256=file.sha256, status="staged", rows_read=3, rows_valid=2, rows_rejected=1)
    for file in LANDED
]
AWAIT = {("await", "return_value"): {-1: [unit.to_json() for unit in land_units(SOURCE, REMOTE)]}}
LAND = {("land", "return_value"): {0: [to_json(file) for file in LANDED]}}
PLAN = {("plan", "return_value"): {-1: [unit.to_json() for unit in stage_units(SOURCE, LANDED)]}}
STAGE = {("stage", "return_value"): {0: [asdict(file) for file in STAGED]}}


def failure(task_id: str, file: str | None) -> dict[Any, Any]:
    return {(task_id, "failure"): {0: {"file": file}}}


def detail(xcoms: dict[Any, Any], failed: str | None = None) -> RunDetail:
    ended = datetime(2026, 11, 20, tzinfo=UTC)
    steps = tuple(
        Step(
            task_id=task_id,
            map_index=0,
            state="failed" if task_id == failed else "success",
            tries=1,
            started_at=ended,
            ended_at=ended,
            seconds=0.0,
            name=None,
        )
        for task_id in ("land", "stage")
    )
    run: Any = RunFacts.__new__(RunFacts)  # `files_of_run` looks at its tasks only
    return RunDetail(run=run, steps=steps, xcoms=xcoms)


@pytest.mark.parametrize(
    ("xcoms", "failed", "expected"),
    [
        ({}, None, []),
        (AWAIT, None, ["listed"] * 3),
        (AWAIT | failure("land", "b.csv"), "land", ["listed", "land failed", "listed"]),
        (AWAIT | failure("land", None), "land", ["land failed"] * 3),
        (AWAIT | LAND, None, ["landed"] * 3),
        (AWAIT | LAND | PLAN, None, ["landed"] * 3),
        (AWAIT | LAND | PLAN | failure("stage", "c.zip!people.csv"), "stage", ["landed", "landed", "stage failed"]),
        (AWAIT | LAND | PLAN | STAGE, None, ["staged"] * 3),
    ],
)
def test_how_far_the_files_of_one_unit_have_come(
    xcoms: dict[Any, Any], failed: str | None, expected: list[str]
) -> None:
    files = files_of_run(detail(xcoms, failed))
    assert [(file.name, file.status) for file in files] == list(zip(NAMES, expected, strict=False))
    assert all((file.landed is None) is (file.landed_at is None) for file in files)


def test_each_file_has_its_own_counts() -> None:
    files = files_of_run(detail(AWAIT | LAND | PLAN | STAGE))
    assert [(file.sha256, file.rows_read, file.rows_rejected) for file in files] == [
        (file.sha256, 3, 1) for file in LANDED
    ]


def test_results_of_units_that_a_later_plan_has_not_are_not_shown() -> None:
    stale = {("stage", "return_value"): {1: [asdict(file) for file in STAGED]}}
    assert [file.status for file in files_of_run(detail(AWAIT | LAND | PLAN | stale))] == ["landed"] * 3


def test_a_run_of_the_time_before_units_is_shown_too() -> None:
    each = {index: to_json(file) for index, file in enumerate(LANDED)}
    staged = {index: asdict(file) for index, file in enumerate(STAGED)}
    old = {
        ("await", "return_value"): {-1: [asdict(file) for file in REMOTE]},
        ("land", "return_value"): each,
        ("stage", "return_value"): staged,
    }
    assert [(file.name, file.status, file.rows_read) for file in files_of_run(detail(old))] == [
        (name, "staged", 3) for name in NAMES
    ]


def test_a_file_in_pieces_is_one_row_with_the_counts_of_all_of_them() -> None:
    [landed, *_] = LANDED
    units = [{"title": f"a.csv part {number} of 2", "files": [to_json(landed)]} for number in (1, 2)]
    plan = {("plan", "return_value"): {-1: units}}
    first, second = [asdict(STAGED[0])], [asdict(STAGED[0])]
    for results, counts in (({}, (None, None)), ({1: second}, (3, 1)), ({0: first, 1: second}, (6, 2))):
        [row, *_] = files_of_run(detail({**AWAIT, **LAND, **plan, ("stage", "return_value"): results}))
        assert (row.name, row.rows_read, row.rows_rejected) == ("a.csv", *counts)


def test_a_file_fails_with_the_first_of_its_pieces_that_fails() -> None:
    units = [{"title": f"a.csv part {number} of 2", "files": [to_json(LANDED[0])]} for number in (1, 2)]
    xcoms = {**AWAIT, **LAND, ("plan", "return_value"): {-1: units}, **failure("stage", "a.csv")}
    assert next(file.status for file in files_of_run(detail(xcoms, failed="stage"))) == "stage failed"
