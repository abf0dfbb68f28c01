"""Without a configured account `./gv` uses the stand-in, whatever other AWS settings the shell has."""

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
UNREACHABLE = "http://127.0.0.1:9"


@pytest.fixture
def shell(stand_in: Settings) -> dict[str, str]:
    """A shell environment that knows where the stand-in is, but has none of its AWS settings."""
    settings = standin.environment(stand_in)
    others = {name: value for name, value in os.environ.items() if name not in settings and not name.startswith("AWS_")}
    return others | stand_in.to_environment() | {"GV_PYTHON": sys.executable}


@pytest.mark.parametrize(
    ("day", "extra"),
    [
        (1, {"AWS_PROFILE": "no-such-profile"}),
        (2, {"AWS_SESSION_TOKEN": "of another account", "AWS_ENDPOINT_URL": UNREACHABLE}),
        (3, {"HTTP_PROXY": UNREACHABLE, "http_proxy": UNREACHABLE, "ALL_PROXY": UNREACHABLE}),
    ],
)
def test_settings_of_another_account_and_proxies_are_ignored(day: int, extra: dict[str, str], shell: dict[str, str]):
    command = [REPOSITORY / "gv", "load", "ls_corp", SAMPLE, "--period", f"2026-02-0{day}"]
    completed = subprocess.run(command, env=shell | extra, capture_output=True, text=True, check=False)
    assert (completed.returncode, completed.stdout.split()[:2]) == (0, ["loaded", SAMPLE.name]), completed.stderr
    assert "using the stand-in" in completed.stderr


def test_a_configured_account_is_not_replaced(shell: dict[str, str]):
    arn = {"GV_TABLE_BUCKET_ARN": "arn:aws:s3tables:us-east-1:111122223333:bucket/mine"}
    command = [REPOSITORY / "gv", "load", "ls_corp", SAMPLE]
    completed = subprocess.run(command, env=shell | arn, capture_output=True, text=True, check=False)
    assert completed.returncode == 1
    assert "using the stand-in" not in completed.stderr
    assert "GV_LANDING_URI is not set" in completed.stderr
