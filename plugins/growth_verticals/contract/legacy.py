"""Reads the JSON schemas of `create-table.sh` as table contracts: `{"fields": [{"name": "id", "type": "long"}, …]}`.

This is the `schema` of S3 Tables' CreateTable: `required` defaults to false, and there is no partitioning, sort order
or comment. Types are those of the SQL files, except that `timestamptz` means Iceberg's `timestamptz` here.
"""

from __future__ import annotations

import json
from typing import Any

from growth_verticals.contract.ddl import read_type
from growth_verticals.contract.table import Column, TableContract, is_column_name
from growth_verticals.errors import ContractError, DdlError


def read_json_schema(text: str, *, file: str, identifier: str) -> TableContract:
    """Return the table `identifier` with the columns that `text` lists. It has no provenance columns.

    Raises `DdlError`, with line, column and caret, for text that is not JSON, and `ContractError`, with the path of the
    invalid value (`fields[2].type`), for JSON that is not a schema.
    """
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        raise DdlError(
            "this is not JSON", text=text, file=file, line=error.lineno, column=error.colno, found=error.msg
        ) from error
    except (ValueError, RecursionError) as error:
        raise ContractError("this JSON is too large for a schema", file=file) from error
    fields = document.get("fields") if isinstance(document, dict) else None
    if not isinstance(fields, list) or not fields:
        raise ContractError("a schema must be an object with a list of fields", file=file, column="fields")
    columns: dict[str, Column] = {}
    for number, field in enumerate(fields):
        column = _column(field, file, f"fields[{number}]")
        if column.name in columns:
            raise ContractError("this column is declared twice", file=file, column=f"fields[{number}].name")
        columns[column.name] = column
    namespace, name = identifier.split(".")
    return TableContract(namespace=namespace, name=name, columns=tuple(columns.values()), provenance=False)


def _column(field: Any, file: str, path: str) -> Column:
    if not isinstance(field, dict) or not field.keys() <= {"name", "type", "required"}:
        raise ContractError("a field must be an object with only name, type and required", file=file, column=path)
    name, sql_type, required = field.get("name"), field.get("type"), field.get("required", False)
    if not isinstance(name, str) or not is_column_name(name):
        expected = "a name of a-z, 0-9 and _ that starts with a letter"
        raise ContractError("Athena and Glue hide this name", file=file, column=f"{path}.name", expected=expected)
    if not isinstance(sql_type, str):
        raise ContractError(
            "a field must have a type", file=file, column=f"{path}.type", expected="a type such as string"
        )
    if not isinstance(required, bool):
        raise ContractError("required must be true or false", file=file, column=f"{path}.required")
    try:
        column_type = "timestamptz" if sql_type.lower() == "timestamptz" else read_type(sql_type)
    except DdlError as error:
        raise ContractError(
            error.what, file=file, column=f"{path}.type", expected=error.expected, found=error.found
        ) from error
    return Column(name=name, type=column_type, required=required)
