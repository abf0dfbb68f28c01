"""`./gv undo`: removes the rows and rejects of a load, and the same file can be loaded again."""

from __future__ import annotations

import getpass
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from local import standin
from local.readback import read_table
from local.settings import Settings

REPOSITORY = Path(__file__).resolve().parents[3]
SAMPLE = REPOSITORY / "include/samples/ls_corp"
PERIOD = "2026-03-03"
GOOD, BAD = 347, 3

Gv = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def gv(stand_in: Settings) -> Gv:
    environment = os.environ | standin.environment(stand_in) | {"GV_PYTHON": sys.executable}

    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        command = [REPOSITORY / "gv", *map(str, arguments)]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    return run


def counts(stand_in: Settings) -> list[int]:
    sql = f"SELECT count(*) FROM t WHERE delivery_period = '{PERIOD}'"
    return [int(read_table(stand_in, f"ls_corp.{name}", sql)[0][0]) for name in ("contact", "contact_rejects")]


def test_a_load_is_listed_then_undone_then_loaded_again(gv: Gv, stand_in: Settings):
    (file,) = SAMPLE.glob("*.csv")
    assert gv("load", "ls_corp", file, "--period", PERIOD).returncode == 0
    assert counts(stand_in) == [GOOD, BAD]

    shown = gv("undo", "ls_corp", "--period", PERIOD)
    assert f"{file.name}  {GOOD} rows, {BAD} rejects" in shown.stdout
    assert counts(stand_in) == [GOOD, BAD]

    unexplained = gv("undo", "ls_corp", "--period", PERIOD, "--yes")
    assert (unexplained.returncode, "--yes requires --reason TEXT" in unexplained.stderr) == (2, True)
    assert counts(stand_in) == [GOOD, BAD]

    undo = ("undo", "ls_corp", "--period", PERIOD, "--yes", "--reason", "sent by mistake\x1b[31m")
    assert gv(*undo, "--file", file.name).returncode == 0
    assert counts(stand_in) == [0, 0]
    assert "has no rows or rejects for" in gv(*undo).stdout
    for table in ("contact", "contact_rejects"):
        history = gv("tables", "snapshots", f"ls_corp.{table}").stdout.splitlines()
        [undone] = [line for line in history if "sent by mistake" in line]
        assert f"{getpass.getuser()} (gv)" in undone
        assert undone.endswith("sent by mistake\\x1b[31m")

    assert gv("load", "ls_corp", file, "--period", PERIOD).stdout.startswith("loaded")
    assert counts(stand_in) == [GOOD, BAD]


def test_undo_of_a_file_that_is_not_loaded_names_the_file(gv: Gv):
    refused = gv("undo", "ls_corp", "--period", "2026-03-04", "--file", "other.csv")
    assert refused.returncode == 1
    assert "other.csv: no such file is loaded; expected one of: none" in refused.stderr
