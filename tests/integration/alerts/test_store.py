"""The open alerts are one object in the landing zone, which two runs cannot both change."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from growth_verticals.account import Account
from growth_verticals.alerts.open_alerts import OpenAlert
from growth_verticals.alerts.store import AlertStore
from growth_verticals.errors import ConfigurationError, ServiceError
from growth_verticals.landing.uris import split_s3_uri
from growth_verticals.status.causes import Cause

ALERT = OpenAlert(
    cause=Cause(
        kind="refused",
        source="aiq_household",
        period="2026Q3",
        text="a\u2028b.txt: 12 columns are missing",
        counts={"rows_read": 2**53 + 1},
        since=datetime(2026, 10, 22, 13, 5, tzinfo=UTC),
        key="refused aiq_household 2026Q3",
    ),
    owed=("slack (slack_alerts)",),
    told=("email data@example.com (smtp_alerts)",),
)
ALERTS = {ALERT.cause.key: ALERT}


def test_what_is_written_is_read_again(account: Account) -> None:
    store = AlertStore(account)
    assert store.uri == f"{account.landing_uri}/alerts/open.json"
    assert store.read() == {}
    store.write(ALERTS)
    assert AlertStore(account).read() == ALERTS
    store.write({})
    assert AlertStore(account).read() == {}


def test_a_run_that_does_not_know_what_another_has_sent_cannot_write(account: Account) -> None:
    first, second, third = AlertStore(account), AlertStore(account), AlertStore(account)
    assert first.read() == second.read() == {}
    first.write(ALERTS)
    with pytest.raises(ServiceError, match=r"another run has changed the open alerts"):
        second.write({})
    third.read()
    first.write({})
    with pytest.raises(ServiceError, match=r"alerts/open\.json: another run has changed the open alerts"):
        third.write(ALERTS)
    assert AlertStore(account).read() == {}


@pytest.mark.parametrize("content", [b"", b"[]", b'{"format": 2, "alerts": []}', b'{"format": 1, "alerts": [{}]}'])
def test_an_object_that_is_no_list_of_alerts_is_not_taken_for_an_empty_one(account: Account, content: bytes) -> None:
    store = AlertStore(account)
    bucket, key = split_s3_uri(store.uri)
    account.client("s3").put_object(Bucket=bucket, Key=key, Body=content)
    with pytest.raises(ConfigurationError, match=r"open\.json: this is not a list of open alerts. Next: restore"):
        store.read()


def test_a_refused_read_is_not_taken_for_no_alerts(account: Account) -> None:
    with pytest.raises(ConfigurationError, match="was refused"):
        AlertStore(replace(account, landing_uri="s3://another-bucket")).read()
