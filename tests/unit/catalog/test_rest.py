"""The catalog is told all that the account says, and a missing credential is told before anything is asked."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from pyiceberg.io import FileIO

from growth_verticals.account import Account, Credentials
from growth_verticals.catalog.file_io import BoundedUploadFileIO, NoDeleteFileIO
from growth_verticals.catalog.rest import _properties, open_catalog
from growth_verticals.errors import ConfigurationError

AWS = Account(
    region="eu-west-1",
    table_bucket_arn="arn:aws:s3tables:eu-west-1:000000000000:bucket/gv-tables",
    landing_uri="s3://gv-landing",
    catalog_uri="https://s3tables.eu-west-1.amazonaws.com/iceberg",
)


@pytest.fixture
def nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing on this machine says who we are."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_ROLE_ARN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))


@pytest.mark.usefixtures("nobody")
def test_no_credentials():
    with pytest.raises(ConfigurationError, match=r"no AWS credentials\. Next: set AWS_PROFILE"):
        open_catalog(AWS)


@pytest.mark.usefixtures("nobody")
def test_a_profile_that_does_not_exist(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    with pytest.raises(ConfigurationError, match=r"needs AWS credentials; found .*nobody"):
        open_catalog(AWS)


def test_aws_is_asked_with_sigv4_for_s3tables_and_its_own_credential_chain():
    properties = _properties(AWS)
    assert properties["warehouse"] == AWS.table_bucket_arn
    assert (properties["rest.signing-name"], properties["rest.signing-region"]) == ("s3tables", "eu-west-1")
    assert not [name for name in properties if "secret" in name or "endpoint" in name]


def test_a_connections_key_pair_reaches_the_catalog_and_the_files():
    keys = Credentials(access_key="AKIAMADEUP", secret_key="made up", token="token")
    properties = _properties(replace(AWS, credentials=keys, s3_endpoint="http://127.0.0.1:8333"))
    for service in ("client", "s3"):
        assert properties[f"{service}.access-key-id"] == "AKIAMADEUP"
        assert properties[f"{service}.secret-access-key"] == "made up"
        assert properties[f"{service}.session-token"] == "token"
    assert properties["s3.endpoint"] == "http://127.0.0.1:8333"


def test_another_file_io_may_be_set():
    assert _properties(AWS)["py-io-impl"] == f"{BoundedUploadFileIO.__module__}.{BoundedUploadFileIO.__name__}"
    assert _properties(replace(AWS, io_impl="pyiceberg.io.fsspec.FsspecFileIO"))["py-io-impl"].endswith("FsspecFileIO")


def test_uploads_do_not_wait_in_memory():
    io = BoundedUploadFileIO({"s3.region": "eu-west-1", "s3.access-key-id": "a", "s3.secret-access-key": "b"})
    filesystem = io.fs_by_scheme("s3", "bucket")
    assert filesystem.__reduce__()[1][0]["background_writes"] is False


def test_the_keeping_file_io_reads_and_writes_and_does_not_delete(tmp_path: Path):
    io: FileIO = NoDeleteFileIO(BoundedUploadFileIO())
    place = f"{tmp_path}/file"
    with io.new_output(place).create() as stream:
        stream.write(b"kept")
    io.delete(place)
    with io.new_input(place).open() as stream:
        assert stream.read() == b"kept"
