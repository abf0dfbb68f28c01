"""What the tests of this room share: a source, a contract, and a file read to its end."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from growth_verticals.contract.table import Column, TableContract
from growth_verticals.files import open_reader
from growth_verticals.source import Delimited, Inbox, OnDemand, Source

if TYPE_CHECKING:
    from growth_verticals.reader import Reader
    from growth_verticals.source import Format


@dataclass
class Read:
    """A file's rows as dicts, and its rejects."""

    rows: list[dict[str, Any]]
    rejects: list[dict[str, Any]]

    def column(self, name: str) -> list[Any]:
        return [row[name] for row in self.rows]

    @property
    def reasons(self) -> list[tuple[int, str | None, str]]:
        return [(each["source_row"], each["column_name"], each["reason"]) for each in self.rejects]


def source(form: Format | None = None, **more: Any) -> Source:
    return Source(
        name="probe",
        table="probe.person",
        cadence=OnDemand(),
        delivery=Inbox(),
        format=form or Delimited(),
        **more,
    )


def contract(**columns: str) -> TableContract:
    """Make a contract of `name="type"`; a `!` behind the type is NOT NULL."""
    return TableContract(
        namespace="probe",
        name="person",
        columns=tuple(
            Column(name=name, type=kind.removesuffix("!"), required=kind.endswith("!"))
            for name, kind in columns.items()
        ),
    )


def drain(reader: Reader) -> Read:
    read = Read([], [])
    for block in reader.blocks():
        parsed = reader.parse(block)
        assert parsed.rows_read == parsed.rows.num_rows + parsed.rejects.num_rows
        parsed.rows.validate(full=True)
        parsed.rejects.validate(full=True)
        read.rows += parsed.rows.to_pylist()
        read.rejects += parsed.rejects.to_pylist()
    return read


def read(data: bytes | str, table: TableContract, form: Format | None = None, name: str = "f.txt", **more: Any) -> Read:
    raw = data.encode() if isinstance(data, str) else data
    return drain(open_reader(io.BytesIO(raw), name, source(form, **more), table))
