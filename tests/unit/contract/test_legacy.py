"""JSON schemas, as `create-table.sh` takes them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from growth_verticals.contract.legacy import read_json_schema
from growth_verticals.contract.table import Column, TableContract
from growth_verticals.errors import DdlError

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


def test_types_are_those_of_the_sql_files_but_for_icebergs_timestamptz():
    kinds = ["varchar(5)", "decimal(10,2)", "BIGINT", "timestamptz"]
    fields = [{"name": f"c{number}", "type": kind} for number, kind in enumerate(kinds)]
    columns = read(json.dumps({"fields": fields})).columns
    assert [column.type for column in columns] == ["string", "decimal(10, 2)", "long", "timestamptz"]
    assert not any(column.required for column in columns)


@pytest.mark.parametrize(
    ("text", "line", "column", "what"),
    [
        ("", 1, 1, "not JSON"),
        ('{"fields": [\n  {"name": "a" "type": "int"}]}', 2, 16, "not JSON"),
        ("[]", 1, 1, "list of its fields"),
        ('{"fields": []}', 1, 12, "list of its fields"),
        ('{"fields": [\n  {"name": "a", "type": "int"},\n  3]}', 3, 3, "a field is an object"),
        ('{"fields": [{"name": "a", "type": "strng"}]}', 1, 35, "unknown type"),
        ('{"fields": [{"name": "a"}]}', 1, 13, "has a type"),
        ('{"fields": [{"type": "int"}]}', 1, 13, "hide or refuse"),
        ('{"fields": [{"name": "Id", "type": "int"}]}', 1, 22, "hide or refuse"),
        ('{"fields": [{"name": "a", "type": "int", "required": "yes"}]}', 1, 54, "true or false"),
        ('{"fields": [{"name": "a", "type": "int", "requierd": true}]}', 1, 54, "no such key"),
        ('{"fields": [{"name": "a", "type": "int"},\n {"name": "a", "type": "int"}]}', 2, 11, "declared twice"),
        ('{"x": {"y": ["}", {}]}, "fields": [{"name": "é"}]}', 1, 45, "hide or refuse"),
    ],
)
def test_anything_else_is_refused_with_its_place(text: str, line: int, column: int, what: str):
    with pytest.raises(DdlError, match=what) as caught:
        read(text)
    assert (caught.value.line, caught.value.column) == (line, column)


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(["int", "a", "b"]),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["fields", "name", "type", "required"]), inner),
    max_leaves=12,
)


@given(st.text() | _VALUES.map(json.dumps))
def test_any_text_gives_a_table_or_that_error(text: str):
    try:
        table = read(text)
    except DdlError as error:
        assert str(error)
    else:
        assert table.columns


def test_json_that_python_cannot_hold_is_refused_too():
    for text in ("[" * 100_000, "9" * 10_000):
        with pytest.raises(DdlError):
            read(text)
