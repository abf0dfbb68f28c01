"""The audit against a real vendor, landing zone and tables: what each file's state is after what can happen to it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from growth_verticals import declarations, steps
from growth_verticals.audit.collect import ListedOnce, Vendor, audit_source
from growth_verticals.catalog.rest import open_catalog
from growth_verticals.cli.__main__ import main
from growth_verticals.contract.declared import contract_of
from growth_verticals.declarations import find_source
from growth_verticals.errors import GrowthVerticalsError
from growth_verticals.hooks.vendor import open_vendor
from growth_verticals.landing.listing import list_inbox
from growth_verticals.landing.origins import S3Origin
from growth_verticals.landing.receipts import RECEIPT_SUFFIX
from growth_verticals.landing.uris import split_s3_uri
from growth_verticals.tables.undo import undo_load
from tests.integration.cli.conftest import SQL, landing_uri_of

if TYPE_CHECKING:
    from growth_verticals.account import Account
    from growth_verticals.audit.report import AuditedPeriod
    from growth_verticals.delivery import LandedFile
    from growth_verticals.source import Source
    from local.settings import Settings
    from tests.integration.landing.conftest import VendorBucket, VendorServer

DECLARATION = '''"""# ACME people"""

from growth_verticals.pipeline import delivery_dag  # builds the airflow DAG
from growth_verticals.source import S3, Daily, Delimited, Inbox, OnDemand, Parts, Sftp, Source

dag = delivery_dag(
    Source(
        name="acme", table="{table}", cadence={cadence}, delivery={delivery}, format=Delimited(), max_rejected=1.0,
        restated="replace",
    ),
    doc=__doc__,
)
'''
SFTP = (
    'Sftp(conn_id="sftp_acme", directory="/out", pattern="people_{period}_{part}of{parts}.csv", complete=Parts(),'
    ' ignore=("README*",))'
)
REPOSITORY = Path(__file__).resolve().parents[3]
KEY = "2026-11-20"
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)  # the day is due
HEADER = "person_id,born,visits,note\n"


@dataclass
class Acme:
    """The source `acme`, its vendor and its tables."""

    account: Account
    folder: Path
    table: str
    outgoing: Path
    landed: dict[str, LandedFile] = field(default_factory=dict)

    def declare(self, delivery: str = SFTP, cadence: str = "Daily()") -> None:
        text = DECLARATION.format(table=self.table, delivery=delivery, cadence=cadence)
        (self.folder / "acme.py").write_text(text)

    @property
    def source(self) -> Source:
        return find_source("acme")

    def put(self, name: str, rows: str = "P1,2001-02-03,1,x\n") -> None:
        (self.outgoing / name).write_text(HEADER + rows)

    def land(self, *names: str) -> None:
        """Land what the vendor has under these names."""
        period = self.source.cadence.parse(KEY)
        with open_vendor(self.account, self.source) as vendor:
            assert vendor.origin is not None
            files = {file.name: file for file in steps.poll(vendor.origin, self.source, period).files}
            for name in names:
                self.landed[name] = steps.land(self.account, vendor.origin, self.source, period, files[name])

    def load(self, *names: str) -> None:
        self.land(*names)
        period = self.source.cadence.parse(KEY)
        staged = steps.stage(self.account, self.source, period, [self.landed[name] for name in names])
        steps.commit(self.account, self.source, period, staged)

    def undo(self, name: str) -> None:
        period = self.source.cadence.parse(KEY)
        with closing(open_catalog(self.account)) as catalog:
            undo_load(catalog, contract_of(self.source), "acme", period, [self.landed[name].sha256])

    def forget(self, name: str) -> None:
        """Remove a receipt, as nothing but a mistake does."""
        bucket, key = split_s3_uri(self.landed[name].uri + RECEIPT_SUFFIX)
        self.account.client("s3").delete_object(Bucket=bucket, Key=key)

    def audit(self, **options: Any) -> list[AuditedPeriod]:
        with open_vendor(self.account, self.source) as vendor:
            return list(audit_source(self.account, self.source, vendor, now=NOW, **options))

    def states(self) -> tuple[str, dict[str, str]]:
        """Return the state of the period, and the states of its files."""
        [audited] = self.audit(periods=[self.source.cadence.parse(KEY)])
        return audited.state, {file.name: file.state for file in audited.files}


@pytest.fixture
def acme(
    account: Account,
    stand_in_environment: dict[str, str],
    stand_in: Settings,
    namespace: str,
    vendor: VendorServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Acme:
    folder, table = tmp_path / "sources", f"acme_{namespace}.person"
    folder.mkdir()
    (folder / "acme.sql").write_text(SQL.format(table=table))
    monkeypatch.setattr(declarations, "SOURCES_FOLDER", folder)
    monkeypatch.setattr(contract_of, "__defaults__", (folder,))
    landing_uri = landing_uri_of(stand_in, namespace)
    for name, value in (stand_in_environment | {"GV_LANDING_URI": landing_uri}).items():
        monkeypatch.setenv(name, value)
    connection = {
        "conn_type": "sftp",
        "host": "127.0.0.1",
        "port": vendor.port,
        "login": "vendor",
        "password": "not used",
        "extra": {"host_key": vendor.key.export_public_key().decode().strip()},
    }
    monkeypatch.setenv("AIRFLOW_CONN_SFTP_ACME", json.dumps(connection))
    outgoing = vendor.root / "out"
    outgoing.mkdir()
    source = Acme(replace(account, landing_uri=landing_uri), folder, table, outgoing)
    source.declare()
    return source


def part(number: int, of: int = 2) -> str:
    return f"people_{KEY}_{number}of{of}.csv"


def test_a_delivery_from_before_it_comes_until_its_vendor_removes_it(acme: Acme, vendor: VendorServer) -> None:
    assert acme.states() == ("late", {})
    acme.put(part(1))
    acme.put("README.txt")
    assert acme.states() == ("late", {part(1): "not landed", "README.txt": "ignored"})
    acme.put(part(2), "P2,2001-02-03,not a number,x\n")
    acme.land(part(1))
    assert acme.states()[1] == {part(1): "landed, not loaded", part(2): "not landed", "README.txt": "ignored"}
    acme.load(part(1), part(2))
    files = {part(1): "loaded", part(2): "rejects only", "README.txt": "ignored"}
    assert acme.states() == ("complete", files)
    os.utime(acme.outgoing / part(1), (1, 1))  # the vendor puts up the same bytes again
    assert acme.states()[0] == "differs"
    acme.land(part(1))
    assert acme.states() == ("complete", files)
    (acme.outgoing / part(1)).unlink()
    assert acme.states() == ("complete", files | {part(1): "loaded, vendor has removed it"})
    vendor.hang_up()
    assert acme.states() == ("vendor unreachable", {part(1): "loaded", part(2): "rejects only"})


def test_a_late_part_a_restatement_an_undo_and_a_lost_receipt(acme: Acme) -> None:
    acme.put(part(1))
    acme.load(part(1))
    acme.put(part(2), "")
    assert acme.states() == ("differs", {part(1): "loaded", part(2): "not landed"})
    acme.load(part(2))
    assert acme.states() == ("complete", {part(1): "loaded", part(2): "empty"})
    acme.put(part(1), "P1,2001-02-03,22,x\n")
    [audited] = acme.audit(periods=[acme.source.cadence.parse(KEY)])
    assert [file.state for file in audited.files] == ["restated", "loaded", "empty"]
    assert audited.is_ready
    acme.load(part(1))
    [audited] = acme.audit(periods=[acme.source.cadence.parse(KEY)])
    assert (audited.state, sorted(file.state for file in audited.files)) == (
        "complete",
        ["empty", "loaded", "replaced"],
    )
    acme.undo(part(1))
    [audited] = acme.audit(periods=[acme.source.cadence.parse(KEY)])
    assert (audited.state, audited.counts()) == ("differs", "2 undone; 1 empty")
    acme.load(part(1))
    acme.forget(part(1))
    [audited] = acme.audit(periods=[acme.source.cadence.parse(KEY)])
    assert [file.name for file in audited.files if file.state == "unexplained"] == [part(1)]


def test_the_window_lists_the_vendor_s_folder_once_and_finds_what_no_period_was_loaded_for(acme: Acme) -> None:
    acme.put(part(1, of=1))
    lists = []
    with open_vendor(acme.account, acme.source) as vendor:
        assert vendor.origin is not None
        real = vendor.origin.list
        vendor.origin.list = lambda folder: lists.append(folder) or real(folder)  # type: ignore[method-assign,func-returns-value]
        audited = list(audit_source(acme.account, acme.source, vendor, now=NOW))
    assert lists == ["/out"]
    assert len(audited) == 14
    assert {each.period: each.counts() for each in audited if each.files} == {KEY: "1 not landed"}


def test_a_folder_that_does_not_exist_is_listed_once_too(acme: Acme) -> None:
    with open_vendor(acme.account, acme.source) as vendor:
        once = ListedOnce(Vendor(origin=vendor.origin).origin)  # type: ignore[arg-type]
        for _ in range(2):
            with pytest.raises(GrowthVerticalsError, match="there is no folder /none"):
                once.list("/none")


def test_an_inbox_shows_the_files_that_no_run_took(acme: Acme) -> None:
    acme.declare('Inbox(pattern="*.csv")', "OnDemand()")
    bucket, prefix = split_s3_uri(acme.account.inbox_prefix("acme"))
    s3 = acme.account.client("s3")
    for name in ("taken.csv", "left.csv"):
        s3.put_object(Bucket=bucket, Key=f"{prefix}/{name}", Body=(HEADER + "P1,,,\n").encode())
    period = acme.source.cadence.parse(KEY)
    [taken] = [file for file in list_inbox(acme.account, acme.source) if file.name == "taken.csv"]
    landed = steps.land(acme.account, S3Origin(s3, bucket), acme.source, period, taken)
    steps.commit(
        acme.account, acme.source, period, steps.stage(acme.account, acme.source, period, [landed]), is_whole=False
    )
    of_day, inbox = acme.audit()
    assert (of_day.period, of_day.state, of_day.counts()) == (KEY, "complete", "1 loaded")
    assert (inbox.period, [file.name for file in inbox.files]) == ("inbox", ["left.csv"])


def test_a_vendor_s_bucket_is_compared_by_version(acme: Acme, vendor_bucket: VendorBucket) -> None:
    acme.declare(f'S3(conn_id="s3_acme", bucket="{vendor_bucket.bucket}", prefix="{vendor_bucket.folder}{{period}}/", '
                 'pattern="*.csv")')  # fmt: skip
    os.environ["AIRFLOW_CONN_S3_ACME"] = json.dumps({"conn_type": "aws"})
    try:
        vendor_bucket.put(f"{KEY}/a.csv", (HEADER + "P1,,1,\n").encode())
        acme.load("a.csv")
        assert acme.states() == ("complete", {"a.csv": "loaded"})
        vendor_bucket.put(f"{KEY}/a.csv", (HEADER + "P1,,2,\n").encode())  # the same size
        [audited] = acme.audit(periods=[acme.source.cadence.parse(KEY)])
        assert [file.state for file in audited.files] == ["restated", "loaded"]
    finally:
        del os.environ["AIRFLOW_CONN_S3_ACME"]


def test_gv_audit_prints_what_differs_and_exits_with_2(acme: Acme, capsys: pytest.CaptureFixture[str]) -> None:
    acme.put(part(1))
    acme.load(part(1))
    acme.put(part(2))
    assert main(["audit", "acme", "--period", KEY]) == 2
    printed = capsys.readouterr().out
    assert "differs  1 loaded; 1 not landed" in printed
    assert f"{part(2)}  not landed" in printed
    assert "runs are not known here" in printed
    acme.load(part(2))
    assert main(["audit", "acme", "--period", KEY]) == 0


def test_gv_audit_prints_only_json_and_leaves_no_files(stand_in_environment: dict[str, str], tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
    environment |= stand_in_environment | {"GV_PYTHON": sys.executable, "HOME": str(tmp_path)}
    environment["GV_LANDING_URI"] += "/audit-json"
    command = [REPOSITORY / "gv", "audit", "healthwise_consumer", "--json"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    [newest] = json.loads(done.stdout)
    assert (newest["source"], newest["files"]) == ("healthwise_consumer", [])
    assert newest["found"].startswith("none; waiting for the marker")  # so the vendor was asked
    assert done.returncode == (2 if newest["state"] == "late" else 0)
    assert list(tmp_path.iterdir()) == []


def test_gv_audit_without_a_vendor_s_connection_says_that_it_was_not_asked(
    acme: Acme, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], vendor: VendorServer
) -> None:
    acme.put(part(1, of=1))
    acme.load(part(1, of=1))
    vendor.hang_up()
    assert main(["audit", "acme", "--period", KEY]) == 1
    assert "the SFTP server does not answer" in capsys.readouterr().out
    monkeypatch.delenv("AIRFLOW_CONN_SFTP_ACME")
    assert main(["audit", "acme", "--period", KEY]) == 0
    assert "the vendor was not asked" in capsys.readouterr().out
    assert main(["audit", "--period", KEY]) == 2
