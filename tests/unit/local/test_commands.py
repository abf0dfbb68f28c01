"""What a person is told when the stand-in's commands do not come to their end."""

from __future__ import annotations

import os

import httpx
import pytest

from local import demo
from local.__main__ import main


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (httpx.ConnectError("connection refused"), 1, "local: Airflow failed: connection refused. Next: look at "),
        (KeyboardInterrupt(), 130, "local: interrupted; what was started keeps running. Next: make stop"),
    ],
)
def test_a_demo_that_ends_early_says_what_to_do(
    error: BaseException, code: int, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def end(_: object) -> int:
        raise error

    monkeypatch.setattr(os, "environ", dict(os.environ))
    monkeypatch.setattr(demo, "demo", end)
    assert main(["demo"]) == code
    assert said in capsys.readouterr().err
