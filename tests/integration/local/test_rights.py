"""The store itself enforces permissions on objects, as AWS does."""

from __future__ import annotations

import json
import uuid
from dataclasses import replace

import pytest
from botocore.exceptions import ClientError

from growth_verticals.account import Credentials


@pytest.fixture
def s3(account):
    return account.client("s3")


@pytest.fixture
def table(catalog, namespace, schema) -> str:
    """The key prefix of a table's location in the table bucket."""
    return catalog.create_table(f"{namespace}.census", schema).location().removeprefix("s3://gv-tables/")


def _vendor_client(account, environment, name):
    """Return an S3 client with the vendor's key pair."""
    keys = json.loads(environment[f"AIRFLOW_CONN_S3_{name.upper()}"])
    return replace(account, credentials=Credentials(access_key=keys["login"], secret_key=keys["password"])).client("s3")


def _is_denied(call, **parameters) -> bool:
    with pytest.raises(ClientError) as error:
        call(**parameters)
    return error.value.response["Error"]["Code"] == "AccessDenied"


def test_the_platform_writes_and_reads_table_files(s3, table) -> None:
    key = f"{table}/data/part-1.parquet"
    s3.put_object(Bucket="gv-tables", Key=key, Body=b"rows")
    assert s3.head_object(Bucket="gv-tables", Key=key)["ContentLength"] == 4
    assert s3.get_object(Bucket="gv-tables", Key=key)["Body"].read() == b"rows"


def test_the_platform_writes_table_files_as_multipart_uploads(s3, table) -> None:
    target = {"Bucket": "gv-tables", "Key": f"{table}/data/part-2.parquet"}
    upload = s3.create_multipart_upload(**target)["UploadId"]
    etag = s3.upload_part(**target, UploadId=upload, PartNumber=1, Body=b"rows")["ETag"]
    parts = {"Parts": [{"PartNumber": 1, "ETag": etag}]}
    s3.complete_multipart_upload(**target, UploadId=upload, MultipartUpload=parts)
    assert s3.get_object(**target)["Body"].read() == b"rows"
    upload = s3.create_multipart_upload(**target)["UploadId"]
    s3.abort_multipart_upload(**target, UploadId=upload)


def test_the_platform_cannot_list_table_files(s3, table) -> None:
    assert _is_denied(s3.list_objects_v2, Bucket="gv-tables", Prefix=table)
    assert _is_denied(s3.list_objects, Bucket="gv-tables", Prefix=table)
    assert _is_denied(s3.list_object_versions, Bucket="gv-tables", Prefix=table)


def test_the_platform_cannot_delete_table_files(s3, table) -> None:
    key = f"{table}/data/part-3.parquet"
    s3.put_object(Bucket="gv-tables", Key=key, Body=b"rows")
    assert _is_denied(s3.delete_object, Bucket="gv-tables", Key=key)
    result = s3.delete_objects(Bucket="gv-tables", Delete={"Objects": [{"Key": key}]})
    assert [error["Code"] for error in result["Errors"]] == ["AccessDenied"]
    assert s3.get_object(Bucket="gv-tables", Key=key)["Body"].read() == b"rows"


def test_only_table_files_can_be_put_into_the_table_bucket(s3, table) -> None:
    assert _is_denied(s3.put_object, Bucket="gv-tables", Key="stray.txt", Body=b"x")
    assert _is_denied(s3.put_object, Bucket="gv-tables", Key=f"{table}/stray.txt", Body=b"x")


def test_the_platform_cannot_change_permissions(s3) -> None:
    assert _is_denied(s3.delete_bucket_policy, Bucket="gv-tables")
    assert _is_denied(s3.put_bucket_policy, Bucket="gv-tables", Policy='{"Version":"2012-10-17","Statement":[]}')


def test_the_landing_bucket_is_versioned(s3) -> None:
    key = f"{uuid.uuid4()}/a.txt"
    first = s3.put_object(Bucket="gv-landing", Key=key, Body=b"one")["VersionId"]
    s3.put_object(Bucket="gv-landing", Key=key, Body=b"two")
    assert s3.get_object(Bucket="gv-landing", Key=key, VersionId=first)["Body"].read() == b"one"
    assert s3.get_object(Bucket="gv-landing", Key=key)["Body"].read() == b"two"


def test_a_vendor_can_access_only_its_own_bucket(account, stand_in_environment) -> None:
    statara = _vendor_client(account, stand_in_environment, "statara")
    statara.put_object(Bucket="vendor-statara", Key="OH.csv", Body=b"state\nOH\n")
    assert statara.get_object(Bucket="vendor-statara", Key="OH.csv")["Body"].read() == b"state\nOH\n"
    assert [bucket["Name"] for bucket in statara.list_buckets()["Buckets"]] == ["vendor-statara"]
    for other in ("vendor-stirista", "vendor-popsycle", "gv-landing", "gv-tables"):
        assert _is_denied(statara.list_objects_v2, Bucket=other)
        assert _is_denied(statara.put_object, Bucket=other, Key="OH.csv", Body=b"x")
        assert _is_denied(statara.get_object, Bucket=other, Key="OH.csv")


def test_the_platform_s_key_pair_cannot_access_a_vendor_s_bucket(s3) -> None:
    assert _is_denied(s3.list_objects_v2, Bucket="vendor-statara")


def test_each_vendor_has_a_key_pair_and_a_bucket(account, stand_in_environment) -> None:
    for name in ("statara", "stirista", "popsycle"):
        vendor = _vendor_client(account, stand_in_environment, name)
        assert vendor.list_objects_v2(Bucket=f"vendor-{name}")["Name"] == f"vendor-{name}"


def test_a_put_does_not_create_a_missing_bucket(s3) -> None:
    with pytest.raises(ClientError):
        s3.put_object(Bucket="gv-landed", Key="a.txt", Body=b"x")
