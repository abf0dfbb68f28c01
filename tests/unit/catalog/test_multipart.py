"""The requests of an upload agree about checksums, as AWS demands it: each is checked against S3's rules."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from hypothesis import given
from hypothesis import strategies as st

from growth_verticals.account import Account
from growth_verticals.catalog.multipart import MultipartUpload, Part, checksum_text, crc32_of
from growth_verticals.catalog.upload_stream import PART_BYTES, UploadStream
from growth_verticals.landing.upload import Upload
from tests.s3_rules import MIN_PART_BYTES, S3RefusedError, S3Rules

_XML = '<?xml version="1.0"?><Result><UploadId>upload-1</UploadId><ETag>"made-up"</ETag></Result>'


class _RawAnswer:
    def __init__(self, content: bytes) -> None:
        self._content = content

    def stream(self, *_: object, **__: object) -> Any:
        yield self._content


@pytest.fixture
def rules() -> S3Rules:
    return S3Rules()


@pytest.fixture
def client(rules: S3Rules) -> Any:
    """The platform's client for AWS itself, whose requests, as they would be sent, are checked instead."""
    return checked_client(rules)


def checked_client(rules: S3Rules, **settings: str) -> Any:
    keys = boto3.session.Session(aws_access_key_id="made up", aws_secret_access_key="made up too")
    environment = {
        "GV_TABLE_BUCKET_ARN": "arn:aws:s3tables:us-east-1:000000000000:bucket/tables",
        "GV_LANDING_URI": "s3://landing/zone",
    }
    client = Account.from_environment(environment | settings, keys).client("s3")
    client.meta.events.register("before-send.s3", _answer(rules))
    return client


def _answer(rules: S3Rules) -> Callable[..., AWSResponse]:
    def answer(request: AWSPreparedRequest, **_: object) -> AWSResponse:
        body = request.body or b""
        headers = {
            name: value.decode() if isinstance(value, bytes) else value for name, value in request.headers.items()
        }
        rules.check(
            str(request.method),
            request.url,
            headers,
            bytes(body if isinstance(body, bytes | bytearray) else body.read()),
        )
        if request.method == "POST" and request.url.endswith("?uploads"):
            rules.name_upload(request.url.partition("?")[0].partition(".com")[2], "upload-1")
        return AWSResponse(request.url, 200, {"ETag": '"made-up"'}, _RawAnswer(_XML.encode()))

    return answer


# --- S3's rules -----------------------------------------------------------------------------------------------------


def test_a_landed_file_of_several_parts_keeps_the_rules(client: Any, rules: S3Rules) -> None:
    content = [bytes([number]) * MIN_PART_BYTES for number in range(3)] + [b"the end"]
    with Upload(client, "landing", lambda: "zone/file.csv") as upload:
        for part in content:
            upload.add(part)
        uploaded = upload.complete("zone/file.csv")
    assert rules.objects == {"/zone/file.csv": b"".join(content)}
    assert uploaded is not None
    assert uploaded.crc32 == checksum_text(zlib.crc32(b"".join(content)))


def test_a_small_landed_file_keeps_the_rules(client: Any, rules: S3Rules) -> None:
    with Upload(client, "landing", lambda: "zone/file.csv") as upload:
        upload.add(b"one part")
        uploaded = upload.complete("zone/file.csv")
    assert rules.objects == {"/zone/file.csv": b"one part"}
    assert uploaded is not None
    assert uploaded.crc32 == checksum_text(zlib.crc32(b"one part"))


def test_a_data_file_of_a_table_keeps_the_rules(client: Any, rules: S3Rules) -> None:
    with UploadStream(client, "table-storage", "data/1.parquet") as stream:
        for number in range(5):
            stream.write(bytes([number]) * (PART_BYTES // 2 + 1))
    assert [(key, len(content)) for key, content in rules.objects.items()] == [
        ("/data/1.parquet", 5 * (PART_BYTES // 2 + 1))
    ]


@pytest.mark.parametrize(
    ("create", "refusal"),
    [
        ({}, "expected checksum Type: null, actual checksum Type: crc32"),
        ({"ChecksumAlgorithm": "CRC32"}, "must include the checksum for each part"),
    ],
    ids=["created without an algorithm", "completed without the parts' checksums"],
)
def test_the_rules_refuse_an_upload_whose_requests_disagree(client: Any, create: dict[str, str], refusal: str) -> None:
    target = {"Bucket": "landing", "Key": "zone/file.csv"}
    with pytest.raises(S3RefusedError, match=refusal):  # noqa: PT012 - which of the requests is refused, is the rules' choice
        upload = client.create_multipart_upload(**target, **create)["UploadId"]
        client.upload_part(**target, UploadId=upload, PartNumber=1, Body=b"x")
        parts = {"Parts": [{"PartNumber": 1, "ETag": '"made-up"'}]}
        client.complete_multipart_upload(**target, UploadId=upload, MultipartUpload=parts)


@pytest.mark.parametrize("change", ["lost", "doubled", "swapped", "of another content"])
def test_a_part_that_is_wrong_is_refused_at_the_end(client: Any, change: str) -> None:
    upload = MultipartUpload(client, "landing", "zone/file.csv")
    parts = [upload.send(number, bytes([number]) * MIN_PART_BYTES) for number in (1, 2, 3)]
    first, second, third = parts
    wrong = {
        "lost": [first, third],
        "doubled": [first, second, third, third],
        "swapped": [second, first, third],
        "of another content": [first, Part(number=2, etag=second.etag, size=second.size, crc32=third.crc32), third],
    }
    with pytest.raises(S3RefusedError):
        client.complete_multipart_upload(
            Bucket="landing",
            Key="zone/file.csv",
            UploadId="upload-1",
            MultipartUpload={"Parts": [{"PartNumber": part.number, "ETag": part.etag} for part in wrong[change]]},
            ChecksumType="FULL_OBJECT",
            ChecksumCRC32=checksum_text(crc32_of(parts if change != "of another content" else wrong[change])),
        )


# --- organizations that demand encryption headers -------------------------------------------------------------------


@pytest.mark.parametrize("size", [10, 3 * MIN_PART_BYTES], ids=["one request", "several parts"])
@pytest.mark.parametrize("sse", ["AES256", "aws:kms", "arn:aws:kms:us-east-1:000000000000:key/made-up"])
def test_a_landed_file_asks_for_the_encryption_that_is_set(sse: str, size: int) -> None:
    rules = S3Rules(sse="aws:kms" if sse.startswith("arn:") else sse)
    with Upload(checked_client(rules, GV_LANDING_SSE=sse), "landing", lambda: "zone/file.csv") as upload:
        for start in range(0, size, MIN_PART_BYTES):
            upload.add(b"x" * min(size - start, MIN_PART_BYTES))
        upload.complete("zone/file.csv")
    assert len(rules.objects["/zone/file.csv"]) == size


def test_without_the_setting_such_an_organization_refuses_the_file() -> None:
    with Upload(checked_client(S3Rules(sse="aws:kms")), "landing", lambda: "zone/file.csv") as upload:
        upload.add(b"x")
        with pytest.raises(S3RefusedError, match="service control policy"):
            upload.complete("zone/file.csv")


def test_a_table_s_own_storage_gets_no_such_header() -> None:
    rules = S3Rules()
    with UploadStream(checked_client(rules, GV_LANDING_SSE="aws:kms"), "table-storage", "data/1.parquet") as stream:
        stream.write(b"x")
    assert not [name for name in rules.last_headers if "encryption" in name]


# --- the object's checksum ------------------------------------------------------------------------------------------


@given(st.lists(st.binary(max_size=300), max_size=8))
def test_the_checksum_of_the_object_follows_from_those_of_its_parts(contents: list[bytes]) -> None:
    parts = [
        Part(number=number, etag="", size=len(content), crc32=zlib.crc32(content))
        for number, content in enumerate(contents, start=1)
    ]
    assert crc32_of(parts) == zlib.crc32(b"".join(contents))


def test_a_checksum_is_written_as_s3_writes_it() -> None:
    # ebe6c6e6, the highest byte first.
    assert checksum_text(zlib.crc32(b"Hello, world!")) == "6+bG5g=="
