"""A fictional source whose declaration a test can change, and the command line against the stand-in."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from growth_verticals import declarations
from growth_verticals.cli.__main__ import main
from growth_verticals.contract.declared import contract_of
from local import standin
from local.readback import read_table
from local.settings import Settings

DECLARATION = '''"""# ACME people
Made up."""

from growth_verticals.pipeline import delivery_dag  # builds the airflow DAG
from growth_verticals.source import Alias, Delimited, FixedWidth, Inbox, JsonLines, OnDemand, Pgp, Source

dag = delivery_dag(
    Source(
        name="acme",
        table="{table}",
        cadence=OnDemand(),
        delivery=Inbox(),
        format={form},
        max_rejected={max_rejected},
    ),
    doc=__doc__,
)
'''
SQL = """CREATE TABLE {table} (
    person_id STRING NOT NULL COMMENT '[Q] The vendor''s id',
    born      DATE            COMMENT '[D] Date of birth',
    visits    INT             COMMENT '[N] How often',
    note      STRING          COMMENT '[O] Free text'
)
PARTITIONED BY (delivery_period)
"""


class CommandResult(NamedTuple):
    """A command's exit code and output."""

    returncode: int
    stdout: str
    stderr: str


@dataclass(frozen=True)
class Acme:
    """The source `acme`, the only one in its folder."""

    folder: Path
    settings: Settings
    table: str
    capsys: pytest.CaptureFixture[str]

    def declare(self, form: str, max_rejected: float = 0.5) -> None:
        text = DECLARATION.format(table=self.table, form=form, max_rejected=max_rejected)
        (self.folder / "acme.py").write_text(text)

    def gv(self, *arguments: object) -> CommandResult:
        code = main([str(argument) for argument in arguments])
        return CommandResult(code, *self.capsys.readouterr())

    def read(self, sql: str, table: str = "") -> list[tuple[Any, ...]]:
        return read_table(self.settings, self.table + table, sql)

    def counts(self) -> list[int]:
        """Return the number of rows in the table and in its rejects table."""
        return [int(self.read("SELECT count(*) FROM t", table)[0][0]) for table in ("", "_rejects")]


@pytest.fixture
def acme(
    stand_in: Settings,
    tmp_path: Path,
    namespace: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Acme:
    folder, table = tmp_path / "sources", f"acme_{namespace}.person"
    folder.mkdir()
    (folder / "acme.sql").write_text(SQL.format(table=table))
    monkeypatch.setattr(declarations, "SOURCES_FOLDER", folder)
    monkeypatch.setattr(contract_of, "__defaults__", (folder,))
    for name, value in (
        standin.environment(stand_in) | {"GV_LANDING_URI": landing_uri_of(stand_in, namespace)}
    ).items():
        monkeypatch.setenv(name, value)
    source = Acme(folder, stand_in, table, capsys)
    source.declare("Delimited()")
    return source


def landing_uri_of(settings: Settings, namespace: str) -> str:
    """Return the URI of a landing zone that no other test uses."""
    return f"{standin.environment(settings)['GV_LANDING_URI']}/{namespace}"
