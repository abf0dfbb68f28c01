"""Who is alerted is declared once, and by source where it differs. An invalid declaration is refused."""

from __future__ import annotations

from typing import Any

import pytest

from growth_verticals.alerting import KINDS, AlertRules, Alerts, Email, Slack, Sns, for_source
from growth_verticals.errors import DeclarationError

EMAIL = Email(to=("data@example.com",))


def test_a_source_has_what_is_declared_for_all_but_for_what_it_declares_itself():
    declared = Alerts(send=(Slack(),), due_soon_hours=48)
    assert for_source(declared) == AlertRules(send=(Slack(),), about=KINDS, due_soon_hours=48, rejects_over=0.005)
    assert for_source(declared, Alerts(send=(EMAIL,), rejects_over=0.0)) == AlertRules(
        send=(EMAIL,), due_soon_hours=48, rejects_over=0.0
    )
    assert for_source(declared, Alerts(send=(), about=("refused",))) == AlertRules(
        about=("refused",), due_soon_hours=48
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"send": Slack()}, "send must be a tuple"),
        ({"send": ("data@example.com",)}, "send must be a tuple"),
        ({"about": "refused"}, "about must be a tuple of kinds; expected due_soon, late_vendor, "),
        ({"about": ("late",)}, "about must be a tuple of kinds"),
        ({"due_soon_hours": 0}, "due_soon_hours is out of range; expected 1 or more"),
        ({"rejects_over": 1.1}, "rejects_over must be a share; expected 0 to 1"),
    ],
)
def test_alerts_with_an_invalid_argument_are_refused(arguments: dict[str, Any], message: str):
    with pytest.raises(DeclarationError, match=message):
        Alerts(**arguments)


@pytest.mark.parametrize(
    "to", [(), "data@example.com", ("data",), ("data@example.com, ops@example.com",), ("a@example.com\nBcc: b@c.com",)]
)
def test_what_is_no_tuple_of_addresses_is_refused(to: Any):
    with pytest.raises(DeclarationError, match="to must be a tuple of e-mail addresses"):
        Email(to=to)


@pytest.mark.parametrize(
    "arn", ["data-team", "arn:aws:sqs:us-east-1:123456789012:x", "arn:aws:sns:us-east-1:123456789012:x.fifo"]
)
def test_what_is_no_standard_topic_is_refused(arn: str):
    with pytest.raises(DeclarationError, match="not the ARN of a standard SNS topic"):
        Sns(topic_arn=arn)
