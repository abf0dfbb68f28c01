"""`./gv replay`: after a fix, the rejected records that are valid now are loaded once, and nothing else."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

import pytest

from growth_verticals.account import Account
from growth_verticals.catalog.rest import open_catalog

from .conftest import Acme

PERIOD = "2026-11-20"
GOOD = 40
HEADER = "Person Id,Born,Visits,Note"
BAD = ("B1,1980-03-04,n/a,", "B2,soon,n/a,", "B3,1980-03-04,many,", 'B4,1980-03-04,n/a,"two\nlines"', "B5,too short")
FIXED = "Delimited(nulls=('n/a',))"


@pytest.fixture
def people(tmp_path: Path) -> Path:
    """A file of 40 good records, with a bad one first and after every ten; one good record's note spans three lines."""
    lines = [f"P{number},1970-01-{number % 28 + 1:02},{number},ok" for number in range(GOOD)]
    lines[5] = 'P5,1970-01-06,5,"over\n\nlines"'
    for index, record in reversed([*zip((0, 10, 20, 30, 40), BAD, strict=True)]):
        lines.insert(index, record)
    path = tmp_path / "people.csv"
    path.write_text("\n".join([HEADER, *lines]) + "\n")
    return path


def line_of(person_id: str, people: Path) -> int:
    """Return the line number, from 1, where a person's record starts."""
    lines = people.read_text().split("\n")
    return next(number for number, line in enumerate(lines, start=1) if line.startswith(f"{person_id},"))


def test_records_that_are_valid_now_are_loaded_once_and_the_rest_get_their_new_reasons(acme: Acme, people: Path):
    assert acme.gv("load", "acme", people, "--period", PERIOD).returncode == 0
    assert acme.counts() == [GOOD, len(BAD)]
    staged_at = acme.read("SELECT max(staged_at) FROM t")

    acme.declare(FIXED)
    replayed = acme.gv("replay", "acme", "--period", PERIOD)
    assert replayed.returncode == 0, replayed.stderr
    assert replayed.stdout == "replayed  people.csv  2 loaded, 3 still rejected\n"
    assert acme.counts() == [GOOD + 2, 3]

    sql = "SELECT person_id, visits, note, delivery_period, source_file, source_row, staged_at = ? FROM t"
    sql = sql.replace("?", f"'{staged_at[0][0].isoformat()}'") + " WHERE person_id LIKE 'B%' ORDER BY 1"
    assert acme.read(sql) == [
        ("B1", None, None, PERIOD, "people.csv", line_of("B1", people), True),
        ("B4", None, "two\nlines", PERIOD, "people.csv", line_of("B4", people), True),
    ]
    assert acme.read("SELECT count(DISTINCT source_row), count(DISTINCT source_file_sha256) FROM t") == [(GOOD + 2, 1)]
    assert acme.read("SELECT source_row, column_name, reason FROM t ORDER BY 1", "_rejects") == [
        (line_of("B2", people), "born", "not_a_date"),  # `visits` is valid now
        (line_of("B3", people), "visits", "not_an_integer"),
        (line_of("B5", people), None, "too_few_columns"),
    ]

    again = acme.gv("replay", "acme", "--period", PERIOD, "--json")
    assert [(file["rows_loaded"], file["rows_rejected"]) for file in json.loads(again.stdout)] == [(0, 3)]
    assert acme.gv("load", "acme", people, "--period", PERIOD).stdout.startswith("already_loaded")
    assert acme.counts() == [GOOD + 2, 3]
    acme.gv("undo", "acme", "--period", PERIOD, "--yes", "--reason", "a test")
    assert acme.counts() == [0, 0]
    assert "has no rejected records for" in acme.gv("replay", "acme", "--period", PERIOD).stdout


def test_a_replay_that_changes_nothing_creates_no_snapshot(acme: Acme, people: Path):
    acme.gv("load", "acme", people, "--period", PERIOD)
    before = [snapshots(acme, table) for table in ("", "_rejects")]
    replayed = acme.gv("replay", "acme", "--period", PERIOD)
    assert replayed.stdout == "replayed  people.csv  0 loaded, 5 still rejected\n"
    assert [snapshots(acme, table) for table in ("", "_rejects")] == before


def test_a_refused_file_is_skipped_because_it_must_be_loaded_as_a_whole(acme: Acme, people: Path):
    acme.declare("Delimited()", max_rejected=0.01)
    assert acme.gv("load", "acme", people, "--period", PERIOD).returncode == 1
    other = people.with_name("other.csv")
    other.write_text(f"{HEADER}\nO1,,1,\n")
    assert acme.gv("load", "acme", other, "--period", PERIOD).returncode == 0

    acme.declare(FIXED)
    skipped = acme.gv("replay", "acme", "--period", PERIOD)
    assert skipped.returncode == 1
    assert "no row of this file is in the table" in skipped.stdout
    assert acme.counts() == [1, len(BAD)]
    assert acme.gv("load", "acme", people, "--period", PERIOD).stdout.startswith("loaded")
    assert acme.counts() == [1 + GOOD + 2, 3]


def test_only_the_named_files_are_replayed(acme: Acme, people: Path):
    other = people.with_name("other.csv")
    other.write_text(f"{HEADER}\nO1,,1,\nO2,,n/a,\n")
    assert acme.gv("load", "acme", people, other, "--period", PERIOD).returncode == 0
    acme.declare(FIXED)
    replayed = acme.gv("replay", "acme", "--period", PERIOD, "--file", "other.csv")
    assert replayed.stdout == "replayed  other.csv  1 loaded, 0 still rejected\n"
    assert acme.counts() == [GOOD + 2, len(BAD)]


def test_a_file_without_its_raw_copy_is_skipped_until_the_copy_is_stored_again(acme: Acme, people: Path):
    acme.gv("load", "acme", people, "--period", PERIOD)
    account = Account.from_environment()
    bucket, _, prefix = account.landing_uri.removeprefix("s3://").partition("/")
    for name in ("people.csv", "people.csv.receipt.json"):
        account.client("s3").delete_object(Bucket=bucket, Key=f"{prefix}/acme/{PERIOD}/{name}")
    acme.declare(FIXED)
    skipped = acme.gv("replay", "acme", "--period", PERIOD)
    assert skipped.returncode == 1
    assert "its raw copy is not in the landing zone" in skipped.stdout
    assert acme.counts() == [GOOD, len(BAD)]

    assert acme.gv("load", "acme", people, "--period", PERIOD).stdout.startswith("already_loaded")
    assert acme.gv("replay", "acme", "--period", PERIOD).returncode == 0
    assert acme.counts() == [GOOD + 2, 3]


def test_a_declaration_that_splits_the_file_into_other_records_loads_nothing(acme: Acme, people: Path):
    acme.gv("load", "acme", people, "--period", PERIOD)
    acme.declare("Delimited(nulls=('n/a',), quote=None)")
    refused = acme.gv("replay", "acme", "--period", PERIOD)
    assert refused.returncode == 1
    assert "people.csv: the file's records do not start at the same lines as when it was loaded" in refused.stderr
    assert acme.counts() == [GOOD, len(BAD)]


def test_json_lines_are_replayed_in_the_same_way(acme: Acme, tmp_path: Path):
    records = [{"person_id": f"P{number}", "visits": number} for number in range(GOOD)]
    records[7]["visits"] = records[9]["visits"] = "n/a"
    records[11]["visits"] = "many"
    path = tmp_path / "people.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    acme.declare("JsonLines()")
    assert acme.gv("load", "acme", path, "--period", PERIOD).returncode == 0
    acme.declare("JsonLines(nulls=('n/a',))")
    assert acme.gv("replay", "acme", "--period", PERIOD).stdout.endswith("2 loaded, 1 still rejected\n")
    assert acme.read("SELECT source_row FROM t WHERE visits IS NULL ORDER BY 1") == [(8,), (10,)]


def snapshots(acme: Acme, table: str) -> int:
    with closing(open_catalog(Account.from_environment())) as catalog:
        return len(catalog.load_table(acme.table + table).metadata.snapshots)
