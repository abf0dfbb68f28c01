"""`gv tables list`: table buckets, namespaces and tables, and each table's numbers, read only from the catalog."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pyarrow as pa
import pytest
from moto import mock_aws
from pyiceberg.catalog.rest import RestCatalog

from growth_verticals.account import Account, Credentials
from growth_verticals.bucket.history import last_load
from growth_verticals.bucket.inventory import bucket_arns, namespace_names, resolve_table, table_names, take_inventory
from growth_verticals.catalog.create import ensure_table
from growth_verticals.contract.table import Column, PartitionField, TableContract

from .conftest import Gv


def test_the_tree_shows_rows_files_size_and_last_load(
    gv: Gv, catalog: RestCatalog, namespace: str, census: str, append: Callable[..., None]
):
    append(census, 2)
    rows = catalog.load_table(census).scan().to_arrow()
    catalog.load_table(census).append(rows, snapshot_properties={"gv.source": "bureau", "gv.period": "2026Q4"})
    [bucket] = gv("list", "--json", "-n", namespace).json
    assert bucket["arn"].endswith(":bucket/gv-tables")
    [table] = bucket["namespaces"][namespace]
    assert (table["name"], table["rows"], table["files"], table["problem"]) == ("census", 8, 3, None)
    assert table["bytes"] > 0
    assert (table["last_load"]["period"], table["last_load"]["source"]) == ("2026Q4", "bureau")
    tree = gv("list", "-n", namespace)
    assert tree.code == 0
    assert [line.split()[0] for line in tree.out.splitlines()[1:]] == ["gv-tables", namespace, "census"]
    assert "census 8 3 " in tree.row("census")
    assert "2026Q4, " in tree.row("census")


def test_empty_namespaces_and_tables_are_listed(gv: Gv, census: str, namespace: str, catalog: RestCatalog):
    empty = f"{namespace}e"
    catalog.create_namespace(empty)
    listed = gv("list")
    assert listed.row("no tables", empty) == f"{empty} no tables"
    assert gv("list", "-n", namespace).row("census") == "census 0 0 0 B -"


def test_a_bucket_is_selected_by_name_or_arn(gv: Gv, account: Account, census: str, namespace: str):
    by_name = gv("list", "-b", "gv-tables", "-n", namespace)
    assert by_name.out == gv("list", "-b", account.table_bucket_arn, "-n", namespace).out
    assert census.split(".")[1] in by_name.out
    assert gv("list", "-b", "gv-nobodys").code == 1
    assert gv("list", "-n", "nowhere").code == 1


def test_the_last_load_comes_from_the_data_files_once_its_snapshot_has_expired(catalog: RestCatalog, namespace: str):
    contract = TableContract(
        namespace=namespace,
        name="person",
        columns=(Column(name="person_id", type="string"),),
        partition_by=(PartitionField(column="delivery_period"),),
    )
    table = ensure_table(catalog, contract)
    assert last_load(table) is None
    staged = datetime(2026, 7, 3, 12, 30, 15, 250_000, tzinfo=UTC)
    for period, at in (("2026Q2", staged), ("2026Q1", staged - timedelta(days=90))):
        values = {"person_id": "P1", "delivery_period": period, "source_file": "f", "source_file_sha256": "0" * 64,
                  "source_row": 2, "staged_at": at}  # fmt: skip
        table.append(pa.Table.from_pylist([values], schema=table.schema().as_arrow()))
    load = last_load(catalog.load_table(contract.identifier))
    assert load is not None
    assert (load.at, load.period, load.source) == (staged, "2026Q2", None)


# --- against moto, an independent implementation of AWS's control plane ---------------------------------------------


@pytest.fixture
def moto_account() -> Iterator[tuple[Account, Any]]:
    """An account with explicit keys: a session that reads them from the environment would keep them."""
    keys = Credentials(access_key="testing", secret_key="testing")
    with mock_aws():
        client = boto3.client("s3tables", "us-east-1", aws_access_key_id="testing", aws_secret_access_key="testing")
        arn = client.create_table_bucket(name="analytics-dev")["arn"]
        account = Account(
            region="us-east-1",
            table_bucket_arn=arn,
            landing_uri="",
            catalog_uri="http://127.0.0.1:1/iceberg",
            credentials=keys,
        )
        yield account, client


def test_buckets_namespaces_and_tables_are_listed_across_pages(moto_account: tuple[Account, Any]):
    account, client = moto_account
    client.create_table_bucket(name="analytics-test")
    for namespace in ("aiq", "statara"):
        client.create_namespace(tableBucketARN=account.table_bucket_arn, namespace=[namespace])
    for number in range(3):
        client.create_table(
            tableBucketARN=account.table_bucket_arn, namespace="aiq", name=f"t{number}", format="ICEBERG"
        )
    assert [arn.rpartition("/")[2] for arn in bucket_arns(account)] == ["analytics-dev", "analytics-test"]
    assert namespace_names(account) == ["aiq", "statara"]
    assert table_names(account) == table_names(account, "aiq") == ["aiq.t0", "aiq.t1", "aiq.t2"]
    assert resolve_table(account, "t1") == "aiq.t1"


def test_a_table_that_cannot_be_read_is_listed_with_the_reason(moto_account: tuple[Account, Any]):
    account, client = moto_account
    client.create_namespace(tableBucketARN=account.table_bucket_arn, namespace=["aiq"])
    client.create_table(tableBucketARN=account.table_bucket_arn, namespace="aiq", name="b2b", format="ICEBERG")
    bucket = take_inventory(account, account.table_bucket_arn)
    [table] = bucket.namespaces["aiq"]
    assert (table.name, table.rows, bucket.problem) == ("b2b", None, None)
    assert table.problem is not None
    assert "127.0.0.1:1/iceberg does not answer" in table.problem
    missing = take_inventory(account, account.table_bucket_arn.replace("analytics-dev", "analytics-none"))
    assert missing.problem is not None


def test_a_role_that_is_not_allowed_to_list_buckets_gets_the_configured_one(account: Account):
    assert account.credentials is not None
    wrong = replace(account, credentials=replace(account.credentials, secret_key="wrong"))
    assert bucket_arns(wrong) == [account.table_bucket_arn]
