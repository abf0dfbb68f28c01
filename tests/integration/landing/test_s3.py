"""A vendor's bucket, the inbox, and reading what was landed."""

from __future__ import annotations

import hashlib
import io
import os
import zipfile
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from growth_verticals.cadence import Daily, Monthly, OnDemand
from growth_verticals.errors import ConfigurationError, DeliveryError, TransferError
from growth_verticals.landing.land import land_file, open_landed
from growth_verticals.landing.listing import find_named, list_delivery, list_inbox
from growth_verticals.landing.origins import LocalOrigin, S3Origin
from growth_verticals.source import S3, Delimited, Inbox, Source

if TYPE_CHECKING:
    from pathlib import Path

    from growth_verticals.account import Account
    from growth_verticals.delivery import LandedFile, RemoteFile

    from .conftest import VendorBucket

PERIOD = Daily().parse("2026-11-22")


def names(files: list[RemoteFile]) -> list[str]:
    return [file.name for file in files]


def statara(vendor: VendorBucket) -> Source:
    return Source(
        name="statara_political",
        table="statara.political",
        cadence=Monthly(),
        delivery=S3(conn_id="c", bucket=vendor.bucket, prefix=vendor.folder + "{period}/", pattern="*.csv"),
        format=Delimited(),
    )


def test_a_prefix_s_objects_are_listed_and_seen_again_alike(vendor_bucket: VendorBucket) -> None:
    for name in ("2026-11/TX.csv", "2026-11/CA +%41#?.csv", "2026-11/é.csv", "2026-11/deep/NY.csv", "2026-12/OH.csv"):
        vendor_bucket.put(name, name.encode())
    vendor_bucket.put("2026-11/", b"")  # what the console makes of "create folder"
    files = list_delivery(vendor_bucket.origin, statara(vendor_bucket), Monthly().parse("2026-11"))
    assert names(files) == ["CA +%41#?.csv", "TX.csv", "é.csv"]
    for file in files:
        assert vendor_bucket.origin.stat(file) == file
        with vendor_bucket.origin.open(file) as stream:
            assert stream.read() == f"2026-11/{file.name}".encode()


def test_a_prefix_without_objects_is_an_empty_delivery(vendor_bucket: VendorBucket) -> None:
    assert list_delivery(vendor_bucket.origin, statara(vendor_bucket), Monthly().parse("2026-11")) == []


def test_a_bucket_that_is_not_there_is_told_by_name(vendor_bucket: VendorBucket) -> None:
    with pytest.raises(ConfigurationError, match="no-such-bucket"):
        S3Origin(vendor_bucket.client, "no-such-bucket").list("")


def test_the_version_that_was_landed_is_not_transferred_again(account: Account, vendor_bucket: VendorBucket) -> None:
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
    assert land_file(account, origin, "intent", PERIOD, first) == landed  # still what was listed then
    assert origin.opened == 2


def test_an_object_that_was_exchanged_or_deleted_after_it_was_listed_is_told(
    account: Account, vendor_bucket: VendorBucket
) -> None:
    vendor_bucket.put("a.csv", b"one")
    (file,) = vendor_bucket.origin.list(vendor_bucket.folder)
    vendor_bucket.put("a.csv", b"two")
    with pytest.raises(TransferError, match="the object changed after it was listed"):
        land_file(account, vendor_bucket.origin, "intent", PERIOD, file)
    vendor_bucket.delete("a.csv")
    with pytest.raises(TransferError, match="the object is no longer in"):
        land_file(account, vendor_bucket.origin, "intent", PERIOD, file)
    with pytest.raises(TransferError, match="the object is no longer in"):
        vendor_bucket.origin.stat(file)


# --- the inbox ----------------------------------------------------------------------------------------------------


def manual(account: Account, *also_from: str, pattern: str = "*.csv") -> Source:
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


def test_the_inbox_shows_what_can_be_loaded(account: Account) -> None:
    drop(account, "b.csv", "a.csv", "c.xlsx", "d.csv.part", ".e.csv", "done/f.csv")
    assert names(list_inbox(account, manual(account))) == ["a.csv", "b.csv"]


def test_a_person_names_files_of_the_inbox_and_gets_each_once(account: Account) -> None:
    drop(account, "a.csv", "b 100%+#?.csv")
    files = find(account, manual(account), "b 100%+#?.csv", "a.csv", "a.csv")
    assert names(files) == ["b 100%+#?.csv", "a.csv"]
    landed = land_file(account, origin_of(account, account.landing_uri), "causeway", PERIOD, files[0])
    assert landed.uri == f"{account.landing_uri}/causeway/2026-11-22/b 100%+#?.csv"


def test_a_person_names_a_file_of_a_place_that_the_source_allows(account: Account, vendor_bucket: VendorBucket) -> None:
    vendor_bucket.put("2026/a b.csv", b"one")
    allowed = f"s3://{vendor_bucket.bucket}/{vendor_bucket.folder}"
    (file,) = find(account, manual(account, allowed), allowed + "2026/a b.csv")
    assert (file.name, file.uri) == ("a b.csv", allowed + "2026/a b.csv")


def test_an_origin_for_other_places_may_be_given(account: Account, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"one")
    source = manual(account, f"sftp://c{tmp_path}")
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
def test_nothing_else_may_be_named(account: Account, name: str) -> None:
    drop(account, "a.csv")
    with pytest.raises(DeliveryError, match="may not be loaded") as told:
        find(account, manual(account, "s3://allowed/vendor"), name)
    text = str(told.value)
    assert text.isprintable()
    assert f"{account.inbox_prefix('causeway')}/ that fits *.csv, or a URI under s3://allowed/vendor" in text
    assert "Next: choose from 'a.csv'" in text


@pytest.mark.parametrize("name", ["absent.csv", "c.xlsx", "d.csv.part"])
def test_a_name_that_does_not_fit_or_is_not_there_is_told_with_what_is(account: Account, name: str) -> None:
    drop(account, "a.csv", "c.xlsx", "d.csv.part")
    with pytest.raises(DeliveryError, match=r"there is no file.*Next: choose from 'a\.csv'"):
        find(account, manual(account), name)


def test_no_name_is_told_with_what_is_there(account: Account) -> None:
    with pytest.raises(DeliveryError, match=r"no file was named.*put the file there first"):
        find(account, manual(account))


def test_a_pattern_with_a_period_fits_any_period_when_a_person_names_the_file(account: Account) -> None:
    drop(account, "people_2026-11-22.csv", "other.csv")
    assert names(list_inbox(account, manual(account, pattern="people_{period}.csv"))) == ["people_2026-11-22.csv"]


# --- reading back -------------------------------------------------------------------------------------------------


def landed_bytes(account: Account, tmp_path: Path, data: bytes) -> LandedFile:
    (tmp_path / "a.bin").write_bytes(data)
    origin = LocalOrigin()
    return land_file(account, origin, "intent", PERIOD, origin.file(tmp_path / "a.bin"))


def test_a_landed_file_is_read_from_anywhere(account: Account, tmp_path: Path) -> None:
    data = os.urandom(5 * 2**20 + 17)
    with open_landed(account, landed_bytes(account, tmp_path, data)) as stream:
        assert stream.seekable()
        for at in (0, 5 * 2**20, 3, 2**20 + 1, 5 * 2**20 + 16, 5 * 2**20 + 17):
            assert stream.seek(at) == stream.tell() == at
            assert stream.read(1000) == data[at : at + 1000]
        assert stream.seek(-5, io.SEEK_END) == len(data) - 5
        assert stream.read() == data[-5:]
        stream.seek(0)
        assert stream.read() == data


def test_a_landed_zip_is_read_in_place(account: Account, tmp_path: Path) -> None:
    content = {"a.csv": os.urandom(3 * 2**20), "b.csv": b"1,2\n"}
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, data in content.items():
            archive.writestr(name, data)
    landed = landed_bytes(account, tmp_path, packed.getvalue())
    with open_landed(account, landed) as stream, zipfile.ZipFile(stream) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == content


def test_reading_takes_up_a_broken_connection_where_it_broke(account: Account, tmp_path: Path) -> None:
    data = os.urandom(20 * 2**20)
    with open_landed(account, landed_bytes(account, tmp_path, data)) as stream:
        assert stream.read(2**20) == data[: 2**20]
        raw: Any = stream.raw  # type: ignore[attr-defined]
        raw._body._raw_stream.close()
        rest = stream.read()
    assert hashlib.sha256(rest).digest() == hashlib.sha256(data[2**20 :]).digest()


def test_a_copy_that_is_gone_or_was_exchanged_is_told(account: Account, tmp_path: Path) -> None:
    landed = landed_bytes(account, tmp_path, b"one")
    with pytest.raises(TransferError, match="not what was landed"):
        open_landed(account, replace(landed, size=4))
    with pytest.raises(TransferError, match="no longer in"):
        open_landed(account, replace(landed, uri=landed.uri + ".absent"))
    with open_landed(account, landed) as stream:
        bucket, _, key = landed.uri.removeprefix("s3://").partition("/")
        account.client("s3").put_object(Bucket=bucket, Key=key, Body=b"two")
        stream.seek(1)  # from where it is read by another request
        with pytest.raises(TransferError, match="changed after it was listed"):
            stream.read()
    with pytest.raises(TransferError, match="not what was landed"):
        open_landed(account, landed)
