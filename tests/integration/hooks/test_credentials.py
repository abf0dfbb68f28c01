"""Each way in which AWS gives a worker temporary keys: they sign all requests of a load, and are renewed in time.

The endpoints that give keys, and the services that get the signed requests, are one stub server on loopback.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha1
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

import botocore.credentials
import pytest

from growth_verticals.account import Account, Credentials
from growth_verticals.catalog.rest import _properties, open_catalog
from growth_verticals.errors import ConfigurationError, GrowthVerticalsError
from growth_verticals.hooks.account import account_from_connection

ROLE = "arn:aws:iam::000000000000:role/loader"
BUCKET = "arn:aws:s3tables:us-east-1:000000000000:bucket/gv-tables"


class KeyServer(ThreadingHTTPServer):
    """Gives keys, each time a new pair that must soon be renewed, and notes which key signed each request."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.given = 0
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.signers: list[tuple[str, str | None]] = []
        self.valid = timedelta(minutes=5)
        self.refuses = False
        Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def new_keys(self) -> tuple[str, str, str, str]:
        """Return the next access key, secret key, token and expiry."""
        self.given += 1
        expires = (datetime.now(UTC) + self.valid).strftime("%Y-%m-%dT%H:%M:%SZ")
        return f"ASIAMADEUP{self.given:06}", f"secret {self.given}", f"token {self.given}", expires

    @property
    def last_key(self) -> str:
        return f"ASIAMADEUP{self.given:06}"


class _Handler(BaseHTTPRequestHandler):
    server: KeyServer
    protocol_version = "HTTP/1.1"

    def _respond(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode("latin-1")
        path = urlsplit(self.path)
        signer = re.search(r"Credential=(\w+)/", self.headers.get("Authorization", ""))
        form = {name: values[0] for name, values in parse_qs(f"{path.query}&{body}").items()}
        if form.get("Action", "").startswith("AssumeRole"):
            self.server.asked.append((form["Action"], form))
            if self.server.refuses:
                self._answer(403, _XML_DENIED)
                return
            self._answer(200, _assumed(form["Action"], self.server.new_keys()))
        elif path.path in _GIVES:
            self.server.asked.append((path.path, {name.lower(): value for name, value in self.headers.items()}))
            self._answer(200, _GIVES[path.path](self.server.new_keys))
        elif signer:
            self.server.signers.append((signer[1], self.headers.get("x-amz-security-token")))
            self._answer(404, "{}")
        else:
            self._answer(404, "")

    do_GET = do_PUT = do_POST = do_HEAD = _respond  # noqa: N815

    def _answer(self, status: int, content: str) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("X-Aws-Ec2-Metadata-Token-Ttl-Seconds", "21600")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content.encode())

    def log_message(self, *_: object) -> None:
        """Write no log."""


def _container(new_keys: Callable[[], tuple[str, str, str, str]]) -> str:
    key, secret, token, expires = new_keys()
    fields = {"AccessKeyId": key, "SecretAccessKey": secret, "Token": token, "Expiration": expires}
    return json.dumps(fields | {"Code": "Success", "LastUpdated": expires, "Type": "AWS-HMAC"})


def _sso(new_keys: Callable[[], tuple[str, str, str, str]]) -> str:
    key, secret, token, expires = new_keys()
    at = int(datetime.fromisoformat(expires).timestamp() * 1000)
    keys = {"accessKeyId": key, "secretAccessKey": secret, "sessionToken": token, "expiration": at}
    return json.dumps({"roleCredentials": keys})


_INSTANCE = "/latest/meta-data/iam/security-credentials/"
_GIVES: dict[str, Callable[[Callable[[], tuple[str, str, str, str]]], str]] = {
    "/task": _container,
    "/v1/credentials": _container,
    "/latest/api/token": lambda _: "an instance's token",
    _INSTANCE: lambda _: "loader",
    f"{_INSTANCE}loader": _container,
    "/federation/credentials": _sso,
}
_XML_DENIED = "<ErrorResponse><Error><Code>AccessDenied</Code><Message>made up</Message></Error></ErrorResponse>"


def _assumed(action: str, keys: tuple[str, str, str, str]) -> str:
    key, secret, token, expires = keys
    return (
        f"<{action}Response><{action}Result><Credentials><AccessKeyId>{key}</AccessKeyId>"
        f"<SecretAccessKey>{secret}</SecretAccessKey><SessionToken>{token}</SessionToken>"
        f"<Expiration>{expires}</Expiration></Credentials><AssumedRoleUser><Arn>{ROLE}/s</Arn>"
        f"<AssumedRoleId>x:s</AssumedRoleId></AssumedRoleUser></{action}Result></{action}Response>"
    )


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[KeyServer]:
    """A stub server, on a machine that has no other keys."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    server = KeyServer()
    for name, value in {
        "HOME": str(tmp_path),
        "AWS_CONFIG_FILE": str(tmp_path / "config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "credentials"),
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ENDPOINT_URL_STS": server.url,
        "AWS_ENDPOINT_URL_SSO": server.url,
        "AWS_ENDPOINT_URL_S3": server.url,
        "AWS_ENDPOINT_URL_S3TABLES": server.url,
        "AWS_MAX_ATTEMPTS": "1",
        "AWS_REGION": "us-east-1",
        "GV_CATALOG_URI": f"{server.url}/iceberg",
        "GV_TABLE_BUCKET_ARN": BUCKET,
        "GV_LANDING_URI": "s3://gv-landing",
    }.items():
        monkeypatch.setenv(name, value)
    yield server
    server.shutdown()
    server.server_close()


def use_every_client(account: Account) -> None:
    """Send one signed request with each client of a load: boto3, the catalog, and the reads and writes of files."""
    with suppress(Exception):
        account.client("s3").get_object(Bucket="gv-landing", Key="file")
    with suppress(Exception):
        account.client("s3tables").get_table_bucket(tableBucketARN=BUCKET)
    with suppress(GrowthVerticalsError):
        open_catalog(account)
    from growth_verticals.catalog.file_io import PartRetryFileIO

    io = PartRetryFileIO({**_properties(account), "s3.endpoint": account.s3_endpoint})
    with suppress(OSError):
        io.new_input("s3://table/metadata.json").open()
    with suppress(Exception):
        io.open_upload("table", "data.parquet").close()


def require_renewed_keys(server: KeyServer, account: Account) -> None:
    """Each client signs with temporary keys and their token, and after these are due for renewal, with new ones."""
    use_every_client(account)
    assert len(server.signers) >= 5
    assert all(token == f"token {int(key[-6:])}" for key, token in server.signers)
    first = {key for key, _ in server.signers}
    server.signers.clear()
    server.valid = timedelta(hours=1)
    use_every_client(account)
    newest = {key for key, _ in server.signers}
    assert newest == {server.last_key}
    assert not newest & first


# --- boto3's default chain --------------------------------------------------------------------------------------------


def test_a_task_of_ecs(server: KeyServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{server.url}/task")
    require_renewed_keys(server, Account.from_environment())


def test_a_pod_identity_of_eks(server: KeyServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("the pod's token")
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{server.url}/v1/credentials")
    monkeypatch.setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", str(tmp_path / "token"))
    require_renewed_keys(server, Account.from_environment())
    assert {headers["authorization"] for _, headers in server.asked} == {"the pod's token"}


def test_a_service_account_of_kubernetes(server: KeyServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("the service account's token")
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(tmp_path / "token"))
    monkeypatch.setenv("AWS_ROLE_ARN", ROLE)
    require_renewed_keys(server, Account.from_environment())
    assert {(action, form["RoleArn"]) for action, form in server.asked} == {("AssumeRoleWithWebIdentity", ROLE)}


def test_an_instance_of_ec2(server: KeyServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "false")
    monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", f"{server.url}/")
    # boto3 asks an instance for new keys 15 minutes later at the earliest, so their renewal is not seen here.
    use_every_client(Account.from_environment())
    assert len(server.signers) >= 5
    assert set(server.signers) == {("ASIAMADEUP000001", "token 1")}


def test_a_process(server: KeyServer, tmp_path: Path) -> None:
    program = tmp_path / "keys.py"
    program.write_text(
        "import json, urllib.request\n"
        f"keys = json.load(urllib.request.urlopen('{server.url}/task'))\n"
        "keys['SessionToken'] = keys.pop('Token')\n"
        "print(json.dumps(keys | {'Version': 1}))\n"
    )
    (tmp_path / "config").write_text(f"[default]\ncredential_process = {sys.executable} {program}\n")
    require_renewed_keys(server, Account.from_environment())


def test_single_sign_on(server: KeyServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    start = "https://made-up.awsapps.example/start"
    cache = tmp_path / ".aws/sso/cache"
    cache.mkdir(parents=True)
    login = {"accessToken": "a login", "expiresAt": "2099-01-01T00:00:00Z", "startUrl": start, "region": "us-east-1"}
    (cache / f"{sha1(start.encode(), usedforsecurity=False).hexdigest()}.json").write_text(json.dumps(login))
    (tmp_path / "config").write_text(
        f"[profile data]\nsso_start_url = {start}\nsso_region = us-east-1\n"
        "sso_account_id = 000000000000\nsso_role_name = loader\n"
    )
    monkeypatch.setattr(botocore.credentials.SSOProvider, "_SSO_TOKEN_CACHE_DIR", str(cache))
    monkeypatch.setenv("AWS_PROFILE", "data")
    require_renewed_keys(server, Account.from_environment())


def test_a_role_of_a_profile(server: KeyServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "config").write_text(
        f"[profile worker]\nrole_arn = {ROLE}\nsource_profile = person\nexternal_id = made-up-external-id\n"
        "[profile person]\naws_access_key_id = AKIAPERSON\naws_secret_access_key = made up\n"
    )
    monkeypatch.setenv("AWS_PROFILE", "worker")
    require_renewed_keys(server, Account.from_environment())
    assert {form["ExternalId"] for _, form in server.asked} == {"made-up-external-id"}


# --- Airflow's connections --------------------------------------------------------------------------------------------


def add_connection(monkeypatch: pytest.MonkeyPatch, **connection: Any) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps({"conn_type": "aws", **connection}))


def test_a_connection_with_a_role_and_an_external_id(server: KeyServer, monkeypatch: pytest.MonkeyPatch) -> None:
    extra = {"role_arn": ROLE, "assume_role_kwargs": {"ExternalId": "made-up-external-id"}}
    add_connection(monkeypatch, login="AKIAWORKER", password="made up", extra=extra)
    require_renewed_keys(server, account_from_connection())
    assert {(form["RoleArn"], form["ExternalId"]) for _, form in server.asked} == {(ROLE, "made-up-external-id")}


def test_a_connection_with_a_profile(server: KeyServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "config").write_text(
        f"[profile worker]\nrole_arn = {ROLE}\nsource_profile = person\n"
        "[profile person]\naws_access_key_id = AKIAPERSON\naws_secret_access_key = made up\n"
    )
    add_connection(monkeypatch, extra={"profile_name": "worker"})
    require_renewed_keys(server, account_from_connection())


def test_a_role_that_may_not_be_assumed_is_a_clear_error(server: KeyServer, monkeypatch: pytest.MonkeyPatch) -> None:
    server.refuses = True
    add_connection(monkeypatch, login="AKIAWORKER", password="hush", extra={"role_arn": ROLE})
    with pytest.raises(ConfigurationError, match=r"connection 'aws_default' was refused by AWS's STS: AccessDenied"):
        account_from_connection()


def test_a_key_pair_is_used_as_it_is(server: KeyServer) -> None:
    keys = Credentials(access_key="AKIAMADEUP", secret_key="made up", token="a token")
    use_every_client(replace(Account.from_environment(), credentials=keys))
    assert set(server.signers) == {("AKIAMADEUP", "a token")}
