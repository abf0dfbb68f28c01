"""How long landing and staging may take depends on the unit's files and on what the source declares."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowTaskTimeout
from airflow.sdk.execution_time.task_runner import _run_execute_callable

from growth_verticals import source as source_module
from growth_verticals.delivery import LandedFile, LandUnit, RemoteFile, StageUnit
from growth_verticals.errors import DeclarationError
from growth_verticals.operators import load, stage
from growth_verticals.operators.load import LandFiles
from growth_verticals.operators.stage import StageFiles
from growth_verticals.source import Daily, Delimited, Inbox, Source

SOURCE = Source(name="acme", table="acme.person", cadence=Daily(), delivery=Inbox(pattern="*"), format=Delimited())
GB = 10**9


def tasks(size: int, files: int, source: Source = SOURCE) -> list[Any]:
    remote = RemoteFile(name="a.csv", uri="s3://v/a.csv", size=size, modified=0, version="v")
    landed = LandedFile(name="a.csv", uri="s3://l/a.csv", size=size, sha256="a" * 64, origin="s3://v/a.csv", etag="e")
    return [
        LandFiles(task_id="land", source=source, unit=LandUnit(title="a", files=[remote] * files).to_json()),
        StageFiles(task_id="stage", source=source, unit=StageUnit(title="a", files=[landed] * files).to_json()),
    ]


def limits(size: int, files: int = 1, source: Source = SOURCE) -> set[timedelta]:
    """Return the time limits of the tasks for so many files of a size, as they are when Airflow starts the clock."""
    found = set()
    for task in tasks(size, files, source):
        task.pre_execute({})
        found.add(task.execution_timeout)
    return found


def test_a_large_file_gets_more_time_than_a_small_one() -> None:
    assert limits(0) == {timedelta(minutes=15, seconds=2)}
    assert limits(3 * GB) == {timedelta(minutes=15 + 25, seconds=2)}


def test_many_files_get_more_time_than_one() -> None:
    assert limits(GB, files=3) == {timedelta(minutes=15 + 25, seconds=3 * 2)}
    assert limits(0, files=1_000) == {timedelta(minutes=15, seconds=2_000)}


def test_a_source_declares_how_slow_its_files_may_be() -> None:
    assert limits(3 * GB, source=replace(SOURCE, min_mb_per_s=50)) == {timedelta(minutes=15 + 1, seconds=2)}


def test_a_speed_of_nothing_is_refused() -> None:
    with pytest.raises(DeclarationError, match="min_mb_per_s"):
        replace(SOURCE, min_mb_per_s=0)


@pytest.mark.parametrize("number", [0, 1], ids=["land", "stage"])
def test_airflow_ends_a_task_at_this_limit(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    for module in (load, stage):
        monkeypatch.setattr(module, "load_request", lambda *_: time.sleep(60))
    monkeypatch.setattr(source_module, "_START_UP", timedelta(seconds=0.2))
    task, context = tasks(0, files=0)[number], {"ti": None}
    task.pre_execute(context)
    with pytest.raises(AirflowTaskTimeout):
        _run_execute_callable(context, task.act, task)  # type: ignore[arg-type]
