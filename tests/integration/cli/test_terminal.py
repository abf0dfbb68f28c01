"""`./gv` on a terminal of 80 columns: nothing is wider, nothing is cut, and a load shows how far it is."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.cells import cell_len

from growth_verticals.cli import progress

from .conftest import Acme, CommandResult

PERIOD = "2026-11-20"
NAME = "ACME_people_2026-11-20_part-0001_of_0002_corrected_by_the_vendor.csv"
GOOD, BAD = 1_234, 56


@pytest.fixture
def on_terminal(acme: Acme, monkeypatch: pytest.MonkeyPatch) -> Callable[..., CommandResult]:
    """Runs the command line on a terminal."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("NO_COLOR", "1")

    def run(*arguments: object) -> CommandResult:
        for stream in (sys.stdout, sys.stderr):
            monkeypatch.setattr(stream, "isatty", lambda: True)
        return acme.gv(*arguments)

    return run


@pytest.fixture
def people(tmp_path: Path) -> Path:
    path = tmp_path / NAME
    rows = ["P,1970-01-01,1,x"] * GOOD + ["B,soon,many,x"] * BAD
    path.write_text("\n".join(["person_id,born,visits,note", *rows, ""]))
    return path


def plain(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)


def parts(name: str) -> list[str]:
    """Return the parts of a name, each of which is on one line."""
    return re.findall(r"[^._/:-]*[._/:-]|[^._/:-]+", name)


def test_every_command_fits_80_columns_and_cuts_no_name_and_no_number(
    acme: Acme, on_terminal: Callable[..., CommandResult], people: Path
):
    table, of_period = acme.table, ("acme", "--period", PERIOD)
    shows: dict[tuple[object, ...], list[str]] = {
        ("load", *of_period, people): [NAME, "1,290", "1,234", "56", table, "not_an_integer"],
        ("load", *of_period, people, "--expect-rows", 7): [NAME],
        ("sources",): ["acme", table, "on demand, inbox"],
        ("rejects", "acme"): [PERIOD, NAME, "visits", "not_an_integer", "56"],
        ("rejects", *of_period, "--rows", 2): [NAME, "1236", "1237", "not_a_date;"],
        ("rejects", *of_period, "--rows", 1, "--raw"): [NAME, "1236", "B,soon,many,x"],
        ("inbox", "put", "acme", people): ["21,789", "s3://gv-landing/", NAME],
        ("inbox", "list", "acme"): [NAME, "21.3 KiB"],
        ("audit", "acme"): [PERIOD, "complete", "1 loaded"],
        ("audit", *of_period): [PERIOD, NAME, "loaded"],
        ("replay", *of_period): [NAME, "56 still rejected"],
        ("undo", *of_period): [NAME, "1,234 rows", "56 rejects", f"{table}_rejects"],
        ("doctor",): ["landing bucket", "ok"],
        ("tables", "plan"): [],
        ("tables", "list"): ["person", "person_rejects", "1,234"],
        ("tables", "status", table): [table, "compaction", "512 MB, auto", "1 of 1 files", "Not_Yet_Run"],
        ("tables", "snapshots", table): [table, "1,234", "append", f"load acme {PERIOD}, 1 file(s)"],
        ("tables", "configure", "--table", table, "--target-file-size-mb", 64): [table],
        ("tables", "create", "--sql", f"CREATE TABLE {table} (id long)"): [table],
    }
    for command, expected in shows.items():
        result = on_terminal(*command)
        out = plain(result.stdout)
        assert [line for line in out.splitlines() if cell_len(line) > 80] == [], command
        words = [part for text in expected for word in text.split() for part in parts(word)]
        assert [word for word in words if word not in out] == [], f"{command}: {out}"
        numbers = [number for text in expected for number in re.findall(r"[\d,]*\d", text)]
        assert [each for each in numbers if not re.search(rf"(?<![\d,]){each}(?!,?\d)", out)] == [], command


def test_a_load_shows_bytes_rows_and_time_left_of_each_step_and_then_removes_the_bars(
    acme: Acme, on_terminal: Callable[..., CommandResult], people: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(progress, "_REFRESH_S", 0.0)
    result = on_terminal("load", "acme", "--period", PERIOD, people)
    lines = plain(result.stderr).replace("\r", "\n").splitlines()
    for step in ("land ", "stage"):
        shown = [line for line in lines if line.startswith(f"{step} ACME_people…e_vendor.csv ")]
        assert "  0.0/21.8 kB  " in shown[0], step
        assert re.search(r" 21.8/21.8 kB .* 00:00$", shown[-1]), step
    assert re.search(r"21\.8/21\.8 kB +[\d,]+ rows/s 00:00$", shown[-1])
    assert all(cell_len(line) <= 80 for line in lines)
    assert "\x1b[38" not in result.stderr, "NO_COLOR is set"
    assert result.stderr.rstrip("\n").endswith("\x1b[1A\x1b[2K\x1b[1A\x1b[2K")


def test_several_files_share_a_bar_and_only_large_ones_have_their_own(
    on_terminal: Callable[..., CommandResult], people: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(progress, "_REFRESH_S", 0.0)
    monkeypatch.setattr(progress, "SMALL_FILE_BYTES", 10_000)
    people.write_text("\n".join(["person_id,born,visits,note", *["P,1970-01-01,1,x"] * 300_000, ""]))  # three blocks
    small = people.with_name("small.csv")
    small.write_text("person_id,born,visits,note\nP,1970-01-01,1,x\n")
    lines = (
        plain(on_terminal("load", "acme", "--period", PERIOD, people, small).stderr).replace("\r", "\n").splitlines()
    )
    assert {
        tuple(line.split()[: 3 if "files" in line else 2]) for line in lines if line.startswith(("land", "stage"))
    } >= {
        ("land", "2", "files"),
        ("stage", "2", "files"),
        ("stage", "ACME_people…e_vendor.csv"),
    }
    assert "small.csv" not in "".join(lines)


@pytest.mark.parametrize("arguments", [(), ("--json",)], ids=["in a pipe", "as JSON on a terminal"])
def test_a_program_sees_no_progress(
    acme: Acme, on_terminal: Callable[..., CommandResult], people: Path, arguments: tuple[str, ...]
):
    run = on_terminal if arguments else acme.gv
    result = run("load", "acme", "--period", PERIOD, people, *arguments)
    assert (result.returncode, result.stderr) == (0, "")
