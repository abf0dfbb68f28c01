"""A contract is the same after a round trip through SQL or through Iceberg."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyiceberg.partitioning import PartitionField as IcebergPartitionField
from pyiceberg.partitioning import PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.table.sorting import UNSORTED_SORT_ORDER, SortDirection, SortField, SortOrder
from pyiceberg.transforms import IdentityTransform, VoidTransform
from pyiceberg.types import ListType, NestedField, StringType, TimestampNanoType

from growth_verticals.contract.ddl import TYPES, read_ddl
from growth_verticals.contract.render import render_ddl
from growth_verticals.contract.schema import contract_of_table, iceberg_schema, partition_spec, sort_order
from growth_verticals.contract.table import PROVENANCE, Column, PartitionField, TableContract
from growth_verticals.errors import ContractError

SCHEMAS = Path(__file__).resolve().parents[3] / "include" / "schemas"

_NAMES = st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True) | st.sampled_from(
    ["not", "null", "comment", "create", "by", "end", "order", "group", "double", "date", "with", "e", "x", "n", "go"]
)
_TYPES = st.sampled_from([*sorted(set(TYPES.values())), "timestamptz", "map<string, string>"]) | st.integers(
    1, 38
).flatmap(lambda precision: st.integers(0, precision).map(lambda scale: f"decimal({precision}, {scale})"))
_TEXTS = st.text() | st.text(alphabet="\\'\"`[D]-/* \n")


@st.composite
def contracts(draw: st.DrawFn) -> TableContract:
    names = draw(st.lists(_NAMES, min_size=1, max_size=6, unique=True))
    pii = st.sampled_from([None, "D", "N"])
    columns = []
    for name in names:
        pii_class, doc = draw(pii), draw(_TEXTS)
        # The PII class is written before the doc, and whitespace between them is ignored.
        doc = doc.lstrip() if pii_class else doc.replace("[", "(")
        columns.append(
            Column(name=name, type=draw(_TYPES), required=draw(st.booleans()), doc=doc, pii=pii_class)  # type: ignore[arg-type]
        )
    provenance = draw(st.booleans())
    sortable = [column.name for column in columns if not column.type.startswith("map")]
    usable = sortable + ([column.name for column in PROVENANCE] if provenance else [])
    chosen = st.lists(st.sampled_from(usable), max_size=3, unique=True) if usable else st.just([])
    return TableContract(
        namespace=draw(st.sampled_from(["default", "aiq", "sorted"])),
        name=draw(st.sampled_from(["t", "table", "by", "daily_sales"])),
        columns=tuple(columns),
        partition_by=tuple(PartitionField(column=name) for name in draw(chosen)),
        sort_by=tuple(draw(chosen)),
        doc=draw(_TEXTS),
        properties=tuple(draw(st.lists(st.tuples(_TEXTS, _TEXTS), max_size=2))),
        provenance=provenance,
    )


@given(contracts())
def test_a_rendered_contract_parses_to_the_same_contract(contract: TableContract):
    assert read_ddl(render_ddl(contract), provenance=contract.provenance) == contract


@pytest.mark.parametrize("path", sorted(SCHEMAS.glob("*.sql")), ids=lambda path: path.stem)
def test_the_contract_of_every_sql_file_is_the_same_after_conversion_to_iceberg_and_back(path: Path):
    is_example = path.stem in ("daily_sales", "user_events")
    contract = read_ddl(path.read_text(), provenance=not is_example)
    schema = iceberg_schema(contract)
    live = contract_of_table(
        contract.identifier, schema, partition_spec(contract, schema), sort_order(contract, schema), contract.doc
    )
    assert live == TableContract(**{**vars(contract), "properties": ()})


def test_the_rendered_text_is_aligned_for_readers():
    text = """CREATE TABLE aiq.person (
    id     BIGINT         NOT NULL  COMMENT '[Q] Person''s id',
    seen   TIMESTAMP,
    score  DECIMAL(10,2)            COMMENT 'C:\\\\dir'
)
PARTITIONED BY (delivery_period, day(seen), bucket(16, id), truncate(3, score))
SORTED BY (id)
COMMENT 'People'
"""
    assert render_ddl(read_ddl(text)) == text


def live(
    *fields: NestedField, spec: PartitionSpec | None = None, order: SortOrder = UNSORTED_SORT_ORDER
) -> TableContract:
    return contract_of_table("a.t", Schema(*fields), spec or PartitionSpec(), order, "")


def test_the_contract_of_a_table_without_provenance_has_all_of_its_columns():
    contract = live(NestedField(1, "staged_at", StringType()), NestedField(2, "id", StringType(), required=True))
    assert not contract.provenance
    assert [column.name for column in contract.columns] == ["staged_at", "id"]


def test_a_table_with_a_former_provenance_column_is_a_sources_table():
    contract = TableContract(namespace="a", name="t", columns=(Column(name="id", type="string"),))
    fields = list(iceberg_schema(contract).fields)
    last = fields[-1]
    fields[-1] = NestedField(last.field_id, "loaded_at", last.field_type, required=True)
    assert live(*fields) == contract
    assert not live(*fields[:-1]).provenance
    other_type = NestedField(last.field_id, "loaded_at", StringType(), required=True)
    assert [column.name for column in live(*fields[:-1], other_type).columns][-1] == "loaded_at"


ID = NestedField(1, "id", StringType())


@pytest.mark.parametrize(
    ("table", "found"),
    [
        ({"fields": [NestedField(1, "seen", TimestampNanoType())]}, "TIMESTAMP_NS"),
        ({"fields": [NestedField(1, "tags", ListType(2, StringType()))]}, "LIST<STRING>"),
        ({"fields": [NestedField(1, "First Name", StringType())]}, "First Name"),
        ({"fields": [ID], "spec": PartitionSpec(IcebergPartitionField(1, 1000, VoidTransform(), "v"))}, "void"),
        ({"fields": [ID], "order": SortOrder(SortField(1, IdentityTransform(), SortDirection.DESC))}, "DESC"),
    ],
)  # fmt: skip
def test_a_table_that_no_sql_file_can_declare_is_an_error(table: dict[str, object], found: str):
    fields = table.pop("fields")
    with pytest.raises(ContractError, match="no SQL file can declare") as raised:
        live(*fields, **table)  # type: ignore[misc, arg-type]
    assert found in str(raised.value)
