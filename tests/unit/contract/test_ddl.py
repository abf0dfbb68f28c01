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


@pytest.mark.parametrize(("spelling", "kept"), TYPES.items())
def test_every_type_of_the_mapping_in_any_case(spelling: str, kept: str):
    assert columns(f"CREATE TABLE t (a {spelling}, b {spelling.upper()})") == (
        Column(name="a", type=kept),
        Column(name="b", type=kept),
    )


@pytest.mark.parametrize(
    ("spelling", "kept"),
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
def test_types_with_arguments(spelling: str, kept: str):
    assert columns(f"CREATE TABLE t (a {spelling})")[0].type == kept


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


def test_a_table_without_provenance_may_use_its_names():
    table = read_ddl("CREATE TABLE t (staged_at date) PARTITIONED BY (staged_at)", provenance=False)
    assert [column.name for column in table.all_columns] == ["staged_at"]
    with pytest.raises(DdlError, match="only the table of a declared source has it"):
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
def test_strings_are_read_as_spark_and_athena_read_them(written: str, meant: str):
    table = read_ddl(f"CREATE TABLE t (a int COMMENT '{written}') COMMENT 'behind'")
    assert (table.columns[0].doc, table.doc) == (meant, "behind")


def test_the_table_that_a_text_names_is_known_before_the_rest_is_read():
    assert read_identifier("create table Sales.T (what ever") == "sales.t"


def test_words_that_sql_reserves_may_name_columns():
    names = [column.name for column in columns("create table t (state text, date date, comment text, user text)")]
    assert names == ["state", "date", "comment", "user"]


def test_unquoted_names_become_lower_case():
    table = read_ddl("CREATE TABLE Sales.Daily (Amount INT) PARTITIONED BY (AMOUNT)")
    assert (table.namespace, table.name, table.columns[0].name) == ("sales", "daily", "amount")


def test_a_name_without_namespace_takes_the_callers():
    assert read_ddl("CREATE TABLE t (a int)", namespace="sales").identifier == "sales.t"


@pytest.mark.parametrize(
    ("text", "line", "column", "what"),
    [
        ("", 1, 1, "cannot stand here"),
        ("SELECT 1", 1, 1, "cannot stand here"),
        ("CREATE TABLE t (a int); DROP TABLE t", 1, 25, "one statement"),
        ("CREATE TABLE t AS SELECT 1", 1, 16, "declared by its columns"),
        ("CREATE TABLE t (\n  a int,\n  b varchr(2)\n)", 3, 5, "unknown type"),
        ("CREATE TABLE t (a int, A string)", 1, 24, "declared twice"),
        ("CREATE TABLE t (a int DEFAULT now())", 1, 23, "cannot stand here"),
        ("CREATE TABLE t (a int, CHECK (a > 0))", 1, 30, "cannot stand here"),
        ("CREATE TABLE t (a decimal(39,0))", 1, 19, "decimal"),
        ("CREATE TABLE t (a decimal(5,6))", 1, 19, "decimal"),
        ("CREATE TABLE t (a map<string,int>)", 1, 19, "unknown type"),
        ('CREATE TABLE t ("First Name" string)', 1, 17, "hide or refuse"),
        ('CREATE TABLE t ("Name" string)', 1, 17, "hide or refuse"),
        ("CREATE TABLE t (_a string)", 1, 17, "hide or refuse"),
        ("CREATE TABLE t_ (a string)", 1, 14, "hide or refuse"),
        ("CREATE TABLE awsdata.t (a string)", 1, 14, "may not start with 'aws'"),
        ("CREATE TABLE a.b.c (a string)", 1, 17, "one level"),
        ("CREATE TABLE t (staged_at timestamp)", 1, 17, "provenance"),
        ("CREATE TABLE t (a int) PARTITIONED BY (b)", 1, 40, "no column of this name"),
        ("CREATE TABLE t (a int) PARTITIONED BY (week(a))", 1, 40, "unknown transform"),
        ("CREATE TABLE t (a int) COMMENT 'x' COMMENT 'y'", 1, 36, "twice"),
        ("CREATE TABLE t (a int", 1, 22, "cannot stand here"),
        ("CREATE TABLE t (a string COMMENT 'never closed)", 1, 34, "cannot stand here"),
        ("CREATE TABLE t (/* one\n two */ a\n intt)", 3, 2, "unknown type"),
        ("CREATE TABLE t (a timestamp with zone)", 1, 34, "cannot stand here"),
        ("CREATE TABLE t (a string COMMENT 'C:\\') COMMENT 'x'", 1, 50, "cannot stand here"),
        ("CREATE TABLE t (a int) PARTITIONED BY (day(a))", 1, 40, "day does not apply to int"),
        ("CREATE TABLE t (a date) PARTITIONED BY (hour(a))", 1, 41, "hour does not apply to date"),
        ("CREATE TABLE t (a double) PARTITIONED BY (bucket(4, a))", 1, 43, "bucket does not apply to double"),
        ("CREATE TABLE t (a date) PARTITIONED BY (truncate(4, a))", 1, 41, "truncate does not apply to date"),
        ("CREATE TABLE t (a map<string,string>) PARTITIONED BY (a)", 1, 55, "identity does not apply to map"),
        ("CREATE TABLE t (a int) PARTITIONED BY (a, bucket(0, a))", 1, 50, "1 or more"),
        ("CREATE TABLE t (a int) PARTITIONED BY (a, A)", 1, 43, "partitioned by this already"),
        ("CREATE TABLE t (a int) PARTITIONED BY (bucket(2, a), bucket(4, a))", 1, 54, "partitioned by this already"),
        ("CREATE TABLE t (a date) PARTITIONED BY (year(a), month(a))", 1, 50, "exclude each other"),
        ("CREATE TABLE t (a date, a_year int) PARTITIONED BY (years(a))", 1, 53, "called a_year"),
        ("CREATE TABLE t (a int) SORTED BY (a, a)", 1, 38, "sorted by this already"),
        ("CREATE TABLE t (a map<string,string>) SORTED BY (a)", 1, 50, "no order"),
        ("CREATE TABLE t (a int) USING parquet", 1, 30, "cannot stand here"),
        ("CREATE OR REPLACE TABLE t (a int)", 1, 8, "cannot stand here"),
        ("CREATE TABLE t (a int) LOCATION 's3://b'", 1, 24, "nothing behind it"),
    ],
)
def test_anything_else_is_refused_with_its_place(text: str, line: int, column: int, what: str):
    with pytest.raises(DdlError, match=what) as caught:
        read_ddl(text, file="t.sql")
    assert (caught.value.line, caught.value.column) == (line, column)


def test_the_message_points_with_a_caret():
    with pytest.raises(DdlError) as caught:
        read_ddl("CREATE TABLE t (\n  a int,\n  b varchr(2)\n)", file="t.sql")
    message = str(caught.value)
    assert message.startswith("t.sql: line 3: column 5: unknown type; expected string, varchar")
    assert message.endswith("\n      b varchr(2)\n        ^")


def test_the_caret_is_right_behind_other_line_ends():
    with pytest.raises(DdlError) as caught:
        read_ddl("-- a form feed \f and a page \u2028 end\r\nCREATE TABLE t (\r\n\ta intt)")
    assert str(caught.value).endswith("\n     a intt)\n       ^")


_PIECES = st.sampled_from(
    ["CREATE", "TABLE", "t", "(", ")", ",", "a", "b", "int", "decimal", "map", "<", ">", "5", "0", "NOT", "NULL",
     "COMMENT", "'x'", '"', "'", "`", ";", "--", "/*", "*/", "\n", "PARTITIONED", "BY", "SORTED", "TBLPROPERTIES", "=",
     "é", ".", "bucket", "days", "timestamp", "with", "time", "zone", "USING", "iceberg", "\\"]
)  # fmt: skip


_CLAUSES = st.lists(_PIECES).map(" ".join)


@example("CREATE TABLE t (a int) PARTITIONED BY (")
@given(
    st.text()
    | _CLAUSES
    | _CLAUSES.map("CREATE TABLE t (a int, b timestamp) {}".format)
    | _CLAUSES.map("CREATE TABLE t (a int, b timestamp) PARTITIONED BY ({})".format)
    | st.text().map("CREATE TABLE t (a int COMMENT '{}')".format)
)
def test_any_text_gives_a_table_or_that_error(text: str):
    try:
        table = read_ddl(text)
    except DdlError as error:
        assert error.line is not None
        assert str(error)
    else:
        assert table.columns
