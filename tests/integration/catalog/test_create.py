"""The catalog says plainly what is wrong, and a table is made from its contract once and compared ever after."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from pyiceberg.catalog.rest import RestCatalog
from pyiceberg.exceptions import NoSuchTableError

from growth_verticals.account import Account, Credentials
from growth_verticals.catalog.create import ensure_table
from growth_verticals.catalog.rest import open_catalog
from growth_verticals.contract.table import Column, PartitionField, TableContract
from growth_verticals.errors import ConfigurationError, ServiceError, TableMismatchError
from tests.integration.tables.deliveries import person_contract


def test_a_catalog_that_is_down_is_a_service_error_with_the_endpoint(account: Account):
    with pytest.raises(ServiceError, match=r"127\.0\.0\.1:1/iceberg does not answer.*Next: check that it is up"):
        open_catalog(replace(account, catalog_uri="http://127.0.0.1:1/iceberg"))


def test_a_wrong_key_is_refused(account: Account):
    assert account.credentials is not None
    wrong = Credentials(access_key=account.credentials.access_key, secret_key="wrong")
    with pytest.raises(ConfigurationError, match=r"was refused by .*Next: check the key pair"):
        open_catalog(replace(account, credentials=wrong))


def test_a_table_bucket_that_does_not_exist_is_named(account: Account):
    arn = f"{account.table_bucket_arn}-not"
    with pytest.raises(ConfigurationError, match=f"knows no table bucket {arn}.*Next: check GV_TABLE_BUCKET_ARN"):
        open_catalog(replace(account, table_bucket_arn=arn))


def test_the_table_is_what_the_contract_says(catalog: RestCatalog, person: TableContract):
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


def test_a_table_that_is_there_is_used(catalog: RestCatalog, person: TableContract):
    assert ensure_table(catalog, person).metadata.table_uuid == ensure_table(catalog, person).metadata.table_uuid


def test_creators_at_the_same_time_end_with_one_table(account: Account, person: TableContract):
    def create(_: int) -> Any:
        return ensure_table(open_catalog(account), person).metadata.table_uuid

    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(create, range(4)))) == 1


def test_losing_the_race_to_create_is_no_error(
    catalog: RestCatalog, person: TableContract, monkeypatch: pytest.MonkeyPatch
):
    made = ensure_table(catalog, person)
    load, answers = catalog.load_table, [NoSuchTableError("not there yet")]

    def late(identifier: str) -> Any:
        if answers:
            raise answers.pop()
        return load(identifier)

    monkeypatch.setattr(catalog, "load_table", late)
    assert ensure_table(catalog, person).metadata.table_uuid == made.metadata.table_uuid


@pytest.mark.parametrize(
    ("change", "difference"),
    [
        ({"columns": (Column(name="new", type="string"),)}, "new is missing in the table"),
        ({"columns": ()}, "state is in the table only"),
        ({"columns": (Column(name="state", type="int"),)}, "state is string in the table, int in the file"),
        ({"columns": (Column(name="state", type="string", required=True),)}, "state is nullable in the table only"),
        ({"columns": (Column(name="amount", type="decimal(9, 3)"),)}, r"amount is decimal\(9, 2\) in the table"),
        ({"partition_by": ()}, r"partitioned by identity\(delivery_period\), not nothing"),
        (
            {"partition_by": (PartitionField(column="delivery_period"), PartitionField(column="state"))},
            r"not identity\(delivery_period\), identity\(state\)",
        ),
    ],
)
def test_a_table_that_differs_from_its_contract_is_refused(
    catalog: RestCatalog, person: TableContract, change: dict[str, Any], difference: str
):
    ensure_table(catalog, person)
    with pytest.raises(TableMismatchError, match=f"{difference}.*Next: change the SQL file"):
        ensure_table(catalog, replace(person, **change))


def test_all_differences_are_listed_at_once(catalog: RestCatalog, person: TableContract):
    ensure_table(catalog, person)
    with pytest.raises(TableMismatchError) as raised:
        ensure_table(catalog, replace(person, columns=(Column(name="a", type="int"), Column(name="b", type="int"))))
    for name in ("a", "b", "person_id", "state", "amount", "extra"):
        assert f"{name} is" in raised.value.what
