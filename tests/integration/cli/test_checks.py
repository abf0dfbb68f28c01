"""Checks before the commit: what they find in a real table, and what `./gv load` does with it."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from growth_verticals import steps
from growth_verticals.account import Account
from growth_verticals.declarations import find_source
from growth_verticals.delivery import LandedFile, StagedFile
from growth_verticals.errors import DeliveryRefusedError
from growth_verticals.landing.origins import LocalOrigin
from growth_verticals.landing.uris import split_s3_uri
from growth_verticals.quality import check as check_module
from growth_verticals.quality.report import CheckReport
from growth_verticals.quality.store import profile_uri

from .conftest import Acme

HEADER = "person_id,born,visits,note\n"
DAYS = [f"2026-11-{day:02}" for day in range(16, 23)]
CANARY = "canary"
#: File name → columns and their sums.
Sums = dict[str, tuple[tuple[str, str], ...]]


def declare(acme: Acme, *checks: str, form: str = "Delimited()") -> None:
    """Declare the source with these checks, after whatever else the test changed."""
    acme.declare(form)
    path = acme.folder / "acme.py"
    text = path.read_text().replace("dag = ", "from growth_verticals.source import *\n\ndag = ")
    path.write_text(text.replace("    max_rejected=", f"    checks=({', '.join(checks)},),\n        max_rejected="))


class Loader:
    """Writes files and loads them."""

    def __init__(self, acme: Acme, folder: Path) -> None:
        self.acme, self.folder = acme, folder

    def path(self, name: str, *rows: str) -> Path:
        path = self.folder / name
        path.write_text(HEADER + "".join(f"{row}\n" for row in rows))
        return path

    def load(self, day: str, name: str, *rows: str, more: tuple[str, ...] = ()) -> dict[str, Any]:
        """Load one file, and return the result with its exit code."""
        result = self.acme.gv("load", "acme", self.path(name, *rows), "--period", day, "--json", *more)
        return json.loads(result.stdout) | {"code": result.returncode}

    def outcomes(self, *arguments: Any, more: tuple[str, ...] = ()) -> tuple[int, list[str]]:
        result = self.load(*arguments, more=more)
        return result["code"], [finding["outcome"] for finding in result["findings"]]


@pytest.fixture
def loader(acme: Acme, tmp_path: Path) -> Loader:
    return Loader(acme, tmp_path)


def people(count: int, start: int = 0, visits: str = "1") -> list[str]:
    return [f"P{number},1970-01-01,{visits},x" for number in range(start, start + count)]


def test_a_delivery_that_a_check_asks_about_is_loaded_only_with_a_reason(acme: Acme, loader: Loader):
    declare(acme, "Rows(max=2)")
    path = loader.path("a.csv", *people(3))
    refused = acme.gv("load", "acme", path, "--period", DAYS[0])
    assert refused.returncode == 1
    assert refused.stdout.splitlines()[1].split(maxsplit=1) == ["ask", "rows: expected at most 2, found 3"]
    assert "./gv load ... --approve REASON" in refused.stdout
    assert acme.counts() == [0, 0]
    approved = acme.gv("load", "acme", path, "--period", DAYS[0], "--approve", "a long weekend")
    assert (approved.returncode, acme.counts()) == (0, [3, 0])
    again = acme.gv("load", "acme", path, "--period", DAYS[0])
    assert (again.returncode, acme.counts()) == (0, [3, 0])  # nothing is left to approve


def test_a_delivery_that_a_check_refuses_cannot_be_approved(acme: Acme, loader: Loader):
    declare(acme, 'Rows(max=2, outcome="refuse")')
    refused = loader.load(DAYS[0], "a.csv", *people(3), more=("--approve", "please"))
    assert refused["code"] == 1
    assert "the checks refuse the delivery for 2026-11-16: rows: expected at most 2, found 3" in refused["error"]
    assert [file["status"] for file in refused["files"]] == ["refused"]
    assert acme.counts() == [0, 0]


def test_a_warning_does_not_stop_a_load(acme: Acme, loader: Loader, caplog: pytest.LogCaptureFixture):
    declare(acme, 'Rows(max=2, outcome="warn")')
    assert loader.outcomes(DAYS[0], "a.csv", *people(3)) == (0, ["warn"])
    assert "rows: expected at most 2, found 3" in caplog.text
    assert acme.counts() == [3, 0]


@pytest.mark.parametrize("arguments", [("--approve", " "), ("--expect-sum", "visits"), ("--expect-sum", "visits=x")])
def test_an_empty_reason_or_a_sum_that_is_not_a_number_is_a_usage_error(
    acme: Acme, loader: Loader, arguments: tuple[str, ...]
):
    with pytest.raises(SystemExit, match="2"):
        acme.gv("load", "acme", loader.path("a.csv", *people(1)), *arguments)


def test_rows_and_nulls_are_compared_with_the_newest_earlier_periods(acme: Acme, loader: Loader):
    declare(acme, "RowsBand(within=0.2, periods=2)", 'NullShare(within=0.2, periods=2, outcome="ask")')
    assert loader.outcomes(DAYS[0], "a.csv", *people(10)) == (0, ["info", "info"])
    assert loader.outcomes(DAYS[1], "b.csv", *people(10, 50)) == (0, ["info", "info"])
    assert loader.outcomes(DAYS[2], "c.csv", *people(13, 100)) == (1, ["ask", "pass"])
    assert loader.outcomes(DAYS[2], "d.csv", *people(12, 100)) == (0, ["pass", "pass"])
    without_visits = [*people(7, 200), *people(3, 300, visits="")]
    result = loader.load(DAYS[3], "e.csv", *without_visits)
    assert [(each["outcome"], each["columns"]) for each in result["findings"]] == [("pass", []), ("ask", ["visits"])]
    undone = acme.gv("undo", "acme", "--period", DAYS[2], "--yes", "--reason", "a test")
    assert undone.returncode == 0  # not gated, and no longer compared
    result = loader.load(DAYS[3], "f.csv", *people(12, 400))
    assert result["findings"][0]["expected"].startswith("10 ± 20.0%")


def test_a_part_that_comes_later_is_judged_together_with_the_rows_that_are_loaded(acme: Acme, loader: Loader):
    declare(acme, "Rows(min=5, max=8)", 'UniqueKey(columns=("person_id",))', "ControlSum(column='visits')")
    sums = ("--expect-sum", "visits=5")
    assert loader.outcomes(DAYS[0], "a.csv", *people(5), more=sums) == (0, ["pass", "pass", "pass"])
    assert loader.outcomes(DAYS[0], "b.csv", *people(3, 5)) == (0, ["pass", "pass", "info"])
    assert loader.outcomes(DAYS[0], "c.csv", *people(1, 8)) == (1, ["ask", "pass", "info"])
    declare(acme, 'UniqueKey(columns=("person_id",), outcome="refuse")')
    refused = loader.load(DAYS[0], "d.csv", *people(4, 6))
    assert refused["findings"][0]["found"] == "2 of 12 rows repeat a key"
    assert acme.counts() == [8, 0]


def test_a_control_sum_includes_files_of_the_delivery_that_are_already_loaded(acme: Acme, loader: Loader):
    declare(acme, "ControlSum(column='visits')")
    first, second = loader.path("a.csv", *people(3)), loader.path("b.csv", *people(2, 3, visits="10"))
    assert acme.gv("load", "acme", first, "--period", DAYS[0]).returncode == 0
    both = ("load", "acme", first, second, "--period", DAYS[0], "--expect-sum")
    refused = acme.gv(*both, "visits=24")
    assert refused.returncode == 1
    assert "control sum: expected 24 for visits, found 23" in refused.stdout
    assert acme.gv(*both, "visits=23").returncode == 0
    assert acme.counts() == [5, 0]


def test_keys_are_compared_with_the_period_before(acme: Acme, loader: Loader):
    declare(acme, 'KnownKeys(columns=("person_id",), min=0.5)')
    assert loader.outcomes(DAYS[0], "a.csv", *people(10)) == (0, ["info"])
    assert loader.outcomes(DAYS[1], "b.csv", *people(10, 6)) == (1, ["ask"])
    assert loader.outcomes(DAYS[1], "c.csv", *people(10, 5)) == (0, ["pass"])
    assert loader.outcomes(DAYS[2], "d.csv", *people(10, 9)) == (0, ["pass"])  # 6 of 10 were there the day before


# --- the report and the stored profile ----------------------------------------------------------------------------


@pytest.fixture
def configured(acme: Acme) -> Account:
    return Account.from_environment()


def staged_delivery(account: Account, day: str, *paths: Path, sums: Sums | None = None) -> list[StagedFile]:
    """Land and stage each file by itself, with the sums of a column that the vendor's manifest states for it."""
    source, origin = find_source("acme"), LocalOrigin()
    period = source.cadence.parse(day)
    landed: list[LandedFile] = steps.land_all(account, origin, source, period, [origin.file(path) for path in paths])
    stated = [replace(file, expected_sums=(sums or {}).get(file.name, ())) for file in landed]
    return [steps.stage(account, source, period, [file])[0] for file in stated]


def stored(account: Account, report: CheckReport) -> dict[str, Any]:
    period = find_source("acme").cadence.parse(report.period)
    bucket, key = split_s3_uri(profile_uri(account, period, report))
    return json.loads(account.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read())


def as_json(report: CheckReport) -> dict[str, Any]:
    return dict(json.loads(json.dumps(report.to_json())))


def test_a_report_shows_files_changes_and_rejects_and_the_commit_stores_it(
    acme: Acme, loader: Loader, configured: Account
):
    acme.declare("Delimited()")
    source = find_source("acme")
    assert loader.load(DAYS[0], "before.csv", *people(4, visits=""))["code"] == 0
    files = loader.path("a.csv", *people(2), "B,soon,1,x"), loader.path("b.csv", *people(3, 2), "B,soon,many,x")
    staged = staged_delivery(configured, DAYS[1], *files)
    period = source.cadence.parse(DAYS[1])
    report = steps.check(configured, source, period, staged)
    assert [(file.name, file.rows_read, file.rows_valid, file.rows_rejected) for file in report.files] == [
        ("a.csv", 3, 2, 1),
        ("b.csv", 4, 3, 1),
    ]
    assert (report.rows, report.rows_rejected, report.rows_present) == (5, 2, 0)
    assert (report.period_before, report.rows_before, report.outcome) == (DAYS[0], 4, "pass")
    shares = {each.column: (each.null_share, each.null_share_before) for each in report.columns}
    assert shares == {"person_id": (0, 0), "born": (0, 0), "visits": (0, 1), "note": (0, 0)}
    rejects = {(each.column, each.reason): each.records for each in report.rejects}
    assert rejects == {("born", "not_a_date"): 2, ("visits", "not_an_integer"): 1}
    steps.commit(configured, source, period, staged, report=report)
    kept = stored(configured, report)
    assert (kept["profile"]["rows"], kept["profile"]["columns"]["visits"]["nulls"]) == (5, 0)
    assert {name: each for name, each in kept.items() if name != "profile"} == as_json(report)
    assert steps.check(configured, source, period, staged).rows_present == 5


def test_a_retry_of_the_commit_stores_the_profile_that_the_first_attempt_could_not(
    acme: Acme, loader: Loader, configured: Account
):
    declare(acme, "Rows(min=1)")
    source = find_source("acme")
    period = source.cadence.parse(DAYS[0])
    staged = staged_delivery(configured, DAYS[0], loader.path("a.csv", *people(2)))
    report = steps.check(configured, source, period, staged)
    first = steps.commit(configured, source, period, staged, report=report)
    bucket, key = split_s3_uri(profile_uri(configured, period, report))
    before = stored(configured, report)
    configured.client("s3").delete_object(Bucket=bucket, Key=key)
    assert steps.commit(configured, source, period, staged, report=report) == first
    assert stored(configured, report) == before


def test_a_commit_without_a_report_makes_the_checks_itself(acme: Acme, loader: Loader, configured: Account):
    declare(acme, 'Rows(min=3, outcome="refuse")')
    source = find_source("acme")
    staged = staged_delivery(configured, DAYS[0], loader.path("a.csv", *people(2)))
    with pytest.raises(DeliveryRefusedError, match="rows: expected at least 3, found 2"):
        steps.commit(configured, source, source.cadence.parse(DAYS[0]), staged)
    assert acme.counts() == [0, 0]


def test_neither_report_nor_profile_contains_a_value_of_a_row(acme: Acme, loader: Loader, configured: Account):
    declare(
        acme,
        'UniqueKey(columns=("person_id", "note"), outcome="warn")',
        'KnownKeys(columns=("note",), min=1, outcome="warn")',
    )
    source = find_source("acme")
    rows = [f"{CANARY} id,1901-02-03,7,{CANARY}@example.com"] * 2 + [f"{CANARY} id,{CANARY},{CANARY},{CANARY}"]
    assert loader.load(DAYS[0], "before.csv", *rows)["code"] == 0
    staged = staged_delivery(configured, DAYS[1], loader.path("a.csv", *rows, *people(2)))
    report = steps.check(configured, source, source.cadence.parse(DAYS[1]), staged)
    steps.commit(configured, source, source.cadence.parse(DAYS[1]), staged, report=report)
    kept = stored(configured, report)
    text = json.dumps(kept)
    assert report.outcome == "warn"
    assert kept["profile"]["columns"]["visits"] == {"nulls": 0, "min": 1, "max": 7}  # class N
    assert '"max": 7' not in json.dumps(report.to_json())  # it is passed through XCom
    assert CANARY not in text
    assert "1901" not in text
    assert "example.com" not in text


def test_without_checks_no_row_is_read(
    acme: Acme, loader: Loader, configured: Account, monkeypatch: pytest.MonkeyPatch
):
    acme.declare("Delimited()")
    source = find_source("acme")
    assert loader.load(DAYS[0], "before.csv", *people(4))["code"] == 0
    staged = staged_delivery(configured, DAYS[1], loader.path("a.csv", *people(2)))

    def fail(*_: object) -> None:
        raise AssertionError("rows were read")

    monkeypatch.setattr(check_module, "read_columns", fail)
    monkeypatch.setattr(check_module, "scan", fail)
    assert steps.check(configured, source, source.cadence.parse(DAYS[1]), staged).rows == 2


def test_too_many_rejects_refuse_a_delivery_before_its_checks_and_keep_the_rejects(acme: Acme, loader: Loader):
    declare(acme, 'Rows(min=9, outcome="refuse")')
    refused = loader.load(DAYS[0], "a.csv", *people(1), *["B,soon,1,x"] * 2)
    assert "2 of 3 records were rejected" in refused["error"]
    assert [finding["outcome"] for finding in refused["findings"]] == ["refuse"]
    assert acme.counts() == [0, 2]
    assert "rows: expected at least 9" in loader.load(DAYS[0], "b.csv", *people(1), "B,soon,1,x")["error"]
    assert acme.counts() == [0, 2]  # the rejects of a delivery that its checks refuse are not kept


def test_a_restated_file_is_judged_without_the_rows_that_leave(acme: Acme, loader: Loader):
    declare(acme, 'Rows(max=5, outcome="refuse")', 'UniqueKey(columns=("person_id",), outcome="refuse")')
    path = acme.folder / "acme.py"
    path.write_text(path.read_text().replace("    checks=", '    restated="replace",\n        checks='))
    assert loader.outcomes(DAYS[0], "a.csv", *people(4)) == (0, ["pass", "pass"])
    assert loader.outcomes(DAYS[0], "a.csv", *people(5)) == (0, ["pass", "pass"])
    assert acme.counts() == [5, 0]
    assert loader.outcomes(DAYS[0], "b.csv", *people(1)) == (1, ["refuse", "refuse"])  # not a release of a.csv


def test_the_sums_of_the_manifest_are_those_of_all_files(acme: Acme, loader: Loader, configured: Account):
    declare(acme, "ControlSum(column='visits')")
    source = find_source("acme")
    period = source.cadence.parse(DAYS[0])
    paths = loader.path("a.csv", *people(2)), loader.path("b.csv", *people(3, 2, visits="4"))
    a, sums = (("visits", "2.00"),), {"right": "12", "wrong": "13"}
    delivery = {name: {"a.csv": a, "b.csv": (("visits", total),)} for name, total in sums.items()} | {
        "half": {"a.csv": a}
    }
    outcomes = {}
    for name, stated in delivery.items():
        staged = staged_delivery(configured, DAYS[0], *paths, sums=stated)
        outcomes[name] = steps.check(configured, source, period, staged).outcome
    assert outcomes == {"right": "pass", "wrong": "refuse", "half": "info"}


@pytest.mark.parametrize(("stated", "code"), [("3", 0), ("4", 1)])
def test_the_sums_of_the_trailers_of_all_members_are_compared(
    acme: Acme, loader: Loader, stated: str, code: int
) -> None:
    declare(acme, "ControlSum(column='visits')", form="Delimited(trailer='T{sum:visits}')")
    path = loader.folder / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("1.csv", HEADER + people(1)[0] + "\nT1\n")
        archive.writestr("2.csv", HEADER + people(1, 1, visits="2")[0] + f"\nT{int(stated) - 1}\n")
    result = acme.gv("load", "acme", path, "--period", DAYS[0])
    assert result.returncode == code
    assert code == 0 or f"control sum: expected {stated} for visits, found 3" in result.stdout


def test_a_manifest_and_a_trailer_that_state_different_sums_refuse_the_file(
    acme: Acme, loader: Loader, configured: Account
) -> None:
    declare(acme, "ControlSum(column='visits')", form="Delimited(trailer='T{sum:visits}')")
    path = loader.path("a.csv", *people(2), "T2.0")
    staged = staged_delivery(configured, DAYS[0], path, sums={"a.csv": (("visits", "2"),)})
    assert [dict(file.expected_sums) for file in staged] == [{"visits": "2.0"}]
    with pytest.raises(DeliveryRefusedError, match="different sums"):
        staged_delivery(configured, DAYS[0], path, sums={"a.csv": (("visits", "3"),)})


class Terminal(io.StringIO):
    """A person's answers, typed on a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("typed", "code"), [("a long weekend\n", 0), ("\n", 1), ("", 1)])
def test_on_a_terminal_a_person_is_asked_for_the_reason(
    acme: Acme, loader: Loader, monkeypatch: pytest.MonkeyPatch, typed: str, code: int
):
    declare(acme, "Rows(max=2)")
    prompts = Terminal()
    monkeypatch.setattr("sys.stdin", Terminal(typed))
    monkeypatch.setattr("sys.stderr", prompts)
    result = acme.gv("load", "acme", loader.path("a.csv", *people(3)), "--period", DAYS[0])
    assert result.returncode == code
    assert "?  rows: expected at most 2, found 3" in prompts.getvalue()
    assert acme.counts()[0] == (0 if code else 3)
