"""The JSON schemas of `create-table.sh`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from growth_verticals.contract.legacy import read_json_schema
from growth_verticals.contract.table import Column, TableContract
from growth_verticals.errors import ContractError, DdlError

SCHEMAS = Path(__file__).resolve().parents[3] / "include" / "schemas"


def read(text: str) -> TableContract:
    return read_json_schema(text, file="users.json", identifier="default.users")


def test_the_users_schema():
    table = read((SCHEMAS / "users-schema.json").read_text())
    assert table == TableContract(
        namespace="default",
        name="users",
        columns=(
            Column(name="id", type="long", required=True),
            Column(name="name", type="string", required=True),
            Column(name="email", type="string"),
            Column(name="is_active", type="boolean"),
            Column(name="created_at", type="timestamp"),
        ),
        provenance=False,
    )


def test_types_are_those_of_the_sql_files_except_icebergs_timestamptz():
    types = ["varchar(5)", "decimal(10,2)", "BIGINT", "timestamptz"]
    fields = [{"name": f"c{number}", "type": sql_type} for number, sql_type in enumerate(types)]
    columns = read(json.dumps({"fields": fields})).columns
    assert [column.type for column in columns] == ["string", "decimal(10, 2)", "long", "timestamptz"]
    assert not any(column.required for column in columns)


@pytest.mark.parametrize(
    ("text", "line", "column"), [("", 1, 1), ('{"fields": [\n  {"name": "a" "type": "int"}]}', 2, 16)]
)
def test_text_that_is_not_json_is_an_error_with_line_and_column(text: str, line: int, column: int):
    with pytest.raises(DdlError, match="not JSON") as caught:
        read(text)
    assert (caught.value.line, caught.value.column) == (line, column)


@pytest.mark.parametrize(
    ("text", "path", "what"),
    [
        ("[]", "fields", "a list of fields"),
        ('{"fields": []}', "fields", "a list of fields"),
        ('{"fields": [{"name": "a", "type": "int"}, 3]}', "fields[1]", "a field must be an object"),
        ('{"fields": [{"name": "a", "type": "strng"}]}', "fields[0].type", "unknown type"),
        ('{"fields": [{"name": "a"}]}', "fields[0].type", "must have a type"),
        ('{"fields": [{"type": "int"}]}', "fields[0].name", "hide this name"),
        ('{"fields": [{"name": "Id", "type": "int"}]}', "fields[0].name", "hide this name"),
        (
            '{"fields": [{"name": "a", "type": "int", "required": "yes"}]}',
            "fields[0].required",
            "must be true or false",
        ),
        ('{"fields": [{"name": "a", "type": "int", "requierd": true}]}', "fields[0]", "name, type and required"),
        (
            '{"fields": [{"name": "a", "type": "int"}, {"name": "a", "type": "int"}]}',
            "fields[1].name",
            "declared twice",
        ),
    ],
)
def test_json_that_is_not_a_schema_is_an_error_with_the_path_of_the_invalid_value(text: str, path: str, what: str):
    with pytest.raises(ContractError, match=what) as caught:
        read(text)
    assert caught.value.column == path


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(["int", "a", "b"]),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["fields", "name", "type", "required"]), inner),
    max_leaves=12,
)


@given(st.text() | _VALUES.map(json.dumps))
def test_any_text_gives_a_table_or_a_contract_error(text: str):
    try:
        table = read(text)
    except ContractError as error:
        assert str(error)
    else:
        assert table.columns


def test_json_that_is_too_large_for_python_is_an_error():
    for text in ("[" * 100_000, "9" * 10_000):
        with pytest.raises(ContractError):
            read(text)
