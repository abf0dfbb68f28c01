"""`./gv tables plan` and `apply`: a changed declaration is told in words, made once, and loads go on."""

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
Made-up plants, one row a plant."""

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
    colour  STRING,
    name    STRING,
    price   DECIMAL(9,2),
    old     STRING
) PARTITIONED BY (delivery_period) SORTED BY (colour) COMMENT 'Plants'"""
WITHOUT_OLD = SECOND.replace(",\n    old     STRING", "")

Gv = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def repository(tmp_path: Path, namespace: str) -> Path:
    """A copy of the repository with the one source `orchids`, declared as FIRST."""
    copy = tmp_path / "repository"
    shutil.copytree(REPOSITORY / "plugins", copy / "plugins", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy2(REPOSITORY / "gv", copy / "gv")
    for folder in ("dags/sources", "include/schemas", "include/policies"):
        (copy / folder).mkdir(parents=True)
    (copy / "dags/sources/orchids.py").write_text(DECLARATION.format(namespace=namespace))
    declare(copy, namespace, FIRST)
    return copy


def declare(repository: Path, namespace: str, sql: str) -> None:
    (repository / "include/schemas/orchids.sql").write_text(sql.format(namespace=namespace))


@pytest.fixture
def gv(repository: Path, stand_in: Settings) -> Gv:
    environment = os.environ | standin.environment(stand_in) | {"GV_PYTHON": sys.executable}

    def run(*words: object) -> subprocess.CompletedProcess[str]:
        command = [repository / "gv", *map(str, words)]
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
        f"{table}_rejects",
        "  + create the table with 9 columns, partitioned by delivery_period",
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
    assert step["about"] == table
    assert [change["words"] for change in step["changes"]] == [
        "widen the column id from int to long",
        "set the comment of the column id",
        "add the column colour, STRING",
        "let the column name be NULL",
        "widen the column price from decimal(5, 2) to decimal(9, 2)",
        "sort by colour instead of nothing",
        "set the comment of the table",
    ]
    second = "id,colour,name,price,old\n5000000000,red,,1234567.00,y\n"
    refused = load(gv, tmp_path, "2026-01-02", "b.csv", second)
    assert refused.returncode == 1
    assert "`./gv tables plan` shows it" in refused.stdout

    for said in ("made\n", "everything is as declared\n"):
        applied = gv("tables", "apply", "orchids")
        assert (applied.returncode, applied.stdout.endswith(said)) == (0, True), applied.stderr
    assert load(gv, tmp_path, "2026-01-02", "b.csv", second).stdout.startswith("loaded")
    rows = read_table(stand_in, table, "SELECT id, colour, name, price::VARCHAR, old, source_file FROM t ORDER BY id")
    assert rows == [
        (1, None, "Vanda", "1.50", "x", "a.csv"),
        (5000000000, "red", None, "1234567.00", "y", "b.csv"),
    ]


def test_a_drop_is_refused_until_it_is_named(gv: Gv, repository: Path, namespace: str, account: Account):
    assert gv("tables", "apply", "orchids").returncode == 0
    declare(repository, namespace, WITHOUT_OLD)
    refused = gv("tables", "apply", "orchids")
    assert refused.returncode == 1
    allow = f"drop:{namespace}.plant.old"
    assert f"  ! drop the column old, string: its values go (refused: the values would be lost; --allow {allow})" in (
        refused.stdout.splitlines()
    )
    with closing(open_catalog(account)) as catalog:
        live = catalog.load_table(f"{namespace}.plant")
        assert "old" in live.schema().column_names, "the plan is made whole or not at all"
        assert "colour" not in live.schema().column_names
        for _ in range(2):
            assert gv("tables", "apply", "orchids", "--allow", allow).returncode == 0
        assert "old" not in live.refresh().schema().column_names
    assert gv("tables", "plan", "orchids").returncode == 0


@pytest.mark.parametrize("word", ["old", "drop:old", "drop:a.b.c.d", "all"])
def test_an_allowance_that_names_no_column_is_wrong_usage(word: str, gv: Gv):
    refused = gv("tables", "apply", "orchids", "--allow", word)
    assert refused.returncode == 2
    assert "is neither drop:NAMESPACE.TABLE.COLUMN nor revoke:PRINCIPAL" in refused.stderr


def test_a_declared_grant_is_given_and_another_taken_back_when_it_is_named(
    gv: Gv, repository: Path, namespace: str, account: Account
):
    apply_grants(account, [], revoke=True)  # what other tests gave
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
    assert gv("tables", "plan").stdout == "everything is as declared\n"


def test_every_declared_source_can_be_planned_applied_and_planned_again(stand_in: Settings):
    environment = os.environ | standin.environment(stand_in) | {"GV_PYTHON": sys.executable}

    def run(*words: str) -> int:
        return subprocess.run([REPOSITORY / "gv", "tables", *words], env=environment, check=False).returncode

    sources = sorted(path.stem for path in (REPOSITORY / "dags/sources").glob("*.py"))
    assert run("apply", *sources) == 0
    assert run("plan", *sources) == 0
    assert run("plan", "no_such_source") == 2


@pytest.mark.parametrize("words", [("-n", "no_such"), ("orchids", "-n", "aiq")])
def test_a_plan_for_nothing_is_not_called_as_declared(words: tuple[str, ...], gv: Gv):
    for command in ("plan", "apply"):
        ended = gv("tables", command, *words)
        assert (ended.returncode, ended.stdout) == (2, "")
        assert f"no source has its table in the namespace '{words[-1]}'; expected " in ended.stderr


# --- one table, without the command line ---


@pytest.fixture
def plant(namespace: str) -> TableContract:
    return read_ddl(FIRST.format(namespace=namespace))


def with_columns(contract: TableContract, **changed: Column | None) -> TableContract:
    """Return the contract with some columns changed, added or, for None, left out."""
    columns = {column.name: column for column in contract.columns} | changed
    return replace(contract, columns=tuple(column for column in columns.values() if column))


def step_of(account: Account, catalog: RestCatalog, contract: TableContract) -> Step:
    (step,) = make_plan([lambda: check_table(account, catalog, contract, Maintenance())])
    return step


def test_narrowing_takes_a_column_of_that_name_and_type_for_the_old_one(
    account: Account, catalog: RestCatalog, plant: TableContract
):
    ensure_table(catalog, plant)
    narrower = with_columns(plant, price=Column(name="price", type="decimal(4, 2)", doc="Dollars"))
    step = step_of(account, catalog, narrower)
    allow = f"drop:{plant.identifier}.price"
    assert step.changes == (
        Change(
            words="replace the column price, decimal(5, 2), by one that is decimal(4, 2): its values go",
            refused="the values would be lost",
            allow=allow,
        ),
    )
    assert refused_changes([step]) == list(step.changes)
    assert refused_changes([step], [allow]) == []
    before = catalog.load_table(plant.identifier).schema().find_field("price").field_id
    step.make()
    field = catalog.load_table(plant.identifier).schema().find_field("price")
    assert (str(field.field_type), field.doc) == ("decimal(4, 2)", "Dollars")
    assert field.field_id != before
    ensure_table(catalog, narrower)


REPARTITION = "partition by nothing instead of identity(delivery_period)"


@pytest.mark.parametrize(
    ("change", "words", "refused"),
    [
        (lambda plant: replace(plant, partition_by=()), REPARTITION, "make a new table"),
        (
            lambda plant: with_columns(plant, new=Column(name="new", type="int", required=True)),
            "add the column new, INT NOT NULL",
            "rows that are there have no value",
        ),
        (
            lambda plant: with_columns(plant, old=Column(name="old", type="string", required=True)),
            "make the column old NOT NULL",
            "rows that are there may be NULL",
        ),
        (
            lambda plant: with_columns(plant, name=Column(name="name", type="int", required=True)),
            "replace the column name, string, by one that is int: its values go",
            "rows that are there have no value",
        ),
    ],
)
def test_what_iceberg_cannot_do_to_rows_is_refused_whatever_is_allowed(
    change: Callable[[TableContract], TableContract],
    words: str,
    refused: str,
    account: Account,
    catalog: RestCatalog,
    plant: TableContract,
):
    table = ensure_table(catalog, plant)
    with table.transaction() as transaction, transaction.update_snapshot().fast_append():
        pass  # a snapshot: the table may have rows
    (found,) = step_of(account, catalog, change(plant)).changes
    assert (found.words, found.allow) == (words, "")
    assert refused in found.refused


def test_a_table_without_a_snapshot_takes_not_null(account: Account, catalog: RestCatalog, plant: TableContract):
    hand_made = replace(plant, partition_by=(), provenance=False)
    ensure_table(catalog, hand_made)
    source = replace(hand_made, provenance=True)
    step_of(account, catalog, source).make()
    assert ensure_table(catalog, source).schema().find_field("source_file_sha256").required


@pytest.mark.parametrize("name", ["delivery_period", "name"])
def test_a_column_that_the_table_is_laid_out_by_is_not_dropped(
    name: str, account: Account, catalog: RestCatalog, plant: TableContract
):
    ensure_table(catalog, replace(plant, sort_by=("name",)))
    left = [column for column in plant.all_columns if column.name != name]
    contract = replace(plant, columns=tuple(left), partition_by=(), provenance=False)
    found = differences(catalog.load_table(plant.identifier), contract)
    (drop,) = [difference for difference in found if difference.kind == "drop"]
    assert (drop.name, drop.droppable) == (name, False)
    assert drop.refused.endswith("by it")


def test_a_table_that_another_altered_meanwhile_is_left_as_it_is(catalog: RestCatalog, plant: TableContract):
    stale = ensure_table(catalog, plant)
    with catalog.load_table(plant.identifier).update_schema() as update:
        update.add_column("theirs", IntegerType())
    ours = with_columns(plant, ours=Column(name="ours", type="int"))
    with pytest.raises(
        CommitError, match=r"was altered by another in the meantime; nothing was changed.*Next: plan again"
    ):
        alter(catalog, stale, ours, differences(stale, ours))
    live = find_table(catalog, plant.identifier)
    assert live is not None
    assert "ours" not in live.schema().column_names
    with pytest.raises(TableMismatchError, match="theirs is in the table only"):
        ensure_table(catalog, ours)


def test_docs_order_and_properties_do_not_stop_loads(catalog: RestCatalog, plant: TableContract):
    table = ensure_table(catalog, plant)
    other = replace(
        with_columns(plant, name=replace(plant.columns[1], doc="Latin", pii="N")), sort_by=("name",), doc="Plants"
    )
    found = differences(table, other)
    assert [difference.kind for difference in found] == ["comment", "sort", "doc"]
    assert ensure_table(catalog, other).name() == table.name()
    alter(catalog, table, other, found)
    assert differences(catalog.load_table(plant.identifier), other) == []
