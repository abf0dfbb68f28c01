"""Without an account `./gv` uses the stand-in, whatever else the shell is set up for."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from local import standin
from local.settings import Settings

REPOSITORY = Path(__file__).resolve().parents[3]
SAMPLE = REPOSITORY / "include/samples/ls_corp/ls_corp_leads.csv"
DEAD = "http://127.0.0.1:9"


@pytest.fixture
def shell(stand_in: Settings) -> dict[str, str]:
    """A shell in which nothing of the stand-in is set but where it is."""
    ours = standin.environment(stand_in)
    others = {name: value for name, value in os.environ.items() if name not in ours and not name.startswith("AWS_")}
    return others | stand_in.to_environment() | {"GV_PYTHON": sys.executable}


@pytest.mark.parametrize(
    ("day", "other"),
    [
        (1, {"AWS_PROFILE": "no-such-profile"}),
        (2, {"AWS_SESSION_TOKEN": "of another account", "AWS_ENDPOINT_URL": DEAD}),
        (3, {"HTTP_PROXY": DEAD, "http_proxy": DEAD, "ALL_PROXY": DEAD}),
    ],
)
def test_settings_of_another_account_and_proxies_are_left_out(day: int, other: dict[str, str], shell: dict[str, str]):
    command = [REPOSITORY / "gv", "load", "ls_corp", SAMPLE, "--period", f"2026-02-0{day}"]
    ended = subprocess.run(command, env=shell | other, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout.split()[:2]) == (0, ["loaded", SAMPLE.name]), ended.stderr
    assert "using the stand-in" in ended.stderr


def test_an_account_that_is_configured_is_not_replaced(shell: dict[str, str]):
    arn = {"GV_TABLE_BUCKET_ARN": "arn:aws:s3tables:us-east-1:111122223333:bucket/mine"}
    command = [REPOSITORY / "gv", "load", "ls_corp", SAMPLE]
    ended = subprocess.run(command, env=shell | arn, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert "using the stand-in" not in ended.stderr
    assert "GV_LANDING_URI is not set" in ended.stderr
