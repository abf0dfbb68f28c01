"""`./gv tables create`, also by the older scripts: creates tables as the SQL declares them, and none twice."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer
from pyiceberg.catalog.rest import RestCatalog
from pyiceberg.schema import Schema
from pyiceberg.types import LongType, NestedField, StringType

from growth_verticals.account import Account
from growth_verticals.catalog.create import create_request
from growth_verticals.catalog.differences import differences
from growth_verticals.cli.__main__ import main
from growth_verticals.contract.ddl import read_ddl

REPOSITORY = Path(__file__).resolve().parents[4]
SCHEMAS = REPOSITORY / "include" / "schemas"
BUCKET = "gv-tables"

USERS = "CREATE TABLE users (id long NOT NULL, name string NOT NULL, created_at timestamp)"
EVERYTHING = """CREATE TABLE sale (
    id bigint NOT NULL COMMENT '[Q] Their id', at timestamp, price decimal(9,2), extra map<string,string>
) PARTITIONED BY (bucket(16, id), months(at)) SORTED BY (id, at) COMMENT 'Sales'"""


@pytest.fixture(autouse=True)
def environment(stand_in_environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    for name, value in stand_in_environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("GV_PYTHON", sys.executable)
    return stand_in_environment


def create(*arguments: object) -> int:
    return main(["tables", "create", "-b", BUCKET, *map(str, arguments)])


def columns_of(catalog: RestCatalog, identifier: str) -> list[tuple[str, str, bool]]:
    return [
        (field.name, str(field.field_type), field.required) for field in catalog.load_table(identifier).schema().fields
    ]


def test_the_older_script_creates_a_table_from_a_sql_file(namespace: str, catalog: RestCatalog):
    script = [sys.executable, "scripts/create_table.py", "-b", BUCKET, "-s", "schemas/daily_sales.sql", "-n", namespace]
    done = subprocess.run(script, cwd=REPOSITORY / "include", capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, f"{namespace}.daily_sales: created\n"), done.stderr
    table = catalog.load_table((namespace, "daily_sales"))
    assert [field.name for field in table.schema().fields] == [
        "sale_date", "store_id", "product_id", "product_category", "quantity", "unit_price", "sales_amount",
    ]  # fmt: skip
    assert [str(field) for field in table.spec().fields] == ["1000: sale_date_month: month(1)"]


def test_the_legacy_script_creates_a_table_from_a_json_schema(namespace: str, catalog: RestCatalog):
    script = [REPOSITORY / "include/scripts/create-table.sh", "-b", BUCKET, "-t", "users", "-s", "users-schema.json"]
    done = subprocess.run([*script, "-n", namespace], cwd=SCHEMAS, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, f"{namespace}.users: created\n"), done.stderr
    assert columns_of(catalog, f"{namespace}.users")[:3] == [
        ("id", "long", True), ("name", "string", True), ("email", "string", False),
    ]  # fmt: skip


def test_sql_text_creates_a_table_with_everything_it_declares(
    namespace: str, catalog: RestCatalog, capsys: pytest.CaptureFixture[str]
):
    assert create("--sql", EVERYTHING, "-n", namespace) == 0
    table = catalog.load_table((namespace, "sale"))
    assert [(field.name, str(field.field_type), field.required, field.doc) for field in table.schema().fields] == [
        ("id", "long", True, "[Q] Their id"),
        ("at", "timestamp", False, None),
        ("price", "decimal(9, 2)", False, None),
        ("extra", "map<string, string>", False, None),
    ]
    assert [str(field.transform) for field in table.spec().fields] == ["bucket[16]", "month"]
    assert [str(field) for field in table.sort_order().fields] == ["1 ASC NULLS LAST", "2 ASC NULLS LAST"]
    assert table.properties["comment"] == "Sales"


def test_a_missing_namespace_is_created(namespace: str, catalog: RestCatalog):
    assert create("--sql", f"CREATE TABLE {namespace}_new.users (id int)") == 0
    assert catalog.table_exists(f"{namespace}_new.users")


def test_an_existing_equal_table_is_reported(namespace: str, capsys: pytest.CaptureFixture[str]):
    for state in ("created", "already exists, as declared"):
        assert create("--sql", USERS, "-n", namespace) == 0
        assert capsys.readouterr().out == f"{namespace}.users: {state}\n"


def test_a_table_that_another_tool_created_is_equal_if_its_columns_are(
    namespace: str, catalog: RestCatalog, capsys: pytest.CaptureFixture[str]
):
    schema = Schema(NestedField(1, "id", LongType(), required=True), NestedField(2, "name", StringType()))
    catalog.create_table((namespace, "users"), schema)
    assert create("--sql", "CREATE TABLE users (id bigint NOT NULL, name text)", "-n", namespace) == 0


def test_an_existing_different_table_is_reported_and_not_changed(
    namespace: str, catalog: RestCatalog, capsys: pytest.CaptureFixture[str]
):
    create("--sql", USERS, "-n", namespace)
    before = columns_of(catalog, f"{namespace}.users")
    capsys.readouterr()
    other = "CREATE TABLE users (id int NOT NULL, name string COMMENT 'Full name', zip text) SORTED BY (name)"
    assert create("--sql", other, "-n", namespace) == 1
    assert capsys.readouterr().out.splitlines() == [
        f"{namespace}.users: already exists and differs; nothing was changed",
        "  id is long in the table, int in the file",
        "  name is NOT NULL in the table, nullable in the file",
        "  the comment of name differs",
        "  zip is missing in the table",
        "  created_at is in the table, but not in the file",
        "  the table is sorted by nothing, not by name",
    ]
    assert columns_of(catalog, f"{namespace}.users") == before


def test_a_dry_run_shows_everything_and_creates_nothing(
    namespace: str, catalog: RestCatalog, capsys: pytest.CaptureFixture[str]
):
    text = f"{EVERYTHING} TBLPROPERTIES ('history.expire.max-snapshot-age-ms' = '1', 'owner' = 'me')"
    assert create("--sql", text, "-n", namespace, "--dry-run", "-v") == 0
    shown = capsys.readouterr()
    for line in (
        f"table {namespace}.sale, 4 columns",
        "  id     BIGINT              NOT NULL  [Q] Their id",
        "partitioned by: bucket(16, id), month(at)",
        "sorted by: id, at",
        "ignored TBLPROPERTIES: history.expire.max-snapshot-age-ms, owner",
        "dry run: nothing was created",
    ):
        assert line in shown.out.splitlines()
    assert "warning: the property history.expire.max-snapshot-age-ms does nothing" in shown.err
    assert "maxSnapshotAgeHours" in shown.err
    assert not catalog.table_exists(f"{namespace}.sale")


def test_the_request_in_a_dry_run_creates_the_same_table(
    namespace: str, account: Account, catalog: RestCatalog, capsys: pytest.CaptureFixture[str]
):
    assert create("--sql", EVERYTHING, "-n", namespace, "--dry-run", "--json") == 0
    request = json.loads(capsys.readouterr().out)["request"]
    account.client("s3tables").create_table(**request)
    table = catalog.load_table((namespace, "sale"))
    assert differences(table, read_ddl(EVERYTHING, provenance=False)) == []
    assert create("--sql", EVERYTHING, "-n", namespace) == 0


def test_the_table_of_a_declared_source_can_be_loaded(
    namespace: str, catalog: RestCatalog, capsys: pytest.CaptureFixture[str]
):
    assert create("-s", SCHEMAS / "causeway.sql", "-n", namespace) == 0
    assert [name for name, _, _ in columns_of(catalog, f"{namespace}.person")][-5:] == [
        "delivery_period", "source_file", "source_file_sha256", "source_row", "staged_at",
    ]  # fmt: skip


def test_json_has_the_same_status(namespace: str, capsys: pytest.CaptureFixture[str]):
    results = []
    for text in (USERS, USERS, "CREATE TABLE users (id long NOT NULL)"):
        code = create("--sql", text, "-n", namespace, "--json")
        results.append((code, json.loads(capsys.readouterr().out)["status"]))
    assert results == [(0, "created"), (0, "exists"), (1, "differs")]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--sql", "CREATE TABLE users (id intt)"], "--sql: line 1: column 24: unknown type"),
        (["-s", "no-such.sql"], "no-such.sql: the schema file cannot be read; found No such file"),
    ],
)
def test_an_invalid_schema_is_refused_before_any_request(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
):
    assert create(*arguments) == 1
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--sql", USERS, "-n", "aws_data"], "argument -n/--namespace: S3 Tables or Athena would refuse this name"),
        (["--sql", USERS, "-t", "Users"], "argument -t/--table: S3 Tables or Athena would refuse this name"),
        (["-s", str(SCHEMAS / "users-schema.json")], "a JSON schema does not contain the table's name; add -t NAME"),
    ],
)
def test_an_invalid_or_missing_name_is_a_usage_error(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
):
    with pytest.raises(SystemExit) as error:
        create(*arguments)
    assert error.value.code == 2
    assert message in capsys.readouterr().err


def test_the_error_for_an_unknown_bucket_names_it(capsys: pytest.CaptureFixture[str]):
    assert main(["tables", "create", "-b", "no-such-bucket", "--sql", USERS]) == 1
    assert "there is no table bucket 'no-such-bucket'" in capsys.readouterr().err


def test_the_request_also_creates_a_table_in_moto():
    server = ThreadedMotoServer(port=0)
    server.start()
    try:
        _, port = server.get_host_and_port()
        client: Any = boto3.client(
            "s3tables", region_name="us-east-1", endpoint_url=f"http://127.0.0.1:{port}",
            aws_access_key_id="x", aws_secret_access_key="x",
        )  # fmt: skip
        arn = client.create_table_bucket(name=BUCKET)["arn"]
        client.create_namespace(tableBucketARN=arn, namespace=["default"])
        request = create_request(read_ddl(EVERYTHING, provenance=False), arn)
        client.create_table(**request)
        table = client.get_table(tableBucketARN=arn, namespace="default", name="sale")
        assert (table["format"], table["type"]) == ("ICEBERG", "customer")
        with pytest.raises(client.exceptions.ConflictException):
            client.create_table(**request)
    finally:
        server.stop()


def test_a_live_table_is_printed_as_sql_that_creates_it_again(
    namespace: str, catalog: RestCatalog, capsys: pytest.CaptureFixture[str]
):
    create("--sql", EVERYTHING, "-n", namespace)
    capsys.readouterr()
    assert main(["tables", "ddl", f"{namespace}.sale"]) == 0
    sql = capsys.readouterr().out
    assert sql.startswith(f"CREATE TABLE {namespace}.sale (\n    id     BIGINT")
    assert create("--sql", sql) == 0
    assert capsys.readouterr().out == f"{namespace}.sale: already exists, as declared\n"


def test_a_sources_table_that_is_not_migrated_is_printed_with_the_column_that_it_has(
    namespace: str, catalog: RestCatalog, capsys: pytest.CaptureFixture[str]
):
    create("-s", SCHEMAS / "causeway.sql", "-n", namespace)
    with catalog.load_table(f"{namespace}.person").update_schema() as update:
        update.rename_column("staged_at", "loaded_at")
    capsys.readouterr()
    assert main(["tables", "ddl", f"{namespace}.person"]) == 0
    also, former, sql = capsys.readouterr().out.split("\n", 2)
    assert also == "-- The table also has the provenance columns, like every source's table."
    assert former == "-- Its column staged_at still has its former name loaded_at: ./gv tables apply renames it."
    assert "source_row" not in sql
    assert main(["tables", "ddl", f"{namespace}.person", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["former_names"] == {"staged_at": "loaded_at"}


def test_a_sources_table_is_printed_as_its_sql_file_declares_it(namespace: str, capsys: pytest.CaptureFixture[str]):
    create("-s", SCHEMAS / "causeway.sql", "-n", namespace)
    capsys.readouterr()
    assert main(["tables", "ddl", "person", "-n", namespace, "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["provenance"]
    declared = read_ddl((SCHEMAS / "causeway.sql").read_text())
    assert read_ddl(printed["sql"]).columns == declared.columns


def test_the_error_for_a_missing_table_names_it(capsys: pytest.CaptureFixture[str]):
    assert main(["tables", "ddl", "no_such.table"]) == 1
    assert "there is no table no_such.table" in capsys.readouterr().err
