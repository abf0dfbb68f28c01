"""A landed copy equals the vendor's file, byte for byte, is never overwritten, and a retry finds it."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ConnectionClosedError

from growth_verticals.account import Account, Credentials
from growth_verticals.cadence import Daily
from growth_verticals.delivery import LandedFile, RemoteFile
from growth_verticals.errors import ConfigurationError, FileChangedError, FileRefusedError, ServiceError, TransferError
from growth_verticals.landing.land import land_file, open_landed
from growth_verticals.landing.origins import LocalOrigin
from growth_verticals.landing.receipts import RECEIPT_SUFFIX
from growth_verticals.landing.upload import Upload, UploadedObject

PERIOD = Daily().parse("2026-11-22")
LOCAL = LocalOrigin()
BIG = 20 * 2**20 + 12_345
TWO_PARTS = 8 * 2**20 + 1


def land(account: Account, path: Path, origin: LocalOrigin = LOCAL) -> LandedFile:
    return land_file(account, origin, "intent", PERIOD, LOCAL.file(path))


def write_file(path: Path, data: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def made_up_bytes(size: int) -> bytes:
    return hashlib.shake_128(str(size).encode()).digest(size)


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


class Zone:
    """The contents of the landing zone, read without the code under test."""

    def __init__(self, account: Account) -> None:
        self.client = account.client("s3")
        self.bucket, _, self.prefix = account.landing_uri.removeprefix("s3://").partition("/")
        self.folder = f"{self.prefix}/intent/2026-11-22/"

    def names(self) -> list[str]:
        answer = self.client.list_objects_v2(Bucket=self.bucket, Prefix=self.folder)
        return sorted(found["Key"].removeprefix(self.folder) for found in answer.get("Contents", ()))

    def copies(self) -> dict[str, str]:
        """The sha256 of every copy, by key."""
        names = [name for name in self.names() if not name.endswith(RECEIPT_SUFFIX)]
        return {name: sha256(self.get(name)) for name in names}

    def get(self, name: str) -> bytes:
        data: bytes = self.client.get_object(Bucket=self.bucket, Key=self.folder + name)["Body"].read()
        return data

    def receipt(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.get(name + RECEIPT_SUFFIX))
        return found

    def put(self, name: str, data: bytes) -> None:
        self.client.put_object(Bucket=self.bucket, Key=self.folder + name, Body=data)

    def delete(self, name: str) -> None:
        self.client.delete_object(Bucket=self.bucket, Key=self.folder + name)

    def uploads(self) -> list[str]:
        answer = self.client.list_multipart_uploads(Bucket=self.bucket, Prefix=self.prefix)
        return [found["Key"] for found in answer.get("Uploads") or ()]


@pytest.fixture
def zone(account: Account) -> Zone:
    return Zone(account)


@pytest.mark.parametrize("size", [0, 1, 8 * 2**20, 8 * 2**20 + 1, BIG])
def test_a_file_is_landed_byte_for_byte_with_its_receipt(
    account: Account, zone: Zone, tmp_path: Path, size: int
) -> None:
    path = write_file(tmp_path / "V105_HH.txt.gz", made_up_bytes(size))
    landed = land(account, path)
    assert landed == LandedFile(
        name="V105_HH.txt.gz",
        uri=f"{account.landing_uri}/intent/2026-11-22/V105_HH.txt.gz",
        size=size,
        sha256=sha256(made_up_bytes(size)),
        origin=f"file://{path}",
        etag=str(zone.receipt("V105_HH.txt.gz")["etag"]),
    )
    assert zone.copies() == {"V105_HH.txt.gz": sha256(made_up_bytes(size))}
    receipt = zone.receipt("V105_HH.txt.gz")
    assert (receipt["sha256"], receipt["size"], receipt["origin"]) == (landed.sha256, size, f"file://{path}")
    assert zone.uploads() == []


def test_a_new_small_file_costs_three_requests_and_reading_it_one(account: Account, tmp_path: Path) -> None:
    requests: list[str] = []
    events = account.client("s3").meta.events

    def record(model: Any, **_: Any) -> None:
        requests.append(model.name)

    events.register("before-call.s3", record, unique_id="requests")
    try:
        landed = land(account, write_file(tmp_path / "a.csv", b"one"))
        assert requests == ["PutObject", "HeadObject", "PutObject"]
        with open_landed(account, landed) as stream:
            assert stream.read() == b"one"
        assert requests[3:] == ["GetObject"]
    finally:
        events.unregister("before-call.s3", unique_id="requests")


def md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


@pytest.mark.parametrize("size", [0, 5, BIG])
def test_a_file_with_the_digests_of_the_manifest_is_landed(account: Account, tmp_path: Path, size: int) -> None:
    data = made_up_bytes(size)
    file = LOCAL.file(write_file(tmp_path / "a.csv", data))
    sums = (("cost", "10.50"),)
    file = replace(file, expected_rows=7, expected_sums=sums, expected_sha256=sha256(data), expected_md5=md5(data))
    landed = land_file(account, LOCAL, "intent", PERIOD, file)
    assert (landed.sha256, landed.expected_rows, landed.expected_sums) == (sha256(data), 7, sums)


@pytest.mark.parametrize("size", [5, BIG])
@pytest.mark.parametrize(
    ("digests", "kind"),
    [({"expected_sha256": "0" * 64}, "SHA-256"), ({"expected_md5": "0" * 32}, "MD5")],
)
def test_a_file_with_another_digest_than_in_the_manifest_is_refused_and_not_landed(
    account: Account, zone: Zone, tmp_path: Path, size: int, digests: dict[str, str], kind: str
) -> None:
    file = replace(LOCAL.file(write_file(tmp_path / "a.csv", made_up_bytes(size))), **digests)
    with pytest.raises(
        FileRefusedError, match=f"intent: a.csv: the file's {kind} is not the one in the vendor's manif"
    ):
        land_file(account, LOCAL, "intent", PERIOD, file)
    assert zone.names() == []
    assert zone.uploads() == []


@pytest.mark.parametrize("size", [5, BIG])
def test_landing_the_same_bytes_again_keeps_the_first_copy(
    account: Account, zone: Zone, tmp_path: Path, size: int
) -> None:
    path = write_file(tmp_path / "a.csv", made_up_bytes(size))
    first = land(account, path)
    before = zone.receipt("a.csv")
    assert land(account, path) == first
    assert zone.receipt("a.csv") == before
    write_file(path, made_up_bytes(size))  # a new modification time, the same bytes
    assert land(account, path) == first
    assert zone.names() == ["a.csv", "a.csv" + RECEIPT_SUFFIX]
    seen = [[f"file://{path}", None, path.stat().st_mtime]]
    assert zone.receipt("a.csv") == before | {"seen": seen}
    assert zone.uploads() == []


def test_different_bytes_with_the_same_name_are_stored_next_to_the_first_copy(
    account: Account, zone: Zone, tmp_path: Path
) -> None:
    uris = [
        land(account, write_file(tmp_path / "a.csv", data)).uri for data in (b"one", b"two", b"three", b"two", b"one")
    ]
    folder = f"{account.landing_uri}/intent/2026-11-22/"
    assert [uri.removeprefix(folder) for uri in uris] == [
        "a.csv", "redelivery-2/a.csv", "redelivery-3/a.csv", "redelivery-2/a.csv", "a.csv",
    ]  # fmt: skip
    assert zone.copies() == {
        "a.csv": sha256(b"one"),
        "redelivery-2/a.csv": sha256(b"two"),
        "redelivery-3/a.csv": sha256(b"three"),
    }


def test_a_copy_without_receipt_is_read_back_before_it_is_trusted(account: Account, zone: Zone, tmp_path: Path) -> None:
    landed = land(account, write_file(tmp_path / "a.csv", b"one"))
    zone.delete("a.csv" + RECEIPT_SUFFIX)  # as if the process had died before it wrote the receipt
    assert land(account, tmp_path / "a.csv") == landed
    assert zone.names() == ["a.csv", "a.csv" + RECEIPT_SUFFIX]


def test_a_copy_without_receipt_that_has_different_bytes_of_the_same_size_is_not_used(
    account: Account, zone: Zone, tmp_path: Path
) -> None:
    zone.put("a.csv", b"two")
    landed = land(account, write_file(tmp_path / "a.csv", b"one"))
    assert landed.uri.endswith("/redelivery-2/a.csv")
    assert zone.copies() == {"a.csv": sha256(b"two"), "redelivery-2/a.csv": sha256(b"one")}


def test_a_receipt_does_not_describe_an_object_that_replaced_the_landed_one(
    account: Account, zone: Zone, tmp_path: Path
) -> None:
    land(account, write_file(tmp_path / "a.csv", b"one"))
    zone.put("a.csv", b"two")
    assert land(account, tmp_path / "a.csv").uri.endswith("/redelivery-2/a.csv")
    assert zone.copies() == {"a.csv": sha256(b"two"), "redelivery-2/a.csv": sha256(b"one")}


def test_a_copy_that_was_deleted_is_landed_again(account: Account, zone: Zone, tmp_path: Path) -> None:
    landed = land(account, write_file(tmp_path / "a.csv", b"one"))
    zone.delete("a.csv")
    assert land(account, tmp_path / "a.csv") == landed
    assert zone.copies() == {"a.csv": sha256(b"one")}


@pytest.mark.parametrize("size", [100, TWO_PARTS])
def test_concurrent_landings_of_the_same_bytes_make_one_copy(
    account: Account, zone: Zone, tmp_path: Path, size: int
) -> None:
    path = write_file(tmp_path / "a.csv", made_up_bytes(size))
    origin = _ReadTogether(3)
    with ThreadPoolExecutor(3) as threads:
        landed = list(threads.map(lambda _: land(account, path, origin), range(3)))
    assert set(landed) == {landed[0]}
    assert zone.copies() == {"a.csv": sha256(made_up_bytes(size))}
    assert zone.uploads() == []


@pytest.mark.parametrize("size", [100, TWO_PARTS])
def test_concurrent_landings_of_different_bytes_each_make_a_copy(
    account: Account, zone: Zone, tmp_path: Path, size: int
) -> None:
    contents = [bytes([number]) * size for number in range(3)]
    paths = [write_file(tmp_path / str(number) / "a.csv", data) for number, data in enumerate(contents)]
    origin = _ReadTogether(3)
    with ThreadPoolExecutor(3) as threads:
        landed = list(threads.map(lambda path: land(account, path, origin), paths))
    assert len({each.uri for each in landed}) == 3
    assert sorted(zone.copies().values()) == sorted(map(sha256, contents))
    for each, data in zip(landed, contents, strict=True):
        with open_landed(account, each) as stream:
            assert sha256(stream.read()) == sha256(data)


@pytest.mark.parametrize("size", [100, TWO_PARTS])
def test_bytes_that_replaced_ours_at_once_are_noticed(
    account: Account, zone: Zone, tmp_path: Path, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A store whose conditional writes are not atomic can let two uploads of one key succeed: the later bytes stay."""
    ours, theirs = made_up_bytes(size), b"theirs" * size
    complete = Upload.complete

    def complete_and_be_replaced(upload: Upload, key: str) -> UploadedObject | None:
        uploaded = complete(upload, key)
        monkeypatch.setattr(Upload, "complete", complete)
        zone.put("a.csv", theirs)
        return uploaded

    monkeypatch.setattr(Upload, "complete", complete_and_be_replaced)
    landed = land(account, write_file(tmp_path / "a.csv", ours))
    assert zone.copies() == {"a.csv": sha256(theirs), "redelivery-2/a.csv": sha256(ours)}
    with open_landed(account, landed) as stream:
        assert stream.read() == ours


class _ReadTogether(LocalOrigin):
    """Makes every landing wait until all have read their file to the end."""

    def __init__(self, landings: int) -> None:
        self._barrier = threading.Barrier(landings)
        self._thread = threading.local()

    def stat(self, file: RemoteFile) -> RemoteFile:
        if not hasattr(self._thread, "waited"):
            self._thread.waited = True
            self._barrier.wait(timeout=60)
        return super().stat(file)


@pytest.mark.parametrize(
    "name",
    ["a b+c%41#?&=.csv", "é ü.csv", "日本.csv", "a&amp;b.csv", "~!@$^*()[]{}|;:,`'\"<>.csv", "redelivery-2", "-rf"],
)
def test_a_name_with_special_characters_is_landed_unchanged(
    account: Account, zone: Zone, tmp_path: Path, name: str
) -> None:
    landed = land(account, write_file(tmp_path / name, b"one"))
    assert (landed.name, landed.uri) == (name, f"{account.landing_uri}/intent/2026-11-22/{name}")
    assert zone.copies() == {name: sha256(b"one")}
    with open_landed(account, landed) as stream:
        assert stream.read() == b"one"
    assert land(account, tmp_path / name) == landed


@pytest.mark.parametrize("name", ["a\nb.csv", "a\x1b[31m.csv", "a.csv" + RECEIPT_SUFFIX])
def test_a_file_whose_name_cannot_be_stored_is_refused(account: Account, zone: Zone, tmp_path: Path, name: str) -> None:
    with pytest.raises(FileRefusedError, match="cannot be stored") as raised:
        land(account, write_file(tmp_path / name, b"one"))
    assert str(raised.value).isprintable()
    assert zone.names() == []


@pytest.mark.parametrize("name", ["../a.csv", "..", "/etc/passwd", ""])
def test_a_name_with_a_folder_never_becomes_a_key(account: Account, zone: Zone, tmp_path: Path, name: str) -> None:
    file = replace(LOCAL.file(write_file(tmp_path / "a.csv", b"one")), name=name)
    with pytest.raises(FileRefusedError):
        land_file(account, LOCAL, "intent", PERIOD, file)
    assert zone.names() == []


def test_a_file_that_changes_after_its_last_byte_was_read_leaves_nothing_visible(
    account: Account, zone: Zone, tmp_path: Path
) -> None:
    path = write_file(tmp_path / "a.csv", made_up_bytes(BIG))

    class Rewritten(LocalOrigin):
        def stat(self, file: RemoteFile) -> RemoteFile:
            write_file(path, made_up_bytes(BIG + 1))
            return super().stat(file)

    with pytest.raises(
        FileChangedError,
        match=r"intent: file:.*changed after it was listed.*a different size and modification time\. "
        "Next: .*clear the task await of this run, which lists the files again",
    ):
        land(account, path, Rewritten())
    assert zone.names() == []
    assert zone.uploads() == []


# --- killed processes ---------------------------------------------------------------------------------------------


def land_and_die(account: Account, path: Path, setup: str) -> None:
    """Land `path` in a separate process that kills itself at the point that the code in `setup` chooses."""
    assert account.credentials is not None
    program = f"""
import os, signal
from pathlib import Path
from growth_verticals.account import Account, Credentials
from growth_verticals.cadence import Daily
from growth_verticals.landing import land
from growth_verticals.landing.origins import LocalOrigin
def die(*_): os.kill(os.getpid(), signal.SIGKILL)
{setup}
keys = Credentials(access_key={account.credentials.access_key!r}, secret_key={account.credentials.secret_key!r})
account = Account(
    region={account.region!r}, table_bucket_arn={account.table_bucket_arn!r}, landing_uri={account.landing_uri!r},
    catalog_uri={account.catalog_uri!r}, s3_endpoint={account.s3_endpoint!r}, credentials=keys,
)
origin = LocalOrigin()
land.land_file(account, origin, "intent", Daily().parse("2026-11-22"), origin.file(Path({str(path)!r})))
"""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    ended = subprocess.run([sys.executable, "-c", program], env=environment, check=False, capture_output=True)
    assert ended.returncode == -signal.SIGKILL, ended.stderr.decode()


@pytest.mark.parametrize("size", [100, BIG])
def test_a_process_killed_before_the_upload_is_complete_leaves_nothing_visible(
    account: Account, zone: Zone, tmp_path: Path, size: int
) -> None:
    path = write_file(tmp_path / "a.csv", made_up_bytes(size))
    land_and_die(account, path, "LocalOrigin.stat = die")
    assert zone.names() == []
    land(account, path)
    assert zone.copies() == {"a.csv": sha256(made_up_bytes(size))}


@pytest.mark.parametrize("size", [100, BIG])
def test_a_process_killed_before_the_receipt_causes_no_second_copy(
    account: Account, zone: Zone, tmp_path: Path, size: int
) -> None:
    path = write_file(tmp_path / "a.csv", made_up_bytes(size))
    land_and_die(account, path, "land.write_receipt = die")
    assert zone.names() == ["a.csv"]
    landed = land(account, path)
    assert zone.copies() == {"a.csv": sha256(made_up_bytes(size))}
    assert zone.receipt("a.csv")["sha256"] == landed.sha256
    assert land(account, path) == landed


@pytest.mark.parametrize(("size", "operation"), [(100, "PutObject"), (BIG, "CompleteMultipartUpload")])
def test_a_retry_finds_an_upload_whose_response_was_lost(
    account: Account, zone: Zone, tmp_path: Path, size: int, operation: str
) -> None:
    def lose(**_: object) -> None:
        raise ConnectionClosedError(endpoint_url="http://127.0.0.1")

    path = write_file(tmp_path / "a.csv", made_up_bytes(size))
    events = account.client("s3").meta.events
    events.register(f"after-call.s3.{operation}", lose)
    try:
        with pytest.raises(TransferError, match=r"does not answer.*ConnectionClosedError"):
            land(account, path)
    finally:
        events.unregister(f"after-call.s3.{operation}", lose)
    landed = land(account, path)
    assert zone.copies() == {"a.csv": sha256(made_up_bytes(size))}
    assert zone.receipt("a.csv")["sha256"] == landed.sha256


# --- what a person must fix ---------------------------------------------------------------------------------------


def test_the_error_for_missing_credentials_says_where_to_set_them(
    account: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(ConfigurationError, match=r"the bucket .* needs AWS credentials.*Next: set"):
        land(replace(account, credentials=None), write_file(tmp_path / "a.csv", b"one"))


def test_a_wrong_key_is_a_configuration_error_without_the_secret(account: Account, tmp_path: Path) -> None:
    wrong = replace(account, credentials=Credentials(access_key="nobody", secret_key="nothing-secret"))
    with pytest.raises(ConfigurationError, match="was refused") as raised:
        land(wrong, write_file(tmp_path / "a.csv", b"one"))
    assert "nothing-secret" not in str(raised.value)


def test_the_error_for_a_missing_landing_bucket_names_it(account: Account, tmp_path: Path) -> None:
    elsewhere = replace(account, landing_uri="s3://no-such-bucket-here")
    with pytest.raises((ConfigurationError, ServiceError), match="no-such-bucket-here"):
        land(elsewhere, write_file(tmp_path / "a.csv", b"one"))


def test_the_error_for_a_store_that_is_down_has_its_address(account: Account, tmp_path: Path) -> None:
    down = replace(account, s3_endpoint="http://127.0.0.1:9")
    with pytest.raises(TransferError, match=r"http://127\.0\.0\.1:9"):
        land(down, write_file(tmp_path / "a.csv", b"one"))
