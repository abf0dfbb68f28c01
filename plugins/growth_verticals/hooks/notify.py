"""Sends a message over one of Airflow's notifiers: SMTP, Slack or Amazon SNS.

The notifiers' `notify` is called directly. Calling the notifier itself would render the message as a Jinja template,
and what a message quotes, such as a file's name, comes from vendors.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from growth_verticals.alerting import Email, Slack, Sns
from growth_verticals.hooks.account import find_connection

if TYPE_CHECKING:
    from growth_verticals.alerting import Channel
    from growth_verticals.alerts.messages import Message


def is_connected(channel: Channel) -> bool:
    """Whether the channel's connection exists. SNS needs none: without it, the worker's own role is used."""
    return isinstance(channel, Sns) or find_connection(channel.conn_id) is not None


def notify(channel: Channel, message: Message) -> None:
    """Send the message. Raises whatever the channel's client raises if it was not accepted."""
    match channel:
        case Email():
            _send_email(channel, message)
        case Slack():
            _send_to_slack(channel, message)
        case Sns():
            _publish(channel, message)


def _send_email(channel: Email, message: Message) -> None:
    from airflow.providers.smtp.notifications.smtp import SmtpNotifier

    SmtpNotifier(
        smtp_conn_id=channel.conn_id, to=channel.to, subject=message.subject, html_content=message.html
    ).notify({})


def _send_to_slack(channel: Slack, message: Message) -> None:
    from airflow.providers.slack.notifications.slack_webhook import SlackWebhookNotifier

    SlackWebhookNotifier(
        slack_webhook_conn_id=channel.conn_id,
        text=message.slack_text,
        blocks=message.slack_blocks,
        unfurl_links=False,
        unfurl_media=False,
    ).notify({})


def _publish(channel: Sns, message: Message) -> None:
    from airflow.providers.amazon.aws.notifications.sns import SnsNotifier

    SnsNotifier(
        aws_conn_id=channel.conn_id if find_connection(channel.conn_id) else None,
        region_name=channel.region,
        target_arn=channel.topic_arn,
        subject=message.subject.encode("ascii", "replace").decode(),
        message=message.text,
    ).notify({})
