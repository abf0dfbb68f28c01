"""What `./gv load` prints and returns for each file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from .conftest import Acme

HEADER = "person_id,born,visits,note\n"


def rows(count: int, bad: int = 0) -> str:
    return HEADER + "P,1970-01-01,1,x\n" * count + "B,soon,1,x\n" * bad


def test_a_refused_delivery_never_shows_a_wrong_sum(acme: Acme, tmp_path: Path):
    acme.declare("Delimited()", max_rejected=0)
    (tmp_path / "a.csv").write_text(rows(149, bad=1))
    (tmp_path / "b.csv").write_text(rows(2))
    command = ("load", "acme", tmp_path / "a.csv", tmp_path / "b.csv", "--period", "2026-11-20")
    lines = acme.gv(*command).stdout.splitlines()
    assert lines[0].split(maxsplit=1) == ["refused", "a.csv  150 read, 1 rejected, nothing loaded"]
    assert lines[1].split(maxsplit=1) == ["refused", "b.csv  2 read, 0 rejected, nothing loaded"]
    assert "1 of 152 records were rejected" in lines[2]
    result = acme.gv(*command, "--json")
    files = json.loads(result.stdout)["files"]
    assert [[file[key] for key in ("rows_read", "rows_loaded", "rows_rejected", "rows_refused")] for file in files] == [
        [150, 0, 1, 149],
        [2, 0, 0, 2],
    ]
    assert acme.counts() == [0, 1]


def test_a_file_that_was_refused_before_it_was_read_to_its_end_has_no_counts(acme: Acme, tmp_path: Path):
    (tmp_path / "a.csv").write_text(rows(3) + '"P')
    refused = acme.gv("load", "acme", tmp_path / "a.csv", "--period", "2026-11-20")
    assert refused.stdout.splitlines()[0].split(maxsplit=1) == ["refused", "a.csv  nothing loaded"]


def test_a_file_that_was_loaded_before_is_not_called_refused(acme: Acme, tmp_path: Path):
    """Two files of the refused delivery have the same name, and two have equal content."""
    first, second = tmp_path / "first", tmp_path / "second"
    for folder, count in ((first, 1), (second, 2)):
        folder.mkdir()
        (folder / "a.csv").write_text(rows(count))
    (tmp_path / "copy.csv").write_text(rows(2))
    assert acme.gv("load", "acme", first / "a.csv", "--period", "2026-11-20").returncode == 0
    paths = (first / "a.csv", second / "a.csv", tmp_path / "copy.csv")
    refused = acme.gv("load", "acme", *paths, "--period", "2026-11-20", "--expect-rows", 9, "--json")
    assert refused.returncode == 1
    assert [(file["status"], file["rows_refused"]) for file in json.loads(refused.stdout)["files"]] == [
        ("already_loaded", 0),
        ("refused", 2),
        ("refused", 0),
    ]


def test_a_file_with_a_header_and_no_row_is_not_a_plain_success(
    acme: Acme, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    (tmp_path / "none.csv").write_text(HEADER)
    (tmp_path / "some.csv").write_text(rows(2))
    command = ("load", "acme", tmp_path / "none.csv", tmp_path / "some.csv", "--period", "2026-11-20")
    loaded = acme.gv(*command)
    assert loaded.returncode == 0
    lines = loaded.stdout.splitlines()
    assert lines[0].split() == ["empty", "none.csv", "no", "rows:", "nothing", "to", "load"]
    assert lines[1].startswith("loaded")
    assert "2 rows read = 2 loaded + 0 rejected, WITHOUT ROWS: 1 file(s)" in lines[2]
    assert "none.csv has no rows" in caplog.text
    again = json.loads(acme.gv(*command, "--json").stdout)["files"]
    assert [(file["status"], file["rows_read"]) for file in again] == [("empty", 0), ("already_loaded", 0)]


def test_a_delivery_without_any_row_says_so(acme: Acme, tmp_path: Path):
    (tmp_path / "a.csv").write_text(HEADER)
    (tmp_path / "b.csv").write_text(HEADER)
    loaded = acme.gv("load", "acme", tmp_path / "a.csv", tmp_path / "b.csv", "--period", "2026-11-20")
    assert [line.split()[0] for line in loaded.stdout.splitlines()[:2]] == ["empty", "empty"]
    assert "WITHOUT ROWS: 2 file(s)" in loaded.stdout.splitlines()[2]


def test_a_load_ends_with_the_reasons_of_its_rejects(acme: Acme, tmp_path: Path):
    (tmp_path / "a.csv").write_text(rows(9, bad=2))
    command = ("load", "acme", tmp_path / "a.csv", "--period", "2026-11-20")
    lines = acme.gv(*command).stdout.splitlines()
    assert lines[-4].split() == ["column", "reason", "records"]
    assert lines[-3].split() == ["born", "not_a_date", "2"]
    assert lines[-2].endswith("./gv rejects acme --period 2026-11-20 --rows")
    assert "records" not in acme.gv(*command).stdout, "it was loaded before, and is not read again"


def test_a_refused_load_says_why_records_were_rejected_and_whether_they_can_be_shown(acme: Acme, tmp_path: Path):
    (tmp_path / "a.csv").write_text(rows(9, bad=2))
    command = ("load", "acme", tmp_path / "a.csv", "--period", "2026-11-20")
    miscounted = acme.gv(*command, "--expect-rows", 7)
    assert (miscounted.returncode, miscounted.stdout.splitlines()[-2].split()) == (1, ["born", "not_a_date", "2"])
    assert miscounted.stdout.endswith(
        "the rejected records were not stored, because the delivery was refused for another reason\n"
    )
    acme.declare("Delimited()", max_rejected=0)
    refused = acme.gv(*command)
    assert (refused.returncode, refused.stdout.splitlines()[-3].split()) == (1, ["born", "not_a_date", "2"])
    assert "2 rejected record(s)" in acme.gv("rejects", "acme", "--period", "2026-11-20").stdout
    assert json.loads(acme.gv(*command, "--json").stdout)["rejects"] == [
        {"column": "born", "reason": "not_a_date", "records": 2}
    ]
