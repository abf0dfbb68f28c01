"""A stand-in whose key pairs are the roles of the CloudFormation templates, limited by the templates' own policies."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from moto import mock_aws

from growth_verticals.account import Account
from growth_verticals.cli.__main__ import main
from local import standin
from local.gateway.iam import Document
from local.settings import ACCOUNT_ID, LANDING_BUCKET, TABLE_BUCKET, Settings
from tests.integration.access.recorder import Recorder
from tests.integration.cfn import deployment

CLIENTS = ("horace_mann", "platinum_dermatology")
CLIENT_KEY = f"arn:aws:kms:us-east-1:{ACCOUNT_ID}:key/5d0f8a2e-7b1c"
#: Rights of the admin role, each of which a role `admin-without-…` lacks.
REMOVED_RIGHTS = (
    *("s3:GetBucketLocation", "s3:PutObject", "s3:DeleteObject", "s3tables:GetTableBucket", "s3tables:ListNamespaces"),
    *("s3tables:CreateNamespace", "s3tables:CreateTable", "s3tables:GetTableData", "s3tables:PutTableData"),
    *("s3tables:UpdateTableMetadataLocation", "s3tables:DeleteTable", "s3tables:GetTableBucketPolicy"),
    "s3tables:GetTableBucketMaintenanceConfiguration",
)
_NAMES = "ParameterKey=ProjectName,ParameterValue=analytics ParameterKey=Environment,ParameterValue=dev"
_BUCKETS = f"ParameterKey=TableBucketName,ParameterValue={TABLE_BUCKET}"
_TEAM = f"ParameterKey=LandingBucketName,ParameterValue={LANDING_BUCKET}"
_VENDOR = (
    "ParameterKey=TeamRoles,ParameterValue=false ParameterKey=VendorName,ParameterValue=acme "
    "ParameterKey=VendorAccountId,ParameterValue=444455556666 ParameterKey=VendorNamespaces,ParameterValue=ls_corp "
    "ParameterKey=VendorExternalId,ParameterValue=acme-2f7c1d9e5b3a"
)


@dataclass(frozen=True)
class Deployed:
    """What the templates create, in the stand-in's account.

    :param roles: documents of each role's policies, by the role's name without `analytics-dev-s3tables-`.
    :param bucket_policy: of the table bucket.
    :param key_policies: of the table bucket's key and of each client's key, by alias.
    """

    roles: Mapping[str, tuple[Document, ...]]
    bucket_policy: Document
    key_policies: Mapping[str, Document]


@pytest.fixture(scope="session")
def deployed() -> Deployed:
    """Deploy all templates into moto."""
    with mock_aws():
        for stack, template, parameters in (
            (
                "roles",
                "basic-s3tables-role.yaml",
                f"{_TEAM} ParameterKey=BreakGlassPrincipals,ParameterValue=arn:aws:iam::{deployment.ACCOUNT}:user/ada",
            ),
            ("vendor", "basic-s3tables-role.yaml", _VENDOR),
            *((client, "client.yaml", f"ParameterKey=Namespace,ParameterValue={client}") for client in CLIENTS),
        ):
            deployment.run(
                f"aws cloudformation create-stack --stack-name {stack.replace('_', '-')} --capabilities "
                f"CAPABILITY_NAMED_IAM --template-body file://{template} --parameters {_NAMES} {_BUCKETS} {parameters}"
            )
        tables = deployment.run(
            "aws cloudformation create-stack --stack-name tables --template-body file://table-bucket.yaml "
            f"--parameters {_NAMES} {_BUCKETS}"
        )
        key_policies = {"tables": tables.properties("TableKey")["KeyPolicy"]}
        for client in CLIENTS:
            key_policies[client] = deployment.Stack(client.replace("_", "-"), {}).properties("ClientKey")["KeyPolicy"]
        found: dict[str, Any] = {
            "roles": {name: deployment.role(name).policies for name in deployment.role_names()},
            "bucket_policy": tables.properties("TableBucketPolicy")["ResourcePolicy"],
            "key_policies": key_policies,
        }
    found = json.loads(json.dumps(found).replace(deployment.ACCOUNT, ACCOUNT_ID))
    roles = {name.removeprefix("analytics-dev-s3tables-"): tuple(each) for name, each in found["roles"].items()}
    return Deployed(roles, found["bucket_policy"], found["key_policies"])


@dataclass(frozen=True)
class Acting:
    """Runs commands and calls with the key pair of one role at a time."""

    settings: Settings
    recorder: Recorder
    monkeypatch: pytest.MonkeyPatch

    def as_role(self, role: str) -> Account:
        """Use a role's key pair from now on, and return the account. `platform` may do everything."""
        name = None if role == "platform" else f"analytics-dev-s3tables-{role}"
        for variable, value in standin.environment(self.settings, name).items():
            self.monkeypatch.setenv(variable, value)
        self.monkeypatch.delenv("AWS_PROFILE", raising=False)
        self.monkeypatch.setenv("GV_CLIENT_KEYS", ",".join(f"{each}={CLIENT_KEY}" for each in CLIENTS))
        self.recorder.role = role
        return Account.from_environment()

    def gv(self, role: str, *arguments: object, code: int = 0) -> None:
        """Run a command of ./gv as a role, and check its exit code."""
        self.as_role(role)
        assert main([str(argument) for argument in arguments]) == code, arguments


@pytest.fixture(scope="session")
def stand_in_with_roles(deployed: Deployed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """A running stand-in that has a key pair for each role, and two tables in each of three namespaces."""
    roles = dict(deployed.roles)
    for action in REMOVED_RIGHTS:
        roles[f"admin-without-{action.replace(':', '-')}"] = tuple(
            _without(document, action) for document in deployed.roles["admin"]
        )
    named = {f"analytics-dev-s3tables-{name}": documents for name, documents in roles.items()}
    with standin.running(tmp_path_factory.mktemp("roles") / "state", named) as settings:
        with pytest.MonkeyPatch.context() as monkeypatch:
            _create_tables(Acting(settings, Recorder(), monkeypatch).as_role("platform"))
        yield settings


@pytest.fixture(scope="session")
def recorder() -> Iterator[Recorder]:
    """One recorder, because the sessions that it listens to are kept for the life of the process."""
    with Recorder.recording() as recorder:
        yield recorder


@pytest.fixture(scope="module")
def acting(stand_in_with_roles: Settings, recorder: Recorder) -> Iterator[Acting]:
    """Roles to act as. The environment is as before at the end of the module."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        yield Acting(stand_in_with_roles, recorder, monkeypatch)
    recorder.role = None


def _create_tables(account: Account) -> None:
    client, bucket = account.client("s3tables"), {"tableBucketARN": account.table_bucket_arn}
    schema = {"fields": [{"name": "n", "type": "long"}]}
    for namespace in ("aiq", "cml", "horace_mann"):
        client.create_namespace(**bucket, namespace=[namespace])
        for name in ("sample", "sample_rejects"):
            client.create_table(
                **bucket, namespace=namespace, name=name, format="ICEBERG", metadata={"iceberg": {"schema": schema}}
            )
        account.client("s3").put_object(Bucket=TABLE_BUCKET, Key=f"{namespace}/x/data/1.parquet", Body=b"rows")


def _without(document: Document, action: str) -> Document:
    """Return a policy that does not name an action."""
    statements = [
        statement | {"Action": [each for each in statement["Action"] if each != action]}
        for statement in document["Statement"]
    ]
    return {**document, "Statement": [statement for statement in statements if statement["Action"]]}


def read_trail(settings: Settings) -> list[dict[str, Any]]:
    """Return the decisions of the stand-in's gateway so far, oldest first."""
    path: Path = settings.state / "trail.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
