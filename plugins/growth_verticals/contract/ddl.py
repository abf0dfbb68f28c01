"""Parses SQL DDL as a table contract: one statement, by recursive descent over sqlparse's tokens.

    CREATE [EXTERNAL] TABLE [IF NOT EXISTS] [namespace.]name (column type [NOT NULL] [COMMENT '…'], …)
      [USING ICEBERG] [PARTITIONED BY (column | transform(column), …)] [SORTED BY (column, …)] [COMMENT '…']
      [TBLPROPERTIES ('key' = 'value', …)]

The clauses after the columns can be in any order, each at most once. Keywords are case-insensitive; names become lower
case unless quoted. Anything else is an error that shows line, column and a caret.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from growth_verticals.contract.table import (
    PROVENANCE,
    Column,
    PartitionField,
    TableContract,
    is_column_name,
    is_namespace,
    is_table_name,
    split_comment,
)
from growth_verticals.contract.tokens import Cursor

if TYPE_CHECKING:
    from collections.abc import Callable

    from growth_verticals.contract.tokens import Token

NO_NAMESPACE = "default"
#: Iceberg's type for each SQL type; `decimal`, `map` and `timestamp with time zone` are parsed separately.
TYPES = {
    "string": "string", "varchar": "string", "char": "string", "text": "string",
    "int": "int", "integer": "int", "bigint": "long", "long": "long",
    "float": "float", "double": "double", "boolean": "boolean", "bool": "boolean",
    "date": "date", "timestamp": "timestamp", "timestamptz": "timestamp", "binary": "binary", "uuid": "uuid",
}  # fmt: skip
#: Iceberg's transform for each name in Spark's and Athena's SQL.
_TRANSFORMS = {"year": "year", "years": "year", "month": "month", "months": "month", "day": "day", "days": "day",
               "date": "day", "hour": "hour", "hours": "hour", "date_hour": "hour", "identity": "identity",
               "bucket": "bucket", "truncate": "truncate"}  # fmt: skip
_TRANSFORMS_WITH_WIDTH = ("bucket", "truncate")
_TIME_TRANSFORMS = ("year", "month", "day", "hour")
#: The types that a transform can be applied to (Iceberg table specification, "Partition Transforms").
_TIMESTAMPS = {"timestamp", "timestamptz"}
_TRUNCATE_TYPES = {"int", "long", "decimal", "string", "binary"}
_APPLIES_TO = {
    **dict.fromkeys(("year", "month", "day"), {"date"} | _TIMESTAMPS),
    "hour": _TIMESTAMPS,
    "truncate": _TRUNCATE_TYPES,
    "bucket": {"date", "uuid"} | _TIMESTAMPS | _TRUNCATE_TYPES,
    "identity": {"date", "uuid", "float", "double", "boolean"} | _TIMESTAMPS | _TRUNCATE_TYPES,
}
_PROVENANCE_TYPES = {column.name: column.type for column in PROVENANCE}


def read_ddl(text: str, *, file: str = "SQL", namespace: str = NO_NAMESPACE, provenance: bool = True) -> TableContract:
    """Return the table that `text` declares.

    :param file: the text's name in error messages.
    :param namespace: for a table name without one.
    :param provenance: whether the table also has the provenance columns. Then no column can have one of their names,
        and PARTITIONED BY and SORTED BY can use them.
    Raises `DdlError`, with line, column and caret, for any text that is not such a statement.
    """
    return _Parser(text, file, namespace, provenance=provenance).statement()


def read_identifier(text: str, *, file: str = "SQL", namespace: str = NO_NAMESPACE) -> str:
    """Return `namespace.table` from the start of `text`, and ignore the rest. Raises `DdlError`."""
    return ".".join(_Parser(text, file, namespace).table_name())


def read_type(text: str) -> str:
    """Return Iceberg's name for one SQL type. Raises `DdlError`."""
    parser = _Parser(text, "type", NO_NAMESPACE)
    column_type = parser.type()
    parser.end()
    return column_type


class _Parser(Cursor):
    def __init__(self, text: str, file: str, namespace: str, *, provenance: bool = True) -> None:
        super().__init__(text, file)
        self.namespace = namespace
        self.provenance = provenance
        self.columns: dict[str, Column] = {}
        self.partitions: dict[str, PartitionField] = {}
        self.sort_by: list[str] = []

    def statement(self) -> TableContract:
        namespace, name = self.table_name()
        if not self.at_mark("("):
            self.fail("the list of columns is missing", expected="'('")
        self.parenthesized(self.column)
        clauses = self.clauses()
        self.accept(";")
        self.end()
        return TableContract(
            namespace=namespace,
            name=name,
            columns=tuple(self.columns.values()),
            partition_by=tuple(self.partitions.values()),
            sort_by=tuple(self.sort_by),
            doc=clauses.get("comment", ""),
            properties=clauses.get("tblproperties", ()),
            provenance=self.provenance,
        )

    def table_name(self) -> tuple[str, str]:
        self.expect("create")
        self.accept("external")
        self.expect("table")
        if self.accept("if"):
            self.expect("not")
            self.expect("exists")
        first = self.name("a table name", is_table_name)
        if not self.accept("."):
            return self.namespace, first
        if not is_namespace(first):
            self.fail("a namespace must not start with 'aws'", back=2)
        second = self.name("a table name", is_table_name)
        if self.at_mark("."):
            self.fail("a namespace has one level", expected="namespace.table")
        return first, second

    def end(self) -> None:
        if self.peek().kind != "end":
            self.fail("only one statement is allowed, with nothing after it", expected="the end of the text")

    def column(self) -> None:
        name = self.name("a column name", is_column_name)
        if name in self.columns:
            self.fail("this column is declared twice", back=1)
        if self.provenance and name in _PROVENANCE_TYPES:
            self.fail("this name is reserved for a provenance column", back=1, expected="another name")
        column_type = self.type()
        required = False
        if self.accept("not"):
            self.expect("null")
            required = True
        pii, doc = split_comment(self.string("a comment") if self.accept("comment") else "")
        self.columns[name] = Column(name=name, type=column_type, required=required, doc=doc, pii=pii)

    def type(self) -> str:
        start = self.take("word", "a type")
        word = start.text.lower()
        if word in ("varchar", "char") and self.at_mark("("):
            self.arguments(1, 1)
        if word == "timestamp" and self.accept("with"):
            self.expect("time")
            self.expect("zone")
            return "timestamptz"
        if word in TYPES:
            return TYPES[word]
        if word == "decimal":
            precision, scale = self.arguments(1, 2) if self.at_mark("(") else (10, 0)
            if not (1 <= precision <= 38 and 0 <= scale <= precision):
                expected = "precision 1 to 38, scale 0 to precision"
                self.fail("this decimal is not supported", at=start, expected=expected)
            return f"decimal({precision}, {scale})"
        if word == "map":
            self.expect("<")
            key = self.type()
            self.expect(",")
            value = self.type()
            self.expect(">")
            if key == value == "string":
                return "map<string, string>"
        self.fail("unknown type", at=start, expected=", ".join([*TYPES, "decimal(p,s)", "map<string,string>"]))

    def clauses(self) -> dict[str, Any]:
        readers: dict[str, Callable[[], Any]] = {
            "using": lambda: self.expect("iceberg"),
            "partitioned": lambda: self.by_parenthesized(self.partition_field),
            "sorted": lambda: self.by_parenthesized(self.sort_column),
            "comment": lambda: self.string("a comment"),
            "tblproperties": lambda: tuple(self.parenthesized(self.property)),
        }
        values: dict[str, Any] = {}
        while (word := self.peek().text.lower()) in readers and self.peek().kind == "word":
            self.position += 1
            if word in values:
                self.fail("this clause appears twice", back=1)
            values[word] = readers[word]()
        return values

    def partition_field(self) -> None:
        start, transform, width = self.peek(), "identity", None
        if self.tokens[min(self.position + 1, len(self.tokens) - 1)].text != "(":
            column = self.declared_column()
        else:
            word = self.take("word", "a transform").text.lower()
            if word not in _TRANSFORMS:
                self.fail("unknown transform", at=start, expected="year, month, day, hour, bucket or truncate")
            transform = _TRANSFORMS[word]
            if transform in _TRANSFORMS_WITH_WIDTH:
                width, column = self.width_and_column()
            else:
                (column,) = self.parenthesized(self.declared_column, exactly=1)
        base_type = self.type_of(column).split("(")[0]
        if base_type not in _APPLIES_TO[transform]:
            self.fail(f"{transform} does not apply to {base_type}", at=start)
        field = PartitionField(column=column, transform=transform if width is None else f"{transform}[{width}]")
        self.check_partition(field, start)
        self.partitions[field.name] = field

    def check_partition(self, field: PartitionField, start: Token) -> None:
        """Fail for a field that Iceberg's own builder of partition specs refuses."""
        if field.name in self.partitions:
            self.fail("the table is already partitioned by this", at=start)
        if field.transform in _TIME_TRANSFORMS:
            for other in self.partitions.values():
                if other.column == field.column and other.transform in _TIME_TRANSFORMS:
                    self.fail("a column can have only one of year, month, day and hour", at=start)
        if field.transform != "identity" and field.name in self.columns:
            self.fail(f"the partition field's name, {field.name}, is also a column's name", at=start)

    def width_and_column(self) -> tuple[int, str]:
        """Parse `(n, column)`, as in Spark and Athena, or `(column, n)`."""
        self.expect("(")
        number_first = self.peek().kind == "number"
        first: str | int = self.width() if number_first else self.declared_column()
        self.expect(",")
        second: str | int = self.declared_column() if number_first else self.width()
        self.expect(")")
        width, column = (first, second) if number_first else (second, first)
        return cast("int", width), cast("str", column)

    def width(self) -> int:
        number = self.number()
        if number < 1:
            self.fail("a width must be 1 or more", back=1)
        return number

    def sort_column(self) -> None:
        name = self.declared_column()
        if self.type_of(name).startswith("map"):
            self.fail("a table cannot be sorted by a map", back=1)
        if name in self.sort_by:
            self.fail("the table is already sorted by this", back=1)
        self.sort_by.append(name)

    def declared_column(self) -> str:
        name = self.name("a column name", is_column_name)
        if name not in self.columns and not (self.provenance and name in _PROVENANCE_TYPES):
            reason = "; only a declared source's table has this provenance column" if name in _PROVENANCE_TYPES else ""
            self.fail(f"no column with this name is declared above{reason}", back=1)
        return name

    def type_of(self, column: str) -> str:
        return self.columns[column].type if column in self.columns else _PROVENANCE_TYPES[column]

    def property(self) -> tuple[str, str]:
        key = self.string("a property name")
        self.expect("=")
        return key, self.string("a property value")

    def arguments(self, minimum: int, maximum: int) -> tuple[int, int]:
        numbers = self.parenthesized(self.number)
        if not minimum <= len(numbers) <= maximum:
            self.fail("wrong number of arguments", back=1, expected=str(maximum))
        return numbers[0], numbers[1] if len(numbers) > 1 else 0
