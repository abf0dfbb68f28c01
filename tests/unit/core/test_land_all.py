"""A unit's files are landed in order, and a failure names its file."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from growth_verticals import steps
from growth_verticals.declarations import find_source
from growth_verticals.delivery import SMALL_FILE_BYTES, RemoteFile
from growth_verticals.errors import ServiceError
from growth_verticals.landing.origins import LocalOrigin, S3Origin, SftpOrigin

SOURCE = find_source("ls_corp")
PERIOD = SOURCE.cadence.parse("2026-11-20")
ACCOUNT: Any = None


class Origin(LocalOrigin):
    def __init__(self, is_thread_safe: bool) -> None:
        self.is_thread_safe = is_thread_safe


def file(name: str, size: int = 1) -> RemoteFile:
    return RemoteFile(name=name, uri=f"file:///{name}", size=size, modified=1.0)


FILES = [file(f"{number}.csv") for number in range(6)]


@pytest.mark.parametrize(
    ("is_thread_safe", "files", "together"),
    [
        (True, FILES, True),
        (False, FILES, False),
        (True, [*FILES, file("big.csv", SMALL_FILE_BYTES + 1)], False),
        (True, [*FILES, file("0.csv")], False),
    ],
    ids=["small files", "an SFTP session", "a large file", "equal names"],
)
def test_small_files_are_landed_together_where_that_is_safe(
    monkeypatch: pytest.MonkeyPatch, is_thread_safe: bool, files: list[RemoteFile], together: bool
) -> None:
    barrier, threads = threading.Barrier(6), set()

    def land(*arguments: Any) -> Any:
        threads.add(threading.get_ident())
        if together:
            barrier.wait(timeout=30)
        return arguments[-1]

    monkeypatch.setattr(steps, "land", land)
    assert steps.land_all(ACCOUNT, Origin(is_thread_safe), SOURCE, PERIOD, files) == files
    assert len(threads) == (6 if together else 1)


def test_only_an_sftp_session_belongs_to_one_thread() -> None:
    assert (SftpOrigin.is_thread_safe, S3Origin.is_thread_safe, LocalOrigin.is_thread_safe) == (False, True, True)


def test_a_failure_names_its_file_and_stops_the_unit(monkeypatch: pytest.MonkeyPatch) -> None:
    landed = []

    def land(*arguments: Any) -> Any:
        if arguments[-1] is FILES[2]:
            raise ServiceError("S3 did not answer")
        landed.append(arguments[-1])

    monkeypatch.setattr(steps, "land", land)
    with pytest.raises(ServiceError, match=r"2\.csv: S3 did not answer"):
        steps.land_all(ACCOUNT, Origin(is_thread_safe=False), SOURCE, PERIOD, FILES)
    assert FILES[-1] not in landed
