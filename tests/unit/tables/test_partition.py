"""Rows are split by partition exactly as Iceberg's transforms define, for any partition spec."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pyarrow as pa
import pytest
from pyiceberg.typedef import Record

from growth_verticals.contract.schema import iceberg_schema, partition_spec
from growth_verticals.contract.table import Column, PartitionField, TableContract
from growth_verticals.tables.partition import split_by_partition

DAYS = [date(1969, 12, 31), date(2026, 1, 1), date(2026, 1, 31), None, date(2026, 2, 1), date(1, 1, 1)]
HOURS = [datetime(2026, 1, 1, hour, tzinfo=UTC) for hour in (0, 0, 1, 23, 5, 5)]
ROWS = pa.table(
    {
        "n": pa.array(range(6), pa.int64()),
        "state": pa.array(["NY", "OH", "NY", None, "OH", "NY"], pa.string()),
        "day": pa.array(DAYS, pa.date32()),
        "at": pa.array(HOURS, pa.timestamp("us", "UTC")),
    }
)
COLUMNS = (
    Column(name="n", type="long"),
    Column(name="state", type="string"),
    Column(name="day", type="date"),
    Column(name="at", type="timestamptz"),
)


def split(*partition_by: tuple[str, str]) -> dict[Record, list[int]]:
    contract = TableContract(
        namespace="toy",
        name="t",
        columns=COLUMNS,
        partition_by=tuple(PartitionField(column=column, transform=transform) for column, transform in partition_by),
    )
    schema = iceberg_schema(contract)
    partitions = split_by_partition(ROWS, partition_spec(contract, schema), schema)
    return {record: sorted(rows.column("n").to_pylist()) for record, rows in partitions}


@pytest.mark.parametrize(
    ("partition_by", "expected"),
    [
        ([], {Record(): [0, 1, 2, 3, 4, 5]}),
        ([("state", "identity")], {Record("NY"): [0, 2, 5], Record("OH"): [1, 4], Record(None): [3]}),
        ([("state", "truncate[1]")], {Record("N"): [0, 2, 5], Record("O"): [1, 4], Record(None): [3]}),
        # Years and months since 1970; negative before 1970.
        ([("day", "year")], {Record(-1): [0], Record(56): [1, 2, 4], Record(None): [3], Record(-1969): [5]}),
        (
            [("day", "month")],
            {Record(-1): [0], Record(672): [1, 2], Record(673): [4], Record(None): [3], Record(-23628): [5]},
        ),
        ([("at", "hour")], {Record(490896): [0, 1], Record(490897): [2], Record(490919): [3], Record(490901): [4, 5]}),
        (
            [("state", "identity"), ("at", "day")],
            {Record("NY", 20454): [0, 2, 5], Record("OH", 20454): [1, 4], Record(None, 20454): [3]},
        ),
        (
            [("state", "identity"), ("day", "year")],
            {
                Record("NY", -1): [0], Record("OH", 56): [1, 4], Record("NY", 56): [2], Record(None, None): [3],
                Record("NY", -1969): [5],
            },
        ),
    ],
)  # fmt: skip
def test_every_row_goes_to_its_partition(partition_by: list[tuple[str, str]], expected: dict[Record, list[int]]):
    assert split(*partition_by) == expected


def test_a_bucket_is_a_number_below_the_bucket_count_and_equal_values_share_one_bucket():
    partitions = split(("state", "bucket[4]"))
    assert sorted(row for rows in partitions.values() for row in rows) == [0, 1, 2, 3, 4, 5]
    assert all(record[0] is None or 0 <= record[0] < 4 for record in partitions)
    assert sum({0, 2, 5} <= set(rows) for rows in partitions.values()) == 1


def test_rows_of_a_single_partition_are_not_copied():
    schema = iceberg_schema(TableContract(namespace="toy", name="t", columns=COLUMNS))
    contract = TableContract(
        namespace="toy", name="t", columns=COLUMNS, partition_by=(PartitionField(column="at", transform="day"),)
    )
    [(_, rows)] = split_by_partition(ROWS, partition_spec(contract, schema), schema)
    assert rows is ROWS
