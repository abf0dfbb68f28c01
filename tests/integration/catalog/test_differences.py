"""A provenance column with a former name is renamed by a plan, and the rows keep its values."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pyarrow as pa
import pytest
from pyiceberg.catalog.rest import RestCatalog
from pyiceberg.io.pyarrow import schema_to_pyarrow
from pyiceberg.schema import Schema
from pyiceberg.table import Table

from growth_verticals.catalog.create import ensure_namespace, ensure_table
from growth_verticals.catalog.differences import Difference, alter, differences, table_properties
from growth_verticals.contract.schema import iceberg_schema, partition_spec, sort_order
from growth_verticals.contract.table import Column, TableContract
from growth_verticals.errors import TableMismatchError

RENAME = Difference(kind="rename", name="staged_at", live="loaded_at")
STAGED_AT = datetime(2026, 11, 22, 6, 30, tzinfo=UTC)


def create_with_former_name(catalog: RestCatalog, contract: TableContract) -> Table:
    """Create the contract's table, but with `loaded_at` in place of `staged_at`, and append one row."""
    schema = iceberg_schema(contract)
    former = Schema(
        *(
            field.model_copy(update={"name": "loaded_at"}) if field.name == "staged_at" else field
            for field in schema.fields
        )
    )
    ensure_namespace(catalog, contract.namespace)
    table = catalog.create_table(
        contract.identifier,
        former,
        partition_spec=partition_spec(contract, schema),
        sort_order=sort_order(contract, schema),
        properties=table_properties(contract),
    )
    row = {
        "person_id": "P1",
        "delivery_period": "2026Q4",
        "source_file": "a.csv",
        "source_file_sha256": "0" * 64,
        "source_row": 2,
        "loaded_at": STAGED_AT,
    }
    table.append(pa.Table.from_pylist([row], schema=schema_to_pyarrow(table.schema())))
    return table


def test_a_column_with_its_former_name_is_renamed_in_one_commit_and_keeps_its_values(
    catalog: RestCatalog, person: TableContract
):
    table = create_with_former_name(catalog, person)
    assert differences(table, person) == [RENAME]
    assert RENAME.mismatch == "staged_at is still named loaded_at in the table"
    assert RENAME.change == "rename the column loaded_at to staged_at"
    assert RENAME.blocks_loading
    with pytest.raises(TableMismatchError, match=f"{RENAME.mismatch}.*Next: run `./gv tables plan`"):
        ensure_table(catalog, person)

    commits = len(table.metadata.metadata_log)
    alter(catalog, table, person, [RENAME])
    renamed = ensure_table(catalog, person)
    assert len(renamed.metadata.metadata_log) == commits + 1
    assert differences(renamed, person) == []
    (row,) = renamed.scan().to_arrow().to_pylist()
    assert (row["person_id"], row["staged_at"]) == ("P1", STAGED_AT)
    assert "loaded_at" not in row


def test_a_renamed_column_can_change_its_comment_in_the_same_commit(catalog: RestCatalog, person: TableContract):
    table = create_with_former_name(catalog, person)
    with table.update_schema() as update:
        update.update_column("loaded_at", doc="an old comment")
    live = catalog.load_table(person.identifier)
    found = differences(live, person)
    assert [each.kind for each in found] == ["rename", "comment"]
    alter(catalog, live, person, found)
    assert differences(ensure_table(catalog, person), person) == []


def test_a_column_of_that_name_in_a_table_without_provenance_is_not_renamed(
    catalog: RestCatalog, person: TableContract
):
    column = Column(name="loaded_at", type="timestamptz")
    contract = replace(person, columns=(*person.columns, column), partition_by=(), provenance=False)
    table = ensure_table(catalog, contract)
    assert differences(table, contract) == []
    declared = replace(contract, columns=(*person.columns, replace(column, name="staged_at")))
    assert {(each.kind, each.name) for each in differences(table, declared)} == {
        ("add", "staged_at"),
        ("drop", "loaded_at"),
    }
