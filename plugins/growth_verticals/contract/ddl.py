"""SQL DDL → table contract. One statement, read by recursive descent over sqlparse's tokens.

    CREATE [EXTERNAL] TABLE [IF NOT EXISTS] [namespace.]name (column type [NOT NULL] [COMMENT '…'], …)
      [USING ICEBERG] [PARTITIONED BY (column | transform(column), …)] [SORTED BY (column, …)] [COMMENT '…']
      [TBLPROPERTIES ('key' = 'value', …)]

The clauses behind the columns may come in any order, once each. Words are taken in any case; names become lower case
unless quoted. Everything else is refused with line, column and a caret.
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
#: Iceberg's type for each SQL type; `decimal`, `map` and `timestamp with time zone` are read apart.
TYPES = {
    "string": "string", "varchar": "string", "char": "string", "text": "string",
    "int": "int", "integer": "int", "bigint": "long", "long": "long",
    "float": "float", "double": "double", "boolean": "boolean", "bool": "boolean",
    "date": "date", "timestamp": "timestamp", "timestamptz": "timestamp", "binary": "binary", "uuid": "uuid",
}  # fmt: skip
#: Spark's and Athena's words for Iceberg's transforms.
_TRANSFORMS = {"year": "year", "years": "year", "month": "month", "months": "month", "day": "day", "days": "day",
               "date": "day", "hour": "hour", "hours": "hour", "date_hour": "hour", "identity": "identity",
               "bucket": "bucket", "truncate": "truncate"}  # fmt: skip
_SIZED = ("bucket", "truncate")
_TIMES = ("year", "month", "day", "hour")
#: What a transform can be applied to (Iceberg table specification, "Partition Transforms").
_INSTANTS = {"timestamp", "timestamptz"}
_TRUNCATED = {"int", "long", "decimal", "string", "binary"}
_APPLIES_TO = {
    **dict.fromkeys(("year", "month", "day"), {"date"} | _INSTANTS),
    "hour": _INSTANTS,
    "truncate": _TRUNCATED,
    "bucket": {"date", "uuid"} | _INSTANTS | _TRUNCATED,
    "identity": {"date", "uuid", "float", "double", "boolean"} | _INSTANTS | _TRUNCATED,
}
_PROVENANCE_TYPES = {column.name: column.type for column in PROVENANCE}


def read_ddl(text: str, *, file: str = "SQL", namespace: str = NO_NAMESPACE, provenance: bool = True) -> TableContract:
    """Return the table that `text` declares.

    :param file: what error messages call the text.
    :param namespace: for a table name without one.
    :param provenance: whether the table is to have the provenance columns too; then no column may take their names,
        and PARTITIONED BY and SORTED BY may name them.
    Raises `DdlError`, with line, column and caret, for any text that is not such a statement.
    """
    return _Parser(text, file, namespace, provenance=provenance).statement()


def read_identifier(text: str, *, file: str = "SQL", namespace: str = NO_NAMESPACE) -> str:
    """Return `namespace.table` as `text` begins to declare it. Raises `DdlError`."""
    return ".".join(_Parser(text, file, namespace).head())


def read_type(text: str) -> str:
    """Return Iceberg's spelling of one SQL type. Raises `DdlError`."""
    parser = _Parser(text, "type", NO_NAMESPACE)
    found = parser.type()
    parser.end()
    return found


class _Parser(Cursor):
    def __init__(self, text: str, file: str, namespace: str, *, provenance: bool = True) -> None:
        super().__init__(text, file)
        self.namespace = namespace
        self.provenance = provenance
        self.columns: dict[str, Column] = {}
        self.partitions: dict[str, PartitionField] = {}
        self.sort_by: list[str] = []

    def statement(self) -> TableContract:
        namespace, name = self.head()
        if not self.at_mark("("):
            self.fail("a table is declared by its columns", expected="'('")
        self.listed(self.column)
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

    def head(self) -> tuple[str, str]:
        self.expect("create")
        self.accept("external")
        self.expect("table")
        if self.accept("if"):
            self.expect("not")
            self.expect("exists")
        first = self.name("a table's name", is_table_name)
        if not self.accept("."):
            return self.namespace, first
        if not is_namespace(first):
            self.fail("a namespace may not start with 'aws'", back=2)
        second = self.name("a table's name", is_table_name)
        if self.at_mark("."):
            self.fail("a namespace has one level", expected="namespace.table")
        return first, second

    def end(self) -> None:
        if self.peek().kind != "end":
            self.fail("one statement a file, and nothing behind it", expected="the end of the text")

    def column(self) -> None:
        name = self.name("a column's name", is_column_name)
        if name in self.columns:
            self.fail("this column is declared twice", back=1)
        if self.provenance and name in _PROVENANCE_TYPES:
            self.fail("every source's table has this provenance column of itself", back=1, expected="another name")
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
                self.fail("this decimal cannot be kept", at=start, expected=expected)
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
            "partitioned": lambda: self.listed_by(self.partition_field),
            "sorted": lambda: self.listed_by(self.sort_column),
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

    def partition_field(self) -> None:
        start, transform, width = self.peek(), "identity", None
        if self.tokens[min(self.at + 1, len(self.tokens) - 1)].text != "(":
            column = self.known_column()
        else:
            word = self.take("word", "a transform").text.lower()
            if word not in _TRANSFORMS:
                self.fail("unknown transform", at=start, expected="year, month, day, hour, bucket or truncate")
            transform = _TRANSFORMS[word]
            if transform in _SIZED:
                width, column = self.sized_transform()
            else:
                (column,) = self.listed(self.known_column, exactly=1)
        kind = self.type_of(column).split("(")[0]
        if kind not in _APPLIES_TO[transform]:
            self.fail(f"{transform} does not apply to {kind}", at=start)
        field = PartitionField(column=column, transform=transform if width is None else f"{transform}[{width}]")
        self.check_partition(field, start)
        self.partitions[field.name] = field

    def check_partition(self, field: PartitionField, start: Token) -> None:
        """Refuse what Iceberg's own builder of partition specs refuses."""
        if field.name in self.partitions:
            self.fail("the table is partitioned by this already", at=start)
        if field.transform in _TIMES:
            for other in self.partitions.values():
                if other.column == field.column and other.transform in _TIMES:
                    self.fail("year, month, day and hour exclude each other for a column", at=start)
        if field.transform != "identity" and field.name in self.columns:
            self.fail(f"the partition field would be called {field.name}, as a column is", at=start)

    def sized_transform(self) -> tuple[int, str]:
        """Read `(n, column)` as Spark and Athena write it, or `(column, n)`."""
        self.expect("(")
        number_first = self.peek().kind == "number"
        first: str | int = self.width() if number_first else self.known_column()
        self.expect(",")
        second: str | int = self.known_column() if number_first else self.width()
        self.expect(")")
        width, column = (first, second) if number_first else (second, first)
        return cast("int", width), cast("str", column)

    def width(self) -> int:
        number = self.number()
        if number < 1:
            self.fail("a width is 1 or more", back=1)
        return number

    def sort_column(self) -> None:
        name = self.known_column()
        if self.type_of(name).startswith("map"):
            self.fail("maps have no order", back=1)
        if name in self.sort_by:
            self.fail("the table is sorted by this already", back=1)
        self.sort_by.append(name)

    def known_column(self) -> str:
        name = self.name("a column's name", is_column_name)
        if name not in self.columns and not (self.provenance and name in _PROVENANCE_TYPES):
            more = ", and only the table of a declared source has it of itself" if name in _PROVENANCE_TYPES else ""
            self.fail(f"no column of this name is declared above{more}", back=1)
        return name

    def type_of(self, column: str) -> str:
        return self.columns[column].type if column in self.columns else _PROVENANCE_TYPES[column]

    def property(self) -> tuple[str, str]:
        key = self.string("a property's name")
        self.expect("=")
        return key, self.string("a property's value")

    def arguments(self, least: int, most: int) -> tuple[int, int]:
        numbers = self.listed(self.number)
        if not least <= len(numbers) <= most:
            self.fail("wrong number of arguments", back=1, expected=str(most))
        return numbers[0], numbers[1] if len(numbers) > 1 else 0
