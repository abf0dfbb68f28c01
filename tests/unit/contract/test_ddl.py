"""The grammar of the SQL files."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from growth_verticals.contract.ddl import TYPES, read_ddl, read_identifier
from growth_verticals.contract.table import Column, PartitionField
from growth_verticals.errors import DdlError


def columns(text: str) -> tuple[Column, ...]:
    return read_ddl(text).columns


def test_a_table_with_every_clause():
    table = read_ddl(
        """-- a line comment
        CREATE TABLE IF NOT EXISTS aiq.household ( /* a block
            comment */
            hhid STRING NOT NULL COMMENT '[Q] Household''s id',
            "zip5" varchar(5) COMMENT 'keep zeros',
            `value` DECIMAL(10, 2),
            seen timestamp
        )
        PARTITIONED BY (delivery_period, days(seen), bucket(16, hhid), truncate(zip5, 3))
        SORTED BY (zip5, hhid)
        COMMENT 'One row a person'
        TBLPROPERTIES ('owner' = 'data team', 'x'='y');
        """
    )
    assert table.identifier == "aiq.household"
    assert table.columns == (
        Column(name="hhid", type="string", required=True, doc="Household's id", pii="Q"),
        Column(name="zip5", type="string", doc="keep zeros"),
        Column(name="value", type="decimal(10, 2)"),
        Column(name="seen", type="timestamp"),
    )
    assert table.partition_by == (
        PartitionField(column="delivery_period"),
        PartitionField(column="seen", transform="day"),
        PartitionField(column="hhid", transform="bucket[16]"),
        PartitionField(column="zip5", transform="truncate[3]"),
    )
    assert table.sort_by == ("zip5", "hhid")
    assert table.doc == "One row a person"
    assert table.properties == (("owner", "data team"), ("x", "y"))


@pytest.mark.parametrize(("sql_type", "iceberg_type"), TYPES.items())
def test_every_sql_type_in_any_case(sql_type: str, iceberg_type: str):
    assert columns(f"CREATE TABLE t (a {sql_type}, b {sql_type.upper()})") == (
        Column(name="a", type=iceberg_type),
        Column(name="b", type=iceberg_type),
    )


@pytest.mark.parametrize(
    ("sql_type", "iceberg_type"),
    [
        ("varchar(20)", "string"),
        ("CHAR(2)", "string"),
        ("decimal(38,38)", "decimal(38, 38)"),
        ("decimal", "decimal(10, 0)"),
        ("decimal(5)", "decimal(5, 0)"),
        ("MAP<STRING,STRING>", "map<string, string>"),
        ("map < string , varchar(3) >", "map<string, string>"),
        ("TIMESTAMP WITH TIME ZONE", "timestamptz"),
    ],
)
def test_types_with_arguments(sql_type: str, iceberg_type: str):
    assert columns(f"CREATE TABLE t (a {sql_type})")[0].type == iceberg_type


@pytest.mark.parametrize(
    ("spelling", "column", "transform"),
    [
        ("seen", "seen", "identity"),
        ("identity(seen)", "seen", "identity"),
        ("YEAR(seen)", "seen", "year"),
        ("years(seen)", "seen", "year"),
        ("month(seen)", "seen", "month"),
        ("months(seen)", "seen", "month"),
        ("day(seen)", "seen", "day"),
        ("days(seen)", "seen", "day"),
        ("date(seen)", "seen", "day"),
        ("hour(seen)", "seen", "hour"),
        ("hours(seen)", "seen", "hour"),
        ("date_hour(seen)", "seen", "hour"),
        ("bucket(16, id)", "id", "bucket[16]"),
        ("bucket(id, 16)", "id", "bucket[16]"),
        ("Truncate ( 3 , id )", "id", "truncate[3]"),
        ("truncate(id, 3)", "id", "truncate[3]"),
    ],
)
def test_partitions_in_sparks_and_athenas_spellings(spelling: str, column: str, transform: str):
    table = read_ddl(f"CREATE TABLE t (id string, seen timestamp) PARTITIONED BY ({spelling})")
    assert table.partition_by == (PartitionField(column=column, transform=transform),)


def test_a_table_without_provenance_can_use_the_names_of_provenance_columns():
    table = read_ddl("CREATE TABLE t (staged_at date) PARTITIONED BY (staged_at)", provenance=False)
    assert [column.name for column in table.all_columns] == ["staged_at"]
    with pytest.raises(DdlError, match="only a declared source's table has this provenance column"):
        read_ddl("CREATE TABLE t (a int) PARTITIONED BY (delivery_period)", provenance=False)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("it''s", "it's"),
        (r"it\'s", "it's"),
        (r"C:\\", "C:\\"),
        (r"\d", r"\d"),
        ("-- /* no comment", "-- /* no comment"),
    ],
)
def test_strings_are_parsed_as_in_spark_and_athena(written: str, meant: str):
    table = read_ddl(f"CREATE TABLE t (a int COMMENT '{written}') COMMENT 'after'")
    assert (table.columns[0].doc, table.doc) == (meant, "after")


def test_the_identifier_is_read_without_parsing_the_rest():
    assert read_identifier("create table Sales.T (what ever") == "sales.t"


def test_columns_can_have_names_that_are_sql_keywords():
    names = [column.name for column in columns("create table t (state text, date date, comment text, user text)")]
    assert names == ["state", "date", "comment", "user"]


def test_unquoted_names_become_lower_case():
    table = read_ddl("CREATE TABLE Sales.Daily (Amount INT) PARTITIONED BY (AMOUNT)")
    assert (table.namespace, table.name, table.columns[0].name) == ("sales", "daily", "amount")


def test_a_name_without_namespace_gets_the_callers_namespace():
    assert read_ddl("CREATE TABLE t (a int)", namespace="sales").identifier == "sales.t"


@pytest.mark.parametrize(
    ("text", "line", "column", "what"),
    [
        ("", 1, 1, "syntax error"),
        ("SELECT 1", 1, 1, "syntax error"),
        ("CREATE TABLE t (a int); DROP TABLE t", 1, 25, "only one statement"),
        ("CREATE TABLE t AS SELECT 1", 1, 16, "list of columns is missing"),
        ("CREATE TABLE t (\n  a int,\n  b varchr(2)\n)", 3, 5, "unknown type"),
        ("CREATE TABLE t (a int, A string)", 1, 24, "declared twice"),
        ("CREATE TABLE t (a int DEFAULT now())", 1, 23, "syntax error"),
        ("CREATE TABLE t (a int, CHECK (a > 0))", 1, 30, "syntax error"),
        ("CREATE TABLE t (a decimal(39,0))", 1, 19, "decimal"),
        ("CREATE TABLE t (a decimal(5,6))", 1, 19, "decimal"),
        ("CREATE TABLE t (a map<string,int>)", 1, 19, "unknown type"),
        ('CREATE TABLE t ("First Name" string)', 1, 17, "hide or refuse"),
        ('CREATE TABLE t ("Name" string)', 1, 17, "hide or refuse"),
        ("CREATE TABLE t (_a string)", 1, 17, "hide or refuse"),
        ("CREATE TABLE t_ (a string)", 1, 14, "hide or refuse"),
        ("CREATE TABLE awsdata.t (a string)", 1, 14, "must not start with 'aws'"),
        ("CREATE TABLE a.b.c (a string)", 1, 17, "one level"),
        ("CREATE TABLE t (staged_at timestamp)", 1, 17, "provenance"),
        ("CREATE TABLE t (a int) PARTITIONED BY (b)", 1, 40, "no column with this name"),
        ("CREATE TABLE t (a int) PARTITIONED BY (week(a))", 1, 40, "unknown transform"),
        ("CREATE TABLE t (a int) COMMENT 'x' COMMENT 'y'", 1, 36, "appears twice"),
        ("CREATE TABLE t (a int", 1, 22, "syntax error"),
        ("CREATE TABLE t (a string COMMENT 'never closed)", 1, 34, "syntax error"),
        ("CREATE TABLE t (/* one\n two */ a\n intt)", 3, 2, "unknown type"),
        ("CREATE TABLE t (a timestamp with zone)", 1, 34, "syntax error"),
        ("CREATE TABLE t (a string COMMENT 'C:\\') COMMENT 'x'", 1, 50, "syntax error"),
        ("CREATE TABLE t (a int) PARTITIONED BY (day(a))", 1, 40, "day does not apply to int"),
        ("CREATE TABLE t (a date) PARTITIONED BY (hour(a))", 1, 41, "hour does not apply to date"),
        ("CREATE TABLE t (a double) PARTITIONED BY (bucket(4, a))", 1, 43, "bucket does not apply to double"),
        ("CREATE TABLE t (a date) PARTITIONED BY (truncate(4, a))", 1, 41, "truncate does not apply to date"),
        ("CREATE TABLE t (a map<string,string>) PARTITIONED BY (a)", 1, 55, "identity does not apply to map"),
        ("CREATE TABLE t (a int) PARTITIONED BY (a, bucket(0, a))", 1, 50, "must be 1 or more"),
        ("CREATE TABLE t (a int) PARTITIONED BY (a, A)", 1, 43, "already partitioned by this"),
        ("CREATE TABLE t (a int) PARTITIONED BY (bucket(2, a), bucket(4, a))", 1, 54, "already partitioned by this"),
        ("CREATE TABLE t (a date) PARTITIONED BY (year(a), month(a))", 1, 50, "only one of year, month, day and hour"),
        (
            "CREATE TABLE t (a date, a_year int) PARTITIONED BY (years(a))",
            1,
            53,
            "a_year, is also a column's name",
        ),
        ("CREATE TABLE t (a int) SORTED BY (a, a)", 1, 38, "already sorted by this"),
        ("CREATE TABLE t (a map<string,string>) SORTED BY (a)", 1, 50, "cannot be sorted by a map"),
        ("CREATE TABLE t (a int) USING parquet", 1, 30, "syntax error"),
        ("CREATE OR REPLACE TABLE t (a int)", 1, 8, "syntax error"),
        ("CREATE TABLE t (a int) LOCATION 's3://b'", 1, 24, "nothing after it"),
    ],
)
def test_anything_else_is_an_error_with_line_and_column(text: str, line: int, column: int, what: str):
    with pytest.raises(DdlError, match=what) as caught:
        read_ddl(text, file="t.sql")
    assert (caught.value.line, caught.value.column) == (line, column)


def test_the_message_shows_a_caret_under_the_error():
    with pytest.raises(DdlError) as caught:
        read_ddl("CREATE TABLE t (\n  a int,\n  b varchr(2)\n)", file="t.sql")
    message = str(caught.value)
    assert message.startswith("t.sql: line 3: column 5: unknown type; expected string, varchar")
    assert message.endswith("\n      b varchr(2)\n        ^")


def test_the_caret_is_correct_after_other_line_ends():
    with pytest.raises(DdlError) as caught:
        read_ddl("-- a form feed \f and a page \u2028 end\r\nCREATE TABLE t (\r\n\ta intt)")
    assert str(caught.value).endswith("\n     a intt)\n       ^")


_FRAGMENTS = st.sampled_from(
    ["CREATE", "TABLE", "t", "(", ")", ",", "a", "b", "int", "decimal", "map", "<", ">", "5", "0", "NOT", "NULL",
     "COMMENT", "'x'", '"', "'", "`", ";", "--", "/*", "*/", "\n", "PARTITIONED", "BY", "SORTED", "TBLPROPERTIES", "=",
     "é", ".", "bucket", "days", "timestamp", "with", "time", "zone", "USING", "iceberg", "\\"]
)  # fmt: skip


_CLAUSES = st.lists(_FRAGMENTS).map(" ".join)


@example("CREATE TABLE t (a int) PARTITIONED BY (")
@given(
    st.text()
    | _CLAUSES
    | _CLAUSES.map("CREATE TABLE t (a int, b timestamp) {}".format)
    | _CLAUSES.map("CREATE TABLE t (a int, b timestamp) PARTITIONED BY ({})".format)
    | st.text().map("CREATE TABLE t (a int COMMENT '{}')".format)
)
def test_any_text_gives_a_table_or_a_ddl_error(text: str):
    try:
        table = read_ddl(text)
    except DdlError as error:
        assert error.line is not None
        assert str(error)
    else:
        assert table.columns
