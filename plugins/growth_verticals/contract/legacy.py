"""JSON schemas, as `create-table.sh` takes them → table contract.

    {"fields": [{"name": "id", "type": "long", "required": true}, …]}

`required` is false where it is missing, as in S3 Tables' CreateTable, whose format this is. Types are those of the SQL
files, but that `timestamptz` is Iceberg's own here. There is no partitioning, order or comment.
"""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

from growth_verticals.contract.ddl import read_type
from growth_verticals.contract.table import Column, TableContract, is_column_name
from growth_verticals.errors import DdlError

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\]:,]|[^\s{}\[\]:,"]+')
_KEYS = {"name", "type", "required"}
Path = tuple[str | int, ...]


def read_json_schema(text: str, *, file: str, identifier: str) -> TableContract:
    """Return the table `identifier` with the columns that `text` lists. It has no provenance columns.

    Raises `DdlError`, with line, column and caret, for any other text.
    """
    return _Reader(text, file).table(identifier)


class _Reader:
    def __init__(self, text: str, file: str) -> None:
        self.text = text
        self.file = file
        self.places: dict[Path, int] = {}
        try:
            self.document: Any = json.loads(text)
            _walk(list(_TOKEN.finditer(text)), 0, (), self.places)
        except json.JSONDecodeError as error:
            self.fail_at(error.pos, "this is not JSON", found=error.msg)
        except (ValueError, RecursionError):
            self.fail_at(0, "this is no schema", expected='{"fields": [{"name": …}, …]}')

    def table(self, identifier: str) -> TableContract:
        document = self.document
        if not isinstance(document, dict) or not isinstance(document.get("fields"), list) or not document["fields"]:
            expected = '{"fields": [{"name": …}, …]}'
            self.fail(("fields",), "a schema is an object with the list of its fields", expected=expected)
        columns: dict[str, Column] = {}
        for number, field in enumerate(document["fields"]):
            column = self.column(("fields", number), field)
            if column.name in columns:
                self.fail(("fields", number, "name"), "this column is declared twice")
            columns[column.name] = column
        namespace, name = identifier.split(".")
        return TableContract(namespace=namespace, name=name, columns=tuple(columns.values()), provenance=False)

    def column(self, path: Path, field: Any) -> Column:
        if not isinstance(field, dict):
            self.fail(path, "a field is an object", expected="name, type and required")
        for key in field:
            if key not in _KEYS:
                self.fail((*path, key), "a field has no such key", expected="name, type and required")
        name, kind, required = field.get("name"), field.get("type"), field.get("required", False)
        if not isinstance(name, str) or not is_column_name(name):
            expected = "a name of a-z, 0-9 and _, with a letter first"
            self.fail((*path, "name"), "Athena and Glue would hide or refuse this name", expected=expected)
        if not isinstance(required, bool):
            self.fail((*path, "required"), "required is true or false")
        if not isinstance(kind, str):
            self.fail((*path, "type"), "a field has a type", expected="a type such as string")
        try:
            column_type = "timestamptz" if kind.lower() == "timestamptz" else read_type(kind)
        except DdlError as error:
            self.fail((*path, "type"), error.what, expected=error.expected, found=error.found)
        return Column(name=name, type=column_type, required=required)

    def fail(self, path: Path, what: str, *, expected: str | None = None, found: str | None = None) -> NoReturn:
        """Raise the error at the value of `path`, or at what should have held it."""
        while path not in self.places:
            path = path[:-1]
        self.fail_at(self.places[path], what, expected=expected, found=found)

    def fail_at(self, position: int, what: str, *, expected: str | None = None, found: str | None = None) -> NoReturn:
        before = self.text[:position]
        raise DdlError(
            what,
            text=self.text,
            file=self.file,
            line=before.count("\n") + 1,
            column=position - before.rfind("\n"),
            expected=expected,
            found=found,
        )


def _walk(tokens: list[re.Match[str]], at: int, path: Path, places: dict[Path, int]) -> int:
    """Note where the value at token `at`, and every value in it, begins. Return the number of the token behind it."""
    places[path] = tokens[at].start()
    opening, number = tokens[at][0], 0
    at += 1
    if opening not in ("{", "["):
        return at
    while tokens[at][0] not in ("}", "]"):
        if tokens[at][0] == ",":
            at += 1
            continue
        key: str | int = number
        if opening == "{":
            key = json.loads(tokens[at][0])
            at += 2
        at = _walk(tokens, at, (*path, key), places)
        number += 1
    return at + 1
