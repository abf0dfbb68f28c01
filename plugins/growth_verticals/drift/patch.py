"""Edits the text of a SQL file and of a declaration, and shows the edits as one unified diff for `git apply`.

An edit changes only what it must: formatting and comments stay. The new text is then read back, and the edit counts
only if it declares what was there plus what was proposed. So an unusual file is never edited wrongly; it is left to a
person.
"""

from __future__ import annotations

import ast
import difflib
import re
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from growth_verticals.contract.ddl import read_ddl
from growth_verticals.contract.render import type_in_sql
from growth_verticals.contract.tokens import quote, tokenize
from growth_verticals.declarations import read_source
from growth_verticals.errors import GrowthVerticalsError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from growth_verticals.aliases import Alias
    from growth_verticals.contract.table import Column
    from growth_verticals.contract.tokens import Token
    from growth_verticals.source import Source

_SOURCE_MODULE = "growth_verticals.source"
_MAX_LINE = 120
_Node = TypeVar("_Node", bound=ast.AST)
#: Start and end as line (from 1) and column in bytes (from 0), and the new text.
_Edit = tuple[tuple[int, int], tuple[int, int], str]


class NotEditableError(Exception):
    """A file is written in a way that this module does not edit."""


# --- the SQL file -------------------------------------------------------------------------------------------------


def column_in_sql(column: Column, widths: tuple[int, int] = (0, 0)) -> str:
    """Return a nullable column as a line of a SQL file, without indentation and comma."""
    return f"{column.name:{widths[0]}} {type_in_sql(column.type):{widths[1]}} COMMENT {quote(column.comment)}"


def add_columns(sql: str, columns: Sequence[Column]) -> str:
    """Return the text of a SQL file with more columns at the end of the table. Raises `NotEditableError`."""
    before = read_ddl(sql)
    tokens = tokenize(sql)
    last = _end_of_columns(tokens)
    names = [token for token in tokens[:last] if token.text.lower() == before.columns[-1].name]
    first_of_last = next((token for token in reversed(names) if _starts_column(sql, token)), None)
    if first_of_last is None:
        raise NotEditableError
    lines = sql.split("\n")
    indent = lines[first_of_last.line - 1][: first_of_last.column - 1]
    rest = lines[first_of_last.line - 1][first_of_last.column - 1 :]
    match = re.match(r"(\S+ +)(\S+ +(?:NOT NULL +)?)(?=COMMENT)", rest, re.IGNORECASE)
    widths = (len(match[1]) - 1, len(match[2]) - 1) if match else (0, 0)
    position = _end_of(sql, tokens, last - 1)
    end = "\r\n" if "\r\n" in sql else "\n"
    text = "".join(f",{end}{indent}{column_in_sql(column, widths)}" for column in columns)
    after = _insert(sql, position, text, end)
    if read_ddl(after) != replace(before, columns=(*before.columns, *columns)):
        raise NotEditableError
    return after


def _insert(sql: str, position: int, text: str, end: str) -> str:
    """Insert the columns behind the last one: its comma at once, the lines behind a comment on the same line."""
    rest_of_line, newline, _ = sql[position:].partition("\n")
    if not newline:
        raise NotEditableError
    comma, lines = text[:1], text[1 + len(end) :]
    line_end = position + len(rest_of_line.rstrip("\r"))
    return sql[:position] + comma + sql[position:line_end] + end + lines + sql[line_end:]


def _end_of_columns(tokens: Sequence[Token]) -> int:
    """Return the index of the parenthesis that ends the list of columns."""
    depth = 0
    for index, token in enumerate(tokens):
        if token.kind == "mark" and token.text in "()":
            depth += 1 if token.text == "(" else -1
            if not depth:
                return index
    raise NotEditableError


def _starts_column(sql: str, token: Token) -> bool:
    return not sql.split("\n")[token.line - 1][: token.column - 1].strip()


def _position(sql: str, token: Token) -> int:
    return sum(len(line) + 1 for line in sql.split("\n")[: token.line - 1]) + token.column - 1


def _end_of(sql: str, tokens: Sequence[Token], index: int) -> int:
    """Return the position behind a token; a string is longer in the file than its text."""
    start, following = _position(sql, tokens[index]), _position(sql, tokens[index + 1])
    between = sql[start:following]
    if tokens[index].kind == "string":
        match = re.match(r"'(?:''|\\[\s\S]|[^'\\])*'", between)
        if match is None:
            raise NotEditableError
        return start + match.end()
    return start + len(tokens[index].text)


# --- the declaration ----------------------------------------------------------------------------------------------


def alias_in_python(alias: Alias) -> str:
    """Return an alias as a declaration spells it."""
    since = "" if alias.since is None else f", since={_text(alias.since)}"
    return f"Alias({_text(alias.vendor)}, {_text(alias.column)}{since})"


def add_aliases(declaration: str, source: Source, aliases: Sequence[Alias]) -> str:
    """Return the text of a declaration with more aliases, at the end. Raises `NotEditableError`.

    :param source: what the text declares now.
    """
    tree = ast.parse(declaration)
    call = _only([each for each in ast.walk(tree) if isinstance(each, ast.Call) and _name(each.func) == "Source"])
    edits = [_alias_edit(declaration, call, aliases)]
    imports = [each for each in tree.body if isinstance(each, ast.ImportFrom) and each.module == _SOURCE_MODULE]
    if not any(name.name == "Alias" and name.asname is None for each in imports for name in each.names):
        edits.append(_import_edit(declaration, _only(imports)))
    lines = declaration.encode().splitlines(keepends=True)
    starts = [sum(map(len, lines[:number])) for number in range(len(lines) + 1)]
    text, end = declaration.encode(), "\r\n" if "\r\n" in declaration else "\n"
    for (first, first_column), (last, last_column), new in sorted(edits, reverse=True):
        text = (
            text[: starts[first - 1] + first_column]
            + new.replace("\n", end).encode()
            + text[starts[last - 1] + last_column :]
        )
    after = text.decode()
    if _declared(after, source.name) != replace(source, aliases=(*source.aliases, *aliases)):
        raise NotEditableError
    return after


def _alias_edit(declaration: str, call: ast.Call, aliases: Sequence[Alias]) -> _Edit:
    keywords = {each.arg: each for each in call.keywords}
    if not {"name", "format"} <= keywords.keys():
        raise NotEditableError
    indent = " " * keywords["name"].col_offset
    new = [alias_in_python(alias) for alias in aliases]
    if "aliases" not in keywords:
        return _lines_behind(declaration, keywords["format"].value, [f"{indent}{_tuple(new, indent)},"])
    value = keywords["aliases"].value
    if not isinstance(value, ast.Tuple) or not all(isinstance(each, ast.Call) for each in value.elts):
        raise NotEditableError
    old = [ast.get_source_segment(declaration, each) or "" for each in value.elts]
    if value.lineno == value.end_lineno:
        start = (keywords["aliases"].lineno, keywords["aliases"].col_offset)
        return start, (value.lineno, value.end_col_offset or 0), _tuple([*old, *new], indent)
    last = value.elts[-1]
    return _lines_behind(declaration, last, [f"{' ' * last.col_offset}{each}," for each in new])


def _lines_behind(declaration: str, node: ast.expr, lines: Sequence[str]) -> _Edit:
    """Return lines behind the line on which an argument ends, so that a comment there stays with its argument."""
    number, column = node.end_lineno or 0, node.end_col_offset or 0
    line = declaration.encode().splitlines()[number - 1]
    if not re.fullmatch(rb",\s*(#.*)?", line[column:]):
        raise NotEditableError
    end = (number, len(line))
    return end, end, "".join(f"\n{each}" for each in lines)


def _tuple(elements: Sequence[str], indent: str) -> str:
    """Return the argument on one line if it fits, else one line for each alias."""
    line = f"aliases=({', '.join(elements)}{',' if len(elements) == 1 else ''})"
    if len(indent) + len(line) < _MAX_LINE:
        return line
    return "aliases=(\n" + "".join(f"{indent}    {each},\n" for each in elements) + f"{indent})"


def _import_edit(declaration: str, node: ast.ImportFrom) -> _Edit:
    """Return the import with `Alias`, in ruff's order: constants, then classes."""
    constants = [each for each in node.names if each.name.isupper()]
    following = [each for each in node.names if not each.name.isupper()]
    if node.lineno == node.end_lineno:
        names = [ast.get_source_segment(declaration, each) or "" for each in (*constants, *following)]
        names.insert(len(constants), "Alias")
        line = f"from {node.module} import {', '.join(names)}"
        if len(line) > _MAX_LINE:
            line = f"from {node.module} import (\n" + "".join(f"    {name},\n" for name in names) + ")"
        return (node.lineno, node.col_offset), (node.lineno, node.end_col_offset or 0), line
    if not following:
        raise NotEditableError
    start = (following[0].lineno, following[0].col_offset)
    return start, start, "Alias,\n" + " " * following[0].col_offset


def _declared(text: str, name: str) -> Source | None:
    """Return what a declaration declares, as the DAG processor would read it; None if it does not run."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"{name}.py")
        path.write_text(text, encoding="utf-8", newline="")
        try:
            return read_source(path)
        except GrowthVerticalsError:
            return None


def _only(nodes: list[_Node]) -> _Node:
    if len(nodes) != 1:
        raise NotEditableError
    return nodes[0]


def _name(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else ""


def _text(value: str) -> str:
    """Return a string literal in double quotes."""
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


# --- the diff -----------------------------------------------------------------------------------------------------


def unified_diff(path: str, before: str, after: str) -> str:
    """Return the difference of one file as `git apply` reads it."""
    lines = difflib.unified_diff(_lines(before), _lines(after), f"a/{path}", f"b/{path}")
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)


def _lines(text: str) -> list[str]:
    return re.findall(r"[^\n]*\n|[^\n]+", text)
