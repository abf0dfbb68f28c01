"""A table's contract, as plain data: `ddl.py` parses it, `schema.py` converts it to Arrow and Iceberg schemas.

A source's table also has the provenance columns, which no SQL file contains. They make the table its own ledger: the
pair (`delivery_period`, `source_file_sha256`) shows whether a file's content is already loaded.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Literal, cast

PiiClass = Literal["D", "Q", "H", "P", "O", "N"]

MAX_NAME = 255
_TABLE_NAME = re.compile(r"[a-z]([a-z0-9_]*[a-z0-9])?")
_COLUMN_NAME = re.compile(r"[a-z][a-z0-9_]*")
_PII = re.compile(r"\[([DQHPON])\]\s*")


def is_table_name(name: str) -> bool:
    """Whether S3 Tables accepts this name for a table or namespace, and Athena shows it.

    Source: S3 user guide, "Naming rules for tables and namespaces"; Athena requires a letter first.
    """
    return bool(_TABLE_NAME.fullmatch(name)) and len(name) <= MAX_NAME


def is_namespace(name: str) -> bool:
    """Whether S3 Tables accepts this name for a namespace: a table name that does not start with `aws`."""
    return is_table_name(name) and not name.startswith("aws")


def is_column_name(name: str) -> bool:
    """Whether Athena and Glue show a column with this name."""
    return bool(_COLUMN_NAME.fullmatch(name)) and len(name) <= MAX_NAME


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column.

    :param type: Iceberg's name: `string int long float double boolean date timestamp timestamptz binary uuid`,
        `decimal(p, s)`, `map<string, string>`.
    :param required: NOT NULL.
    :param doc: the comment without its PII class.
    :param pii: D direct identifier, Q quasi-identifier, H health, P political, O other sensitive, N none; None where
        the SQL file does not say.
    """

    name: str
    type: str
    required: bool = False
    doc: str = ""
    pii: PiiClass | None = None

    @property
    def comment(self) -> str:
        """The comment in SQL files and in Iceberg: the PII class in brackets, then the doc."""
        if self.pii is None:
            return self.doc
        return f"[{self.pii}] {self.doc}" if self.doc else f"[{self.pii}]"


def split_comment(comment: str) -> tuple[PiiClass | None, str]:
    """Return the PII class and the doc in a column's comment."""
    match = _PII.match(comment)
    return (cast("PiiClass", match[1]), comment[match.end() :]) if match else (None, comment)


@dataclass(frozen=True, kw_only=True)
class PartitionField:
    """`transform` is `identity`, `year`, `month`, `day`, `hour`, `bucket[n]` or `truncate[n]` of `column`."""

    column: str
    transform: str = "identity"

    @property
    def name(self) -> str:
        """The field's name: the column's, followed by the transform's unless that is identity."""
        return self.column if self.transform == "identity" else f"{self.column}_{self.transform.split('[')[0]}"


@dataclass(frozen=True, kw_only=True)
class TableContract:
    """A table: the declared `columns` (the vendor's), then the provenance columns.

    :param sort_by: columns, ascending with nulls last; used for compaction and for the order of rows within files.
    :param properties: the TBLPROPERTIES. They are used for warnings only: S3 Tables has its own settings.
    :param provenance: whether the table has the provenance columns; every source's table has them.
    """

    namespace: str
    name: str
    columns: tuple[Column, ...]
    partition_by: tuple[PartitionField, ...] = ()
    sort_by: tuple[str, ...] = ()
    doc: str = ""
    properties: tuple[tuple[str, str], ...] = field(default=())
    provenance: bool = True

    @property
    def identifier(self) -> str:
        return f"{self.namespace}.{self.name}"

    @property
    def all_columns(self) -> tuple[Column, ...]:
        return self.columns + PROVENANCE if self.provenance else self.columns


PROVENANCE = (
    Column(name="delivery_period", type="string", required=True, pii="N", doc="Period of the delivery, e.g. 2026Q4"),
    Column(name="source_file", type="string", required=True, pii="N", doc="Name of the file as the vendor sent it"),
    Column(name="source_file_sha256", type="string", required=True, pii="N", doc="SHA-256 of the file's bytes, hex"),
    Column(
        name="source_row", type="long", required=True, pii="N", doc="Line or row in the file where the record starts"
    ),
    Column(name="staged_at", type="timestamptz", required=True, pii="N", doc="When the file was staged, UTC"),
)
#: Provenance column → its former name, which existing tables can have. A plan renames the column.
FORMER_NAMES = {"staged_at": "loaded_at"}

_REJECT_COLUMNS = (
    Column(name="column_name", type="string", pii="N", doc="Column with the error; several are separated by '; '"),
    Column(name="reason", type="string", required=True, pii="N", doc="Reason code; several are separated by '; '"),
    Column(name="expected", type="string", pii="N", doc="What the SQL file requires"),
    Column(name="raw_record", type="string", pii="D", doc="The raw record, cut at 16,384 characters"),
)


def rejects_contract(table: TableContract) -> TableContract:
    """Return the contract of `<table>_rejects`, whose rows are the rejected records of `table`'s files."""
    return TableContract(
        namespace=table.namespace,
        name=f"{table.name}_rejects",
        columns=_REJECT_COLUMNS,
        partition_by=(PartitionField(column="delivery_period"),),
        doc=f"Rejected records of {table.identifier}",
    )
