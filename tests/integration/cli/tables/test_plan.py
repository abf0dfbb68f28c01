"""`./gv tables plan` and `apply`: a changed declaration is described, applied once, and loads continue."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from pyiceberg.catalog.rest import RestCatalog
from pyiceberg.types import IntegerType

from growth_verticals.account import Account
from growth_verticals.bucket.plan import Change, Step, check_table, make_plan, refused_changes
from growth_verticals.bucket.policies import apply_grants
from growth_verticals.catalog.create import ensure_table, find_table
from growth_verticals.catalog.differences import alter, differences
from growth_verticals.catalog.rest import open_catalog
from growth_verticals.contract.ddl import read_ddl
from growth_verticals.contract.table import Column, TableContract
from growth_verticals.errors import CommitError, TableMismatchError
from growth_verticals.source import Maintenance
from local import standin
from local.readback import read_table
from local.settings import Settings

REPOSITORY = Path(__file__).resolve().parents[4]

DECLARATION = '''"""# Orchids
Made-up plants, one row per plant."""

from growth_verticals.pipeline import delivery_dag  # builds the airflow DAG
from growth_verticals.source import Delimited, Inbox, Maintenance, OnDemand, Source

dag = delivery_dag(
    Source(
        name="orchids",
        table="{namespace}.plant",
        cadence=OnDemand(),
        delivery=Inbox(pattern="*.csv"),
        format=Delimited(),
        maintenance=Maintenance(target_file_size_mb=256),
    ),
    doc=__doc__,
)
'''
FIRST = """CREATE TABLE {namespace}.plant (
    id      INT NOT NULL  COMMENT '[N] Their number',
    name    STRING NOT NULL,
    price   DECIMAL(5,2),
    old     STRING
) PARTITIONED BY (delivery_period)"""
SECOND = """CREATE TABLE {namespace}.plant (
    id      BIGINT NOT NULL  COMMENT '[N] Their own number',
    color  STRING,
    name    STRING,
    price   DECIMAL(9,2),
    old     STRING
) PARTITIONED BY (delivery_period) SORTED BY (color) COMMENT 'Plants'"""
WITHOUT_OLD = SECOND.replace(",\n    old     STRING", "")

Gv = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def repository(tmp_path: Path, namespace: str) -> Path:
    """A copy of the repository with `orchids` as its only source, declared as FIRST."""
    copy = tmp_path / "repository"
    shutil.copytree(REPOSITORY / "plugins", copy / "plugins", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy2(REPOSITORY / "gv", copy / "gv")
    for folder in ("dags/sources", "include/schemas", "include/policies"):
        (copy / folder).mkdir(parents=True)
    (copy / "dags/sources/orchids.py").write_text(DECLARATION.format(namespace=namespace))
    shutil.copy2(REPOSITORY / "include/bucket.json", copy / "include/bucket.json")
    declare(copy, namespace, FIRST)
    return copy


def declare(repository: Path, namespace: str, sql: str) -> None:
    (repository / "include/schemas/orchids.sql").write_text(sql.format(namespace=namespace))


@pytest.fixture
def gv(repository: Path, stand_in: Settings) -> Gv:
    environment = os.environ | standin.environment(stand_in) | {"GV_PYTHON": sys.executable}

    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        command = [repository / "gv", *map(str, arguments)]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    return run


def load(gv: Gv, folder: Path, period: str, name: str, text: str) -> subprocess.CompletedProcess[str]:
    (folder / name).write_text(text)
    return gv("load", "orchids", folder / name, "--period", period)


def test_a_changed_sql_file_is_planned_applied_and_loaded(
    gv: Gv, repository: Path, namespace: str, tmp_path: Path, stand_in: Settings
):
    table = f"{namespace}.plant"
    planned = gv("tables", "plan", "orchids")
    assert planned.returncode == 2, planned.stderr
    assert planned.stdout.splitlines() == [
        table,
        "  + create the table with 9 columns, partitioned by delivery_period",
        table,
        "  + set icebergCompaction.targetFileSizeMB from 512 to 256",
        table,
        "  + set the tag source to orchids",
        f"  + set the tag client to {namespace}",
        "  + set the tag pii to N",
        f"{table}_rejects",
        "  + create the table with 9 columns, partitioned by delivery_period",
        f"{table}_rejects",
        "  + set the tag source to orchids",
        f"  + set the tag client to {namespace}",
        "  + set the tag pii to D",
        "Next: ./gv tables apply",
    ]
    assert gv("tables", "apply", "orchids").returncode == 0
    again = gv("tables", "plan", "orchids")
    assert (again.returncode, again.stdout) == (0, "everything is as declared\n")
    assert load(gv, tmp_path, "2026-01-01", "a.csv", "id,name,price,old\n1,Vanda,1.50,x\n").returncode == 0

    declare(repository, namespace, SECOND)
    planned = gv("tables", "plan", "orchids", "--json")
    assert planned.returncode == 2
    (step,) = json.loads(planned.stdout)["steps"]
    assert step["target"] == table
    assert [change["change"] for change in step["changes"]] == [
        "widen the column id from int to long",
        "set the comment of the column id",
        "add the column color, STRING",
        "make the column name nullable",
        "widen the column price from decimal(5, 2) to decimal(9, 2)",
        "sort by color instead of nothing",
        "set the comment of the table",
    ]
    second = "id,color,name,price,old\n5000000000,red,,1234567.00,y\n"
    refused = load(gv, tmp_path, "2026-01-02", "b.csv", second)
    assert refused.returncode == 1
    assert "run `./gv tables plan` to see all differences, then `./gv tables apply`" in refused.stdout

    for message in ("applied\n", "everything is as declared\n"):
        applied = gv("tables", "apply", "orchids")
        assert (applied.returncode, applied.stdout.endswith(message)) == (0, True), applied.stderr
    assert load(gv, tmp_path, "2026-01-02", "b.csv", second).stdout.startswith("loaded")
    rows = read_table(stand_in, table, "SELECT id, color, name, price::VARCHAR, old, source_file FROM t ORDER BY id")
    assert rows == [
        (1, None, "Vanda", "1.50", "x", "a.csv"),
        (5000000000, "red", None, "1234567.00", "y", "b.csv"),
    ]


def test_dropping_a_column_is_refused_until_it_is_allowed_by_name(
    gv: Gv, repository: Path, namespace: str, account: Account
):
    assert gv("tables", "apply", "orchids").returncode == 0
    declare(repository, namespace, WITHOUT_OLD)
    refused = gv("tables", "apply", "orchids")
    assert refused.returncode == 1
    allow = f"drop:{namespace}.plant.old"
    assert (
        f"  ! drop the column old, string: its values are lost (refused: the values would be lost; --allow {allow})"
        in refused.stdout.splitlines()
    )
    with closing(open_catalog(account)) as catalog:
        live = catalog.load_table(f"{namespace}.plant")
        assert "old" in live.schema().column_names, "all of the plan is applied, or nothing"
        assert "color" not in live.schema().column_names
        for _ in range(2):
            assert gv("tables", "apply", "orchids", "--allow", allow).returncode == 0
        assert "old" not in live.refresh().schema().column_names
    assert gv("tables", "plan", "orchids").returncode == 0


@pytest.mark.parametrize("value", ["old", "drop:old", "drop:a.b.c.d", "all"])
def test_an_invalid_value_of_allow_is_a_usage_error(value: str, gv: Gv):
    refused = gv("tables", "apply", "orchids", "--allow", value)
    assert refused.returncode == 2
    assert "is neither drop:NAMESPACE.TABLE.COLUMN nor revoke:PRINCIPAL" in refused.stderr


def test_a_declared_grant_is_applied_and_an_undeclared_one_is_revoked_when_allowed(
    gv: Gv, repository: Path, namespace: str, account: Account
):
    apply_grants(account, [], revoke=True)  # grants of other tests
    assert gv("tables", "apply").returncode == 0
    file = repository / "include/policies/reader.json"
    file.write_text(json.dumps({"principal": "role/reader", "as": "reader", "table": f"{namespace}.plant"}))
    planned = gv("tables", "plan")
    assert planned.returncode == 2
    assert f"  + {namespace}.plant: grant Allow" in planned.stdout
    assert gv("tables", "apply").returncode == 0
    assert gv("tables", "plan").returncode == 0

    file.unlink()
    refused = gv("tables", "apply")
    allow = f"revoke:arn:aws:iam::{account.table_bucket_arn.split(':')[4]}:role/reader"
    assert (refused.returncode, f"--allow {allow})" in refused.stdout) == (1, True)
    assert gv("tables", "apply", "--allow", allow).returncode == 0
    assert gv("tables", "plan").stdout.endswith("\neverything is as declared\n")


def test_every_declared_source_can_be_planned_applied_and_planned_again(stand_in: Settings):
    environment = os.environ | standin.environment(stand_in) | {"GV_PYTHON": sys.executable}

    def run(*arguments: str) -> int:
        return subprocess.run([REPOSITORY / "gv", "tables", *arguments], env=environment, check=False).returncode

    sources = sorted(path.stem for path in (REPOSITORY / "dags/sources").glob("*.py"))
    assert run("apply", *sources) == 0
    assert run("plan", *sources) == 0
    assert run("plan", "no_such_source") == 2


@pytest.mark.parametrize("arguments", [("-n", "no_such"), ("orchids", "-n", "aiq")])
def test_selecting_no_source_is_a_usage_error(arguments: tuple[str, ...], gv: Gv):
    for command in ("plan", "apply"):
        result = gv("tables", command, *arguments)
        assert (result.returncode, result.stdout) == (2, "")
        assert f"no source has its table in the namespace '{arguments[-1]}'; expected " in result.stderr


# --- one table, without the command line -----------------------------------------------------------------------------


@pytest.fixture
def plant(namespace: str) -> TableContract:
    return read_ddl(FIRST.format(namespace=namespace))


def with_columns(contract: TableContract, **changed: Column | None) -> TableContract:
    """Return the contract with some columns changed, added or, for None, removed."""
    columns = {column.name: column for column in contract.columns} | changed
    return replace(contract, columns=tuple(column for column in columns.values() if column))


def step_of(account: Account, catalog: RestCatalog, contract: TableContract) -> Step:
    (step,) = make_plan([lambda: check_table(account, catalog, contract, Maintenance())])
    return step


def test_narrowing_a_column_replaces_it_with_a_new_one_of_that_name(
    account: Account, catalog: RestCatalog, plant: TableContract
):
    ensure_table(catalog, plant)
    narrower = with_columns(plant, price=Column(name="price", type="decimal(4, 2)", doc="Dollars"))
    step = step_of(account, catalog, narrower)
    allow = f"drop:{plant.identifier}.price"
    assert step.changes == (
        Change(
            description="replace the column price, decimal(5, 2), with a new one, decimal(4, 2): its values are lost",
            refused="the values would be lost",
            allow_flag=allow,
        ),
    )
    assert refused_changes([step]) == list(step.changes)
    assert refused_changes([step], [allow]) == []
    before = catalog.load_table(plant.identifier).schema().find_field("price").field_id
    step.apply()
    field = catalog.load_table(plant.identifier).schema().find_field("price")
    assert (str(field.field_type), field.doc) == ("decimal(4, 2)", "Dollars")
    assert field.field_id != before
    ensure_table(catalog, narrower)


REPARTITION = "partition by nothing instead of identity(delivery_period)"


@pytest.mark.parametrize(
    ("change", "description", "refused"),
    [
        (lambda plant: replace(plant, partition_by=()), REPARTITION, "create a new table"),
        (
            lambda plant: with_columns(plant, new=Column(name="new", type="int", required=True)),
            "add the column new, INT NOT NULL",
            "existing rows have no value",
        ),
        (
            lambda plant: with_columns(plant, old=Column(name="old", type="string", required=True)),
            "make the column old NOT NULL",
            "existing rows may be NULL",
        ),
        (
            lambda plant: with_columns(plant, name=Column(name="name", type="int", required=True)),
            "replace the column name, string, with a new one, int: its values are lost",
            "existing rows have no value",
        ),
    ],
)
def test_a_change_that_iceberg_cannot_make_to_rows_is_always_refused(
    change: Callable[[TableContract], TableContract],
    description: str,
    refused: str,
    account: Account,
    catalog: RestCatalog,
    plant: TableContract,
):
    table = ensure_table(catalog, plant)
    with table.transaction() as transaction, transaction.update_snapshot().fast_append():
        pass  # with a snapshot, the table can have rows
    (actual,) = step_of(account, catalog, change(plant)).changes
    assert (actual.description, actual.allow_flag) == (description, "")
    assert refused in actual.refused


def test_not_null_can_be_added_to_a_table_without_a_snapshot(
    account: Account, catalog: RestCatalog, plant: TableContract
):
    hand_made = replace(plant, partition_by=(), provenance=False)
    ensure_table(catalog, hand_made)
    source = replace(hand_made, provenance=True)
    step_of(account, catalog, source).apply()
    assert ensure_table(catalog, source).schema().find_field("source_file_sha256").required


@pytest.mark.parametrize("name", ["delivery_period", "name"])
def test_a_partition_or_sort_column_is_not_dropped(
    name: str, account: Account, catalog: RestCatalog, plant: TableContract
):
    ensure_table(catalog, replace(plant, sort_by=("name",)))
    remaining = [column for column in plant.all_columns if column.name != name]
    contract = replace(plant, columns=tuple(remaining), partition_by=(), provenance=False)
    found = differences(catalog.load_table(plant.identifier), contract)
    (drop,) = [difference for difference in found if difference.kind == "drop"]
    assert (drop.name, drop.droppable) == (name, False)
    assert drop.refused.endswith("by it")


def test_a_table_that_another_client_altered_meanwhile_is_not_changed(catalog: RestCatalog, plant: TableContract):
    stale = ensure_table(catalog, plant)
    with catalog.load_table(plant.identifier).update_schema() as update:
        update.add_column("added_meanwhile", IntegerType())
    declared = with_columns(plant, added=Column(name="added", type="int"))
    with pytest.raises(
        CommitError,
        match=r"was altered by another client in the meantime; nothing was changed.*Next: run `./gv tables plan` again",
    ):
        alter(catalog, stale, declared, differences(stale, declared))
    live = find_table(catalog, plant.identifier)
    assert live is not None
    assert "added" not in live.schema().column_names
    with pytest.raises(TableMismatchError, match="added_meanwhile is in the table, but not in the file"):
        ensure_table(catalog, declared)


def test_different_comments_and_sort_order_do_not_stop_loads(catalog: RestCatalog, plant: TableContract):
    table = ensure_table(catalog, plant)
    other = replace(
        with_columns(plant, name=replace(plant.columns[1], doc="Latin", pii="N")), sort_by=("name",), doc="Plants"
    )
    found = differences(table, other)
    assert [difference.kind for difference in found] == ["comment", "sort", "doc"]
    assert ensure_table(catalog, other).name() == table.name()
    alter(catalog, table, other, found)
    assert differences(catalog.load_table(plant.identifier), other) == []
