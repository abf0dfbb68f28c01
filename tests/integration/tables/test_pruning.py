"""Another engine skips the data files that their bounds rule out."""

from __future__ import annotations

import re

import pytest
from pyiceberg.catalog.rest import RestCatalog

from growth_verticals.account import Account
from growth_verticals.contract.table import TableContract
from local.readback import read_table

from .deliveries import EARLIER, PERIOD, SampleFile, load


def files_read(account: Account, table: str, condition: str) -> tuple[int, int]:
    """Return how many data files DuckDB read for a query, and how many rows it found."""
    [(_, plan)] = read_table(account, table, f"EXPLAIN ANALYZE SELECT person_id FROM t WHERE {condition}")
    found = len(read_table(account, table, f"SELECT person_id FROM t WHERE {condition}"))
    return int(re.search(r"Total Files Read: (\d+)", plan)[1]), found


@pytest.mark.parametrize(
    ("condition", "files", "rows"),
    [
        ("true", 4, 130),
        ("delivery_period = '2026Q3'", 1, 10),
        ("person_id >= 'P0000040'", 1, 60),
        ("person_id = 'P0000015'", 1, 1),
        ("amount > 0.35", 1, 64),
        ("source_file = 'c.csv'", 1, 10),
        ("state = 'CA'", 0, 0),
        ("source_row > 50", 1, 51),
    ],
)
def test_only_data_files_that_can_hold_matches_are_read(
    account: Account, catalog: RestCatalog, person: TableContract, condition: str, files: int, rows: int
):
    for name, row_count, period in (("a", 100, PERIOD), ("b", 10, PERIOD), ("c", 10, PERIOD), ("d", 10, EARLIER)):
        load(catalog, person, SampleFile(f"{name}.csv", good=row_count, block_size=200), period=period)
    assert files_read(account, person.identifier, condition) == (files, rows)
