"""Real Iceberg tables in a temporary folder, without a server or a socket."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from pathlib import Path

import pytest
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.table import Table

from growth_verticals.contract.schema import iceberg_schema, partition_spec, sort_order
from growth_verticals.contract.table import Column, PartitionField, TableContract

MakeTable = Callable[..., tuple[Table, TableContract]]


@pytest.fixture
def make_table(tmp_path: Path) -> MakeTable:
    catalog = SqlCatalog("unit", uri=f"sqlite:///{tmp_path}/catalog.db", warehouse=f"file://{tmp_path}")
    catalog.create_namespace("toy")

    def make(
        *columns: Column,
        partition_by: tuple[str, ...] = ("delivery_period",),
        sort_by: tuple[str, ...] = (),
        properties: dict[str, str] | None = None,
    ) -> tuple[Table, TableContract]:
        """Create a table; `partition_by` is `column` or `column:transform`."""
        fields = (text.partition(":") for text in partition_by)
        contract = TableContract(
            namespace="toy",
            name=f"t{uuid.uuid4().hex}",
            columns=columns,
            sort_by=sort_by,
            partition_by=tuple(
                PartitionField(column=name, transform=transform or "identity") for name, _, transform in fields
            ),
        )
        schema = iceberg_schema(contract)
        table = catalog.create_table(
            contract.identifier,
            schema,
            partition_spec=partition_spec(contract, schema),
            sort_order=sort_order(contract, schema),
            properties=properties or {},
        )
        return table, contract

    yield make
    catalog.close()
