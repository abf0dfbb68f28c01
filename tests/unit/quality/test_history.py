"""What a delivery is compared with: the newest earlier periods that the table holds."""

from __future__ import annotations

import pytest
from pyiceberg.table import Table

from growth_verticals.contract.table import TableContract
from growth_verticals.quality.history import read_history
from tests.unit.tables.conftest import MakeTable

from .conftest import COLUMNS, A, B, C, append, people, write

Made = tuple[Table, TableContract]


def rows(data_files: list) -> int:
    return sum(data_file.record_count for data_file in data_files)


@pytest.mark.parametrize("partition_by", [("delivery_period",), ("city",), ()])
def test_the_newest_earlier_periods_are_compared_whatever_order_they_were_loaded_in(
    make_table: MakeTable, partition_by: tuple[str, ...]
):
    made = make_table(*COLUMNS, partition_by=partition_by)
    for period, count in (("2026Q2", 2), ("2025Q4", 4), ("2027Q1", 9), ("2026Q4", 8), ("2026Q3", 3), ("2026Q1", 1)):
        append(made, write(made, people(count, city="Springfield"), period=period))
    append(made, write(made, people(10), period="2026Q3"))
    history = read_history(made[0], "2026Q4", 3)
    assert {period: rows(files) for period, files in history.earlier.items()} == {
        "2026Q3": 13, "2026Q2": 2, "2026Q1": 1,
    }  # fmt: skip
    assert list(history.earlier) == ["2026Q3", "2026Q2", "2026Q1"]
    assert rows(history.present) == 8


def test_a_table_without_rows_has_no_history(made: Made):
    history = read_history(made[0], "2026Q4", 3)
    assert (history.present, history.earlier, history.is_exact) == ([], {}, True)


def test_a_data_file_of_several_periods_is_not_compared(make_table: MakeTable):
    made = make_table(*COLUMNS, partition_by=())
    [data_file] = write(made, people(2), period="2026Q3")
    data_file.upper_bounds[made[0].schema().find_field("delivery_period").field_id] = b"2026Q5"
    append(made, [data_file])
    assert read_history(made[0], "2026Q4", 3).earlier == {}


def test_keys_of_another_cadence_are_not_compared(made: Made):
    append(made, write(made, people(2), period="2026-09"))
    assert read_history(made[0], "2026Q4", 3).earlier == {}


def test_files_that_leave_do_not_count(made: Made):
    for sha256, count in ((A, 1), (B, 2), (C, 4)):
        append(made, write(made, people(count), sha256=sha256))
    history = read_history(made[0], "2026Q4", 1, leaving={B})
    assert (rows(history.present), history.is_exact) == (5, True)


def test_a_data_file_of_several_files_cannot_be_split_when_one_of_them_leaves(made: Made):
    [data_file] = write(made, people(2))
    data_file.upper_bounds[made[0].schema().find_field("source_file_sha256").field_id] = C.encode()
    append(made, [data_file])
    assert rows(read_history(made[0], "2026Q4", 1).present) == 2
    history = read_history(made[0], "2026Q4", 1, leaving={A})
    assert (history.present, history.is_exact) == ([], False)
