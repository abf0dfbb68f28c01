"""Bad input to `./gv load`: a clear error with the next step, no partial load, and every landed copy is kept."""

from __future__ import annotations

import gzip
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from growth_verticals.account import Account
from growth_verticals.cli.__main__ import main
from local import standin
from local.readback import read_table
from local.settings import Settings

SAMPLES = Path(__file__).resolve().parents[3] / "include/samples"
PERIOD = "2026-04-04"


@pytest.fixture(autouse=True)
def environment(stand_in: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in standin.environment(stand_in).items():
        monkeypatch.setenv(name, value)


def sample(source: str) -> Path:
    return next(path for path in sorted((SAMPLES / source).iterdir()) if not path.name.endswith(".done"))


def without_a_column(path: Path) -> None:
    text = sample("causeway").read_text(encoding="latin-1")
    path.write_text(text.replace("causeway_id", "something_else", 1), encoding="latin-1")


def truncated_gz(path: Path) -> None:
    path.write_bytes(gzip.compress(b"a|b\n" * 10_000)[:-20])


def broken_zip(path: Path) -> None:
    path.write_bytes(b"PK\x03\x04 and no more")


def zip_without_a_data_file(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme.pdf", b"%PDF-1.7")


@pytest.mark.parametrize(
    ("source", "name", "make", "message"),
    [
        ("causeway", "empty.csv", Path.touch, "the file is empty"),
        ("causeway", "renamed.csv", without_a_column, "causeway_id"),
        ("aiq_b2b", "cut.txt.gz", truncated_gz, "cut.txt.gz"),
        ("healthwise_consumer", "broken.zip", broken_zip, "broken.zip"),
        ("healthwise_consumer", "other.zip", zip_without_a_data_file, "other.zip"),
        ("aiq_b2b", "plain.txt.gz", lambda path: path.write_text("a|b\n1|2\n"), "plain.txt.gz"),
        ("cml_nurse", "list.xlsx", lambda path: path.write_text("npi,name\n1,2\n"), "list.xlsx"),
        ("causeway", "table.csv", lambda path: path.write_bytes(gzip.compress(b"a,b\n")), "table.csv"),
        ("stirista_digital_campaign", "x.parquet", lambda path: path.write_text("PAR1 or not"), "x.parquet"),
    ],
)
def test_a_bad_file_is_refused_with_its_name_and_the_next_step(
    source: str,
    name: str,
    make: Callable[[Path], object],
    message: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
):
    make(tmp_path / name)
    period = {"aiq_b2b": "2026Q1", "healthwise_consumer": "2026Q1", "stirista_digital_campaign": "2026-04"}
    assert main(["load", source, str(tmp_path / name), "--period", period.get(source, PERIOD), "--json"]) == 1
    result = json.loads(capsys.readouterr().out)
    assert result["files"][0]["status"] == "refused"
    assert result["snapshot_id"] is None
    assert message in result["error"]
    assert "Next: " in result["error"]


def test_one_bad_file_of_two_means_neither_is_loaded_but_both_are_landed(
    tmp_path: Path, stand_in: Settings, capsys: pytest.CaptureFixture[str]
):
    good, bad = sample("causeway"), tmp_path / "bad.csv"
    without_a_column(bad)
    assert main(["load", "causeway", str(good), str(bad), "--period", "2026-04-05", "--json"]) == 1
    assert {file["status"] for file in json.loads(capsys.readouterr().out)["files"]} == {"refused"}
    sql = "SELECT count(*) FROM t WHERE delivery_period = '2026-04-05'"
    assert read_table(stand_in, "causeway.person", sql) == [(0,)]
    account = Account.from_environment()
    listed = account.client("s3").list_objects_v2(Bucket="gv-landing", Prefix="causeway/2026-04-05/")["Contents"]
    assert {entry["Key"].rpartition("/")[2] for entry in listed} >= {good.name, "bad.csv"}


def test_a_delivery_with_too_many_bad_rows_is_refused_and_its_rejects_are_kept(
    tmp_path: Path, stand_in: Settings, capsys: pytest.CaptureFixture[str]
):
    lines = sample("causeway").read_text(encoding="latin-1").splitlines(keepends=True)
    bad = tmp_path / "people.csv"
    bad.write_text("".join(lines[:31] + ["too,short\n"] * 20), encoding="latin-1")
    assert main(["load", "causeway", str(bad), "--period", "2026-04-06", "--json"]) == 1
    result = json.loads(capsys.readouterr().out)
    assert result["files"][0]["rows_rejected"] >= 20
    assert "causeway.person_rejects" in result["error"]
    where = "WHERE delivery_period = '2026-04-06'"
    assert read_table(stand_in, "causeway.person", f"SELECT count(*) FROM t {where}") == [(0,)]
    rejects = read_table(stand_in, "causeway.person_rejects", f"SELECT count(*), max(reason) FROM t {where}")
    assert rejects == [(result["files"][0]["rows_rejected"], "too_few_columns")]


def test_a_table_that_differs_from_its_sql_file_stops_the_load(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    from growth_verticals.catalog.rest import open_catalog

    assert main(["load", "horace_mann", str(sample("horace_mann")), "--period", "2026-04-07"]) == 0
    table = open_catalog(Account.from_environment()).load_table("horace_mann.person")
    with table.update_schema() as change:
        change.add_column("favorite_color", table.schema().find_type("city"))
    try:
        capsys.readouterr()
        assert main(["load", "horace_mann", str(sample("horace_mann")), "--period", "2026-04-08", "--json"]) == 1
        result = json.loads(capsys.readouterr().out)
        assert [file["status"] for file in result["files"]] == ["refused"]
        assert "favorite_color is in the table, but not in the file" in result["error"]
    finally:
        with table.refresh().update_schema() as change:
            change.delete_column("favorite_color")


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("AWS_SECRET_ACCESS_KEY", "not-the-secret", "refused"),
        ("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9", "127.0.0.1:9"),
        ("GV_TABLE_BUCKET_ARN", "arn:aws:s3tables:us-east-1:000000000000:bucket/no-such", "no-such"),
    ],
)
def test_an_account_that_cannot_be_reached_is_named(
    variable: str, value: str, message: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setenv(variable, value)
    assert main(["load", "causeway", str(sample("causeway")), "--period", "2026-04-09"]) == 1
    error = capsys.readouterr().err
    assert message in error
    assert "Next: " in error
    assert "not-the-secret" not in error
