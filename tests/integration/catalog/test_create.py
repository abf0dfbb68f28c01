"""Opening the catalog, creating a table from its contract, and comparing an existing table with it."""

from __future__ import annotations

import socket
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from pyiceberg.catalog.rest import RestCatalog
from pyiceberg.exceptions import NoSuchTableError

from growth_verticals.account import Account, Credentials
from growth_verticals.catalog import rest
from growth_verticals.catalog.create import ensure_table
from growth_verticals.catalog.differences import differences
from growth_verticals.catalog.rest import open_catalog
from growth_verticals.contract.table import Column, PartitionField, TableContract
from growth_verticals.errors import ConfigurationError, ServiceError, TableMismatchError
from tests.integration.tables.deliveries import person_contract


def test_a_catalog_that_is_down_is_a_service_error_with_the_endpoint(account: Account):
    with pytest.raises(ServiceError, match=r"127\.0\.0\.1:1/iceberg does not answer.*Next: check that it is up"):
        open_catalog(replace(account, catalog_uri="http://127.0.0.1:1/iceberg"))


@pytest.mark.timeout(60)
def test_a_catalog_that_accepts_and_never_answers_is_a_service_error(account: Account, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(rest, "READ_TIMEOUT_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with pytest.raises(ServiceError, match=rf"127\.0\.0\.1:{port}/iceberg does not answer"):
            open_catalog(replace(account, catalog_uri=f"http://127.0.0.1:{port}/iceberg"))


def test_a_wrong_key_is_a_configuration_error(account: Account):
    assert account.credentials is not None
    wrong = Credentials(access_key=account.credentials.access_key, secret_key="wrong")
    with pytest.raises(ConfigurationError, match=r"was refused by .*Next: check the key pair"):
        open_catalog(replace(account, credentials=wrong))


def test_the_error_for_a_missing_table_bucket_names_it(account: Account):
    arn = f"{account.table_bucket_arn}-not"
    with pytest.raises(ConfigurationError, match=f"has no table bucket {arn}.*Next: check GV_TABLE_BUCKET_ARN"):
        open_catalog(replace(account, table_bucket_arn=arn))


def test_a_new_table_matches_the_contract(catalog: RestCatalog, person: TableContract):
    ensure_table(catalog, person)
    table = catalog.load_table(person.identifier)
    assert table.format_version == 2
    assert [(field.name, str(field.field_type), field.required) for field in table.schema().fields] == [
        (column.name, column.type, column.required) for column in person.all_columns
    ]
    assert table.schema().find_field("person_id").doc == "[Q] The vendor's id"
    assert [str(field) for field in table.spec().fields] == ["1000: delivery_period: identity(7)"]
    assert [str(field) for field in table.sort_order().fields] == ["2 ASC NULLS LAST"]
    assert table.properties["comment"] == "Made-up people"
    assert table.current_snapshot() is None


def test_a_missing_namespace_is_created(catalog: RestCatalog):
    contract = person_contract(f"fresh_{uuid.uuid4().hex[:8]}")
    assert ensure_table(catalog, contract).name() == (contract.namespace, "person")


def test_an_existing_table_is_used(catalog: RestCatalog, person: TableContract):
    assert ensure_table(catalog, person).metadata.table_uuid == ensure_table(catalog, person).metadata.table_uuid


def test_concurrent_runs_create_one_table(account: Account, person: TableContract):
    def create(_: int) -> Any:
        return ensure_table(open_catalog(account), person).metadata.table_uuid

    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(create, range(4)))) == 1


def test_a_table_that_another_run_created_at_the_same_time_is_used(
    catalog: RestCatalog, person: TableContract, monkeypatch: pytest.MonkeyPatch
):
    created = ensure_table(catalog, person)
    load, errors = catalog.load_table, [NoSuchTableError("not created yet")]

    def missing_at_first(identifier: str) -> Any:
        if errors:
            raise errors.pop()
        return load(identifier)

    monkeypatch.setattr(catalog, "load_table", missing_at_first)
    assert ensure_table(catalog, person).metadata.table_uuid == created.metadata.table_uuid


@pytest.mark.parametrize(
    ("change", "difference"),
    [
        ({"columns": (Column(name="new", type="string"),)}, "new is missing in the table"),
        ({"columns": ()}, "state is in the table, but not in the file"),
        ({"columns": (Column(name="state", type="int"),)}, "state is string in the table, int in the file"),
        (
            {"columns": (Column(name="state", type="string", required=True),)},
            "state is nullable in the table, NOT NULL in the file",
        ),
        ({"columns": (Column(name="amount", type="decimal(9, 3)"),)}, r"amount is decimal\(9, 2\) in the table"),
        ({"partition_by": ()}, r"partitioned by identity\(delivery_period\), not by nothing"),
        (
            {"partition_by": (PartitionField(column="delivery_period"), PartitionField(column="state"))},
            r"not by identity\(delivery_period\), identity\(state\)",
        ),
    ],
)
def test_a_table_that_differs_from_its_contract_is_an_error(
    catalog: RestCatalog, person: TableContract, change: dict[str, Any], difference: str
):
    ensure_table(catalog, person)
    with pytest.raises(TableMismatchError, match=f"{difference}.*Next: run `./gv tables plan` .* `./gv tables apply`"):
        ensure_table(catalog, replace(person, **change))


def test_the_error_lists_all_differences(catalog: RestCatalog, person: TableContract):
    ensure_table(catalog, person)
    with pytest.raises(TableMismatchError) as raised:
        ensure_table(catalog, replace(person, columns=(Column(name="a", type="int"), Column(name="b", type="int"))))
    for name in ("a", "b", "person_id", "state", "amount", "extra"):
        assert f"{name} is" in raised.value.what


def test_a_table_of_a_client_is_created_with_the_client_s_key_and_is_otherwise_the_same(
    account: Account, person: TableContract
):
    key = "arn:aws:kms:us-east-1:000000000000:key/5d0f8a2e"
    with_key = replace(account, client_keys=((person.namespace, key),))
    with ThreadPoolExecutor(4) as pool:
        tables = list(pool.map(lambda _: ensure_table(open_catalog(with_key), person), range(4)))
    assert len({table.metadata.table_uuid for table in tables}) == 1
    assert differences(tables[0], person) == []
    encryption = account.client("s3tables").get_table_encryption(
        tableBucketARN=account.table_bucket_arn, namespace=person.namespace, name=person.name
    )["encryptionConfiguration"]
    assert encryption == {"sseAlgorithm": "aws:kms", "kmsKeyArn": key}
