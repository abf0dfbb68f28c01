"""`./gv load` of a corrected file: nothing is loaded until a person says what becomes of the loaded one."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from .conftest import Acme

HEADER = "person_id,born,visits,note\n"
DAY = "2026-11-20"
NAMES = "SELECT person_id FROM t ORDER BY 1"


def write(folder: Path, *ids: str) -> Path:
    path = folder / "leads.csv"
    path.write_text(HEADER + "".join(f"{each},2001-02-03,1,\n" for each in ids))
    return path


def test_a_corrected_file_is_refused_then_replaces_the_loaded_one_by_an_answer(acme: Acme, tmp_path: Path):
    assert acme.gv("load", "acme", write(tmp_path, "p1", "p2"), "--period", DAY).returncode == 0

    corrected = write(tmp_path, "p1", "p3", "p4")
    refused = acme.gv("load", "acme", corrected, "--period", DAY)
    assert refused.returncode == 1
    assert "leads.csv (2 rows, 0 rejects) would leave" in refused.stdout
    assert "--restated replace" in refused.stdout
    assert acme.read(NAMES) == [("p1",), ("p2",)]

    assert acme.gv("load", "acme", corrected, "--period", DAY, "--restated", "replace").returncode == 2
    command = ["load", "acme", corrected, "--period", DAY, "--restated", "replace", "--reason", "new phones", "--json"]
    replaced = acme.gv(*command)
    assert replaced.returncode == 0, replaced.stderr
    result = json.loads(replaced.stdout)
    assert (result["files_replaced"], result["rows_replaced"]) == (1, 2)
    assert acme.read(NAMES) == [("p1",), ("p3",), ("p4",)]
    assert json.loads(acme.gv(*command).stdout)["files"][0]["status"] == "already_loaded"


def test_add_and_refuse_are_answers_too(acme: Acme, tmp_path: Path):
    acme.gv("load", "acme", write(tmp_path, "p1"), "--period", DAY)
    other = write(tmp_path, "p2")
    answer = ["load", "acme", other, "--period", DAY, "--reason", "asked the client", "--restated"]
    assert acme.gv(*answer, "refuse").returncode == 1
    assert acme.read(NAMES) == [("p1",)]
    assert acme.gv(*answer, "add").returncode == 0
    assert acme.read(NAMES) == [("p1",), ("p2",)]


class Terminal(io.StringIO):
    """A person's answers, typed on a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("replace\nnew phones\n", ["p2"]),
        ("add\nboth are right\n", ["p1", "p2"]),
        ("refuse\n", ["p1"]),
        ("replace\n\n", ["p1"]),
        ("", ["p1"]),
    ],
)
def test_on_a_terminal_a_person_is_asked(
    acme: Acme, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, typed: str, expected: list[str]
):
    acme.gv("load", "acme", write(tmp_path, "p1"), "--period", DAY)
    prompts = Terminal()
    monkeypatch.setattr("sys.stdin", Terminal(typed))
    monkeypatch.setattr("sys.stderr", prompts)
    result = acme.gv("load", "acme", write(tmp_path, "p2"), "--period", DAY)
    assert "leads.csv (1 rows, 0 rejects) would leave" in prompts.getvalue()
    assert acme.read(NAMES) == [(each,) for each in expected]
    assert result.returncode == (1 if expected == ["p1"] else 0)
