"""A new source needs only a declaration, a SQL file and a file to load, as the README says.

The tests add one to a copy of the repository. Its files are real: four editions of the US county list from the package
`addfips`.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path

import pytest

from local import standin
from local.readback import read_table
from local.settings import Settings

REPOSITORY = Path(__file__).resolve().parents[3]

DECLARATION = '''"""# US counties
The Census Bureau's list, one row per county. It comes with the package addfips."""

from growth_verticals.pipeline import delivery_dag  # builds the airflow DAG
from growth_verticals.source import Alias, Delimited, Inbox, OnDemand, Source

dag = delivery_dag(
    Source(
        name="census_county",
        table="census_{tag}.county",
        cadence=OnDemand(),
        delivery=Inbox(pattern="counties_*.csv"),
        format=Delimited(),
        aliases=(Alias("statefp", "state_fips"), Alias("countyfp", "county_fips")),
    ),
    doc=__doc__,
)
'''
SQL = """-- US counties: the FIPS codes keep their leading zeros.
CREATE TABLE census_{tag}.county (
    state_fips  STRING NOT NULL COMMENT '[N] State, two digits',
    county_fips STRING NOT NULL COMMENT '[N] County within the state, three digits',
    name        STRING NOT NULL COMMENT '[N] Name, including County or Parish'
)
PARTITIONED BY (delivery_period)
"""
EDITIONS = {"2000": 3238, "2010": 3242, "2015": 3244, "2020": 3245}


@pytest.fixture
def environment(stand_in: Settings, tmp_path: Path) -> Mapping[str, str]:
    return os.environ | standin.environment(stand_in) | {"GV_PYTHON": sys.executable, "HOME": str(tmp_path)}


@pytest.fixture
def repository(tmp_path: Path, namespace: str) -> Path:
    copy = tmp_path / "repository"
    for folder in ("plugins", "dags", "include/schemas"):
        shutil.copytree(REPOSITORY / folder, copy / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(REPOSITORY / "gv", copy / "gv")
    (copy / "dags/sources/census_county.py").write_text(DECLARATION.format(tag=namespace))
    (copy / "include/schemas/census_county.sql").write_text(SQL.format(tag=namespace))
    return copy


def gv(repository: Path, environment: Mapping[str, str], *arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [repository / "gv", *map(str, arguments)], env=environment, capture_output=True, text=True, check=False
    )


def edition(year: str) -> Path:
    return Path(str(files("addfips") / "data" / f"counties_{year}.csv"))


def test_a_declaration_and_a_sql_file_are_all_that_a_new_source_needs(
    repository: Path, environment: Mapping[str, str], stand_in: Settings, namespace: str
):
    assert "census_county" in gv(repository, environment, "sources").stdout

    paths = [edition(year) for year in EDITIONS]
    loaded = gv(repository, environment, "load", "census_county", *paths, "--period", "2026-11-20", "--json")
    assert loaded.returncode == 0, loaded.stderr
    result = json.loads(loaded.stdout)
    assert [(file["status"], file["rows_read"], file["rows_rejected"]) for file in result["files"]] == [
        ("loaded", rows, 0) for rows in EDITIONS.values()
    ]
    assert result["snapshot_id"] is not None

    again = gv(repository, environment, "load", "census_county", *paths, "--period", "2026-11-20", "--json")
    assert again.returncode == 0
    assert {file["status"] for file in json.loads(again.stdout)["files"]} == {"already_loaded"}

    rows = read_table(
        stand_in,
        f"census_{namespace}.county",
        "SELECT source_file, count(*), min(state_fips), count(DISTINCT source_row) FROM t GROUP BY 1 ORDER BY 1",
    )
    assert rows == [(f"counties_{year}.csv", count, "01", count) for year, count in EDITIONS.items()]


def test_the_example_in_the_readme_loads(repository: Path, environment: Mapping[str, str], namespace: str):
    readme = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    for language, path in (("sql", "include/schemas/acme.sql"), ("python", "dags/sources/acme.py")):
        block = textwrap.dedent(readme.partition(f"   ```{language}\n")[2].partition("   ```")[0])
        (repository / path).write_text(block.replace("acme.person", f"{namespace}.person"))
    people = repository / "people.csv"
    people.write_text("Person ID,ZIP5,Born\nA1,01234,1980-02-29\nA2,,\n")
    loaded = gv(repository, environment, "load", "acme", people, "--period", "2026-11-20", "--expect-rows", 2)
    assert loaded.returncode == 0, loaded.stderr + loaded.stdout
    assert "2 rows read = 2 loaded + 0 rejected" in loaded.stdout


def test_a_file_with_other_columns_is_refused_as_a_whole(repository: Path, environment: Mapping[str, str]):
    other = edition("2020").with_name("states.csv")
    refused = gv(repository, environment, "load", "census_county", other, "--period", "2026-11-20", "--json")
    assert refused.returncode == 1
    result = json.loads(refused.stdout)
    assert result["files"][0]["status"] == "refused"
    assert result["snapshot_id"] is None
    assert "state_fips" in result["error"]


def test_nothing_is_loaded_when_the_row_count_differs_from_the_expected_one(
    repository: Path, environment: Mapping[str, str]
):
    refused = gv(
        repository,
        environment,
        "load",
        "census_county",
        edition("2020"),
        "--expect-rows",
        3246,
        "--period",
        "2026-11-20",
    )
    assert refused.returncode == 1
    assert "3,246" in refused.stdout
