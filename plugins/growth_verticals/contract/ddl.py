"""SQL DDL → table contract. One statement, read by recursive descent over sqlparse's tokens.

    CREATE [EXTERNAL] TABLE [IF NOT EXISTS] [namespace.]name (column type [NOT NULL] [COMMENT '…'], …)
      [PARTITIONED BY (column | transform(column), …)] [SORTED BY (column, …)] [COMMENT '…']
      [TBLPROPERTIES ('key' = 'value', …)]

The clauses behind the columns may come in any order, once each. Words are taken in any case; names become lower case
unless quoted. Everything else is refused with line, column and a caret.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar, cast

from growth_verticals.contract.table import PROVENANCE, Column, PartitionField, PiiClass, TableContract
from growth_verticals.contract.tokens import Token, tokenize
from growth_verticals.errors import DdlError

if TYPE_CHECKING:
    from collections.abc import Callable

#: The seed's mapping of SQL types; `decimal` and `map` take arguments and are read apart.
TYPES = {
    "string": "string", "varchar": "string", "char": "string", "text": "string",
    "int": "int", "integer": "int", "bigint": "long", "long": "long",
    "float": "float", "double": "double", "boolean": "boolean", "bool": "boolean",
    "date": "date", "timestamp": "timestamp", "timestamptz": "timestamp", "binary": "binary", "uuid": "uuid",
}  # fmt: skip
_TRANSFORMS = {"year": "year", "years": "year", "month": "month", "months": "month", "day": "day", "days": "day",
               "date": "day", "hour": "hour", "hours": "hour", "date_hour": "hour"}  # fmt: skip
_PII = re.compile(r"\[([DQHPON])\]\s*")
_NO_NAMESPACE = "default"
_MAX_NAME = 255
_TABLE_NAME = re.compile(r"[a-z]([a-z0-9_]*[a-z0-9])?")
_COLUMN_NAME = re.compile(r"[a-z][a-z0-9_]*")
_PROVENANCE_NAMES = frozenset(column.name for column in PROVENANCE)
T = TypeVar("T")


def read_ddl(text: str, *, file: str = "SQL", namespace: str = _NO_NAMESPACE) -> TableContract:
    """Return the table that `text` declares.

    :param file: what error messages call the text.
    :param namespace: for a table name without one.
    Raises `DdlError`, with line, column and caret, for any text that is not such a statement.
    """
    return _Parser(text, file, namespace).statement()


class _Parser:
    def __init__(self, text: str, file: str, namespace: str) -> None:
        self.text = text
        self.file = file
        self.namespace = namespace
        self.tokens = tokenize(text)
        self.at = 0
        self.columns: dict[str, Column] = {}

    # --- the grammar ---

    def statement(self) -> TableContract:
        self.expect("create")
        self.accept("external")
        self.expect("table")
        if self.accept("if"):
            self.expect("not")
            self.expect("exists")
        namespace, name = self.table_name()
        if not self.at_mark("("):
            self.fail("a table is declared by its columns", expected="'('")
        self.listed(self.column)
        clauses = self.clauses()
        self.accept(";")
        if self.peek().kind != "end":
            self.fail("one statement a file, and nothing behind it", expected="the end of the text")
        return TableContract(
            namespace=namespace,
            name=name,
            columns=tuple(self.columns.values()),
            partition_by=clauses.get("partitioned", ()),
            sort_by=clauses.get("sorted", ()),
            doc=clauses.get("comment", ""),
            properties=clauses.get("tblproperties", ()),
        )

    def table_name(self) -> tuple[str, str]:
        first = self.name("a table's name", _TABLE_NAME)
        if not self.accept("."):
            return self.namespace, first
        if first.startswith("aws"):
            self.fail("a namespace may not start with 'aws'", back=2)
        second = self.name("a table's name", _TABLE_NAME)
        if self.at_mark("."):
            self.fail("a namespace has one level", expected="namespace.table")
        return first, second

    def column(self) -> None:
        name = self.name("a column's name", _COLUMN_NAME)
        if name in self.columns:
            self.fail("this column is declared twice", back=1)
        if name in _PROVENANCE_NAMES:
            self.fail("every table has this provenance column of itself", back=1, expected="another name")
        column_type = self.type()
        required = False
        if self.accept("not"):
            self.expect("null")
            required = True
        comment = self.string("a comment") if self.accept("comment") else ""
        pii = _PII.match(comment)
        self.columns[name] = Column(
            name=name,
            type=column_type,
            required=required,
            doc=comment[pii.end() :] if pii else comment,
            pii=cast("PiiClass", pii[1]) if pii else None,
        )

    def type(self) -> str:
        word = self.take("word", "a type").text.lower()
        if word in ("varchar", "char") and self.at_mark("("):
            self.arguments(1, 1)
        if word in TYPES:
            return TYPES[word]
        if word == "decimal":
            precision, scale = self.arguments(1, 2) if self.at_mark("(") else (10, 0)
            if not (1 <= precision <= 38 and 0 <= scale <= precision):
                self.fail("this decimal cannot be kept", back=1, expected="precision 1 to 38, scale 0 to precision")
            return f"decimal({precision}, {scale})"
        if word == "map":
            self.expect("<")
            key = self.type()
            self.expect(",")
            value = self.type()
            self.expect(">")
            if key == value == "string":
                return "map<string, string>"
        self.fail("unknown type", back=1, expected=", ".join([*TYPES, "decimal(p,s)", "map<string,string>"]))

    def clauses(self) -> dict[str, Any]:
        readers: dict[str, Callable[[], Any]] = {
            "partitioned": lambda: self.listed_by(self.partition_field),
            "sorted": lambda: self.listed_by(self.known_column),
            "comment": lambda: self.string("a comment"),
            "tblproperties": lambda: tuple(self.listed(self.property)),
        }
        found: dict[str, Any] = {}
        while (word := self.peek().text.lower()) in readers and self.peek().kind == "word":
            self.at += 1
            if word in found:
                self.fail("this clause stands here twice", back=1)
            found[word] = readers[word]()
        return found

    def partition_field(self) -> PartitionField:
        if self.tokens[self.at + 1].text != "(":
            return PartitionField(column=self.known_column())
        word = self.take("word", "a transform").text.lower()
        if word in _TRANSFORMS:
            (column,) = self.listed(self.known_column, exactly=1)
            return PartitionField(column=column, transform=_TRANSFORMS[word])
        if word not in ("bucket", "truncate"):
            self.fail("unknown transform", back=1, expected="year, month, day, hour, bucket or truncate")
        width, column = self.sized_transform()
        return PartitionField(column=column, transform=f"{word}[{width}]")

    def sized_transform(self) -> tuple[int, str]:
        """Read `(n, column)` as Spark writes it, or `(column, n)`."""
        self.expect("(")
        number_first = self.peek().kind == "number"
        first: str | int = self.number() if number_first else self.known_column()
        self.expect(",")
        second: str | int = self.known_column() if number_first else self.number()
        self.expect(")")
        width, column = (first, second) if number_first else (second, first)
        return cast("int", width), cast("str", column)

    def known_column(self) -> str:
        name = self.name("a column's name", _COLUMN_NAME)
        if name not in self.columns and name not in _PROVENANCE_NAMES:
            self.fail("no column of this name is declared above", back=1)
        return name

    def property(self) -> tuple[str, str]:
        key = self.string("a property's name")
        self.expect("=")
        return key, self.string("a property's value")

    def arguments(self, least: int, most: int) -> tuple[int, int]:
        numbers = self.listed(self.number)
        if not least <= len(numbers) <= most:
            self.fail("wrong number of arguments", back=1, expected=str(most))
        return numbers[0], numbers[1] if len(numbers) > 1 else 0

    # --- tokens ---

    def peek(self) -> Token:
        return self.tokens[self.at]

    def at_mark(self, mark: str) -> bool:
        return self.peek().kind == "mark" and self.peek().text == mark

    def accept(self, text: str) -> bool:
        """Step over the word or mark `text` if it stands here."""
        token = self.peek()
        if token.kind in ("word", "mark") and token.text.lower() == text:
            self.at += 1
            return True
        return False

    def expect(self, text: str) -> None:
        if not self.accept(text):
            self.fail("this cannot stand here", expected=f"'{text.upper()}'")

    def take(self, kind: str, what: str) -> Token:
        token = self.peek()
        if token.kind != kind:
            self.fail("this cannot stand here", expected=what)
        self.at += 1
        return token

    def string(self, what: str) -> str:
        return self.take("string", f"{what} in single quotes").text

    def number(self) -> int:
        token = self.take("number", "a whole number")
        if len(token.text) > 9:
            self.fail("this number is too large", back=1)
        return int(token.text)

    def name(self, what: str, pattern: re.Pattern[str]) -> str:
        token = self.peek()
        if token.kind not in ("word", "quoted"):
            self.fail("this cannot stand here", expected=what)
        name = token.text.lower() if token.kind == "word" else token.text
        if not pattern.fullmatch(name) or len(name) > _MAX_NAME:
            self.fail(
                "Athena and Glue would hide or refuse this name",
                expected=f"{what} of a-z, 0-9 and _, 1 to {_MAX_NAME} characters, with a letter first",
            )
        self.at += 1
        return name

    def listed(self, item: Callable[[], T], exactly: int | None = None) -> list[T]:
        self.expect("(")
        items = [item()]
        while self.accept(","):
            items.append(item())
        self.expect(")")
        if exactly not in (None, len(items)):
            self.fail("wrong number of arguments", back=1, expected=str(exactly))
        return items

    def listed_by(self, item: Callable[[], T]) -> tuple[T, ...]:
        self.expect("by")
        return tuple(self.listed(item))

    def fail(self, what: str, *, expected: str | None = None, back: int = 0) -> NoReturn:
        """Raise the error for the token `back` tokens before this one."""
        token = self.tokens[max(self.at - back, 0)]
        raise DdlError(
            what,
            text=self.text,
            file=self.file,
            line=token.line,
            column=token.column,
            expected=expected,
            found=token.describe(),
        )
