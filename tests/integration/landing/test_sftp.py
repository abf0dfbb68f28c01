"""Files from a vendor's SFTP server: listing, reading, landing, and the server's failures."""

from __future__ import annotations

import asyncio
import hashlib
import os
import threading
import tracemalloc
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from growth_verticals.cadence import Daily
from growth_verticals.delivery import RemoteFile
from growth_verticals.errors import ConfigurationError, DeliveryError, FileChangedError, TransferError
from growth_verticals.landing.land import land_file, open_landed

if TYPE_CHECKING:
    from growth_verticals.account import Account
    from growth_verticals.landing.origins import SftpOrigin

    from .conftest import VendorServer

PERIOD = Daily().parse("2026-11-22")
BIG = 20 * 2**20 + 12_345


def only_file(origin: SftpOrigin, folder: str = "/") -> RemoteFile:
    (file,) = origin.list(folder)
    return file


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def landing_is_empty(account: Account) -> bool:
    bucket, _, prefix = account.landing_uri.removeprefix("s3://").partition("/")
    client = account.client("s3")
    uploads = client.list_multipart_uploads(Bucket=bucket, Prefix=prefix).get("Uploads")
    return not uploads and client.list_objects_v2(Bucket=bucket, Prefix=prefix)["KeyCount"] == 0


def test_a_folders_regular_files_are_listed_with_size_time_and_uri(vendor: VendorServer, sftp: SftpOrigin) -> None:
    outgoing = vendor.root / "outgoing"
    (outgoing / "archive").mkdir(parents=True)
    (outgoing / "archive" / "old.txt").write_bytes(b"old")
    (outgoing / "V105_HH.txt").write_bytes(b"12345")
    (outgoing / "link.txt").symlink_to(outgoing / "V105_HH.txt")
    os.utime(outgoing / "V105_HH.txt", (1_700_000_000, 1_700_000_000))
    expected = RemoteFile(
        name="V105_HH.txt", uri="sftp://sftp_vendor/outgoing/V105_HH.txt", size=5, modified=1_700_000_000
    )
    assert only_file(sftp, "/outgoing") == only_file(sftp, "/outgoing/") == only_file(sftp, "outgoing") == expected
    assert sftp.stat(expected) == expected


def test_the_error_for_a_missing_folder_names_it(sftp: SftpOrigin) -> None:
    with pytest.raises(DeliveryError, match="there is no folder /nowhere on the SFTP server of sftp_vendor"):
        sftp.list("/nowhere")


@pytest.mark.parametrize(
    "name", [b"na\xefve.csv", "é.csv".encode(), b"a b+c%41#?&=.csv", b"%2e%2e", b"a\\b", b"~", "日本".encode()]
)
def test_a_file_with_any_bytes_in_its_name_is_listed_read_and_landed(
    account: Account, vendor: VendorServer, sftp: SftpOrigin, name: bytes
) -> None:
    Path(os.fsdecode(bytes(vendor.root) + b"/" + name)).write_bytes(b"1,2\n")
    (vendor.root / "other.csv").write_bytes(b"")
    file = next(file for file in sftp.list("/") if file.name != "other.csv")
    assert sftp.stat(file) == file
    landed = land_file(account, sftp, "intent", PERIOD, file)
    assert (landed.name, landed.size) == (file.name, 4)
    with open_landed(account, landed) as stream:
        assert stream.read() == b"1,2\n"


@pytest.mark.parametrize("size", [0, 1, 2**15, 2**15 + 1, 2**21, BIG])
def test_every_byte_is_landed(account: Account, vendor: VendorServer, sftp: SftpOrigin, size: int) -> None:
    data = os.urandom(size)
    (vendor.root / "a.bin").write_bytes(data)
    landed = land_file(account, sftp, "intent", PERIOD, only_file(sftp))
    with open_landed(account, landed) as stream:
        assert sha256(stream.read()) == landed.sha256 == sha256(data)


def test_no_byte_is_lost_when_a_server_returns_less_than_was_requested(vendor: VendorServer, sftp: SftpOrigin) -> None:
    async def half(_connection: Any, _name: str, _offset: int, size: int) -> int:
        return max(1, size // 2)

    data = os.urandom(300_000)
    (vendor.root / "a.bin").write_bytes(data)
    vendor.before_read = half
    with sftp.open(only_file(sftp)) as stream:
        assert sha256(stream.read()) == sha256(data)


def test_an_origin_still_works_after_a_file_was_closed_half_read(vendor: VendorServer, sftp: SftpOrigin) -> None:
    data = os.urandom(BIG)
    (vendor.root / "a.bin").write_bytes(data)
    with sftp.open(only_file(sftp)) as stream:
        assert stream.read(100) == data[:100]
    with sftp.open(only_file(sftp)) as stream:
        assert sha256(stream.read()) == sha256(data)


def test_memory_does_not_grow_with_the_file(account: Account, vendor: VendorServer, sftp: SftpOrigin) -> None:
    async def zeros(_connection: Any, _name: str, _offset: int, size: int) -> bytes:
        return bytes(size)  # the server is in this process: reading from disk would count

    size = 200 * 2**20
    with (vendor.root / "a.bin").open("wb") as sparse:
        sparse.truncate(size - 1)
        sparse.seek(size - 1)
        sparse.write(b"\0")
    file = only_file(sftp)
    tracemalloc.start()
    try:
        landed = land_file(account, sftp, "intent", PERIOD, file)
        with open_landed(account, landed) as stream:
            while stream.read(2**20):
                pass
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert landed.size == size
    assert peak < 80 * 2**20


# --- failures -----------------------------------------------------------------------------------------------------


def test_a_server_that_sends_fewer_bytes_than_it_listed_is_an_error(
    account: Account, vendor: VendorServer, sftp: SftpOrigin
) -> None:
    async def early_end(_connection: Any, _name: str, offset: int, size: int) -> int:
        return max(0, min(size, BIG - 1000 - offset))

    (vendor.root / "a.bin").write_bytes(os.urandom(BIG))
    vendor.before_read = early_end
    with pytest.raises(TransferError, match=f"expected {BIG:,} bytes, found {BIG - 1000:,} bytes") as raised:
        land_file(account, sftp, "intent", PERIOD, only_file(sftp))
    assert raised.value.retryable
    assert str(raised.value).startswith("intent: sftp://sftp_vendor/a.bin: ")
    assert landing_is_empty(account)


@pytest.mark.parametrize("change", [b"grown", b""], ids=["grows", "is only_file touched"])
def test_a_file_that_changes_while_it_is_read_is_an_error(
    account: Account, vendor: VendorServer, sftp: SftpOrigin, change: bytes
) -> None:
    path = vendor.root / "a.bin"
    path.write_bytes(os.urandom(BIG))
    os.utime(path, (1_700_000_000, 1_700_000_000))

    async def meanwhile(_connection: Any, _name: str, offset: int, size: int) -> int:
        if offset == 2**20:
            with path.open("ab") as file:
                file.write(change)
            os.utime(path)
        return size

    vendor.before_read = meanwhile
    with pytest.raises(FileChangedError, match=r"a different (size and )?modification time"):
        land_file(account, sftp, "intent", PERIOD, only_file(sftp))
    assert landing_is_empty(account)


def test_a_file_that_is_truncated_while_it_is_read_is_an_error(
    account: Account, vendor: VendorServer, sftp: SftpOrigin
) -> None:
    path = vendor.root / "a.bin"
    path.write_bytes(os.urandom(BIG))

    async def meanwhile(_connection: Any, _name: str, offset: int, size: int) -> int:
        if offset == 2**20:
            os.truncate(path, 2**21)
        return size

    vendor.before_read = meanwhile
    with pytest.raises(FileChangedError, match="a different size"):
        land_file(account, sftp, "intent", PERIOD, only_file(sftp))
    assert landing_is_empty(account)


def test_a_file_that_was_replaced_after_it_was_listed_is_an_error(
    account: Account, vendor: VendorServer, sftp: SftpOrigin
) -> None:
    (vendor.root / "a.bin").write_bytes(b"12345")
    file = replace(only_file(sftp), modified=1_700_000_000)
    with pytest.raises(FileChangedError, match="changed after it was listed"):
        land_file(account, sftp, "intent", PERIOD, file)
    assert landing_is_empty(account)


def test_a_file_that_was_deleted_after_it_was_listed_is_an_error(
    account: Account, vendor: VendorServer, sftp: SftpOrigin
) -> None:
    (vendor.root / "a.bin").write_bytes(b"12345")
    file = only_file(sftp)
    (vendor.root / "a.bin").unlink()
    with pytest.raises(FileChangedError, match=r"no longer on the SFTP server.*clear the task await of this run"):
        sftp.stat(file)
    with pytest.raises(FileChangedError, match="no longer on the SFTP server of sftp_vendor"):
        land_file(account, sftp, "intent", PERIOD, file)
    assert landing_is_empty(account)


def test_a_lost_connection_is_an_error_and_a_new_one_lands_the_file(account: Account, vendor: VendorServer) -> None:
    data = os.urandom(BIG)
    (vendor.root / "a.bin").write_bytes(data)

    async def cut(connection: Any, _name: str, offset: int, size: int) -> int:
        if offset >= 10 * 2**20:
            connection.abort()
        return size

    vendor.before_read = cut
    with vendor.origin() as origin, pytest.raises(TransferError, match="connection to the SFTP server of sftp_vendor"):
        land_file(account, origin, "intent", PERIOD, only_file(origin))
    assert landing_is_empty(account)

    vendor.before_read = None
    with vendor.origin() as origin:
        landed = land_file(account, origin, "intent", PERIOD, only_file(origin))
    with open_landed(account, landed) as stream:
        assert sha256(stream.read()) == landed.sha256 == sha256(data)


def test_a_stalled_server_is_an_error_after_the_timeout(account: Account, vendor: VendorServer) -> None:
    gave_up = threading.Event()

    async def stall(_connection: Any, _name: str, offset: int, size: int) -> int:
        if offset >= 10 * 2**20:
            await asyncio.to_thread(gave_up.wait)
        return size

    (vendor.root / "a.bin").write_bytes(os.urandom(BIG))
    vendor.before_read = stall
    with vendor.origin(stalled_after_s=0.5) as origin:
        with pytest.raises(TransferError, match="stopped responding"):
            land_file(account, origin, "intent", PERIOD, only_file(origin))
        gave_up.set()
    assert landing_is_empty(account)


def test_a_file_that_our_user_has_no_permission_to_read_is_a_configuration_error(
    vendor: VendorServer, sftp: SftpOrigin
) -> None:
    async def forbid(_connection: Any, _name: str, _offset: int, _size: int) -> int:
        raise PermissionError(13, "no")

    (vendor.root / "a.bin").write_bytes(b"12345")
    vendor.before_read = forbid
    with pytest.raises(ConfigurationError, match="denied access"), sftp.open(only_file(sftp)) as stream:
        stream.read()
