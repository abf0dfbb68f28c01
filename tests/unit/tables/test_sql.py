"""One SELECT over current snapshots: columns by field id, only the columns that are read, and nothing but tables."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from pyiceberg.table import Table
from pyiceberg.types import DecimalType, LongType, StringType

from growth_verticals.cli.values import plain_values
from growth_verticals.contract.table import Column
from growth_verticals.errors import ConfigurationError, ServiceError
from growth_verticals.tables import sql
from growth_verticals.tables.sql import open_query, table_names

from .conftest import MakeTable
from .test_position_deletes import delete_positions

STAGED = datetime(2026, 11, 22, 12, 30, 15, 250_000, tzinfo=UTC)


def append(table: Table, period: str = "2026Q4", **columns: list[Any]) -> None:
    """Append one data file with these columns; the others are NULL, and those of provenance are the same everywhere."""
    count = len(next(iter(columns.values())))
    provenance = {"delivery_period": period, "source_file": "f", "source_file_sha256": "0" * 64, "staged_at": STAGED}
    values = {name: [value] * count for name, value in provenance.items()} | {"source_row": list(range(count))}
    schema = table.schema().as_arrow()
    table.append(
        pa.table(
            [pa.array((values | columns).get(field.name, [None] * count), field.type) for field in schema],
            schema=schema,
        )
    )


def read(query: str, *tables: Table) -> list[tuple[Any, ...]]:
    """Run a query in which the first table is `toy.a`, and the second `toy.b`."""
    named = dict(zip(("toy.a", "toy.b"), tables, strict=False))
    assert set(table_names(query)) == set(named)
    with open_query(query, named) as opened:
        result = opened.run().read_all()
        return list(zip(*(column.to_pylist() for column in result.columns), strict=True))


@pytest.fixture
def people(make_table: MakeTable) -> Table:
    table, _ = make_table(
        Column(name="id", type="int", pii="N"),
        Column(name="last_name", type="string", pii="D"),
        Column(name="zip", type="string", pii="Q"),
        Column(name="paid", type="decimal(9, 2)"),
        Column(name="born", type="date", pii="D"),
        Column(name="extra", type="map<string, string>"),
    )
    return table


# --- the statement ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "query",
    [
        "SELECT 1 FROM aiq.household",
        "from AIQ.Household",
        'SELECT * FROM "aiq"."household" AS "x y"',
        "WITH h AS (SELECT * FROM aiq.household) SELECT * FROM h JOIN h AS i USING (id)",
        "SELECT (SELECT max(id) FROM aiq.household)",
        "DESCRIBE aiq.household",
        "SUMMARIZE aiq.household",
        "SELECT 'DELETE FROM x; SELECT 2' FROM aiq.household;  -- done",
    ],
)
def test_a_select_names_its_tables(query: str):
    assert table_names(query) == ["aiq.household"]


def test_all_tables_of_joins_and_subqueries_are_found_once():
    query = "SELECT * FROM a.b JOIN c.d USING (id) WHERE id IN (SELECT id FROM e.f) ORDER BY (SELECT 1 FROM a.b), g.h.i"
    assert sorted(table_names(query)) == ["a.b", "c.d", "e.f"]
    assert table_names("SELECT * FROM household, x.y.z") == ["household", "x.y.z"]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("DELETE FROM aiq.household", "DELETE"),
        ("INSERT INTO aiq.household VALUES (1)", "INSERT"),
        ("CREATE TABLE t AS SELECT 1", "CREATE"),
        ("COPY aiq.household TO 'x.csv'", "COPY"),
        ("ATTACH 'x.db'", "ATTACH"),
        ("SET memory_limit = '99GB'", "SET"),
        ("LOAD httpfs", "LOAD"),
        ("CALL pragma_version()", "CALL"),
        ("EXPLAIN ANALYZE DELETE FROM t", "EXPLAIN"),
        ("SELECT 1; DROP TABLE aiq.household", "SELECT, DROP"),
        ("PRAGMA database_list", "another one"),
        ("", "no statement"),
        ("-- SELECT 1", "no statement"),
    ],
)
def test_anything_but_one_select_is_refused(query: str, found: str):
    with pytest.raises(ConfigurationError, match="only") as error:
        table_names(query)
    assert found in str(error.value.found)


def test_an_error_in_the_query_shows_where_it_is():
    with pytest.raises(ConfigurationError, match=r"syntax error at or near \"aiq\"(.|\n)*\^"):
        table_names("SELECT * FORM aiq.household")


# --- the rows -----------------------------------------------------------------------------------------------------


def test_values_are_exact_and_times_are_in_utc(people: Table):
    append(people, id=[1], paid=[Decimal("9999999.99")], born=[date(1899, 12, 31)], extra=[{"k": "v"}])
    [row] = read("SELECT id, paid, paid * 3, born, staged_at, extra, last_name FROM toy.a", people)
    assert row[:4] == (1, Decimal("9999999.99"), Decimal("29999999.97"), date(1899, 12, 31))
    assert (row[4], row[4].utcoffset(), row[5:]) == (STAGED, STAGED.utcoffset(), ([("k", "v")], None))
    assert read("SELECT staged_at::VARCHAR FROM toy.a", people) == [("2026-11-22 12:30:15.25+00",)]


def test_every_type_of_the_sql_files_is_read(make_table: MakeTable):
    types = ("string", "int", "long", "float", "double", "boolean", "date", "timestamp", "timestamptz", "binary",
             "uuid", "decimal(38, 10)", "map<string, string>")  # fmt: skip
    moment = datetime.fromisoformat("2026-01-01T00:00:00.000001")
    values = ["é", -1, 2**63 - 1, 0.5, 0.1, True, date(1, 1, 1), moment, STAGED, b"\x00\xff",
              bytes(range(16)), Decimal("1234567890123456789012345678.0123456789"), [("k", "v")]]  # fmt: skip
    table, _ = make_table(*(Column(name=f"c{number}", type=each) for number, each in enumerate(types)))
    append(table, **{f"c{number}": [value, None] for number, value in enumerate(values)})
    names = ", ".join(f"c{number}" for number in range(len(types)))
    with open_query(f"SELECT {names} FROM toy.a ORDER BY c0 NULLS LAST", {"toy.a": table}) as query:
        columns = [plain_values(column.combine_chunks()) for column in query.run().read_all().columns]
    assert [column[1] for column in columns] == [None] * len(types)
    assert [column[0] for column in columns] == [
        "é", -1, 2**63 - 1, 0.5, 0.1, True, "0001-01-01", "2026-01-01 00:00:00.000001",
        "2026-11-22 12:30:15.250000+00:00", "00ff", "00010203-0405-0607-0809-0a0b0c0d0e0f", values[11], {"k": "v"},
    ]  # fmt: skip


def test_columns_are_read_by_their_ids_after_renames_drops_and_wider_types(people: Table):
    append(people, id=[1], last_name=["Rosenberg"], zip=["00501"], paid=[Decimal("1.10")])
    with people.update_schema() as update:
        update.rename_column("last_name", "surname").delete_column("zip").add_column("state", StringType())
        update.update_column("id", LongType()).update_column("paid", DecimalType(12, 2))
    with people.update_schema() as update:
        update.add_column("zip", StringType())  # another column of the old name
    append(people, "2027Q1", id=[2**40], surname=["Summers"], state=["CA"], zip=["90210"])
    assert read("SELECT id, surname, state, zip, paid FROM toy.a ORDER BY id", people) == [
        (1, "Rosenberg", None, None, Decimal("1.10")),
        (2**40, "Summers", "CA", "90210", None),
    ]


def test_rows_deleted_by_position_are_gone(people: Table):
    append(people, id=[0, 1, 2, 3, 4])
    delete_positions(people, [1, 3])
    append(people, id=[5])
    assert read("SELECT id FROM toy.a ORDER BY id", people) == [(0,), (2,), (4,), (5,)]
    assert read("SELECT count(*) FROM toy.a", people) == [(4,)]


def test_an_empty_table_has_columns_and_no_rows(people: Table):
    assert read("SELECT last_name, paid FROM toy.a", people) == []
    assert ("paid", "DECIMAL(9,2)") in [row[:2] for row in read("DESCRIBE toy.a", people)]


def test_tables_are_joined(people: Table, make_table: MakeTable):
    states, _ = make_table(Column(name="zip", type="string"), Column(name="state", type="string"))
    append(people, id=[1, 2], zip=["00501", "90210"])
    append(states, zip=["90210"], state=["CA"])
    assert read("SELECT id, state FROM toy.a JOIN toy.b USING (zip)", people, states) == [(2, "CA")]


# --- what is read -------------------------------------------------------------------------------------------------


def test_a_query_reads_only_the_columns_and_row_groups_that_it_needs(people: Table):
    noise = random.Random(12)
    for start in range(3):
        ids = list(range(start * 10_000, (start + 1) * 10_000))
        append(people, id=ids, last_name=[noise.randbytes(50).hex() for _ in ids])

    def bytes_read(query: str) -> int:
        with open_query(query, {"toy.a": people}) as opened:
            opened.run().read_all()
            assert opened.files.total_bytes == sum(task.file.file_size_in_bytes for task in people.scan().plan_files())
            return opened.files.bytes_read

    everything = bytes_read("SELECT * FROM toy.a")
    assert bytes_read("SELECT sum(id) FROM toy.a") < everything / 5
    assert bytes_read("SELECT sum(length(last_name)) FROM toy.a WHERE id < 100") < everything / 2
    assert bytes_read("SELECT count(*) FROM toy.a") < everything / 10


def test_the_start_of_a_result_is_computed_without_the_rest(people: Table, monkeypatch: pytest.MonkeyPatch):
    append(people, id=[1])
    with open_query("SELECT a.range FROM toy.a, range(1000000) a, range(1000000) b", {"toy.a": people}) as query:
        reader = query.run()
        assert reader.read_next_batch().num_rows > 0
        reader.close()


def test_columns_of_personal_data_are_named_whatever_the_result_calls_them(people: Table):
    append(people, id=[1], last_name=["Rosenberg"], zip=["00501"])
    for query, personal in (
        ("SELECT upper(last_name) AS x FROM toy.a", {"D": ("last_name",)}),
        ("SELECT toy.a FROM toy.a", {"D": ("last_name", "born"), "Q": ("zip",)}),
        ("SELECT * FROM toy.a AS t(p, q, r, s)", {"D": ("last_name", "born"), "Q": ("zip",)}),
        ("SELECT zip, count(*) FROM toy.a GROUP BY ALL", {"Q": ("zip",)}),
        ("SELECT count(*), max(source_row) FROM toy.a", {}),
    ):
        with open_query(query.replace("toy.a FROM", "a FROM"), {"toy.a": people}) as opened:
            assert (opened.personal, opened.raw_records) == (personal, False), query


# --- what cannot be done ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "query",
    [
        "SELECT * FROM toy.a, read_text('/etc/hostname')",
        "SELECT * FROM toy.a, read_csv('/etc/passwd')",
        "SELECT * FROM toy.a, glob('/*')",
        "SELECT * FROM toy.a, read_parquet('http://127.0.0.1/x.parquet')",
        "SELECT * FROM toy.a, read_blob('gv://toy.b/secret')",
    ],
)
def test_nothing_but_the_tables_can_be_read(people: Table, query: str):
    append(people, id=[1])
    with pytest.raises(ConfigurationError), open_query(query, {"toy.a": people}) as opened:
        opened.run().read_all()


def test_a_message_quotes_the_query_but_never_a_value(people: Table):
    append(people, last_name=["Rosenberg"])
    with pytest.raises(ConfigurationError, match="while it ran: ConversionException") as error:
        read("SELECT CAST(last_name AS INT) FROM toy.a", people)
    assert "Rosenberg" not in str(error.value)
    with pytest.raises(ConfigurationError, match=r'"lastname" not found(.|\n)*last_name'):
        read("SELECT lastname FROM toy.a", people)


def test_a_query_beyond_the_memory_limit_continues_on_disk(people: Table, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sql, "MEMORY_LIMIT", "60MB")
    append(people, id=[1])
    query = "SELECT hash(r.range) AS h, repeat('x', 40) FROM toy.a, range(1000000) r ORDER BY h"
    with open_query(query, {"toy.a": people}) as opened:
        assert opened.run().read_next_batch().num_rows > 0


def test_a_failure_of_the_storage_is_reported_as_such(people: Table):
    append(people, id=[1])
    [task] = people.scan().plan_files()
    people.io.delete(task.file.file_path)
    with pytest.raises(ServiceError, match="reading a data file failed"):
        read("SELECT id FROM toy.a", people)
