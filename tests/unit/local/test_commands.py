"""The messages of the stand-in's commands when they fail or are interrupted."""

from __future__ import annotations

import os

import httpx
import pytest

from local import demo
from local.__main__ import main


@pytest.mark.parametrize(
    ("error", "exit_code", "message"),
    [
        (httpx.ConnectError("connection refused"), 1, "local: Airflow failed: connection refused. Next: read "),
        (KeyboardInterrupt(), 130, "local: interrupted; the servers that were started keep running. Next: make stop"),
    ],
)
def test_a_demo_that_fails_or_is_interrupted_says_what_to_do_next(
    error: BaseException,
    exit_code: int,
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(_: object) -> int:
        raise error

    monkeypatch.setattr(os, "environ", dict(os.environ))
    monkeypatch.setattr(demo, "demo", fail)
    assert main(["demo"]) == exit_code
    assert message in capsys.readouterr().err
