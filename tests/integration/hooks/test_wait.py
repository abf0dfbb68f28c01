"""The wait for a delivery, against a vendor's SFTP server that refuses, vanishes and comes back."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from growth_verticals.declarations import find_source
from growth_verticals.errors import ConfigurationError, DeliveryLateError, HostKeyChangedError
from growth_verticals.sensors import triggers
from growth_verticals.sensors.delivery import AwaitDelivery
from growth_verticals.sensors.triggers import DeliveryTrigger
from tests.integration.landing.conftest import VendorServer

SOURCE = find_source("aiq_household")
REAL_POLL = triggers.poll
FILE = "AIQ_HH_2026Q3_part1of1.txt.gz"


@pytest.fixture
def vendor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[VendorServer]:
    (tmp_path / "vendor/outgoing").mkdir(parents=True)
    with VendorServer(tmp_path / "vendor") as server:
        pin(monkeypatch, server, server.key)
        monkeypatch.setattr(triggers, "account_from_connection", lambda: None)
        yield server


def pin(monkeypatch: pytest.MonkeyPatch, server: VendorServer, key: asyncssh.SSHKey) -> None:
    extra = {"host_key": key.export_public_key().decode().strip()}
    connection = {
        "conn_type": "sftp",
        "host": "127.0.0.1",
        "port": server.port,
        "login": "vendor",
        "password": "not used",
        "extra": extra,
    }
    monkeypatch.setenv("AIRFLOW_CONN_SFTP_AIQ", json.dumps(connection))


def wait(monkeypatch: pytest.MonkeyPatch, *before_each_poll: Callable[[], object]) -> dict[str, Any]:
    """Run the trigger with real polls until it fires. Each function is called before one poll; the last one is late."""
    remaining = list(before_each_poll)
    trigger = DeliveryTrigger(source=SOURCE.name, period="2026Q3", seen=[], late_at=time.time() + 60, interval_s=0.0)

    def next_poll(*arguments: Any) -> Any:
        remaining.pop(0)()
        if not remaining:
            trigger.late_at = 0.0
        return REAL_POLL(*arguments)

    monkeypatch.setattr(triggers, "poll", next_poll)

    async def run() -> dict[str, Any]:
        [event] = [dict(event.payload) async for event in trigger.run()]
        return event

    return json.loads(json.dumps(asyncio.run(run())))  # type: ignore[no-any-return]


def test_a_server_that_vanishes_and_comes_back_does_not_end_the_wait(
    vendor: VendorServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    outgoing = vendor.root / "outgoing"

    def drop_sessions() -> None:
        vendor.listen()
        vendor.drops_sessions = True

    def remove_the_folder() -> None:
        vendor.drops_sessions = False
        outgoing.rmdir()

    def deliver() -> None:
        outgoing.mkdir()
        (outgoing / FILE).write_bytes(b"abc")

    event = wait(monkeypatch, vendor.hang_up, drop_sessions, remove_the_folder, deliver, lambda: None)
    assert event["complete"]
    assert [file["name"] for file in event["files"]] == [FILE]


def test_the_parts_of_a_delivery_are_awaited_by_name(vendor: VendorServer, monkeypatch: pytest.MonkeyPatch) -> None:
    def put(*parts: int, suffix: str = "") -> None:
        for part in parts:
            (vendor.root / f"outgoing/AIQ_HH_2026Q3_part{part}of8.txt.gz{suffix}").write_bytes(b"abc")

    def finish() -> None:
        put(4)
        (vendor.root / "outgoing/AIQ_HH_2026Q3_part4of8.txt.gz.part").unlink()

    late = wait(monkeypatch, lambda: put(8, 1, 2, 7, 6), lambda: put(3, 5), lambda: put(4, suffix=".part"))
    assert not late["complete"]
    assert late["found"] == "7 file(s), 21 bytes; 7 of 8 arrived; missing: part 4"
    with pytest.raises(DeliveryLateError, match=r"7 of 8 arrived; missing: part 4\. Next: ask the vendor"):
        AwaitDelivery(task_id="await", source=SOURCE).resume(context(), late)
    event = wait(monkeypatch, finish, lambda: None, lambda: None)
    assert event["complete"]
    assert [file["name"] for file in event["files"]] == [f"AIQ_HH_2026Q3_part{n}of8.txt.gz" for n in range(1, 9)]


@pytest.mark.parametrize("fault", ["refuses_logins", "host_key"])
def test_a_refused_login_or_a_changed_host_key_fails_the_task_at_once(
    vendor: VendorServer, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    def change() -> None:
        if fault == "host_key":
            pin(monkeypatch, vendor, asyncssh.generate_private_key("ssh-ed25519"))
        vendor.refuses_logins = fault == "refuses_logins"

    event = wait(monkeypatch, lambda: None, change, lambda: None)
    message = {
        "refuses_logins": r"aiq_household: the server refuses our login \(connection 'sftp_aiq'\)\. Next: check",
        "host_key": r"the server's host key is not the pinned one \(connection 'sftp_aiq'\)\. Next: before you change",
    }
    with pytest.raises(ConfigurationError, match=message[fault]) as raised:
        AwaitDelivery(task_id="await", source=SOURCE).resume(context(), event)
    assert isinstance(raised.value, HostKeyChangedError) == (fault == "host_key")


def test_a_late_delivery_says_why_the_last_poll_failed(vendor: VendorServer, monkeypatch: pytest.MonkeyPatch) -> None:
    event = wait(monkeypatch, lambda: None, (vendor.root / "outgoing").rmdir)
    assert event["failure"] == "there is no folder /outgoing on the SFTP server of sftp_aiq"
    vendor.hang_up()
    assert wait(monkeypatch, lambda: None) == {
        "files": [],
        "complete": False,
        "failure": "the SFTP server does not answer (connection 'sftp_aiq')",
    }


def context() -> Any:
    from types import SimpleNamespace

    return {"dag_run": SimpleNamespace(partition_key="2026Q3", conf=None), "params": {}}
