"""The profile of staged rows equals what another engine computes from the rows, and shows nothing personal."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyiceberg.manifest import DataFile
from pyiceberg.table import Table

from growth_verticals.contract.table import TableContract
from growth_verticals.quality.profile import profile_of

from .conftest import COLUMNS, batch_of, people, write

CANARY = "canary"
LONG = 5_000  # characters: Parquet keeps no bounds of a column with such a value
OLDEST, NEWEST = datetime.fromisoformat("1900-01-01"), datetime.fromisoformat("2100-01-01")
NUMBERS = st.integers(-(2**31), 2**31 - 1)
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "person_id": st.text("ab", min_size=1, max_size=3),
            "email": st.none() | st.sampled_from(["a@example.com", "b" * LONG]),
            "visits": st.none() | NUMBERS,
            "age": st.none() | NUMBERS,
            "cost": st.none() | st.decimals(-9_999_999, 9_999_999, places=2),
            "seen": st.none() | st.dates(date(1900, 1, 1)),
            "seen_at": st.none() | st.datetimes(OLDEST, NEWEST),
            "city": st.none() | st.sampled_from(["Springfield", "Shelbyville", "x" * LONG]),
            "score": st.none() | st.floats(allow_nan=False, allow_infinity=False),
            "extra": st.none() | st.just([("key", "value")]),
        }
    ),
    min_size=1,
    max_size=12,
)
BOUNDED = ("visits", "cost", "seen", "seen_at")


def as_json(value: Any) -> Any:
    if isinstance(value, Decimal):
        return str(value)
    return value.isoformat() if isinstance(value, date) else value


def computed(data_files: list[DataFile], column: str, *, bounds: bool) -> tuple[Any, ...]:
    """Return NULLs, minimum and maximum of a column, as DuckDB computes them from the rows."""
    paths = [data_file.file_path.removeprefix("file://") for data_file in data_files]
    extremes = f"min({column}), max({column})" if bounds else "NULL, NULL"
    with duckdb.connect() as connection:
        sql = f"SELECT count(*) FILTER ({column} IS NULL), {extremes} FROM read_parquet($paths)"
        [row] = connection.execute(sql, {"paths": paths}).fetchall()
    return tuple(map(as_json, row))


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(parts=st.lists(ROWS, min_size=1, max_size=3))
def test_a_profile_equals_what_another_engine_computes(
    made: tuple[Table, TableContract], parts: list[list[dict[str, Any]]]
):
    data_files = write(made, *map(batch_of, parts))
    profile = profile_of(*made, data_files)
    assert (profile.rows, profile.data_files) == (sum(map(len, parts)), len(parts))
    assert profile.bytes == sum(data_file.file_size_in_bytes for data_file in data_files)
    for name in {column.name for column in COLUMNS} - {"extra"}:
        found = profile.columns[name]
        assert (found.nulls, found.min, found.max) == computed(data_files, name, bounds=name in BOUNDED)
    assert profile.columns["extra"].nulls is None  # Parquet counts the NULLs of a map's keys and values only


def test_a_profile_contains_no_value_of_a_column_that_is_not_of_class_n(made: tuple[Table, TableContract]):
    row = {
        "person_id": f"{CANARY} id",
        "email": f"{CANARY}@example.com",
        "age": 987_654_321,
        "score": 987_654_321.5,
        "city": f"{CANARY} city",  # class N, but text
        "extra": [(CANARY, CANARY)],
        "visits": 7,
    }
    text = json.dumps(asdict(profile_of(*made, write(made, batch_of([row])))))
    assert CANARY not in text
    assert "987654321" not in text
    assert '"min": 7' in text


def test_a_data_file_without_metrics_makes_a_column_unknown_and_not_zero(made: tuple[Table, TableContract]):
    with_metrics, without = write(made, people(3, visits=1), people(2))
    field_id = made[0].schema().find_field("visits").field_id
    del without.null_value_counts[field_id]
    profile = profile_of(*made, [with_metrics, without])
    assert profile.columns["visits"].nulls is None
    assert profile.null_share("visits") is None
    assert profile.null_share("email") == 1


def test_bounds_that_one_data_file_lacks_are_unknown(made: tuple[Table, TableContract]):
    whole, partial = write(made, people(3, visits=1), people(2, visits=9))
    del partial.upper_bounds[made[0].schema().find_field("visits").field_id]
    found = profile_of(*made, [whole, partial]).columns["visits"]
    assert (found.nulls, found.min, found.max) == (0, None, None)


@pytest.mark.parametrize("name", ["email", "unknown"])
def test_no_rows_have_no_null_share(made: tuple[Table, TableContract], name: str):
    assert profile_of(*made, []).null_share(name) is None
