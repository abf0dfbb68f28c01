"""Helpers of the tests of `files/`: make a source and a contract, and read a file to its end."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from growth_verticals.contract.table import Column, TableContract
from growth_verticals.files import open_reader
from growth_verticals.source import Delimited, FixedWidth, Inbox, OnDemand, Source
from tests.unit.files.counting import count_records

if TYPE_CHECKING:
    from growth_verticals.reader import Reader
    from growth_verticals.source import Format


#: Counting the records of a larger file a second time would take too long.
LARGE_FILE = 2**20


@dataclass
class ReadResult:
    """A file's rows as dicts, and its rejects."""

    rows: list[dict[str, Any]]
    rejects: list[dict[str, Any]]

    def column(self, name: str) -> list[Any]:
        return [row[name] for row in self.rows]

    @property
    def reasons(self) -> list[tuple[int, str | None, str]]:
        return [(each["source_row"], each["column_name"], each["reason"]) for each in self.rejects]


def source(form: Format | None = None, **options: Any) -> Source:
    return Source(
        name="probe",
        table="probe.person",
        cadence=OnDemand(),
        delivery=Inbox(),
        format=form or Delimited(),
        **options,
    )


def contract(**columns: str) -> TableContract:
    """Return a contract with the columns `name="type"`; a `!` after the type means NOT NULL."""
    return TableContract(
        namespace="probe",
        name="person",
        columns=tuple(
            Column(name=name, type=type_name.removesuffix("!"), required=type_name.endswith("!"))
            for name, type_name in columns.items()
        ),
    )


def drain(reader: Reader) -> ReadResult:
    """Read a file to its end. Nothing is lost: every record is a row or a reject."""
    result = ReadResult([], [])
    for block in reader.blocks():
        parsed = reader.parse(block)
        assert parsed.rows_read == parsed.rows.num_rows + parsed.rejects.num_rows
        parsed.rows.validate(full=True)
        parsed.rejects.validate(full=True)
        result.rows += parsed.rows.to_pylist()
        result.rejects += parsed.rejects.to_pylist()
    return result


def read(
    data: bytes | str, table: TableContract, form: Format | None = None, name: str = "f.txt", **options: Any
) -> ReadResult:
    raw = data.encode() if isinstance(data, str) else data
    result = drain(open_reader(io.BytesIO(raw), name, source(form, **options), table))
    form = form or Delimited()
    if isinstance(form, Delimited | FixedWidth) and name.endswith((".txt", ".csv")) and len(raw) < LARGE_FILE:
        assert len(result.rows) + len(result.rejects) == count_records(raw, form)
    return result
