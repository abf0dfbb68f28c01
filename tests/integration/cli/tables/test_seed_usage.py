"""The commands in the usage section of the team's document: each has the effect that the document describes.

Paths are adapted (`include/scripts`, `include/schemas`), and the table bucket is the stand-in's. The first block, the
CloudFormation stack, is deployed in tests/integration/cfn.
"""

from __future__ import annotations

import os
import pty
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from pyiceberg.catalog.rest import RestCatalog
from pyiceberg.exceptions import NoSuchTableError

from growth_verticals.account import Account
from growth_verticals.bucket.access import table_statements
from growth_verticals.bucket.policies import Grant, read_policy
from growth_verticals.bucket.settings import COMPACTION, SNAPSHOTS, read_settings

from .conftest import SCRIPTS, Gv, Result

BY_FILE = "python3 create_table.py -b my-table-bucket -s schemas/daily_sales.sql"
BY_TEXT = (
    "python3 create_table.py -b my-table-bucket "
    '--sql "CREATE TABLE users (id long NOT NULL, name string NOT NULL, created_at timestamp)"'
)
DRY_RUN = "python3 create_table.py -b my-table-bucket -s schemas/user_events.sql --dry-run -v"
LEGACY = "./create-table.sh -b my-table-bucket -t users -s schemas/users-schema.json"
CONFIGURE = "./configure-maintenance.sh"
#: The namespace of a table that `create_table.py` creates without a given one.
NAMESPACE = "default"


@pytest.fixture
def usage(stand_in_environment: dict[str, str]) -> Callable[[str], Result]:
    """Run one line of the usage section in include/."""
    environment = os.environ | stand_in_environment | {"GV_PYTHON": sys.executable}

    def run(line: str) -> Result:
        command = [
            word.replace("create_table.py", "scripts/create_table.py").replace("./", "scripts/")
            for word in shlex.split(line.replace("my-table-bucket", "gv-tables"))
        ]
        if command[0] == "python3":
            command[0] = sys.executable
        completed = subprocess.run(
            command, env=environment, capture_output=True, text=True, check=False, cwd=SCRIPTS.parent
        )
        return Result(completed.returncode, completed.stdout, completed.stderr)

    return run


@pytest.fixture(autouse=True)
def no_tables(catalog: RestCatalog) -> Iterator[None]:
    def purge() -> None:
        for name in ("daily_sales", "users", "user_events"):
            with suppress(NoSuchTableError):
                catalog.purge_table(f"{NAMESPACE}.{name}")

    purge()
    yield
    purge()


def columns(catalog: RestCatalog, name: str) -> list[tuple[str, str, bool]]:
    schema = catalog.load_table(f"{NAMESPACE}.{name}").schema()
    return [(field.name, str(field.field_type), field.required) for field in schema.fields]


def test_a_sql_file_creates_a_table_with_its_partitions(usage: Callable[[str], Result], catalog: RestCatalog):
    assert usage(BY_FILE).code == 0
    assert ("sales_amount", "decimal(12, 2)", False) in columns(catalog, "daily_sales")
    assert [str(part.transform) for part in catalog.load_table(f"{NAMESPACE}.daily_sales").spec().fields] == ["month"]
    assert usage(BY_FILE).code == 0


def test_inline_sql_creates_a_table(usage: Callable[[str], Result], catalog: RestCatalog):
    assert usage(BY_TEXT).code == 0
    assert columns(catalog, "users") == [
        ("id", "long", True), ("name", "string", True), ("created_at", "timestamp", False),
    ]  # fmt: skip


def test_a_dry_run_shows_the_parsed_schema_and_creates_nothing(usage: Callable[[str], Result], catalog: RestCatalog):
    shown = usage(DRY_RUN)
    assert shown.code == 0
    for column in ("event_id", "user_id", "event_type", "event_time", "payload"):
        assert column in shown.out
    assert not catalog.table_exists(f"{NAMESPACE}.user_events")


def test_a_legacy_json_schema_creates_a_table(usage: Callable[[str], Result], catalog: RestCatalog):
    assert usage(LEGACY).code == 0
    assert [(name, required) for name, _, required in columns(catalog, "users")] == [
        ("id", True), ("name", True), ("email", False), ("is_active", False), ("created_at", False),
    ]  # fmt: skip


def test_maintenance_is_configured_in_a_terminal(
    stand_in_environment: dict[str, str], usage: Callable[[str], Result], account: Account
):
    usage(BY_FILE)
    shown = answer_prompts(
        SCRIPTS / CONFIGURE,
        os.environ | stand_in_environment | {"GV_PYTHON": sys.executable, "TERM": "xterm-256color", "COLUMNS": "120"},
        ("bucket's settings: ", f"{NAMESPACE}.daily_sales"),
        ("compaction: enabled? ", "y"),
        ("target file size in MB, 64 to 512 [512]: ", "256"),
        ("strategy, auto, binpack, sort, z-order [auto]: ", ""),
        ("snapshots: enabled? ", "y"),
        ("minimum snapshots, 1 or more [1]: ", "5"),
        ("maximum age in hours, 1 or more [120]: ", "168"),
        ("Set these values? ", "y"),
    )
    assert "\x1b[1m" in shown, "the heading is bold on a terminal"
    live = read_settings(account, f"{NAMESPACE}.daily_sales")
    assert live[COMPACTION.name].values == {"targetFileSizeMB": 256, "strategy": "auto"}
    assert live[SNAPSHOTS.name].values == {"minSnapshotsToKeep": 5, "maxSnapshotAgeHours": 168}


def test_the_other_scripts_run(
    script: Gv, usage: Callable[[str], Result], account: Account, census: str, append: Callable[..., None]
):
    usage(BY_FILE)
    append(census, 2)
    listed = script("list-resources.sh", "-n", NAMESPACE)
    assert listed.code == 0
    assert listed.row("daily_sales") == "daily_sales 0 0 0 B -"

    status = script("maintenance.sh", "-b", "gv-tables", f"{NAMESPACE}.daily_sales")
    assert status.code == 0
    assert "512 MB, auto default" in status.row("compaction")

    snapshots = script("view-snapshots.sh", "-b", "gv-tables", "-t", census)
    assert snapshots.code == 0
    assert snapshots.out.startswith(f"{census}: 2 snapshot(s)\n")

    granted = script("grant-access.sh", "-b", "gv-tables", census, "--as", "reader", "--to", "role/analyst")
    assert granted.code == 0
    namespace, name = census.split(".")
    grant = Grant(principal="arn:aws:iam::000000000000:role/analyst", level="reader", namespace=namespace, table=name)
    arn = account.client("s3tables").get_table(tableBucketARN=account.table_bucket_arn, namespace=namespace, name=name)[
        "tableARN"
    ]
    assert arn.startswith(f"{account.table_bucket_arn}/table/")
    assert read_policy(account, census)["Statement"] == table_statements(grant, arn)
    assert script("../../gv", "tables", "revoke", census, "--from", "role/analyst").code == 0


@pytest.mark.parametrize(
    "path", [*sorted(SCRIPTS.glob("*.sh")), SCRIPTS / "create_table.py"], ids=lambda path: path.name
)
def test_every_script_prints_its_help(script: Gv, path: Path):
    helped = script(path.name, "--help")
    assert helped.code == 0
    assert "usage: gv tables " in helped.out
    assert "example" in helped.out


def answer_prompts(command: Path, environment: dict[str, str], *answers: tuple[str, str]) -> str:
    """Run a command in a terminal of its own: wait for each prompt, type its answer; return the whole output."""
    terminal, child = pty.openpty()
    with subprocess.Popen([command], stdin=child, stdout=child, stderr=child, env=environment) as process:
        os.close(child)
        shown = ""
        for prompt, answer in answers:
            seen = len(shown)
            while prompt not in shown[seen:]:
                shown += os.read(terminal, 4096).decode()
            os.write(terminal, f"{answer}\n".encode())
        while True:
            try:
                shown += os.read(terminal, 4096).decode()
            except OSError:  # the other end is closed
                break
    os.close(terminal)
    assert process.returncode == 0, shown
    return shown
