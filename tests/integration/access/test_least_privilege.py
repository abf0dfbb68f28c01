"""Each step and command works with the role that docs/access.md says, and no role has a right that none uses."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from growth_verticals import steps
from growth_verticals.account import Account
from growth_verticals.bucket.declared import BucketDeclaration
from growth_verticals.bucket.plan import check_bucket, make_plan, table_checks
from growth_verticals.catalog.rest import open_catalog
from growth_verticals.contract.declared import contract_of
from growth_verticals.corrections import carry_out, plan_correction
from growth_verticals.declarations import read_sources
from growth_verticals.delivery import Actor
from growth_verticals.retention import apply_retention
from growth_verticals.source import Retention
from local.settings import LANDING_BUCKET, TABLE_BUCKET_ARN
from tests.integration.access.conftest import CLIENT_KEY, Acting, Deployed, read_trail

SAMPLES = Path(__file__).parents[3] / "include" / "samples"
FILE = SAMPLES / "ls_corp" / "ls_corp_leads.csv"
CLIENT_FILE = SAMPLES / "horace_mann" / "horace_mann_autumn.csv"
PERIOD = "2026-11-20"
ACTOR = Actor(by="ada", tool="a test", reason="a test")
#: Tables' objects are read and written as S3 objects, with the key of the table (S3 user guide, "Permission
#: requirements for S3 Tables SSE-KMS encryption"); it names both actions for reading too.
KMS_ACTIONS = {"GetTableData": {"kms:Decrypt", "kms:GenerateDataKey"}, "PutTableData": {"kms:GenerateDataKey"}}

#: Rights that no step and no command uses here, each with its reason.
UNUSED = {
    ("creator", "kms:DescribeKey"): "S3 Tables looks the key up when it creates a table; no request of ours shows it",
    ("admin", "kms:DescribeKey"): "as for the creator",
    ("admin", "glue:GetCatalog"): "the stand-in has no Glue; tests/integration/access/test_doctor.py proves it",
}
#: Calls that are refused, and whose callers go on without them.
REFUSED = {
    **dict.fromkeys(
        (
            ("reader", "ListTableBuckets"),
            ("loader", "ListTableBuckets"),
            ("creator", "ListTableBuckets"),
            ("maintainer", "ListTableBuckets"),
        ),
        "`./gv tables list` shows the configured table bucket only",
    ),
    **dict.fromkeys(
        (("reader", "ListTables"), ("loader", "ListTables"), ("creator", "ListTables")),
        "the whole table bucket: they list one namespace after the other then",
    ),
    ("maintainer", "GetTableMetadataLocation"): "`./gv tables list` and `status` leave out what is in tables' metadata",
    ("reader", "GetTableMetadataLocation"): "`./gv tables list` leaves it out of rejects tables and tables of clients",
}


@dataclass(frozen=True)
class Used:
    """What the steps and commands needed, by role: IAM actions, and those of them that were refused."""

    allowed: dict[str, set[str]]
    refused: set[tuple[str, str]]


@pytest.fixture(scope="module")
def used(acting: Acting, deployed: Deployed, tmp_path_factory: pytest.TempPathFactory) -> Used:
    """Run every step and command with the role that it is for. Each must succeed."""
    account = acting.as_role("platform")
    client, bucket = account.client("s3tables"), {"tableBucketARN": account.table_bucket_arn}
    client.put_table_bucket_policy(**bucket, resourcePolicy=json.dumps(deployed.bucket_policy))
    first = len(read_trail(acting.settings))
    acting.recorder.actions.clear()
    create_and_load(acting)
    correct(acting, tmp_path_factory.mktemp("exports"))
    maintain(acting)
    administer(acting)
    read(acting)
    for role, code in (("creator", 0), ("loader", 0), ("maintainer", 1), ("reader", 1)):
        acting.gv(role, "tables", "list", code=code)  # 1: it lists tables that it cannot read, and says so
    for role in ("reader", "loader", "maintainer", "admin"):
        acting.gv(role, "doctor", "--as", role)
    acting.gv("creator", "doctor", "--as", "loader")
    remove(acting)
    drop(acting)
    trail = read_trail(acting.settings)[first:]
    client.delete_table_bucket_policy(**bucket)
    allowed, refused = {name: set(actions) for name, actions in acting.recorder.actions.items()}, set()
    for entry in trail:
        name, action = entry["role"].removeprefix("analytics-dev-s3tables-"), entry["action"]
        if entry["decision"] == "allowed":
            allowed.setdefault(name, set()).update({f"s3tables:{action}"}, KMS_ACTIONS.get(action, ()))
        else:
            refused.add((name, action))
    return Used(allowed, refused)


def create_and_load(acting: Acting) -> None:
    for source, file in (("ls_corp", FILE), ("horace_mann", CLIENT_FILE)):
        acting.gv("creator", "inbox", "put", source, file)
        acting.gv("creator", "inbox", "list", source)
        acting.gv("creator", "load", source, file, "--period", PERIOD)
    acting.gv("loader", "inbox", "put", "ls_corp", FILE)
    acting.gv("loader", "inbox", "list", "ls_corp")
    acting.gv("loader", "load", "ls_corp", FILE, "--period", "2026-11-21")
    acting.gv("loader", "audit", "ls_corp")
    acting.gv("loader", "drift", "ls_corp", FILE)


def correct(acting: Acting, folder: Path) -> None:
    acting.gv("loader", "rejects", "ls_corp", "--rows")
    acting.gv("loader", "rejects", "export", "ls_corp", "--period", PERIOD, "--out", folder / "rejects.csv")
    acting.gv("loader", "replay", "ls_corp", "--period", PERIOD)
    acting.gv("loader", "undo", "ls_corp", "--period", "2026-11-21", "--yes", "--reason", "a test")
    account, source = acting.as_role("loader"), read_sources()["ls_corp"]
    for action in ("reload", "replay", "undo"):
        plan = plan_correction(account, source, source.cadence.parse(PERIOD), action)
        carry_out(account, source, plan, ACTOR)


def maintain(acting: Acting) -> None:
    steps.maintain(acting.as_role("maintainer"), read_sources()["ls_corp"])
    acting.gv("maintainer", "tables", "configure", "-n", "ls_corp", "-t", "contact", "--min-snapshots", 2, "--yes")
    acting.gv("maintainer", "tables", "configure", "--unreferenced-days", 4, "--yes")
    acting.gv("maintainer", "tables", "status")


def administer(acting: Acting) -> None:
    account, catalog = acting.as_role("admin"), open_catalog(acting.as_role("admin"))
    for declared in (BucketDeclaration(storage_class="INTELLIGENT_TIERING", request_metrics=True), BucketDeclaration()):
        [step] = check_bucket(account, declared, "test", LANDING_BUCKET)
        step.apply()
    source = replace(read_sources()["stirista_digital_campaign"], storage_class="INTELLIGENT_TIERING")
    for step in make_plan(table_checks(account, catalog, source, contract_of(source), "test")):
        step.apply()
    acting.gv("admin", "tables", "status")
    acting.gv("admin", "tables", "list")
    acting.gv("admin", "tables", "apply", "healthwise_consumer")
    acting.gv("admin", "tables", "apply", "platinum_dermatology")
    acting.gv("admin", "tables", "plan", "healthwise_consumer")
    acting.gv("admin", "cost", "ls_corp")
    for command, preposition in (("grant", "--to"), ("revoke", "--from")):
        acting.gv("admin", "tables", command, "ls_corp.contact", "--as", "reader", preposition, "role/analyst")


def read(acting: Acting) -> None:
    """Read as a query engine does, which lists first."""
    acting.gv("reader", "tables", "ddl", "ls_corp.contact")
    acting.gv("reader", "tables", "query", "ls_corp.contact", "--engine", "athena")
    acting.gv("reader", "sql", "SELECT count(*) FROM ls_corp.contact")
    acting.gv("admin", "tables", "snapshots", "ls_corp.contact")
    for role, name in (
        ("reader", "ls_corp.contact"),
        ("vendor-acme", "ls_corp.contact"),
        ("client-horace_mann", "horace_mann.person"),
    ):
        namespace = name.split(".")[0]
        catalog = open_catalog(acting.as_role(role))
        if role != "vendor-acme":
            catalog.list_namespaces()
        assert catalog.namespace_exists(namespace)
        assert (namespace, name.split(".")[1]) in catalog.list_tables(namespace)
        client = acting.as_role(role).client("s3tables")  # as Glue's federation does for Athena
        client.get_table(tableBucketARN=TABLE_BUCKET_ARN, namespace=namespace, name=name.split(".")[1])
        catalog.load_table(name).scan().to_arrow()


def remove(acting: Acting) -> None:
    """Remove everything that is loaded: of a source that keeps a day, years later."""
    source = replace(read_sources()["horace_mann"], retention=Retention(rejects_days=1, landing_days=1, keep_periods=1))
    later = datetime(2030, 1, 1, tzinfo=UTC)
    acting.gv("retention", "retention", "horace_mann")
    removed = apply_retention(acting.as_role("retention"), source, apply=True, actor=ACTOR, now=later)
    assert min(removed.totals()[each] for each in ("rows", "rejects", "copies")) > 0


def drop(acting: Acting) -> None:
    """Rename and drop by hand with AWS's own tools, which no command of ./gv does."""
    account = acting.as_role("break-glass")
    client, bucket = account.client("s3tables"), {"tableBucketARN": account.table_bucket_arn}
    client.get_table_bucket(**bucket)
    assert ["healthwise"] in [each["namespace"] for each in client.list_namespaces(**bucket)["namespaces"]]
    client.get_namespace(**bucket, namespace="healthwise")
    for table in client.list_tables(**bucket, namespace="healthwise")["tables"]:
        named = {**bucket, "namespace": "healthwise", "name": table["name"]}
        client.get_table(**named)
        client.rename_table(**named, newName=f"old_{table['name']}")
        client.delete_table(**named | {"name": f"old_{table['name']}"})
    client.delete_namespace(**bucket, namespace="healthwise")


def test_no_right_is_missing(used: Used) -> None:
    """Every step and command has succeeded, or the fixture would have failed."""
    assert used.refused == REFUSED.keys()


def test_no_role_has_a_right_that_nothing_uses(used: Used, deployed: Deployed) -> None:
    unused = {
        (name, action)
        for name, policies in deployed.roles.items()
        if name != "client-platinum_dermatology"  # the same template as the other client's
        for document in policies
        for statement in document["Statement"]
        if statement["Effect"] == "Allow"
        for action in statement["Action"]
        if action not in used.allowed.get(name, set())
    }
    assert sorted(unused - UNUSED.keys()) == []
    assert sorted(UNUSED.keys() - unused) == [], "it is used: take it off the list"


def test_a_client_s_table_has_the_client_s_key(used: Used, acting: Acting) -> None:
    account = acting.as_role("platform")
    for name, encryption in (
        ("horace_mann.person", {"sseAlgorithm": "aws:kms", "kmsKeyArn": CLIENT_KEY}),
        ("horace_mann.person_rejects", {"sseAlgorithm": "aws:kms", "kmsKeyArn": CLIENT_KEY}),
        ("ls_corp.contact", {"sseAlgorithm": "AES256"}),
    ):
        assert encryption_of(account, name) == encryption


def encryption_of(account: Account, table: str) -> dict[str, str]:
    namespace, name = table.split(".")
    response = account.client("s3tables").get_table_encryption(
        tableBucketARN=account.table_bucket_arn, namespace=namespace, name=name
    )
    return dict(response["encryptionConfiguration"])
