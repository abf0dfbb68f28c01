"""A contract's Arrow and Iceberg schemas."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from pyiceberg.io.pyarrow import schema_to_pyarrow

from growth_verticals.contract.ddl import read_ddl
from growth_verticals.contract.declared import contract_of
from growth_verticals.contract.schema import arrow_schema, iceberg_schema, partition_spec, sort_order
from growth_verticals.errors import ContractError
from growth_verticals.source import Delimited, Inbox, OnDemand, Source

DDL = """CREATE TABLE people.list (
    id bigint NOT NULL COMMENT '[D] Their own id', born date, seen timestamp, paid decimal(9,2),
    extra MAP<STRING,STRING>
) PARTITIONED BY (delivery_period, month(seen)) SORTED BY (born)"""


def test_the_arrow_schema_has_the_types_of_the_values():
    schema = arrow_schema(read_ddl(DDL).columns)
    assert schema.types == [
        pa.int64(),
        pa.date32(),
        pa.timestamp("us"),
        pa.decimal128(9, 2),
        pa.map_(pa.string(), pa.string()),
    ]
    assert [field.nullable for field in schema] == [False, True, True, True, True]


def test_the_iceberg_schema_adds_provenance_columns_and_keeps_comments():
    schema = iceberg_schema(read_ddl(DDL))
    assert [field.name for field in schema.fields[-5:]] == [
        "delivery_period", "source_file", "source_file_sha256", "source_row", "staged_at",
    ]  # fmt: skip
    assert schema.find_field("id").doc == "[D] Their own id"
    assert schema.find_field("id").required
    ids = list(schema._lazy_id_to_field)
    assert len(ids) == len(set(ids))


def test_both_schemas_have_the_same_types():
    contract = read_ddl(
        DDL.replace(", extra MAP<STRING,STRING>", "").replace("    extra MAP<STRING,STRING>", "    x int")
    )
    iceberg = schema_to_pyarrow(iceberg_schema(contract), include_field_ids=False)
    for field in arrow_schema(contract.all_columns):
        iceberg_type = iceberg.field(field.name).type
        assert iceberg_type == field.type or (pa.types.is_large_string(iceberg_type) and pa.types.is_string(field.type))


def test_the_partition_spec_and_sort_order_are_those_of_the_contract():
    contract = read_ddl(DDL)
    schema = iceberg_schema(contract)
    assert [(f.name, str(f.transform)) for f in partition_spec(contract, schema).fields] == [
        ("delivery_period", "identity"),
        ("seen_month", "month"),
    ]
    assert [f.source_id for f in sort_order(contract, schema).fields] == [2]


def source(**changes: object) -> Source:
    values: dict[str, object] = {
        "name": "people", "table": "people.list", "cadence": OnDemand(), "delivery": Inbox(), "format": Delimited(),
    }  # fmt: skip
    return Source(**(values | changes))  # type: ignore[arg-type]


def test_the_sql_file_of_a_source_has_the_sources_name(tmp_path: Path):
    (tmp_path / "people.sql").write_text(DDL)
    assert contract_of(source(), tmp_path).identifier == "people.list"


def test_the_error_for_a_missing_sql_file_names_it(tmp_path: Path):
    with pytest.raises(ContractError, match=r"people\.sql: the source has no SQL file"):
        contract_of(source(), tmp_path)


def test_the_sql_file_and_the_declaration_must_name_the_same_table(tmp_path: Path):
    (tmp_path / "people.sql").write_text(DDL)
    with pytest.raises(ContractError, match="name different tables"):
        contract_of(source(table="people.other"), tmp_path)


def test_extra_columns_need_a_column_in_the_contract(tmp_path: Path):
    (tmp_path / "people.sql").write_text("CREATE TABLE people.list (id bigint)")
    with pytest.raises(ContractError, match="has no column for them"):
        contract_of(source(extra_columns="keep"), tmp_path)
