"""How people are alerted: who, how, and about what. Declared once, and by source where it differs.

    dags/operations/alerts.py       alerts_dag(Alerts(send=(Slack(), Email(to=("data@example.com",)))), doc=__doc__)
    dags/sources/<source>.py        Source(..., alerts=Alerts(due_soon_hours=72))

`declarations.read_alerts()` returns the first one, and `for_source` what holds for a source.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Literal, get_args

from growth_verticals.errors import DeclarationError

#: What an alert can be about. docs/alerts.md has a section for each.
Kind = Literal[
    "due_soon",
    "late_vendor",
    "late_pipeline",
    "refused",
    "needs_approval",
    "restated",
    "rejects_over",
    "gap",
    "maintenance_failed",
    "host_key_changed",
]
KINDS: tuple[Kind, ...] = get_args(Kind)

_ADDRESS = re.compile(r"[^\s@,;<>()\[\]\"\\]+@[^\s@,;<>()\[\]\"\\]+")
_TOPIC = re.compile(r"arn:aws[a-z-]*:sns:[a-z0-9-]+:\d{12}:[A-Za-z0-9_-]{1,256}")


@dataclass(frozen=True, kw_only=True)
class Email:
    """Send an e-mail to each address.

    :param conn_id: Airflow connection of type SMTP. Its extra `from_email` is the sender.
    """

    to: tuple[str, ...]
    conn_id: str = "smtp_alerts"

    def __post_init__(self) -> None:
        if not isinstance(self.to, tuple) or not self.to or not all(_ADDRESS.fullmatch(address) for address in self.to):
            raise DeclarationError("to must be a tuple of e-mail addresses", expected='to=("data@example.com",)')

    @property
    def id(self) -> str:
        return f"email {', '.join(self.to)} ({self.conn_id})"


@dataclass(frozen=True, kw_only=True)
class Slack:
    """Send a message to the Slack channel of an incoming webhook.

    :param conn_id: Airflow connection of type Slack Incoming Webhook. Its password is the webhook's URL.
    """

    conn_id: str = "slack_alerts"

    @property
    def id(self) -> str:
        return f"slack ({self.conn_id})"


@dataclass(frozen=True, kw_only=True)
class Sns:
    """Publish a message to an Amazon SNS topic. FIFO topics are not supported.

    :param conn_id: Airflow connection of type Amazon Web Services. Without it, the worker's own role is used.
    """

    topic_arn: str
    conn_id: str = "aws_default"

    def __post_init__(self) -> None:
        if not _TOPIC.fullmatch(self.topic_arn):
            raise DeclarationError(
                "topic_arn is not the ARN of a standard SNS topic", expected="arn:aws:sns:<region>:<account>:<name>"
            )

    @property
    def id(self) -> str:
        return f"sns {self.topic_arn}"

    @property
    def region(self) -> str:
        return self.topic_arn.split(":")[3]


Channel = Email | Slack | Sns


@dataclass(frozen=True, kw_only=True)
class Alerts:
    """Who is alerted, how, and about what. None: as it is declared once for all sources, or else the default.

    :param send: where messages go: `Email`, `Slack`, `Sns`. Empty (the default): to the task's log.
    :param about: the kinds of causes to send. Default: all.
    :param due_soon_hours: how long before it is due a delivery that has not arrived is `due_soon`. Default: 24.
    :param rejects_over: share of records (0 to 1). A delivery that was loaded with a larger share of rejects is
        `rejects_over`. Default: 0.005.
    """

    send: tuple[Channel, ...] | None = None
    about: tuple[Kind, ...] | None = None
    due_soon_hours: int | None = None
    rejects_over: float | None = None

    def __post_init__(self) -> None:
        if self.send is not None and not _is_channels(self.send):
            raise DeclarationError("send must be a tuple of Email, Slack and Sns", expected="send=(Slack(),)")
        if self.about is not None and (not isinstance(self.about, tuple) or not set(self.about) <= set(KINDS)):
            raise DeclarationError("about must be a tuple of kinds", expected=", ".join(KINDS))
        if self.due_soon_hours is not None and self.due_soon_hours < 1:
            raise DeclarationError("due_soon_hours is out of range", expected="1 or more")
        if self.rejects_over is not None and not 0 <= self.rejects_over <= 1:
            raise DeclarationError("rejects_over must be a share", expected="0 to 1")


@dataclass(frozen=True, kw_only=True)
class AlertRules:
    """What holds for one source: `Alerts` without open values."""

    send: tuple[Channel, ...] = ()
    about: tuple[Kind, ...] = KINDS
    due_soon_hours: int = 24
    rejects_over: float = 0.005


def for_source(declared: Alerts, own: Alerts | None = None) -> AlertRules:
    """Return what holds for a source.

    :param declared: the declaration for all sources.
    :param own: the source's own (`Source.alerts`). What it leaves open is as declared for all.
    """
    rules = AlertRules()
    for alerts in (declared, own or Alerts()):
        given = {
            name: value for name in AlertRules.__dataclass_fields__ if (value := getattr(alerts, name)) is not None
        }
        rules = replace(rules, **given)
    return rules


def _is_channels(value: object) -> bool:
    return isinstance(value, tuple) and all(isinstance(channel, Email | Slack | Sns) for channel in value)
