"""The catalog gets all of the account's settings, and missing credentials are an error before any request."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from pyiceberg.io import FileIO

from growth_verticals.account import Account, Credentials
from growth_verticals.catalog.file_io import SESSION, NoDeleteFileIO, PartRetryFileIO
from growth_verticals.catalog.rest import _properties, open_catalog
from growth_verticals.errors import ConfigurationError

AWS = Account(
    region="eu-west-1",
    table_bucket_arn="arn:aws:s3tables:eu-west-1:000000000000:bucket/gv-tables",
    landing_uri="s3://gv-landing",
    catalog_uri="https://s3tables.eu-west-1.amazonaws.com/iceberg",
)


@pytest.fixture
def no_credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine without AWS credentials."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_ROLE_ARN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))


@pytest.mark.usefixtures("no_credentials")
def test_no_credentials_are_an_error():
    with pytest.raises(ConfigurationError, match=r"no AWS credentials\. Next: set AWS_PROFILE"):
        open_catalog(AWS)


@pytest.mark.usefixtures("no_credentials")
def test_a_profile_that_does_not_exist_is_an_error(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    with pytest.raises(ConfigurationError, match=r"profile \(nobody\) could not be found\. Next: set AWS_PROFILE"):
        open_catalog(AWS)


def test_requests_to_aws_use_sigv4_for_s3tables_and_the_default_credential_chain():
    properties = _properties(AWS)
    assert properties["warehouse"] == AWS.table_bucket_arn
    assert (properties["rest.signing-name"], properties["rest.signing-region"]) == ("s3tables", "eu-west-1")
    assert not [name for name in properties if "secret" in name or "endpoint" in name]


def test_a_connections_key_pair_is_used_for_the_catalog_and_for_files():
    keys = Credentials(access_key="AKIAMADEUP", secret_key="made up", token="token")
    account = replace(AWS, credentials=keys, s3_endpoint="http://127.0.0.1:8333")
    properties = _properties(account)
    assert properties[SESSION] is account.session()
    found = account.session().get_credentials().get_frozen_credentials()
    assert (found.access_key, found.secret_key, found.token) == ("AKIAMADEUP", "made up", "token")
    assert properties["s3.endpoint"] == "http://127.0.0.1:8333"


def test_a_different_file_io_can_be_set():
    assert _properties(AWS)["py-io-impl"] == f"{PartRetryFileIO.__module__}.{PartRetryFileIO.__name__}"
    assert _properties(replace(AWS, io_impl="pyiceberg.io.fsspec.FsspecFileIO"))["py-io-impl"].endswith("FsspecFileIO")


def test_an_upload_uses_the_catalog_s_settings():
    session = replace(AWS, credentials=Credentials(access_key="a", secret_key="b")).session()
    properties = {"s3.region": "eu-west-1", SESSION: session}
    client = PartRetryFileIO(properties).open_upload("bucket", "key")._client
    keys = client._request_signer._credentials
    assert (client.meta.region_name, keys.access_key, keys.secret_key) == ("eu-west-1", "a", "b")


def test_the_no_delete_file_io_reads_and_writes_but_does_not_delete(tmp_path: Path):
    io: FileIO = NoDeleteFileIO(PartRetryFileIO())
    location = f"{tmp_path}/file"
    with io.new_output(location).create() as stream:
        stream.write(b"kept")
    io.delete(location)
    with io.new_input(location).open() as stream:
        assert stream.read() == b"kept"
