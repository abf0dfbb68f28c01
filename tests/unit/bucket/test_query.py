"""The texts with which engines read a table: the account's values are filled in, and settings have the right names."""

from __future__ import annotations

import ast
from dataclasses import replace

import duckdb
import pytest
import sqlparse

from growth_verticals.account import Account
from growth_verticals.bucket.query import ENGINES, queried_table, query_text
from growth_verticals.contract.table import PROVENANCE

ARN = "arn:aws:s3tables:us-east-2:111122223333:bucket/analytics-dev-tables"
ACCOUNT = Account.from_environment({"GV_TABLE_BUCKET_ARN": ARN}, needs_landing=False)
COLUMNS = ["person_id", *(column.name for column in PROVENANCE)]
TABLE = queried_table(ACCOUNT, "aiq.household", COLUMNS)
LOCAL = queried_table(
    replace(ACCOUNT, catalog_uri="http://127.0.0.1:8334/iceberg", s3_endpoint="http://127.0.0.1:8333"),
    "aiq.household",
    COLUMNS,
)
COUNT = "SELECT delivery_period, count(*) AS row_count\nFROM {}\nGROUP BY delivery_period\nORDER BY delivery_period"
#: The properties that AWS documents for clients of the endpoint (S3 user guide, s3-tables-integrating-open-source).
REST = {
    "type": "rest",
    "uri": "https://s3tables.us-east-2.amazonaws.com/iceberg",
    "warehouse": ARN,
    "rest.sigv4-enabled": "true",
    "rest.signing-name": "s3tables",
    "rest.signing-region": "us-east-2",
}


def settings(text: str, prefix: str) -> dict[str, str]:
    """Return the settings on the lines that start with a prefix."""
    lines = [line.strip().removesuffix(" \\") for line in text.splitlines()]
    return dict(line.removeprefix(prefix).split("=", 1) for line in lines if line.startswith(prefix) and "=" in line)


def test_athena_reads_the_federated_catalog():
    assert COUNT.format('"s3tablescatalog/analytics-dev-tables"."aiq"."household"') in query_text("athena", TABLE)


def test_spark_has_the_documented_properties():
    text = query_text("spark", TABLE)
    catalog = settings(text, "--conf spark.sql.catalog.s3tables")
    assert catalog.pop("") == "org.apache.iceberg.spark.SparkCatalog"
    assert {name.removeprefix("."): value for name, value in catalog.items()} == REST | {
        "io-impl": "org.apache.iceberg.aws.s3.S3FileIO",
        "client.region": "us-east-2",
        "rest-metrics-reporting-enabled": "false",
    }
    assert COUNT.format("s3tables.aiq.household") in text
    assert text.count('"') == 2


def test_trino_has_the_documented_properties():
    text = query_text("trino", TABLE)
    assert settings(text, "-- ") == {
        "connector.name": "iceberg",
        "iceberg.security": "read_only",
        "iceberg.catalog.type": "rest",
        "iceberg.rest-catalog.uri": REST["uri"],
        "iceberg.rest-catalog.warehouse": ARN,
        "iceberg.rest-catalog.security": "SIGV4",
        "iceberg.rest-catalog.signing-name": "s3tables",
        "iceberg.rest-catalog.view-endpoints-enabled": "false",
        "fs.native-s3.enabled": "true",
        "s3.region": "us-east-2",
    }
    assert COUNT.format("s3tables.aiq.household") in text


def test_duckdb_parses_its_statements():
    with duckdb.connect() as connection:
        types = [statement.type.name for statement in connection.extract_statements(query_text("duckdb", TABLE))]
    assert types == ["LOAD", "LOAD", "LOAD", "LOAD", "LOAD", "LOAD", "CREATE", "ATTACH", "SELECT"]
    assert f"ATTACH '{ARN}' AS s3tables (TYPE iceberg, ENDPOINT_TYPE s3_tables, READ_ONLY)" in query_text(
        "duckdb", TABLE
    )


def test_pyiceberg_is_python_with_the_documented_properties():
    [properties] = [
        ast.literal_eval(node.value)
        for node in ast.parse(query_text("pyiceberg", TABLE)).body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "properties"
    ]
    assert properties == REST | {"s3.region": "us-east-2"}


def test_snowflake_reads_the_federated_catalog_through_glue():
    text = query_text("snowflake", TABLE)
    assert [statement.get_type() for statement in sqlparse.parse(text)] == ["CREATE", "CREATE", "SELECT"]
    assert "CATALOG_URI = 'https://glue.us-east-2.amazonaws.com/iceberg'" in text
    assert "CATALOG_NAME = '111122223333:s3tablescatalog/analytics-dev-tables'" in text
    assert "CATALOG_NAMESPACE = 'aiq'" in text
    assert "CATALOG_TABLE_NAME = 'household'" in text


@pytest.mark.parametrize("engine", ENGINES)
def test_a_table_without_provenance_is_counted_as_a_whole(engine: str):
    text = query_text(engine, queried_table(ACCOUNT, "aiq.codes", ["code"]))
    assert "delivery_period" not in text
    assert "count" in text


@pytest.mark.parametrize("engine", ENGINES)
def test_against_the_stand_in_the_text_has_its_endpoints_or_says_that_it_is_for_aws(engine: str):
    text = query_text(engine, LOCAL)
    if engine in ("spark", "pyiceberg", "trino"):
        assert "http://127.0.0.1:8334/iceberg" in text
        assert "http://127.0.0.1:8333" in text
    else:
        assert text.startswith("-- For the table bucket on AWS: this engine cannot read the stand-in.")
