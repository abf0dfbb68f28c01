"""`./gv sql`: one SELECT over the stand-in's tables, as text, CSV or JSON."""

from __future__ import annotations

import csv
import io
import json
import re
import stat
import sys
from contextlib import closing
from pathlib import Path

import pytest
from pyiceberg.types import StringType
from rich.cells import cell_len

from growth_verticals.account import Account
from growth_verticals.catalog.rest import open_catalog
from growth_verticals.cli import rejects

from .conftest import Acme

PERIOD = "2026-11-20"
ROWS = [
    "P1,1970-01-01,-3,=1+1",
    "P2,1969-12-31,2,\x1b[31mred",
    "P3,,,",
    "P4,not a date,1,whole record",
]


@pytest.fixture
def people(acme: Acme, tmp_path: Path) -> Acme:
    path = tmp_path / "people.csv"
    path.write_text("\n".join(["person_id,born,visits,note", *ROWS, ""]))
    assert acme.gv("load", "acme", path, "--period", PERIOD).returncode == 0
    return acme


def test_rows_are_shown_with_the_personal_data_that_was_read(people: Acme):
    result = people.gv("sql", f"SELECT person_id, born, visits, note FROM {people.table} ORDER BY person_id")
    assert result.returncode == 0
    assert [line.split() for line in result.stdout.splitlines()] == [
        ["person_id", "born", "visits", "note"],
        ["P1", "1970-01-01", "-3", "=1+1"],
        ["P2", "1969-12-31", "2", "\\x1b[31mred"],
        ["P3", "NULL", "NULL", "NULL"],
        ["3", "row(s)"],
    ]
    assert "direct identifiers [D]: born; other sensitive [O]: note; quasi-identifiers [Q]: person_id" in result.stderr
    assert "gv: read " in result.stderr
    assert "caution" not in people.gv("sql", f"SELECT count(*) FROM {people.table}").stderr


def test_provenance_tells_where_a_row_came_from_in_utc(people: Acme):
    columns = "delivery_period, source_file, source_row, staged_at"
    [row] = json.loads(
        people.gv("sql", f"SELECT {columns} FROM {people.table} WHERE person_id = 'P2'", "--json").stdout
    )["rows"]
    assert row[:3] == [PERIOD, "people.csv", 3]
    assert row[3].endswith("+00:00")


def test_a_renamed_column_is_read_in_old_and_new_files(people: Acme, tmp_path: Path):
    with (
        closing(open_catalog(Account.from_environment())) as catalog,
        catalog.load_table(people.table).update_schema() as update,
    ):
        update.rename_column("visits", "times").delete_column("note").add_column("city", StringType())
    answer = json.loads(people.gv("sql", f"SELECT * FROM {people.table} ORDER BY person_id", "--json").stdout)
    names = [column["name"] for column in answer["columns"]]
    assert {"visits", "note"} & set(names) == set()
    first = dict(zip(names, answer["rows"][0], strict=True))
    assert (first["times"], first["city"]) == (-3, None)


def test_the_line_after_the_rows_says_whether_there_are_more(people: Acme):
    shown = people.gv("sql", f"FROM {people.table}", "--limit", 2)
    assert shown.stdout.splitlines()[-1] == "2 row(s); there are more: --limit shows up to 10,000"
    assert people.gv("sql", f"FROM {people.table}", "--limit", 3).stdout.splitlines()[-1] == "3 row(s)"
    assert json.loads(people.gv("sql", f"FROM {people.table}", "--limit", 2, "--json").stdout)["more"] is True


def test_a_result_fits_the_terminal(people: Acme, monkeypatch: pytest.MonkeyPatch):
    for name, value in (("TERM", "xterm"), ("COLUMNS", "80"), ("NO_COLOR", "1")):
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    out = people.gv("sql", f"SELECT * FROM {people.table}").stdout
    assert "\x1b[31m" not in out
    lines = re.sub(r"\x1b\[[0-9;]*m", "", out).splitlines()
    assert len(lines) > 3
    assert [line for line in lines if cell_len(line) > 80] == []


# --- tables -------------------------------------------------------------------------------------------------------


def test_an_empty_table_has_no_rows_and_its_columns(acme: Acme):
    acme.gv("tables", "create", "--sql", f"CREATE TABLE {acme.table} (id BIGINT COMMENT '[N] Number')")
    assert acme.gv("sql", f"SELECT id FROM {acme.table}").stdout.splitlines() == ["id", "0 row(s)"]


def test_a_wrong_name_is_answered_with_similar_ones(people: Acme):
    namespace, table = people.table.split(".")
    for name in ("persons", "Person_", "person_reject"):
        result = people.gv("sql", f"SELECT * FROM {namespace}.{name}")
        assert result.returncode == 1
        assert f"there is no table '{namespace}.{name.lower()}'; expected " in result.stderr
        assert f"{namespace}.{table}" in result.stderr
    bare = people.gv("sql", f"SELECT * FROM {table}")
    assert (bare.returncode, f"expected {people.table}" in bare.stderr) == (1, True)


def test_anything_but_one_select_is_refused_and_changes_nothing(people: Acme):
    for query in ("DELETE FROM {table}", "DROP TABLE {table}", "SELECT 1; SELECT 2", "SELEC 1", ""):
        result = people.gv("sql", query.format(table=people.table))
        assert (result.returncode, result.stdout) == (1, "")
    assert people.counts() == [3, 1]


def test_raw_records_of_a_rejects_table_are_read_only_with_raw(people: Acme):
    table = f"{people.table}_rejects"
    refused = people.gv("sql", f"SELECT * FROM {table}")
    assert refused.returncode == 1
    assert "EXCLUDE (raw_record)" in refused.stderr
    assert "whole record" not in refused.stdout + refused.stderr.replace("whole records", "")
    assert "not_a_date" in people.gv("sql", f"SELECT * EXCLUDE (raw_record) FROM {table}").stdout
    assert "P4,not a date,1,whole record" in people.gv("sql", f"SELECT raw_record FROM {table}", "--raw").stdout


# --- files --------------------------------------------------------------------------------------------------------


def test_csv_is_written_for_its_owner_only_and_without_formulas(people: Acme, tmp_path: Path):
    path = tmp_path / "out.csv"
    query = f"SELECT person_id, born, visits, note FROM {people.table} ORDER BY person_id"
    assert "3 row(s) written to" in people.gv("sql", query, "--csv", path).stdout
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with path.open(newline="") as out:
        assert list(csv.reader(out)) == [
            ["person_id", "born", "visits", "note"],
            ["P1", "1970-01-01", "-3", "'=1+1"],
            ["P2", "1969-12-31", "2", "\x1b[31mred"],
            ["P3", "", "", ""],
        ]
    again = people.gv("sql", query, "--csv", path)
    assert (again.returncode, "existing files are never overwritten" in again.stderr) == (1, True)
    printed = people.gv("sql", query, "--csv", "-", "--exact", "--limit", 1).stdout
    assert next(iter(list(csv.reader(io.StringIO(printed)))[1:])) == ["P1", "1970-01-01", "-3", "=1+1"]


def test_csv_is_not_written_where_git_could_commit_it(people: Acme):
    path = rejects.REPOSITORY / "people.csv"
    result = people.gv("sql", f"FROM {people.table}", "--csv", path)
    assert (result.returncode, path.exists()) == (1, False)
    assert "is in the repository" in result.stderr


def test_a_query_is_read_from_standard_input(people: Acme, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"SELECT count(*) AS people\nFROM {people.table}\n"))
    assert people.gv("sql", "-").stdout.split()[:2] == ["people", "3"]


@pytest.mark.parametrize("options", [("--limit", "10001"), ("--limit", "-1"), ("--exact",), ("--csv", "-", "--json")])
def test_options_that_cannot_be_combined_are_usage_errors(acme: Acme, options: tuple[str, ...]):
    with pytest.raises(SystemExit) as error:
        acme.gv("sql", "SELECT 1", *options)
    assert error.value.code == 2


def test_without_duckdb_the_message_names_the_package(acme: Acme, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "duckdb", None)
    result = acme.gv("sql", "SELECT 1")
    assert result.returncode == 1
    assert "pip install duckdb==1.5.5" in result.stderr
