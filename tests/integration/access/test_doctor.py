"""./gv doctor names each right that a role lacks, and what gives it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from growth_verticals.account import Account
from growth_verticals.bucket.probe import Check, probe_account
from growth_verticals.bucket.rights import POLICIES
from growth_verticals.cli.__main__ import main
from tests.integration.access.conftest import REMOVED_RIGHTS, Acting, Deployed

BUCKET = "arn:aws:s3tables:us-east-1:000000000000:bucket/gv-tables"


def failed(checks: list[Check]) -> dict[str, list[tuple[str, ...]]]:
    """Return the rights that are missing, by the check that found it."""
    return {check.name: [right.actions for right in check.missing] for check in checks if not check.ok}


@pytest.mark.parametrize("action", REMOVED_RIGHTS)
def test_the_doctor_names_the_one_right_that_is_taken_away(
    acting: Acting, action: str, capsys: pytest.CaptureFixture[str]
) -> None:
    acting.as_role(f"admin-without-{action.replace(':', '-')}")
    code = main(["doctor"])
    drop_tables(acting.as_role("platform"))  # without the right to drop it, the doctor leaves its table
    assert code == 1
    missing = re.findall(r"^missing +(\S+) on (\S+); given by (.*)$", capsys.readouterr().out, re.MULTILINE)
    assert {found[0] for found in missing} == {action}
    assert all(resource.startswith((BUCKET, "arn:aws:s3:::gv-landing")) for _, resource, _ in missing)
    assert all("include/cfn/basic-s3tables-role.yaml" in given_by for _, _, given_by in missing)


def test_all_missing_rights_are_named_at_once(acting: Acting) -> None:
    found = failed(list(probe_account(acting.as_role("reader"), "loader", ["aiq.sample"])))
    assert found == {
        "landing bucket": [("s3:GetBucketLocation",), ("s3:PutObject",), ("s3:GetObject",)],
        "multipart upload": [("s3:PutObject", "kms:GenerateDataKey", "kms:Decrypt")],
        "declared table": [("s3tables:UpdateTableMetadataLocation",)],
    }


@pytest.mark.parametrize("policy", POLICIES)
def test_a_policy_that_the_doctor_recommends_gives_these_actions_to_these_roles(
    deployed: Deployed, policy: str
) -> None:
    roles, actions = POLICIES[policy]
    for role in roles:
        given = {
            action
            for document in deployed.roles[role]
            for statement in document["Statement"]
            if statement["Effect"] == "Allow"
            for action in statement["Action"]
        }
        assert set(actions) <= given


def drop_tables(account: Account) -> None:
    client, bucket = account.client("s3tables"), {"tableBucketARN": account.table_bucket_arn}
    for table in client.list_tables(**bucket)["tables"]:
        if table["namespace"] == ["gv_doctor"]:
            client.delete_table(**bucket, namespace="gv_doctor", name=table["name"])


# --- Glue, which the stand-in does not have ---------------------------------------------------------------------------


@pytest.fixture
def glue(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, object]]:
    """A server that answers each request of Glue with the status and document in the returned dictionary."""
    answer: dict[str, object] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.headers["x-amz-target"] == "AWSGlue.GetCatalog"
            request = json.loads(self.rfile.read(int(self.headers["content-length"])))
            assert request == {"CatalogId": "s3tablescatalog"}
            body = json.dumps(answer["document"]).encode()
            self.send_response(int(str(answer["status"])))
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("AWS_ENDPOINT_URL_GLUE", f"http://127.0.0.1:{server.server_port}")
        yield answer
        server.shutdown()


def queries(account: Account) -> Check:
    return list(probe_account(account, "reader"))[-1]


def test_the_federation_for_athena_is_looked_up(acting: Acting, glue: dict[str, object]) -> None:
    account = acting.as_role("reader")
    glue |= {"status": 200, "document": {"Catalog": {"Name": "s3tablescatalog"}}}
    assert queries(account).ok
    glue |= {"status": 400, "document": {"__type": "EntityNotFoundException", "Message": "Catalog not found."}}
    assert "create the stack of include/cfn/analytics.yaml" in queries(account).detail


def test_a_missing_right_on_the_federation_is_named(acting: Acting, glue: dict[str, object]) -> None:
    arn = "arn:aws:glue:us-east-1:000000000000:catalog/s3tablescatalog"
    text = f"User: arn:aws:sts::0:assumed-role/x/y is not authorized to perform: glue:GetCatalog on resource: {arn}"
    glue |= {"status": 400, "document": {"__type": "AccessDeniedException", "Message": text}}
    check = queries(acting.as_role("reader"))
    assert [(right.actions, right.resource) for right in check.missing] == [(("glue:GetCatalog",), arn)]
