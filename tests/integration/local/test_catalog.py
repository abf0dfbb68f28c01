"""The Iceberg REST catalog responds like that of S3 Tables, also where the store alone is less strict."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

import httpx
import pyarrow as pa
import pytest
from pyiceberg.exceptions import (
    BadRequestError,
    NamespaceAlreadyExistsError,
    NoSuchNamespaceError,
    NoSuchTableError,
    TableAlreadyExistsError,
)

ROWS = pa.table(
    {"state": ["Ohio", "Utah"], "people": [11, 3]},
    schema=pa.schema([pa.field("state", pa.string(), nullable=False), pa.field("people", pa.int64())]),
)
SCHEMA = {
    "type": "struct",
    "schema-id": 0,
    "fields": [{"id": 1, "name": "state", "type": "string", "required": True}],
}


def test_a_table_is_created_written_read_and_dropped(catalog, namespace, schema) -> None:
    table = catalog.create_table(f"{namespace}.census", schema)
    table.append(ROWS)
    table.append(ROWS)
    loaded = catalog.load_table(f"{namespace}.census")
    assert loaded.schema().find_field("people").doc == "How many"
    assert loaded.scan().to_arrow().sort_by("state").column("people").to_pylist() == [11, 11, 3, 3]
    catalog.purge_table(f"{namespace}.census")
    assert not catalog.table_exists(f"{namespace}.census")
    with pytest.raises(NoSuchTableError):
        catalog.load_table(f"{namespace}.census")


def test_the_warehouse_and_the_prefix_are_the_table_bucket_s_arn(account, send) -> None:
    config = send("GET", f"{account.catalog_uri}/v1/config?warehouse={quote(account.table_bucket_arn, safe='')}")
    assert config.json()["overrides"]["prefix"] == quote(account.table_bucket_arn, safe="")
    assert send("GET", f"{account.catalog_uri}/v1/config").status_code == 400
    assert send("GET", f"{account.catalog_uri}/v1/config?warehouse=gv-tables").status_code == 400
    other = quote(f"{account.table_bucket_arn}-of-another", safe="")
    assert send("GET", f"{account.catalog_uri}/v1/config?warehouse={other}").status_code == 404
    assert send("GET", f"{account.catalog_uri}/v1/gv-tables/namespaces").status_code == 404


def test_the_catalog_s_path_starts_with_iceberg_and_no_other_path_works(account, send) -> None:
    root = account.catalog_uri.removesuffix("/iceberg")
    assert account.catalog_uri == f"{root}/iceberg"
    assert send("GET", f"{root}/v1/config?warehouse={quote(account.table_bucket_arn, safe='')}").status_code == 404


def test_creating_a_table_that_exists_is_a_conflict(catalog, namespace, schema) -> None:
    catalog.create_table(f"{namespace}.census", schema)
    with pytest.raises(TableAlreadyExistsError):
        catalog.create_table(f"{namespace}.census", schema)


def test_of_concurrent_requests_to_create_a_table_one_succeeds(rest, namespace) -> None:
    def create(_: int) -> int:
        return rest("POST", f"namespaces/{namespace}/tables", {"name": "census", "schema": SCHEMA}).status_code

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(create, range(8))) == [200] + [409] * 7


def test_creating_a_namespace_that_exists_is_a_conflict(catalog, namespace) -> None:
    with pytest.raises(NamespaceAlreadyExistsError):
        catalog.create_namespace(namespace)


@pytest.mark.parametrize("name", ["Census", "cen-sus", "_census", "census_", "c" * 256, ""])
def test_an_invalid_table_name_is_refused(rest, namespace, name) -> None:
    response = rest("POST", f"namespaces/{namespace}/tables", {"name": name, "schema": SCHEMA})
    assert (response.status_code, response.json()["error"]["type"]) == (400, "BadRequestException")


@pytest.mark.parametrize("name", ["Aiq", "ai-q", "_aiq", "aiq_", "aws_aiq", "a" * 256, ""])
def test_an_invalid_namespace_name_is_refused(rest, name) -> None:
    response = rest("POST", "namespaces", {"namespace": [name]})
    assert (response.status_code, response.json()["error"]["type"]) == (400, "BadRequestException")


def test_a_nested_namespace_is_refused(catalog, namespace) -> None:
    with pytest.raises(BadRequestError, match="one level"):
        catalog.create_namespace((namespace, "inner"))
    with pytest.raises(BadRequestError, match="Nested"):
        catalog.list_namespaces(namespace)


def test_a_namespace_property_other_than_owner_is_refused(catalog, namespace) -> None:
    with pytest.raises(BadRequestError, match="owner"):
        catalog.create_namespace(f"{namespace}_described", {"comment": "census"})
    catalog.create_namespace(f"{namespace}_owned", {"owner": "analysts"})
    assert catalog.load_namespace_properties(f"{namespace}_owned")["owner"] == "analysts"
    with pytest.raises(BadRequestError):
        catalog.update_namespace_properties(namespace, updates={"comment": "census"})


def test_listing_the_tables_of_a_missing_namespace_is_an_error(catalog, namespace) -> None:
    assert catalog.list_tables(namespace) == []
    with pytest.raises(NoSuchNamespaceError):
        catalog.list_tables(f"{namespace}_missing")


def test_a_table_is_dropped_only_with_purge(catalog, namespace, schema) -> None:
    catalog.create_table(f"{namespace}.census", schema)
    with pytest.raises(BadRequestError, match="purge"):
        catalog.drop_table(f"{namespace}.census")
    assert catalog.table_exists(f"{namespace}.census")


def test_stage_create_is_refused(catalog, namespace, schema, rest) -> None:
    with pytest.raises(BadRequestError, match="stage-create"):
        catalog.create_table_transaction(f"{namespace}.census", schema)
    commit = {"requirements": [{"type": "assert-create"}], "updates": []}
    assert rest("POST", f"namespaces/{namespace}/tables/census", commit).status_code == 400
    assert not catalog.table_exists(f"{namespace}.census")


def test_the_service_chooses_a_table_s_location(catalog, namespace, schema, rest) -> None:
    with pytest.raises(BadRequestError, match="location"):
        catalog.create_table(f"{namespace}.census", schema, location=f"s3://gv-tables/{namespace}/mine")
    location = catalog.create_table(f"{namespace}.census", schema).location()
    move = {"requirements": [], "updates": [{"action": "set-location", "location": "s3://gv-landing/elsewhere"}]}
    assert rest("POST", f"namespaces/{namespace}/tables/census", move).status_code == 400
    assert catalog.load_table(f"{namespace}.census").location() == location


def test_a_new_table_with_an_old_name_does_not_affect_the_renamed_table(catalog, namespace, schema) -> None:
    catalog.create_table(f"{namespace}.census", schema).append(ROWS)
    catalog.rename_table(f"{namespace}.census", f"{namespace}.census_2020")
    new_table = catalog.create_table(f"{namespace}.census", schema)
    assert new_table.scan().to_arrow().num_rows == 0
    catalog.purge_table(f"{namespace}.census")
    assert catalog.load_table(f"{namespace}.census_2020").scan().to_arrow().num_rows == 2


@pytest.mark.parametrize(
    ("method", "path", "document"),
    [
        ("POST", "namespaces/{ns}/register", {"name": "other", "metadata-location": "s3://gv-tables/x"}),
        ("POST", "transactions/commit", {"table-changes": []}),
        ("POST", "namespaces/{ns}/tables/census/metrics", {"report-type": "scan-report"}),
        ("POST", "namespaces/{ns}/tables/census/plan", {}),
        ("GET", "namespaces/{ns}/tables/census/credentials", None),
        ("GET", "namespaces/{ns}/views", None),
        ("POST", "namespaces/{ns}/views", {"name": "census_view"}),
        ("POST", "namespaces/{ns}/properties", {"updates": {"comment": "census"}}),
    ],
)
def test_an_operation_that_s3_tables_lacks_is_refused(rest, catalog, namespace, schema, method, path, document) -> None:
    catalog.create_table(f"{namespace}.census", schema)
    response = rest(method, path.format(ns=namespace), document)
    assert (response.status_code, response.json()["error"]["type"]) == (400, "UnsupportedOperationException")


def test_metadata_over_50_mb_is_refused(rest, catalog, namespace, schema) -> None:
    catalog.create_table(f"{namespace}.census", schema)
    too_large = {"requirements": [], "updates": [{"action": "set-properties", "updates": {"note": "x" * 50 * 2**20}}]}
    response = rest("POST", f"namespaces/{namespace}/tables/census", too_large)
    assert (response.status_code, "over 50 MB" in response.json()["error"]["message"]) == (400, True)
    assert "note" not in catalog.load_table(f"{namespace}.census").properties


def test_a_body_over_50_mb_without_a_content_length_is_refused(account) -> None:
    chunks = (b"x" * 2**20 for _ in range(51))
    response = httpx.post(f"{account.catalog_uri}/v1/config", content=chunks, timeout=60)
    assert (response.status_code, "over 50 MB" in response.json()["error"]["message"]) == (400, True)


def test_there_are_no_oauth_tokens(account, send) -> None:
    assert send("POST", f"{account.catalog_uri}/v1/oauth/tokens").json()["error"]["code"] == 404


def test_a_commit_whose_requirement_does_not_hold_is_a_conflict(rest, catalog, namespace, schema) -> None:
    table = catalog.create_table(f"{namespace}.census", schema)
    table.append(ROWS)
    commit = {
        "requirements": [{"type": "assert-ref-snapshot-id", "ref": "main", "snapshot-id": 7}],
        "updates": [{"action": "set-properties", "updates": {"a": "b"}}],
    }
    response = rest("POST", f"namespaces/{namespace}/tables/census", commit)
    assert (response.status_code, response.json()["error"]["type"]) == (409, "CommitFailedException")
