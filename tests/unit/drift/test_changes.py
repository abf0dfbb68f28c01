"""500 generated changes of a vendor's columns: with the proposed patch applied, no column is another one's."""

from __future__ import annotations

import io
from pathlib import Path
from random import Random

import pyarrow as pa
import pytest

from growth_verticals import declarations
from growth_verticals.contract.ddl import read_ddl
from growth_verticals.contract.render import render_ddl
from growth_verticals.contract.table import Column, TableContract
from growth_verticals.declarations import read_source
from growth_verticals.drift import proposed
from growth_verticals.drift.propose import propose
from growth_verticals.drift.proposed import propose_patch, write_patch
from growth_verticals.drift.sample import read_sample
from growth_verticals.errors import ColumnsRefusedError
from growth_verticals.files import open_reader
from growth_verticals.files.casts import Caster
from growth_verticals.files.headers import ColumnMapping, column_names
from growth_verticals.source import Monthly, Source
from tests.unit.files import reading

from .changes import ALIKE, ROWS, Change, VendorColumn, cell, make_change, respelled, tables

CHANGES, BATCHES = 500, 10
MIN_FOUND = 0.98
PERIOD = Monthly().parse("2026-11")
PROBE = reading.source()
DECLARATION = '''"""# Probe"""

from growth_verticals.pipeline import delivery_dag  # builds the airflow DAG
from growth_verticals.source import Delimited, Inbox, Monthly, S3, Source

dag = delivery_dag(
    Source(
        name="probe",
        table="probe.person",
        cadence=Monthly(),
        delivery=S3(conn_id="s3", bucket="b", pattern="{{period}}.csv"),
        format=Delimited(),  # as agreed
        extra_columns="{policy}",
    ),
    doc=__doc__,
)
'''


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(declarations, "SOURCES_FOLDER", tmp_path)
    monkeypatch.setattr(proposed, "SCHEMAS", tmp_path)
    return tmp_path


def declare(folder: Path, table: list[Column], policy: str) -> tuple[Source, TableContract]:
    contract = TableContract(namespace="probe", name="person", columns=tuple(table))
    (folder / "probe.sql").write_text(render_ddl(contract))
    (folder / "probe.py").write_text(DECLARATION.format(policy=policy))
    return declared(folder)


def declared(folder: Path) -> tuple[Source, TableContract]:
    return read_source(folder / "probe.py"), read_ddl((folder / "probe.sql").read_text(), file="probe.sql")


def wrong_columns(change: Change, source: Source, contract: TableContract) -> list[str]:
    """Return the columns of the file that are taken for another column of the table."""
    mapping = ColumnMapping(source, contract)
    names = column_names([column.name for column in change.columns], mapping)
    table = {column.name for column in change.table}
    return [
        f"{column.name} (truly {column.true}) as {name}"
        for column, name in zip(change.columns, names, strict=True)
        if name in table and name != column.true
    ]


def check_loaded(change: Change, source: Source, contract: TableContract) -> bool:
    """Load the file: every value is in its true column, or in a new one. Return False if the file is refused."""
    reader = open_reader(io.BytesIO(change.csv()), "f.csv", source, contract, period=PERIOD)
    try:
        rows = [reader.parse(block).rows for block in reader.blocks()]
    except ColumnsRefusedError:
        return False
    assert sum(batch.num_rows for batch in rows) == ROWS
    true = {column.true: column for column in change.columns if column.true}
    for column in change.table:
        values = [value for batch in rows for value in batch.column(column.name).to_pylist()]
        if values != [None] * ROWS:
            cells = [cell(column.type, true[column.name].index, row) for row in range(ROWS)]
            expected = Caster(column, source.format)(pa.array(cells))[0].to_pylist()
            assert values == expected, column.name
    return True


@pytest.mark.parametrize("batch", range(BATCHES))
def test_no_column_is_ever_loaded_under_another_s_name(batch: int, folder: Path) -> None:
    pool = tables()
    loaded = 0
    for number in range(batch, CHANGES, BATCHES):
        random = Random(number)
        change = make_change(random, pool[number % len(pool)] if number % 2 else pool[number // 2 % len(ALIKE)])
        source, contract = declare(folder, change.table, random.choice(["ignore", "refuse"]))
        before = wrong_columns(change, source, contract)  # the vendor gave a column the name of another
        patch = propose_patch(io.BytesIO(change.csv()), "f.csv", source, contract, PERIOD)
        assert before or not patch.fits or check_loaded(change, source, contract)
        write_patch(patch)
        source, contract = declared(folder)
        message = f"{number} {change.operations}\n{patch.text()}"
        assert not patch.by_hand, message
        assert wrong_columns(change, source, contract) == before, message
        if not before:
            is_loaded = check_loaded(change, source, contract)
            assert is_loaded or patch.proposal.questions, message
            loaded += is_loaded
    assert loaded > CHANGES / BATCHES / 10


def test_most_new_spellings_are_found() -> None:
    """One column of a table gets another spelling. What is not found has a twin, such as first_name and first_nm."""
    renamed = found = 0
    for table in tables():
        for index, column in enumerate(table):
            name = respelled(Random(index), column.name)
            if name in {each.name for each in table}:
                continue
            columns = [VendorColumn(each.name, each.name, number) for number, each in enumerate(table)]
            columns[index].name = name
            sample = read_sample(io.BytesIO(Change(table, columns).csv()), "f.csv", PROBE)
            contract = TableContract(namespace="probe", name="person", columns=tuple(table))
            proposal = propose(PROBE, contract, sample, PERIOD)
            renamed += 1
            found += [(each.vendor, each.column) for each in proposal.renames] == [(name, column.name)]
    assert renamed > 400
    assert found / renamed >= MIN_FOUND
