"""`./gv inbox`: files of this machine get into the inbox byte for byte, and no other file is lost."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from botocore.response import StreamingBody

from growth_verticals.account import Account
from growth_verticals.declarations import find_source
from growth_verticals.delivery import SMALL_FILE_BYTES
from growth_verticals.errors import TransferError
from growth_verticals.landing import inbox
from growth_verticals.landing.uris import split_s3_uri

from .conftest import Acme

#: Three parts, the last of which is small.
LARGE = b"P1,1970-01-01,1,ok\n" * (2 * SMALL_FILE_BYTES // 19 + 100)


def stored(name: str) -> bytes:
    account = Account.from_environment()
    bucket, key = split_s3_uri(f"{account.inbox_prefix('acme')}/{name}")
    body: StreamingBody = account.client("s3").get_object(Bucket=bucket, Key=key)["Body"]
    return bytes(body.read())


@pytest.mark.parametrize("content", [b"", b"Person Id\nP1\n", LARGE], ids=["empty", "small", "in parts"])
def test_a_file_is_put_once_and_the_next_step_is_named(acme: Acme, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "leads 1.csv"
    path.write_bytes(content)
    put = acme.gv("inbox", "put", "acme", path)
    assert put.stdout.startswith("put       leads 1.csv")
    assert "press Trigger on the DAG acme" in put.stdout
    assert "P1" not in put.stdout
    assert stored("leads 1.csv") == content
    assert acme.gv("inbox", "put", "acme", path).stdout.startswith("present   leads 1.csv")
    [listed] = json.loads(acme.gv("inbox", "list", "acme", "--json").stdout)
    assert (listed["name"], listed["size"]) == ("leads 1.csv", len(content))


def test_other_content_under_the_same_name_is_refused_unless_it_is_to_be_replaced(acme: Acme, tmp_path: Path) -> None:
    path = tmp_path / "leads.csv"
    for content in (b"first", b"other"):  # as many bytes
        path.write_bytes(content)
        put = acme.gv("inbox", "put", "acme", path)
    assert put.returncode == 1
    assert "leads.csv: the inbox has a file of this name with other content" in put.stderr
    assert stored("leads.csv") == b"first"
    assert acme.gv("inbox", "put", "acme", path, "--replace").stdout.startswith("replaced  leads.csv")
    assert stored("leads.csv") == b"other"


def test_a_file_that_another_person_puts_at_the_same_time_is_kept(
    acme: Acme, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "leads.csv"
    path.write_bytes(b"theirs")
    assert acme.gv("inbox", "put", "acme", path).returncode == 0
    path.write_bytes(b"ours")
    heads = iter([None])
    monkeypatch.setattr(inbox, "_head", lambda *_: next(heads))  # it came after this look
    assert "that was put there meanwhile" in acme.gv("inbox", "put", "acme", path).stderr
    assert stored("leads.csv") == b"theirs"


def test_stored_bytes_that_are_not_the_file_s_are_told(
    acme: Acme, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "leads.csv"
    path.write_bytes(b"content")
    monkeypatch.setattr(inbox, "_stored_sha256", lambda *_: "0" * 64)
    assert acme.gv("sources").returncode == 0
    with pytest.raises(TransferError, match="the stored bytes are not those of the file"):
        inbox.put_into_inbox(Account.from_environment(), find_source("acme"), path)


@pytest.mark.parametrize(
    "name",
    [".hidden.csv", "leads.csv.part", "leads.tmp", "a.csv.receipt.json", "two\nlines.csv", "\x1b[2Jleads.csv",
     "leads\u202evsc.csv"],
)  # fmt: skip
def test_a_name_that_no_run_could_load_is_refused_before_anything_is_put(acme: Acme, tmp_path: Path, name: str) -> None:
    good, bad = tmp_path / "good.csv", tmp_path / name
    good.write_bytes(b"1")
    bad.write_bytes(b"2")
    put = acme.gv("inbox", "put", "acme", good, bad)
    assert put.returncode == 1
    assert f"{name!a}: a file with this name cannot be put into the inbox" in put.stderr
    assert "has no file that matches *" in acme.gv("inbox", "list", "acme").stdout
