"""Airflow's notifiers deliver the messages, whatever a vendor's file name contains."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from growth_verticals.alerting import Email, Slack, Sns
from growth_verticals.alerts.messages import Links, opening
from growth_verticals.hooks.notify import is_connected, notify
from growth_verticals.status.causes import Cause
from tests.integration.alerts.conftest import Mailbox, SlackServer

HOSTILE = (
    "{{ 7 * 7 }}<img src=x onerror=alert(1)><!channel> <https://evil.example|Approve>\r\nBcc: all@example.com\u202etxt"
)
VISIBLE = "{{ 7 * 7 }}<img src=x onerror=alert(1)><!channel> <https://evil.example|Approve> Bcc: all@example.com txt"
CAUSE = Cause(
    kind="refused",
    source="aiq_household",
    period="2026Q3",
    text=f"{HOSTILE}: 12 columns are missing",
    next_step="ask the vendor for a new file",
    counts={"rows_read": 1204, "rows_rejected": 12},
    since=datetime(2026, 10, 22, 13, 5, tzinfo=UTC),
    key="refused aiq_household 2026Q3",
)
PAGE = "https://airflow.example/plugin/deliveries/sources/aiq_household/2026Q3"
GUIDE = "https://docs.example/alerts.md#refused"
MESSAGE = opening(CAUSE, Links(airflow_url="https://airflow.example", docs_url="https://docs.example"))
SUBJECT = "[Growth Verticals] aiq_household 2026Q3: refused"


# --- e-mail -------------------------------------------------------------------------------------------------------


def test_an_email_goes_to_every_address_with_only_our_links_in_it(mailbox: Mailbox) -> None:
    notify(Email(to=("data@example.com", "ops@example.com")), MESSAGE)
    [(recipients, email)] = mailbox.received
    assert recipients == ["data@example.com", "ops@example.com"]
    assert (email["Subject"], email["From"], email["Bcc"]) == (SUBJECT, "alerts@example.com", None)
    body = email.get_body()
    assert body is not None
    html = body.get_content()
    assert html.count("<a href=") == 2
    assert f'<a href="{PAGE}">' in html
    assert f'<a href="{GUIDE}">' in html
    assert "<img" not in html
    assert "{{ 7 * 7 }}&lt;img src=x onerror=alert(1)&gt;" in html


def test_a_refused_recipient_is_an_error(mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse(*_: object) -> str:
        return "550 no such user"

    monkeypatch.setattr(mailbox, "handle_RCPT", refuse, raising=False)
    with pytest.raises(Exception, match="no such user"):
        notify(Email(to=("nobody@example.com",)), MESSAGE)
    assert mailbox.received == []


# --- Slack --------------------------------------------------------------------------------------------------------


def test_slack_gets_texts_that_it_does_not_parse_and_only_our_links(slack: SlackServer) -> None:
    notify(Slack(), MESSAGE)
    [posted] = slack.posted
    [block] = posted["blocks"]
    elements = block["elements"][0]["elements"]
    assert block["type"] == "rich_text"
    assert [element["url"] for element in elements if element["type"] == "link"] == [PAGE, GUIDE]
    assert "".join(element["text"] for element in elements if element["type"] == "text").splitlines() == [
        SUBJECT,
        f"{VISIBLE}: 12 columns are missing.",
        "1,204 rows read, 12 rows rejected.",
        "Since 2026-10-22 09:05 EDT.",
        "Next: ask the vendor for a new file.",
        "Delivery: ",
        "What to do: ",
    ]
    assert (posted["text"], posted["unfurl_links"]) == (SUBJECT, False)


def test_an_answer_of_slack_that_is_no_success_is_an_error(slack: SlackServer) -> None:
    slack.status = 404
    with pytest.raises(Exception, match="404"):
        notify(Slack(), MESSAGE)


# --- SNS ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def topic(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Sns, Any, str]]:
    """A topic in moto's SNS, and an SQS queue that subscribes to it."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    keys = {"aws_access_key_id": "made", "aws_secret_access_key": "up", "region_name": "us-west-2"}
    sns, sqs = (boto3.client(service, endpoint_url=url, **keys) for service in ("sns", "sqs"))
    arn = sns.create_topic(Name="data-team")["TopicArn"]
    queue = sqs.create_queue(QueueName="inbox")["QueueUrl"]
    sns.subscribe(TopicArn=arn, Protocol="sqs", Endpoint="arn:aws:sqs:us-west-2:123456789012:inbox")
    connection = {"conn_type": "aws", "login": "made", "password": "up", "extra": {"endpoint_url": url}}
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps(connection))
    yield Sns(topic_arn=arn), sqs, queue
    server.stop()


def test_a_topic_gets_the_message_as_plain_text(topic: tuple[Sns, Any, str]) -> None:
    channel, sqs, queue = topic
    notify(channel, MESSAGE)
    [received] = sqs.receive_message(QueueUrl=queue)["Messages"]
    envelope = json.loads(received["Body"])
    assert (envelope["Subject"], envelope["TopicArn"]) == (SUBJECT, channel.topic_arn)
    assert envelope["Message"].splitlines() == [
        SUBJECT,
        "",
        f"{VISIBLE}: 12 columns are missing.",
        "1,204 rows read, 12 rows rejected.",
        "Since 2026-10-22 09:05 EDT.",
        "Next: ask the vendor for a new file.",
        "",
        f"Delivery: {PAGE}",
        f"What to do: {GUIDE}",
    ]


def test_a_topic_that_is_not_there_is_an_error(topic: tuple[Sns, Any, str]) -> None:
    with pytest.raises(Exception, match="NotFound"):
        notify(Sns(topic_arn="arn:aws:sns:us-west-2:123456789012:no-such-topic"), MESSAGE)


# --- connections --------------------------------------------------------------------------------------------------


def test_email_and_slack_need_their_connection_and_sns_can_use_the_worker_s_role(slack: SlackServer) -> None:
    assert is_connected(Slack())
    assert not is_connected(Slack(conn_id="slack_other"))
    assert not is_connected(Email(to=("data@example.com",)))
    assert is_connected(Sns(topic_arn="arn:aws:sns:us-west-2:123456789012:data-team"))
