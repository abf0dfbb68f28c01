"""How long landing and staging may take depends on the file's size and on what the source declares."""

from __future__ import annotations

import time
from dataclasses import asdict, replace
from datetime import timedelta
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowTaskTimeout
from airflow.sdk.execution_time.task_runner import _run_execute_callable

from growth_verticals import source as source_module
from growth_verticals.delivery import LandedFile, RemoteFile
from growth_verticals.errors import DeclarationError
from growth_verticals.operators import load, stage
from growth_verticals.operators.load import LandFile
from growth_verticals.operators.stage import StageFile
from growth_verticals.source import Daily, Delimited, Inbox, Source

SOURCE = Source(name="acme", table="acme.person", cadence=Daily(), delivery=Inbox(pattern="*"), format=Delimited())
GB = 10**9


def tasks(size: int, source: Source = SOURCE) -> list[Any]:
    remote = RemoteFile(name="a.csv", uri="s3://v/a.csv", size=size, modified=0, version="v")
    landed = LandedFile(name="a.csv", uri="s3://l/a.csv", size=size, sha256="a" * 64, origin="s3://v/a.csv", etag="e")
    return [
        LandFile(task_id="land", source=source, file=asdict(remote)),
        StageFile(task_id="stage", source=source, landed=asdict(landed)),
    ]


def limits(size: int, source: Source = SOURCE) -> set[timedelta]:
    """Return the time limits of the tasks, as they are when Airflow starts the clock."""
    found = set()
    for task in tasks(size, source):
        task.pre_execute({})
        found.add(task.execution_timeout)
    return found


def test_a_large_file_gets_more_time_than_a_small_one() -> None:
    assert limits(0) == {timedelta(minutes=15)}
    assert limits(3 * GB) == {timedelta(minutes=15 + 25)}


def test_a_source_declares_how_slow_its_files_may_be() -> None:
    assert limits(3 * GB, replace(SOURCE, min_mb_per_s=50)) == {timedelta(minutes=15 + 1)}


def test_a_speed_of_nothing_is_refused() -> None:
    with pytest.raises(DeclarationError, match="min_mb_per_s"):
        replace(SOURCE, min_mb_per_s=0)


@pytest.mark.parametrize("number", [0, 1], ids=["land", "stage"])
def test_airflow_ends_a_task_at_this_limit(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    for module in (load, stage):
        monkeypatch.setattr(module, "load_request", lambda *_: time.sleep(60))
    monkeypatch.setattr(source_module, "_START_UP", timedelta(seconds=0.2))
    task, context = tasks(0)[number], {"ti": None}
    task.pre_execute(context)
    with pytest.raises(AirflowTaskTimeout):
        _run_execute_callable(context, task.act, task)  # type: ignore[arg-type]
