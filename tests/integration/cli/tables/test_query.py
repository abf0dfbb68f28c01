"""`./gv tables query`: texts to copy, for declared tables without a request, for others after a look at the bucket."""

from __future__ import annotations

import pyarrow as pa
import pytest
from pyiceberg.catalog.rest import RestCatalog

from growth_verticals.catalog import rest

from .conftest import Gv


def test_a_declared_table_needs_no_connection(gv: Gv, monkeypatch: pytest.MonkeyPatch):
    def fail(*_: object) -> None:
        raise AssertionError("a request")

    monkeypatch.setattr(rest, "open_catalog", fail)
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3TABLES", "http://127.0.0.1:1")
    shown = gv("query", "aiq.household")
    assert shown.code == 0
    engines = [line.strip("= ") for line in shown.out.splitlines() if line.startswith("==== ")]
    assert engines == ["athena", "spark", "duckdb", "pyiceberg", "snowflake", "trino"]
    assert shown.out.startswith("columns of aiq.household: ")
    assert gv("query", "household", "-n", "aiq", "--json").json["engines"].keys() == set(engines)
    assert "s3tablescatalog/gv-tables" in gv("query", "household", "--engine", "athena").out
    assert "==== " not in gv("query", "aiq.household_rejects", "--engine", "duckdb").out


def test_an_undeclared_table_is_looked_up(gv: Gv, census: str):
    result = gv("query", census, "--json").json
    assert (result["table"], result["columns"]) == (census, ["state", "people"])
    assert f"FROM s3tables.{census}" in result["engines"]["trino"]


def test_a_wrong_name_is_answered_with_similar_ones(gv: Gv):
    result = gv("query", "aiq.houshold")
    assert result.code == 1
    assert "expected aiq.household" in result.err


def test_the_text_for_pyiceberg_counts_the_rows_of_each_delivery(
    gv: Gv, catalog: RestCatalog, namespace: str, census: str, capsys: pytest.CaptureFixture[str]
):
    leads = catalog.create_table(f"{namespace}.leads", pa.schema([pa.field("delivery_period", pa.string())]))
    leads.append(pa.table({"delivery_period": ["2026Q4", "2026Q3", "2026Q4"]}))
    leads.append(pa.table({"delivery_period": ["2026Q4"]}))
    exec(gv("query", f"{namespace}.leads", "--engine", "pyiceberg").out, {})
    assert capsys.readouterr().out == "2026Q3 1\n2026Q4 3\n"
    exec(gv("query", census, "--engine", "pyiceberg").out, {})
    assert capsys.readouterr().out == "0\n"
