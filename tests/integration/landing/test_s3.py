"""A vendor's bucket, the inbox, and reading landed copies."""

from __future__ import annotations

import hashlib
import io
import os
import zipfile
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from growth_verticals.cadence import Daily, Monthly, OnDemand
from growth_verticals.errors import ConfigurationError, DeliveryError, FileChangedError, FileRefusedError
from growth_verticals.landing.complete import Watch
from growth_verticals.landing.land import land_file, open_landed
from growth_verticals.landing.listing import find_named, list_delivery, list_inbox
from growth_verticals.landing.origins import LocalOrigin, S3Origin
from growth_verticals.source import S3, Delimited, Inbox, Manifest, Source

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from growth_verticals.account import Account
    from growth_verticals.delivery import LandedFile, RemoteFile

    from .conftest import VendorBucket

PERIOD = Daily().parse("2026-11-22")


def names(files: Sequence[RemoteFile]) -> list[str]:
    return [file.name for file in files]


def statara(vendor: VendorBucket) -> Source:
    return Source(
        name="statara_political",
        table="statara.political",
        cadence=Monthly(),
        delivery=S3(conn_id="c", bucket=vendor.bucket, prefix=vendor.folder + "{period}/", pattern="*.csv"),
        format=Delimited(),
    )


def test_a_prefixs_objects_are_listed_and_have_the_same_state_when_checked_again(vendor_bucket: VendorBucket) -> None:
    for name in ("2026-11/TX.csv", "2026-11/CA +%41#?.csv", "2026-11/é.csv", "2026-11/deep/NY.csv", "2026-12/OH.csv"):
        vendor_bucket.put(name, name.encode())
    vendor_bucket.put("2026-11/", b"")  # what "create folder" in the console creates
    files = list_delivery(vendor_bucket.origin, statara(vendor_bucket), Monthly().parse("2026-11")).files
    assert names(files) == ["CA +%41#?.csv", "TX.csv", "é.csv"]
    for file in files:
        assert vendor_bucket.origin.stat(file) == file
        with vendor_bucket.origin.open(file) as stream:
            assert stream.read() == f"2026-11/{file.name}".encode()


def test_a_prefix_without_objects_is_an_empty_delivery(vendor_bucket: VendorBucket) -> None:
    assert list_delivery(vendor_bucket.origin, statara(vendor_bucket), Monthly().parse("2026-11")).files == ()


def test_the_error_for_a_missing_bucket_names_it(vendor_bucket: VendorBucket) -> None:
    with pytest.raises(ConfigurationError, match="no-such-bucket"):
        S3Origin(vendor_bucket.client, "no-such-bucket").list("")


def test_a_version_that_is_landed_is_not_transferred_again(account: Account, vendor_bucket: VendorBucket) -> None:
    class Counting(S3Origin):
        opened = 0

        def open(self, file: RemoteFile) -> Any:
            self.opened += 1
            return super().open(file)

    origin = Counting(vendor_bucket.client, vendor_bucket.bucket)
    vendor_bucket.put("a.csv", b"one")
    (first,) = origin.list(vendor_bucket.folder)
    landed = land_file(account, origin, "intent", PERIOD, first)
    assert land_file(account, origin, "intent", PERIOD, first) == landed
    assert origin.opened == 1

    vendor_bucket.put("a.csv", b"two")
    (second,) = origin.list(vendor_bucket.folder)
    assert land_file(account, origin, "intent", PERIOD, second).uri.endswith("/redelivery-2/a.csv")
    assert land_file(account, origin, "intent", PERIOD, first) == landed  # the version that was listed first
    assert origin.opened == 2

    with pytest.raises(FileRefusedError, match="the file's SHA-256 is not the one in the vendor's manifest"):
        land_file(account, origin, "intent", PERIOD, replace(first, expected_sha256="0" * 64))
    assert origin.opened == 2
    md5 = hashlib.md5(b"two", usedforsecurity=False).hexdigest()  # a receipt has none, so the file is read again
    landed = land_file(account, origin, "intent", PERIOD, replace(second, expected_md5=md5))
    assert landed.uri.endswith("/redelivery-2/a.csv")
    assert origin.opened == 3
    with pytest.raises(FileRefusedError, match="the file's MD5 is not the one in the vendor's manifest"):
        land_file(account, origin, "intent", PERIOD, replace(second, expected_md5="0" * 32))


def test_a_delivery_with_a_manifest_is_awaited_and_verified_to_the_byte(
    account: Account, vendor_bucket: VendorBucket
) -> None:
    columns = {"name": "file", "size": "bytes", "rows": "n", "sum:visits": "n", "sha256": "sha256"}
    manifest = Manifest("manifest.csv", columns=columns)
    source = statara(vendor_bucket)
    source = replace(source, delivery=replace(source.delivery, complete=manifest))
    month, contents = Monthly().parse("2026-11"), {"GA.csv": b"a", "NC.csv": b"bb"}
    watch = Watch(source, month)
    polls: list[bool] = []

    def poll() -> tuple[RemoteFile, ...]:
        verdict = watch.update(list_delivery(vendor_bucket.origin, source, month), float(len(polls)))
        polls.append(verdict.complete)
        return verdict.files

    vendor_bucket.put("2026-11/GA.csv", contents["GA.csv"])
    poll()
    lines = [f"{name},{len(data)},{len(data)},{hashlib.sha256(data).hexdigest()}" for name, data in contents.items()]
    vendor_bucket.put("2026-11/manifest.csv", "\n".join(["file,bytes,n,sha256", *lines]).encode())
    vendor_bucket.put("2026-11/NC.csv", b"b")
    poll()
    poll()
    vendor_bucket.put("2026-11/NC.csv", contents["NC.csv"])
    poll()
    files = poll()
    assert polls == [False, False, False, False, True]
    landed = [land_file(account, vendor_bucket.origin, "statara", month, file) for file in files]
    assert [(file.name, file.sha256, file.expected_rows, file.expected_sums) for file in landed] == [
        (name, hashlib.sha256(data).hexdigest(), len(data), (("visits", str(len(data))),))
        for name, data in contents.items()
    ]


def test_an_object_that_was_replaced_or_deleted_after_it_was_listed_is_an_error(
    account: Account, vendor_bucket: VendorBucket
) -> None:
    vendor_bucket.put("a.csv", b"one")
    (file,) = vendor_bucket.origin.list(vendor_bucket.folder)
    vendor_bucket.put("a.csv", b"two")
    with pytest.raises(FileChangedError, match=r"the object changed after it was listed.*clear the task await"):
        land_file(account, vendor_bucket.origin, "intent", PERIOD, file)
    vendor_bucket.delete("a.csv")
    with pytest.raises(FileChangedError, match="the object is no longer in"):
        land_file(account, vendor_bucket.origin, "intent", PERIOD, file)
    with pytest.raises(FileChangedError, match="the object is no longer in"):
        vendor_bucket.origin.stat(file)


# --- the inbox ----------------------------------------------------------------------------------------------------


def inbox_source(account: Account, *also_from: str, pattern: str = "*.csv") -> Source:
    return Source(
        name="causeway",
        table="causeway.person",
        cadence=OnDemand(),
        delivery=Inbox(pattern=pattern, also_from=also_from),
        format=Delimited(),
    )


def origin_of(account: Account, uri: str) -> S3Origin:
    return S3Origin(account.client("s3"), uri.removeprefix("s3://").partition("/")[0])


def find(account: Account, source: Source, *file_names: str) -> list[RemoteFile]:
    return find_named(account, source, file_names, lambda uri: origin_of(account, uri))


def drop(account: Account, *file_names: str) -> None:
    bucket, _, prefix = account.inbox_prefix("causeway").removeprefix("s3://").partition("/")
    for name in file_names:
        account.client("s3").put_object(Bucket=bucket, Key=f"{prefix}/{name}", Body=name.encode())


def test_the_inbox_lists_the_files_that_can_be_loaded(account: Account) -> None:
    drop(account, "b.csv", "a.csv", "c.xlsx", "d.csv.part", ".e.csv", "done/f.csv")
    assert names(list_inbox(account, inbox_source(account))) == ["a.csv", "b.csv"]


def test_named_files_of_the_inbox_are_returned_in_order_without_duplicates(account: Account) -> None:
    drop(account, "a.csv", "b 100%+#?.csv")
    files = find(account, inbox_source(account), "b 100%+#?.csv", "a.csv", "a.csv")
    assert names(files) == ["b 100%+#?.csv", "a.csv"]
    landed = land_file(account, origin_of(account, account.landing_uri), "causeway", PERIOD, files[0])
    assert landed.uri == f"{account.landing_uri}/causeway/2026-11-22/b 100%+#?.csv"


def test_a_person_can_name_a_file_by_a_uri_that_the_source_allows(
    account: Account, vendor_bucket: VendorBucket
) -> None:
    vendor_bucket.put("2026/a b.csv", b"one")
    allowed = f"s3://{vendor_bucket.bucket}/{vendor_bucket.folder}"
    (file,) = find(account, inbox_source(account, allowed), allowed + "2026/a b.csv")
    assert (file.name, file.uri) == ("a b.csv", allowed + "2026/a b.csv")


def test_a_uri_is_read_from_the_origin_that_the_caller_returns_for_it(account: Account, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"one")
    source = inbox_source(account, f"sftp://c{tmp_path}")
    (file,) = find_named(account, source, [f"sftp://c{tmp_path}/a.csv"], lambda _uri: LocalOrigin())
    assert file.uri == f"file://{tmp_path}/a.csv"


@pytest.mark.parametrize(
    "name",
    [
        "../b.csv", "/etc/passwd", "done/a.csv", "a//a.csv", "a.csv\0", "a\n.csv", "file:///etc/passwd",
        "s3://elsewhere/vendor/a.csv", "s3://allowed/vendor-secret/a.csv", "s3://allowed/vendor/../a.csv",
        "s3://allowed/vendor//a.csv", "s3://allowed/vendor/", "S3://allowed/vendor/a.csv", "", ".",
    ],
)  # fmt: skip
def test_any_other_name_is_not_allowed(account: Account, name: str) -> None:
    drop(account, "a.csv")
    with pytest.raises(DeliveryError, match=r"loading .* is not allowed") as raised:
        find(account, inbox_source(account, "s3://allowed/vendor"), name)
    text = str(raised.value)
    assert text.isprintable()
    assert f"{account.inbox_prefix('causeway')}/ that matches *.csv, or a URI under s3://allowed/vendor" in text
    assert "Next: choose from 'a.csv'" in text


@pytest.mark.parametrize("name", ["absent.csv", "c.xlsx", "d.csv.part"])
def test_the_error_for_a_name_without_a_matching_file_lists_the_files(account: Account, name: str) -> None:
    drop(account, "a.csv", "c.xlsx", "d.csv.part")
    with pytest.raises(DeliveryError, match=r"there is no matching file.*Next: choose from 'a\.csv'"):
        find(account, inbox_source(account), name)


def test_naming_no_file_is_an_error(account: Account) -> None:
    with pytest.raises(DeliveryError, match=r"no file was named.*put the file there first, then clear the task await"):
        find(account, inbox_source(account))


def test_a_pattern_with_a_period_matches_any_period_when_a_person_names_the_file(account: Account) -> None:
    drop(account, "people_2026-11-22.csv", "other.csv")
    assert names(list_inbox(account, inbox_source(account, pattern="people_{period}.csv"))) == ["people_2026-11-22.csv"]


# --- landed copies ------------------------------------------------------------------------------------------------


def land_bytes(account: Account, tmp_path: Path, data: bytes) -> LandedFile:
    (tmp_path / "a.bin").write_bytes(data)
    origin = LocalOrigin()
    return land_file(account, origin, "intent", PERIOD, origin.file(tmp_path / "a.bin"))


def test_a_landed_file_can_be_read_from_any_position(account: Account, tmp_path: Path) -> None:
    data = os.urandom(5 * 2**20 + 17)
    with open_landed(account, land_bytes(account, tmp_path, data)) as stream:
        assert stream.seekable()
        for position in (0, 5 * 2**20, 3, 2**20 + 1, 5 * 2**20 + 16, 5 * 2**20 + 17):
            assert stream.seek(position) == stream.tell() == position
            assert stream.read(1000) == data[position : position + 1000]
        assert stream.seek(-5, io.SEEK_END) == len(data) - 5
        assert stream.read() == data[-5:]
        stream.seek(0)
        assert stream.read() == data


def test_a_landed_zip_archive_is_read_without_a_download(account: Account, tmp_path: Path) -> None:
    content = {"a.csv": os.urandom(3 * 2**20), "b.csv": b"1,2\n"}
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w") as archive:
        for name, data in content.items():
            archive.writestr(name, data)
    landed = land_bytes(account, tmp_path, zipped.getvalue())
    with open_landed(account, landed) as stream, zipfile.ZipFile(stream) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == content


def test_reading_resumes_where_a_connection_broke(account: Account, tmp_path: Path) -> None:
    data = os.urandom(20 * 2**20)
    with open_landed(account, land_bytes(account, tmp_path, data)) as stream:
        assert stream.read(2**20) == data[: 2**20]
        raw: Any = stream.raw  # type: ignore[attr-defined]
        raw._body._raw_stream.close()
        rest = stream.read()
    assert hashlib.sha256(rest).digest() == hashlib.sha256(data[2**20 :]).digest()


def test_a_copy_that_was_deleted_or_replaced_is_an_error(account: Account, tmp_path: Path) -> None:
    landed = land_bytes(account, tmp_path, b"one")
    with pytest.raises(FileChangedError, match="is not the file that was landed"):
        open_landed(account, replace(landed, size=4))
    with pytest.raises(FileChangedError, match="no longer in"):
        open_landed(account, replace(landed, uri=landed.uri + ".absent"))
    with open_landed(account, landed) as stream:
        bucket, _, key = landed.uri.removeprefix("s3://").partition("/")
        account.client("s3").put_object(Bucket=bucket, Key=key, Body=b"two")
        stream.seek(1)  # reading continues with a new request
        with pytest.raises(FileChangedError, match="changed after it was listed"):
            stream.read()
    with pytest.raises(FileChangedError, match="is not the file that was landed"):
        open_landed(account, landed)
