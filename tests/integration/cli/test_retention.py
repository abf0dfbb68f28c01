"""`./gv retention`: what is older than declared leaves, nothing else does, and nothing loads it again."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from growth_verticals.account import Account
from growth_verticals.landing import retention
from growth_verticals.landing.receipts import RECEIPT_SUFFIX
from growth_verticals.landing.uris import split_s3_uri
from growth_verticals.retention import apply_retention
from tests.integration.cli.conftest import Acme

TODAY = datetime.now(UTC).date()
OLD, RECENT = str(TODAY - timedelta(days=60)), str(TODAY - timedelta(days=2))
GOOD, BAD = "1,2000-01-31,3,x\n", "2,someday,3,x\n"


def declare(acme: Acme, retention: str) -> None:
    (acme.folder / "acme.py").write_text(
        f'''"""# ACME people"""
from growth_verticals.pipeline import delivery_dag
from growth_verticals.source import Delimited, Inbox, OnDemand, Retention, Source

dag = delivery_dag(
    Source(
        name="acme",
        table="{acme.table}",
        cadence=OnDemand(),
        delivery=Inbox(),
        format=Delimited(),
        max_rejected=0.6,
        retention=Retention({retention}),
    ),
    doc=__doc__,
)
'''
    )


@pytest.fixture
def loaded(acme: Acme, tmp_path: Path) -> Acme:
    """The source with a row and a reject of an old and of a recent period."""
    declare(acme, "")
    for period in (OLD, RECENT):
        load(acme, tmp_path, period, f"people-{period}.csv", GOOD + BAD)
    return acme


def load(acme: Acme, folder: Path, period: str, name: str, rows: str) -> Any:
    (folder / name).write_text(f"person_id,born,visits,note\n{rows}")
    return acme.gv("load", "acme", folder / name, "--period", period)


class Zone:
    """The landing zone of the test: its objects, with all their versions."""

    def __init__(self) -> None:
        self.account = Account.from_environment()
        self.client = self.account.client("s3")
        self.bucket, self.prefix = split_s3_uri(f"{self.account.landing_uri}/acme")

    def versions(self, period: str = "") -> list[str]:
        pages = self.client.list_object_versions(Bucket=self.bucket, Prefix=f"{self.prefix}/{period}")
        assert not pages["IsTruncated"]
        found = (*pages.get("Versions", ()), *pages.get("DeleteMarkers", ()))
        return [each["Key"].removeprefix(f"{self.prefix}/") for each in found]

    def copies(self, period: str = "") -> list[str]:
        return [key for key in self.versions(period) if not key.endswith(".json")]

    def receipt(self, name: str) -> dict[str, Any]:
        key = f"{self.prefix}/{name}{RECEIPT_SUFFIX}"
        receipt: dict[str, Any] = json.loads(self.client.get_object(Bucket=self.bucket, Key=key)["Body"].read())
        return receipt


def test_an_old_period_is_shown_removed_and_never_loaded_again(loaded: Acme, tmp_path: Path):
    assert loaded.gv("retention", "acme").stdout == "nothing is older than declared\n"
    declare(loaded, "keep_periods=30")
    shown = loaded.gv("retention", "acme")
    assert [line.split() for line in shown.stdout.splitlines()[1:]] == [
        ["acme", OLD, "1", "1", "0", "0", "B", "0"],
        ["nothing", "was", "removed;", "--apply", "removes", "it"],
    ]
    assert loaded.counts() == [2, 2]
    assert json.loads(loaded.gv("retention", "--apply", "--json").stdout)[0]["rows"] == {OLD: 1}
    assert loaded.read("SELECT delivery_period FROM t") == loaded.read("SELECT delivery_period FROM t", "_rejects")
    assert loaded.read("SELECT delivery_period FROM t") == [(RECENT,)]
    assert loaded.gv("retention", "--apply").stdout == "nothing is older than declared\n"

    [audited] = json.loads(loaded.gv("audit", "acme", "--period", OLD, "--json").stdout)
    assert (audited["state"], audited["files"]) == ("expired", [])
    assert [each["period"] for each in json.loads(loaded.gv("audit", "acme", "--json").stdout)] == [RECENT]
    says = f"{OLD} is older than what is kept: its rows, and their rejects, are removed by retention"
    again = load(loaded, tmp_path, OLD, "late.csv", GOOD)
    assert (again.returncode, says in again.stdout) == (1, True)
    for command in ("undo", "replay"):
        refused = loaded.gv(command, "acme", "--period", OLD)
        assert (refused.returncode, says in refused.stderr) == (1, True)
    assert loaded.counts() == [1, 1]
    assert "late.csv" not in str(Zone().versions(OLD))


def test_a_landed_copy_leaves_in_all_versions_if_its_rows_were_loaded(
    loaded: Acme, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    zone = Zone()
    declare(loaded, "landing_days=30")
    assert load(loaded, tmp_path, OLD, "refused.csv", BAD * 3).returncode == 1
    inbox = f"{zone.account.landing_uri}/inbox/acme/{OLD}.csv"
    zone.client.put_object(Bucket=zone.bucket, Key=split_s3_uri(inbox)[1], Body=b"x")
    name = f"{OLD}/people-{OLD}.csv"
    zone.client.put_object(Bucket=zone.bucket, Key=f"{zone.prefix}/{name}", Body=b"a newer version, put by hand")
    assert loaded.gv("retention").stdout == "nothing is older than declared\n", "it was landed today"

    now = datetime.now(UTC) + timedelta(days=31)
    source = _source(loaded)
    source = replace(source, retention=replace(source.retention, rejects_days=None))
    old = apply_retention(zone.account, source, apply=False, now=now)
    assert (old.copies, old.kept) == ({OLD: 1, RECENT: 1}, {OLD: 1})
    assert len(zone.copies()) == 4
    done = apply_retention(zone.account, source, apply=True, now=now)
    assert (done.copies, done.kept) == (old.copies, old.kept)
    assert done.bytes[OLD] > old.bytes[OLD], "the version that was put by hand is gone too"
    assert zone.copies() == [f"{OLD}/refused.csv"]
    assert zone.client.head_object(Bucket=zone.bucket, Key=split_s3_uri(inbox)[1])["ContentLength"] == 1
    assert zone.receipt(name)["removed_at"] == now.isoformat(timespec="seconds")
    assert loaded.counts()[0] == 2
    again = apply_retention(zone.account, source, apply=True, now=now)
    assert (again.copies, again.kept) == ({}, {OLD: 1})

    files = {file["name"]: file["state"] for file in _audited(loaded)["files"]}
    assert files[f"people-{OLD}.csv"] == "loaded"
    replayed = loaded.gv("replay", "acme", "--period", OLD, "--file", f"people-{OLD}.csv")
    assert (replayed.returncode, "its raw copy is not in the landing zone" in replayed.stdout) == (1, True)
    assert "loaded" in load(loaded, tmp_path, OLD, f"people-{OLD}.csv", GOOD + BAD).stdout, "it can be landed again"
    assert zone.receipt(name)["removed_at"] is None


def test_a_copy_that_was_not_deleted_after_its_receipt_was_written_is_deleted_by_a_retry(
    loaded: Acme, monkeypatch: pytest.MonkeyPatch
):
    zone, now = Zone(), datetime.now(UTC) + timedelta(days=31)
    declare(loaded, "landing_days=30")

    class Killed(BaseException):
        """The end of the process."""

    def killed(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(retention, "_versions", killed)
        with pytest.raises(Killed):
            apply_retention(zone.account, _source(loaded), apply=True, now=now)
    assert len(zone.copies()) == 2
    later = now + timedelta(days=1)
    assert apply_retention(zone.account, _source(loaded), apply=True, now=later).copies == {OLD: 1, RECENT: 1}
    assert zone.copies() == []
    removed_at = {zone.receipt(f"{period}/people-{period}.csv")["removed_at"] for period in (OLD, RECENT)}
    assert removed_at == {now.isoformat(timespec="seconds"), later.isoformat(timespec="seconds")}


def _source(acme: Acme) -> Any:
    from growth_verticals.declarations import find_source

    return find_source("acme")


def _audited(acme: Acme) -> dict[str, Any]:
    [audited] = json.loads(acme.gv("audit", "acme", "--period", OLD, "--json").stdout)
    result: dict[str, Any] = audited
    return result
