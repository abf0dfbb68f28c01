"""`./gv drift`: proposes a patch for a file whose columns have changed; with the patch, the file loads."""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from local import standin
from local.readback import read_table
from local.settings import Settings

from .conftest import DECLARATION, SQL, Acme

REPOSITORY = Path(__file__).resolve().parents[3]
PERIOD = "2026-11-20"
HEADER = "Person Id,Born,Visits,Note\n"
OLD = HEADER + "".join(f"P{number},1980-02-29,{number},willow\n" for number in range(30))
RENAMED = "PersonId,Born,Visits,Note,Member Since\n" + "".join(
    f"P{number},1980-02-29,{number},willow,2001-02-03\n" for number in range(30, 60)
)


class Copy:
    """A copy of the repository with the source `acme`, in git."""

    def __init__(self, folder: Path, settings: Settings, table: str) -> None:
        self.folder, self.settings, self.table = folder, settings, table
        for name in ("plugins", "dags/operations", "include/policies"):
            shutil.copytree(REPOSITORY / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        for name, text in (
            ("dags/sources/acme.py", DECLARATION.format(table=table, form="Delimited()", max_rejected=0.5)),
            ("include/schemas/acme.sql", SQL.format(table=table)),
        ):
            (folder / name).parent.mkdir(parents=True)
            (folder / name).write_text(text)
        shutil.copy(REPOSITORY / "gv", folder / "gv")

    def gv(self, *arguments: object) -> subprocess.CompletedProcess[str]:
        environment = os.environ | standin.environment(self.settings)
        environment |= {"GV_PYTHON": sys.executable, "HOME": str(self.folder.parent)}
        command = [self.folder / "gv", *map(str, arguments)]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    def files(self) -> list[str]:
        return [(self.folder / name).read_text() for name in ("dags/sources/acme.py", "include/schemas/acme.sql")]


@pytest.fixture
def copy(stand_in: Settings, tmp_path: Path, namespace: str) -> Copy:
    return Copy(tmp_path / "repository", stand_in, f"acme_{namespace}.person")


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_with_the_proposed_patch_the_file_loads(copy: Copy, tmp_path: Path):
    old, new = write(tmp_path / "old.csv", OLD), write(tmp_path / "new.csv", RENAMED)
    assert copy.gv("load", "acme", old, "--period", "2026-11-19").returncode == 0
    fits = copy.gv("drift", "acme", old, "--period", PERIOD)
    assert (fits.returncode, fits.stdout) == (0, f"the columns of old.csv fit {copy.table}\n")

    refused = copy.gv("load", "acme", new, "--period", PERIOD)
    assert refused.returncode == 1
    assert "`./gv drift acme FILE` proposes the change" in refused.stdout

    before = copy.files()
    proposed = copy.gv("drift", "acme", new, "--period", PERIOD)
    assert proposed.returncode == 1, proposed.stderr
    assert copy.files() == before
    assert (
        "  personid is person_id: name similarity 0.94, all 30 sampled values fit STRING, stands at the start of both\n"
        "  member_since is new: all 30 sampled values fit DATE\n"
    ) in proposed.stdout
    assert "willow" not in proposed.stdout
    diff = proposed.stdout[proposed.stdout.index("--- a/") :]
    applied = subprocess.run(["git", "apply", "-"], cwd=copy.folder, input=diff, text=True, check=False)
    assert applied.returncode == 0
    assert copy.files() != before

    plan = copy.gv("tables", "plan", "acme")
    assert plan.returncode == 2, plan.stderr
    assert "member_since" in plan.stdout
    assert copy.gv("tables", "apply", "acme").returncode == 0
    assert copy.gv("drift", "acme", new, "--period", PERIOD).returncode == 0
    loaded = copy.gv("load", "acme", new, "--period", PERIOD)
    assert loaded.returncode == 0, loaded.stdout
    rows = read_table(
        copy.settings,
        copy.table,
        "SELECT delivery_period, count(*), count(member_since), min(person_id), max(visits) FROM t GROUP BY 1",
    )
    assert sorted(rows) == [("2026-11-19", 30, 0, "P0", 29), (PERIOD, 30, 30, "P30", 59)]

    # The alias holds from its first period on.
    assert copy.gv("load", "acme", new, "--period", "2026-11-19").returncode == 1


def test_write_changes_the_two_files_as_the_diff_says(copy: Copy, tmp_path: Path):
    new = write(tmp_path / "new.csv", RENAMED)
    before = copy.files()
    written = copy.gv("drift", "acme", new, "--period", PERIOD, "--write")
    assert written.returncode == 1
    assert written.stdout.endswith("written: acme.sql, acme.py; next: git diff, then ./gv tables plan acme\n")
    diff = written.stdout[written.stdout.index("--- a/") : written.stdout.index("written: ")]
    subprocess.run(["git", "apply", "--reverse", "-"], cwd=copy.folder, input=diff, text=True, check=True)
    assert copy.files() == before


def test_a_wrong_source_period_or_file_is_a_usage_error(copy: Copy, tmp_path: Path):
    file = write(tmp_path / "new.csv", RENAMED)
    assert copy.gv("drift", "acmee", file).returncode == 2
    assert copy.gv("drift", "acme", file, "--period", "2026Q4").returncode == 2
    assert copy.gv("drift", "acme", tmp_path / "none.csv").returncode == 2


def test_a_refused_file_s_patch_is_in_the_log(acme: Acme, tmp_path: Path, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.INFO)
    assert acme.gv("load", "acme", write(tmp_path / "new.csv", RENAMED), "--period", PERIOD).returncode == 1
    [record] = [record for record in caplog.records if "the columns do not fit" in record.getMessage()]
    message = record.getMessage()
    assert message.startswith("acme: new.csv: the columns do not fit.\nproposed:\n  personid is person_id: ")
    assert '+        aliases=(Alias("personid", "person_id", since="2026-11-20"),),' in message
    assert "willow" not in caplog.text


def test_a_log_s_length_is_bounded(acme: Acme, tmp_path: Path, caplog: pytest.LogCaptureFixture):
    columns = ",".join(f"extra_{number:04}" for number in range(1000))
    file = write(tmp_path / "wide.csv", f"PersonId,Born,Visits,Note,{columns}\n" + "1,,,," + "," * 999 + "\n")
    assert acme.gv("load", "acme", file, "--period", PERIOD).returncode == 1
    [record] = [record for record in caplog.records if "the columns do not fit" in record.getMessage()]
    lines = record.getMessage().splitlines()
    assert len(lines) == 202
    assert lines[-1].endswith("more lines: ./gv drift acme FILE")


def test_a_file_that_is_refused_for_another_reason_has_no_patch(
    acme: Acme, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    file = write(tmp_path / "cut.csv", HEADER + '1,,,"never closed\n')
    assert acme.gv("load", "acme", file, "--period", PERIOD).returncode == 1
    assert "the columns do not fit" not in caplog.text
